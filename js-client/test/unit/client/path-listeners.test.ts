import { afterEach, describe, expect, test, vi } from 'vitest'
import { createPathListeners } from '../../../src/client/room/path-listeners.ts'
import { fold } from '../../../src/document/apply.ts'
import type { Json } from '../../../src/document/json.ts'
import * as values from '../../../src/document/values.ts'
import type { Operation } from '../../../src/wire.ts'

afterEach(() => vi.restoreAllMocks())

const set = (path: string, value: Json): Operation => ({ op: 'set', path, value })

function watching(state: Json | undefined) {
  let doc = state
  const parts = createPathListeners(doc)
  return {
    parts,
    change: (...ops: Operation[]) => parts.show((doc = fold(doc, ops).doc)),
    show: (next: Json | undefined) => parts.show((doc = next))
  }
}

describe('a listener at a path', () => {
  test('is called with the new and the old value when the value or a part of it changes', () => {
    const { parts, change } = watching({
      tasks: [
        { _sync_id: 'x', title: 'a' },
        { _sync_id: 'y', title: 'b' }
      ],
      zoom: 1
    })
    const title = vi.fn()
    const item = vi.fn()
    const all = vi.fn()
    parts.add('tasks[x].title', title)
    parts.add('tasks[x]', item)
    parts.add('', all)
    change(set('tasks[x].title', 'c'))
    expect(title.mock.calls).toEqual([['c', 'a']])
    expect(item.mock.calls).toEqual([
      [
        { _sync_id: 'x', title: 'c' },
        { _sync_id: 'x', title: 'a' }
      ]
    ])
    change(set('tasks[y].title', 'd'), set('zoom', 2))
    expect([title, item, all].map(({ mock }) => mock.calls.length)).toEqual([1, 1, 2])
  })

  test('is called with undefined when an item is removed or moved away, and with the value when it is added', () => {
    const { parts, change } = watching({ a: [{ _sync_id: 'x', n: 1 }], b: [] })
    const there = vi.fn()
    const later = vi.fn()
    parts.add('a[x].n', there)
    parts.add('b[x].n', later)
    change({ op: 'array_move', path: 'a[x]', to: 'b' })
    expect([there.mock.calls, later.mock.calls]).toEqual([[[undefined, 1]], [[1, undefined]]])
    change({ op: 'array_del', path: 'b[x]' })
    expect([there.mock.calls.length, later.mock.calls[1]]).toEqual([1, [undefined, 1]])
  })

  test('is not called when an earlier item is added or removed, or when its item moves within the array', () => {
    const items = Array.from({ length: 20 }, (_, i) => ({ _sync_id: `i${i}`, n: i }))
    const { parts, change } = watching({ items })
    const calls = items.map(({ _sync_id }) => {
      const call = vi.fn()
      parts.add(`items[${_sync_id}]`, call)
      return call
    })
    change(
      { op: 'array_add', path: 'items', value: { _sync_id: 'new' }, arrayIndex: 0 },
      { op: 'array_move', path: 'items[i3]', arrayIndex: 9 }
    )
    expect(calls.flatMap(({ mock }) => mock.calls)).toEqual([])
    change(set('items[i7].n', 'changed'), { op: 'array_del', path: 'items[i8]' })
    expect(calls.map(({ mock }) => mock.calls.length)).toEqual(items.map((_, i) => Number(i === 7 || i === 8)))
  })

  test('can be added before its member or document exists, or while a parent has another type', () => {
    const { parts, change, show } = watching(undefined)
    const call = vi.fn()
    parts.add('a.b[x].c', call)
    show({ a: 5 })
    change(set('a', { b: [1, 2] }), set('a.b', [{ _sync_id: 'x', c: 'here' }]))
    show(undefined)
    expect(call.mock.calls).toEqual([
      ['here', undefined],
      [undefined, 'here']
    ])
  })

  test('is not called after it is removed, even by an earlier listener; others at the path are called', () => {
    const { parts, change } = watching({ title: 'a' })
    const gone = vi.fn()
    const stays = vi.fn()
    parts.add('title', () => end())
    const end = parts.add('title', gone)
    parts.add('title', stays)
    change(set('title', 'b'))
    end()
    change(set('title', 'c'))
    expect([gone.mock.calls.length, stays.mock.calls.length]).toEqual([0, 2])
  })

  test('that is added after all were removed is called', () => {
    const { parts, change } = watching({ a: { b: 1 } })
    const call = vi.fn()
    const end = parts.add('a.b', () => {})
    end()
    parts.add('a.b', call)
    end()
    change(set('a.b', 2))
    expect(call.mock.calls).toEqual([[2, 1]])
  })

  test('that throws is reported, and the other listeners are called', () => {
    const report = vi.spyOn(console, 'error').mockImplementation(() => {})
    const { parts, change } = watching({ title: 'a' })
    const call = vi.fn()
    parts.add('title', () => {
      throw new Error('broken')
    })
    parts.add('title', call)
    change(set('title', 'b'))
    expect(report).toHaveBeenCalledWith(expect.objectContaining({ message: 'broken' }))
    expect(call.mock.calls).toEqual([['b', 'a']])
  })

  test('that changes the document is called again after all others were called for the first change', () => {
    const { parts, change } = watching({ n: 0 })
    const seen: unknown[] = []
    parts.add('n', (n) => n === 1 && change(set('n', 2)))
    parts.add('n', (n, was) => seen.push([was, n]))
    change(set('n', 1))
    expect(seen).toEqual([
      [0, 1],
      [1, 2]
    ])
  })

  test('at an invalid path throws', () => {
    expect(() => createPathListeners({}).add('a..b', () => {})).toThrow(TypeError)
  })
})

test('of 10,000 listeners at 10,000 items, only those of changed items are evaluated', () => {
  const items = Array.from({ length: 10_000 }, (_, i) => ({ _sync_id: `i${i}`, title: '' }))
  const { parts, change } = watching({ items })
  const call = vi.fn()
  for (const { _sync_id } of items) parts.add(`items[${_sync_id}].title`, call)
  change(set('items[i5].title', 'a')) // builds the index of the array
  const followed = vi.spyOn(values, 'get')
  const names = vi.spyOn(Map.prototype, 'get')
  change(set('items[i5000].title', 'b'))
  const lookups = names.mock.calls.length
  names.mockRestore()
  expect(call).toHaveBeenCalledTimes(2)
  expect(lookups).toBeLessThan(50)
  expect(followed.mock.calls.length).toBeLessThan(50)
})
