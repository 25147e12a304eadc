// One stream from its opening to its end: what its events mean, and the watchdog.
import type { RoomEvent } from '../wire.ts'
import { explain, noAnswer, type Answer, type Api } from './api.ts'
import { after, now, stopwatch, type Timer } from './clock.ts'
import { eventNames, readFrame, type Frame } from './events.ts'
import { readByFetch, type ReadRequest, type ReadStream } from './fetch-stream.ts'

/** What to do after events: go on, reopen from the position, or reopen without one. */
export type Verdict = 'ok' | 'resume' | 'restart'

/**
 * Why it is over, and when to come back: after `afterMs`, or as the backoff has it. `replaced`: nothing is known to be wrong, but
 * another stream is safer.
 */
export type Outcome = Answer<{ afterMs?: number; replaced?: boolean }>

export type Transport = 'fetch' | 'eventsource' | 'poll'

export interface StreamOptions extends Omit<ReadRequest, 'signal'> {
  api: Api
  room: string
  transport: Transport
  /** Reads in another way, which ends by itself when it is dead. */
  read?: ReadStream | undefined
  /** What reads the streams of all rooms as one, while they share one. Where it could not be loaded, each room has its own. */
  joined?: (() => Promise<ReadStream | undefined> | undefined) | undefined
  /** In milliseconds. */
  heartbeatMs: number
  opening(): void
  /** The events that came together. */
  events(events: RoomEvent[]): Verdict
  /** How long to wait before the next stream, in milliseconds. */
  retry(ms: number): void
  /** It is over. `blocked` says that something on the way may not let streams through. */
  ended(outcome: Outcome, blocked: Blocked | undefined): void
}

/** `useless`: it ended at once, or stayed silent. `refused`: it was not opened, and that was not the server's own answer. */
export type Blocked = 'useless' | 'refused'

export interface Stream {
  /** The network may have changed: ends what is dead. */
  wake(): void
  /** A request has had no answer for so many milliseconds: ends a stream that was silent as long. */
  doubt(ms: number): void
  /** Ends in favour of another one. */
  replace(): void
  stop(): void
}

/** A stream that ends sooner than this without having caught up has been cut off on the way. */
const CUT_OFF_MS = 2000
/** How long a stream that has not caught up may be silent. */
const PATIENCE_MS = 10_000
/** The same where the browser does not show what comes before the first event is complete. */
const BLIND_PATIENCE_MS = 120_000
/** How recently something must have come for a stream to be alive when the network may have changed. */
const FRESH_MS = 2000
/** How many heartbeats one that has caught up may miss. */
const HEARTBEATS = 2.5

/** Codes of answers that are not the server's. */
const FOREIGN: readonly string[] = ['network', 'protocol']

const over: Outcome = { kind: 'ok', value: {} }
export const atOnce: Outcome = { kind: 'ok', value: { afterMs: 0 } }
const replaced: Outcome = { kind: 'ok', value: { afterMs: 0, replaced: true } }

/** Ways to read. What few need is loaded when it is needed. */
export const readers: Readonly<Record<Transport, () => Promise<ReadStream>>> = {
  fetch: async () => readByFetch,
  eventsource: async () => (await import('./event-source.ts')).readByEventSource,
  poll: async () => (await import('./poll.ts')).readByPolling
}

export const hasCaughtUp = (events: RoomEvent[]) => events.some(({ type }) => type === 'up-to-date')

export function openStream(options: StreamOptions): Stream {
  const { api, room, transport, heartbeatMs } = options
  const abort = new AbortController()
  const { signal } = abort
  let openedAt: number | undefined
  let silence = stopwatch()
  let live = false
  let timer: Timer | undefined
  let probe: Timer | undefined

  function end(outcome: Outcome, blocked?: Blocked) {
    if (signal.aborted) return
    clearTimeout(timer)
    clearTimeout(probe)
    abort.abort()
    options.ended(outcome, blocked)
  }

  const patience = () =>
    live ? HEARTBEATS * heartbeatMs : transport === 'eventsource' && openedAt !== undefined ? BLIND_PATIENCE_MS : PATIENCE_MS

  /** Bytes only note their time; the one timer finds out when it fires, which may be late, after the machine slept. */
  function check() {
    clearTimeout(timer)
    // Each request of a poll has a limit of its own.
    if (signal.aborted || transport === 'poll' || options.read) return
    const left = patience() - silence()
    if (left > 0) timer = after(left, check)
    else if (!live) end({ kind: 'failed', code: 'network', message: 'nothing comes from the server' }, 'useless')
    else if (transport === 'eventsource') void ask()
    else end(atOnce)
  }

  /** Heartbeats cannot be seen: asks whether anything has been missed. */
  async function ask() {
    const { missedNothing } = await import('./event-source.ts')
    if (!(await missedNothing(api, room, options.position, signal))) return end(atOnce)
    silence = stopwatch()
    check()
  }

  function opened() {
    if (signal.aborted) return
    openedAt = now()
    silence = stopwatch()
    options.opening()
  }

  /** What comes together with something malformed is not taken in: the next stream brings it again. */
  function heard(frames: Frame[], opens = false) {
    if (signal.aborted) return
    silence = stopwatch()
    try {
      take(frames, opens)
    } catch (error) {
      end(noAnswer(error, 'an event cannot be read', 'protocol'))
    }
  }

  function take(frames: Frame[], opens: boolean) {
    const events: RoomEvent[] = []
    let outcome: Outcome | undefined
    for (const frame of frames) {
      const event = readFrame(frame)
      if (event?.type === 'reconnect') outcome = { kind: 'ok', value: event.data }
      else if (event?.type === 'problem') {
        const problem = event.data
        const { code, retryable } = problem
        // That a token has expired is no fault: the next stream shows another one.
        if (code === 'token_expired') outcome = over
        else outcome = retryable ? { kind: 'failed', code, message: explain(problem) } : { kind: 'refused', problem }
      } else if (event) events.push(event)
    }
    if (opens) opened()
    if (events.length && options.events(events) !== 'ok') outcome ??= over
    if (outcome) end(outcome)
    else if (!live && hasCaughtUp(events)) {
      live = true
      check()
    }
  }

  const load = async () => options.read || (transport !== 'poll' && (await options.joined?.())) || readers[transport]()

  check()
  void load()
    .then((read) => read(api, room, { ...options, signal }, { opened, heard, retry: options.retry, names: eventNames }))
    .catch((error) => noAnswer(error, 'the stream cannot be read', 'protocol'))
    .then((answer) => end(answer.kind === 'ok' ? over : answer, blockedBy(answer)))

  function blockedBy(answer: Answer<unknown>): Blocked | undefined {
    if (openedAt !== undefined) return !live && now() - openedAt < CUT_OFF_MS ? 'useless' : undefined
    const { status } = answer.kind === 'ok' || answer.kind === 'refused' ? { status: 0 } : answer
    const foreign = answer.kind === 'failed' && FOREIGN.includes(answer.code)
    // The server does not know the address, or forbids it without a word: something on the way has changed the request.
    return foreign || status === 403 || status === 404 || status === 405 ? 'refused' : undefined
  }

  function wake() {
    clearTimeout(probe)
    // What another tab reads is for that one to know.
    if (signal.aborted || (options.read && live)) return
    if (silence() >= FRESH_MS) return end(replaced)
    const last = silence
    probe = after(FRESH_MS, () => silence === last && end(replaced))
  }

  return {
    wake,
    doubt: (ms) => !options.read && transport === 'fetch' && silence() >= ms && end(replaced),
    replace: () => !options.read && transport !== 'poll' && end(replaced),
    stop: () => end(atOnce)
  }
}
