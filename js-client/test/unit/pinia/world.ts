// Fixtures of the plugin's tests: a server, and applications with a client each.
import * as pinia4 from 'pinia'
import * as pinia2 from 'pinia2'
import * as pinia3 from 'pinia3'
import { onTestFinished, vi } from 'vitest'
import { type InjectionKey, type RendererOptions, createApp, createRenderer, inject, reactive } from 'vue'
import { createClient } from '../../../src/client/client.ts'
import { createPathsync } from '../../../src/pinia/index.ts'
import { createServer } from './server.ts'

export { pinia4 }

/** The supported versions of Pinia. Their types are not compatible. */
export const pinias = [
  ['Pinia 2', pinia2 as unknown as typeof pinia4],
  ['Pinia 3', pinia3 as unknown as typeof pinia4],
  ['Pinia 4', pinia4]
] as const

/** Runs all timers that are due within a time. */
export const pass = (ms = 20) => vi.advanceTimersByTimeAsync(ms)
/** Long enough to send, commit and receive changes. */
export const settle = () => pass(2000)

/** A route as provided by a router. */
export interface Route {
  params: { id?: string }
}
const routeKey: InjectionKey<Route> = Symbol('route')
export function useRoute(): Route {
  const route = inject(routeKey)
  if (!route) throw new Error('there is no router here')
  return route
}

/** The container of rendered components. */
const nowhere: RendererOptions<object, object> = {
  patchProp() {},
  insert() {},
  remove() {},
  createElement: () => ({}),
  createText: () => ({}),
  createComment: () => ({}),
  setText() {},
  setElementText() {},
  parentNode: () => null,
  nextSibling: () => null
}

export function createWorld() {
  vi.useFakeTimers()
  const server = createServer()
  const ends: (() => void)[] = [() => vi.useRealTimers()]
  onTestFinished(() => ends.reverse().forEach((end) => end()))

  function client(clientId: string) {
    const made = createClient({ url: 'http://sync.test', clientId, displayName: clientId, fetch: server.fetch })
    ends.push(() => made.close())
    return made
  }

  /** An application with Pinia, the plugin and a router. */
  function application(clientId = 'ada', { createPinia }: Pick<typeof pinia4, 'createPinia'> = pinia4) {
    const pinia = createPinia()
    const route: Route = reactive({ params: {} })
    const app = createApp({ render: () => null })
    app.provide(routeKey, route)
    app.use(pinia)
    const plugin = createPathsync({ client: client(clientId) })
    pinia.use(plugin)
    /** Mounts an empty component with this setup function. */
    function mount<T>(setup: () => T) {
      let result: T | undefined
      const component = createRenderer(nowhere).createApp({
        setup() {
          result = setup()
          return () => null
        }
      })
      component.provide(routeKey, route)
      component.mount({})
      let mounted = true
      const unmount = () => {
        if (mounted) component.unmount()
        mounted = false
      }
      ends.push(unmount)
      return { ...(result as T), unmount }
    }
    return { pinia, route, mount, client: plugin.client }
  }

  return { server, client, application }
}
