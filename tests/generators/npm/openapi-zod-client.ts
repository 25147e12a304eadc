import type { AxiosError } from 'axios'
import type { z } from 'zod'
import { createApiClient, schemas } from './generated/openapi-zod-client'
import { type Answer, room, run, server, token } from './steps'

const client = createApiClient(server, { axiosConfig: { headers: { Authorization: `Bearer ${token}` } } })
const anonymous = createApiClient(server)
const name = encodeURIComponent(room) // the generated client does not encode it
const params = { room: name }

async function answer<T>(request: Promise<T>): Promise<Answer<T>> {
  try {
    return { value: await request }
  } catch (error) {
    const { response } = error as AxiosError<Answer<T>['problem']>
    return { problem: response?.data, retryAfter: response?.headers['retry-after'] }
  }
}

await run<z.input<typeof schemas.Batch>>({
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
  post: (batch) => answer(client.submitBatch(batch, { params })),
  read: () => answer(client.getRoom({ params })),
  readWithoutToken: () => answer(anonymous.getRoom({ params })),
  poll: (after) => answer(client.listChanges({ params, queries: { after, wait: 20 } }))
})
