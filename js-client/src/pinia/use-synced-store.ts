import { type Ref, getCurrentScope, ref } from 'vue'
import { activeClient } from './active.ts'
import { createBinding } from './binding.ts'
import type { ClientOption, RoomName } from './options.ts'
import { registerBinding } from './registry.ts'

export interface SyncedStoreOptions {
  room: RoomName
  /** Milliseconds without a change before changes are sent. Without it, as the client has it. */
  debounceMs?: number
}

/**
 * Shared refs, for setup stores and for components. They are in the room until the store or component is gone.
 * What they hold when setup is over is what a new room begins with.
 */
export function useSyncedStore(options: SyncedStoreOptions, { client = activeClient() }: ClientOption = {}) {
  const binding = client && createBinding(client, options)
  if (binding) {
    registerBinding(getCurrentScope(), binding)
    // The plugin starts those of stores, once Pinia has hydrated the state. All others start when setup is over.
    queueMicrotask(() => binding.start())
  }
  return {
    /** A ref that is shared as the document `key` of the room. */
    synced<T>(key: string, initial: T): Ref<T> {
      const state = ref(initial) as Ref<T>
      binding?.add(key, { holder: () => state, name: 'value' })
      return state
    },
    /** Resolves when the room has been loaded, so that the refs hold more than what they began with. */
    onSyncReady: binding?.ready ?? Promise.resolve()
  }
}
