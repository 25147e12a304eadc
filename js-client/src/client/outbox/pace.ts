// Decides what follows an answer to a batch, and the size of the next one. Pure: the sender carries it out.
//
// Only a refusal by the server is final. Any other answer, or none, may be caused by the batch's content or by an outage. To
// distinguish them, the client sends a batch without operations. If the server answers that, the batch is divided until the operation
// at fault is found, and that operation is set aside.
import type { Refusal } from '../../replica/replica.ts'
import type { Operation, Problem } from '../../wire.ts'
import type { Answer } from '../transport/api.ts'

export interface Pace {
  /** The limits of the next batch. */
  readonly ops: number
  readonly bytes: number
  /** Successes until batches grow, and how many that takes next time: twice as many after each batch that was too large. */
  readonly growIn: number
  readonly patience: number
  /** Failures in a row that may be caused by the content of one batch. */
  readonly strikes: number
  /** Failures in a row, of any kind. */
  readonly failures: number
}

/** A batch that was sent. */
export interface Sent {
  readonly ops: readonly Operation[]
  readonly bytes: number
  /** It names the batch before it. */
  readonly chained: boolean
  /** The batch can be divided. */
  readonly divisible: boolean
}

export type Step =
  /** The batch was accepted. */
  | { readonly do: 'go on' }
  /** Repeat the same batch, after the backoff and at least this many milliseconds. */
  | { readonly do: 'repeat'; readonly leastMs: number }
  /** The batch is not in the log: send its changes under a new number. */
  | { readonly do: 'renumber' }
  /** Send its changes in smaller batches. */
  | { readonly do: 'divide' }
  /** Check whether the server answers batches at all, and decide again. */
  | { readonly do: 'check' }
  /** Set these operations aside, and send the others. */
  | { readonly do: 'set aside'; readonly ops: readonly Operation[]; readonly why: Refusal }

/** The limits of a server without network faults. */
export const START: Pace = { ops: 1000, bytes: 1_000_000, growIn: 1, patience: 1, strikes: 0, failures: 0 }

/** After so many attempts it is checked whether the batch's content is the cause. */
const ATTEMPTS = 3
/** A smaller batch does not time out for its size, in bytes. */
const SMALL = 4096
const UNAUTHORIZED_MS = 5000
/** The most successes until a larger size is tried again. */
const MAX_PATIENCE = 64
/** Another batch has the number, or the server has committed a later one of this client. */
const RENUMBER: readonly string[] = ['client_seq_reused', 'client_seq_passed']

/**
 * Decides what follows an answer. `reachable`: whether the server answers a batch without operations; undefined when that was not
 * checked.
 */
export function decide(pace: Pace, answer: Answer<unknown>, sent: Sent, reachable?: boolean): { pace: Pace; step: Step } {
  if (answer.kind === 'ok') return { pace: grown(pace), step: { do: 'go on' } }
  if (answer.kind === 'refused') return refused(pace, answer.problem, sent)

  const { message } = answer
  const failure = answer.kind === 'failed' ? answer : undefined
  const failures = reachable === undefined ? pace.failures + 1 : pace.failures
  const repeat: Step = { do: 'repeat', leastMs: failure ? (failure.retryAfterMs ?? 0) : UNAUTHORIZED_MS }
  // The server accepts the batch later, or with another token.
  if (failure?.retryable || (!failure && answer.status !== 403)) return { pace: { ...pace, failures }, step: repeat }

  const status = answer.status ?? 0
  const tooMuch = status === 413 || ((failure?.slow || status === 408 || status === 504) && sent.bytes > SMALL)
  if (tooMuch && sent.divisible) {
    const patience = Math.min(pace.patience * 2, MAX_PATIENCE)
    return divided({ ...pace, growIn: patience, patience }, sent)
  }

  const strikes = reachable === undefined ? pace.strikes + 1 : pace.strikes
  const next = { ...pace, failures, strikes }
  if (reachable === undefined) {
    const refuses = status >= 400 && status < 500
    const suspect = strikes >= ATTEMPTS || (refuses && sent.divisible)
    return { pace: next, step: suspect ? { do: 'check' } : { ...repeat, leastMs: failure?.retryAfterMs ?? 0 } }
  }
  if (!reachable) return { pace: next, step: repeat }
  if (sent.divisible) return divided(next, sent)
  const code = !failure || failure.code === 'protocol' || failure.code === 'network' ? 'blocked' : failure.code
  return {
    pace: { ...next, strikes: ATTEMPTS - 2, failures: 0 },
    step: { do: 'set aside', ops: sent.ops, why: { code, message } }
  }
}

/** Decides after a refusal of the server itself. */
function refused(pace: Pace, problem: Problem, sent: Sent): { pace: Pace; step: Step } {
  const { code, title, detail, errors } = problem
  const failures = pace.failures + 1
  const why = { code, message: detail ?? title ?? code }
  const named = new Set(errors?.map(({ pointer }) => /^\/ops\/(\d+)/.exec(pointer)?.[1]))
  const ops = sent.ops.filter((_, i) => named.has(`${i}`))
  // An older server does not know `previousClientSeq`, and names no operation.
  const unknown = sent.chained && !ops.length && code === 'invalid_request'
  if (unknown || RENUMBER.includes(code)) return { pace: { ...pace, failures }, step: { do: 'renumber' } }
  if (ops.length) return { pace, step: { do: 'set aside', ops, why } }
  // `forbidden` without a named operation is about the whole room.
  if (sent.divisible && code !== 'forbidden') return divided(pace, sent)
  return { pace, step: { do: 'set aside', ops: sent.ops, why } }
}

function divided(pace: Pace, { ops, bytes }: Sent): { pace: Pace; step: Step } {
  const less = ops.length > 1 ? { ops: ops.length >> 1 } : { bytes: Math.max(Math.min(pace.bytes, bytes) >> 1, 1) }
  // A part that fails is checked at its next failure. An operation that cannot be divided has all attempts.
  return { pace: { ...pace, ...less, strikes: ATTEMPTS - 1, failures: 0 }, step: { do: 'divide' } }
}

function grown(pace: Pace): Pace {
  const growIn = pace.growIn - 1
  if (growIn > 0) return { ...pace, growIn, strikes: 0, failures: 0 }
  const [ops, bytes] = [Math.min(pace.ops * 2, START.ops), Math.min(pace.bytes * 4, START.bytes)]
  const whole = ops === START.ops && bytes === START.bytes
  return whole ? START : { ...pace, ops, bytes, growIn: pace.patience, strikes: 0, failures: 0 }
}
