// A store of 10,000 tasks in a room: the Pinia plugin with a client, and a server in memory.
import { createPinia, defineStore } from 'pinia'
import { createApp } from 'vue'
import type { Json } from '../../src/document/json.ts'
import { createPathsync } from '../../src/pinia/index.ts'
import type { OutboxStorage } from '../../src/types.ts'
import { createServer } from '../unit/pinia/server.ts'

interface Task {
  _sync_id: string
  title: string
  done: boolean
  priority: number
  due: string
  subs: { _sync_id: string; title: string; done: boolean }[]
}

const SIZE = 10_000

export const task = (i: number): Task => ({
  _sync_id: `t${i}`,
  title: `Task ${i}`,
  done: false,
  priority: i % 5,
  due: '2026-01-01',
  subs: [{ _sync_id: `s${i}`, title: 'Part', done: false }]
})
export const project = () => ({ title: 'Plan', tasks: Array.from({ length: SIZE }, (_, i) => task(i)) })

/** Milliseconds of CPU time of this process, which does not depend on other processes. */
export const cpu = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** A storage that keeps nothing: the cost is that of the client. */
const nowhere = (): OutboxStorage => ({ adopt: async () => [], save: async () => {}, close() {} })

/** An application with the plugin, and a function that creates its store with this state. */
export function application(state: () => ReturnType<typeof project>, persist = false) {
  const server = createServer()
  const pinia = createPinia()
  createApp({ render: () => null }).use(pinia)
  const plugin = createPathsync({
    url: 'http://sync.test',
    clientId: 'ada',
    fetch: server.fetch,
    ...(persist && { persist: nowhere() })
  })
  pinia.use(plugin)
  return { server, client: plugin.client, attach: defineStore('project', { state, sync: { room: 'r' } }).bind(null, pinia) }
}

/** A store whose tasks everybody has. */
export async function joined(persist?: boolean) {
  const { server, client, attach } = application(() => ({ title: '', tasks: [] as Task[] }), persist)
  const remote = server.room('r')
  remote.post('default', { op: 'init', path: '', value: project() as unknown as Json })
  const store = attach()
  const room = client.room('r')
  // Most of the state is read in the background.
  await new Promise((resolve) => setTimeout(resolve, 2000))
  let n = 0
  const at = () => (n += 7) % (SIZE - 100)
  const confirmed = (edit: () => void) => async () => {
    edit()
    await room.flush()
  }
  return {
    store,
    /** Each edit is confirmed by the server. */
    edits: {
      'one title changed': confirmed(() => void (store.tasks[at()]!.title = `Edit ${n}`)),
      'one task pushed': confirmed(() => void store.tasks.push(task(SIZE + at()))),
      'one task spliced out': confirmed(() => void store.tasks.splice(at(), 1)),
      'one task moved': confirmed(() => void store.tasks.splice(at(), 0, ...store.tasks.splice(at(), 1)))
    },
    /** Another client changes a title. Resolves when the store shows it. */
    async remote() {
      const i = at()
      const title = `Remote ${n}`
      const id = store.tasks[i]!._sync_id
      remote.post('default', { op: 'set', path: `tasks[${id}].title`, value: title })
      while (store.tasks[i]!.title !== title) await Promise.resolve()
    },
    close: () => client.close()
  }
}
