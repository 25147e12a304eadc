// What this client says of itself in a room, and the saying: one request at a time, and only the last word counts.
import type { OwnPresence } from '../types.ts'
import type { Api } from './api.ts'
import { createSleeper, delay } from './backoff.ts'

export interface OwnPresenceOptions {
  api: Api
  room: string
  clientId: string
}

const BASE_MS = 500
const ATTEMPTS = 4

export function ownPresence({ api, room, clientId }: OwnPresenceOptions) {
  const pause = createSleeper()
  let current: OwnPresence = {}
  let abort: AbortController | undefined
  /** Something is to be said that has not been said. */
  let due = false

  async function say() {
    due = true
    pause.wake()
    if (abort) return
    abort = new AbortController()
    const { signal } = abort
    for (let failures = 0; due && failures < ATTEMPTS; failures++) {
      due = false
      const answer = await api.putPresence(room, clientId, current, signal)
      if (signal.aborted) return
      if (due) failures = -1
      else if (answer.kind === 'failed') {
        due = true
        await pause.sleep(delay(failures, BASE_MS))
        if (signal.aborted) return
      }
    }
    abort = undefined
  }

  return {
    /** All that has been set. */
    current: () => current,
    /** Replaces what is named; what is left out stays. */
    set(presence: OwnPresence) {
      current = { ...current, ...presence }
      void say()
    },
    /** The stream is open again: a server that was restarted has forgotten. */
    reopened() {
      if (Object.keys(current).length) void say()
    },
    /** Leaves. Nothing more is said until something is set. */
    bye() {
      abort?.abort()
      abort = undefined
      due = false
      pause.wake()
      api.leave(room, clientId)
    }
  }
}
