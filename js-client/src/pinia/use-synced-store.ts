import { type Ref, getCurrentScope, onScopeDispose, ref } from 'vue'
import type { Client } from '../types.ts'
import { activeClient, whenActive } from './active.ts'
import { type Binding, createBinding } from './binding.ts'
import { currentApp } from './follow.ts'
import type { Place } from './mirror.ts'
import type { ClientOption, RoomName } from './options.ts'
import { registerBinding, registerRef } from './registry.ts'

export interface SyncedStoreOptions {
  room: RoomName
  /** Milliseconds without a change before changes are sent. Without it, as the client has it. */
  debounceMs?: number
}

/**
 * Shared refs, for setup stores and for components. They are in the room until the store or component is gone.
 * What they hold when setup is over is what a new room begins with. In a browser where no client has been created yet, they are
 * shared from then on, and begin with what they hold then.
 */
export function useSyncedStore(options: SyncedStoreOptions, { client = activeClient() }: ClientOption = {}) {
  const scope = getCurrentScope()
  const app = currentApp()
  const places: (Place & { key: string; state: Ref })[] = []
  let binding: Binding | undefined
  let loaded = () => {}
  let onSyncReady = Promise.resolve()

  function add(made: Binding, { key, state, ...place }: (typeof places)[number]) {
    made.add(key, place)
    registerRef(state, made)
  }

  function connect(client: Client) {
    const made = scope ? scope.run(() => createBinding(client, options)) : createBinding(client, options)
    if (!made) return
    binding = made
    registerBinding(scope, made)
    for (const place of places) add(made, place)
    void made.ready.then(loaded)
    // The plugin starts those of stores, once Pinia has hydrated the state. All others start when setup is over.
    queueMicrotask(() => made.start(app))
  }

  if (client || globalThis.document) onSyncReady = new Promise((resolve) => (loaded = resolve))
  if (client) connect(client)
  else {
    const stop = whenActive(connect)
    if (scope) onScopeDispose(stop)
  }

  return {
    /** A ref that is shared as the document `key` of the room. */
    synced<T>(key: string, initial: T): Ref<T> {
      const state = ref(initial) as Ref<T>
      const place = { key, state, holder: () => state, name: 'value' }
      if (binding) add(binding, place)
      else places.push(place)
      return state
    },
    /** Resolves when the room has been loaded, so that the refs hold more than what they began with. At once on a server. */
    onSyncReady
  }
}
