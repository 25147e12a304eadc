// The model of a server behind a `fetch`, with a network whose faults the test sets.
import type { RoomEvent } from '../../../src/wire.ts'
import { createModelServer } from '../replica/model.ts'

export interface Posted {
  body: string
  keepalive: boolean
}

export function createFakeServer() {
  const model = createModelServer()
  const posted: Posted[] = []
  const presence: [method: string, url: string, body: unknown][] = []
  const streams = new Set<ReadableStreamDefaultController<Uint8Array>>()
  /** The faults of the next POSTs, in order; later ones succeed. */
  const fates: ('lost' | 'answer lost' | 'answer replaced' | 'stuck' | Response)[] = []
  /** The answer of a proxy to a POST, by its content; undefined if it passes the request on. */
  let middlebox: (body: string) => Response | 'lost' | 'stuck' | undefined = () => undefined
  /** The answer of a proxy to a PUT or POST of presence, by the client's id; undefined if it passes the request on. */
  let presenceProxy: (clientId: string) => Response | undefined = () => undefined
  let down = false
  /** A proxy refuses to read the log. */
  let unreadable = false
  /** Events that streams deliver later; undefined: events are delivered at once. */
  let late: (() => void)[] | undefined

  const json = (body: unknown, status = 200, type = 'application/json') =>
    new Response(JSON.stringify(body), { status, headers: { 'Content-Type': type } })

  function stream(url: URL, signal: AbortSignal): Response {
    let close = () => {}
    let controller: ReadableStreamDefaultController<Uint8Array>
    const end = () => {
      close()
      if (streams.delete(controller)) controller.error(new TypeError('the stream broke'))
    }
    const body = new ReadableStream<Uint8Array>({
      start(own) {
        controller = own
        streams.add(own)
        const enqueue = (text: string) => {
          if (streams.has(own)) own.enqueue(new TextEncoder().encode(text))
        }
        const write = (text: string) => void (late ? late.push(() => enqueue(text)) : enqueue(text))
        write(': fake\n\nretry: 1000\n\n')
        close = model.open(url.searchParams.get('last_event_id') ?? undefined, {}, (event) => write(frame(event)))
      }
    })
    signal.addEventListener('abort', end)
    return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } })
  }

  function frame(event: RoomEvent): string {
    const seq = event.type === 'delta' || event.type === 'up-to-date' ? event.data.serverSeq : undefined
    const epoch = event.type === 'delta' ? event.epoch : event.type === 'up-to-date' ? event.data.epoch : ''
    return `${seq === undefined ? '' : `id: ${epoch}-${seq}\n`}event: ${event.type}\ndata: ${JSON.stringify(event.data)}\n\n`
  }

  async function answer(input: string, init: RequestInit = {}): Promise<Response> {
    const url = new URL(input, 'http://fake')
    const signal = init.signal ?? new AbortController().signal
    const name = url.pathname.split('/').slice(4).join('/')
    if (down) throw new TypeError('fetch failed')
    if (name === 'events') return stream(url, signal)
    const { epoch, serverSeq, docs, log } = model
    if (name === '') {
      const stores = Object.fromEntries([...docs].map(([key, state]) => [key, { serverSeq, state }]))
      return json({ room: 'r', epoch, serverSeq, stores })
    }
    if (name === 'changes') {
      if (unreadable) return new Response('<h1>Blocked</h1>', { status: 403, headers: { 'Content-Type': 'text/html' } })
      const [known, after] = url.searchParams.get('after')?.split('-') ?? []
      if (known === epoch && Number(after) <= serverSeq) {
        return json({ room: 'r', epoch, changes: log.slice(Number(after)), next: `${epoch}-${serverSeq}`, upToDate: true })
      }
      const gone = { type: 'about:blank', title: 'gone', status: 410, code: 'position_gone', retryable: false }
      return json(gone, 410, 'application/problem+json')
    }
    if (name !== 'ops') {
      presence.push([init.method ?? 'GET', name, init.body && JSON.parse(init.body as string)])
      const met = init.body ? presenceProxy(name.split('/')[1]!) : undefined
      return met ?? json({ clientId: 'me', room: 'r', users: [] })
    }
    const body = init.body as string
    const { ops } = JSON.parse(body) as { ops: unknown[] }
    const met = middlebox(body)
    if (!ops.length && met === 'lost') throw new TypeError('fetch failed')
    if (!ops.length && met instanceof Response) return met
    if (!ops.length)
      return json(
        { type: 'urn:x', title: 'No operations', status: 422, code: 'invalid_request', retryable: false },
        422,
        'application/problem+json'
      )
    posted.push({ body, keepalive: init.keepalive ?? false })
    const fate = fates.shift() ?? met
    if (fate === 'lost') throw new TypeError('fetch failed')
    if (fate === 'stuck')
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
    if (fate instanceof Response) return fate
    const result = model.post(JSON.parse(body))
    if (!result) {
      return json(
        { type: 'urn:x', title: 'Passed', status: 409, code: 'client_seq_passed', retryable: false },
        409,
        'application/problem+json'
      )
    }
    if (fate === 'answer lost') throw new TypeError('fetch failed')
    if (fate === 'answer replaced')
      return new Response('<h1>Bad gateway</h1>', { status: 502, headers: { 'Content-Type': 'text/html' } })
    return json(result)
  }

  return {
    model,
    posted,
    presence,
    fates,
    json,
    set middlebox(judge: typeof middlebox) {
      middlebox = judge
    },
    set presenceProxy(judge: typeof presenceProxy) {
      presenceProxy = judge
    },
    fetch: answer as typeof fetch,
    get open() {
      return streams.size
    },
    get batches() {
      return posted.map(({ body }) => JSON.parse(body) as { clientId: string; clientSeq: number; ops: unknown[] })
    },
    set unreadable(isUnreadable: boolean) {
      unreadable = isUnreadable
    },
    /** Withholds the events of open streams, or delivers the withheld ones. */
    set delayed(isDelayed: boolean) {
      const events = late ?? []
      late = isDelayed ? events : undefined
      if (!isDelayed) for (const deliver of events) deliver()
    },
    /** Ends all streams; while it is down no request gets through. */
    down() {
      down = true
      for (const controller of streams) {
        streams.delete(controller)
        controller.error(new TypeError('the stream broke'))
      }
    },
    up() {
      down = false
    }
  }
}
