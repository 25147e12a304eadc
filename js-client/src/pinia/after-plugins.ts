// Detects when all plugins of a store have run. State that they restore, such as from a cache, is part of the initial state. It
// is not an edit of the user, and must not replace the state of a room.
import type { PiniaPluginContext } from 'pinia'

type Plugin = (context: PiniaPluginContext) => unknown

/**
 * Calls a function when the last plugin has run for the store of a context; at once if `self` is the last. Pinia has no hook
 * for that, so the last plugin is wrapped until then.
 */
export function afterPlugins(self: Plugin, { pinia, store }: PiniaPluginContext, call: () => void): void {
  const plugins: Plugin[] = (pinia as { _p?: Plugin[] })._p ?? []
  const index = plugins.length - 1
  const last = plugins[index]
  if (!last || last === self) return call()
  plugins[index] = (context) => {
    // A plugin may create another store, and all plugins run for that store first.
    if (context.store !== store) return last(context)
    plugins[index] = last
    try {
      return last(context)
    } finally {
      call()
    }
  }
}
