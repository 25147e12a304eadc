// `pathsync/nuxt`: synced Pinia stores in Nuxt 3 and 4. The module adds a plugin, which creates the client in the browser, and a
// route of the Nuxt server, the proxy.
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
 * `pathsync` in nuxt.config: the options that are JSON. Every reader of the page can see them. Listeners of the hook
 * `pathsync:options` set the others, such as a function for `token`.
 */
export interface ModuleOptions
  extends Pick<
    ClientOptions,
    'url' | 'displayName' | 'transport' | 'debounceMs' | 'maxWaitMs' | 'heartbeatMs' | 'tabs' | 'oneStream'
  > {
  /** Store documents and unsent changes in IndexedDB, so that a reopened page has them. */
  persist?: boolean
  /**
   * The address of the pathsync server for the Nuxt server, such as `http://127.0.0.1:8080`. The Nuxt server passes requests to
   * `/v1/**` to it, so browsers need no other origin. Requires a Node server; the environment variable `NUXT_PATHSYNC_PROXY`
   * changes the address at run time.
   */
  proxy?: string
}

/** The client options of nuxt-synced-pinia-store. */
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
        '`syncedPiniaStore` in nuxt.config belongs to nuxt-synced-pinia-store. Only its `sync.clientDebounceMs` is used; ' +
          'write `pathsync: { debounceMs }` instead. Configure the database in the pathsync server: ' +
          'see https://github.com/pathsync/pathsync/blob/main/docs/build/migrating.md.'
      )
    }

    const { runtimeConfig, app, build, vite } = nuxt.options
    if (proxy) {
      options.url ||= app.baseURL.replace(/\/$/, '')
      runtimeConfig.pathsync = { proxy }
      addServerHandler({ route: '/v1/**', handler: resolve('./runtime/proxy') })
    }
    // An empty address is the page's own origin. NUXT_PUBLIC_PATHSYNC_URL can replace it at run time.
    runtimeConfig.public.pathsync = { url: '', ...options }

    // The plugin and the composables must find the same client, so there must be one copy of them, in the application's
    // bundle and in development.
    build.transpile.push(resolve('..'))
    vite.optimizeDeps ??= {}
    ;(vite.optimizeDeps.exclude ??= []).push('pathsync', 'pathsync/pinia')

    // Appended: it must run after Pinia's plugin, and before any store is created.
    addPlugin(resolve('./runtime/plugin.client'), { append: true })
    addImports(composables.map((name) => ({ name, from: resolve('../pinia/index') })))
    addTypeTemplate({
      filename: 'types/pathsync.d.ts',
      getContents: () => `import type { ClientOptions } from 'pathsync'

declare module '#app' {
  interface RuntimeNuxtHooks {
    /** Called before the client is created. Sets options that cannot be in nuxt.config. A listening plugin needs \`enforce: 'pre'\`. */
    'pathsync:options': (options: ClientOptions) => void | Promise<void>
  }
}
`
    })
  }
})

export default module
