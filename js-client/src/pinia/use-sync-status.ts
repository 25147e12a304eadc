import { type ComputedRef, computed } from 'vue'
import type { ConnectionStatus, RoomStatus } from '../types.ts'
import { bindingsOf } from './registry.ts'

/** The status of a store: its connection and its changes. */
export interface SyncStatus {
  /** The status of the connection. `offline` outside of a room and on a server that renders pages. */
  readonly status: ConnectionStatus
  /** The client has caught up with the server: `status` is `online` or `polling`. */
  readonly connected: boolean
  /** The room has loaded. Before that, the store shows its initial state. */
  readonly syncing: boolean
  /** The server does not allow this user to write in the room. It refuses changes, and they are set aside. */
  readonly readOnly: boolean
  /** The number of operations that the server has not confirmed. */
  readonly pendingChanges: number
  /** The number of operations that were refused and wait for a decision of the application. */
  readonly rejectedChanges: number
  /** When the server last reported the room as up to date. */
  readonly lastSyncedAt: Date | null
  /** The code of the current error, as in `onError`; null if there is none. */
  readonly code: string | null
  /** The current error as a sentence. */
  readonly error: string | null
}

/** From the worst to the best. */
const ORDER: readonly ConnectionStatus[] = ['offline', 'connecting', 'polling', 'online']

/** The status of a store. With several rooms, the worst status wins. */
export function useSyncStatus(store: { $id: string }): ComputedRef<SyncStatus> {
  const bindings = bindingsOf(store, 'useSyncStatus')
  return computed(() => {
    const rooms = [...new Set(bindings.map(({ status }) => status.value))]
    const all = (is: (status: RoomStatus) => boolean) => rooms.length > 0 && rooms.every((status) => status && is(status))
    const sum = (count: (status: RoomStatus) => number) => rooms.reduce((sum, status) => sum + (status ? count(status) : 0), 0)
    const oldest = Math.min(...rooms.map((status) => status?.lastSyncedAt?.getTime() ?? NaN))
    const room = rooms.find((status) => status?.error)
    const problem = bindings.map(({ problem }) => problem.value).find(Boolean)
    return {
      status: ORDER.find((one) => rooms.some((status) => (status?.status ?? 'offline') === one)) ?? 'offline',
      connected: all(({ connected }) => connected),
      syncing: all(({ loaded }) => loaded),
      readOnly: rooms.some((status) => status?.readOnly === true),
      pendingChanges: sum(({ pendingChanges }) => pendingChanges),
      rejectedChanges: sum(({ rejectedChanges }) => rejectedChanges),
      lastSyncedAt: Number.isFinite(oldest) ? new Date(oldest) : null,
      code: room?.code ?? problem?.code ?? null,
      error: room?.error ?? problem?.message ?? null
    }
  })
}
