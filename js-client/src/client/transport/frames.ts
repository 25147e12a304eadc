// The answers of requests as frames of a stream.
import type { Changes, RoomSnapshot } from '../../wire.ts'
import type { Frame } from './events.ts'

export const seqOf = (eventId: string) => Number(eventId.slice(eventId.lastIndexOf('-') + 1))

/** The whole state of a room. */
export function snapshot({ room, epoch, serverSeq, stores }: RoomSnapshot): Frame[] {
  const states = Object.entries(stores).map(([key, store]) => ({ event: 'state', data: { room, key, ...store } }))
  return [...states, { event: 'up-to-date', data: { room, epoch, serverSeq } }]
}

/** A page of the log. */
export function page({ room, epoch, changes, next, upToDate }: Changes): Frame[] {
  const frames: Frame[] = changes.map((data) => ({ id: `${epoch}-${data.serverSeq}`, event: 'delta', data }))
  if (upToDate) frames.push({ event: 'up-to-date', data: { room, epoch, serverSeq: seqOf(next) } })
  return frames
}
