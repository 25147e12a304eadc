import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { type Result, apply, checkOperation, fold } from '../../../src/document/apply.ts'
import type { Json } from '../../../src/document/json.ts'
import { get } from '../../../src/document/values.ts'
import type { Move } from '../../../src/document/follow.ts'
import type { Operation } from '../../../src/wire.ts'
import { freeze, parse } from './arbitrary.ts'

interface Case {
  name: string
  before?: string
  limit?: number
  ops: Operation[]
  results: Result[]
  after?: string
}
const vectors = (
  JSON.parse(readFileSync(new URL('../../../../tests/vectors/operations.json', import.meta.url), 'utf8')) as Case[]
).filter((vector) => vector.limit === undefined)

const read = (text: string | undefined): Json | undefined => (text === undefined ? undefined : parse(text))
const normal = (text: string | undefined): string | undefined => JSON.stringify(read(text))

describe('the vectors', () => {
  it.each(vectors)('$name', ({ before, ops, results, after }) => {
    const { doc, results: got } = fold(read(before), ops)
    expect(JSON.stringify(doc)).toBe(normal(after))
    expect(got).toEqual(results)
  })
  it.each(vectors)('$name: one at a time, discarded ops change nothing', ({ before, ops, results, after }) => {
    let doc = read(before)
    const moves: Move[] = []
    ops.forEach((op, i) => {
      const known = JSON.stringify(doc)
      const next = apply(doc, op, moves)
      expect(next.result).toEqual(results[i])
      expect(JSON.stringify(doc)).toBe(known)
      if (next.result.status === 'discarded') expect(next.doc).toBe(doc)
      doc = next.doc
    })
    expect(JSON.stringify(doc)).toBe(normal(after))
  })
  it.each(vectors)('$name: the applied ops alone lead there too', ({ before, ops, results, after }) => {
    const applied = ops.flatMap((op, i) => {
      const result = results[i]
      if (result?.status !== 'applied') return []
      const { status, ...led } = result
      const { after: _, ...rest } = op
      return [{ ...rest, ...led } as Operation]
    })
    const { doc, results: got } = fold(read(before), applied)
    expect(JSON.stringify(doc)).toBe(normal(after))
    expect(got.every((result) => result.status === 'applied' && !('path' in result || 'to' in result))).toBe(true)
  })
})

const items = (...ids: string[]): Json => ids.map((_sync_id) => ({ _sync_id }))

describe('versions', () => {
  test('parts beside the path are shared, and versions are immutable', () => {
    const before: Json = freeze({
      a: { b: 1 },
      t: [
        { _sync_id: 'x', deep: { n: 1 } },
        { _sync_id: 'y', deep: { n: 2 } }
      ]
    })
    const { doc } = apply(before, { op: 'set', path: 't[x].n', value: 2 })
    expect(doc).toEqual({
      a: { b: 1 },
      t: [
        { _sync_id: 'x', deep: { n: 1 }, n: 2 },
        { _sync_id: 'y', deep: { n: 2 } }
      ]
    })
    for (const shared of ['a', 't[y]', 't[x].deep']) expect(get(doc, shared)).toBe(get(before, shared))
  })

  test('later operations do not change an inserted value', () => {
    const value = freeze({ n: 1, t: items('x') })
    const { doc } = fold({}, [
      { op: 'set', path: 'a', value },
      { op: 'set', path: 'a.n', value: 2 },
      { op: 'array_add', path: 'a.t', value: { _sync_id: 'y' } },
      { op: 'set', path: 'b', value }
    ])
    expect(doc).toEqual({ a: { n: 2, t: items('x', 'y') }, b: { n: 1, t: items('x') } })
  })

  test('items are found in every version of an array', () => {
    const start = items('a', 'b', 'c')
    const add = (doc: Json | undefined, id: string, arrayIndex: number): Json | undefined =>
      apply(doc, { op: 'array_add', path: '', value: { _sync_id: id }, arrayIndex }).doc
    const left = add(add(start, 'l', 0), 'm', 0)
    const right = apply(add(start, 'r', 3), { op: 'array_del', path: '[a]' }).doc
    const touch = (doc: Json | undefined, id: string): Json | undefined =>
      apply(doc, { op: 'set', path: `[${id}].n`, value: 1 }).doc
    expect(touch(left, 'c')).toEqual([...(items('m', 'l', 'a', 'b') as Json[]), { _sync_id: 'c', n: 1 }])
    expect(touch(right, 'r')).toEqual([...(items('b', 'c') as Json[]), { _sync_id: 'r', n: 1 }])
    expect(apply(right, { op: 'set', path: '[l].n', value: 1 }).result.reason).toBe('item_deleted')
    expect(apply(right, { op: 'set', path: '[a].n', value: 1 }).result.reason).toBe('item_deleted')
    expect(touch(start, 'a')).toEqual([{ _sync_id: 'a', n: 1 }, ...(items('b', 'c') as Json[])])
  })

  test('items are found in an array after many additions and removals', () => {
    let doc: Json | undefined = items('0', '1')
    for (let i = 2; i < 500; i++) {
      doc = fold(doc, [
        { op: 'array_add', path: '', value: { _sync_id: `${i}` }, arrayIndex: 0 },
        { op: 'array_del', path: `[${i - 2}]` }
      ]).doc
    }
    expect(doc).toEqual(items('499', '498'))
    expect(apply(doc, { op: 'array_move', path: '[499]', arrayIndex: 5 })).toEqual({
      doc: items('498', '499'),
      result: { status: 'applied', arrayIndex: 1 }
    })
  })
})

test('any changes of three versions of an array give the same items as a simple model', () => {
  const id = fc.constantFrom(...'abcdefgh')
  const step = fc.record({
    version: fc.nat(2),
    op: fc.constantFrom('array_add', 'array_del', 'array_move'),
    id,
    arrayIndex: fc.nat(8)
  })
  fc.assert(
    fc.property(fc.uniqueArray(id), fc.array(step, { maxLength: 40 }), (start, steps) => {
      const docs: (Json | undefined)[] = new Array(3).fill(items(...start))
      const plain = [[...start], [...start], [...start]]
      for (const { version, op, id, arrayIndex } of steps) {
        const ids = plain[version] ?? []
        const at = ids.indexOf(id)
        if (op !== 'array_add' && at >= 0) ids.splice(at, 1)
        if (op === 'array_add' ? at < 0 : op === 'array_move' && at >= 0) ids.splice(arrayIndex, 0, id)
        docs[version] = apply(
          docs[version],
          (op === 'array_add'
            ? { op, path: '', value: { _sync_id: id }, arrayIndex }
            : op === 'array_del'
              ? { op, path: `[${id}]` }
              : { op, path: `[${id}]`, arrayIndex }) as Operation
        ).doc
        expect(docs).toEqual(plain.map((ids) => items(...ids)))
      }
    }),
    { numRuns: 300 }
  )
})

describe('ids', () => {
  test('a set of an item keeps its id: a wrong one is replaced, a missing one is added last', () => {
    const set = (value: Json): string => JSON.stringify(apply(items('x'), { op: 'set', path: '[x]', value }).doc)
    expect(set({ _sync_id: 'y', n: 1 })).toBe('[{"_sync_id":"x","n":1}]')
    expect(set({ n: 1 })).toBe('[{"n":1,"_sync_id":"x"}]')
  })
})

const broken: unknown[] = [
  null,
  5,
  {},
  [],
  { op: 'set', path: 'a' },
  { op: 'set', path: 5, value: 1 },
  { op: 'set', path: 'a', value: 1, arrayIndex: 0 },
  { op: 'set', path: 't[x]', value: 1 },
  { op: 'set', path: 't[x]._sync_id', value: 'y' },
  { op: 'set', path: 't[x]._sync_id.a', value: 'y' },
  { op: 'set', path: '__proto__.polluted', value: 1 },
  { op: 'set', path: 'a.__proto__', value: 1 },
  { op: 'increment', path: 'a', value: 1 },
  { op: 'toString', path: 'a' },
  { op: 'delete', path: '' },
  { op: 'delete', path: 't[x]' },
  { op: 'delete', path: 'a', value: null },
  { op: 'array_add', path: 't' },
  { op: 'array_add', path: 't', value: [] },
  { op: 'array_add', path: 't', value: { _sync_id: 'z' }, arrayIndex: 1.5 },
  { op: 'array_del', path: 't' },
  { op: 'array_del', path: '' },
  { op: 'array_del', path: 't[x]', arrayIndex: 0 },
  { op: 'array_move', path: 't[x]' },
  { op: 'array_move', path: 't', arrayIndex: 0 },
  { op: 'array_move', path: 't[x]', arrayIndex: '0' },
  { op: 'array_move', path: 't[x]', arrayIndex: 0, after: null },
  { op: 'array_move', path: 't[x]', after: '' },
  { op: 'array_move', path: 't[x]', after: [] },
  { op: 'array_move', path: 't[x]', after: [['x']] },
  { op: 'array_move', path: 't[x]', after: [...'123456789'] },
  { op: 'array_move', path: 't[x]', to: 't[' },
  { op: 'array_move', path: 't[x]', to: null },
  { op: 'array_move', path: 't[x]', to: 't[x]._sync_id.u' },
  { op: 'array_move', path: 't[x]', to: 'u', value: 1 },
  { op: 'array_add', path: 't', value: { _sync_id: 'z' }, to: 'u' },
  { op: 'set', path: 'a', value: 1, after: null },
  { op: 'init', path: 'a', value: 1 },
  { op: 'init', path: '' }
]

describe('an invalid operation', () => {
  test.each(broken)('%j is refused by checkOperation and discarded by apply', (op) => {
    const doc = freeze({ a: 1, t: items('x') }) as Json
    expect(() => checkOperation(op as Operation)).toThrow(TypeError)
    expect(apply(doc, op as Operation)).toEqual({ doc, result: { status: 'discarded', reason: 'type_mismatch' } })
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })

  test('an added item without an id is valid, because the server assigns one, but cannot be applied locally', () => {
    const op: Operation = { op: 'array_add', path: 't', value: { n: 1 } }
    expect(() => checkOperation(op)).not.toThrow()
    expect(apply({ t: [] }, op)).toEqual({ doc: { t: [] }, result: { status: 'discarded', reason: 'type_mismatch' } })
  })

  test('a value has a depth of at most 64', () => {
    const nested = (depth: number): Json => parse('['.repeat(depth) + ']'.repeat(depth))
    expect(() => checkOperation({ op: 'set', path: 'a', value: nested(64) })).not.toThrow()
    expect(() => checkOperation({ op: 'set', path: 'a', value: nested(65) })).toThrow('deeper than 64')
  })

  test('a negative index is the start', () => {
    expect(apply(items('a', 'b'), { op: 'array_move', path: '[b]', arrayIndex: -7 }).doc).toEqual(items('b', 'a'))
  })
})

describe('names of prototype members are ordinary names', () => {
  test.each(['constructor', 'toString', 'hasOwnProperty', 'prototype'])('%s', (name) => {
    expect(apply({}, { op: 'delete', path: name }).result.reason).toBe('not_found')
    expect(apply({}, { op: 'set', path: `${name}.polluted`, value: 1 }).doc).toEqual({ [name]: { polluted: 1 } })
    expect((Object as { polluted?: unknown }).polluted).toBeUndefined()
  })

  test('a member __proto__ of a document is still a member in a copy', () => {
    const doc = parse('{"a":{"__proto__":{"polluted":1}}}')
    const next = apply(doc, { op: 'set', path: 'a.b', value: 1 }).doc as { a: { polluted?: unknown } }
    expect(next.a.polluted).toBeUndefined()
    expect(JSON.stringify(next)).toBe('{"a":{"__proto__":{"polluted":1},"b":1}}')
  })
})
