import axios, { AxiosError } from 'axios'
import { getRoom, listChanges, streamEvents, submitBatch } from './generated/orval'
import type { Batch, Problem } from './generated/orval'
import { type Answer, events, room, run, server, token } from './steps'

axios.defaults.baseURL = server
const bearer = { headers: { Authorization: `Bearer ${token}` } }
const name = encodeURIComponent(room) // the generated client does not encode it

async function answer<T>(request: Promise<{ data: T }>): Promise<Answer<T>> {
  try {
    return { value: (await request).data }
  } catch (error) {
    const { response } = error as AxiosError<Problem>
    return { problem: response?.data, retryAfter: response?.headers['retry-after'] }
  }
}

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
  post: (batch) => answer(submitBatch(name, batch, bearer)),
  read: () => answer(getRoom(name, undefined, bearer)),
  readWithoutToken: () => answer(getRoom(name)),
  poll: (after) => answer(listChanges(name, { after, wait: 20 }, bearer)),
  async stream(after, on) {
    const { data } = await streamEvents(name, { last_event_id: after }, { ...bearer, adapter: 'fetch', responseType: 'stream' })
    await events(data as unknown as ReadableStream<Uint8Array>, on)
  }
})
