// The cost of the plugin for a document of 10,000 tasks. A deep watch, which Pinia's own subscriptions use, is included
// for comparison.
import { bench, describe } from 'vitest'
import { nextTick, reactive, watch } from 'vue'
import { fold } from '../../src/document/apply.ts'
import type { Json } from '../../src/document/json.ts'
import { createMirror } from '../../src/pinia/mirror.ts'
import type { Operation } from '../../src/wire.ts'

const project = () => ({
  title: 'Plan',
  tasks: Array.from({ length: 10_000 }, (_, i) => ({
    _sync_id: `t${i}`,
    title: `Task ${i}`,
    done: false,
    priority: i % 5,
    due: '2026-01-01',
    subs: [{ _sync_id: `s${i}`, title: 'Part', done: false }]
  }))
})

function attached() {
  const state = reactive({ project: project() })
  const mirror = createMirror({ holder: () => state, name: 'project' }, { key: 'project', touched() {}, failed() {} })
  mirror.begin()
  let doc = mirror.read(mirror.initial)
  let n = 0
  return {
    edit: () => void (state.project.tasks[n++ % 10_000]!.title = `Edit ${n}`),
    read: () => void (doc = mirror.read(doc)),
    write(op: (n: number) => Operation) {
      const to: Json | undefined = fold(doc, [op(n++)]).doc
      mirror.write(doc, to)
      doc = to
    }
  }
}

describe('10,000 tasks in a store', () => {
  const store = attached()
  bench('a local edit, until it is read', store.edit)
  bench('a local edit, read', () => {
    store.edit()
    store.read()
  })
  bench('a remote change of one field', () =>
    store.write((n) => ({ op: 'set', path: `tasks[t${n % 10_000}].title`, value: `Remote ${n}` }))
  )
  bench('a remote change of the title', () => store.write((n) => ({ op: 'set', path: 'title', value: `Remote ${n}` })))
  bench('a task added elsewhere', () =>
    store.write((n) => ({ op: 'array_add', path: 'tasks', value: { _sync_id: `n${n}`, title: 'New' } }))
  )

  const watched = reactive({ project: project() })
  watch(watched, () => {}, { deep: true })
  bench('for comparison: a local edit under a deep watch', async () => {
    watched.project.tasks[5000]!.title += 'x'
    await nextTick()
  })
})

describe('10,000 tasks', () => {
  bench('attached to a store', () => void attached(), { iterations: 5 })
})
