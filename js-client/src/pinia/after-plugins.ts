// When all plugins of a store have run. What they put into its state, such as a cache that is restored, is what the store begins
// with. It is no edit of the user's, and must not replace what a room holds.
import type { PiniaPluginContext } from 'pinia'

type Plugin = (context: PiniaPluginContext) => unknown

/**
 * Calls a function when the last plugin has run for the store of a context; at once, if `self` is the last. Pinia has no hook
 * for that: the last plugin is wrapped until then.
 */
export function afterPlugins(self: Plugin, { pinia, store }: PiniaPluginContext, call: () => void): void {
  const plugins: Plugin[] = (pinia as { _p?: Plugin[] })._p ?? []
  const index = plugins.length - 1
  const last = plugins[index]
  if (!last || last === self) return call()
  plugins[index] = (context) => {
    // It may make another store, for which all plugins run in between.
    if (context.store !== store) return last(context)
    plugins[index] = last
    try {
      return last(context)
    } finally {
      call()
    }
  }
}
