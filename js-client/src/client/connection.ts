// Keeps the events of one room coming, by one stream after the other, or by polling where streams do not get through.
import type { OwnPresence } from '../types.ts'
import type { RoomEvent } from '../wire.ts'
import { explain, inWords } from './api.ts'
import { createSleeper, delay } from './backoff.ts'
import { after, MAX_WAIT_MS, within, type Timer } from './clock.ts'
import { isOffline } from './page.ts'
import { atOnce, hasCaughtUp, openStream } from './stream.ts'
import type { Seat } from './tabs.ts'
import type { Blocked, Outcome, Stream, StreamOptions, Transport, Verdict } from './stream.ts'

/** Who hears a room. It hears nothing more once the connection is stopped. */
export interface Listener {
  /** The event id to resume from. */
  position(): string | undefined
  /** A stream, or the first answer to polling, is about to bring something: catching up begins. */
  opening(): void
  /** The events that came together. `resume`: reopen from the position. `restart`: reopen, the position is undefined. */
  events(events: RoomEvent[]): Verdict
  /** The room is no longer followed. Only after `opening`. */
  lost(): void
  /** Something to show. The connection goes on by itself. */
  failed(code: string, message: string): void
}

type Shared = 'api' | 'room' | 'clientId' | 'heartbeatMs' | 'joined'
export interface ConnectionOptions extends Pick<StreamOptions, Shared> {
  transport: 'fetch' | 'eventsource'
  displayName?: string | undefined
  listener: Listener
  /** What this client says of itself. */
  presence?: () => OwnPresence
  random?: (() => number) | undefined
  /** What lets tabs share what they read, where they can. */
  sharing?: Promise<typeof import('./tabs.ts')> | undefined
  /** Whose tabs do: see ClientOptions. */
  shareAs?: string | undefined
}

export interface Connection {
  stop(): void
  /** The page is online, or visible, again: tries now what would be tried later, and ends what is dead. */
  wake(): void
  /** The server has answered something else: tries soon what has failed for want of an answer. */
  reached(): void
  /** A request has had no answer for so many milliseconds. A stream that was silent as long is replaced. */
  doubt(ms: number): void
  /** Reads in another way from now on, as the options say. */
  regroup(): void
  /** Streams do not get through: the room is polled. */
  readonly polling: boolean
  /** Why it is polled, once that is known. */
  readonly fault: Fault | undefined
  /** The display name is not said by what follows the room. */
  readonly unnamed: boolean
}

/** What is wrong: a stable code, and the same as a sentence. */
export interface Fault {
  readonly code: string
  readonly message: string
}

/** Before the server has said another. */
const BASE_MS = 1000
/** Whatever it says. */
const MIN_BASE_MS = 100
const UNAUTHORIZED_CAP_MS = 60_000
/** Where coming back at once would not help. */
const LONG_MS = 30_000
/** How long a stream that replaces another one may take to open before the room counts as lost. */
const PROBE_MS = 2000
/** How long to wait at most when the server has answered something else. */
const REACHED_MS = 1000
/** So many useless streams in a row mean that streams do not get through. */
const STRIKES = 3

export function connect(options: ConnectionOptions): Connection {
  const { listener, displayName, presence = () => ({}), random = Math.random, sharing } = options
  const pause = createSleeper()
  const streams = new Set<Stream>()
  const end = new AbortController()
  let stopped = false
  let baseMs = BASE_MS
  let failures = 0
  let strikes = 0
  let polling = false
  let fault: Fault | undefined
  /** The room is followed, as far as it is known: a stream that is replaced by another one is not lost yet. */
  let followed = false
  let probe: Timer | undefined
  /** Something else got through when streams were refused. */
  let comparing = false
  /** The display name is part of a stream's address, until a stream was refused that may have been refused for it. */
  let named = true
  /** The wait is for want of an answer. */
  let unreached = false
  let seat: Seat | undefined
  /** The server cannot go on from the position. */
  let fresh = false

  const own = (): OwnPresence => ({ displayName, ...presence() })
  const position = () => (fresh ? undefined : listener.position())

  function failed(code: string, message: string) {
    listener.failed(code, message)
    seat?.failed(code, message)
  }

  const cannotReceive = (code: string, why: string) =>
    failed(code, inWords('Changes of others cannot be received', why, 'The connection is tried again'))

  /** Opens a stream and waits for its end. */
  const read = (transport: Transport, ear: Pick<StreamOptions, 'opening' | 'events' | 'read'>) =>
    new Promise<{ outcome: Outcome; blocked: Blocked | undefined }>((resolve) => {
      const stream = openStream({
        ...options,
        ...ear,
        transport,
        displayName: (named && own().displayName) || undefined,
        lastEventId: position(),
        position,
        presence: own,
        retry: (ms) => (baseMs = Math.min(Math.max(ms, MIN_BASE_MS), LONG_MS)),
        ended(outcome, blocked) {
          streams.delete(stream)
          resolve({ outcome, blocked })
        }
      })
      streams.add(stream)
    })

  /** Follows the room by one stream, or by polling, to the end of it. */
  async function follow(): Promise<Outcome> {
    /** How another tab is read that leads, if one does. */
    const follows = seat && !(await seat.leads()) ? seat.read : undefined
    if (stopped) return atOnce
    const polls = !follows && polling
    const { outcome, blocked } = await read(polls ? 'poll' : options.transport, {
      read: follows,
      opening() {
        followed = true
        fresh = comparing = false
        clearTimeout(probe)
        listener.opening()
      },
      events(events) {
        const verdict = listener.events(events)
        if (verdict === 'ok' && hasCaughtUp(events)) {
          failures = 0
          if (!polls) strikes = 0
        }
        if (verdict === 'ok') seat?.tell(events)
        // Polling asks for what comes after the position anyway.
        return polls ? 'ok' : verdict
      }
    })
    if (stopped) return outcome
    clearTimeout(probe)
    if (outcome.kind === 'ok' && outcome.value.replaced) {
      if (followed) probe = after(PROBE_MS, lose)
      return outcome
    }
    const wasFollowed = followed
    lose()
    if (named && !wasFollowed && own().displayName && isRefusal(outcome)) {
      named = false
      return atOnce
    }
    if (follows || polls || !blocked || ++strikes < STRIKES) return outcome
    strikes = 0
    if (blocked === 'refused' && !comparing) {
      void compare()
      return outcome
    }
    failures = 0
    comparing = false
    polling = true
    void fallBack()
    return atOnce
  }

  /**
   * If all else gets through, something on the way may refuse streams; or an outage has just ended. The next stream that is
   * refused decides.
   */
  async function compare() {
    const { kind } = await options.api.getPresence(options.room, end.signal)
    comparing = kind === 'ok' && !stopped && !followed
    if (!comparing) return
    strikes = STRIKES - 1
    pause.wake()
  }

  function lose() {
    if (followed) listener.lost()
    followed = false
    seat?.lost()
  }

  /** Has polling last until streams get through, or trying them could not be loaded. */
  async function fallBack() {
    const report = (code: string, message: string) => {
      fault = { code, message }
      failed(code, message)
    }
    const tools = { ...options, streams, read, failed: report }
    try {
      const { fallBack } = await import('./fallback.ts')
      if (!stopped) await fallBack(tools)
    } catch {
      // It could not be loaded. Streams are tried again, and so is this.
    }
    polling = false
    fault = undefined
    stopAll()
  }

  /** Ends whatever is going on or waited for. */
  function stopAll() {
    for (const stream of streams) stream.stop()
    pause.wake()
  }

  /** Reports what went wrong, and returns how long to wait now, in milliseconds. */
  function waitAfter(outcome: Outcome): number {
    let least = 0
    let capMs
    unreached = outcome.kind === 'failed' && !outcome.retryable
    if (outcome.kind === 'ok') {
      const { afterMs } = outcome.value
      if (afterMs !== undefined) return within(afterMs, 0, MAX_WAIT_MS, 0)
    } else if (outcome.kind === 'refused') {
      const { code } = outcome.problem
      fresh = code === 'invalid_event_id' || code === 'position_gone'
      if (!fresh) {
        least = LONG_MS * (1 + random())
        cannotReceive(code, explain(outcome.problem))
      }
    } else if (outcome.kind === 'unauthorized') {
      capMs = UNAUTHORIZED_CAP_MS
      cannotReceive('unauthorized', outcome.message)
    } else {
      least = outcome.retryAfterMs ?? 0
      cannotReceive(outcome.code, outcome.message)
    }
    return isOffline() ? LONG_MS : Math.max(least, delay(failures++, baseMs, capMs, random))
  }

  async function run() {
    // Where tabs cannot share, each reads for itself.
    const place = { ...options, changed: stopAll, failed: listener.failed }
    if (sharing) seat = await sharing.then(({ takeSeat }) => takeSeat(place)).catch(() => undefined)
    while (!stopped) {
      const outcome = await follow()
      if (!stopped) await pause.sleep(waitAfter(outcome))
    }
    seat?.leave()
  }

  void run()
  return {
    stop() {
      stopped = true
      end.abort()
      clearTimeout(probe)
      stopAll()
    },
    wake() {
      pause.wake()
      for (const stream of streams) stream.wake()
    },
    reached() {
      if (unreached) pause.shorten(REACHED_MS)
    },
    doubt(ms) {
      for (const stream of streams) stream.doubt(ms)
    },
    regroup() {
      for (const stream of streams) stream.replace()
    },
    get polling() {
      return polling
    },
    get fault() {
      return fault
    },
    get unnamed() {
      return !named || polling
    }
  }
}

/** Whether the content of the request may be the reason of an answer. */
const isRefusal = (outcome: Outcome) =>
  outcome.kind === 'refused' ||
  (outcome.kind !== 'ok' && outcome.status !== undefined && outcome.status < 500 && outcome.status !== 401)
