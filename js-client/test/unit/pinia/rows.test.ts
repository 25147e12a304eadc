// Rows of a list with `:key="task._sync_id"`, as the documentation shows them.
import { expect, test, vi } from 'vitest'
import { type RendererOptions, createRenderer, h, nextTick, reactive, ref } from 'vue'
import { createMirror } from '../../../src/pinia/mirror.ts'
import { createWorld, pinia4, settle } from './world.ts'

interface Task {
  _sync_id?: string
  title: string
  subs?: Task[]
}
interface Row {
  id: string | undefined
}

/** Renders a list with a component per row. Returns the current elements, and the number of created rows. */
function rendered(tasks: () => Task[]) {
  const rows = new Set<Row>()
  const options: RendererOptions<Row, Row> = {
    patchProp(row, _, __, id: string) {
      row.id = id
    },
    insert() {},
    remove: (row) => void rows.delete(row),
    createElement(type) {
      const row: Row = { id: undefined }
      if (type === 'input') rows.add(row)
      return row
    },
    createText: () => ({ id: undefined }),
    createComment: () => ({ id: undefined }),
    setText() {},
    setElementText() {},
    parentNode: () => ({ id: undefined }),
    nextSibling: () => null
  }
  const root: Row = { id: undefined }
  const app = createRenderer(options).createApp({
    render: () =>
      h(
        'form',
        tasks().map((task) => h('input', { key: task._sync_id, id: task._sync_id }))
      )
  })
  app.mount(root)
  return { rows, app }
}

test('a new row keeps its element after it is sent, and after remote changes', async () => {
  const { application, server } = createWorld()
  const { pinia } = application()
  const useStore = pinia4.defineStore('s', {
    state: () => ({ tasks: [{ title: 'first' }] as Task[] }),
    sync: { room: 'r', include: ['tasks'] }
  })
  const store = useStore(pinia)
  await settle()
  const { rows, app } = rendered(() => store.tasks)
  const [first] = rows

  store.tasks.push({ title: '', subs: [{ title: 'part' }] })
  await nextTick()
  const focused = [...rows].at(-1)
  expect(rows.size).toBe(2)
  expect(focused?.id).toEqual(expect.any(String))
  expect(store.tasks[1]?.subs?.[0]?._sync_id).toEqual(expect.any(String))

  store.tasks[1]!.title = 'w'
  await settle()
  server.room('r').post('tasks', { op: 'set', path: `[${store.tasks[0]!._sync_id}].title`, value: 'theirs' })
  await settle()
  expect([...rows]).toEqual([first, focused])
  expect([...rows][1]).toBe(focused)
  expect(focused?.id).toBe(store.tasks[1]?._sync_id)
  expect(server.room('r').docs.get('tasks')).toEqual(store.tasks)
  app.unmount()
})

test('a new row keeps its element in an array that is new, long, inside an item, or inside a ref', async () => {
  const long = () => Array.from({ length: 300 }, (_, i): Task => ({ _sync_id: `${i}`, title: '' }))
  const inner = ref<Task[]>([])
  const state = reactive({
    doc: { tasks: long(), short: [{ _sync_id: 'x', title: '', subs: [] as Task[] }], inner } as Record<string, unknown>
  })
  const mirror = createMirror({ holder: () => state, name: 'doc' }, { key: 'doc', touched: vi.fn(), failed: vi.fn() })
  mirror.begin()
  const doc = state.doc as { tasks: Task[]; short: Task[]; inner: Task[]; fresh: Task[] }
  const added = [
    () => doc.tasks[doc.tasks.push({ title: '' }) - 1],
    () => doc.short[0]!.subs![doc.short[0]!.subs!.push({ title: '' }) - 1],
    () => doc.inner[doc.inner.push({ title: '' }) - 1],
    () => ((doc.fresh = [{ title: '' }]), doc.fresh[0])
  ].map((add) => add())
  await nextTick()
  for (const task of added) expect(task?._sync_id).toEqual(expect.any(String))
  const read = mirror.read(undefined)
  expect(JSON.parse(JSON.stringify(read))).toEqual(JSON.parse(JSON.stringify(state.doc)))
  mirror.stop()
})

test('an id exists before a template renders it, in any order of watchers', async () => {
  const state = reactive({ doc: { tasks: [] as Task[] } })
  const { rows, app } = rendered(() => state.doc.tasks)
  const mirror = createMirror({ holder: () => state, name: 'doc' }, { key: 'doc', touched: vi.fn(), failed: vi.fn() })
  mirror.begin()
  state.doc.tasks.push({ title: '' })
  await nextTick()
  const [row] = rows
  expect(row?.id).toEqual(expect.any(String))
  await nextTick()
  expect([...rows][0]).toBe(row)
  mirror.stop()
  app.unmount()
})
