// Reads the rooms of one client over one stream, `GET /v1/events?room=a&room=b`. To each room it looks like a separate stream,
// with its own position and end.
//
// When the set of rooms changes, another stream is opened. Rooms that have caught up do not notice: the new stream resumes at
// their positions, and events only arrive a little later.
//
// It is loaded on demand, and gets the readers as a parameter: importing them here would split the client into more chunks.
import type { Answer, Api, StreamRequest } from './api.ts'
import { after, type Timer } from '../runtime/clock.ts'
import type { Frame } from './events.ts'
import type { Reader, ReadRequest, ReadStream } from './fetch-stream.ts'

/** One room of a stream. */
interface Member {
  readonly api: Api
  readonly room: string
  readonly request: ReadRequest
  readonly reader: Reader
  /** The room has caught up. */
  live: boolean
  /** Ends reading the room. */
  end(answer: Answer<unknown>): void
}

/** One stream and its rooms. */
interface Shared {
  members: Member[]
  /** The open stream is not of these rooms. */
  stale: boolean
  /** Ends the open stream. */
  reading: AbortController
}

/** The server's limit for one stream. */
const MAX_ROOMS = 32
/** How long changes of the set of rooms are gathered, in milliseconds. */
const GATHER_MS = 20

const over: Answer<unknown> = { kind: 'ok', value: undefined }

/** Makes a reader that reads all rooms over shared streams, with the reader of a transport. */
export function joinRooms<Transport extends string>(
  readers: Readonly<Record<Transport, () => Promise<ReadStream>>>,
  transport: Transport
): ReadStream {
  /** The transport does not say why a stream cannot be opened. */
  const mute = transport === 'eventsource'
  const streams = new Set<Shared>()
  /** Rooms with a separate stream, since a shared stream could not be opened and the room at fault is not known. */
  const apart = new Set<string>()
  /** The server's epoch, once it is known. */
  let epoch: string | undefined
  let timer: Timer | undefined

  const gather = () => (timer ??= after(GATHER_MS, regroup))

  /** Merges streams as far as the limit allows, and opens stale streams. */
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

  /** Opens a stream with its current rooms, and reads it to its end. */
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
        // The server ends the stream for the rooms that its problem names. The others reopen now.
        if (ends) {
          stream.reading.abort()
          stream.stale = true
          gather()
        }
        // A listener may leave another room.
        for (const member of here()) if (stream.members.includes(member)) deliver(member, parts.get(member) ?? [])
      }
    }

    const displayNames = new Set(
      members.map(({ request }) => (request.displayName && request.presence().displayName) ?? undefined)
    )
    const request = {
      ...first.request,
      signal,
      // Rooms with different names set them by presence.
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

/** Delivers the frames of a room, or none: the room's watchdog counts any bytes. */
function deliver(member: Member, frames: Frame[]) {
  // Whole state for a room that is live: its stream ends, and the next one begins with that state.
  if (member.live && frames.some((frame) => beginsAnew(frame, member.request.position()))) return member.end(over)
  member.live ||= frames.some(({ event }) => event === 'up-to-date')
  member.reader.heard(frames)
}

const beginsAnew = (frame: Frame, position = '') =>
  frame.event === 'state' || (frame.event === 'up-to-date' && of(frame).epoch !== split(position).epoch)

/** Whether a frame is for a room. A frame that names no room, or cannot be parsed, is for all. */
function concerns(name: string, frame: Frame): boolean {
  const { room = name, rooms = [room] } = of(frame)
  return Array.isArray(rooms) && rooms.includes(name)
}

/** The members of an event that say where it belongs. */
const of = ({ data }: Frame) => Object(data) as { room?: unknown; rooms?: unknown; epoch?: unknown }

/** The frame of one room, with the event id of a separate stream. */
function ofOne(frame: Frame, index: number, rooms: number): Frame {
  if (!frame.id) return frame
  const { epoch, seqs } = split(frame.id)
  return { ...frame, id: seqs.length === rooms ? `${epoch}-${seqs[index]}` : '' }
}

/** The event id of several rooms. A room with another epoch gets whole state. */
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

/** The API with the address of a stream of these rooms. */
function addressing(members: readonly Member[]): Api {
  const [{ api }] = members as [Member]
  if (members.length === 1) return api
  const names = members.map(({ room }) => `room=${encodeURIComponent(room)}`)
  const streamUrl = (room: string, request: StreamRequest) =>
    `${api.root}events?${names.join('&')}&${api.streamUrl(room, request).replace(/^[^?]*\?/, '')}`
  return { ...api, streamUrl }
}

/** The rooms that an answer names as its cause. */
const roomsOf = (answer: Answer<unknown>) =>
  answer.kind === 'refused' ? answer.problem.rooms : answer.kind === 'failed' ? answer.rooms : undefined

const malfunction = (error: unknown): Answer<unknown> => ({ kind: 'failed', code: 'protocol', message: `${error}` })

/** Parses JSON; returns the text itself when it is none. */
function parsed(data: unknown): unknown {
  try {
    return typeof data === 'string' ? JSON.parse(data) : data
  } catch {
    return data
  }
}
