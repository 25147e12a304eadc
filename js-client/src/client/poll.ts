// A room followed by long polling, where streams do not get through.
import type { OwnPresence } from '../types.ts'
import type { Changes, RoomEvent, RoomSnapshot } from '../wire.ts'
import { noAnswer, type Answer, type Api } from './api.ts'
import { checked } from './events.ts'
import type { Verdict } from './stream.ts'

export interface PollOptions {
  api: Api
  room: string
  clientId: string
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

/** Polls until something goes wrong or the signal aborts, and returns what it was. */
export async function poll(options: PollOptions): Promise<Answer<never>> {
  const { api, room, clientId, signal } = options
  let opened = false
  let gone = false
  let presentAt = -Infinity

  async function renewPresence() {
    presentAt = Date.now()
    await api.putPresence(room, clientId, options.presence(), signal)
    const answer = await api.getPresence(room, signal)
    if (answer.kind === 'ok' && !signal.aborted) options.events([{ type: 'presence', data: answer.value }])
  }

  for (;;) {
    const askedAt = Date.now()
    const after = gone ? undefined : options.position()
    const answer = after
      ? await api.getChanges(room, after, opened ? WAIT_SECONDS : 0, signal)
      : await api.getRoom(room, signal)
    if (answer.kind === 'ok' && !signal.aborted) {
      try {
        const events = 'stores' in answer.value ? snapshot(answer.value) : page(answer.value)
        if (!opened || !after) options.opening()
        opened = true
        gone = false
        options.events(events)
      } catch (error) {
        return noAnswer(error, 'protocol')
      }
    } else if (answer.kind === 'refused' && answer.problem.code === 'position_gone') {
      gone = true
      continue
    } else {
      return answer as Answer<never>
    }
    if (!signal.aborted && Date.now() - presentAt >= PRESENCE_MS) void renewPresence()
    const further = after && options.position() !== after
    if (!signal.aborted && !further && Date.now() - askedAt < PAUSE_MS) await options.sleep(PAUSE_MS)
  }
}

function snapshot({ room, epoch, serverSeq, stores }: RoomSnapshot): RoomEvent[] {
  const states = Object.entries(stores).map(([key, store]) => checked('state', { room, key, ...store }))
  return [...states, checked('up-to-date', { room, epoch, serverSeq })] as RoomEvent[]
}

function page({ room, epoch, changes, next, upToDate }: Changes): RoomEvent[] {
  const events = changes.map((change) => checked('delta', change))
  const serverSeq = Number(next.slice(next.lastIndexOf('-') + 1))
  if (upToDate) events.push(checked('up-to-date', { room, epoch, serverSeq }))
  return events as RoomEvent[]
}
