// This client's presence in a room, and its requests: one at a time, always with the last value. A failure never affects documents:
// it is reported, and the request is repeated while the room is connected.
import type { OwnPresence, SyncErrorEvent } from '../../types.ts'
import type { Answer } from '../transport/api.ts'
import type { Context } from '../transport/context.ts'
import { createSleeper, delay } from '../runtime/backoff.ts'
import { now } from '../runtime/clock.ts'
import { repairPresence } from './presence-value.ts'

export interface OwnPresenceContext extends Pick<Context, 'api' | 'room' | 'clientId'> {
  readonly displayName?: string | undefined
}

export interface OwnPresenceHandlers {
  /** Whether the room is connected. After a reconnect, `reopened` is called. */
  connected(): boolean
  report(error: Omit<SyncErrorEvent, 'room'>): void
}

const BASE_MS = 500
const CAP_MS = 60_000
/** A failure that may be temporary is reported after this many in a row. */
const FAILURES = 3

export function ownPresence(
  { api, room, clientId, displayName }: OwnPresenceContext,
  { connected, report }: OwnPresenceHandlers
) {
  const pause = createSleeper()
  /** The messages that were reported. */
  const messages = new Set<string>()
  let current: OwnPresence = displayName === undefined ? {} : repaired({ displayName })
  let everSet = false
  let abort: AbortController | undefined
  /** The current value is still to be sent. */
  let due = false
  /** No request is made before then, as `Retry-After` said. Monotonic, in milliseconds. */
  let quietUntil = 0
  let reported = false

  function repaired(presence: OwnPresence): OwnPresence {
    return repairPresence(presence, (member, why) => {
      const message = `presence.${member} ${why}.`
      if (messages.has(message)) return
      messages.add(message)
      report({ code: 'invalid_value', message, path: `presence.${member}` })
    })
  }

  function failed(why: string, next: string) {
    if (reported) return
    reported = true
    report({
      code: 'presence',
      message: `Others do not see the presence of this client: ${why}. ${next}. Documents are not affected.`
    })
  }

  /** Removes the members that a refusal names. Returns whether there were any. */
  function withoutRefused({ problem }: Extract<Answer<unknown>, { kind: 'refused' }>): boolean {
    const names = Object.keys(current) as (keyof OwnPresence)[]
    const refused = names.filter((name) => problem.errors?.some(({ pointer }) => pointer.split('/')[1] === name))
    for (const name of refused) {
      delete current[name]
      const message = `The server refuses presence.${name}: ${problem.detail ?? problem.title}. The rest is sent.`
      report({ code: 'invalid_value', message, path: `presence.${name}` })
    }
    return refused.length > 0
  }

  async function send() {
    due = true
    if (now() >= quietUntil) pause.wake()
    if (abort) return
    abort = new AbortController()
    const { signal } = abort
    for (let failures = 0; due; ) {
      due = false
      const answer = await api.putPresence(room, clientId, current, signal)
      if (signal.aborted) return
      if (answer.kind === 'ok') {
        failures = 0
        reported = false
      } else if (answer.kind === 'refused') {
        if (withoutRefused(answer)) due = true
        else
          failed(`the server refuses it (${answer.problem.detail ?? answer.problem.title})`, 'It is sent again when it changes')
      } else {
        failures++
        const { status, message } = answer
        const isFinal = status !== undefined && status < 500
        if (connected() && (isFinal || failures >= FAILURES)) failed(message, 'It is sent again later')
        // A newer value is sent at once. After the connection was lost, `reopened` sends it.
        const retryAfterMs = (answer.kind === 'failed' && answer.retryAfterMs) || 0
        if (retryAfterMs) quietUntil = now() + retryAfterMs
        else if (due) continue
        if (!connected()) break
        due = true
        await pause.sleep(Math.max(retryAfterMs, delay(failures - 1, BASE_MS, CAP_MS)))
        if (signal.aborted) return
      }
    }
    due = false
    abort = undefined
  }

  return {
    /** The current value. */
    current: () => current,
    /** Replaces the given members. */
    set(presence: OwnPresence) {
      current = { ...current, ...repaired(presence) }
      everSet = true
      void send()
    },
    /**
     * The room is connected again, maybe to a server that was restarted. `unnamed`: the stream's address does not have the display
     * name.
     */
    reopened(unnamed: boolean) {
      if (everSet || (unnamed && Object.keys(current).length)) void send()
    },
    /** The network is back, or the page is visible: retries at once. */
    wake() {
      quietUntil = 0
      pause.wake()
    },
    /** Leaves presence. Nothing more is sent until `set`. */
    bye() {
      abort?.abort()
      abort = undefined
      due = false
      pause.wake()
      api.leave(room, clientId)
    }
  }
}
