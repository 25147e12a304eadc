import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { markRaw, reactive, ref, shallowReactive } from 'vue'
import type { Json } from '../../../src/document/json.ts'
import { createMirror } from '../../../src/pinia/mirror.ts'

function mirrorOf(state: object, name?: string) {
  const touched = vi.fn()
  const failed = vi.fn()
  const mirror = createMirror(
    { holder: () => state, ...(name !== undefined && { name }) },
    { key: name ?? 'default', touched, failed }
  )
  mirror.begin()
  return { mirror, touched, failed, problem: () => [...mirror.problems.values()][0]?.message }
}

describe('reading', () => {
  test('shares equal parts with the known version', () => {
    const state = reactive({ doc: { a: { n: 1 }, b: { n: 2 } } })
    const { mirror } = mirrorOf(state, 'doc')
    const known = mirror.read(undefined) as { a: Json; b: Json }
    expect(mirror.read(known)).toBe(known)
    state.doc.b.n = 3
    const next = mirror.read(known) as { a: Json; b: Json }
    expect(next).toEqual({ a: { n: 1 }, b: { n: 3 } })
    expect(next.a).toBe(known.a)
  })

  test('assigning ids to items is not reported as a change', () => {
    const state = reactive({ list: [{ n: 1 }] })
    const { mirror, touched } = mirrorOf(state, 'list')
    state.list.push({ n: 2 })
    expect(touched).toHaveBeenCalledTimes(1)
    mirror.read(mirror.initial)
    expect(touched).toHaveBeenCalledTimes(1)
    expect(state.list.every((item) => '_sync_id' in item)).toBe(true)
  })

  test('finds a change in a large state that was made before the tracking of it has begun, and reports it', () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const state = reactive({ list: Array.from({ length: 5000 }, (_, n) => ({ _sync_id: `${n}`, n })) })
    const { mirror, touched } = mirrorOf(state, 'list')
    const known = mirror.read(undefined) as { n: number }[]
    state.list[4998]!.n = -1
    const next = mirror.read(known) as { n: number }[]
    expect(next[4998]!.n).toBe(-1)
    state.list[4999]!.n = -2
    expect(touched).not.toHaveBeenCalled()
    vi.runAllTimers()
    expect(touched).toHaveBeenCalledTimes(1)
    expect((mirror.read(next) as { n: number }[])[4999]!.n).toBe(-2)
  })

  test('does not read an item in which nothing has changed', () => {
    const read = vi.fn(() => 1)
    const list = [{ _sync_id: 'a', n: 0 }, Object.defineProperty({ _sync_id: 'b' }, 'n', { get: read, enumerable: true })]
    const state = reactive({ list: list as { _sync_id: string; n: number }[] })
    const { mirror } = mirrorOf(state, 'list')
    let known = mirror.read(undefined)
    read.mockClear()
    state.list[0]!.n = 2
    known = mirror.read(known)
    expect(known).toEqual([
      { _sync_id: 'a', n: 2 },
      { _sync_id: 'b', n: 1 }
    ])
    expect(read).not.toHaveBeenCalled()
  })

  test('finds a change in an object that Vue does not track, with the next change elsewhere', () => {
    const untracked = markRaw({ n: 1 })
    const state = reactive({
      list: [
        { _sync_id: 'a', inner: [{ _sync_id: 'c', untracked }] },
        { _sync_id: 'b', n: 1 }
      ]
    })
    const { mirror } = mirrorOf(state, 'list')
    let known = mirror.read(mirror.read(undefined))
    untracked.n = 2
    state.list[1]!.n = 2
    known = mirror.read(known)
    expect(known).toEqual([
      { _sync_id: 'a', inner: [{ _sync_id: 'c', untracked: { n: 2 } }] },
      { _sync_id: 'b', n: 2 }
    ])
  })

  test('keeps a problem while something else changes', () => {
    const state = reactive({
      list: [
        { _sync_id: 'a', big: 1n },
        { _sync_id: 'b', n: 1 }
      ]
    })
    const { mirror, problem } = mirrorOf(state, 'list')
    const known = mirror.read(mirror.read(undefined))
    state.list[1]!.n = 2
    mirror.read(known)
    expect(problem()).toContain('big')
  })

  test('a value that becomes undefined is shared as null; one that was never defined is not shared', () => {
    const state = reactive({ selected: 'a' as string | undefined, never: undefined })
    const { mirror } = mirrorOf(state, 'selected')
    state.selected = undefined
    expect(mirror.read('a')).toBe(null)
    expect(mirrorOf(state, 'never').mirror.read(undefined)).toBe(undefined)
  })

  test('a value that is not JSON is omitted and reported once', () => {
    const state = reactive({ doc: { title: 'x', big: 1n } })
    const { mirror, failed, problem } = mirrorOf(state, 'doc')
    expect(mirror.read(mirror.read(undefined))).toEqual({ title: 'x' })
    expect(failed).toHaveBeenCalledTimes(1)
    expect(failed).toHaveBeenCalledWith({
      code: 'invalid_value',
      message: 'doc.big cannot be shared: a bigint is not JSON',
      path: 'doc.big'
    })
    expect(problem()).toContain('big')
    Reflect.deleteProperty(state.doc, 'big')
    mirror.read({ title: 'x' })
    expect(problem()).toBeUndefined()
  })

  test('refs inside the state are read as their values', () => {
    const inner = ref([{ _sync_id: 'a', n: 1 }])
    const { mirror, touched } = mirrorOf(reactive({ doc: { inner } }), 'doc')
    inner.value[0]!.n = 2
    expect(touched).toHaveBeenCalledTimes(1)
    expect(mirror.read(undefined)).toEqual({ inner: [{ _sync_id: 'a', n: 2 }] })
  })
})

describe('writing a member', () => {
  test('changes it in place, and is not reported as a change', () => {
    const state = reactive({ doc: { title: 'x', settings: { zoom: 1 } } })
    const { mirror, touched } = mirrorOf(state, 'doc')
    const { settings } = state.doc
    mirror.write(undefined, { title: 'y', settings: { zoom: 2 } })
    expect(state.doc).toEqual({ title: 'y', settings: { zoom: 2 } })
    expect(state.doc.settings).toBe(settings)
    expect(touched).not.toHaveBeenCalled()
  })

  const cases: { kind: string; initial: Json; good: Json; others: Json[] }[] = [
    { kind: 'an object', initial: { a: 1 }, good: { b: 2 }, others: [null, 5, 'x', [], [{ _sync_id: 'a' }]] },
    { kind: 'an array', initial: [1], good: [2], others: [null, 5, 'x', {}] }
  ]
  test.each(cases)(
    '$kind that is to become something else stays as it is, and the problem is told',
    ({ initial, good, others }) => {
      for (const other of others) {
        const state = reactive<{ doc: unknown }>({ doc: structuredClone(initial) })
        const { mirror, failed, problem } = mirrorOf(state, 'doc')
        mirror.write(undefined, other)
        mirror.write(undefined, other)
        expect(state.doc).toEqual(initial)
        expect(failed).toHaveBeenCalledTimes(1)
        expect(failed).toHaveBeenCalledWith({
          code: 'unexpected_state',
          message: 'doc does not have the type that the store expects',
          path: 'doc'
        })
        expect(problem()).toBe('doc does not have the type that the store expects')
        mirror.write(other, good)
        expect(state.doc).toEqual(good)
        expect(problem()).toBeUndefined()
      }
    }
  )

  test('a member that starts as null or a scalar may become any value', () => {
    const state = reactive<{ doc: unknown }>({ doc: null })
    const { mirror, failed } = mirrorOf(state, 'doc')
    for (const value of [{ a: 1 }, [1], 'x', null]) {
      mirror.write(undefined, value)
      expect(state.doc).toEqual(value)
    }
    expect(failed).not.toHaveBeenCalled()
  })

  test('an edit of a member of an unexpected type is shared', () => {
    const state = reactive({ doc: { title: 'mine' } })
    const { mirror, touched } = mirrorOf(state, 'doc')
    mirror.write(mirror.initial, ['theirs'])
    state.doc.title = 'still mine'
    expect(touched).toHaveBeenCalled()
    expect(mirror.read(['theirs'])).toEqual({ title: 'still mine' })
  })

  test('does not change a prototype', () => {
    const state = reactive({ doc: { a: {} } })
    const { mirror } = mirrorOf(state, 'doc')
    mirror.write(mirror.initial, JSON.parse('{"a":{"__proto__":{"polluted":1}},"__proto__":{"polluted":1}}') as Json)
    expect(({} as { polluted?: 1 }).polluted).toBeUndefined()
    expect((state.doc as { polluted?: 1 }).polluted).toBeUndefined()
  })

  test('replaces a member that is not deeply reactive', () => {
    const state = shallowReactive({ doc: { n: 1 } })
    const { doc } = state
    mirrorOf(state, 'doc').mirror.write({ n: 1 }, { n: 2 })
    expect(state.doc).toEqual({ n: 2 })
    expect(doc).toEqual({ n: 1 })
  })
})

describe('writing all of the state', () => {
  const declared = () => reactive<Record<string, unknown>>({ title: 'untitled', tasks: [], count: 0 })

  test('adds and removes members that the store has not declared', () => {
    const state = declared()
    const { mirror } = mirrorOf(state)
    const whole = { title: 'x', tasks: [], count: 0, extra: 1 }
    mirror.write(mirror.initial, whole)
    expect(state).toEqual(whole)
    mirror.write(whole, { title: 'x', tasks: [], count: 0 })
    expect(state).toEqual({ title: 'x', tasks: [], count: 0 })
  })

  test('a declared member missing in the document gets its initial value, which is not sent', () => {
    const state = declared()
    const { mirror, touched } = mirrorOf(state)
    mirror.write(mirror.initial, { title: 'from an older version' })
    mirror.write(undefined, { title: 'from an older version still' })
    expect(state).toEqual({ title: 'from an older version still', tasks: [], count: 0 })
    mirror.write(undefined, { title: 'y', tasks: [], count: 7 })
    mirror.write(undefined, { title: 'y' })
    expect(state).toEqual({ title: 'y', tasks: [], count: 0 })
    expect(touched).not.toHaveBeenCalled()
  })

  test('a member of an unexpected type keeps its value, and the others are shown', () => {
    const state = declared()
    const { mirror, touched, problem } = mirrorOf(state)
    mirror.write(mirror.initial, { title: 'x', tasks: null, count: 1 })
    expect(state).toEqual({ title: 'x', tasks: [], count: 1 })
    mirror.write(undefined, { title: 'y', tasks: null, count: 1 })
    expect(state).toEqual({ title: 'y', tasks: [], count: 1 })
    expect(problem()).toBe('tasks does not have the type that the store expects')
    expect(touched).not.toHaveBeenCalled()
  })

  test.each<[Json]>([[null], [5], ['x'], [[1]]])('%j cannot be the state of a store', (other) => {
    const state = declared()
    const { mirror, failed } = mirrorOf(state)
    mirror.write(mirror.initial, other)
    expect(state).toEqual(declared())
    expect(failed).toHaveBeenCalledTimes(1)
    mirror.write(other, { title: 'x' })
    expect(state).toMatchObject({ title: 'x' })
  })
})
