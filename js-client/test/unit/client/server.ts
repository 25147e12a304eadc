// A scripted server: the test sets the answer to each request, and reads the requests.

export interface Asked {
  method: string
  url: URL
  headers: Headers
  body: string | undefined
  keepalive: boolean
  signal: AbortSignal | undefined
}

export type Answering = (asked: Asked) => Response | Promise<Response>

export const address = 'https://sync.example.com'

/** A `fetch` that answers by a function, which a test may replace at any time. Requests end when they are aborted. */
export function scriptedServer(answer: Answering = () => silence()) {
  const server = {
    answer,
    asked: [] as Asked[],
    /** Requests that were neither answered nor aborted. */
    waiting: 0,
    fetch: (async (input: string, init: RequestInit = {}) => {
      const signal = init.signal ?? undefined
      const asked: Asked = {
        method: init.method ?? 'GET',
        url: new URL(input),
        headers: new Headers(init.headers),
        body: init.body as string | undefined,
        keepalive: init.keepalive ?? false,
        signal
      }
      server.asked.push(asked)
      server.waiting++
      const given = Promise.resolve().then(() => server.answer(asked))
      return new Promise<Response>((resolve, reject) => {
        if (signal?.aborted) reject(signal.reason)
        signal?.addEventListener('abort', () => reject(signal.reason))
        given.then(resolve, reject)
      }).finally(() => server.waiting--)
    }) as typeof fetch,
    /** The requests whose path has this end. */
    to: (path: string) => server.asked.filter(({ url }) => url.pathname.endsWith(path))
  }
  return server
}

/** An answer that does not arrive. */
export const silence = () => new Promise<Response>(() => {})

export const json = (body: unknown, status = 200) =>
  new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json' } })

export const problem = (code: string, status: number, retryable: boolean, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify({ type: `urn:pathsync:problem:${code}`, title: `It is ${code}`, status, code, retryable }), {
    status,
    headers: { 'Content-Type': 'application/problem+json', ...headers }
  })

export const page = (status = 200) =>
  new Response('<!DOCTYPE html><title>Sign in</title>', {
    status,
    headers: { 'Content-Type': 'text/html; charset=utf-8' }
  })

/** An open stream into which a test writes. */
export function scriptedStream() {
  let writer: ReadableStreamDefaultController<Uint8Array>
  const stream = {
    cancelled: false,
    /** Fetch breaks the body of an answer when its request is aborted. */
    response(signal?: AbortSignal) {
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => void (writer = controller),
        cancel: () => void (stream.cancelled = true)
      })
      signal?.addEventListener('abort', () => {
        if (!stream.cancelled) writer.error(signal.reason)
        stream.cancelled = true
      })
      return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } })
    },
    /** Writes as one chunk. */
    bytes: (bytes: Uint8Array) => writer.enqueue(bytes),
    write: (...frames: string[]) => stream.bytes(new TextEncoder().encode(frames.join(''))),
    end: () => writer.close(),
    break: () => writer.error(new TypeError('network error'))
  }
  return stream
}

export const frame = (event: string, data: unknown, id?: string) =>
  `${id ? `id: ${id}\n` : ''}event: ${event}\ndata: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`
