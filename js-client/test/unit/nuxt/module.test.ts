import { beforeEach, expect, test, vi } from 'vitest'
import type { ModuleOptions } from '../../../src/nuxt/module.ts'

const kit = vi.hoisted(() => ({
  addImports: vi.fn(),
  addPlugin: vi.fn(),
  addServerHandler: vi.fn(),
  addTypeTemplate: vi.fn(),
  warn: vi.fn()
}))
vi.mock('@nuxt/kit', () => ({
  ...kit,
  createResolver: () => ({ resolve: (path: string) => path }),
  defineNuxtModule: (definition: unknown) => definition,
  useLogger: () => ({ warn: kit.warn })
}))

interface Definition {
  setup(options: ModuleOptions, nuxt: unknown): void
}
const { setup } = (await import('../../../src/nuxt/module.ts')).default as unknown as Definition

/** Sets up the module. Returns the configuration for browsers, and that for the Nuxt server only. */
function install(options: ModuleOptions, rest: { baseURL?: string; syncedPiniaStore?: unknown } = {}) {
  const { baseURL = '/', ...config } = rest
  const runtimeConfig = { public: {} as { pathsync?: ModuleOptions }, pathsync: undefined as unknown }
  setup(options, { options: { runtimeConfig, app: { baseURL }, build: { transpile: [] }, vite: {}, ...config } })
  return { browser: runtimeConfig.public.pathsync, server: runtimeConfig.pathsync }
}

beforeEach(() => vi.clearAllMocks())

test('without options the server is the page’s origin, and the environment can set another', () => {
  expect(install({})).toEqual({ browser: { url: '' }, server: undefined })
  expect(kit.addServerHandler).not.toHaveBeenCalled()
})

test('options are passed to the browser', () => {
  expect(install({ url: 'https://sync.example.com', persist: true }).browser).toEqual({
    url: 'https://sync.example.com',
    persist: true
  })
})

test('a proxy adds a route, and browsers do not receive its address', () => {
  expect(install({ proxy: 'http://10.0.0.1:8080' })).toEqual({
    browser: { url: '' },
    server: { proxy: 'http://10.0.0.1:8080' }
  })
  expect(kit.addServerHandler).toHaveBeenCalledWith({ route: '/v1/**', handler: './runtime/proxy' })
})

test('with a base URL, the client uses it for the proxy', () => {
  expect(install({ proxy: 'http://10.0.0.1:8080' }, { baseURL: '/app/' }).browser).toEqual({ url: '/app' })
})

test('the plugin runs after Pinia’s', () => {
  install({})
  expect(kit.addPlugin).toHaveBeenCalledWith('./runtime/plugin.client', { append: true })
})

test('every composable is imported from the module that knows the client', () => {
  install({})
  const [imports] = kit.addImports.mock.lastCall as [{ name: string; from: string }[]]
  expect(imports.map(({ name }) => name).sort()).toEqual([
    'stripSyncIds',
    'useFieldPresence',
    'useOwnPresence',
    'usePresence',
    'useSyncHooks',
    'useSyncStatus',
    'useSyncedStore'
  ])
  expect(new Set(imports.map(({ from }) => from))).toEqual(new Set(['../pinia/index']))
})

test('the predecessor’s debounce is used unless `debounceMs` is set, with one warning', () => {
  const syncedPiniaStore = { database: { password: 'sa' }, sync: { clientDebounceMs: 250 } }
  expect(install({}, { syncedPiniaStore }).browser).toEqual({ url: '', debounceMs: 250 })
  expect(kit.warn).toHaveBeenCalledOnce()
  expect(install({ debounceMs: 100 }, { syncedPiniaStore }).browser).toEqual({ url: '', debounceMs: 100 })
})

test('without the predecessor’s options there is no warning', () => {
  install({})
  expect(kit.warn).not.toHaveBeenCalled()
})
