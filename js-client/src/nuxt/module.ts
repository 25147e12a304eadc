// `pathsync/nuxt`: synced Pinia stores in Nuxt 3 and 4. It sets up what runs elsewhere: the plugin makes the client in the
// browser, the proxy is a route of the Nuxt server.
import {
  addImports,
  addPlugin,
  addServerHandler,
  addTypeTemplate,
  createResolver,
  defineNuxtModule,
  useLogger
} from '@nuxt/kit'
import type { NuxtModule } from '@nuxt/schema'
import type { ClientOptions } from '../types.ts'

/**
 * `pathsync` in nuxt.config: what can be written as JSON, and is known to every reader of the page. The rest,
 * such as a function for `token`, is for a listener to the application's hook `pathsync:options`.
 */
export interface ModuleOptions
  extends Pick<
    ClientOptions,
    'url' | 'displayName' | 'transport' | 'debounceMs' | 'maxWaitMs' | 'heartbeatMs' | 'tabs' | 'oneStream'
  > {
  /** Keep documents and unsent changes in IndexedDB, so that a page that is opened again has them. */
  persist?: boolean
  /**
   * The server's address as the Nuxt server sees it, such as `http://127.0.0.1:8080`. The Nuxt server then passes requests
   * to `/v1/**` on, and browsers need no other origin. Needs a Nuxt server that is a Node process; its
   * `NUXT_PATHSYNC_PROXY` changes the address at run time.
   */
  proxy?: string
}

/** The options of nuxt-synced-pinia-store, as far as they are a client's. */
interface PredecessorOptions {
  sync?: { clientDebounceMs?: number }
}

const composables = [
  'useSyncedStore',
  'usePresence',
  'useFieldPresence',
  'useOwnPresence',
  'useSyncStatus',
  'useSyncHooks',
  'stripSyncIds'
]

const module: NuxtModule<ModuleOptions> = defineNuxtModule<ModuleOptions>({
  meta: { name: 'pathsync', configKey: 'pathsync', compatibility: { nuxt: '>=3.0.0' } },
  setup({ proxy, ...options }, nuxt) {
    const { resolve } = createResolver(import.meta.url)

    const predecessor = (nuxt.options as { syncedPiniaStore?: PredecessorOptions }).syncedPiniaStore
    if (predecessor) {
      options.debounceMs ??= predecessor.sync?.clientDebounceMs
      useLogger('pathsync').warn(
        '`syncedPiniaStore` in nuxt.config belongs to nuxt-synced-pinia-store. Of it only `sync.clientDebounceMs` is ' +
          'used; write `pathsync: { debounceMs }` instead. The database is now a matter of the pathsync server: ' +
          'see docs/migrating.md.'
      )
    }

    const { runtimeConfig, app, build, vite } = nuxt.options
    if (proxy) {
      options.url ||= app.baseURL.replace(/\/$/, '')
      runtimeConfig.pathsync = { proxy }
      addServerHandler({ route: '/v1/**', handler: resolve('./runtime/proxy') })
    }
    // An empty address is the page's own origin, and lets NUXT_PUBLIC_PATHSYNC_URL name another at run time.
    runtimeConfig.public.pathsync = { url: '', ...options }

    // The plugin and the composables have to find the same client: there must be one copy of them, in the application's
    // bundle and in development alike.
    build.transpile.push(resolve('..'))
    vite.optimizeDeps ??= {}
    ;(vite.optimizeDeps.exclude ??= []).push('pathsync', 'pathsync/pinia')

    // Appended: Pinia has to be there already, and no store yet.
    addPlugin(resolve('./runtime/plugin.client'), { append: true })
    addImports(composables.map((name) => ({ name, from: resolve('../pinia/index') })))
    addTypeTemplate({
      filename: 'types/pathsync.d.ts',
      getContents: () => `import type { ClientOptions } from 'pathsync'

declare module '#app' {
  interface RuntimeNuxtHooks {
    /** Before the client is made: what cannot be in nuxt.config. A plugin that listens needs \`enforce: 'pre'\`. */
    'pathsync:options': (options: ClientOptions) => void | Promise<void>
  }
}
`
    })
  }
})

export default module
