import { vi } from 'vitest'
import { createApi } from '../../../src/client/transport/api.ts'
import { connect, type Listener } from '../../../src/client/transport/connection.ts'
import type { Context } from '../../../src/client/transport/context.ts'
import type { Verdict } from '../../../src/client/transport/stream.ts'
import type { OwnPresence, Token } from '../../../src/types.ts'
import type { RoomEvent } from '../../../src/wire.ts'
import { address, frame, problem, scriptedServer, scriptedStream, silence, type Asked } from './server.ts'

/** A listener of a room that records its calls. */
export function follower(at?: string) {
  const self = {
    at,
    /** One line for each call, such as `events state delta 3`. */
    log: [] as string[],
    verdict: (_: RoomEvent[]): Verdict => 'ok',
    position(): string | undefined {
      return self.at
    },
    opening() {
      self.log.push('opening')
    },
    events(events: RoomEvent[]): Verdict {
      self.log.push(['events', ...events.map(short)].join(' '))
      const verdict = self.verdict(events)
      if (verdict === 'restart') self.at = undefined
      if (verdict !== 'ok') return verdict
      for (const { type, data } of events) {
        if (type === 'up-to-date') self.at = `${data.epoch}-${data.serverSeq}`
        if (type === 'delta') self.at = `${self.at?.split('-')[0]}-${data.serverSeq}`
      }
      return verdict
    },
    lost() {
      self.log.push('lost')
    },
    failed(code: string, message: string) {
      self.log.push(`failed ${code}: ${reasonOf(message)}`)
    }
  }
  return self satisfies Listener
}

function short({ type, data }: RoomEvent): string {
  if (type === 'delta' || type === 'state') return `${type} ${data.serverSeq}`
  return type === 'presence' ? `presence of ${data.users.length}` : type
}

export const delta = (serverSeq: number) => ({
  room: 'board',
  key: 'default',
  serverSeq,
  clientId: 'bob',
  serverTs: 0,
  ops: [{ op: 'set', path: 'n', value: serverSeq }]
})
export const upToDate = (serverSeq: number, epoch = 'e1') => ({ room: 'board', epoch, serverSeq })

export const deltaFrame = (serverSeq: number) => frame('delta', delta(serverSeq), `e1-${serverSeq}`)
export const upToDateFrame = (serverSeq: number) => frame('up-to-date', upToDate(serverSeq), `e1-${serverSeq}`)
export const preamble = ': pathsync\n\nretry: 2000\n\n'

type Route = 'events' | 'room' | 'changes' | 'presence' | 'probe'

interface Options extends Partial<Context> {
  token?: Token
  at?: string
  displayName?: string
  presence?: () => OwnPresence
}

/** A connection to a scripted server. `streams` has all that were opened, in order. */
export function follow({ token, at, displayName, presence, ...context }: Options = {}) {
  const streams: ReturnType<typeof scriptedStream>[] = []
  const routes: Record<Route, (asked: Asked) => Response | Promise<Response>> = {
    events({ signal }) {
      const stream = scriptedStream()
      streams.push(stream)
      return stream.response(signal)
    },
    room: silence,
    changes: silence,
    presence: silence,
    probe: () => problem('not_found', 404, false)
  }
  const server = scriptedServer((asked) => {
    const [, , what, , last = what === 'probe' ? what : 'room'] = asked.url.pathname.split('/')
    return routes[last as Route](asked)
  })
  const listener = follower(at)
  const random = vi.fn(() => 1)
  const api = createApi({ url: address, fetch: server.fetch, token })
  const connection = connect(
    { api, room: 'board', clientId: 'ada', transport: 'fetch', heartbeatMs: 15_000, random, ...context },
    listener,
    () => ({ displayName, ...presence?.() })
  )
  return {
    api,
    connection,
    listener,
    random,
    routes,
    server,
    streams,
    /** Streams count as blocked. */
    get polling() {
      return connection.polling
    },
    /** The open stream. */
    stream: () => streams.at(-1) ?? scriptedStream(),
    /** Advances the clock by `ms` milliseconds, by default 0. */
    pass: (ms = 0) => vi.advanceTimersByTimeAsync(ms),
    /** The calls of the listener since the last call of this function. */
    heard: () => listener.log.splice(0),
    /** The positions from which streams were requested. */
    positions: () => server.to('/events').map(({ url }) => url.searchParams.get('last_event_id')),
    /** Sends the first events of a stream. */
    async catchUp(serverSeq = 3) {
      streams.at(-1)?.write(preamble, upToDateFrame(serverSeq))
      await vi.advanceTimersByTimeAsync(0)
    }
  }
}

/** The reason in an error message of the connection. The rest is the same in all of them. */
const reasonOf = (message: string) =>
  /^Changes of others cannot be received: (.*)\. The connection is tried again\.$/.exec(message)?.[1] ?? message
