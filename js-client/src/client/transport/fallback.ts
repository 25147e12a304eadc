// Runs beside polling, where streams do not get through: diagnoses why, and tries streams again.
//
// It is loaded on demand, and gets its dependencies from the connection: importing them here would split the client into more chunks.
import type { RoomEvent } from '../../wire.ts'
import type { Api } from './api.ts'
import { after, now } from '../runtime/clock.ts'
import type { Stream, Transport, Verdict } from './stream.ts'

export interface Tools {
  api: Api
  transport: Transport
  /** The streams that are stopped with the connection, and checked when it is woken. */
  streams: Set<Stream>
  /** Opens a stream and waits for its end. */
  read(transport: Transport, handler: { opening(): void; events(events: RoomEvent[]): Verdict }): Promise<unknown>
  /** Streams do not get through, and this is why. */
  failed(code: string, message: string): void
}

const FIRST_ATTEMPT_MS = 60_000
const MAX_ATTEMPT_MS = 600_000

/** Resolves when a stream gets through, or the connection is stopped. */
export async function fallBack(tools: Tools): Promise<void> {
  const abort = new AbortController()
  const { signal } = abort
  let wake = () => {}
  const pausing: Stream = {
    wake: () => wake(),
    doubt() {},
    replace() {},
    stop() {
      abort.abort()
      wake()
    }
  }
  tools.streams.add(pausing)
  void diagnose(tools, signal).then((fault) => {
    if (!signal.aborted) tools.failed(`stream_${fault.name}`, inWords(fault))
  })
  for (let ms = FIRST_ATTEMPT_MS; ; ms = Math.min(2 * ms, MAX_ATTEMPT_MS)) {
    let timer
    await new Promise<void>((resolve) => {
      wake = resolve
      timer = after(ms, resolve)
    })
    clearTimeout(timer)
    if (signal.aborted || (await attempt(tools)) || signal.aborted) break
  }
  tools.streams.delete(pausing)
  abort.abort()
}

/**
 * Whether a stream gets through now. Its events are not used: polling may be further already, and an older `up-to-date`
 * would look like another history.
 */
async function attempt({ transport, read }: Tools): Promise<boolean> {
  let through = false
  await read(transport, {
    opening() {},
    events(events) {
      through = events.some(({ type }) => type === 'up-to-date')
      return through ? 'resume' : 'ok'
    }
  })
  return through
}

/** The effect of a proxy on streams. */
interface Fault {
  name: 'buffered' | 'compressed' | 'cut' | 'blocked'
  does: string
}

const inWords = ({ name, does }: Fault) =>
  `Something between here and the server ${does}. Changes come by polling instead. ` +
  `See https://github.com/pathsync/pathsync/blob/main/docs/run/proxies.md${name === 'blocked' ? '' : `#${name}`}`

/** The probe: one event a second, then the end. */
const SECONDS = 5
const QUERY = `seconds=${SECONDS}&events=${SECONDS - 1}&intervalMs=1000`
/** A proxy that buffers the whole stream has passed it on by then. */
const LIMIT_MS = 15_000
/** How much longer an event may take than the fastest one, in milliseconds. */
const TOLERABLE_MS = 500
/** One in this many events may take longer. */
const TOLERATED = 3

/** Requests events at known times, and judges by when they arrive. */
async function diagnose({ api }: Tools, stopped: AbortSignal): Promise<Fault> {
  const askedAt = now()
  const limit = new AbortController()
  const stop = () => limit.abort()
  stopped.addEventListener('abort', stop, { signal: limit.signal })
  let timedOut = false
  const timer = after(LIMIT_MS, () => {
    timedOut = true
    stop()
  })

  /** How long each event took. The difference of the clocks is the same in all of them. */
  const delays: number[] = []
  let whole = false
  const answer = await api.openStream(`${api.root}probe?${QUERY}`, limit.signal)
  if (answer.kind === 'ok') {
    await readEvents(answer.value, (event, data) => {
      whole ||= event === 'probe-end' || event === 'reconnect'
      const { ms } = JSON.parse(data) as { ms?: number }
      if (ms !== undefined) delays.push(now() - askedAt - ms)
    })
  }
  clearTimeout(timer)
  stop()

  const took = now() - askedAt
  const inSeconds = `${(took / 1000).toFixed(1)} s`
  /** There was no answer until the server had sent the whole probe. */
  const silent = answer.kind === 'failed' && answer.code === 'network' && took > (SECONDS - 1) * 1000
  if (timedOut || silent) return { name: 'buffered', does: `holds event streams back: no end came in ${inSeconds}` }
  if (answer.kind === 'ok') {
    const least = Math.min(...delays)
    const late = delays.filter((ms) => ms - least > TOLERABLE_MS).length
    const encoding = answer.value.headers.get('Content-Encoding')
    if (late * TOLERATED > delays.length) {
      return encoding
        ? { name: 'compressed', does: `compresses event streams (${encoding}), and holds them back` }
        : { name: 'buffered', does: 'holds event streams back, and lets go of many events together' }
    }
    if (!whole) return { name: 'cut', does: `cuts event streams after ${inSeconds}` }
  }
  return { name: 'blocked', does: 'does not let event streams through' }
}

/** Reads the events of a probe, each with one line of data, to the end of the stream. A stream that breaks has ended. */
async function readEvents({ body }: Response, take: (event: string, data: string) => void): Promise<void> {
  const reader = body?.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  for (;;) {
    const chunk = await reader?.read().catch(() => undefined)
    if (!chunk?.value) return
    const events = (rest + decoder.decode(chunk.value, { stream: true })).split('\n\n')
    rest = events.pop() ?? ''
    for (const text of events) {
      const [, event, data] = /^event: (.*)\ndata: (.*)$/.exec(text) ?? []
      if (event && data) take(event, data)
    }
  }
}
