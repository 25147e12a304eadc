import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { reactive, toRaw } from 'vue'
import { type CaptureOptions, capture } from '../../../src/document/capture.ts'
import { diff } from '../../../src/document/diff.ts'
import type { Json, JsonObject } from '../../../src/document/json.ts'
import { clone, get, isItems } from '../../../src/document/values.ts'
import { anyObject, anyValue, freeze, parse } from './arbitrary.ts'

/** Ids n1, n2 … */
const counting = (): Required<Pick<CaptureOptions, 'newId'>> => {
  let n = 0
  return { newId: () => `n${++n}` }
}
/** The snapshot and the omitted values. */
const captured = (live: unknown, known?: Json): { snapshot: Json | undefined; left: string[] } => {
  const left: string[] = []
  const snapshot = capture(known, live, { ...counting(), onInvalid: (place, why) => left.push(`${place}: ${why}`) })
  return { snapshot, left }
}

describe('a snapshot', () => {
  test('of anything is equal to it, and known itself when nothing has changed', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const known = freeze(value)
        expect(capture(undefined, clone(known))).toEqual(known)
        expect(capture(known, clone(known))).toBe(known)
      })
    )
  })

  test('after any change is equal to the live state, and shares what is equal member by member', () => {
    fc.assert(
      fc.property(anyObject, anyObject, (before, after) => {
        const snapshot = capture(freeze(before), clone(after)) as JsonObject
        expect(snapshot).toEqual(after)
        for (const name of Object.keys(snapshot)) {
          if (!diff(before, { ...before, [name]: snapshot[name] as Json }).length) expect(snapshot[name]).toBe(before[name])
        }
      })
    )
  })

  const known = freeze({
    title: 'Plan',
    settings: { zoom: 1 },
    tags: ['a'],
    tasks: [
      { _sync_id: 't1', subs: [{ _sync_id: 's1' }] },
      { _sync_id: 't2', subs: [] },
      { _sync_id: 't3', subs: [] }
    ]
  }) as Json
  type Draft = any // the edits below do to it whatever they like
  const shares = (edit: (live: Draft) => void, ...paths: string[]): void => {
    const live = clone(known) as Draft
    edit(live)
    const snapshot = capture(known, live)
    expect(snapshot).toEqual(live)
    expect(snapshot).not.toBe(known)
    for (const path of paths) expect(get(snapshot, path)).toBe(get(known, path))
  }

  test('shares what an edit has not touched', () => {
    shares(
      (live) => {
        live.title = 'New'
      },
      'settings',
      'tags',
      'tasks'
    )
    shares(
      (live) => {
        live.tasks[0].subs[0].done = true
      },
      'settings',
      'tasks[t2]',
      'tasks[t3]'
    )
    shares(
      (live) => {
        delete live.settings
      },
      'tags',
      'tasks'
    )
  })

  test('shares items when they are moved, inserted and removed', () => {
    shares(
      (live) => {
        live.tasks.reverse()
      },
      'tasks[t1]',
      'tasks[t2]',
      'tasks[t3]'
    )
    shares(
      (live) => {
        live.tasks.unshift({ _sync_id: 'new' })
      },
      'tasks[t1]',
      'tasks[t2]',
      'tasks[t3]'
    )
    shares(
      (live) => {
        live.tasks.shift()
      },
      'tasks[t2]',
      'tasks[t3]'
    )
  })

  test('takes immutable values that come back as they are', () => {
    const tasks = get(known, 'tasks') as Json[]
    const next = capture(known, { ...(known as JsonObject), tasks: [tasks[2], tasks[0]] })
    expect(get(next, 'tasks')).toEqual([tasks[2], tasks[0]])
    expect(get(next, 'tasks[t1]')).toBe(tasks[0])
  })

  test('is immutable', () => {
    const live = { a: { b: [{ _sync_id: 'x', n: 1 }] } }
    const first = capture(undefined, live)
    live.a.b[0]!.n = 2
    live.a.b.push({ _sync_id: 'y', n: 3 })
    const second = capture(first, live)
    live.a.b.length = 0
    expect(first).toEqual({ a: { b: [{ _sync_id: 'x', n: 1 }] } })
    expect(second).toEqual({
      a: {
        b: [
          { _sync_id: 'x', n: 2 },
          { _sync_id: 'y', n: 3 }
        ]
      }
    })
  })

  test('keeps the known order of members; new members are last', () => {
    expect(JSON.stringify(capture({ b: 1, a: 2, c: 3 }, { n: 0, c: 3, a: 4, b: 1 }))).toBe('{"b":1,"a":4,"c":3,"n":0}')
  })
})

describe('values equal those of JSON', () => {
  test('for any value', () => {
    const anything = fc
      .anything({ withDate: true, withNullPrototype: true, maxDepth: 3 })
      .filter((value) => !/"__proto__"/.test(JSON.stringify(value) ?? '') && !captured(value).left.length)
    const strip = (text: string | undefined): unknown =>
      text && JSON.parse(text, (name, value: unknown) => (name === '_sync_id' ? undefined : value))
    fc.assert(
      fc.property(anything, (value) => {
        const text = JSON.stringify(value)
        const snapshot = capture(undefined, value, { assignId: () => {} })
        expect(strip(JSON.stringify(snapshot))).toEqual(strip(text))
      }),
      { numRuns: 500 }
    )
  })

  test.each<[string, unknown, Json | undefined]>([
    ['undefined is no member', { a: undefined, d: 1 }, { d: 1 }],
    ['nothing is nothing', undefined, undefined],
    ['a date', { at: new Date(0) }, { at: '1970-01-01T00:00:00.000Z' }],
    ['a date in an array', [new Date(0)], ['1970-01-01T00:00:00.000Z']],
    ['toJSON', { x: { toJSON: () => ({ y: 1, z: undefined }) } }, { x: { y: 1 } }],
    ['a ref is an object like any other', { r: { __v_isRef: true, value: 1 } }, { r: { __v_isRef: true, value: 1 } }],
    ['half a surrogate pair', { a: '\ud83dx\ud83d\ude00' }, { a: '\ufffdx\ud83d\ude00' }]
  ])('%s', (_, live, snapshot) => {
    expect(captured(live)).toEqual({ snapshot, left: [] })
    expect(capture(snapshot, live)).toBe(snapshot)
  })

  test('-0 becomes 0', () => {
    expect(Object.is((capture(undefined, [-0]) as number[])[0], 0)).toBe(true)
  })
})

describe('half a surrogate pair', () => {
  test('in a name is repaired, and the rest is unchanged', () => {
    const live = { 'a\ud83d': { b: 1 }, c: 2 }
    const { snapshot, left } = captured(live)
    expect(snapshot).toEqual({ 'a\ufffd': { b: 1 }, c: 2 })
    expect(left).toEqual([])
    expect(capture(snapshot, live)).toBe(snapshot)
    live['a\ud83d'].b = 2
    expect(diff(snapshot, capture(snapshot, live)!)).toEqual([{ op: 'set', path: 'a\ufffd.b', value: 2 }])
    expect(capture(snapshot, { c: 2 })).toEqual({ c: 2 })
  })

  test('in two names with the same repair: the first one is kept, unless another member has that name', () => {
    expect(captured({ 'a\ud83d': 1, 'a\udc00': 2 })).toEqual({
      snapshot: { 'a\ufffd': 1 },
      left: ['a\udc00: another member has the repaired name']
    })
    expect(captured({ 'a\ud83d': 1, 'a\ufffd': 2 })).toEqual({
      snapshot: { 'a\ufffd': 2 },
      left: ['a\ud83d: another member has the repaired name']
    })
  })

  test('in an id is repaired in the live item, too, and the id stays the same', () => {
    const live = [{ _sync_id: 'x\ud83d' }, { _sync_id: 'x\ud83d' }, { _sync_id: 'x\udc00' }]
    const options = counting()
    const first = capture(undefined, live, options)
    expect(first).toEqual([{ _sync_id: 'x\ufffd' }, { _sync_id: 'n1' }, { _sync_id: 'n2' }])
    expect(live).toEqual(first)
    expect(capture(first, live, options)).toBe(first)
    const frozen = [Object.freeze({ _sync_id: 'y\ud83d', n: 1 })]
    const second = capture(undefined, frozen, options)
    expect(second).toEqual([{ _sync_id: 'y\ufffd', n: 1 }])
    expect(capture(second, frozen, options)).toBe(second)
  })
})

describe('values that are not JSON are omitted and reported', () => {
  class Money {
    amount: number
    constructor(amount: number) {
      this.amount = amount
    }
  }
  test.each<[string, unknown, string]>([
    ['a function', () => 1, 'a function is not JSON'],
    ['a symbol', Symbol('s'), 'a symbol is not JSON'],
    ['NaN', NaN, 'NaN is not JSON'],
    ['infinity', -Infinity, '-Infinity is not JSON'],
    ['a map', new Map([[1, 2]]), 'a Map is not JSON'],
    ['a set', new Set([1]), 'a Set is not JSON'],
    ['a class of maps', new (class extends Map {})(), 'a Map is not JSON'],
    ['a weak map', new WeakMap(), 'a WeakMap is not JSON'],
    ['bytes', new Uint8Array(3), 'a Uint8Array is not JSON'],
    ['a buffer', new ArrayBuffer(3), 'an ArrayBuffer is not JSON'],
    ['a regular expression', /x/, 'a RegExp is not JSON'],
    ['an error', new TypeError('x'), 'an Error is not JSON'],
    ['a blob', new Blob([]), 'a Blob is not JSON'],
    ['a promise', Promise.resolve(), 'a Promise is not JSON'],
    ['a boxed number', new Number(1), 'a Number is not JSON'],
    ['an invalid date', new Date(NaN), 'an invalid date is not JSON'],
    [
      'a toJSON that fails',
      {
        toJSON() {
          throw new Error('no')
        }
      },
      'its toJSON failed: Error: no'
    ]
  ])('%s', (_, value, why) => {
    expect(captured({ a: { b: value, c: 1 } })).toEqual({ snapshot: { a: { c: 1 } }, left: [`a.b: ${why}`] })
    expect(captured(value)).toEqual({ snapshot: undefined, left: [`: ${why}`] })
    // The known value is kept, so that other clients keep it.
    const known = { a: { b: 5, c: 1 } }
    expect(capture(known, { a: { b: value, c: 1 } })).toBe(known)
    expect(captured([1, value, 2])).toEqual({ snapshot: [1, null, 2], left: [`[1]: ${why}`] })
    const live = [{ _sync_id: 'x' }, value, { _sync_id: 'y' }]
    const { snapshot, left } = captured(live)
    expect(snapshot).toEqual([{ _sync_id: 'x' }, { _sync_id: 'y' }])
    expect(left).toEqual([`[1]: ${why}`])
    expect(capture(snapshot, live)).toBe(snapshot)
  })

  test('a getter that throws', () => {
    expect(
      captured({
        get a() {
          throw new Error('no')
        },
        b: 1
      })
    ).toEqual({ snapshot: { b: 1 }, left: ['a: reading it failed: Error: no'] })
  })

  test('an instance of a class is shared as its members, with a report', () => {
    expect(captured({ price: new Money(5) })).toEqual({
      snapshot: { price: { amount: 5 } },
      left: ['price: it is an instance of a class: others get its members and nothing else']
    })
  })

  test('gaps and undefined in arrays become null, with a report', () => {
    expect(captured([1, , undefined])).toEqual({
      // eslint-disable-line no-sparse-arrays
      snapshot: [1, null, null],
      left: ['[1]: a gap in an array becomes null', '[2]: undefined in an array becomes null']
    })
  })

  test('bigints', () => {
    expect(captured({ a: { b: 1n, c: 1 }, t: [{ _sync_id: 'x' }, { _sync_id: 'y', n: 1n }], l: [1n] })).toEqual({
      snapshot: { a: { c: 1 }, t: [{ _sync_id: 'x' }, { _sync_id: 'y' }], l: [null] },
      left: ['a.b: a bigint is not JSON', 't[1].n: a bigint is not JSON', 'l[0]: a bigint is not JSON']
    })
    expect(captured(1n)).toEqual({ snapshot: undefined, left: [': a bigint is not JSON'] })
  })

  test('cycles, but not the same object in two places', () => {
    const shared = { n: 1 }
    const parent: Record<string, unknown> = { a: shared, b: shared }
    parent.child = { parent }
    parent.list = [parent]
    expect(captured(parent)).toEqual({
      snapshot: { a: { n: 1 }, b: { n: 1 }, child: {}, list: [null] },
      left: ['child.parent: it contains itself', 'list[0]: it contains itself']
    })
  })

  test('members named __proto__', () => {
    const { snapshot, left } = captured(parse('{"a":{"__proto__":{"polluted":1},"b":1}}'))
    expect(JSON.stringify(snapshot)).toBe('{"a":{"b":1}}')
    expect(left).toEqual(['a.__proto__: __proto__ is not allowed'])
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })

  test('values deeper than 64, unless they were known before', () => {
    const nested = (depth: number): string => `${'{"a":'.repeat(depth)}{}${'}'.repeat(depth)}`
    expect(captured(JSON.parse(nested(63))).left).toEqual([])
    const { snapshot, left } = captured(JSON.parse(nested(64)))
    expect(JSON.stringify(snapshot)).toBe(nested(63))
    expect(left).toEqual([`${Array(64).fill('a').join('.')}: deeper than 64`])
    const known = parse(nested(80))
    expect(captured(clone(known), known)).toEqual({ snapshot: known, left: [] })
    expect(capture(known, clone(known))).toBe(known)
  })

  test('a value of extreme depth causes no stack overflow', () => {
    let live: unknown = 1
    for (let i = 0; i < 100_000; i++) live = [live]
    expect(captured(live).left).toHaveLength(1)
  })
})

describe('ids', () => {
  test('every object in an array gets an id, at any depth, also in mixed arrays; other objects get none', () => {
    const live = { o: {}, t: [{ subs: [{}] }, { _sync_id: '' }, { _sync_id: 5 }], mixed: [1, {}, [{}]] }
    const { snapshot } = captured(live)
    expect(snapshot).toEqual({
      o: {},
      t: [{ subs: [{ _sync_id: 'n2' }], _sync_id: 'n1' }, { _sync_id: 'n3' }, { _sync_id: 'n4' }],
      mixed: [1, { _sync_id: 'n5' }, [{ _sync_id: 'n6' }]]
    })
    expect(live).toEqual(snapshot)
    expect(capture(snapshot, live)).toBe(snapshot)
  })

  test('the id of an earlier element is replaced, but two arrays may have the same id', () => {
    const live = { a: [{ _sync_id: 'x' }, { _sync_id: 'x', n: 1 }], b: [{ _sync_id: 'x' }] }
    const { snapshot } = captured(live)
    expect(snapshot).toEqual({ a: [{ _sync_id: 'x' }, { _sync_id: 'n1', n: 1 }], b: [{ _sync_id: 'x' }] })
    expect(live).toEqual(snapshot)
  })

  test('an object twice in an array becomes two objects', () => {
    const task = { title: 'One', tags: ['a'] }
    const live = [task, task, task]
    const { snapshot } = captured(live)
    expect(snapshot).toEqual([
      { ...task, _sync_id: 'n1' },
      { ...task, _sync_id: 'n2' },
      { ...task, _sync_id: 'n3' }
    ])
    expect(live).toEqual(snapshot)
    expect(new Set(live).size).toBe(3)
    expect(live[0]).toBe(task)
    expect(capture(snapshot, live)).toBe(snapshot)
  })

  test('assignId writes the id into live state', () => {
    const assignId = vi.fn()
    const live = [{ a: 1 }]
    expect(capture(undefined, live, { ...counting(), assignId })).toEqual([{ a: 1, _sync_id: 'n1' }])
    expect(assignId.mock.calls).toEqual([[live[0], 'n1']])
    expect(live).toEqual([{ a: 1 }])
  })

  test('a frozen object keeps its id when it moves', () => {
    const [a, b] = [Object.freeze({ n: 1 }), Object.freeze({ n: 2 })]
    const options = counting()
    const first = capture(undefined, [a, b], options)
    expect(first).toEqual([
      { n: 1, _sync_id: 'n1' },
      { n: 2, _sync_id: 'n2' }
    ])
    expect(capture(first, [a, b], options)).toBe(first)
    const second = capture(first, [b, a], options) as Json[]
    expect(second).toEqual([
      { n: 2, _sync_id: 'n2' },
      { n: 1, _sync_id: 'n1' }
    ])
    expect(second[1]).toBe((first as Json[])[0])
  })

  test('an object with toJSON keeps its id', () => {
    const live = [
      {
        n: 1,
        toJSON() {
          return { value: this.n }
        }
      }
    ]
    const options = counting()
    const first = capture(undefined, live, options)
    expect(first).toEqual([{ value: 1, _sync_id: 'n1' }])
    expect(capture(first, live, options)).toBe(first)
  })

  test('an item array with another kind of element is no longer an item array', () => {
    const known = [{ _sync_id: 'a' }, { _sync_id: 'b' }]
    expect(isItems(known)).toBe(true)
    for (const live of [
      [...(clone(known) as unknown[]), 5],
      [{ _sync_id: 'a' }, null]
    ]) {
      expect(isItems(capture(known, live) as Json[])).toBe(false)
    }
    expect(isItems(capture(known, [{ _sync_id: 'a', n: 1 }, { _sync_id: 'b' }]) as Json[])).toBe(true)
  })

  test('the snapshot recognises its item arrays', () => {
    const snapshot = capture(undefined, [{}, {}]) as Json[]
    expect(isItems(snapshot)).toBe(true)
    expect(get(snapshot, [{ item: (snapshot[1] as { _sync_id: string })._sync_id }])).toBe(snapshot[1])
  })
})

test('with toRaw, reactive state is read without proxies', () => {
  const state = reactive({ t: [{ _sync_id: 'x', when: new Date(0), tags: ['a'] }], nested: reactive({ n: 1 }) })
  const raw = vi.fn(toRaw) as typeof toRaw
  const snapshot = capture(undefined, state, { raw })
  expect(snapshot).toEqual({ t: [{ _sync_id: 'x', when: '1970-01-01T00:00:00.000Z', tags: ['a'] }], nested: { n: 1 } })
  expect(raw).toHaveBeenCalled()
  expect(structuredClone(snapshot)).toEqual(snapshot) // which throws for a proxy
})
