// Follows one room, by one stream after the other or by polling. connection-state.ts decides; this carries it out.
import type { OwnPresence } from '../../types.ts'
import type { RoomEvent } from '../../wire.ts'
import { createSleeper } from '../runtime/backoff.ts'
import { after, type Timer } from '../runtime/clock.ts'
import { isOffline } from '../runtime/page.ts'
import { type Effects, type Events, type Fault, INITIAL, PROBE_MS, reduce, type Source } from './connection-state.ts'
import type { Context } from './context.ts'
import type { Leadership } from './leadership.ts'
import { createPresenceVersion } from './presence-version.ts'
import {
  type Blocked,
  hasCaughtUp,
  type Outcome,
  openStream,
  type Stream,
  type StreamHandler,
  type Transport
} from './stream.ts'
import type { Verdict } from './stream.ts'

export type { Fault } from './connection-state.ts'

/** The room that a connection follows. Nothing is called once the connection is stopped. */
export interface Listener {
  /** The event id to resume from. */
  position(): string | undefined
  /** A stream, or the first answer to polling, is about to bring something: catching up begins. */
  opening(): void
  /** The events that came together. `resume`: reopen from the position. `restart`: reopen, the position is undefined. */
  events(events: RoomEvent[]): Verdict
  /** The room is no longer followed. Only after `opening`. */
  lost(): void
  /** An error to show. The connection is retried. */
  failed(code: string, message: string): void
}

export interface Connection {
  stop(): void
  /** The page is online, or visible, again: ends a wait, and checks open streams. */
  wake(): void
  /** The server has answered another request: shortens a wait that had no answer for a reason. */
  reached(): void
  /** A request had no answer for this many milliseconds: replaces a stream that was silent as long. */
  doubt(ms: number): void
  /** Reopens the stream: shared or separate, as the context requires now. */
  regroup(): void
  /** Streams do not get through: the room is polled. */
  readonly polling: boolean
  /** Why it is polled, once that is known. */
  readonly fault: Fault | undefined
  /** The stream's address does not have the display name. */
  readonly unnamed: boolean
  /** When the next attempt begins, in milliseconds from now; undefined while none is waited for. */
  readonly retryInMs: number | undefined
}

/** @param presence is this client's presence, with its display name */
export function connect(context: Context, listener: Listener, presence: () => OwnPresence): Connection {
  const { api, room, transport, tabs, random = Math.random } = context
  const pause = createSleeper()
  const streams = new Set<Stream>()
  const stopped = new AbortController()
  let state = INITIAL
  let probe: Timer | undefined
  let leadership: Leadership | undefined
  const version = createPresenceVersion()

  function dispatch<E extends keyof Events>(event: E, value?: Events[E]) {
    if (stopped.signal.aborted) return
    const [next, ...effects] = reduce(state, event, value as Events[E])
    state = next
    for (const [effect, value] of effects) if (!stopped.signal.aborted) carryOut[effect](value as never)
  }

  const carryOut: { readonly [E in keyof Effects]: (value: Effects[E]) => unknown } = {
    async elect() {
      const leads = !leadership || (await leadership.leads())
      dispatch('elected', leads)
    },
    open: follow,
    opening() {
      clearTimeout(probe)
      listener.opening()
    },
    lost(followed) {
      clearTimeout(probe)
      if (followed) listener.lost()
      leadership?.lost()
    },
    failed({ code, message }) {
      listener.failed(code, message)
      leadership?.failed(code, message)
    },
    wait: (ms) => pause.sleep(ms).then(() => dispatch('due')),
    hurry: pause.wake,
    probe() {
      clearTimeout(probe)
      probe = after(PROBE_MS, () => dispatch('expired'))
    },
    /** If another request gets through, a proxy may block streams. */
    async compare() {
      const { kind } = await api.getPresence(room, stopped.signal)
      dispatch('compared', kind === 'ok')
    },
    /** Tries streams until one gets through. */
    async fallBack() {
      const failed = (code: string, message: string) => dispatch('diagnosed', { code, message })
      try {
        const { fallBack } = await import('./fallback.ts')
        if (!stopped.signal.aborted) await fallBack({ api, transport, streams, read, failed })
      } catch {
        // It could not be loaded. Streams are tried again, and so is this.
      }
      dispatch('recovered')
    },
    reopen
  }

  /** Reads one source to its end. */
  async function follow(source: Source) {
    const { outcome, blocked } = await read(source === 'poll' ? 'poll' : transport, {
      read: source === 'leader' ? leadership?.read : undefined,
      presenceVersion: source === 'stream' ? version.current : undefined,
      opening() {
        version.opened()
        dispatch('opened')
      },
      events(events) {
        const verdict = listener.events(events)
        if (verdict === 'ok') {
          // Polling and the leader's events may skip changes.
          if (source === 'stream') version.applied(events)
          if (hasCaughtUp(events)) dispatch('caughtUp')
          leadership?.publish(events)
        }
        // Polling asks for what comes after the position anyway.
        return source === 'poll' ? 'ok' : verdict
      }
    })
    const hasName = !!presence().displayName
    dispatch('ended', { outcome, blocked, hasName, offline: isOffline(), random: random() })
  }

  /** Opens a stream and waits for its end. */
  const read = (source: Transport, handler: Pick<StreamHandler, 'opening' | 'events' | 'read' | 'presenceVersion'>) =>
    new Promise<{ outcome: Outcome; blocked: Blocked | undefined }>((resolve) => {
      const position = () => (state.fresh ? undefined : listener.position())
      const displayName = (state.named && presence().displayName) || undefined
      const stream = openStream(context, source, {
        ...handler,
        displayName,
        lastEventId: position(),
        position,
        presence,
        retry: (ms) => dispatch('retry', ms),
        ended(outcome, blocked) {
          streams.delete(stream)
          resolve({ outcome, blocked })
        }
      })
      streams.add(stream)
    })

  /** Ends all streams and waits. */
  function reopen() {
    for (const stream of streams) stream.stop()
    pause.wake()
  }

  async function start() {
    if (tabs) {
      const handlers = { changed: reopen, failed: listener.failed }
      // Where tabs cannot share, each reads for itself.
      leadership = await tabs.then(({ joinTabs }) => joinTabs(context, handlers)).catch(() => undefined)
    }
    if (stopped.signal.aborted) leadership?.leave()
    else dispatch('due')
  }

  void start()
  return {
    stop() {
      stopped.abort()
      clearTimeout(probe)
      reopen()
      leadership?.leave()
    },
    wake() {
      pause.wake()
      leadership?.wake()
      for (const stream of streams) stream.wake()
    },
    reached() {
      if (state.unanswered) pause.shorten(REACHED_MS)
    },
    doubt(ms) {
      for (const stream of streams) stream.doubt(ms)
    },
    regroup() {
      for (const stream of streams) stream.replace()
    },
    get polling() {
      return state.polling
    },
    get fault() {
      return state.fault
    },
    get unnamed() {
      return !state.named || state.polling
    },
    get retryInMs() {
      return pause.left()
    }
  }
}

/** The longest wait when the server has answered another request. */
const REACHED_MS = 1000
