// One stream from its opening to its end: what its events mean, and the watchdog.
import { explain, noAnswer, type Answer, type Api, type StreamRequest } from './api.ts'
import type { Problem, RoomEvent } from '../wire.ts'
import { readByEventSource } from './event-source.ts'
import { readFrame, type Frame } from './events.ts'
import { readByFetch } from './fetch-stream.ts'

/** What to do after events: go on, reopen from the position, or reopen without one. */
export type Verdict = 'ok' | 'resume' | 'restart'

export interface StreamOptions extends StreamRequest {
  api: Api
  room: string
  transport: 'fetch' | 'eventsource'
  /** In milliseconds. */
  heartbeatMs: number
  /** The event id that the reader has got to. */
  position(): string | undefined
  opening(): void
  /** The events that came together. */
  events(events: RoomEvent[]): Verdict
  retry(ms: number): void
  /** It is over. `useless`: it ended at once or stayed silent; something on the way may not let streams through. */
  ended(outcome: Outcome, useless: boolean): void
}

/** Why it is over, and when to come back: ok stands for at once, but for `afterMs` or the backoff. */
export type Outcome = Answer<{ afterMs?: number }>

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

export function openStream(options: StreamOptions): Stream {
  const { api, room, transport, heartbeatMs } = options
  const abort = new AbortController()
  const { signal } = abort
  let openedAt: number | undefined
  let heardAt = Date.now()
  let live = false
  let timer: ReturnType<typeof setTimeout> | undefined

  function end(outcome: Outcome, useless = false) {
    if (signal.aborted) return
    clearTimeout(timer)
    abort.abort()
    options.ended(outcome, useless)
  }

  /** Bytes only note their time; the one timer finds out when it fires, if need be long after a sleep of the machine. */
  function check() {
    clearTimeout(timer)
    if (signal.aborted) return
    const now = Date.now()
    // The clock may have been set back.
    heardAt = Math.min(heardAt, now)
    const left = heardAt + (live ? HEARTBEATS * heartbeatMs : PATIENCE_MS) - now
    if (left > 0) timer = setTimeout(check, left)
    else if (!live) end({ kind: 'failed', code: 'network', message: 'the server is silent' }, true)
    else if (transport === 'fetch') end(atOnce)
    else void ask()
  }

  /** Heartbeats cannot be seen: asks whether anything has been missed. */
  async function ask() {
    const answer = await api.getChanges(room, options.position(), 0, signal)
    if (answer.kind !== 'ok' || answer.value.next !== options.position()) return end(atOnce)
    heardAt = Date.now()
    check()
  }

  function heard(frames: Frame[]) {
    if (signal.aborted) return
    heardAt = Date.now()
    const events: RoomEvent[] = []
    let outcome: Outcome | undefined
    try {
      for (const frame of frames) {
        const event = readFrame(frame)
        if (event?.type === 'reconnect') outcome = { kind: 'ok', value: event.data }
        else if (event?.type === 'problem') outcome = saying(event.data)
        else if (event) events.push(event)
      }
    } catch (error) {
      // What came before it is good.
      outcome = noAnswer(error, 'protocol')
    }
    try {
      if (events.length && options.events(events) !== 'ok') outcome ??= over
    } catch (error) {
      outcome = noAnswer(error, 'protocol')
    }
    if (outcome) return end(outcome)
    if (!live && events.some(({ type }) => type === 'up-to-date')) {
      live = true
      check()
    }
  }

  const read = transport === 'fetch' ? readByFetch : readByEventSource
  const reader = {
    opened() {
      if (signal.aborted) return
      openedAt = heardAt = Date.now()
      options.opening()
    },
    heard,
    retry: options.retry
  }
  check()
  const { clientId, displayName, lastEventId } = options
  void read(api, room, { clientId, displayName, lastEventId, signal }, reader)
    .catch(noAnswer)
    .then((answer: Answer<unknown>) => {
      const cutOff = openedAt !== undefined && !live && Date.now() - openedAt < CUT_OFF_MS
      const ordinary = answer.kind === 'ok' || (live && answer.kind === 'failed' && answer.code === 'network')
      end(ordinary ? over : answer, cutOff)
    })

  return { check, stop: () => end(over) }
}

const saying = (problem: Problem): Outcome =>
  problem.retryable ? { kind: 'failed', code: problem.code, message: explain(problem) } : { kind: 'refused', problem }
