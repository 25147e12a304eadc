// All requests to the server. Each is made once: the caller decides about a retry by the kind of the answer. No method
// rejects.
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
  /** Called when the server has answered a request. */
  reached?: (() => void) | undefined
}

/** The result of a request. */
export type Answer<T> =
  | { kind: 'ok'; value: T }
  /** By the server. A retry is useless. */
  | { kind: 'refused'; problem: Problem }
  /** 401 to a fresh token, or 403 without the server's problem `forbidden`. */
  | { kind: 'unauthorized'; message: string; status?: 403 }
  /** A retry may succeed. */
  | Failure

export interface Failure {
  kind: 'failed'
  /**
   * The server's code, or `network` (no answer), `protocol` (an answer that is not the server's, such as a proxy's page),
   * `redirected`, or `unauthorized` (the token function failed).
   */
  code: string
  message: string
  status?: number
  retryAfterMs?: number
  /** The server says that a retry may succeed. */
  retryable?: boolean
  /** The rooms that the problem is about, of several. */
  rooms?: string[] | undefined
  /** The request made no progress for too long. */
  slow?: boolean
}

export interface PostOptions {
  /** The request shall outlive the page. */
  keepalive?: boolean
  signal?: AbortSignal
  /** The longest time until an answer begins, in milliseconds. */
  limitMs?: number
}

/** The client that opens a stream, and the event id to resume from. Without one the stream begins with whole state. */
export interface StreamRequest {
  clientId: string
  displayName?: string | undefined
  lastEventId?: string | undefined
  /** The version of the presence list that the client has. */
  presenceVersion?: string | undefined
}

/** A client's presence, and the client whose stream it reads from. */
export interface PresenceRequest extends OwnPresence {
  via?: string | undefined
}

export interface Api {
  /** The prefix of all URLs. */
  root: string
  /** The current token. */
  token(): Promise<string | undefined>
  /**
   * A retry with the same batch object repeats its bytes. If a token is known, the request is made before this returns. With
   * `keepalive` it outlives the page, if the budget allows it.
   */
  postBatch(room: string, batch: Batch, options?: PostOptions): Promise<Answer<BatchResult>>
  /** The size of a batch's body. */
  bytesOf(batch: Batch): number
  /** Whether the server itself answers a batch without operations, which changes nothing. */
  answersPosts(room: string, clientId: string, key: string, signal?: AbortSignal): Promise<boolean>
  getRoom(room: string, signal?: AbortSignal): Promise<Answer<RoomSnapshot>>
  /** The batches that a query selects. With `waitSeconds`, the server may wait that long for new ones. */
  getChanges(room: string, query: string, waitSeconds: number, signal?: AbortSignal): Promise<Answer<Changes>>
  getPresence(room: string, signal?: AbortSignal): Promise<Answer<PresenceEvent>>
  /** By PUT, or by POST where PUT is blocked. */
  putPresence(room: string, clientId: string, presence: PresenceRequest, signal?: AbortSignal): Promise<Answer<PresentUser>>
  /** Leaves presence with a request that outlives the page. Errors are ignored. */
  leave(room: string, clientId: string): void
  /** Opens the stream at a URL without reading its body. Only the signal ends it. */
  openStream(url: string, signal: AbortSignal): Promise<Answer<Response>>
  streamUrl(room: string, stream: StreamRequest): string
}

/** The longest time until an answer begins, apart from the wait that the request asks for, and the longest pause in it. */
export const TIMEOUT_MS = 30_000
/** The share of a request without a body in the budget of keepalive requests. */
const LEAVE_BYTES = 256

export function createApi({ url, token, fetch, reached }: ApiOptions): Api {
  const bodies = new WeakMap<Batch, string>()
  /** The current token; undefined while the token function has to be called. */
  let known: { readonly value: string | undefined } | undefined = typeof token === 'function' ? undefined : { value: token }
  let asking: Promise<string | undefined> | undefined
  /** The next method for presence. A proxy may block one of them. */
  let presenceMethod = 'PUT'

  const root = `${url.replace(/\/+$/, '')}/v1/`
  const roomUrl = (room: string) => `${root}rooms/${encodeURIComponent(room)}`
  const presenceUrl = (room: string, clientId: string) => `${roomUrl(room)}/presence/${encodeURIComponent(clientId)}`
  const streamUrl = (room: string, { clientId, displayName, lastEventId, presenceVersion }: StreamRequest) =>
    `${roomUrl(room)}/events?clientId=${encodeURIComponent(clientId)}` +
    parameter('displayName', displayName) +
    parameter('last_event_id', lastEventId) +
    parameter('presenceVersion', presenceVersion)

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

  /** Makes a request with the current token, and after a 401 once more with a fresh one. */
  async function authorized(target: string, init: RequestInit & { signal: AbortSignal }): Promise<Response> {
    for (let again = typeof token === 'function'; ; again = false) {
      // With a known token the request is made synchronously, as a page that is closed does not wait.
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
      // A fresh token may have the permission.
      if ((status === 401 || status === 403) && typeof token === 'function' && known === used) known = undefined
      if (status !== 401 || !again) return response
      void response.body?.cancel()
    }
  }

  /** A request was redirected, and the answer is not the server's. */
  function redirected(target: string, address: string): Answer<never> {
    const path = `v1/${target.slice(root.length)}`
    const other = address.endsWith(path) ? address.slice(0, -path.length - 1) : undefined
    const why = other
      ? `the server has moved to ${other}: give that address as \`url\``
      : `requests are redirected to ${address}`
    return { kind: 'failed', code: 'redirected', message: why }
  }

  /** Makes a request whose answer is JSON of this shape or, without a shape, a stream. `progress` is called for each part. */
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
      // A redirect may turn a POST into a GET, to which the server answers 404 or 405.
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

  /** The same, with a timeout for each part of the answer, and until the caller's signal aborts. */
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
    // The final abort removes the listener.
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
    async answersPosts(room, clientId, key, signal) {
      const init = json('POST', JSON.stringify({ clientId, key, ops: [] }))
      const answer = await request(`${roomUrl(room)}/ops`, present, init, signal)
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

/** Reads the body of an answer. `progress` is called for each part. */
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

/** Settles like a promise, or rejects when the signal aborts. */
const orAborted = <T>(promise: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort)
    promise.then(resolve, reject)
  })

/** The result of an answer that is not 2xx, of the server or of a proxy. */
function refusal({ status, headers }: Response, body: unknown): Answer<never> {
  const problem = fits(body, problemShape) ? (body as Problem) : undefined
  const message = problem ? explain(problem) : `something that is not pathsync, such as a proxy, answered with HTTP ${status}`
  // Only the server's `forbidden` is final: a 403 of a proxy may pass.
  if (status === 401 || (status === 403 && problem?.code !== 'forbidden'))
    return { kind: 'unauthorized', message, ...(status === 403 && { status }) }
  // Neither a 5xx nor a 404 or 405 is about the request's content: the latter mean that a proxy rewrote the address.
  if (problem && !problem.retryable && status < 500 && (status ^ 404) > 1) return { kind: 'refused', problem }
  // In seconds. A date is ignored.
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

/** A problem as text for people. */
export const explain = ({ title, detail }: Problem) => (detail ? `${title}: ${detail}` : title)

/** Builds an error message: what failed, why, and what happens next. */
export const inWords = (what: string, why: string, next: string) => `${what}: ${why.replace(/\.$/, '')}. ${next}.`

/** The result of a request that threw. `what` failed, unless the error has a code of its own. */
export function noAnswer(error: unknown, what = '', code = 'network'): Answer<never> {
  const known = isObject(error) && typeof error.code === 'string' ? error.code : undefined
  const why = error instanceof Error ? error.message : String(error)
  return { kind: 'failed', code: known ?? code, message: what && !known ? `${what} (${why})` : why }
}
