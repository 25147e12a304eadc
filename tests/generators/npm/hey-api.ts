import { createClient } from './generated/hey-api/client'
import { getRoom, listChanges, streamEvents, submitBatch } from './generated/hey-api'
import type { Batch, StreamEvent } from './generated/hey-api'
import { room, run, server, token } from './steps'

const client = createClient({ baseUrl: server, auth: token })
const anonymous = createClient({ baseUrl: server })
const path = { room }

await run<Batch>({
  addAndSet: {
    clientId: 'ada', clientSeq: 1, key: 'default',
    ops: [
      { path: 'tasks', op: 'array_add', value: { _sync_id: 't1', title: 'Write' } },
      { path: 'tasks[t1].done', op: 'set', value: true }
    ]
  },
  title: { clientId: 'ada', clientSeq: 2, key: 'default', ops: [{ path: 'title', op: 'set', value: 'Launch' }] },
  invalid: { clientId: 'ada', key: 'default', ops: [{ path: 'a..b', op: 'set', value: 1 }] },
  flood: { clientId: 'flood', key: 'default', ops: [{ path: 'n', op: 'set', value: 1 }] },
  async post(batch) {
    const { data, error, response } = await submitBatch({ client, path, body: batch })
    return { value: data, problem: error, retryAfter: response?.headers.get('Retry-After') }
  },
  async read() {
    const { data, error } = await getRoom({ client, path })
    return { value: data, problem: error }
  },
  async readWithoutToken() {
    const { data, error } = await getRoom({ client: anonymous, path })
    return { value: data, problem: error }
  },
  async poll(after) {
    const { data, error } = await listChanges({ client, path, query: { after, wait: 20 } })
    return { value: data, problem: error }
  },
  async stream(after, on) {
    const stop = new AbortController()
    const { stream } = await streamEvents({
      client, path, headers: { 'Last-Event-ID': after }, signal: stop.signal,
      onSseEvent(message) {
        const event = message as unknown as StreamEvent // the generator takes the schema for that of the data
        if (event.data && on(event.event, event.data)) stop.abort()
      }
    })
    for await (const _ of stream);
  }
})
