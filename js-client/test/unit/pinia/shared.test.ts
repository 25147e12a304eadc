// One object in two places of the state: `selected.push(tasks[0])`.
import { describe, expect, test, vi } from 'vitest'
import { reactive, toRaw } from 'vue'
import type { Json } from '../../../src/document/json.ts'
import { createMirror } from '../../../src/pinia/mirror.ts'
import { createWorld, pinia4, settle } from './world.ts'

interface Task {
  _sync_id: string
  title: string
  subs?: Task[]
}
type Doc = Record<string, Task[] | Task | null>

const task = (id: string): Task => ({ _sync_id: id, title: id, subs: [{ _sync_id: `${id}1`, title: '' }] })

function mirrorOf(state: { doc: Doc }) {
  const failed = vi.fn()
  const mirror = createMirror({ holder: () => state, name: 'doc' }, { key: 'doc', touched: vi.fn(), failed })
  mirror.begin()
  let known = mirror.read(undefined)
  return { mirror, failed, read: () => (known = mirror.read(known)), write: (to: Json) => mirror.write(known, (known = to)) }
}

test('an object added twice to another array keeps its id, and each copy gets a new one', () => {
  const state = reactive({ doc: { tasks: [task('x')], selected: [] } as Doc })
  const doc = state.doc as { tasks: Task[]; selected: Task[] }
  const { read } = mirrorOf(state)
  for (let n = 0; n < 2; n++) {
    doc.selected.push(doc.tasks[0]!)
    read()
  }
  expect(doc.tasks.map(({ _sync_id }) => _sync_id)).toEqual(['x'])
  expect(new Set(doc.selected.map(({ _sync_id }) => _sync_id)).size).toBe(2)
  doc.tasks[0]!.title = 'Changed'
  expect(doc.selected.map(({ title }) => title)).toEqual(['x', 'x'])
})

describe.each([
  ['behind', ['tasks', 'selected']],
  ['before', ['selected', 'tasks']]
])('an object that is put %s the place that it is at', (_, names) => {
  const start = () => {
    const state = reactive({
      doc: Object.fromEntries(names.map((name) => [name, name === 'tasks' ? [task('x'), task('y')] : []])) as Doc
    })
    const doc = state.doc as { tasks: Task[]; selected: Task[] }
    return { doc, ...mirrorOf(state) }
  }

  test('becomes a copy in the second place, and stays itself in the first', () => {
    const { doc, read, failed } = start()
    const [first] = doc.tasks
    doc.selected.push(doc.tasks[0]!)
    expect(read()).toEqual({ tasks: [task('x'), task('y')], selected: [task('x')] })
    expect(doc.tasks[0]).toBe(first)
    expect(toRaw(doc.selected[0])).not.toBe(toRaw(first))
    expect(failed).toHaveBeenCalledTimes(1)
    expect(failed).toHaveBeenCalledWith(expect.objectContaining({ code: 'shared_object', path: 'doc.selected[0]' }))
    doc.selected.splice(0, 1, doc.tasks[0]!)
    read()
    expect(doc.tasks[0]).toBe(first)
    expect(failed).toHaveBeenCalledTimes(1)
  })

  test('changes in one place only, by local and remote edits, and causes no extra writes', () => {
    const { doc, read, write } = start()
    doc.selected.push(doc.tasks[0]!)
    read()
    doc.tasks[0]!.subs![0]!.title = 'mine'
    expect(read()).toMatchObject({ tasks: [{ subs: [{ title: 'mine' }] }, {}], selected: [{ subs: [{ title: '' }] }] })
    const theirs = { tasks: [{ ...task('x'), title: 'theirs' }, task('y')], selected: [task('x')] }
    write(theirs as unknown as Json)
    expect(doc).toEqual(theirs)
    expect(read()).toBe(theirs)
  })
})

test('an object that moves to another place is not copied', () => {
  const state = reactive({ doc: { a: [task('x'), task('y'), task('z')], b: [] as Task[], c: null } as Doc })
  let doc = state.doc as { a: Task[]; b: Task[]; c: Task | null }
  const { read, failed } = mirrorOf(state)
  const x = doc.a[0]!
  const same = (at: Task | null | undefined) => expect(toRaw(at)).toBe(toRaw(x))
  doc.b.push(doc.a.shift()!)
  read()
  same(doc.b[0])
  doc.b = [...doc.b].reverse().filter(() => true)
  read()
  same(doc.b[0])
  doc.b = doc.b.map((task) => Object.assign(task, { title: 'changed' }))
  read()
  same(doc.b[0])
  state.doc = { ...doc, b: [...doc.b] }
  doc = state.doc as typeof doc
  doc.b[0]!.title = 'changed again'
  read()
  same(doc.b[0])
  doc.c = doc.b[0]!
  doc.b = doc.b.filter(({ _sync_id }) => _sync_id !== 'x')
  read()
  same(doc.c)
  doc.a = [...doc.a, doc.c!]
  doc.c = null
  read()
  same(doc.a[2])
  doc.a.sort((a, b) => (a._sync_id < b._sync_id ? -1 : 1))
  read()
  same(doc.a[0])
  expect(failed).not.toHaveBeenCalled()
})

test('an object in two members, or a default used twice, becomes two objects', () => {
  const DEFAULTS = { _sync_id: 'd', title: 'default' }
  const state = reactive({ doc: { a: DEFAULTS, b: DEFAULTS } as Doc })
  const { read, failed } = mirrorOf(state)
  const doc = state.doc as { a: Task; b: Task }
  doc.b.title = 'b'
  expect(read()).toEqual({ a: { _sync_id: 'd', title: 'default' }, b: { _sync_id: 'd', title: 'b' } })
  expect(failed).toHaveBeenCalledTimes(1)
})

test('frozen objects are not copied', () => {
  const shared = Object.freeze({ _sync_id: 'f', title: 'frozen' })
  const state = reactive({ doc: { a: [shared], b: [shared] } as Doc })
  const { read, failed } = mirrorOf(state)
  read()
  expect(failed).not.toHaveBeenCalled()
})

test('an object in two documents of a store becomes a copy in the second, and both clients converge', async () => {
  const { application, server } = createWorld()
  const define = () =>
    pinia4.defineStore('s', {
      state: () => ({ selected: [] as Task[], tasks: [task('x')] }),
      sync: { room: 'r', include: ['selected', 'tasks'] }
    })
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  const [ada, bob] = [define()(application('ada').pinia), define()(application('bob').pinia)]
  await settle()
  ada.selected.push(ada.tasks[0]!)
  await settle()
  bob.tasks[0]!.title = 'from bob'
  await settle()
  const batches = server.room('r').batches.length
  ada.tasks[0]!.title = 'from ada'
  await settle()
  expect(
    server
      .room('r')
      .batches.slice(batches)
      .flatMap(({ ops }) => ops)
  ).toEqual([{ op: 'set', path: '[x].title', value: 'from ada' }])
  expect(bob.$state).toEqual(ada.$state)
  expect(bob.selected[0]?.title).toBe('x')
  expect(warn).toHaveBeenCalledTimes(1)
  warn.mockRestore()
})
