import createClient from 'openapi-fetch'
import type { components, paths } from './generated/openapi-typescript'
import { events, room, run, server, token } from './steps'

const client = createClient<paths>({ baseUrl: server, headers: { Authorization: `Bearer ${token}` } })
const anonymous = createClient<paths>({ baseUrl: server })
const path = { room }

await run<components['schemas']['Batch']>({
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
    const { data, error, response } = await client.POST('/v1/rooms/{room}/ops', { params: { path }, body: batch })
    return { value: data, problem: error, retryAfter: response.headers.get('Retry-After') }
  },
  async read() {
    const { data, error } = await client.GET('/v1/rooms/{room}', { params: { path } })
    return { value: data, problem: error }
  },
  async readWithoutToken() {
    const { data, error } = await anonymous.GET('/v1/rooms/{room}', { params: { path } })
    return { value: data, problem: error }
  },
  async poll(after) {
    const { data, error } = await client.GET('/v1/rooms/{room}/changes', { params: { path, query: { after, wait: 20 } } })
    return { value: data, problem: error }
  },
  async stream(after, on) {
    const { data } = await client.GET('/v1/rooms/{room}/events', {
      params: { path, header: { 'Last-Event-ID': after } }, parseAs: 'stream'
    })
    await events(data!, on)
  }
})
