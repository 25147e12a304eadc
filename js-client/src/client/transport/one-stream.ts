// The rooms of one client read over one stream, `GET /v1/events?room=a&room=b`. To each room it looks like a stream of its
// own: it goes on from the room's position, and ends for reasons of its own.
//
// What a stream brings is of some rooms and begins somewhere in each, so it is another stream when the set of rooms changes.
// Those that have caught up do not notice: it goes on from where they are, and what comes has only come a little later.
//
// It is loaded on demand, and is handed how to read: importing that here would split the client into more files.
import type { Answer, Api, StreamRequest } from './api.ts'
import { after, type Timer } from '../runtime/clock.ts'
import type { Frame } from './events.ts'
import type { Reader, ReadRequest, ReadStream } from './fetch-stream.ts'

/** One room that is read. */
interface Member {
  readonly api: Api
  readonly room: string
  readonly request: ReadRequest
  readonly reader: Reader
  /** The room has caught up. */
  live: boolean
  /** It is no longer read. */
  end(answer: Answer<unknown>): void
}

/** One stream, and the rooms that are to be read over it. */
interface Shared {
  members: Member[]
  /** What is open is not of these rooms. */
  stale: boolean
  /** Ends what is open. */
  reading: AbortController
}

/** As many as the server lets one stream have. */
const MAX_ROOMS = 32
/** How long to wait for others that come and go together, in milliseconds. */
const GATHER_MS = 20

const over: Answer<unknown> = { kind: 'ok', value: undefined }

/** Makes the one reader of all rooms, which reads as one of those does that are there for single ones. */
export function joinRooms<Transport extends string>(
  readers: Readonly<Record<Transport, () => Promise<ReadStream>>>,
  transport: Transport
): ReadStream {
  /** A stream that cannot be opened does not say why. */
  const mute = transport === 'eventsource'
  const streams = new Set<Shared>()
  /** Rooms that get a stream of their own: one of several could not be opened, and it is not known which is why. */
  const apart = new Set<string>()
  /** The server's history, as far as it is known. */
  let epoch: string | undefined
  let timer: Timer | undefined

  const gather = () => (timer ??= after(GATHER_MS, regroup))

  /** Puts rooms together where there is place, and opens what is not open yet. */
  function regroup() {
    timer = undefined
    const kept: Shared[] = []
    for (const stream of streams) {
      const other = kept.find((other) => isCompatible(other, stream))
      if (!other) {
        kept.push(stream)
        continue
      }
      stream.reading.abort()
      streams.delete(stream)
      other.members = [...other.members, ...stream.members]
      other.stale = true
    }
    for (const stream of streams) if (stream.stale) void open(stream)
  }

  function isCompatible(...both: Shared[]) {
    const members = both.flatMap(({ members }) => members)
    return members.length <= MAX_ROOMS && !members.some(({ room }) => apart.has(room))
  }

  function leave(member: Member) {
    for (const stream of streams) {
      if (!stream.members.includes(member)) continue
      stream.members = stream.members.filter((other) => other !== member)
      stream.stale = true
      if (stream.members.length) return gather()
      stream.reading.abort()
      streams.delete(stream)
    }
    if (streams.size) return
    clearTimeout(timer)
    timer = undefined
  }

  /** Opens a stream of the rooms that belong to it now, and reads it to its end. */
  async function open(stream: Shared) {
    stream.reading.abort()
    stream.reading = new AbortController()
    stream.stale = false
    const { signal } = stream.reading
    const { members } = stream
    const here = () => members.filter((member) => stream.members.includes(member))
    const [first] = members
    if (!first) return

    let agreed = false
    const reader: Reader = {
      names: first.reader.names,
      retry: (ms) => here().forEach(({ reader }) => reader.retry(ms)),
      opened() {
        if (signal.aborted) return
        agreed = true
        for (const member of here()) {
          if (apart.delete(member.room)) gather()
          if (!member.live) member.reader.opened()
        }
      },
      heard(frames) {
        if (signal.aborted) return
        const parts = new Map<Member, Frame[]>(members.map((member) => [member, []]))
        let ends = false
        for (const frame of frames) {
          const read = { ...frame, data: parsed(frame.data) }
          if (read.event === 'up-to-date') epoch = `${of(read).epoch}`
          const concerned = members.filter(({ room }) => concerns(room, read))
          ends ||= read.event === 'problem' && concerned.length < members.length
          for (const member of concerned) parts.get(member)?.push(ofOne(read, members.indexOf(member), members.length))
        }
        // The server ends the stream for the rooms that its problem names. The others need not wait for that.
        if (ends) {
          stream.reading.abort()
          stream.stale = true
          gather()
        }
        // One may take another with it: leaving a room is up to those who hear.
        for (const member of here()) if (stream.members.includes(member)) deliver(member, parts.get(member) ?? [])
      }
    }

    const displayNames = new Set(
      members.map(({ request }) => (request.displayName && request.presence().displayName) ?? undefined)
    )
    const request = {
      ...first.request,
      signal,
      // Each room may have a name of its own, and says so itself.
      displayName: displayNames.size === 1 ? [...displayNames][0] : undefined,
      lastEventId: compose(members, epoch)
    }
    const read = await readers[transport]()
    if (signal.aborted) return
    const answer = await read(addressing(members), first.room, request, reader).catch(malfunction)
    if (signal.aborted) return
    stream.stale = true
    const named = here().filter(({ room }) => roomsOf(answer)?.includes(room))
    const hit = named.length ? named : here()
    if (mute && !agreed && hit.length > 1) for (const { room } of hit) apart.add(room)
    for (const member of hit) member.end(answer)
  }

  return (api, room, request, reader) =>
    new Promise((resolve) => {
      const { signal } = request
      const member: Member = {
        api,
        room,
        request,
        reader,
        live: false,
        end(answer) {
          leave(member)
          resolve(answer)
        }
      }
      signal.addEventListener('abort', () => member.end(over))
      if (signal.aborted) return resolve(over)
      streams.add({ members: [member], stale: true, reading: new AbortController() })
      gather()
    })
}

/** Hands a room what has come for it, and that something has come at all. */
function deliver(member: Member, frames: Frame[]) {
  // A room that is live is not begun anew in passing: its stream ends, and the next one brings the whole state.
  if (member.live && frames.some((frame) => beginsAnew(frame, member.request.position()))) return member.end(over)
  member.live ||= frames.some(({ event }) => event === 'up-to-date')
  member.reader.heard(frames)
}

const beginsAnew = (frame: Frame, position = '') =>
  frame.event === 'state' || (frame.event === 'up-to-date' && of(frame).epoch !== split(position).epoch)

/** Whether something is said to a room. What names none, or cannot be read, is said to all. */
function concerns(name: string, frame: Frame): boolean {
  const { room = name, rooms = [room] } = of(frame)
  return Array.isArray(rooms) && rooms.includes(name)
}

/** What an event says of where it belongs. */
const of = ({ data }: Frame) => Object(data) as { room?: unknown; rooms?: unknown; epoch?: unknown }

/** The event of one room, with the id that it has on a stream of its own. */
function ofOne(frame: Frame, index: number, rooms: number): Frame {
  if (!frame.id) return frame
  const { epoch, seqs } = split(frame.id)
  return { ...frame, id: seqs.length === rooms ? `${epoch}-${seqs[index]}` : '' }
}

/** One event id for the positions of several rooms. A room of another history begins anew. */
function compose(members: readonly Member[], known: string | undefined): string | undefined {
  const positions = members.map(({ request }) => split(request.position() ?? ''))
  const epoch = positions.some((position) => position.epoch === known) ? known : positions.find(({ epoch }) => epoch)?.epoch
  const seqs = positions.map((position) => (position.epoch === epoch ? position.seqs[0] : '_'))
  return epoch && `${epoch}-${seqs.join('.')}`
}

/** The parts of an event id. */
function split(eventId: string) {
  const end = eventId.lastIndexOf('-')
  return { epoch: eventId.slice(0, Math.max(end, 0)), seqs: eventId.slice(end + 1).split('.') }
}

/** The server's interface, with the address of a stream of these rooms. */
function addressing(members: readonly Member[]): Api {
  const [{ api }] = members as [Member]
  if (members.length === 1) return api
  const names = members.map(({ room }) => `room=${encodeURIComponent(room)}`)
  const streamUrl = (room: string, request: StreamRequest) =>
    `${api.root}events?${names.join('&')}&${api.streamUrl(room, request).replace(/^[^?]*\?/, '')}`
  return { ...api, streamUrl }
}

/** The rooms that are why, if an answer names them. */
const roomsOf = (answer: Answer<unknown>) =>
  answer.kind === 'refused' ? answer.problem.rooms : answer.kind === 'failed' ? answer.rooms : undefined

const malfunction = (error: unknown): Answer<unknown> => ({ kind: 'failed', code: 'protocol', message: `${error}` })

/** What JSON text says; the text itself, where it is none. */
function parsed(data: unknown): unknown {
  try {
    return typeof data === 'string' ? JSON.parse(data) : data
  } catch {
    return data
  }
}
