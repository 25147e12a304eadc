// What becomes of a batch after an answer, and how much the next one may hold. Pure: the sender carries it out.
//
// Only the server can refuse a batch for good. Whatever else answers in its place, or does not answer, may object to the content
// of this batch or be out of order altogether. The difference is whether the server still answers a batch without operations.
// If it does, the batch is divided until the operation at fault is found, and that one is set aside.
import type { Refusal } from '../../replica/replica.ts'
import type { Operation, Problem } from '../../wire.ts'
import type { Answer } from '../transport/api.ts'

export interface Pace {
  /** What the next batch may hold. */
  readonly ops: number
  readonly bytes: number
  /** Successes until a batch may be larger again, and how many that takes: more each time that a batch was too large. */
  readonly growIn: number
  readonly patience: number
  /** Failures of one batch in a row that may be due to its content. */
  readonly strikes: number
  /** Failures in a row, whatever of. */
  readonly failures: number
}

/** A batch as it was sent. */
export interface Sent {
  readonly ops: readonly Operation[]
  readonly bytes: number
  /** It names the batch before it. */
  readonly chained: boolean
  /** Less can be sent. */
  readonly divisible: boolean
}

export type Step =
  /** The batch is done. */
  | { readonly do: 'go on' }
  /** Repeat the same batch later, and not before so many milliseconds. */
  | { readonly do: 'repeat'; readonly leastMs: number }
  /** It is not in the log: send its changes under a new number. */
  | { readonly do: 'renumber' }
  /** Send its changes in smaller batches. */
  | { readonly do: 'divide' }
  /** Find out whether the server answers batches at all, and decide again. */
  | { readonly do: 'ask' }
  /** These operations do not get through; send the others. */
  | { readonly do: 'set aside'; readonly ops: readonly Operation[]; readonly why: Refusal }

/** What a server takes. */
export const START: Pace = { ops: 1000, bytes: 1_000_000, growIn: 1, patience: 1, strikes: 0, failures: 0 }

/** After so many attempts it is found out whether it is the content of the batch that fails. */
const ATTEMPTS = 3
/** A smaller batch is not too slow for its size, in bytes. */
const SMALL = 4096
const UNAUTHORIZED_MS = 5000
/** So many successes until a size is tried again that was too large. */
const MAX_PATIENCE = 64
/** Another batch has the number, or a later one of this client came first. */
const RENUMBER: readonly string[] = ['client_seq_reused', 'client_seq_passed']

/**
 * Decides by an answer. `reachable`: whether the server answers a batch without operations; undefined when it has not been
 * asked.
 */
export function decide(pace: Pace, answer: Answer<unknown>, sent: Sent, reachable?: boolean): { pace: Pace; step: Step } {
  if (answer.kind === 'ok') return { pace: grown(pace), step: { do: 'go on' } }
  if (answer.kind === 'refused') return refused(pace, answer.problem, sent)

  const { message } = answer
  const failure = answer.kind === 'failed' ? answer : undefined
  const failures = reachable === undefined ? pace.failures + 1 : pace.failures
  const repeat: Step = { do: 'repeat', leastMs: failure ? (failure.retryAfterMs ?? 0) : UNAUTHORIZED_MS }
  // The server says that it will take the batch later, or another user's token is needed.
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
    return { pace: next, step: suspect ? { do: 'ask' } : { ...repeat, leastMs: failure?.retryAfterMs ?? 0 } }
  }
  if (!reachable) return { pace: next, step: repeat }
  if (sent.divisible) return divided(next, sent)
  const code = !failure || failure.code === 'protocol' || failure.code === 'network' ? 'blocked' : failure.code
  return {
    pace: { ...next, strikes: ATTEMPTS - 2, failures: 0 },
    step: { do: 'set aside', ops: sent.ops, why: { code, message } }
  }
}

/** The server itself says no. */
function refused(pace: Pace, problem: Problem, sent: Sent): { pace: Pace; step: Step } {
  const { code, title, detail, errors } = problem
  const failures = pace.failures + 1
  const why = { code, message: detail ?? title ?? code }
  const named = new Set(errors?.map(({ pointer }) => /^\/ops\/(\d+)/.exec(pointer)?.[1]))
  const ops = sent.ops.filter((_, i) => named.has(`${i}`))
  // An older server does not know the member that names the batch before, and names no operation.
  const unknown = sent.chained && !ops.length && code === 'invalid_request'
  if (unknown || RENUMBER.includes(code)) return { pace: { ...pace, failures }, step: { do: 'renumber' } }
  if (ops.length) return { pace, step: { do: 'set aside', ops, why } }
  // What is forbidden without more is so altogether.
  if (sent.divisible && code !== 'forbidden') return divided(pace, sent)
  return { pace, step: { do: 'set aside', ops: sent.ops, why } }
}

function divided(pace: Pace, { ops, bytes }: Sent): { pace: Pace; step: Step } {
  const less = ops.length > 1 ? { ops: ops.length >> 1 } : { bytes: Math.max(Math.min(pace.bytes, bytes) >> 1, 1) }
  // The parts that fail are divided at the next failure; the last one has its attempts.
  return { pace: { ...pace, ...less, strikes: ATTEMPTS - 1, failures: 0 }, step: { do: 'divide' } }
}

function grown(pace: Pace): Pace {
  const growIn = pace.growIn - 1
  if (growIn > 0) return { ...pace, growIn, strikes: 0, failures: 0 }
  const [ops, bytes] = [Math.min(pace.ops * 2, START.ops), Math.min(pace.bytes * 4, START.bytes)]
  const whole = ops === START.ops && bytes === START.bytes
  return whole ? START : { ...pace, ops, bytes, growIn: pace.patience, strikes: 0, failures: 0 }
}
