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

/** Sets the module up. Returns what browsers, and what the Nuxt server alone, get of the configuration. */
function install(options: ModuleOptions, rest: { baseURL?: string; syncedPiniaStore?: unknown } = {}) {
  const { baseURL = '/', ...config } = rest
  const runtimeConfig = { public: {} as { pathsync?: ModuleOptions }, pathsync: undefined as unknown }
  setup(options, { options: { runtimeConfig, app: { baseURL }, build: { transpile: [] }, vite: {}, ...config } })
  return { browser: runtimeConfig.public.pathsync, server: runtimeConfig.pathsync }
}

beforeEach(() => vi.clearAllMocks())

test('without options the server is at the page’s own origin, and the environment may name another', () => {
  expect(install({})).toEqual({ browser: { url: '' }, server: undefined })
  expect(kit.addServerHandler).not.toHaveBeenCalled()
})

test('options go to the browser', () => {
  expect(install({ url: 'https://sync.example.com', persist: true }).browser).toEqual({
    url: 'https://sync.example.com',
    persist: true
  })
})

test('a proxy has a route, and its address is not told to browsers', () => {
  expect(install({ proxy: 'http://10.0.0.1:8080' })).toEqual({
    browser: { url: '' },
    server: { proxy: 'http://10.0.0.1:8080' }
  })
  expect(kit.addServerHandler).toHaveBeenCalledWith({ route: '/v1/**', handler: './runtime/proxy' })
})

test('below a base the proxy is too', () => {
  expect(install({ proxy: 'http://10.0.0.1:8080' }, { baseURL: '/app/' }).browser).toEqual({ url: '/app' })
})

test('the plugin comes after Pinia’s', () => {
  install({})
  expect(kit.addPlugin).toHaveBeenCalledWith('./runtime/plugin.client', { append: true })
})

test('every composable is imported from the one place where the client is known', () => {
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

test('the predecessor’s debounce is taken, unless there is one, and that is said once', () => {
  const syncedPiniaStore = { database: { password: 'sa' }, sync: { clientDebounceMs: 250 } }
  expect(install({}, { syncedPiniaStore }).browser).toEqual({ url: '', debounceMs: 250 })
  expect(kit.warn).toHaveBeenCalledOnce()
  expect(install({ debounceMs: 100 }, { syncedPiniaStore }).browser).toEqual({ url: '', debounceMs: 100 })
})

test('nothing is said to others', () => {
  install({})
  expect(kit.warn).not.toHaveBeenCalled()
})
