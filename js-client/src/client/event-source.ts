// A stream read with the browser's EventSource, which sends cookies. It shows neither comments nor why it failed, and its
// own way of coming back is not used: the connection knows better when, and from where.
import { eventNames } from './events.ts'
import type { ReadStream } from './fetch-stream.ts'

export const readByEventSource: ReadStream = (api, room, { signal, ...request }, { opened, heard }) =>
  new Promise((resolve) => {
    const source = new EventSource(api.streamUrl(room, request), { withCredentials: true })
    const end = () => {
      source.close()
      signal.removeEventListener('abort', end)
      resolve({ kind: 'failed', code: 'network', message: 'the stream could not be read' })
    }
    signal.addEventListener('abort', end)
    source.onerror = end
    source.onopen = opened
    for (const event of eventNames) source.addEventListener(event, ({ data }) => heard([{ event, data }]))
  })
