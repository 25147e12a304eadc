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
 * Returns the Pinia plugin that shares stores with the option `sync`: `pinia.use(createPathsync({ url }))`. It creates a client,
 * or uses the given one; the composables use the same. Call it in browsers only: a server that renders pages shares nothing.
 */
export function createPathsync(options: ClientOptions | { client: Client } = {}): PathsyncPlugin {
  const client = 'client' in options ? options.client : createClient(options)
  setActiveClient(client)

  const plugin = (context: PiniaPluginContext) => {
    const { store, pinia, app, options } = context
    const { sync } = options
    // A temporary store, from which hot module replacement takes the new definition.
    if (store.$id.startsWith('__hot:')) return
    const bindings = bindingsInScope(getCurrentScope())
    const former = formerBindings(store)
    // Pinia keeps the state of a disposed store. It belongs to the room of that store.
    if (former.length) for (const binding of [...former, ...bindings]) binding.reset()
    if (sync) bindings.push(bind(store, sync))
    afterPlugins(plugin, context, () => {
      for (const binding of bindings) binding.start(app, store.$id)
    })
    connectStore(store, bindings)
    // The setup of a store may create another store, whose plugins run first.
    queueMicrotask(() => warnOfEarlyStores(pinia))
  }

  function bind(store: PiniaPluginContext['store'], sync: SyncOptions): Binding {
    const binding = createBinding(client, sync)
    const holder = () => store.$state
    if (!sync.include) binding.add('default', { holder })
    for (const name of new Set(sync.include)) {
      if (name in store.$state) binding.add(name, { holder, name })
      else console.warn(`[pathsync] Store "${store.$id}" has "${name}" in \`sync.include\`, but no such state`)
    }
    return binding
  }

  return Object.assign(plugin, { client })
}
