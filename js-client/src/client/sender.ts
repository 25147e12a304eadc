// Gets the changes of one room to the server: when to send, one batch at a time, again and again until its fate is known.
import type { Frozen, Replica } from '../replica/replica.ts'
import type { Problem } from '../wire.ts'
import type { Api } from './api.ts'
import { delay } from './backoff.ts'

export interface SenderOptions {
  api: Api
  room: string
  replica: Replica
  /** The longest that a change waits for the next one, in milliseconds. */
  maxWaitMs: number
  /** Takes in what the application has changed, runs what changes the replica, and shows it. */
  step(change: () => void): void
  failed(code: string, message: string): void
  succeeded(): void
}

export type Sender = ReturnType<typeof createSender>

const BASE_MS = 500

export function createSender({ api, room, replica, maxWaitMs, step, failed, succeeded }: SenderOptions) {
  /** What is on its way. An answer to what is no longer in here decides nothing, unless it is a yes. */
  const inFlight = new Set<Frozen>()
  let debounce: ReturnType<typeof setTimeout> | undefined
  let retry: ReturnType<typeof setTimeout> | undefined
  /** When the first change that waits has to go at the latest. */
  let deadline = 0
  /** The debounce is over: what is unsent may go. */
  let due = false
  let failures = 0

  function touch(ms: number) {
    if (!debounce) deadline = Date.now() + maxWaitMs
    clearTimeout(debounce)
    debounce = setTimeout(flush, Math.max(0, Math.min(ms, deadline - Date.now())))
  }

  function flush() {
    clearTimeout(debounce)
    debounce = undefined
    due = true
    step(() => {})
    pump()
  }

  function pump() {
    if (!replica.live || inFlight.size || retry) return
    let next = replica.queue.find(({ ack }) => !ack)
    if (!next && due) {
      step(() => (next = replica.freeze()))
      due = !!next
    }
    if (next) void post(next)
  }

  async function post(frozen: Frozen, keepalive = false) {
    inFlight.add(frozen)
    const answer = await api.postBatch(room, frozen.batch, { keepalive })
    const expected = inFlight.delete(frozen)
    if (answer.kind === 'ok') {
      failures = 0
      if (!frozen.ack) step(() => replica.answered(frozen, answer.value))
      succeeded()
    } else if (!expected || !replica.queue.includes(frozen)) {
      // Given up on, or its delta has come: what was lost is the answer alone.
    } else if (answer.kind === 'refused') {
      step(() => replica.refused(frozen, answer.problem))
    } else if (answer.kind === 'failed' && answer.status === 413 && frozen.batch.ops.length > 1) {
      // Something on the way takes less than the server does.
      step(() => replica.refused(frozen, { code: 'body_too_large' } as Problem))
    } else {
      const [code, least] = answer.kind === 'failed' ? [answer.code, answer.retryAfterMs] : ['unauthorized', 5000]
      clearTimeout(retry)
      retry = setTimeout(again, Math.max(delay(failures++, BASE_MS), least ?? 0))
      failed(code, answer.message)
      return
    }
    pump()
  }

  function again() {
    retry = undefined
    pump()
  }

  function forget() {
    clearTimeout(retry)
    retry = undefined
    inFlight.clear()
  }

  return {
    /** Something has changed: sends it when nothing has for so many milliseconds. */
    touch,
    /** Sends it now. */
    flush,
    /** The replica is live again. What was on its way when it was not is repeated: its fate is unknown. */
    resume() {
      forget()
      failures = 0
      due = true
      pump()
    },
    /**
     * The page is hidden and may never come back. All that is pending goes out in requests that outlive it, in order, and
     * beside what is on its way already, which may be cut off with the page; the server knows a repeated batch.
     */
    hide() {
      clearTimeout(debounce)
      debounce = undefined
      step(() => {})
      if (!replica.live) return
      step(() => {
        while (replica.freeze());
      })
      for (const frozen of replica.queue) if (!frozen.ack) void post(frozen, true)
    },
    stop() {
      forget()
      clearTimeout(debounce)
    }
  }
}
