// The model of a server of several rooms, behind a `fetch`.
import type { RoomEvent } from '../../../src/wire.ts'
import { createModelServer } from '../replica/model.ts'
import { frame, json, scriptedStream } from './server.ts'

export interface OpenStream {
  rooms: string[]
  send(event: string, data: unknown, id?: string): void
  end(): void
}

export function createRoomsServer() {
  const rooms = new Map<string, ReturnType<typeof createModelServer>>()
  const open = new Set<OpenStream>()
  /** The rooms and positions of stream requests, such as `a b` or `a b from e1-1._`. */
  const asked: string[] = []
  const paths: string[] = []
  const refused = new Map<string, { code: string; status: number; retryable: boolean }>()
  const self = {
    open,
    asked,
    paths,
    refused,
    down: false,
    delayMs: 0,
    room,
    set,
    start,
    fetch: fetch as typeof globalThis.fetch
  }

  function room(name: string) {
    const known = rooms.get(name) ?? createModelServer(name)
    rooms.set(name, known)
    return known
  }

  /** Another client sets a field. */
  function set(name: string, path: string, value: number) {
    const clientSeq = room(name).serverSeq + 1
    room(name).post({ clientId: 'bob', clientSeq, key: 'default', ops: [{ op: 'set', path, value }] })
  }

  /** Starts the stream of an address. Returns a function that stops it. */
  function start(url: URL, send: OpenStream['send'], end: () => void): () => void {
    const names = namesOf(url)
    const [epoch, list] = url.searchParams.get('last_event_id')?.split('-') ?? []
    const seqs = list?.split('.') ?? names.map(() => '_')
    if (seqs.length !== names.length) throw new Error(`${list} does not match the rooms ${names}`)
    const stops = names.map((name, i) => {
      const position = seqs[i] === '_' ? undefined : `${epoch}-${seqs[i]}`
      return room(name).open(position, {}, (event: RoomEvent) => {
        if (event.type !== 'delta' && event.type !== 'up-to-date') return send(event.type, event.data)
        seqs[i] = `${event.data.serverSeq}`
        send(event.type, event.data, `${room(name).epoch}-${seqs.join('.')}`)
      })
    })
    const stream = { rooms: names, send, end }
    open.add(stream)
    return () => {
      open.delete(stream)
      for (const stop of stops) stop()
    }
  }

  async function fetch(input: string, { signal }: RequestInit = {}): Promise<Response> {
    const url = new URL(input)
    const reads = url.pathname.endsWith('/events')
    if (reads) note(url)
    if (self.down) throw new TypeError('fetch failed')
    if (!reads) return json({ clientId: 'me', users: [] })
    const names = namesOf(url).filter((name) => refused.has(name))
    const why = refused.get(names[0] ?? '')
    if (why) return json({ title: `It is ${why.code}`, ...why, rooms: names }, why.status)
    if (self.delayMs) await new Promise((resolve) => setTimeout(resolve, self.delayMs))
    signal?.throwIfAborted()
    const stream = scriptedStream()
    const response = stream.response(signal ?? undefined)
    const stop = start(
      url,
      (...event) => stream.write(frame(...event)),
      () => stream.end()
    )
    signal?.addEventListener('abort', stop)
    return response
  }

  function note(url: URL) {
    const from = url.searchParams.get('last_event_id')
    asked.push(namesOf(url).join(' ') + (from ? ` from ${from}` : ''))
    paths.push(url.pathname)
  }

  return Object.assign(self, { note })
}

const namesOf = ({ pathname, searchParams }: URL) => {
  const several = searchParams.getAll('room')
  return several.length ? several : [decodeURIComponent(pathname.split('/')[3] ?? '')]
}
