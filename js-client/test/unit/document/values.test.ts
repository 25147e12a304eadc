import { reactive } from 'vue'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { newId, stripSyncIds } from '../../../src/document/ids.ts'
import type { Json } from '../../../src/document/json.ts'
import { clone, equal, get, isItems, own, put, same, share } from '../../../src/document/values.ts'
import { fold } from '../../../src/document/apply.ts'
import { anyValue, freeze, parse } from './arbitrary.ts'

describe('item arrays', () => {
  test.each<[string, Json[], boolean]>([
    ['the empty array', [], true],
    ['objects with ids of their own', [{ _sync_id: 'a' }, { _sync_id: 'b' }], true],
    ['an id twice', [{ _sync_id: 'a' }, { _sync_id: 'a' }], false],
    ['an id that is empty', [{ _sync_id: '' }], false],
    ['an id that is no string', [{ _sync_id: 1 }], false],
    ['no id', [{}], false],
    ['something else among them', [{ _sync_id: 'a' }, null], false],
    ['an array in an array', [[{ _sync_id: 'a' }]], false]
  ])('%s', (_, array, expected) => {
    expect(isItems(array)).toBe(expected)
    expect(isItems(array)).toBe(expected)
  })
})

describe('equal', () => {
  test('holds for a copy, in any order of members', () => {
    const backwards = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(backwards)
        : typeof value === 'object' && value !== null
          ? Object.fromEntries(
              Object.entries(value)
                .reverse()
                .map(([name, member]) => [name, backwards(member)])
            )
          : value
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(equal(value, backwards(value) as Json)).toBe(true)
      })
    )
  })
  test('holds exactly if the copies with sorted members have the same text', () => {
    const sorted = (value: Json): unknown =>
      JSON.stringify(value, (_, member: unknown) =>
        typeof member === 'object' && member !== null && !Array.isArray(member)
          ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
          : member
      )
    fc.assert(
      fc.property(anyValue, anyValue, (a, b) => {
        expect(equal(a, b)).toBe(sorted(a) === sorted(b))
      })
    )
  })
  test.each<[Json | undefined, Json | undefined]>([
    [{}, []],
    [[], {}],
    [null, {}],
    [undefined, null],
    [0, false],
    ['', null],
    [[1], [1, 2]],
    [{ a: 1 }, { b: 1 }],
    [{ toString: 1 }, { a: 1 }],
    [{ a: 1 }, { toString: 1 }]
  ])('%j is not %j', (a, b) => {
    expect(equal(a, b)).toBe(false)
  })
})

describe('get', () => {
  const doc = { a: { b: [{ _sync_id: 'x', n: 1 }] }, plain: [1, 2], 'x.y': null }
  test.each<[string, Json | undefined]>([
    ['', doc],
    ['a.b', doc.a.b],
    ['a.b[x]', doc.a.b[0]],
    ['a.b[x].n', 1],
    ['x\\.y', null],
    ['a.c.d', undefined],
    ['a.b[y]', undefined],
    ['a[x]', undefined],
    ['plain[1]', undefined],
    ['plain.0', undefined],
    ['plain.length', undefined],
    ['toString', undefined],
    ['a.constructor', undefined],
    ['a.b[x].n.toFixed', undefined]
  ])('%s', (path, value) => {
    expect(get(doc, path)).toBe(value)
  })
  test('accepts segments, and a missing document', () => {
    expect(get(doc, [{ key: 'a' }, { key: 'b' }, { item: 'x' }])).toBe(doc.a.b[0])
    expect(get(undefined, 'a')).toBeUndefined()
    expect(get(undefined, '')).toBeUndefined()
  })
  test('throws for a text that is not a path', () => {
    expect(() => get(doc, 'a..b')).toThrow(TypeError)
    expect(() => get(doc, '__proto__')).toThrow(TypeError)
  })
})

describe('prototypes are not accessible', () => {
  test('own reads own members only', () => {
    expect(own({ a: 1 }, 'a')).toBe(1)
    expect(own({}, 'toString')).toBeUndefined()
    expect(own({}, '__proto__')).toBeUndefined()
    expect(own([1], 'length')).toBeUndefined()
  })
  test('put skips __proto__', () => {
    const target = {}
    put(target, '__proto__', { polluted: 1 })
    put(target, 'constructor', 1)
    expect(Object.getPrototypeOf(target)).toBe(Object.prototype)
    expect(Object.entries(target)).toEqual([['constructor', 1]])
  })
  test('neither clone nor stripSyncIds copies __proto__', () => {
    const hostile = parse('{"a":{"__proto__":{"polluted":1},"b":1}}')
    for (const copy of [clone(hostile), stripSyncIds(hostile)] as { a: object }[]) {
      expect(JSON.stringify(copy)).toBe('{"a":{"b":1}}')
      expect(Object.getPrototypeOf(copy.a)).toBe(Object.prototype)
    }
  })
})

test('a clone is equal and shares no mutable part', () => {
  fc.assert(
    fc.property(anyValue, (value) => {
      const copy = clone(value)
      expect(copy).toEqual(value)
      const containers = (value: unknown): unknown[] =>
        typeof value === 'object' && value !== null ? [value, ...Object.values(value).flatMap(containers)] : []
      const originals = new Set(containers(value))
      expect(containers(copy).some((container) => originals.has(container))).toBe(false)
    })
  )
})

describe('a version that shares parts with the previous one', () => {
  /** Equal members with the same name, and equal items with the same id, are the same value. */
  function expectShared(before: Json | undefined, shared: Json | undefined) {
    if (same(before, shared)) return expect(shared).toBe(before)
    if (Array.isArray(before) && Array.isArray(shared)) {
      const byId = isItems(before) && isItems(shared)
      shared.forEach((value: Json, i) =>
        expectShared(byId ? before.find((item) => get(item, '_sync_id') === get(value, '_sync_id')) : before[i], value)
      )
    } else for (const name of Object.keys(Object(shared) as object)) expectShared(own(before, name), own(shared, name))
  }

  test('is equal, and has the same values for equal parts', () => {
    fc.assert(
      fc.property(anyValue, anyValue, (before, after) => {
        const shared = share(freeze(before), freeze(after))
        expect(JSON.stringify(shared)).toBe(JSON.stringify(after))
        expectShared(before, shared)
      })
    )
  })

  test('is itself if items were only added, removed and moved', () => {
    const items = Array.from({ length: 30 }, (_, i) => ({ _sync_id: `i${i}` }))
    const lists = fc.shuffledSubarray(items)
    fc.assert(
      fc.property(lists, lists, fc.array(fc.nat(40)), (before, after, added) => {
        const list: Json[] = [...after]
        added.forEach((at, i) => list.splice(at, 0, { _sync_id: `new ${i}` }))
        const isSame = before.length === list.length && before.every((item, i) => item === list[i])
        expect(share(before, list)).toBe(isSame ? before : list)
      })
    )
  })

  test('shares an item that the server returns at another position', () => {
    const before = parse('[{"_sync_id":"a"},{"_sync_id":"b","n":1},{"_sync_id":"c"}]')
    const after = parse('[{"_sync_id":"x"},{"_sync_id":"c"},{"_sync_id":"b","n":1},{"_sync_id":"a","n":2}]')
    expect(share(before, after)).toEqual(after)
    expect(get(share(before, after), '[b]')).toBe(get(before, '[b]'))
    expect(fold(share(before, after), [{ op: 'set', path: '[b].n', value: 2 }]).results[0]?.status).toBe('applied')
  })
})

test('ids are random UUIDs of version 4', () => {
  const ids = Array.from({ length: 100 }, newId)
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(new Set(ids).size).toBe(100)
})

test('stripSyncIds makes a plain deep copy without ids, of reactive data too, and keeps dates', () => {
  const due = new Date(0)
  const state = reactive({ tasks: [{ _sync_id: 'a', due, subs: [{ _sync_id: 'b', tags: ['x'] }] }], n: null })
  const stripped = stripSyncIds(state)
  expect(stripped).toEqual({ tasks: [{ due, subs: [{ tags: ['x'] }] }], n: null })
  expect(stripped.tasks[0]?.due).toBeInstanceOf(Date)
  expect(structuredClone(stripped)).toEqual(stripped) // which throws for a proxy
  expect(state.tasks[0]?._sync_id).toBe('a')
})
