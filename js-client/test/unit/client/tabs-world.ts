// Tabs of one browser before one model server.
import { createApi } from '../../../src/client/transport/api.ts'
import { joinRooms } from '../../../src/client/transport/one-stream.ts'
import { createRoom } from '../../../src/client/room/room.ts'
import { readers } from '../../../src/client/transport/stream.ts'
import { joinTabs } from '../../../src/client/transport/leadership.ts'
import type { Json } from '../../../src/document/json.ts'
import type { Token } from '../../../src/types.ts'
import { createLocks } from '../persist/locks.ts'
import { createFakeServer } from './fake-server.ts'

export interface TabOptions {
  token?: Token
  user?: string
  /** False: the browser has no Web Locks. */
  sharing?: boolean
  /** The browser has Web Locks, and refuses them to this page. */
  refusing?: boolean
  oneStream?: boolean
}

/** `latency`: the delay of each request and each answer, in milliseconds. */
export function createBrowser(latency?: () => number) {
  const server = createFakeServer()
  const locks = createLocks()
  const channels = new Map<string, Set<(data: unknown) => void>>()
  const said: unknown[] = []
  let count = 0

  function openTab({ token, user, sharing = true, refusing = false, oneStream = false }: TabOptions = {}) {
    const clientId = `tab${++count}`
    const own = locks.openTab()
    const page = new EventTarget()
    const killed = new AbortController()
    let visibilityState: DocumentVisibilityState = 'visible'
    /** Events of a page that does not run are queued. */
    let waiting: (() => void)[] | undefined
    const run = (task: () => void) => (waiting ? void waiting.push(task) : task())

    function openChannel(name: string) {
      const all = channels.get(name) ?? new Set()
      channels.set(name, all)
      const channel = {
        onmessage: undefined as ((event: { data: unknown }) => void) | undefined,
        postMessage(data: unknown) {
          if (killed.signal.aborted) return
          run(() => {
            said.push(data)
            for (const hear of all) if (hear !== mine) hear(structuredClone(data))
          })
        },
        close: () => void all.delete(mine)
      }
      const mine = (data: unknown) => void Promise.resolve().then(() => run(() => channel.onmessage?.({ data })))
      all.add(mine)
      killed.signal.addEventListener('abort', channel.close)
      return channel as unknown as BroadcastChannel
    }

    const browser = {
      locks: refusing ? { request: () => Promise.reject(new DOMException('sandboxed', 'SecurityError')) } : own.navigator.locks,
      openChannel,
      document: {
        get visibilityState() {
          return visibilityState
        },
        addEventListener: page.addEventListener.bind(page)
      }
    }
    /** A closed page makes no requests. One that does not run may still have requests that it started earlier. */
    const fetch = (async (url: string, init: RequestInit) => {
      const signal = AbortSignal.any([init.signal!, killed.signal])
      signal.throwIfAborted()
      const way = async () => {
        if (latency) await new Promise((resolve) => setTimeout(resolve, latency()))
        signal.throwIfAborted()
      }
      await way()
      const answer = await server.fetch(url, { ...init, signal })
      await way()
      return answer
    }) as typeof globalThis.fetch
    let seq = 0
    const joint = oneStream ? Promise.resolve(joinRooms(readers, 'fetch')) : undefined
    const shared = createRoom(
      {
        api: createApi({ url: 'http://fake', token, fetch }),
        room: 'r',
        clientId,
        transport: 'fetch',
        debounceMs: 10,
        maxWaitMs: 100,
        heartbeatMs: 15_000,
        tabs: sharing
          ? Promise.resolve({ joinTabs: (context, handlers) => joinTabs(context, handlers, browser as never) })
          : undefined,
        user,
        sharedStream: () => joint,
        nextSeq: () => ++seq,
        passed() {}
      },
      { onPending() {}, onEmpty() {} }
    )
    const room = shared.enter()
    const board = room.document<Record<string, Json>>()
    void shared.open()

    return {
      clientId,
      room,
      board,
      set: (path: string, value: Json) => board.apply({ op: 'set', path, value }),
      get connected() {
        return room.status.connected
      },
      get leads() {
        return [...locks.holders].some(([name, holder]) => name.endsWith('"r"]') && holder.tab === own.tab)
      },
      disconnect: shared.disconnect,
      connect: () => shared.open(),
      wake: shared.wake,
      show(state: DocumentVisibilityState) {
        visibilityState = state
        page.dispatchEvent(new Event('visibilitychange'))
      },
      /** The page stops without an event. */
      hang() {
        waiting ??= []
      },
      goOn() {
        const tasks = waiting ?? []
        waiting = undefined
        for (const task of tasks) task()
      },
      freeze() {
        page.dispatchEvent(new Event('freeze'))
        waiting ??= []
      },
      thaw() {
        this.goOn()
        page.dispatchEvent(new Event('resume'))
      },
      /** The tab ends without an event. */
      kill() {
        killed.abort()
        own.close()
      },
      close: () => shared.close()
    }
  }

  return { server, said, openTab }
}

export type Tab = ReturnType<ReturnType<typeof createBrowser>['openTab']>
