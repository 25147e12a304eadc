// A room followed by long polling, where streams do not get through. It reads as a stream does: what comes are frames.
//
// What many readers have missed is the same, so they ask for the same addresses, and a cache on the way can answer all but
// the first: whole pages that end at the same places for everybody, and polls with the cursor that everybody has. See
// docs/caching.md.
import type { Changes } from '../../wire.ts'
import { after as later, MAX_WAIT_MS, now, within, type Timer } from '../runtime/clock.ts'
import type { ReadStream } from './fetch-stream.ts'
import { page, seqOf, snapshot } from './frames.ts'

const WAIT_SECONDS = 10
/** How long this client stays present after it has said that it is here, before the server has said how long. */
const LEASE_MS = 15_000
/** So often presence is renewed within that time. */
const RENEWALS = 3
/** Between answers that do not lead further, if they come at once. */
const PAUSE_MS = 1000

/** Polls until something goes wrong, or the signal aborts. Without a position, the room is read as it stands. */
export const readByPolling: ReadStream = async (api, room, { clientId, position, presence, signal }, { heard }) => {
  let opened = false
  let leaseMs = LEASE_MS
  let renewing = false
  let renewal: Timer | undefined
  /** Goes up from poll to poll at one position: no address comes twice, so no cache can hold us there. */
  let cursor = 0
  /** The whole pages that the room has, while we are behind them. */
  let pages: Changes['pages']

  /** Says that this client is still here, asks who else is, and goes on until the signal aborts. Failures concern nothing else. */
  async function renewPresence() {
    const said = await api.putPresence(room, clientId, presence(), signal)
    if (said.kind === 'ok') leaseMs = within(said.value.leaseMs, 100, MAX_WAIT_MS, LEASE_MS)
    const answer = await api.getPresence(room, signal)
    if (signal.aborted) return
    const quietMs = (said.kind === 'failed' && said.retryAfterMs) || 0
    renewal = later(Math.max(leaseMs / RENEWALS, quietMs), () => void renewPresence())
    if (answer.kind === 'ok') heard([{ event: 'presence', data: answer.value }])
  }

  /** Asks for what comes after a position. The same members in the same order make the same address. */
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
    if (!further && now() - askedAt < PAUSE_MS) await pause(signal)
  }
}

/** The end of the page that goes on from a position, if the room has all of it. Of pages that are none there is no end. */
function pageAfter(position: string, { size, through }: NonNullable<Changes['pages']>) {
  const end = (Math.floor(seqOf(position) / size) + 1) * size
  return end <= seqOf(`${through}`) ? position.replace(/\d+$/, `${end}`) : undefined
}

const pause = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = later(PAUSE_MS, end)
    signal.addEventListener('abort', end)
  })
