// Makes the client, in the browser only. Where pages are rendered there is none, and the composables stay empty.
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
    // It may use composables, whenever it is asked.
    if (typeof token === 'function') options.token = async () => nuxtApp.runWithContext(token)

    const plugin = createPathsync(options)
    nuxtApp.$pinia.use(plugin)

    // What the server has rendered is hydrated first: the two would differ if the state of a room came in between.
    if (nuxtApp.isHydrating) {
      plugin.client.disconnect()
      nuxtApp.hooks.hookOnce('app:suspense:resolve', () => plugin.client.connect())
    }
    return { provide: { pathsync: plugin.client } }
  }
})
