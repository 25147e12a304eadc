// A stream read with `fetch`, which can send headers and shows every byte.
import { createParser } from 'eventsource-parser'
import type { OwnPresence } from '../../types.ts'
import type { Answer, Api, StreamRequest } from './api.ts'
import type { Frame } from './events.ts'

/** Who is told what comes by a stream. */
export interface Reader {
  /** The server has agreed. */
  opened(): void
  /** Something has come: the whole events of it, which may be none. `opens`: the server has agreed by it. */
  heard(frames: Frame[], opens?: boolean): void
  /** How long to wait before the next stream, in milliseconds. */
  retry(ms: number): void
  /** The names of the events that mean something. */
  readonly names: readonly string[]
}

export interface ReadRequest extends StreamRequest {
  signal: AbortSignal
  /** The event id that the reader has got to. */
  position(): string | undefined
  /** What this client says of itself. */
  presence(): OwnPresence
}

/** Opens a stream and reads it to its end; then it is ok. An event that is cut off by the end is dropped. */
export type ReadStream = (api: Api, room: string, request: ReadRequest, reader: Reader) => Promise<Answer<unknown>>

/** Characters of one event; a document has a few million at most. */
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
    // A stream that breaks has ended.
    const { value } = await body.read().catch(() => ({ value: undefined }))
    if (!value) return answer
    parser.feed(decoder.decode(value, { stream: true }))
    heard(frames)
    frames = []
  }
}
