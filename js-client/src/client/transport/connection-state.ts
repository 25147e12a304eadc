// The state machine of a connection: which source is read next and when, and which events the room gets. Pure: connection.ts
// carries out the effects. SPEC.md has the table in words.
import type { Problem } from '../../wire.ts'
import { delay } from '../runtime/backoff.ts'
import { MAX_WAIT_MS, within } from '../runtime/clock.ts'
import { explain, type Failure, inWords } from './api.ts'
import type { Blocked, Outcome } from './stream.ts'

/** A stable error code, and the same as a sentence. */
export interface Fault {
  readonly code: string
  readonly message: string
}

/** The source of a room's events: a separate stream, polling, or the tab that leads. */
export type Source = 'stream' | 'poll' | 'leader'

export interface State {
  /**
   * `waiting`: for the next attempt, or to begin. `electing`: finding out whether this tab reads for the others. `reading`: a
   * source is read or being opened.
   */
  readonly phase: 'waiting' | 'electing' | 'reading'
  /** The source that is read, or was read last. */
  readonly source: Source
  /** The room is followed. A stream that is being replaced still counts, for `PROBE_MS`. */
  readonly followed: boolean
  /** Streams do not get through. */
  readonly polling: boolean
  /** Why not, once that is known. */
  readonly fault?: Fault | undefined
  /** The stream's address has the display name, until a stream was refused that may have been refused for it. */
  readonly named: boolean
  /** The server cannot resume from the position: the next stream begins with whole state. */
  readonly fresh: boolean
  /** The last attempt had no answer. */
  readonly unanswered: boolean
  /** The first backoff, in milliseconds. */
  readonly baseMs: number
  /** Attempts in a row that failed. */
  readonly failures: number
  /** Streams in a row that a proxy may have blocked. `STRIKES`: and another request got through. */
  readonly strikes: number
}

/** The events by name, with their values. */
export interface Events {
  /** The wait is over. */
  due: undefined
  /** Whether this tab reads for the others. */
  elected: boolean
  /** The source can be read. */
  opened: undefined
  caughtUp: undefined
  /** The source has ended. */
  ended: Ended
  /** The stream that replaces another one was not open in time. */
  expired: undefined
  /** The server names another first backoff, in milliseconds. */
  retry: number
  /** Whether another request got through. */
  compared: boolean
  /** It is known why streams do not get through. */
  diagnosed: Fault
  /** A stream got through while the room was polled, or the code that tries streams could not be loaded. */
  recovered: undefined
}

export interface Ended {
  readonly outcome: Outcome
  readonly blocked?: Blocked | undefined
  /** This client has a display name. */
  readonly hasName: boolean
  /** The browser is offline. */
  readonly offline: boolean
  /** In [0, 1). */
  readonly random: number
}

/** The effects by name, with their values. */
export interface Effects {
  elect: undefined
  open: Source
  /** Catching up begins. */
  opening: undefined
  /** The source is gone. The value: the room was followed until now. */
  lost: boolean
  failed: Fault
  /** Dispatch `due` after this many milliseconds. */
  wait: number
  /** Dispatch `due` now, if it is waited for. */
  hurry: undefined
  /** Dispatch `expired` after `PROBE_MS`, unless a stream is open by then. */
  probe: undefined
  /** Make another request for comparison. */
  compare: undefined
  /** Try streams beside the polling. */
  fallBack: undefined
  /** End the current stream or polling, and the streams tried beside it. */
  reopen: undefined
}

export type Effect = { [E in keyof Effects]: readonly [E, Effects[E]?] }[keyof Effects]
export type Transition = readonly [State, ...Effect[]]
type Transitions = { readonly [E in keyof Events]?: (state: State, value: Events[E]) => Transition }

/** The limits of the first backoff, whatever the server names. */
const MIN_BASE_MS = 100
const LONG_MS = 30_000
const UNAUTHORIZED_CAP_MS = 60_000
/**
 * The backoff while the browser says that it is offline is that after one failure, and does not grow: a server on this machine
 * or in an intranet may still be reachable.
 */
const OFFLINE_FAILURES = 1
/** So many blocked streams in a row mean that streams do not get through. */
export const STRIKES = 3
/** How long a stream that replaces another one may take to open before the room counts as lost. */
export const PROBE_MS = 2000

export const INITIAL: State = {
  phase: 'waiting',
  source: 'stream',
  followed: false,
  polling: false,
  named: true,
  fresh: false,
  unanswered: false,
  baseMs: 1000,
  failures: 0,
  strikes: 0
}

/** The transitions of each phase. An event that a phase does not have changes nothing. */
const byPhase: Readonly<Record<State['phase'], Transitions>> = {
  waiting: { due: (state) => [{ ...state, phase: 'electing' }, ['elect']] },
  electing: {
    elected(state, leads) {
      const source = !leads ? 'leader' : state.polling ? 'poll' : 'stream'
      return [{ ...state, phase: 'reading', source }, ['open', source]]
    }
  },
  reading: {
    opened: (state) => [{ ...state, followed: true, fresh: false, strikes: Math.min(state.strikes, STRIKES - 1) }, ['opening']],
    caughtUp: (state) => [{ ...state, failures: 0, strikes: state.source === 'poll' ? state.strikes : 0 }],
    ended: (state, event) => ended({ ...state, phase: 'waiting', unanswered: false }, event)
  }
}

/** The transitions that all phases have. */
const always: Transitions = {
  expired: (state) => (state.followed ? [{ ...state, followed: false }, ['lost', true]] : [state]),
  retry: (state, ms) => [{ ...state, baseMs: within(ms, MIN_BASE_MS, LONG_MS, LONG_MS) }],
  // An outage may just have ended. The next stream decides, and is opened now.
  compared: (state, passed) => (passed && !state.followed ? [{ ...state, strikes: STRIKES }, ['hurry']] : [state]),
  diagnosed: (state, fault) => (state.polling ? [{ ...state, fault }, ['failed', fault]] : [state]),
  recovered: (state) => (state.polling ? [{ ...state, polling: false, fault: undefined }, ['reopen']] : [state])
}

export function reduce<E extends keyof Events>(state: State, event: E, value: Events[E]): Transition {
  const transition = byPhase[state.phase][event] ?? always[event]
  return transition?.(state, value) ?? [state]
}

function ended(state: State, event: Ended): Transition {
  const { followed, named } = state
  const { outcome, blocked, hasName } = event
  // No fault is known: the room stays followed until the next stream fails to open.
  if (outcome.kind === 'ok' && outcome.value.replaced) return followed ? [state, ['probe'], ['wait', 0]] : [state, ['wait', 0]]

  const lost: Effect = ['lost', followed]
  const next = { ...state, followed: false }
  if (state.source !== 'stream') return later(next, event, lost)
  if (named && !followed && hasName && isRefusal(outcome)) return [{ ...next, named: false }, lost, ['wait', 0]]
  if (!blocked) return later(next, event, lost)
  const strikes = state.strikes + 1
  if (strikes < STRIKES) return later({ ...next, strikes }, event, lost)
  if (blocked === 'refused' && strikes === STRIKES) return later({ ...next, strikes: 0 }, event, lost, ['compare'])
  return [{ ...next, strikes: 0, failures: 0, polling: true }, lost, ['fallBack'], ['wait', 0]]
}

/** Reports what went wrong, and waits for the next attempt. */
function later(state: State, { outcome, offline, random }: Ended, ...effects: Effect[]): Transition {
  let leastMs = 0
  let capMs: number | undefined
  let { fresh } = state
  const report = (code: string, why: string) => {
    const message = inWords('Changes of others cannot be received', why, 'The connection is tried again')
    effects.push(['failed', { code, message }])
  }
  if (outcome.kind === 'ok') {
    const { afterMs } = outcome.value
    if (afterMs !== undefined) return [state, ...effects, ['wait', within(afterMs, 0, MAX_WAIT_MS, 0)]]
  } else if (outcome.kind === 'refused') {
    fresh = isGone(outcome.problem)
    if (!fresh) {
      leastMs = LONG_MS * (1 + random)
      report(outcome.problem.code, explain(outcome.problem))
    }
  } else if (outcome.kind === 'unauthorized') {
    capMs = UNAUTHORIZED_CAP_MS
    report('unauthorized', outcome.message)
  } else {
    leastMs = outcome.retryAfterMs ?? 0
    report(outcome.code, outcome.message)
  }
  const failures = offline ? OFFLINE_FAILURES : state.failures
  const ms = Math.max(
    leastMs,
    delay(failures, state.baseMs, capMs, () => random)
  )
  const unanswered = outcome.kind === 'failed' && !outcome.retryable
  return [{ ...state, fresh, unanswered, failures: state.failures + Number(!offline) }, ...effects, ['wait', ms]]
}

/** The server cannot resume from the position. */
const isGone = ({ code }: Problem) => code === 'invalid_event_id' || code === 'position_gone'

/** Whether the display name in the address may be the reason of an answer. */
function isRefusal(outcome: Outcome): boolean {
  if (outcome.kind === 'refused') return !isGone(outcome.problem)
  const { status = 500, retryable } = outcome as Partial<Failure>
  return status < 500 && status !== 429 && !retryable
}
