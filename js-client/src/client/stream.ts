// One stream from its opening to its end: what its events mean, and the watchdog.
import type { RoomEvent } from '../wire.ts'
import { explain, noAnswer, type Answer, type Api } from './api.ts'
import { eventNames, readFrame, type Frame } from './events.ts'
import { readByFetch, type ReadRequest, type ReadStream } from './fetch-stream.ts'

/** What to do after events: go on, reopen from the position, or reopen without one. */
export type Verdict = 'ok' | 'resume' | 'restart'

/** Why it is over, and when to come back: after `afterMs`, or as the backoff has it. */
export type Outcome = Answer<{ afterMs?: number }>

export type Transport = 'fetch' | 'eventsource' | 'poll'

export interface StreamOptions extends Omit<ReadRequest, 'signal'> {
  api: Api
  room: string
  transport: Transport
  /** Reads in another way, which ends by itself when it is dead. */
  read?: ReadStream | undefined
  /** Reads the streams of all rooms as one. Where it could not be loaded, each room has its own. */
  joined?: Promise<ReadStream | undefined> | undefined
  /** In milliseconds. */
  heartbeatMs: number
  opening(): void
  /** The events that came together. */
  events(events: RoomEvent[]): Verdict
  /** How long to wait before the next stream, in milliseconds. */
  retry(ms: number): void
  /** It is over. `useless`: it ended at once or stayed silent; something on the way may not let streams through. */
  ended(outcome: Outcome, useless: boolean): void
}

export interface Stream {
  /** Looks whether it is dead already. */
  check(): void
  stop(): void
}

/** A stream that ends sooner than this without having caught up has been cut off on the way. */
const CUT_OFF_MS = 2000
/** How long a stream that has not caught up may be silent. */
const PATIENCE_MS = 10_000
/** How many heartbeats one that has caught up may miss. */
const HEARTBEATS = 2.5

const over: Outcome = { kind: 'ok', value: {} }
export const atOnce: Outcome = { kind: 'ok', value: { afterMs: 0 } }

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
  let openedAt = -Infinity
  let heardAt = Date.now()
  let live = false
  let timer: ReturnType<typeof setTimeout> | undefined

  function end(outcome: Outcome, useless = false) {
    if (signal.aborted) return
    clearTimeout(timer)
    abort.abort()
    options.ended(outcome, useless)
  }

  /** Bytes only note their time; the one timer finds out when it fires, which may be late, after the machine slept. */
  function check() {
    clearTimeout(timer)
    // Each request of a poll has a limit of its own.
    if (signal.aborted || transport === 'poll' || options.read) return
    const now = Date.now()
    // The clock may have been set back.
    heardAt = Math.min(heardAt, now)
    const left = heardAt + (live ? HEARTBEATS * heartbeatMs : PATIENCE_MS) - now
    if (left > 0) timer = setTimeout(check, left)
    else if (!live) end({ kind: 'failed', code: 'network', message: 'the server is silent' }, true)
    else if (transport === 'eventsource') void ask()
    else end(atOnce)
  }

  /** Heartbeats cannot be seen: asks whether anything has been missed. */
  async function ask() {
    const { missedNothing } = await import('./event-source.ts')
    if (!(await missedNothing(api, room, options.position, signal))) return end(atOnce)
    heardAt = Date.now()
    check()
  }

  function opened() {
    if (signal.aborted) return
    openedAt = heardAt = Date.now()
    options.opening()
  }

  /** What comes together with something malformed is not taken in: the next stream brings it again. */
  function heard(frames: Frame[], opens = false) {
    if (signal.aborted) return
    heardAt = Date.now()
    try {
      take(frames, opens)
    } catch (error) {
      end(noAnswer(error, 'protocol'))
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

  const load = async () => options.read || (transport !== 'poll' && (await options.joined)) || readers[transport]()

  check()
  void load()
    .then((read) => read(api, room, { ...options, signal }, { opened, heard, retry: options.retry, names: eventNames }))
    .catch((error) => noAnswer(error, 'protocol'))
    .then((answer) => end(answer.kind === 'ok' ? over : answer, !live && Date.now() - openedAt < CUT_OFF_MS))

  return { check, stop: () => end(atOnce) }
}
