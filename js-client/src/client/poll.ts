// A room followed by long polling, where streams do not get through. It reads as a stream does: what comes are frames.
import type { Changes, RoomSnapshot } from '../wire.ts'
import type { Frame } from './events.ts'
import type { ReadStream } from './fetch-stream.ts'

const WAIT_SECONDS = 10
const PRESENCE_MS = 5000
/** Between answers that do not lead further, if they come at once. */
const PAUSE_MS = 1000

/** Polls until something goes wrong, or the signal aborts. Without a position, the room is read as it stands. */
export const readByPolling: ReadStream = async (api, room, { clientId, position, presence, signal }, { heard }) => {
  let opened = false
  let presentAt = -Infinity

  /** Says that this client is still here, and asks who else is. */
  async function renewPresence() {
    presentAt = Date.now()
    await api.putPresence(room, clientId, presence(), signal)
    const answer = await api.getPresence(room, signal)
    if (answer.kind === 'ok') heard([{ event: 'presence', data: answer.value }])
  }

  for (;;) {
    const askedAt = Date.now()
    const after = position()
    const answer = await (after
      ? api.getChanges(room, after, opened ? WAIT_SECONDS : 0, signal)
      : api.getRoom(room, signal))
    if (answer.kind !== 'ok' || signal.aborted) return answer
    heard('stores' in answer.value ? snapshot(answer.value) : page(answer.value), !opened || !after)
    opened = true
    if (signal.aborted) return answer
    if (Date.now() - presentAt >= PRESENCE_MS) void renewPresence()
    const further = after && position() !== after
    if (!further && Date.now() - askedAt < PAUSE_MS) await pause(signal)
  }
}

const pause = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, PAUSE_MS)
    signal.addEventListener('abort', end)
  })

function snapshot({ room, epoch, serverSeq, stores }: RoomSnapshot): Frame[] {
  const states = Object.entries(stores).map(([key, store]) => ({ event: 'state', data: { room, key, ...store } }))
  return [...states, { event: 'up-to-date', data: { room, epoch, serverSeq } }]
}

function page({ room, epoch, changes, next, upToDate }: Changes): Frame[] {
  const frames: Frame[] = changes.map((data) => ({ id: `${epoch}-${data.serverSeq}`, event: 'delta', data }))
  const serverSeq = Number(next.slice(next.lastIndexOf('-') + 1))
  if (upToDate) frames.push({ event: 'up-to-date', data: { room, epoch, serverSeq } })
  return frames
}
