import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fold } from '../../../src/document/apply.ts'
import { diff } from '../../../src/document/diff.ts'
import type { Json } from '../../../src/document/json.ts'
import { take } from '../../../src/document/split.ts'
import { equal } from '../../../src/document/values.ts'
import type { Operation } from '../../../src/wire.ts'
import { anyObject, anyValue } from './arbitrary.ts'

const bytes = (value: unknown): number => new TextEncoder().encode(JSON.stringify(value)).length
const set = (path: string, value: Json): Operation => ({ op: 'set', path, value })

describe('take', () => {
  const ops = ['a', 'b', 'c'].map((path) => set(path, 1))

  test('takes all operations if they fit, and at most the limit', () => {
    expect(take(ops, { ops: 1000, bytes: 1000 })).toEqual(ops)
    expect(take(ops, { ops: 2, bytes: 1000 })).toEqual(ops.slice(0, 2))
    expect(take([], { ops: 2, bytes: 1000 })).toEqual([])
  })

  test('counts bytes of JSON in UTF-8', () => {
    for (const text of ['x', 'é', '😀', '"', '\n']) {
      const texts = ['a', 'b', 'c'].map((path) => set(path, text.repeat(10)))
      expect(take(texts, { ops: 1000, bytes: bytes(texts) })).toEqual(texts)
      expect(take(texts, { ops: 1000, bytes: bytes(texts) - 2 })).toEqual(texts.slice(0, 2))
    }
  })

  test('takes a first operation that is too large and cannot be split', () => {
    const large = set('a', 'x'.repeat(100))
    expect(take([large, ...ops], { ops: 1000, bytes: 50 })).toEqual([large])
  })

  test('stops before an operation that is too large; the next batch starts with a part of it', () => {
    const large = set('l', { a: 'x'.repeat(40), b: 'x'.repeat(40) })
    expect(take([...ops, large], { ops: 1000, bytes: 105 })).toEqual(ops)
    expect(take([large], { ops: 1000, bytes: 105 })).toEqual([set('l', { a: 'x'.repeat(40) })])
  })

  test('any change arrives over several batches', () => {
    fc.assert(
      fc.property(anyObject, anyValue, fc.integer({ min: 60, max: 200 }), (from, to, limit) => {
        let doc: Json | undefined = from
        for (let batches = 0; !equal(doc, to); batches++) {
          const taken = take(diff(doc, to), { ops: 3, bytes: limit })
          expect(taken.length).toBeGreaterThan(0)
          expect(batches).toBeLessThan(1000)
          doc = fold(doc, taken).doc
        }
      })
    )
  })
})

describe('an operation that is too large', () => {
  /** All batches for an operation on a document, and the resulting document. */
  function pieces(op: Operation, limit: number, before?: Json): { ops: Operation[]; doc: Json | undefined } {
    const to = fold(before, [op]).doc
    const ops: Operation[] = []
    let doc = before
    for (let next = [op]; next.length; next = equal(doc, to) ? [] : diff(doc, to ?? null)) {
      const taken = take(next, { ops: 1000, bytes: limit })
      doc = fold(doc, taken).doc
      ops.push(...taken)
      expect(ops.length).toBeLessThan(1000)
    }
    return { ops, doc }
  }

  test('is not cut if it fits or has no value', () => {
    const small = set('a', { b: 1 })
    expect(pieces(small, 100).ops).toEqual([small])
    expect(take([{ op: 'delete', path: 'a' }], { ops: 1, bytes: 1 })).toEqual([{ op: 'delete', path: 'a' }])
  })

  test('any value arrives in parts as it would whole', () => {
    fc.assert(
      fc.property(anyValue, fc.integer({ min: 1, max: 200 }), (value, limit) => {
        expect(pieces(set('a', value), limit).doc).toEqual({ a: value })
        expect(pieces({ op: 'init', path: '', value }, limit).doc).toEqual(value)
      }),
      { numRuns: 300 }
    )
  })

  test('any added or replaced item arrives in parts, too', () => {
    fc.assert(
      fc.property(anyObject, fc.integer({ min: 1, max: 200 }), (members, limit) => {
        const value = { ...members, _sync_id: 'x' }
        const other = { _sync_id: 'w' }
        expect(pieces({ op: 'array_add', path: 't', value, arrayIndex: 0 }, limit, { t: [other] }).doc).toEqual({
          t: [value, other]
        })
        expect(pieces(set('t[x]', value), limit, { t: [other, { _sync_id: 'x', old: 1 }] }).doc).toEqual({ t: [other, value] })
      }),
      { numRuns: 300 }
    )
  })

  test('each part fits if the members fit', () => {
    const tasks = Array.from({ length: 200 }, (_, i) => ({ _sync_id: `t${i}`, title: 'é'.repeat(20), subs: [] }))
    const { ops, doc } = pieces(set('', { title: 'Plan', tasks, settings: { zoom: 1 } }), 500)
    expect(Math.max(...ops.map(bytes))).toBeLessThan(500)
    expect(doc).toEqual({ title: 'Plan', tasks, settings: { zoom: 1 } })
    expect(ops.length).toBeLessThan(tasks.length + 4)
  })

  test('a member that no path can name stays with its container', () => {
    const value = { a: 'x'.repeat(100), '': 'y', 'b\0': { c: 1 } }
    expect(pieces(set('o', value), 60).ops).toEqual([set('o', { '': 'y', 'b\0': { c: 1 } }), set('o.a', 'x'.repeat(100))])
  })

  test('with a text or an array of texts is not cut', () => {
    for (const value of ['x'.repeat(100), ['x'.repeat(100)]]) expect(pieces(set('a', value), 50).ops).toEqual([set('a', value)])
  })
})
