// The one place that makes requests. Each is made once: when to try again is for the caller to decide, by the kind of
// the answer. No method rejects.
import { isObject } from '../../document/values.ts'
import type { OwnPresence, Token } from '../../types.ts'
import type { Batch, BatchResult, Changes, PresenceEvent, PresentUser, Problem, RoomSnapshot } from '../../wire.ts'
import { after, MAX_WAIT_MS, within } from '../runtime/clock.ts'
import { reserve } from './keepalive.ts'
import { fits, present, problemShape, text, userShape, whole, type Shape } from './shape.ts'

export interface ApiOptions {
  /** The server's address. Empty: the page's own origin. */
  url: string
  token?: Token | undefined
  fetch: typeof fetch
  /** The server has answered a request. */
  reached?: (() => void) | undefined
}

/** What became of a request. */
export type Answer<T> =
  | { kind: 'ok'; value: T }
  /** Repeating the request is useless. */
  | { kind: 'refused'; problem: Problem }
  /** 401 although a fresh token was tried, or a 403 that is not the server's last word. */
  | { kind: 'unauthorized'; message: string; status?: 403 }
  /** May succeed later. */
  | Failure

export interface Failure {
  kind: 'failed'
  /**
   * The server's, or `network` (no answer), `protocol` (an answer that is not the server's, such as a proxy's page) or
   * `unauthorized` (the token function failed).
   */
  code: string
  message: string
  status?: number
  retryAfterMs?: number
  /** The server says that the same request may succeed later. */
  retryable?: boolean
  /** Of several rooms, those concerned. */
  rooms?: string[] | undefined
  /** The request made no progress for too long. */
  slow?: boolean
}

export interface PostOptions {
  /** The request is to outlive the page. */
  keepalive?: boolean
  signal?: AbortSignal
  /** The longest that an answer may take to begin, in milliseconds. */
  limitMs?: number
}

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
  /**
   * The same batch object repeats its bytes. The request has been made when this returns, if a token is known. With `keepalive`
   * it outlives the page, if the budget for that suffices.
   */
  postBatch(room: string, batch: Batch, options?: PostOptions): Promise<Answer<BatchResult>>
  /** How large the body of a batch is. */
  bytesOf(batch: Batch): number
  /** Whether the server itself answers a batch to this room that has no operations, which changes nothing. */
  answersPosts(room: string, clientId: string, key: string): Promise<boolean>
  getRoom(room: string, signal?: AbortSignal): Promise<Answer<RoomSnapshot>>
  /** The batches that a query names, which may have the server wait for so many seconds. */
  getChanges(room: string, query: string, waitSeconds: number, signal?: AbortSignal): Promise<Answer<Changes>>
  getPresence(room: string, signal?: AbortSignal): Promise<Answer<PresenceEvent>>
  /** By PUT, or by POST where that has been blocked. */
  putPresence(room: string, clientId: string, presence: PresenceRequest, signal?: AbortSignal): Promise<Answer<PresentUser>>
  /** Leaves presence, if that is possible: outlives the page, and nobody hears of errors. */
  leave(room: string, clientId: string): void
  /** Opens the stream at a URL; its body is not read. There is no time limit but the signal. */
  openStream(url: string, signal: AbortSignal): Promise<Answer<Response>>
  streamUrl(room: string, stream: StreamRequest): string
}

/** The longest that an answer may take to begin, beyond what the request asks the server to wait, and may then pause. */
export const TIMEOUT_MS = 30_000
/** What leaving presence counts for in the budget of keepalive requests: it has no body. */
const LEAVE_BYTES = 256

export function createApi({ url, token, fetch, reached }: ApiOptions): Api {
  const bodies = new WeakMap<Batch, string>()
  /** The token that is known, or what asks for one. */
  let known: { readonly value: string | undefined } | undefined = typeof token === 'function' ? undefined : { value: token }
  let asking: Promise<string | undefined> | undefined
  /** The next method that presence is written with. Something on the way may block one of them. */
  let presenceMethod = 'PUT'

  const root = `${url.replace(/\/+$/, '')}/v1/`
  const roomUrl = (room: string) => `${root}rooms/${encodeURIComponent(room)}`
  const presenceUrl = (room: string, clientId: string) => `${roomUrl(room)}/presence/${encodeURIComponent(clientId)}`
  const streamUrl = (room: string, { clientId, displayName, lastEventId }: StreamRequest) =>
    `${roomUrl(room)}/events?clientId=${encodeURIComponent(clientId)}` +
    parameter('displayName', displayName) +
    parameter('last_event_id', lastEventId)

  const ask = async () => {
    const value = await (typeof token === 'function' ? token() : token)
    known = { value }
    asking = undefined
    return value
  }
  function bodyOf(batch: Batch): string {
    let body = bodies.get(batch)
    if (body === undefined) bodies.set(batch, (body = JSON.stringify(batch)))
    return body
  }

  const bytesOf = (batch: Batch) => new TextEncoder().encode(bodyOf(batch)).length

  const remembered = () => (known ? Promise.resolve(known.value) : (asking ??= ask()))

  /** Makes a request with the token known so far; after a 401 once more with a fresh one. */
  async function authorized(target: string, init: RequestInit & { signal: AbortSignal }): Promise<Response> {
    for (let again = typeof token === 'function'; ; again = false) {
      // A page that is being closed does not wait: with a token that is known, the request is made at once.
      if (!known) {
        const waited = remembered()
        await orAborted(waited, init.signal).catch((error) => {
          if (asking === waited) asking = undefined
          throw Object.assign(new Error(`the token function failed (${error})`), { code: 'unauthorized' })
        })
      }
      const used = known
      const bearer = used?.value
      const headers = { ...init.headers, ...(bearer && { Authorization: `Bearer ${bearer}` }) }
      const response = await fetch(target, { ...init, headers })
      const { status } = response
      // Another token may grant what this one does not.
      if ((status === 401 || status === 403) && typeof token === 'function' && known === used) known = undefined
      if (status !== 401 || !again) return response
      void response.body?.cancel()
    }
  }

  /** A request has ended at another address, by no answer of the server. */
  function redirected(target: string, address: string): Answer<never> {
    const path = `v1/${target.slice(root.length)}`
    const other = address.endsWith(path) ? address.slice(0, -path.length - 1) : undefined
    const why = other
      ? `the server has moved to ${other}: give that address as \`url\``
      : `requests are redirected to ${address}`
    return { kind: 'failed', code: 'redirected', message: why }
  }

  /** Makes a request whose answer is JSON of a shape or, without one, a stream. `progress` is called for each part of it. */
  async function exchange<T>(
    target: string,
    init: RequestInit & { signal: AbortSignal },
    shape?: Shape,
    progress = () => {}
  ): Promise<Answer<T>> {
    try {
      const response = await authorized(target, init)
      const { ok, status, headers } = response
      const type = headers.get('Content-Type') ?? 'no type'
      const value = ok && !shape ? response : parsed(await textOf(response, progress))
      const isAnswer = ok && (shape ? fits(value, shape) : type.startsWith('text/event-stream'))
      const isProblem = !ok && fits(value, problemShape)
      if (isAnswer || isProblem) reached?.()
      if (isAnswer) return { kind: 'ok', value: value as T }
      // A redirect may turn any request into a GET, which the server does not know at that address.
      if (response.redirected && (!isProblem || (status ^ 404) <= 1)) return redirected(target, response.url)
      if (!ok) return refusal(response, value)
      return {
        kind: 'failed',
        code: 'protocol',
        message: `something that is not pathsync, such as a proxy or a sign-in page, answered with ${type}`
      }
    } catch (error) {
      const { signal } = init
      return noAnswer(error, signal.aborted ? '' : `${new URL(root, globalThis.location?.href).origin} cannot be reached`)
    }
  }

  /** The same, as long as it makes progress, or until the caller's signal aborts. */
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
    let slow = false
    const expire = () => {
      slow = true
      abort.abort(new Error(`no answer within ${ms / 1000} s`))
    }
    let timer = after(ms, expire)
    const progress = () => {
      clearTimeout(timer)
      timer = after(TIMEOUT_MS, expire)
    }
    const answer = await exchange<T>(target, { ...init, signal }, shape, progress)
    clearTimeout(timer)
    cancel()
    return slow && answer.kind === 'failed' ? { ...answer, slow } : answer
  }

  return {
    root,
    token: remembered,
    postBatch(room, batch, { keepalive = false, signal, limitMs } = {}) {
      const shape = { room: text, epoch: text, serverSeq: whole, results: [{ status: text }] } as const
      const release = keepalive ? reserve(bytesOf(batch)) : undefined
      const init = { ...json('POST', bodyOf(batch)), keepalive: !!release }
      return request<BatchResult>(`${roomUrl(room)}/ops`, shape, init, signal, limitMs).finally(release)
    },
    bytesOf,
    async answersPosts(room, clientId, key) {
      const answer = await request(`${roomUrl(room)}/ops`, present, json('POST', JSON.stringify({ clientId, key, ops: [] })))
      return answer.kind === 'ok' || answer.kind === 'refused'
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
    getPresence: (room, signal) => request(`${roomUrl(room)}/presence`, { users: [userShape] }, {}, signal),
    async putPresence(room, clientId, presence, signal) {
      const method = presenceMethod
      const answer = await request<PresentUser>(
        presenceUrl(room, clientId),
        userShape,
        json(method, JSON.stringify(presence)),
        signal
      )
      const { kind } = answer
      const isBlocked = (kind === 'failed' && !answer.retryable) || (kind === 'unauthorized' && answer.status === 403)
      if (isBlocked && method === presenceMethod) presenceMethod = method === 'PUT' ? 'POST' : 'PUT'
      return answer
    },
    leave(room, clientId) {
      const release = reserve(LEAVE_BYTES)
      const init = { method: 'POST', keepalive: !!release }
      void request(`${presenceUrl(room, clientId)}/leave`, present, init).then(release)
    },
    openStream: (url, signal) => exchange(url, { headers: { Accept: 'text/event-stream' }, signal }),
    streamUrl
  }
}

const json = (method: string, body: string) => ({ method, body, headers: { 'Content-Type': 'application/json' } })

const parameter = (name: string, value: string | undefined) => (value ? `&${name}=${encodeURIComponent(value)}` : '')

/** The body of an answer, told of part by part. */
async function textOf({ body }: Response, progress: () => void): Promise<string> {
  const reader = body?.getReader()
  const decoder = new TextDecoder()
  for (let text = ''; ; ) {
    const part = await reader?.read()
    if (!part?.value) return text + decoder.decode()
    progress()
    text += decoder.decode(part.value, { stream: true })
  }
}

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
  const message = problem ? explain(problem) : `something that is not pathsync, such as a proxy, answered with HTTP ${status}`
  // What the server forbids is given up, or it would hold up all else. A no of something on the way may be a mistake.
  if (status === 401 || (status === 403 && problem?.code !== 'forbidden'))
    return { kind: 'unauthorized', message, ...(status === 403 && { status }) }
  // A fault of the server says nothing about the request, and an address that it does not know (404, 405) is one that
  // something on the way has rewritten: nothing is given up for either.
  if (problem && !problem.retryable && status < 500 && (status ^ 404) > 1) return { kind: 'refused', problem }
  // Seconds. What is not, such as a date, says nothing.
  const retryAfterMs = within(Number(headers.get('Retry-After')) * 1000, 0, MAX_WAIT_MS, 0)
  const retryable = problem?.retryable === true
  return {
    kind: 'failed',
    code: problem?.code ?? 'protocol',
    message,
    status,
    retryAfterMs,
    ...(retryable && { retryable }),
    rooms: problem?.rooms
  }
}

/** A problem in a person's words. */
export const explain = ({ title, detail }: Problem) => (detail ? `${title}: ${detail}` : title)

/** What failed, why, and what happens next, as sentences. */
export const inWords = (what: string, why: string, next: string) => `${what}: ${why.replace(/\.$/, '')}. ${next}.`

/** The answer that an error stands for. `what` has failed, if the error itself does not say that. */
export function noAnswer(error: unknown, what = '', code = 'network'): Answer<never> {
  const known = isObject(error) && typeof error.code === 'string' ? error.code : undefined
  const why = error instanceof Error ? error.message : String(error)
  return { kind: 'failed', code: known ?? code, message: what && !known ? `${what} (${why})` : why }
}
