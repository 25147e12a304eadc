// Reads a stream with the browser's EventSource, which sends cookies. It shows neither comments nor the cause of a failure. Its own
// reconnecting is not used: the connection decides when, and from which position.
import type { Answer, Api } from './api.ts'
import type { ReadStream } from './fetch-stream.ts'

export const readByEventSource: ReadStream = (api, room, request, { opened, heard, names }) =>
  new Promise((resolve) => {
    const source = new EventSource(api.streamUrl(room, request), { withCredentials: true })
    let answer: Answer<unknown> = { kind: 'failed', code: 'network', message: 'the stream could not be opened' }
    const end = () => {
      source.close()
      resolve(answer)
    }
    request.signal.addEventListener('abort', end)
    if (request.signal.aborted) end()
    source.onerror = end
    source.onopen = () => {
      answer = { kind: 'ok', value: source }
      opened()
    }
    for (const event of names) {
      source.addEventListener(event, ({ data, lastEventId: id }) => heard([{ id, event, data }]))
    }
  })

/** Whether the position of a room is the server's. */
export async function missedNothing(api: Api, room: string, position: () => string | undefined, signal: AbortSignal) {
  const answer = await api.getChanges(room, `after=${position()}`, 0, signal)
  return answer.kind === 'ok' && answer.value.next === position()
}
