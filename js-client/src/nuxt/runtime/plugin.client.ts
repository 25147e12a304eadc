// Creates the client, in the browser only. On the server there is no client, and the composables do nothing.
import { defineNuxtPlugin } from '#app'
import { createPathsync } from '../../pinia/index.ts'
import type { ClientOptions } from '../../types.ts'

export default defineNuxtPlugin({
  name: 'pathsync',
  dependsOn: ['pinia'],
  async setup(nuxtApp) {
    const options: ClientOptions = { ...nuxtApp.$config.public.pathsync }
    await nuxtApp.hooks.callHook('pathsync:options', options)
    const { token } = options
    // The function may use composables at any time.
    if (typeof token === 'function') options.token = async () => nuxtApp.runWithContext(token)

    const plugin = createPathsync(options)
    nuxtApp.$pinia.use(plugin)

    // Hydration first: a state of a room that arrived earlier would differ from the rendered page.
    if (nuxtApp.isHydrating) {
      plugin.client.disconnect()
      nuxtApp.hooks.hookOnce('app:suspense:resolve', () => plugin.client.connect())
    }
    return { provide: { pathsync: plugin.client } }
  }
})
