import { type ComputedRef, computed } from 'vue'
import type { ConnectionStatus, RoomStatus } from '../types.ts'
import { bindingsOf } from './registry.ts'

/** The state of a store's connection and of its changes. */
export interface SyncStatus {
  /** How changes come. Outside of a room, and on a server that renders pages, `offline`. */
  readonly status: ConnectionStatus
  /** The server is heard, and nothing of what it has said is missing: `status` is `online` or `polling`. */
  readonly connected: boolean
  /** The room has been loaded: what is shown is more than initial state. */
  readonly syncing: boolean
  /** The user may not write in the room: changes would be refused, and set aside. */
  readonly readOnly: boolean
  /** Operations in the room that the server has not confirmed yet. */
  readonly pendingChanges: number
  /** Operations in the room that do not get through, and wait for the application's decision. */
  readonly rejectedChanges: number
  /** When the server was last known to have nothing newer. */
  readonly lastSyncedAt: Date | null
  /** The code of what is wrong, as in `onError`; null when all is well. */
  readonly code: string | null
  /** The same as a sentence. */
  readonly error: string | null
}

/** From the worst to the best. */
const ORDER: readonly ConnectionStatus[] = ['offline', 'connecting', 'polling', 'online']

/** The status of a store. Of one with documents in several rooms, the worst wins. */
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
