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
  /** Changes are sent after this many milliseconds without another change. Default: that of the client. */
  debounceMs?: number
}

/**
 * Creates shared refs, for setup stores and components. They are shared until the store or component is disposed. Their values at
 * the end of setup seed a new room. If a browser has no client yet, they are shared once one is created, and their values at
 * that time seed a new room.
 */
export function useSyncedStore(options: SyncedStoreOptions, { client = activeClient() }: ClientOption = {}) {
  const scope = getCurrentScope()
  const app = currentApp()
  const places: (Place & { key: string; state: Ref })[] = []
  let binding: Binding | undefined
  let loaded = () => {}
  let onSyncReady = Promise.resolve()

  function add(binding: Binding, { key, state, ...place }: (typeof places)[number]) {
    binding.add(key, place)
    registerRef(state, binding)
  }

  function connect(client: Client) {
    const made = scope ? scope.run(() => createBinding(client, options)) : createBinding(client, options)
    if (!made) return
    binding = made
    registerBinding(scope, made)
    for (const place of places) add(made, place)
    void made.ready.then(loaded)
    // The plugin starts the bindings of stores, after Pinia has hydrated the state. Others start after setup.
    queueMicrotask(() => made.start(app))
  }

  if (client || globalThis.document) onSyncReady = new Promise((resolve) => (loaded = resolve))
  if (client) connect(client)
  else {
    const stop = whenActive(connect)
    if (scope) onScopeDispose(stop)
  }

  return {
    /** Returns a ref that is shared as the document `key` of the room. */
    synced<T>(key: string, initial: T): Ref<T> {
      const state = ref(initial) as Ref<T>
      const place = { key, state, holder: () => state, name: 'value' }
      if (binding) add(binding, place)
      else places.push(place)
      return state
    },
    /** Resolves when the room has loaded; at once on a server that renders pages. */
    onSyncReady
  }
}
