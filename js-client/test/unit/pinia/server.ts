// An in-memory server behind `fetch`: it orders and streams batches, and has presence. It does not resume: every stream starts
// with the full state. It records all requests.
import { fold } from '../../../src/document/apply.ts'
import type { Move } from '../../../src/document/follow.ts'
import type { Json } from '../../../src/document/json.ts'
import type { Batch, Operation, User } from '../../../src/wire.ts'
import { logged } from '../logged.ts'

export interface TestRoom {
  readonly docs: Map<string, Json>
  /** The batches of clients, in order. */
  readonly batches: Batch[]
  /** The presence requests of clients, in order. */
  readonly said: { clientId: string; displayName?: string | null; field?: string | null; meta?: Json }[]
  readonly users: Map<string, User>
  /** Clients without write permission. */
  readonly readOnly: Set<string>
  /** The number of streams that were opened, and that are open. */
  opened: number
  readonly streams: ReadonlyMap<string, unknown>
  /** Another client changes a document. */
  post(key: string, ...ops: Operation[]): void
  /** Another client joins or changes its presence. */
  present(user: Partial<User> & { clientId: string }): void
}

export type TestServer = ReturnType<typeof createServer>

export function createServer() {
  const rooms = new Map<string, ReturnType<typeof createRoom>>()
  const room = (name: string) => {
    const known = rooms.get(name) ?? createRoom(name)
    rooms.set(name, known)
    return known
  }

  async function answer(method: string, url: URL, body: string | undefined, signal: AbortSignal | null | undefined) {
    const [, , , name = '', part, clientId = '', leave] = url.pathname.split('/').map(decodeURIComponent)
    const at = room(name)
    if (part === 'ops') return Response.json(at.take(JSON.parse(body ?? '') as Batch))
    if (part === 'events') return at.stream(url.searchParams.get('clientId') ?? '', url.searchParams, signal)
    if (part === 'presence' && leave) return Response.json(at.gone(clientId))
    if (part === 'presence' && method === 'PUT') return Response.json(at.say(clientId, JSON.parse(body ?? '') as object))
    throw new Error(`unexpected: ${method} ${url.pathname}`)
  }

  return {
    room: (name: string): TestRoom => room(name),
    /** The names of rooms that a client has joined. */
    get rooms() {
      return [...rooms.keys()]
    },
    fetch: (async (input: string, { method = 'GET', body, signal }: RequestInit = {}) => {
      signal?.throwIfAborted()
      return answer(method, new URL(input), body as string | undefined, signal)
    }) as typeof fetch
  }
}

function createRoom(room: string) {
  const epoch = 'e1'
  const docs = new Map<string, Json>()
  const users = new Map<string, User>()
  const streams = new Map<string, ReadableStreamDefaultController<Uint8Array>>()
  const batches: Batch[] = []
  const moves: Move[] = []
  const said: TestRoom['said'] = []
  const readOnly = new Set<string>()
  let serverSeq = 0
  let joined = 0

  const frame = (event: string, data: object, seq?: number) =>
    new TextEncoder().encode(
      `${seq === undefined ? '' : `id: ${epoch}-${seq}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
    )
  const broadcast = (event: string, data: object, seq?: number) =>
    streams.forEach((stream) => stream.enqueue(frame(event, data, seq)))

  function apply({ key, clientId, clientSeq, ops }: Omit<Batch, 'clientSeq'> & { clientSeq?: number }) {
    const { doc, results } = fold(docs.get(key), ops, moves)
    if (doc !== undefined) docs.set(key, doc)
    const effective = logged(ops, results)
    serverSeq++
    broadcast('delta', { room, key, serverSeq, clientId, clientSeq, serverTs: serverSeq, ops: effective }, serverSeq)
    return results
  }

  function present(user: Partial<User> & { clientId: string }) {
    const known = users.get(user.clientId)
    const next: User = { joinedAt: known?.joinedAt ?? ++joined, ...known, ...user }
    users.set(user.clientId, next)
    broadcast('presence-change', { room, joined: known ? [] : [next], updated: known ? [next] : [], left: [] })
    return next
  }

  function gone(clientId: string) {
    users.delete(clientId)
    broadcast('presence-change', { room, joined: [], updated: [], left: [clientId] })
    return {}
  }

  return {
    docs,
    users,
    batches,
    said,
    readOnly,
    streams,
    opened: 0,
    present,
    gone,
    post(key: string, ...ops: Operation[]) {
      apply({ key, clientId: 'somebody', ops })
    },
    take(batch: Batch) {
      batches.push(batch)
      const results = apply(batch)
      return { room, key: batch.key, epoch, serverSeq, duplicate: false, results }
    },
    say(clientId: string, presence: Omit<TestRoom['said'][number], 'clientId'>) {
      said.push({ clientId, ...presence })
      const { displayName, field, meta } = presence
      return present({
        clientId,
        ...(displayName !== undefined && { displayName: displayName ?? undefined }),
        field: field ?? undefined,
        meta: meta ?? undefined
      } as User)
    },
    stream(clientId: string, query: URLSearchParams, signal: AbortSignal | null | undefined) {
      this.opened++
      const displayName = query.get('displayName')
      present({ clientId, ...(displayName && { displayName }) })
      const body = new ReadableStream<Uint8Array>({
        start(stream) {
          streams.set(clientId, stream)
          for (const [key, state] of docs) stream.enqueue(frame('state', { room, key, serverSeq, state }))
          stream.enqueue(frame('up-to-date', { room, epoch, serverSeq }, serverSeq))
          stream.enqueue(
            frame('presence', { room, ...(readOnly.has(clientId) && { readOnly: true }), users: [...users.values()] })
          )
          signal?.addEventListener('abort', () => {
            streams.delete(clientId)
            stream.error(signal.reason)
          })
        }
      })
      return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } })
    }
  }
}
