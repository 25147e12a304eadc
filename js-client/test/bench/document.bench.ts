// One frame is 16 ms. On a document of 10,000 tasks, all steps of one edit must fit into it.
import { bench, describe } from 'vitest'
import { apply, fold } from '../../src/document/apply.ts'
import { capture } from '../../src/document/capture.ts'
import { diff } from '../../src/document/diff.ts'
import type { Json } from '../../src/document/json.ts'
import { patch } from '../../src/document/patch.ts'
import { clone } from '../../src/document/values.ts'
import type { Operation } from '../../src/wire.ts'

interface Task {
  _sync_id: string
  title: string
  done: boolean
}

/** Ids that look like UUIDs and are the same every time. */
const idAt = (i: number): string => `${((i * 2654435761) % 2 ** 32).toString(16).padStart(8, '0')}-2c5a-4d3a-9d51-5f1f1f3c7a10`
const tasks = Array.from({ length: 10_000 }, (_, i) => ({
  _sync_id: idAt(i),
  title: `Task ${i}`,
  done: false,
  priority: i % 5,
  due: '2026-01-01',
  notes: null,
  subs: [{ _sync_id: idAt(i + 20_000), title: 'Part', done: false }]
}))
const doc: Json = { title: 'Plan', tasks }

const edit: Operation = { op: 'set', path: `tasks[${idAt(5_000)}].title`, value: 'New' }
const edited = apply(doc, edit).doc as Json
const thousand = Array.from(
  { length: 1_000 },
  (_, i): Operation => ({ op: 'set', path: `tasks[${idAt(i * 10)}].title`, value: 'New' })
)
const moved = apply(doc, { op: 'array_move', path: `tasks[${idAt(0)}]`, arrayIndex: 9_999 }).doc as Json

/** Live state with one more edit each time, so that there is always a difference. */
const live = clone(doc) as { tasks: Task[] }
let edits = 0
const editLive = (): void => {
  const task = live.tasks[5_000]
  if (task) task.title = `New ${++edits}`
}

describe('10,000 tasks', () => {
  bench('apply one set', () => void apply(doc, edit))
  bench('diff after one edit', () => void diff(doc, edited))
  const apart = clone(doc) as Json
  bench('diff after one edit, between versions without shared parts', () => void diff(apart, edited))
  bench('diff after the first was moved to the end', () => void diff(doc, moved))
  bench('capture after one edit', () => {
    editLive()
    capture(doc, live)
  })
  const other = clone(doc)
  bench('patch of one edit, and its reversal', () => {
    patch(other, doc, edited)
    patch(other, edited, doc)
  })
  bench('fold of 1,000 sets on as many items', () => void fold(doc, thousand))
  bench('all steps of a local and a remote edit: capture, diff, apply, patch', () => {
    editLive()
    const view = capture(doc, live) as Json
    const unsent = diff(doc, view)
    const confirmed = apply(doc, edit).doc
    const next = fold(confirmed, unsent).doc as Json
    patch(live, view, next)
  })
})
