// The one place that makes requests. Each is made once: when to try again is for the caller to decide, by the kind of
// the answer. No method rejects.
import { isObject } from '../document/values.ts'
import type { OwnPresence, Token } from '../types.ts'
import type { Batch, BatchResult, Changes, PresenceEvent, Problem, RoomSnapshot, User } from '../wire.ts'
import { fits, present, problemShape, text, userShape, whole, type Shape } from './shape.ts'

export interface ApiOptions {
  /** The server's address. Empty: the page's own origin. */
  url: string
  token?: Token | undefined
  fetch: typeof fetch
}

/** What became of a request. */
export type Answer<T> =
  | { kind: 'ok'; value: T }
  /** Repeating the request is useless. */
  | { kind: 'refused'; problem: Problem }
  /** 401 although a fresh token was tried, or a 403 that is not the server's last word. */
  | { kind: 'unauthorized'; message: string }
  /**
   * May succeed later. `code` is the server's, or `network` (no answer), `protocol` (an answer that is not the
   * server's, such as a proxy's page) or `unauthorized` (the token function failed). `rooms`: of several, those concerned.
   */
  | { kind: 'failed'; code: string; message: string; status?: number; retryAfterMs?: number; rooms?: string[] | undefined }

/** Who opens a stream, and the event id after which it goes on. Without one it begins with the whole state. */
export interface StreamRequest {
  clientId: string
  displayName?: string | undefined
  lastEventId?: string | undefined
}

/** What a client says of itself, and whose stream it reads along with. */
export interface PresenceRequest extends OwnPresence {
  via?: string | undefined
}

export interface Api {
  /** What the URLs of all requests begin with. */
  root: string
  /** The token known so far. */
  token(): Promise<string | undefined>
  /** The same batch object repeats its bytes. `keepalive` lets the request outlive the page, if it is small enough. */
  postBatch(room: string, batch: Batch, options?: { keepalive?: boolean }): Promise<Answer<BatchResult>>
  getRoom(room: string, signal?: AbortSignal): Promise<Answer<RoomSnapshot>>
  /** The batches that a query names, which may have the server wait for so many seconds. */
  getChanges(room: string, query: string, waitSeconds: number, signal?: AbortSignal): Promise<Answer<Changes>>
  getPresence(room: string, signal?: AbortSignal): Promise<Answer<PresenceEvent>>
  putPresence(room: string, clientId: string, presence: PresenceRequest, signal?: AbortSignal): Promise<Answer<User>>
  /** Leaves presence, if that is possible: outlives the page, and nobody hears of errors. */
  leave(room: string, clientId: string): void
  /** Opens the stream at a URL; its body is not read. There is no time limit but the signal. */
  openStream(url: string, signal: AbortSignal): Promise<Answer<Response>>
  streamUrl(room: string, stream: StreamRequest): string
}

/** The longest that a request may take, beyond what it asks the server to wait. */
const TIMEOUT_MS = 30_000
/** What browsers let the bodies of keepalive requests have together, in bytes. */
const KEEPALIVE_BYTES = 65_536

export function createApi({ url, token, fetch }: ApiOptions): Api {
  const bodies = new WeakMap<Batch, string>()
  let known: Promise<string | undefined> | undefined

  const root = `${url.replace(/\/+$/, '')}/v1/`
  const roomUrl = (room: string) => `${root}rooms/${encodeURIComponent(room)}`
  const presenceUrl = (room: string, clientId: string) => `${roomUrl(room)}/presence/${encodeURIComponent(clientId)}`
  const streamUrl = (room: string, { clientId, displayName, lastEventId }: StreamRequest) =>
    `${roomUrl(room)}/events?clientId=${encodeURIComponent(clientId)}` +
    parameter('displayName', displayName) +
    parameter('last_event_id', lastEventId)

  const remembered = () => (known ??= ask())
  const ask = async () => (typeof token === 'function' ? token() : token)

  /** Makes a request with the token known so far; after a 401 once more with a fresh one. */
  async function authorized(target: string, init: RequestInit & { signal: AbortSignal }): Promise<Response> {
    for (let again = typeof token === 'function'; ; again = false) {
      const used = remembered()
      const forget = () => {
        if (known === used) known = undefined
      }
      let bearer
      try {
        bearer = await orAborted(used, init.signal)
      } catch (error) {
        forget()
        throw Object.assign(new Error(`no token: ${error}`), { code: 'unauthorized' })
      }
      const headers = { ...init.headers, ...(bearer && { Authorization: `Bearer ${bearer}` }) }
      const response = await fetch(target, { ...init, headers })
      const { status } = response
      // Another token may grant what this one does not.
      if (status === 401 || status === 403) forget()
      if (status !== 401 || !again) return response
      void response.body?.cancel()
    }
  }

  /** Makes a request whose answer is JSON of a shape or, without one, a stream. */
  async function exchange<T>(
    target: string,
    init: RequestInit & { signal: AbortSignal },
    shape?: Shape
  ): Promise<Answer<T>> {
    try {
      const response = await authorized(target, init)
      const { ok, headers } = response
      const type = headers.get('Content-Type') ?? 'no type'
      const value = ok && !shape ? response : parsed(await response.text())
      if (!ok) return refusal(response, value)
      if (shape ? fits(value, shape) : type.startsWith('text/event-stream')) return { kind: 'ok', value: value as T }
      return { kind: 'failed', code: 'protocol', message: `not the server's answer (${type})` }
    } catch (error) {
      return noAnswer(error)
    }
  }

  /** The same within a time, or until the caller's signal aborts. */
  async function request<T>(
    target: string,
    shape: Shape,
    init?: RequestInit,
    outer?: AbortSignal,
    ms = TIMEOUT_MS
  ): Promise<Answer<T>> {
    const abort = new AbortController()
    const { signal } = abort
    const cancel = () => abort.abort()
    // Aborting, when all is done, takes the listener away as well.
    outer?.addEventListener('abort', cancel, { signal })
    if (outer?.aborted) cancel()
    const timer = setTimeout(() => abort.abort(new Error(`no answer within ${ms / 1000} s`)), ms)
    const answer = await exchange<T>(target, { ...init, signal }, shape)
    clearTimeout(timer)
    cancel()
    return answer
  }

  return {
    root,
    token: remembered,
    postBatch(room, batch, { keepalive = false } = {}) {
      let body = bodies.get(batch)
      if (body === undefined) bodies.set(batch, (body = JSON.stringify(batch)))
      keepalive &&= new TextEncoder().encode(body).length <= KEEPALIVE_BYTES
      const shape = { room: text, epoch: text, serverSeq: whole, results: [{ status: text }] } as const
      return request(`${roomUrl(room)}/ops`, shape, { ...json('POST', body), keepalive })
    },
    getRoom: (room, signal) => request(roomUrl(room), { room: text, stores: isObject }, {}, signal),
    getChanges: (room, query, waitSeconds, signal) =>
      request(
        `${roomUrl(room)}/changes?${query}`,
        { room: text, changes: Array.isArray, next: text },
        {},
        signal,
        TIMEOUT_MS + waitSeconds * 1000
      ),
    getPresence: (room, signal) =>
      request(`${roomUrl(room)}/presence`, { users: [userShape] }, {}, signal),
    putPresence: (room, clientId, presence, signal) =>
      request(presenceUrl(room, clientId), userShape, json('PUT', JSON.stringify(presence)), signal),
    leave(room, clientId) {
      void request(`${presenceUrl(room, clientId)}/leave`, present, { method: 'POST', keepalive: true })
    },
    openStream: (url, signal) => exchange(url, { headers: { Accept: 'text/event-stream' }, signal }),
    streamUrl
  }
}

const json = (method: string, body: string) => ({ method, body, headers: { 'Content-Type': 'application/json' } })

const parameter = (name: string, value: string | undefined) => (value ? `&${name}=${encodeURIComponent(value)}` : '')

function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

/** What a promise settles to; rejects as soon as the signal aborts. */
const orAborted = <T>(promise: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort)
    promise.then(resolve, reject)
  })

/** An answer that says no, be it the server's or that of something on the way. */
function refusal({ status, headers }: Response, body: unknown): Answer<never> {
  const problem = fits(body, problemShape) ? (body as Problem) : undefined
  const message = problem ? explain(problem) : `HTTP ${status}`
  // What the server forbids is given up, or it would hold up all else. A no of something on the way may be a mistake.
  if (status === 401 || (status === 403 && problem?.code !== 'forbidden')) return { kind: 'unauthorized', message }
  // A fault of the server says nothing about the request, and an address that it does not know (404, 405) is one that
  // something on the way has rewritten: nothing is given up for either.
  if (problem && !problem.retryable && status < 500 && (status ^ 404) > 1) return { kind: 'refused', problem }
  // The server sends seconds, never a date.
  const retryAfterMs = Number(headers.get('Retry-After')) * 1000 || 0
  return { kind: 'failed', code: problem?.code ?? 'protocol', message, status, retryAfterMs, rooms: problem?.rooms }
}

/** A problem in a person's words. */
export const explain = ({ title, detail }: Problem) => (detail ? `${title}: ${detail}` : title)

/** The answer that an error stands for. */
export const noAnswer = (error: unknown, code = 'network'): Answer<never> => ({
  kind: 'failed',
  code: isObject(error) && typeof error.code === 'string' ? error.code : code,
  message: error instanceof Error ? error.message : String(error)
})
