import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fold } from '../../../src/document/apply.ts'
import { diff } from '../../../src/document/diff.ts'
import type { Json } from '../../../src/document/json.ts'
import { explode, take } from '../../../src/document/split.ts'
import { equal } from '../../../src/document/values.ts'
import type { Operation } from '../../../src/wire.ts'
import { anyObject, anyValue } from './arbitrary.ts'

const bytes = (value: unknown): number => new TextEncoder().encode(JSON.stringify(value)).length
const set = (path: string, value: Json): Operation => ({ op: 'set', path, value })

describe('take', () => {
  const ops = ['a', 'b', 'c'].map((path) => set(path, 1))

  test('takes all when they fit, and at most so many', () => {
    expect(take(ops, { ops: 1000, bytes: 1000 })).toEqual(ops)
    expect(take(ops, { ops: 2, bytes: 1000 })).toEqual(ops.slice(0, 2))
    expect(take([], { ops: 2, bytes: 1000 })).toEqual([])
  })

  test('takes as many as have so many bytes as JSON, whatever their characters take', () => {
    for (const text of ['x', 'é', '😀', '"', '\n']) {
      const texts = ['a', 'b', 'c'].map((path) => set(path, text.repeat(10)))
      expect(take(texts, { ops: 1000, bytes: bytes(texts) })).toEqual(texts)
      expect(take(texts, { ops: 1000, bytes: bytes(texts) - 2 })).toEqual(texts.slice(0, 2))
    }
  })

  test('takes one that is too large and cannot be split', () => {
    const large = set('a', 'x'.repeat(100))
    expect(take([large, ...ops], { ops: 1000, bytes: 50 })).toEqual([large])
  })

  test('stops before one that is too large; it begins the next batch, in pieces', () => {
    const large = set('l', { a: 'x'.repeat(40), b: 'x'.repeat(40) })
    expect(take([...ops, large], { ops: 1000, bytes: 105 })).toEqual(ops)
    expect(take([large], { ops: 1000, bytes: 105 })).toEqual([set('l', { a: 'x'.repeat(40) })])
  })

  test('batch after batch, any change arrives', () => {
    fc.assert(fc.property(anyObject, anyValue, fc.integer({ min: 60, max: 200 }), (from, to, limit) => {
      let doc: Json | undefined = from
      for (let batches = 0; !equal(doc, to); batches++) {
        const taken = take(diff(doc, to), { ops: 3, bytes: limit })
        expect(taken.length).toBeGreaterThan(0)
        expect(batches).toBeLessThan(1000)
        doc = fold(doc, taken).doc
      }
    }))
  })
})

describe('explode', () => {
  const outcome = (ops: Operation[], before?: Json): Json | undefined => fold(before, ops).doc

  test('leaves alone what is small enough, or has no value', () => {
    const small = set('a', { b: 1 })
    expect(explode(small, 100)).toEqual([small])
    expect(explode({ op: 'delete', path: 'a' }, 1)).toEqual([{ op: 'delete', path: 'a' }])
  })

  test('any value arrives in pieces as it would whole', () => {
    fc.assert(fc.property(anyValue, fc.integer({ min: 1, max: 200 }), (value, limit) => {
      expect(outcome(explode(set('a', value), limit))).toEqual({ a: value })
      expect(outcome(explode({ op: 'init', path: '', value }, limit))).toEqual(value)
    }), { numRuns: 300 })
  })

  test('any item too, added or replaced', () => {
    fc.assert(fc.property(anyObject, fc.integer({ min: 1, max: 200 }), (members, limit) => {
      const value = { ...members, _sync_id: 'x' }
      const other = { _sync_id: 'w' }
      expect(outcome(explode({ op: 'array_add', path: 't', value, arrayIndex: 0 }, limit), { t: [other] }))
        .toEqual({ t: [value, other] })
      expect(outcome(explode(set('t[x]', value), limit), { t: [other, { _sync_id: 'x', old: 1 }] }))
        .toEqual({ t: [other, value] })
    }), { numRuns: 300 })
  })

  test('each piece is small enough where its parts are', () => {
    const tasks = Array.from({ length: 200 }, (_, i) => ({ _sync_id: `t${i}`, title: 'é'.repeat(20), subs: [] }))
    const pieces = explode(set('', { title: 'Plan', tasks, settings: { zoom: 1 } }), 500)
    expect(Math.max(...pieces.map(bytes))).toBeLessThan(500)
    expect(outcome(pieces)).toEqual({ title: 'Plan', tasks, settings: { zoom: 1 } })
    expect(pieces.length).toBeLessThan(tasks.length + 4)
  })

  test('what no path can name stays with what contains it', () => {
    const value = { a: 'x'.repeat(100), '': 'y', 'b\0': { c: 1 } }
    expect(explode(set('o', value), 60)).toEqual([set('o', { '': 'y', 'b\0': { c: 1 } }), set('o.a', 'x'.repeat(100))])
  })

  test('a text or an array of texts cannot be split', () => {
    for (const value of ['x'.repeat(100), ['x'.repeat(100)]]) expect(explode(set('a', value), 50)).toEqual([set('a', value)])
  })
})
