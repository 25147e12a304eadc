// A stream read with `fetch`, which can send headers and shows every byte.
import { createParser } from 'eventsource-parser'
import type { OwnPresence } from '../../types.ts'
import type { Answer, Api, StreamRequest } from './api.ts'
import type { Frame } from './events.ts'

/** The callbacks of a reader. */
export interface Reader {
  /** The server has answered with a stream. */
  opened(): void
  /** Bytes have arrived, with these complete events, if any. `opens`: they count as `opened`. */
  heard(frames: Frame[], opens?: boolean): void
  /** The server names the wait before the next stream, in milliseconds. */
  retry(ms: number): void
  /** The names of the known events. */
  readonly names: readonly string[]
}

export interface ReadRequest extends StreamRequest {
  signal: AbortSignal
  /** The event id to resume from. */
  position(): string | undefined
  /** This client's presence. */
  presence(): OwnPresence
}

/** Opens a stream and reads it to its end, which is `ok`. An event that the end cuts off is dropped. */
export type ReadStream = (api: Api, room: string, request: ReadRequest, reader: Reader) => Promise<Answer<unknown>>

/** The most characters of one event. A document has a few million at most. */
const MAX_EVENT = 2 ** 26

export const readByFetch: ReadStream = async (api, room, request, { opened, heard, retry }) => {
  const answer = await api.openStream(api.streamUrl(room, request), request.signal)
  if (answer.kind !== 'ok' || !answer.value.body) return answer
  opened()
  let frames: Frame[] = []
  const parser = createParser({
    onEvent: (frame) => void frames.push(frame),
    onRetry: retry,
    onError(error) {
      if (error.type === 'max-buffer-size-exceeded') throw error
    },
    maxBufferSize: MAX_EVENT
  })
  const decoder = new TextDecoder()
  const body = answer.value.body.getReader()
  for (;;) {
    // A broken stream counts as ended.
    const { value } = await body.read().catch(() => ({ value: undefined }))
    if (!value) return answer
    parser.feed(decoder.decode(value, { stream: true }))
    heard(frames)
    frames = []
  }
}
