import { Api, type Batch, type HttpResponse, type Problem } from './generated/swagger-typescript-api/Api'
import { type Answer, events, room, run, server, token } from './steps'

const { v1 } = new Api({
  baseUrl: server,
  securityWorker: () => ({ headers: { Authorization: `Bearer ${token}` } })
})
const anonymous = new Api({ baseUrl: server })
const name = encodeURIComponent(room) // the generated client does not encode it

async function answer<T>(request: Promise<HttpResponse<T, Problem | void>>): Promise<Answer<T>> {
  try {
    return { value: (await request).data }
  } catch (thrown) {
    const { error, headers } = thrown as HttpResponse<T, Problem>
    return { problem: error, retryAfter: headers?.get('Retry-After') }
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
  post: (batch) => answer(v1.submitBatch(name, batch)),
  read: () => answer(v1.getRoom(name)),
  readWithoutToken: () => answer(anonymous.v1.getRoom(name)),
  poll: (after) => answer(v1.listChanges(name, { after, wait: 20 })),
  async stream(after, on) {
    const { body } = await v1.streamEvents(name, { last_event_id: after })
    await events(body!, on)
  }
})
