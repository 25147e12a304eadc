// Gets the changes of one room to the server. One batch at a time, again and again until its fate is known; more than one only
// when the page is hidden, each naming the one before it. pace.ts decides what an answer means.
import { isDivisible } from '../../document/split.ts'
import type { Frozen, Replica } from '../../replica/replica.ts'
import type { Operation } from '../../wire.ts'
import { inWords, TIMEOUT_MS, type Answer } from '../transport/api.ts'
import type { Context } from '../transport/context.ts'
import { delay } from '../runtime/backoff.ts'
import { after, now, stopwatch, type Timer } from '../runtime/clock.ts'
import { available } from '../transport/keepalive.ts'
import { decide, START, type Sent } from './pace.ts'

export interface SenderContext extends Pick<Context, 'api' | 'room' | 'clientId'> {
  /** The longest that a change waits for the next one, in milliseconds. */
  readonly maxWaitMs: number
  /** The server has passed the numbers of this client. It has said so this many times in a row. */
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

/** One request with a batch. */
interface Attempt {
  readonly frozen: Frozen
  readonly keepalive: boolean
  readonly abort: AbortController
  /** Since it began, in milliseconds. */
  readonly elapsed: () => number
  /** Given up, because the network has changed: that says nothing about the batch. */
  dropped: boolean
  timer?: Timer
}

const BASE_MS = 500
/** How long an answer may take after the network has come back. */
const PROBE_MS = 2000
/** What a slow link carries at least, in bytes per millisecond. */
const SLOW_LINK = 10
/** How much one batch holds that is sent when the page is hidden, so that a large change does not keep small ones behind. */
const HIDDEN_BYTES = 16_384
/** So many attempts in a row are ended early by signs of life of the server. */
const EARLY = 3

export function createSender(
  { api, room, clientId, maxWaitMs, passed }: SenderContext,
  replica: Replica,
  { step, failed, succeeded, unanswered }: SenderHandlers
) {
  const attempts = new Set<Attempt>()
  let pace = START
  let debounce: Timer | undefined
  let retry: Timer | undefined
  /** When the first change that waits has to go at the latest. */
  let deadline = 0
  /** The debounce is over: what is unsent may go. */
  let due = false
  /** It is being found out whether the server answers batches at all. */
  let asking = false
  let stopped = false

  function touch(ms: number) {
    if (!debounce) deadline = now() + Math.max(maxWaitMs, ms)
    clearTimeout(debounce)
    debounce = after(Math.min(ms, deadline - now()), flush)
  }

  function flush() {
    clearTimeout(debounce)
    debounce = undefined
    due = true
    step(() => {})
    pump()
  }

  function pump() {
    if (stopped || !replica.live || attempts.size || retry || asking) return
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
    // What cannot be sent in parts may take as long as a slow link needs for it.
    const limitMs = TIMEOUT_MS + (sent.divisible ? 0 : sent.bytes / SLOW_LINK)
    const answer = await api.postBatch(room, batch, { keepalive, signal: attempt.abort.signal, limitMs })
    clearTimeout(attempt.timer)
    attempts.delete(attempt)
    if (answer.kind === 'ok') {
      pace = decide(pace, answer, sent).pace
      if (!frozen.ack) step(() => replica.answered(frozen, answer.value))
      succeeded()
    } else if (isOpen(frozen) && !attempt.dropped) {
      if (answer.kind === 'failed' && answer.code === 'network' && pace.failures < EARLY) unanswered(attempt.elapsed())
      await settle(frozen, answer, sent)
    }
    pump()
  }

  /** Whether an answer that is no yes decides anything. It does not when a delta has come, or the batch was repeated. */
  const isOpen = (frozen: Frozen) =>
    !frozen.ack && replica.queue.includes(frozen) && ![...attempts].some((attempt) => attempt.frozen === frozen)

  async function settle(frozen: Frozen, answer: Exclude<Answer<unknown>, { kind: 'ok' }>, sent: Sent) {
    let decision = decide(pace, answer, sent)
    pace = decision.pace
    if (decision.step.do === 'ask') {
      asking = true
      const reachable = await api.answersPosts(room, clientId, frozen.batch.key)
      asking = false
      if (!isOpen(frozen)) return
      decision = decide(pace, answer, sent, reachable)
      pace = decision.pace
    }
    const next = decision.step
    if (next.do === 'divide' || next.do === 'renumber') {
      due = true
      step(() => replica.withdraw(frozen))
      if (next.do === 'renumber' && pace.failures > 1) {
        passed(pace.failures)
        wait(0)
      }
    } else if (next.do === 'set aside') {
      due = true
      step(() => replica.setAside(frozen, next.ops, next.why))
    } else if (next.do === 'repeat') {
      wait(next.leastMs)
      if (answer.kind !== 'refused') {
        const why = inWords('Changes cannot be sent', answer.message, 'They are kept, and sent again')
        failed(answer.kind === 'failed' ? answer.code : 'unauthorized', why)
      }
    }
  }

  function wait(leastMs: number) {
    clearTimeout(retry)
    retry = undefined
    if (!stopped) retry = after(Math.max(delay(pace.failures - 1, BASE_MS), leastMs), again)
  }

  function again() {
    clearTimeout(retry)
    retry = undefined
    pump()
  }

  /** The network has changed: requests over the old one are given up and repeated, unless they are answered soon. */
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
    /** Something has changed: sends it when nothing has for so many milliseconds. */
    touch,
    /** Sends it now. */
    flush,
    /** Something has come from the server: what has waited for it may go. */
    proceed: pump,
    /** The replica is live again. `lost`: the connection was lost in between, and not only replaced. */
    resume(lost: boolean) {
      due = true
      if (lost) doubt()
      if (lost || pace.failures <= EARLY) again()
      else pump()
    },
    /** Tries at once what would be tried later: the page is online, or visible, again. */
    wake() {
      doubt()
      again()
    },
    /** The server has answered something else. */
    reached() {
      if (retry && pace.failures <= EARLY) again()
    },
    /** How much is to be sent, in bytes or so. */
    weigh() {
      step(() => {})
      return JSON.stringify(replica.saved()).length
    },
    /**
     * The page is hidden and may never come back. All that is pending goes out in requests that outlive it, and what is on its
     * way already is repeated in one: the server keeps the order, and knows a repeated batch. Most hidden pages live on, and
     * what is too large for that is then sent as ever.
     */
    hide() {
      clearTimeout(debounce)
      debounce = undefined
      step(() => {})
      const outlives = (frozen: Frozen) => [...attempts].some((attempt) => attempt.frozen === frozen && attempt.keepalive)
      const send = (frozen: Frozen): boolean => {
        const fits = api.bytesOf(frozen.batch) <= available()
        const isOnItsWay = [...attempts].some((attempt) => attempt.frozen === frozen)
        if (!outlives(frozen) && (fits || !isOnItsWay)) void post(frozen, fits)
        return fits
      }
      let fits = true
      for (const frozen of replica.queue) if (!frozen.ack && !outlives(frozen)) fits = send(frozen) && fits
      for (let frozen: Frozen | undefined; fits; fits = send(frozen)) {
        step(() => (frozen = replica.freeze({ bytes: Math.min(pace.bytes, HIDDEN_BYTES), hidden: true })))
        if (!frozen) break
      }
      due = true
      const left = replica.queue.filter((frozen) => !frozen.ack && !outlives(frozen)).flatMap(({ batch }) => batch.ops)
      const unsent = replica.ready.flatMap((key) => replica.unsent(key))
      const ops = [...left, ...unsent]
      if (ops.length)
        failed(
          'unload',
          'More is pending than a browser sends if the page is closed now. The rest is sent while the page lives.',
          ops
        )
    },
    stop() {
      stopped = true
      clearTimeout(retry)
      retry = undefined
      clearTimeout(debounce)
      for (const attempt of attempts) clearTimeout(attempt.timer)
    }
  }
}
