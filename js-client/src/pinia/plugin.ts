import type { PiniaPlugin, PiniaPluginContext } from 'pinia'
import { getCurrentScope } from 'vue'
import { createClient } from '../client/client.ts'
import type { Client, ClientOptions } from '../types.ts'
import { setActiveClient } from './active.ts'
import { afterPlugins } from './after-plugins.ts'
import { type Binding, createBinding } from './binding.ts'
import type { SyncOptions } from './options.ts'
import { bindingsInScope, connectStore, formerBindings, warnOfEarlyStores } from './registry.ts'

export type PathsyncPlugin = PiniaPlugin & { readonly client: Client }

/**
 * The Pinia plugin that shares the stores that have a `sync` option: `pinia.use(createPathsync({ url }))`. It makes a client,
 * or takes one; the composables use it too. To be created in browsers only: a server that renders pages shares nothing.
 */
export function createPathsync(options: ClientOptions | { client: Client } = {}): PathsyncPlugin {
  const client = 'client' in options ? options.client : createClient(options)
  setActiveClient(client)

  const plugin = (context: PiniaPluginContext) => {
    const { store, pinia, app, options } = context
    const { sync } = options
    // The short-lived store that hot module replacement takes new definitions from.
    if (store.$id.startsWith('__hot:')) return
    const bindings = bindingsInScope(getCurrentScope())
    const former = formerBindings(store)
    // What is left of a former store belongs to the room that it was in.
    if (former.length) for (const binding of [...former, ...bindings]) binding.reset()
    if (sync) bindings.push(bind(store, sync))
    afterPlugins(plugin, context, () => {
      for (const binding of bindings) binding.start(app, store.$id)
    })
    connectStore(store, bindings)
    // A store may be created by the setup of another one, which has the plugin later.
    queueMicrotask(() => warnOfEarlyStores(pinia))
  }

  function bind(store: PiniaPluginContext['store'], sync: SyncOptions): Binding {
    const binding = createBinding(client, sync)
    const holder = () => store.$state
    if (!sync.include) binding.add('default', { holder })
    for (const name of new Set(sync.include)) {
      if (name in store.$state) binding.add(name, { holder, name })
      else console.warn(`[pathsync] Store "${store.$id}" includes "${name}" in sync, but has no such state`)
    }
    return binding
  }

  return Object.assign(plugin, { client })
}
