// Sends the changes of one room. One batch is in flight at a time, and is repeated until its fate is known. When the page is hidden,
// several may be in flight: each names the one before it. pace.ts decides what follows an answer.
import { isDivisible } from '../../document/split.ts'
import type { Frozen, Replica } from '../../replica/replica.ts'
import type { Operation } from '../../wire.ts'
import { inWords, TIMEOUT_MS, type Answer } from '../transport/api.ts'
import type { Context } from '../transport/context.ts'
import { delay } from '../runtime/backoff.ts'
import { after, now, stopwatch, type Timer } from '../runtime/clock.ts'
import { available } from '../transport/keepalive.ts'
import { decide, START, type Sent, type Step } from './pace.ts'

export interface SenderContext extends Pick<Context, 'api' | 'room' | 'clientId'> {
  /** The longest that a change waits for the next one, in milliseconds. */
  readonly maxWaitMs: number
  /** The server has committed a later batch of this client, and has refused this many batches in a row for it. */
  passed(times: number): void
}

export interface SenderHandlers {
  /** Reads the application's changes, runs a change of the replica, and shows the result. */
  step(change: () => void): void
  failed(code: string, message: string, ops?: readonly Operation[]): void
  succeeded(): void
  /** A request ended without an answer after this many milliseconds. */
  unanswered(ms: number): void
}

export type Sender = ReturnType<typeof createSender>

/** A request with a batch. */
interface Attempt {
  readonly frozen: Frozen
  readonly keepalive: boolean
  readonly abort: AbortController
  /** Its age, in milliseconds. */
  readonly elapsed: () => number
  /** It was aborted because the network has changed. So it is no failure of the batch. */
  dropped: boolean
  timer?: Timer
}

const BASE_MS = 500
/** How long an answer may take after the network is back. */
const PROBE_MS = 2000
/** The throughput of a slow link, in bytes per millisecond. */
const SLOW_LINK = 10
/** The size of a batch that is sent when the page is hidden, so that a large change does not delay small ones. */
const HIDDEN_BYTES = 16_384
/** Up to so many failures in a row, a retry is not delayed once the server has answered another request. */
const EARLY = 3
/** After so many failed attempts to read the log, a batch is divided all the same. */
const UNREAD = 3

export function createSender(
  { api, room, clientId, maxWaitMs, passed }: SenderContext,
  replica: Replica,
  { step, failed, succeeded, unanswered }: SenderHandlers
) {
  const attempts = new Set<Attempt>()
  let pace = START
  let debounce: Timer | undefined
  let retry: Timer | undefined
  /** The latest time to send the first waiting change. Monotonic, in milliseconds. */
  let deadline = 0
  /** The debounce is over: unsent changes may be frozen. */
  let due = false
  /** Answers whose consequences are not decided yet. */
  let deciding = 0
  /** Failed attempts in a row to read the log. */
  let unread = 0
  const stopped = new AbortController()
  const { signal } = stopped

  function touch(ms: number) {
    if (!debounce) deadline = now() + Math.max(maxWaitMs, ms)
    clearTimeout(debounce)
    debounce = after(Math.min(ms, deadline - now()), flush)
  }

  /** Reads the application's last changes, which may be sent from now on. */
  function gather() {
    clearTimeout(debounce)
    debounce = undefined
    due = true
    step(() => {})
  }

  function flush() {
    gather()
    pump()
  }

  function pump() {
    if (signal.aborted || !replica.live || attempts.size || retry || deciding) return
    let next = replica.queue.find(({ ack }) => !ack)
    if (!next && due) {
      step(() => (next = replica.freeze(pace)))
      due = !!next || replica.waits
    }
    if (next) void post(next)
  }

  async function post(frozen: Frozen, keepalive = false) {
    const { batch } = frozen
    const chained = batch.previousClientSeq !== undefined
    const sent: Sent = { ops: batch.ops, bytes: api.bytesOf(batch), chained, divisible: isDivisible(batch.ops) }
    const attempt: Attempt = { frozen, keepalive, abort: new AbortController(), elapsed: stopwatch(), dropped: false }
    attempts.add(attempt)
    // A batch that cannot be divided has the time that a slow link needs for it.
    const limitMs = TIMEOUT_MS + (sent.divisible ? 0 : sent.bytes / SLOW_LINK)
    const answer = await api.postBatch(room, batch, { keepalive, signal: attempt.abort.signal, limitMs })
    clearTimeout(attempt.timer)
    attempts.delete(attempt)
    if (answer.kind === 'ok') {
      judge(answer, sent)
      if (!frozen.ack) step(() => replica.answered(frozen, answer.value))
      succeeded()
    } else if (isOpen(frozen) && !attempt.dropped) {
      if (answer.kind === 'failed' && answer.code === 'network' && pace.failures < EARLY) unanswered(attempt.elapsed())
      deciding++
      await settle(frozen, answer, sent)
      deciding--
    }
    pump()
  }

  /** Decides what follows an answer, and changes the pace. */
  function judge(answer: Answer<unknown>, sent: Sent, reachable?: boolean): Step {
    const decision = decide(pace, answer, sent, reachable)
    pace = decision.pace
    return decision.step
  }

  const requestsOf = (frozen: Frozen) => [...attempts].filter((attempt) => attempt.frozen === frozen)

  /** Whether the batch's fate is open. Late answers are ignored unless successful. */
  const isOpen = (frozen: Frozen) =>
    !signal.aborted && !frozen.ack && replica.queue.includes(frozen) && !requestsOf(frozen).length

  async function settle(frozen: Frozen, answer: Exclude<Answer<unknown>, { kind: 'ok' }>, sent: Sent) {
    const previous = pace
    let next = judge(answer, sent)
    if (next.do === 'check') {
      const reachable = await api.answersPosts(room, clientId, frozen.batch.key, signal)
      if (!isOpen(frozen)) return
      next = judge(answer, sent, reachable)
    }
    let committed: boolean | undefined
    // Answers may be lost, and deltas late: changes that the log has must not be sent again under another number.
    if (answer.kind !== 'refused' && (next.do === 'divide' || next.do === 'set aside')) {
      committed = await isCommitted(frozen)
      if (!isOpen(frozen)) return
      // A network that blocks reading the log must not block the other changes.
      unread = committed === undefined ? (unread + 1) % UNREAD : 0
      if (committed || unread) {
        pace = { ...previous, failures: previous.failures + 1 }
        next = { do: 'repeat', leastMs: 0 }
      }
    }
    if (next.do === 'repeat') {
      wait(next.leastMs)
      if (answer.kind === 'refused' || committed) return
      const why = inWords('Changes cannot be sent', answer.message, 'They are kept, and sent again')
      return failed(answer.kind === 'failed' ? answer.code : 'unauthorized', why)
    }
    due = true
    step(() => (next.do === 'set aside' ? replica.setAside(frozen, next.ops, next.why) : replica.withdraw(frozen)))
    if (next.do === 'renumber' && pace.failures > 1) {
      passed(pace.failures)
      wait(0)
    }
  }

  /** Whether the log has the batch; undefined if the log cannot be read. */
  async function isCommitted(frozen: Frozen): Promise<boolean | undefined> {
    const { clientId, clientSeq } = frozen.batch
    for (let position = replica.origin(frozen); position; ) {
      const answer = await api.getChanges(room, `after=${position}`, 0, signal)
      if (answer.kind !== 'ok') return undefined
      const { changes, next, upToDate } = answer.value
      if (changes.some((delta) => delta.clientId === clientId && delta.clientSeq === clientSeq)) return true
      if (upToDate || next === position) return false
      position = next
    }
    return undefined
  }

  function wait(leastMs: number) {
    clearTimeout(retry)
    retry = undefined
    if (!signal.aborted) retry = after(Math.max(delay(pace.failures - 1, BASE_MS), leastMs), again)
  }

  function again() {
    clearTimeout(retry)
    retry = undefined
    pump()
  }

  /** The network has changed: requests are aborted and repeated, unless they are answered soon. */
  function doubt() {
    for (const attempt of attempts) {
      clearTimeout(attempt.timer)
      attempt.timer = after(PROBE_MS + api.bytesOf(attempt.frozen.batch) / SLOW_LINK, () => {
        attempt.dropped = true
        attempt.abort.abort(new Error('the network has changed'))
      })
    }
  }

  return {
    /** Schedules sending after this many milliseconds without a change. */
    touch,
    /** Sends now. */
    flush,
    /** Events of the room have arrived, which a batch may have waited for. */
    proceed: pump,
    /** The replica is live again. `lost`: the connection was lost meanwhile, and not only replaced. */
    resume(lost: boolean) {
      due = true
      if (lost) doubt()
      if (lost || pace.failures <= EARLY) again()
      else pump()
    },
    /** The page is online, or visible, again: retries at once. */
    wake() {
      doubt()
      again()
    },
    /** The server has answered another request. */
    reached() {
      if (retry && pace.failures <= EARLY) again()
    },
    /** The approximate size of all pending changes, in bytes. */
    weigh() {
      step(() => {})
      return JSON.stringify(replica.saved()).length
    },
    /**
     * The page is hidden, and may be closed without another event. All pending changes are sent in requests that outlive it. A batch
     * in flight is repeated in such a request: the server keeps the order, and recognises the repetition. Changes beyond the budget
     * are sent as usual if the page continues to run.
     */
    hide() {
      gather()
      const outlives = (frozen: Frozen) => requestsOf(frozen).some(({ keepalive }) => keepalive)
      const send = (frozen: Frozen): boolean => {
        const fits = api.bytesOf(frozen.batch) <= available()
        if (fits || !requestsOf(frozen).length) void post(frozen, fits)
        return fits
      }
      const remaining = () => replica.queue.filter((frozen) => !frozen.ack && !outlives(frozen))
      let fits = true
      for (const frozen of remaining()) fits = send(frozen) && fits
      for (let frozen: Frozen | undefined; fits; fits = send(frozen)) {
        step(() => (frozen = replica.freeze({ bytes: Math.min(pace.bytes, HIDDEN_BYTES), hidden: true })))
        if (!frozen) break
      }
      const ops = [...remaining().flatMap(({ batch }) => batch.ops), ...replica.ready.flatMap((key) => replica.unsent(key))]
      if (ops.length)
        failed('unload', 'More changes are pending than a closing page can send. The others are sent while it is open.', ops)
    },
    stop() {
      stopped.abort()
      clearTimeout(retry)
      clearTimeout(debounce)
      for (const attempt of attempts) clearTimeout(attempt.timer)
    }
  }
}
