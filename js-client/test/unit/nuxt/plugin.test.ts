import { describe, expect, test, vi } from 'vitest'
import type { Client, ClientOptions } from '../../../src/types.ts'

vi.mock('#app', () => ({ defineNuxtPlugin: (plugin: unknown) => plugin }))
vi.mock('../../../src/pinia/index.ts', () => ({ createPathsync }))

const createPathsync = vi.hoisted(() => vi.fn())

interface Plugin {
  setup(nuxtApp: unknown): Promise<{ provide: { pathsync: Client } }>
}
const plugin = (await import('../../../src/nuxt/runtime/plugin.client.ts')).default as unknown as Plugin

/** Runs the plugin in an application. `listen` is the application's listener for the client options. */
async function start(
  config: ClientOptions,
  { listen, isHydrating }: { listen?: (options: ClientOptions) => void; isHydrating?: boolean } = {}
) {
  const log: string[] = []
  const client = { disconnect: () => log.push('disconnect'), connect: () => log.push('connect') }
  const made = Object.assign(() => {}, { client })
  createPathsync.mockReset().mockReturnValue(made)
  const nuxtApp = {
    $config: { public: { pathsync: config } },
    $pinia: { use: vi.fn(() => log.push('use')) },
    isHydrating,
    context: 'outside',
    hooks: {
      callHook: async (_name: string, options: ClientOptions) => listen?.(options),
      hookOnce: vi.fn()
    },
    runWithContext<T>(run: () => T): T {
      nuxtApp.context = 'inside'
      const result = run()
      nuxtApp.context = 'outside'
      return result
    }
  }
  const { provide } = await plugin.setup(nuxtApp)
  const options = createPathsync.mock.lastCall?.[0] as ClientOptions
  return { nuxtApp, options, provide, client, made, log }
}

describe('the client', () => {
  test('has the options of the run time configuration', async () => {
    const { options, nuxtApp, made } = await start({ url: '/sync', debounceMs: 100 })
    expect(options).toEqual({ url: '/sync', debounceMs: 100 })
    expect(nuxtApp.$pinia.use).toHaveBeenCalledWith(made)
  })

  test('is provided to the application', async () => {
    const { provide, client } = await start({})
    expect(provide.pathsync).toBe(client)
  })

  test('has the options that a listener adds, and the configuration does not change', async () => {
    const config = { url: '/sync' }
    const { options } = await start(config, { listen: (options) => (options.displayName = 'Ada') })
    expect(options).toEqual({ url: '/sync', displayName: 'Ada' })
    expect(config).toEqual({ url: '/sync' })
  })

  test('calls the token function where composables work', async () => {
    const { nuxtApp, options } = await start({}, { listen: (options) => (options.token = () => nuxtApp.context) })
    const { token } = options
    expect(await (token as () => Promise<string>)()).toBe('inside')
    expect(nuxtApp.context).toBe('outside')
  })

  test('passes a token string unchanged', async () => {
    const { options } = await start({}, { listen: (options) => (options.token = 'secret') })
    expect(options.token).toBe('secret')
  })
})

describe('a page that was rendered by a server', () => {
  test('is hydrated before stores are synced', async () => {
    const { nuxtApp, log } = await start({}, { isHydrating: true })
    expect(log).toEqual(['use', 'disconnect'])
    const [name, listener] = nuxtApp.hooks.hookOnce.mock.lastCall as [string, () => void]
    expect(name).toBe('app:suspense:resolve')
    listener()
    expect(log).toEqual(['use', 'disconnect', 'connect'])
  })

  test('otherwise, stores are synced at once', async () => {
    const { nuxtApp, log } = await start({}, { isHydrating: false })
    expect(log).toEqual(['use'])
    expect(nuxtApp.hooks.hookOnce).not.toHaveBeenCalled()
  })
})
