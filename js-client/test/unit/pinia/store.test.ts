import { describe, expect, test, vi } from 'vitest'
import { isReactive, nextTick, reactive, ref, shallowRef, watch } from 'vue'
import { stripSyncIds } from '../../../src/pinia/index.ts'
import { createWorld, pass, pinia4, pinias, settle, useRoute } from './world.ts'

interface Task {
  _sync_id?: string
  title: string
  done?: boolean
  subtasks?: Task[]
}

const { defineStore } = pinia4

/** The store of the predecessor's quick start, word for word. */
const quickStart = ({ defineStore } = pinia4) =>
  defineStore('project', {
    state: () => ({
      project: {
        title: 'Untitled',
        description: '',
        settings: { zoom: 1, theme: 'light' },
        tasks: [] as Task[]
      },
      uiDrawerOpen: false
    }),

    sync: {
      room: () => `project-${useRoute().params.id}`,
      include: ['project']
    }
  })

describe.each(pinias)('with %s', (_, pinia) => {
  test('the store of the quick start is equal in all clients, except for state that is not included', async () => {
    const world = createWorld()
    const useProjectStore = quickStart(pinia)
    const [ada, bob] = [world.application('ada', pinia), world.application('bob', pinia)]
    ada.route.params.id = bob.route.params.id = 'demo-1'
    const [a, b] = [useProjectStore(ada.pinia), useProjectStore(bob.pinia)]
    await settle()

    a.project.title = 'Apollo'
    a.project.tasks.push({ title: 'Launch' })
    a.uiDrawerOpen = true
    await settle()
    expect(b.project.title).toBe('Apollo')
    expect(b.project.tasks).toEqual(a.project.tasks)
    expect(stripSyncIds(b.project.tasks)).toEqual([{ title: 'Launch' }])
    expect(b.uiDrawerOpen).toBe(false)

    b.project.tasks[0]!.done = true
    b.project.settings.zoom = 2
    await settle()
    expect(a.project.tasks[0]!.done).toBe(true)
    expect(a.project.settings.zoom).toBe(2)
    expect([...world.server.room('project-demo-1').docs.keys()]).toEqual(['project'])
  })

  test('a setup store with the option `sync` is synced', async () => {
    const world = createWorld()
    const useNotes = pinia.defineStore('notes', () => ({ text: ref(''), list: reactive<Task[]>([]), open: ref(false) }), {
      sync: { room: 'notes', include: ['text', 'list'] }
    })
    const [a, b] = ['ada', 'bob'].map((name) => useNotes(world.application(name, pinia).pinia)) as [Notes, Notes]
    type Notes = ReturnType<typeof useNotes>
    await settle()
    a.text = 'Hello'
    a.list.push({ title: 'one' })
    a.open = true
    await settle()
    expect([b.text, stripSyncIds(b.list), b.open]).toEqual(['Hello', [{ title: 'one' }], false])
    b.list.splice(0)
    await settle()
    expect(a.list).toEqual([])
  })

  test('$patch, $reset, $state and replaced arrays are shared', async () => {
    const world = createWorld()
    const useProjectStore = quickStart(pinia)
    const [a, b] = ['ada', 'bob'].map((name) => useProjectStore(world.application(name, pinia).pinia)) as [Project, Project]
    type Project = ReturnType<typeof useProjectStore>
    await settle()
    a.$patch({ project: { title: 'patched' } })
    await settle()
    expect(b.project.title).toBe('patched')
    a.$patch((state) => void state.project.tasks.push({ title: 'by function' }))
    await settle()
    expect(stripSyncIds(b.project.tasks)).toEqual([{ title: 'by function' }])
    a.project.tasks = [{ title: 'replaced' }]
    await settle()
    expect(stripSyncIds(b.project.tasks)).toEqual([{ title: 'replaced' }])
    a.$state = { ...a.$state, project: { ...a.project, description: 'whole' } }
    await settle()
    expect(b.project.description).toBe('whole')
    b.$reset()
    await settle()
    expect(a.project).toEqual({ title: 'Untitled', description: '', settings: { zoom: 1, theme: 'light' }, tasks: [] })
  })

  test('a disposed store leaves the room, and its pending changes are still sent', async () => {
    const world = createWorld()
    const { pinia: own, route } = world.application('ada', pinia)
    route.params.id = '1'
    const store = quickStart(pinia)(own)
    await settle()
    const room = world.server.room('project-1')
    expect(room.streams.size).toBe(1)
    store.project.title = 'last words'
    store.$dispose()
    await settle()
    expect(room.docs.get('project')).toMatchObject({ title: 'last words' })
    expect(room.streams.size).toBe(0)
    store.project.title = 'nobody hears this'
    await settle()
    expect(room.docs.get('project')).toMatchObject({ title: 'last words' })
  })
})

function twoStores<Store>(use: (pinia: ReturnType<typeof pinia4.createPinia>) => Store) {
  const world = createWorld()
  const [a, b] = [use(world.application('ada').pinia), use(world.application('bob').pinia)]
  return { world, a, b }
}

describe('what is shared', () => {
  test('the whole state as one document without include', async () => {
    const use = defineStore('all', { state: () => ({ count: 0, list: [] as Task[] }), sync: { room: 'r' } })
    const { world, a, b } = twoStores(use)
    await settle()
    a.count++
    a.list.push({ title: 'x' })
    await settle()
    expect([b.count, stripSyncIds(b.list)]).toEqual([1, [{ title: 'x' }]])
    expect([...world.server.room('r').docs.keys()]).toEqual(['default'])
  })

  test('the refs of a setup store without include', async () => {
    const use = defineStore('all', () => ({ count: ref(0), settings: reactive({ zoom: 1 }) }), { sync: { room: 'r' } })
    const { a, b } = twoStores(use)
    await settle()
    a.count++
    a.settings.zoom = 2
    await settle()
    expect([b.count, b.settings.zoom]).toEqual([1, 2])
  })

  test('each included name as its own document, and a change of one does not affect the other', async () => {
    const use = defineStore('two', {
      state: () => ({ notes: [] as Task[], title: '', local: 0 }),
      sync: { room: 'r', include: ['notes', 'title'] }
    })
    const { world, a, b } = twoStores(use)
    await settle()
    a.title = 'T'
    await settle()
    a.notes.push({ title: 'n' })
    await settle()
    expect([b.title, stripSyncIds(b.notes)]).toEqual(['T', [{ title: 'n' }]])
    const sent = world.server.room('r').batches.filter(({ ops }) => ops.some(({ op }) => op !== 'init'))
    expect(sent.map(({ key }) => key)).toEqual(['title', 'notes'])
  })

  test('not a name that is missing in the state, which causes a warning', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const include = ['title', 'titel'] as 'title'[]
    const { world, a } = twoStores(defineStore('typo', { state: () => ({ title: '' }), sync: { room: 'r', include } }))
    expect(warn).toHaveBeenCalledWith('[pathsync] Store "typo" has "titel" in `sync.include`, but no such state')
    warn.mockRestore()
    a.title = 'x'
    await settle()
    expect([...world.server.room('r').docs.keys()]).toEqual(['title'])
  })

  test('not changes of state that is not included: they cause no reads', async () => {
    const use = defineStore('mixed', {
      state: () => ({ title: '', local: { points: [1, 2, 3] } }),
      sync: { room: 'r', include: ['title'] }
    })
    const { a, world } = twoStores(use)
    await settle()
    const [timers, sent] = [vi.getTimerCount(), world.server.room('r').batches.length]
    a.local.points.push(4)
    a.local = { points: [] }
    expect(vi.getTimerCount()).toBe(timers)
    await settle()
    expect(world.server.room('r').batches).toHaveLength(sent)
  })

  test('not a store without the option', () => {
    const world = createWorld()
    const store = defineStore('plain', { state: () => ({ tasks: [{ title: 'x' }] }) })(world.application().pinia)
    expect(store.tasks).toEqual([{ title: 'x' }])
    expect(world.server.rooms).toEqual([])
  })

  test('not the temporary store of hot module replacement', () => {
    const world = createWorld()
    defineStore('__hot:project', { state: () => ({ n: 0 }), sync: { room: 'r' } })(world.application().pinia)
    expect(world.server.rooms).toEqual([])
  })

  test('items get their ids through the proxy, so that templates update', async () => {
    const { a } = twoStores(defineStore('list', { state: () => ({ list: [] as Task[] }), sync: { room: 'r' } }))
    await settle()
    a.list.push({ title: 'x' })
    const seen: unknown[] = []
    watch(
      () => a.list[0]?._sync_id,
      (id) => seen.push(id)
    )
    await settle()
    expect(seen).toEqual([a.list[0]?._sync_id])
    expect(seen[0]).toEqual(expect.any(String))
  })

  test('a shallow ref is replaced, so that its watchers run', async () => {
    const use = defineStore('shallow', () => ({ board: shallowRef<{ cells: number[] }>({ cells: [] }) }), {
      sync: { room: 'r', include: ['board'] }
    })
    const { a, b } = twoStores(use)
    await settle()
    const seen: unknown[] = []
    watch(
      () => b.board,
      (board) => seen.push(board.cells)
    )
    a.board = { cells: [1] }
    await settle()
    expect(seen).toEqual([[1]])
    expect(isReactive(b.board)).toBe(false)
  })
})

describe('concurrent edits', () => {
  test('edits made before the room has loaded are kept on top of its state', async () => {
    const world = createWorld()
    world.server.room('r').post('doc', { op: 'init', path: '', value: { title: 'theirs', body: 'theirs' } })
    const use = defineStore('doc', { state: () => ({ doc: { title: '', body: '' } }), sync: { room: 'r', include: ['doc'] } })
    const store = use(world.application().pinia)
    store.doc.title = 'mine'
    await settle()
    expect(store.doc).toEqual({ title: 'mine', body: 'theirs' })
    expect(world.server.room('r').docs.get('doc')).toEqual({ title: 'mine', body: 'theirs' })
  })

  const useDoc = defineStore('doc', {
    state: () => ({ doc: { title: '', count: 0, total: 0, tasks: [] as Task[] } }),
    sync: { room: 'r', include: ['doc'] }
  })

  async function doc() {
    const world = createWorld()
    const store = useDoc(world.application().pinia)
    const room = world.server.room('r')
    await settle()
    return { store, room, shared: () => room.docs.get('doc') }
  }

  test('a remote change does not discard an unsent edit', async () => {
    const { store, room, shared } = await doc()
    store.doc.title = 'mine'
    await pass(100)
    room.post('doc', { op: 'set', path: 'title', value: 'theirs' }, { op: 'set', path: 'count', value: 1 })
    await pass()
    expect(store.doc).toMatchObject({ title: 'mine', count: 1 })
    await settle()
    expect(shared()).toMatchObject({ title: 'mine', count: 1 })
  })

  test('a change by a watcher during a remote change is shared', async () => {
    const { store, room, shared } = await doc()
    watch(
      () => store.doc.count,
      (count) => (store.doc.total = 10 * count),
      { flush: 'sync' }
    )
    watch(
      () => store.doc.tasks.length,
      () => (store.doc.tasks.at(-1)!.done = true),
      { flush: 'sync' }
    )
    room.post('doc', { op: 'set', path: 'count', value: 4 })
    await settle()
    expect(shared()).toMatchObject({ count: 4, total: 40 })
    room.post('doc', { op: 'array_add', path: 'tasks', value: { _sync_id: 't1', title: 'new' } })
    await settle()
    expect(shared()).toMatchObject({ tasks: [{ _sync_id: 't1', title: 'new', done: true }] })
  })

  test('a remote item can be edited at once, at any depth', async () => {
    const { store, room, shared } = await doc()
    const subtasks = [{ _sync_id: 's1', title: 'sub' }]
    room.post('doc', { op: 'array_add', path: 'tasks', value: { _sync_id: 't1', title: 'new', subtasks } })
    await pass()
    store.doc.tasks[0]!.subtasks![0]!.title = 'edited'
    await settle()
    expect(shared()).toMatchObject({ tasks: [{ subtasks: [{ _sync_id: 's1', title: 'edited' }] }] })
  })

  test('a remote change triggers only the effects that read it', async () => {
    const { store, room } = await doc()
    const tasks = ['t1', 't2'].map((_sync_id) => ({ _sync_id, title: _sync_id }))
    room.post('doc', { op: 'set', path: 'tasks', value: tasks })
    await settle()
    const [first, second] = [store.doc.tasks[0], store.doc.tasks[1]]
    const seen: string[] = []
    for (const [i, task] of store.doc.tasks.entries())
      watch(
        () => task.title,
        () => seen.push(`title ${i}`)
      )
    watch(
      () => store.doc.tasks.length,
      () => seen.push('length')
    )
    watch(
      () => store.doc.title,
      () => seen.push('title')
    )
    room.post('doc', { op: 'set', path: 'tasks[t2].title', value: 'changed' })
    await pass()
    await nextTick()
    expect(seen).toEqual(['title 1'])
    room.post('doc', { op: 'array_move', path: 'tasks[t2]', arrayIndex: 0 })
    await pass()
    expect(store.doc.tasks[0]).toBe(second)
    expect(store.doc.tasks[1]).toBe(first)
    expect(seen).toEqual(['title 1'])
  })

  test('remote changes are not sent back', async () => {
    const { room } = await doc()
    const sent = room.batches.length
    room.post('doc', { op: 'set', path: 'tasks', value: [{ _sync_id: 'a', title: 'y' }] })
    room.post('doc', { op: 'set', path: 'tasks[a].title', value: 'z' })
    await settle()
    expect(room.batches).toHaveLength(sent)
  })
})
