// The network of this page alone: it reports batches, and can be slow or break all connections.

export interface SentBatch {
  /** The JSON of the request. */
  readonly body: string
  readonly room: string
}
export interface Answer {
  readonly status: number
  readonly body: string
}
/** Called when a batch is sent. Returns a function that is called with the answer, or undefined if there is none. */
export type BatchListener = (batch: SentBatch) => (answer: Answer | undefined) => void

export interface Network {
  readonly fetch: typeof fetch
  /**
   * How much later each request is sent, and each event of a stream arrives, in milliseconds. Requests of a page that closes are
   * not delayed.
   */
  delayMs: number
  /** This page has opened a stream. Otherwise it reads the one of another tab. */
  readonly hasStream: boolean
  /** Breaks all connections that are open. */
  cut(): void
  onBatch(listener: BatchListener): void
}

const BATCH = /\/v1\/rooms\/([^/]+)\/ops$/
/** The most chunks of a stream that are on their way. */
const MOST_DELAYED = 1000
const STREAM = /\/events(\?|$)/

export function createNetwork(fetch: typeof globalThis.fetch): Network {
  let cable = new AbortController()
  let hasStream = false
  let listener: BatchListener | undefined

  async function send(input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> {
    const url = String(input)
    const signals = init.signal ? [cable.signal, init.signal] : [cable.signal]
    // A request of a page that closes has to be made now.
    if (network.delayMs && !init.keepalive) await wait(network.delayMs, init.signal)
    if (STREAM.test(url)) hasStream = true
    const room = init.method === 'POST' && typeof init.body === 'string' ? BATCH.exec(url)?.[1] : undefined
    const answered = room === undefined ? undefined : listener?.({ body: init.body as string, room: decodeURIComponent(room) })
    try {
      const response = await fetch(input, { ...init, signal: AbortSignal.any(signals) })
      // Before the client has the answer: it may end the request then.
      if (answered) answered({ status: response.status, body: await response.clone().text() })
      return STREAM.test(url) && response.ok && response.body ? new Response(later(response.body), response) : response
    } catch (error) {
      answered?.(undefined)
      throw error
    }
  }

  /** What a stream brings, in the same order, after the delay. */
  function later(body: ReadableStream<Uint8Array>) {
    type Due = [chunk: Uint8Array, at: number]
    const stamp = new TransformStream<Uint8Array, Due>(
      { transform: (chunk, out) => out.enqueue([chunk, performance.now() + network.delayMs]) },
      undefined,
      { highWaterMark: MOST_DELAYED }
    )
    const hold = new TransformStream<Due, Uint8Array>({
      async transform([chunk, at], out) {
        const left = at - performance.now()
        if (left > 0) await wait(left, undefined)
        out.enqueue(chunk)
      }
    })
    return body.pipeThrough(stamp).pipeThrough(hold)
  }

  const network = {
    fetch: send,
    delayMs: 0,
    get hasStream() {
      return hasStream
    },
    cut() {
      cable.abort(new TypeError('the connection was cut'))
      cable = new AbortController()
    },
    onBatch(added: BatchListener) {
      listener = added
    }
  }
  return network
}

/** Resolves after this many milliseconds, or when the signal aborts. */
function wait(ms: number, signal: AbortSignal | null | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal?.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true })
  })
}
