import { type ComputedRef, computed } from 'vue'
import type { RoomStatus } from '../types.ts'
import { bindingsOf } from './registry.ts'

/** How it is with a store and its room. */
export interface SyncStatus {
  /** The server is heard, and nothing of what it has said is missing. */
  readonly connected: boolean
  /** The room has been loaded: what is shown is more than initial state. */
  readonly syncing: boolean
  /** Operations in the room that the server has not confirmed yet. */
  readonly pendingChanges: number
  /** Operations in the room that do not get through, and wait for the application's decision. */
  readonly rejectedChanges: number
  /** When the server was last known to have nothing newer. */
  readonly lastSyncedAt: Date | null
  /** What is wrong; null when all is well. */
  readonly error: string | null
}

/** How it is with a store. One with documents in several rooms is as well as the worst of them. */
export function useSyncStatus(store: { $id: string }): ComputedRef<SyncStatus> {
  const bindings = bindingsOf(store, 'useSyncStatus')
  return computed(() => {
    const rooms = [...new Set(bindings.map(({ status }) => status.value))]
    const all = (is: (status: RoomStatus) => boolean) => rooms.length > 0 && rooms.every((status) => status && is(status))
    const oldest = Math.min(...rooms.map((status) => status?.lastSyncedAt?.getTime() ?? NaN))
    const errors = [...rooms.map((status) => status?.error), ...bindings.map(({ problem }) => problem.value)]
    return {
      connected: all(({ connected }) => connected),
      syncing: all(({ loaded }) => loaded),
      pendingChanges: rooms.reduce((sum, status) => sum + (status?.pendingChanges ?? 0), 0),
      rejectedChanges: rooms.reduce((sum, status) => sum + (status?.rejectedChanges ?? 0), 0),
      lastSyncedAt: Number.isFinite(oldest) ? new Date(oldest) : null,
      error: errors.find(Boolean) ?? null
    }
  })
}
