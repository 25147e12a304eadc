import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { effect, reactive, shallowReactive } from 'vue'
import type { Json, JsonObject } from '../../../src/document/json.ts'
import { patch } from '../../../src/document/patch.ts'
import { clone } from '../../../src/document/values.ts'
import { anyObject, anyValue, freeze, parse } from './arbitrary.ts'

/** Live state equal to `from`, patched to `to`. Both versions are frozen. */
const patched = (from: Json, to: Json): { live: unknown; result: unknown } => {
  const live = clone(freeze(from))
  return { live, result: patch(live, from, freeze(to)) }
}
const containers = (value: unknown): unknown[] =>
  typeof value === 'object' && value !== null ? [value, ...Object.values(value).flatMap(containers)] : []

describe('any two versions', () => {
  test('live state becomes equal to the second, and shares nothing with it', () => {
    fc.assert(
      fc.property(anyValue, anyValue, (from, to) => {
        const { live, result } = patched(from, to)
        expect(result).toEqual(to)
        if (Array.isArray(live) && Array.isArray(to)) expect(result).toBe(live)
        const values = new Set(containers(to))
        expect(containers(result).some((container) => values.has(container))).toBe(false)
      }),
      { numRuns: 500 }
    )
  })

  test('objects and items stay the same objects', () => {
    const identities = (value: unknown): Map<string, unknown> => {
      const found = new Map<string, unknown>()
      const visit = (value: unknown, way: string): void => {
        if (Array.isArray(value)) {
          value.forEach((item: { _sync_id?: string }) => item?._sync_id && visit(item, `${way}[${item._sync_id}]`))
        } else if (typeof value === 'object' && value !== null) {
          found.set(way, value)
          for (const [name, member] of Object.entries(value)) visit(member, `${way}.${name}`)
        }
      }
      visit(value, '')
      return found
    }
    fc.assert(
      fc.property(anyObject, anyObject, (from, to) => {
        const live = clone(from)
        const before = identities(live)
        patch(live, from, to)
        for (const [way, object] of identities(live)) if (before.has(way)) expect(object).toBe(before.get(way))
      }),
      { numRuns: 500 }
    )
  })

  test('live state that differs from the first becomes equal to the second where the versions differ', () => {
    fc.assert(
      fc.property(anyValue, anyValue, (other, to) => {
        expect(patch(clone(other), undefined, to)).toEqual(to)
      })
    )
    fc.assert(
      fc.property(anyObject, anyObject, anyObject, (other, from, to) => {
        const live = patch(clone(other), from, to) as JsonObject
        for (const name of Object.keys(to)) if (from[name] === undefined) expect(live[name]).toEqual(to[name])
      })
    )
  })

  test('the same with reactive state', () => {
    fc.assert(
      fc.property(anyObject, anyObject, (from, to) => {
        const live = reactive(clone(from) as object)
        expect(patch(live, from, to)).toBe(live)
        expect(live).toEqual(to)
      })
    )
  })
})

describe('the returned value', () => {
  test.each<[string, unknown, Json | undefined, Json | undefined, unknown]>([
    ['nothing when there is nothing', { a: 1 }, { a: 1 }, undefined, undefined],
    ['a scalar', 1, 1, 'x', 'x'],
    ['an object where none was', 1, 1, { a: 1 }, { a: 1 }],
    ['an array where an object was', { a: 1 }, { a: 1 }, [1], [1]],
    ['an object where an array was', [1], [1], { a: 1 }, { a: 1 }],
    ['a text where a date was', new Date(0), '1970', '1971', '1971'],
    ['an object where a date was', new Date(0), '1970', { a: 1 }, { a: 1 }],
    ['a copy where the state is frozen', Object.freeze({ a: 1 }), { a: 1 }, { a: 2 }, { a: 2 }]
  ])('%s', (_, live, from, to, result) => {
    expect(patch(live, from, to)).toEqual(result)
  })

  test('the same state, unchanged, if the versions are equal', () => {
    const live = { mine: 1 }
    const version = { a: 1 }
    expect(patch(live, version, version)).toBe(live)
    expect(live).toEqual({ mine: 1 })
  })
})

test('members that are in neither version stay', () => {
  const live = { a: 1, b: 1, method: () => 1, nothing: undefined }
  patch(live, { a: 1, b: 1 }, { a: 2 })
  expect(live).toEqual({ a: 2, method: live.method, nothing: undefined })
})

test('names of prototype members are ordinary names, and __proto__ is skipped', () => {
  const live: Record<string, unknown> = {}
  patch(live, {}, parse('{"constructor":{"a":1},"toString":1,"__proto__":{"polluted":1},"o":{"__proto__":{"polluted":1}}}'))
  expect(JSON.stringify(live)).toBe('{"constructor":{"a":1},"toString":1,"o":{}}')
  expect(Object.getPrototypeOf(live)).toBe(Object.prototype)
  expect((Object as { a?: unknown }).a).toBeUndefined()
  patch(live, parse('{"__proto__":{"polluted":1},"toString":1}'), {})
  expect(Object.getPrototypeOf(live)).toBe(Object.prototype)
  expect(Object.hasOwn(live, 'toString')).toBe(false)
})

describe('arrays', () => {
  const items = (ids: string): JsonObject[] => [...ids].map((_sync_id) => ({ _sync_id }))
  /** The positions that a change of order writes. */
  const written = (from: Json[], to: Json[]): string[] => {
    const names: string[] = []
    const live = new Proxy(clone(from) as unknown[], {
      set(target, name, value) {
        if (name !== 'length') names.push(String(name))
        return Reflect.set(target, name, value)
      }
    })
    patch(live, from, to)
    expect([...live]).toEqual(to)
    return names
  }

  test('writes only positions that differ', () => {
    expect(written(items('abcdef'), items('abdcef'))).toEqual(['2', '3'])
    expect(written(items('abcdef'), items('abcdefg'))).toEqual(['6'])
    expect(written(items('abc'), items('ab'))).toEqual([])
    expect(written(items('abc'), [{ _sync_id: 'a' }, { _sync_id: 'b', n: 1 }, { _sync_id: 'c' }])).toEqual([])
    expect(written([1, 2, 3], [1, 5, 3])).toEqual(['1'])
    expect(written([1, 2, 3], [1, 2])).toEqual([])
    expect(written([1, 2], [1, 2, 3])).toEqual(['2'])
  })

  test('does not patch an item with another id', () => {
    const live = [{ _sync_id: 'other', mine: true }]
    const other = live[0]
    patch(live, [{ _sync_id: 'a', n: 1 }], [{ _sync_id: 'a', n: 2 }])
    expect(live).toEqual([{ _sync_id: 'a', n: 2 }])
    expect(other).toEqual({ _sync_id: 'other', mine: true })
  })

  test('inserts more items than a call can have arguments', () => {
    const many = Array.from({ length: 300_000 }, (_, i) => ({ _sync_id: `${i}` }))
    expect((patch([], [], many) as unknown[]).length).toBe(300_000)
  })
})

describe('reactive state', () => {
  const from = freeze({
    title: 'Plan',
    settings: { zoom: 1, theme: 'dark' },
    tasks: [
      { _sync_id: 'a', title: 'A', done: false },
      { _sync_id: 'b', title: 'B', done: false }
    ]
  })
  const observed = (to: Json): Record<string, number> => {
    const state = reactive(clone(from) as { -readonly [K in keyof typeof from]: (typeof from)[K] })
    const reads: Record<string, () => unknown> = {
      title: () => state.title,
      zoom: () => state.settings.zoom,
      theme: () => state.settings.theme,
      order: () => state.tasks.map((task) => task._sync_id),
      'a.done': () => state.tasks.find((task) => task._sync_id === 'a')?.done,
      'b.title': () => state.tasks.find((task) => task._sync_id === 'b')?.title
    }
    const spies = Object.entries(reads).map(([name, read]) => [name, vi.fn(read)] as const)
    for (const [, spy] of spies) effect(spy)
    patch(state, from, to)
    expect(state).toEqual(to)
    return Object.fromEntries(spies.flatMap(([name, spy]) => (spy.mock.calls.length > 1 ? [[name, 1]] : [])))
  }

  test('a change of one field triggers only the effects that read it', () => {
    expect(observed({ ...from, title: 'New' })).toEqual({ title: 1 })
    expect(observed({ ...from, settings: { zoom: 2, theme: 'dark' } })).toEqual({ zoom: 1 })
    expect(observed({ ...from, tasks: [{ ...from.tasks[0]!, done: true }, from.tasks[1]!] })).toEqual({ 'a.done': 1 })
  })

  test('an equal version of other objects triggers nothing', () => {
    expect(observed(structuredClone(from))).toEqual({})
  })

  test('shallow state changes in place, too', () => {
    const state = shallowReactive({ tasks: [{ _sync_id: 'a', n: 1 }] })
    const { tasks } = state
    patch(state, { tasks: [{ _sync_id: 'a', n: 1 }] }, { tasks: [{ _sync_id: 'a', n: 2 }] })
    expect(state.tasks).toBe(tasks)
    expect(tasks).toEqual([{ _sync_id: 'a', n: 2 }])
  })
})
