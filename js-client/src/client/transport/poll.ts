// Follows a room by long polling, where streams do not get through. It delivers frames as a stream does.
//
// Clients that miss the same events request the same addresses, so that a cache can answer all but the first request: pages end
// at fixed places, and polls carry the server's cursor. See docs/run/caching.md.
import type { Changes } from '../../wire.ts'
import { after as later, MAX_WAIT_MS, now, within, type Timer } from '../runtime/clock.ts'
import { pause } from '../runtime/pause.ts'
import type { ReadStream } from './fetch-stream.ts'
import { page, seqOf, snapshot } from './frames.ts'

const WAIT_SECONDS = 10
/** The presence lease until the server has named one. */
const LEASE_MS = 15_000
/** How often presence is renewed within the lease. */
const RENEWALS = 3
/** The pause between answers that come at once without a change. */
const PAUSE_MS = 1000

/** Polls until a request fails or the signal aborts. Without a position, it begins with whole state. */
export const readByPolling: ReadStream = async (api, room, { clientId, position, presence, signal }, { heard }) => {
  let opened = false
  let leaseMs = LEASE_MS
  let renewing = false
  let renewal: Timer | undefined
  /** Increases from poll to poll at one position, so that no cache repeats an answer. */
  let cursor = 0
  /** The complete pages of the room, while the position is behind them. */
  let pages: Changes['pages']

  /** Renews this client's presence and reads the room's, until the signal aborts. Failures do not end the polling. */
  async function renewPresence() {
    const said = await api.putPresence(room, clientId, presence(), signal)
    if (said.kind === 'ok') leaseMs = within(said.value.leaseMs, 100, MAX_WAIT_MS, LEASE_MS)
    const answer = await api.getPresence(room, signal)
    if (signal.aborted) return
    const quietMs = (said.kind === 'failed' && said.retryAfterMs) || 0
    renewal = later(Math.max(leaseMs / RENEWALS, quietMs), () => void renewPresence())
    if (answer.kind === 'ok') heard([{ event: 'presence', data: answer.value }])
  }

  /** Requests the batches after a position. The order of the parameters is fixed, for caches. */
  async function getChanges(after: string) {
    const until = pages && pageAfter(after, pages)
    if (until) return api.getChanges(room, `after=${after}&until=${until}`, 0, signal)
    const wait = opened ? WAIT_SECONDS : 0
    const answer = await api.getChanges(room, `after=${after}&cursor=${cursor}${wait ? `&wait=${wait}` : ''}`, wait, signal)
    if (answer.kind === 'ok') ({ cursor = 0, pages } = answer.value)
    return answer
  }

  signal.addEventListener('abort', () => clearTimeout(renewal))
  for (;;) {
    const askedAt = now()
    const after = position()
    const answer = await (after ? getChanges(after) : api.getRoom(room, signal))
    if (answer.kind !== 'ok' || signal.aborted) return answer
    heard('stores' in answer.value ? snapshot(answer.value) : page(answer.value), !opened || !after)
    opened = true
    if (signal.aborted) return answer
    if (!renewing) void renewPresence()
    renewing = true
    const further = after && position() !== after
    if (!further) pages = undefined
    if (!further && now() - askedAt < PAUSE_MS) await pause(PAUSE_MS, signal)
  }
}

/** The event id at the end of the page after a position; undefined when the page is not complete. */
function pageAfter(position: string, { size, through }: NonNullable<Changes['pages']>) {
  const end = (Math.floor(seqOf(position) / size) + 1) * size
  return end <= seqOf(`${through}`) ? position.replace(/\d+$/, `${end}`) : undefined
}
