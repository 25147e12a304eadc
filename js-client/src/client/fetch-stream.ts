// A stream read with `fetch`, which can send headers and shows every byte.
import { createParser } from 'eventsource-parser'
import type { Answer, Api, StreamRequest } from './api.ts'
import type { Frame } from './events.ts'

/** Who is told what comes by a stream. */
export interface Reader {
  /** The server has agreed. */
  opened(): void
  /** Something has come: the whole events of it, which may be none. */
  heard(frames: Frame[]): void
  /** How long to wait before the next stream, in milliseconds. */
  retry(ms: number): void
}

/** Reads one stream to its end; ok when the server ended it. Rejects when it breaks. An event that is cut off is dropped. */
export type ReadStream = (
  api: Api,
  room: string,
  request: StreamRequest & { signal: AbortSignal },
  reader: Reader
) => Promise<Answer<unknown>>

/** Characters of one event; a document has a few million at most. */
const MAX_EVENT = 2 ** 26

export const readByFetch: ReadStream = async (api, room, request, { opened, heard, retry }) => {
  const answer = await api.openStream(room, request)
  if (answer.kind !== 'ok' || !answer.value.body) return answer
  opened()
  let frames: Frame[] = []
  const parser = createParser({
    onEvent: (frame) => void frames.push(frame),
    onRetry: retry,
    onError(error) {
      if (error.type === 'max-buffer-size-exceeded') throw Object.assign(error, { code: 'protocol' })
    },
    maxBufferSize: MAX_EVENT
  })
  const decoder = new TextDecoder()
  const body = answer.value.body.getReader()
  for (;;) {
    const { done, value } = await body.read()
    if (done) return answer
    parser.feed(decoder.decode(value, { stream: true }))
    heard(frames)
    frames = []
  }
}
