// A room followed by long polling, where streams do not get through.
import type { OwnPresence } from '../types.ts'
import type { Changes, RoomEvent, RoomSnapshot } from '../wire.ts'
import { noAnswer, type Api } from './api.ts'
import { checked } from './events.ts'
import { atOnce, type Outcome, type Verdict } from './stream.ts'

export interface PollOptions {
  api: Api
  room: string
  clientId: string
  /** The event id to go on from. Without one, the room is read as it stands. */
  position(): string | undefined
  opening(): void
  events(events: RoomEvent[]): Verdict
  /** What is said of this client when its lease is renewed. */
  presence(): OwnPresence
  sleep(ms: number): Promise<void>
  signal: AbortSignal
}

const WAIT_SECONDS = 10
const PRESENCE_MS = 5000
/** Between answers that do not lead further, if they come at once. */
const PAUSE_MS = 1000

/** Polls until something goes wrong, which is returned, or the signal aborts. */
export async function poll(options: PollOptions): Promise<Outcome> {
  const { api, room, clientId, signal } = options
  let opened = false
  let presentAt = -Infinity

  async function renewPresence() {
    presentAt = Date.now()
    await api.putPresence(room, clientId, options.presence(), signal)
    const answer = await api.getPresence(room, signal)
    if (answer.kind === 'ok' && !signal.aborted) options.events([{ type: 'presence', data: answer.value }])
  }

  while (!signal.aborted) {
    const askedAt = Date.now()
    const after = options.position()
    const answer = await (after
      ? api.getChanges(room, after, opened ? WAIT_SECONDS : 0, signal)
      : api.getRoom(room, signal))
    if (signal.aborted) break
    if (answer.kind !== 'ok') return answer
    try {
      const events = 'stores' in answer.value ? snapshot(answer.value) : page(answer.value)
      if (!opened || !after) options.opening()
      opened = true
      options.events(events)
    } catch (error) {
      return noAnswer(error, 'protocol')
    }
    if (Date.now() - presentAt >= PRESENCE_MS) void renewPresence()
    const further = after && options.position() !== after
    if (!further && !signal.aborted && Date.now() - askedAt < PAUSE_MS) await options.sleep(PAUSE_MS)
  }
  return atOnce
}

function snapshot({ room, epoch, serverSeq, stores }: RoomSnapshot): RoomEvent[] {
  const states = Object.entries(stores).map(([key, store]) => checked('state', { room, key, ...store }))
  return [...states, checked('up-to-date', { room, epoch, serverSeq })] as RoomEvent[]
}

function page({ room, epoch, changes, next, upToDate }: Changes): RoomEvent[] {
  const events = changes.map((change) => checked('delta', change, epoch))
  const serverSeq = Number(next.slice(next.lastIndexOf('-') + 1))
  if (upToDate) events.push(checked('up-to-date', { room, epoch, serverSeq }))
  return events as RoomEvent[]
}
