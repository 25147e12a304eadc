// Judges the way between this page and the server, by the probe of the server. Pure.

/** What the probe has found. Times in milliseconds since the request. */
export interface Probe {
  /** Undefined if no stream was opened. */
  start?: { protocol: string; forwarded: readonly string[]; at: number }
  /** When the server has sent each event, since the start of the stream, and when it has arrived. */
  events: readonly { sentMs: number; at: number }[]
  /** The stream ended with its last event. */
  complete: boolean
  encoding: string
  /** The name that the server has read in the address of a request; undefined if it was not answered. */
  name?: string | undefined
}

export interface Finding {
  ok: boolean
  text: string
  advice?: string
}

/** A name whose slash proxies often change. */
export const PROBED_NAME = 'a/b'
export const PROBE_QUERY = 'seconds=2&events=5&intervalMs=300'
/** The longest time that an event may take longer than the first one. */
const LATE_MS = 300

export function judge({ start, events, complete, encoding, name }: Probe): Finding[] {
  if (!start)
    return [{ ok: false, text: 'No event stream was opened.', advice: 'Run pathsync doctor with the address of this page.' }]
  const [first] = events
  const late = events.map(({ sentMs, at }) => at - sentMs - (first ? first.at - first.sentMs : 0))
  // Events that a proxy holds back arrive together, long before the last one is due or with it.
  const spread = events.length > 1 ? events.at(-1)!.at - first!.at : 0
  const due = events.length > 1 ? events.at(-1)!.sentMs - first!.sentMs : 0
  const buffered = due > 0 && spread < due / 2
  const via = start.forwarded.length ? `, through a proxy (${start.forwarded.join(', ')})` : ''
  return [
    { ok: true, text: `The server is reached over ${start.protocol}${via}.` },
    buffered || Math.max(0, ...late) > LATE_MS
      ? { ok: false, text: 'Events arrive late, or several at once.', advice: 'Turn off response buffering in the proxy.' }
      : { ok: true, text: 'Events arrive when they are sent.' },
    complete
      ? { ok: true, text: 'The stream lasts as long as it should.' }
      : { ok: false, text: 'The stream was cut.', advice: 'Raise the read timeout of the proxy above 15 s.' },
    encoding
      ? {
          ok: false,
          text: `Something compresses the stream (${encoding}).`,
          advice: 'Exclude text/event-stream from compression.'
        }
      : { ok: true, text: 'The stream is not changed on the way.' },
    name === PROBED_NAME
      ? { ok: true, text: 'Room names reach the server as they are.' }
      : {
          ok: false,
          text: 'A slash in a room name does not reach the server.',
          advice: 'Configure the proxy to pass the path without decoding it.'
        }
  ]
}
