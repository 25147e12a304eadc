// One stream from its opening to its end: its events, and the watchdog.
import type { RoomEvent } from '../../wire.ts'
import { explain, noAnswer, type Answer } from './api.ts'
import type { Context } from './context.ts'
import { after, now, stopwatch, type Timer } from '../runtime/clock.ts'
import { eventNames, readFrame, type Frame } from './events.ts'
import { readByFetch, type ReadRequest, type ReadStream } from './fetch-stream.ts'

/** The step after events: continue, reopen from the position, or reopen without one. */
export type Verdict = 'ok' | 'resume' | 'restart'

/**
 * Why a stream ended, and when to open the next one: after `afterMs`, otherwise after the backoff. `replaced`: no fault is known, but
 * another stream is safer.
 */
export type Outcome = Answer<{ afterMs?: number; replaced?: boolean }>

export type Transport = 'fetch' | 'eventsource' | 'poll'

export interface StreamHandler extends Omit<ReadRequest, 'signal' | 'clientId'> {
  /** Reads from the tab that leads. That reader detects a dead leader itself. */
  read?: ReadStream | undefined
  opening(): void
  /** The events that came together. */
  events(events: RoomEvent[]): Verdict
  /** The server names the wait before the next stream, in milliseconds. */
  retry(ms: number): void
  /** The stream has ended. `blocked`: a proxy may block streams. */
  ended(outcome: Outcome, blocked: Blocked | undefined): void
}

/** `useless`: the stream ended at once, or stayed silent. `refused`: it was not opened, and the answer was not the server's. */
export type Blocked = 'useless' | 'refused'

export interface Stream {
  /** The network may have changed: ends the stream if it is dead. */
  wake(): void
  /** A request had no answer for this many milliseconds: ends a stream that was silent as long. */
  doubt(ms: number): void
  /** Ends the stream so that another one is opened. */
  replace(): void
  stop(): void
}

/** A stream that ends sooner, before it has caught up, was cut off by the network. */
const CUT_OFF_MS = 2000
/** How long a stream that has not caught up may be silent. */
const PATIENCE_MS = 10_000
/** The same for an EventSource, which shows an event only when it is complete. */
const BLIND_PATIENCE_MS = 120_000
/** When the network may have changed, a stream that was silent for this long is replaced. */
const FRESH_MS = 2000
/** How many heartbeats a stream that has caught up may miss. */
const HEARTBEATS = 2.5

/** Codes of answers that did not come from the server. */
const FOREIGN: readonly string[] = ['network', 'protocol']

const over: Outcome = { kind: 'ok', value: {} }
export const atOnce: Outcome = { kind: 'ok', value: { afterMs: 0 } }
const replaced: Outcome = { kind: 'ok', value: { afterMs: 0, replaced: true } }

/** The readers by transport. Those that few clients need are loaded on demand. */
export const readers: Readonly<Record<Transport, () => Promise<ReadStream>>> = {
  fetch: async () => readByFetch,
  eventsource: async () => (await import('./event-source.ts')).readByEventSource,
  poll: async () => (await import('./poll.ts')).readByPolling
}

export const hasCaughtUp = (events: RoomEvent[]) => events.some(({ type }) => type === 'up-to-date')

export function openStream(context: Context, transport: Transport, handler: StreamHandler): Stream {
  const { api, room, clientId, heartbeatMs } = context
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
    handler.ended(outcome, blocked)
  }

  const patience = () =>
    live ? HEARTBEATS * heartbeatMs : transport === 'eventsource' && openedAt !== undefined ? BLIND_PATIENCE_MS : PATIENCE_MS

  /** Bytes only restart the stopwatch, and the one timer checks it. After the machine slept it fires late. */
  function check() {
    clearTimeout(timer)
    // Each request of a poll has its own timeout.
    if (signal.aborted || transport === 'poll' || handler.read) return
    const left = patience() - silence()
    if (left > 0) timer = after(left, check)
    else if (!live) end({ kind: 'failed', code: 'network', message: 'nothing comes from the server' }, 'useless')
    else if (transport === 'eventsource') void checkPosition()
    else end(atOnce)
  }

  /** An EventSource does not show heartbeats: compares the position with the server's. */
  async function checkPosition() {
    const { missedNothing } = await import('./event-source.ts')
    if (!(await missedNothing(api, room, handler.position, signal))) return end(atOnce)
    silence = stopwatch()
    check()
  }

  function opened() {
    if (signal.aborted) return
    openedAt = now()
    silence = stopwatch()
    handler.opening()
  }

  /** Events that came together with a malformed one are dropped: the next stream brings them again. */
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
        // An expired token is no fault: the next stream sends a fresh one.
        if (code === 'token_expired') outcome = over
        else outcome = retryable ? { kind: 'failed', code, message: explain(problem) } : { kind: 'refused', problem }
      } else if (event) events.push(event)
    }
    if (opens) opened()
    if (events.length && handler.events(events) !== 'ok') outcome ??= over
    if (outcome) end(outcome)
    else if (!live && hasCaughtUp(events)) {
      live = true
      check()
    }
  }

  const load = async () => handler.read || (transport !== 'poll' && (await context.sharedStream?.())) || readers[transport]()

  check()
  void load()
    .then((read) =>
      read(api, room, { ...handler, clientId, signal }, { opened, heard, retry: handler.retry, names: eventNames })
    )
    .catch((error) => noAnswer(error, 'the stream cannot be read', 'protocol'))
    .then((answer) => end(answer.kind === 'ok' ? over : answer, blockedBy(answer)))

  function blockedBy(answer: Answer<unknown>): Blocked | undefined {
    if (openedAt !== undefined) return !live && now() - openedAt < CUT_OFF_MS ? 'useless' : undefined
    const { status } = answer.kind === 'ok' || answer.kind === 'refused' ? { status: 0 } : answer
    const foreign = answer.kind === 'failed' && FOREIGN.includes(answer.code)
    // 404, 405, and 403 without a problem: a proxy has changed the request or answered it.
    return foreign || status === 403 || status === 404 || status === 405 ? 'refused' : undefined
  }

  function wake() {
    clearTimeout(probe)
    // The tab that leads checks its own stream.
    if (signal.aborted || (handler.read && live)) return
    if (silence() >= FRESH_MS) return end(replaced)
    const last = silence
    probe = after(FRESH_MS, () => silence === last && end(replaced))
  }

  return {
    wake,
    doubt: (ms) => !handler.read && transport === 'fetch' && silence() >= ms && end(replaced),
    replace: () => !handler.read && transport !== 'poll' && end(replaced),
    stop: () => end(atOnce)
  }
}
