import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { type EffectScope, effectScope, nextTick, reactive, ref, watch } from 'vue'
import type { Json } from '../../../src/document/json.ts'
import { readPart } from '../../../src/pinia/parts.ts'
import { track } from '../../../src/pinia/tracker.ts'

vi.mock(import('../../../src/pinia/parts.ts'), async (original) => {
  const parts = await original()
  return { ...parts, readPart: vi.fn(parts.readPart) }
})

interface Item {
  _sync_id: string
  n: number
  tags: string[]
  items: Item[]
}
const item = (_sync_id: string, ...items: Item[]): Item => ({ _sync_id, n: 0, tags: [], items })

function tracked<T extends object>(state: T) {
  const changed = vi.fn()
  const live = ref(state)
  const complete = vi.fn()
  const tracker = track(() => live.value, changed, complete)
  const changes = (change: () => void) => {
    const before = changed.mock.calls.length
    change()
    return changed.mock.calls.length - before
  }
  return {
    live,
    changed,
    complete,
    tracker,
    changes,
    settle: () => tracker.quietly(() => JSON.parse(JSON.stringify(live.value)) as Json)
  }
}

describe('a change is detected', () => {
  const state = () => ({
    title: '',
    settings: { zoom: 1 } as { zoom: number; theme?: string },
    list: [item('a', item('b')), item('c')],
    grid: [[1, 2], [3]]
  })
  type State = ReturnType<typeof state>

  test.each<[string, (state: State) => void]>([
    ['of a member', (s) => (s.title = 'x')],
    ['of a nested member', (s) => s.settings.zoom++],
    ['by a new member', (s) => (s.settings.theme = 'dark')],
    ['by a removed member', (s) => delete (s as Partial<State>).title],
    ['by a replaced object', (s) => (s.settings = { zoom: 1 })],
    ['in an item', (s) => s.list[0]!.n++],
    ['in an item of an item', (s) => s.list[0]!.items[0]!.n++],
    ['in an array of an item', (s) => s.list[1]!.tags.push('x')],
    ['by a new item', (s) => s.list.push(item('d'))],
    ['by a removed item', (s) => s.list.splice(0, 1)],
    ['by another order', (s) => s.list.reverse()],
    ['by a replaced array', (s) => (s.list = [])],
    ['in an array of arrays', (s) => (s.grid[0]![1] = 5)]
  ])('%s', (_, change) => {
    const { live, changes } = tracked(state())
    expect(changes(() => change(live.value as State))).toBeGreaterThan(0)
  })

  test('of the whole state', () => {
    const { live, changes } = tracked(state())
    expect(changes(() => (live.value = state()))).toBe(1)
  })

  test('in a long array and its items', () => {
    const { live, changes } = tracked({ list: Array.from({ length: 500 }, (_, i) => item(`${i}`)) })
    expect(changes(() => live.value.list[499]!.n++)).toBe(1)
    expect(changes(() => live.value.list.pop())).toBeGreaterThan(0)
    expect(changes(() => (live.value.list[3] = item('x')))).toBe(1)
  })

  test('in state that was added later', () => {
    const { live, changes, settle } = tracked(state())
    live.value.list.push(item('d', item('e')))
    settle()
    expect(changes(() => live.value.list[2]!.items[0]!.n++)).toBe(1)
  })

  test('in an item that has moved to another list', () => {
    const { live, changes, settle } = tracked({ todo: [item('a')], done: [item('b')] })
    live.value.done.push(live.value.todo.pop()!)
    settle()
    expect(changes(() => live.value.done[1]!.n++)).toBe(1)
    live.value.todo.push(live.value.done.pop()!)
    settle()
    expect(changes(() => live.value.todo[0]!.n++)).toBe(1)
  })

  test('but not in a removed item', () => {
    const { live, changes, settle } = tracked(state())
    const [gone] = live.value.list.splice(0, 1)
    settle()
    expect(changes(() => gone!.n++)).toBe(0)
  })

  test('but not after stop', () => {
    const { live, tracker, changes } = tracked(state())
    tracker.stop()
    expect(changes(() => live.value.list[0]!.items[0]!.n++)).toBe(0)
    expect(changes(() => live.value.settings.zoom++)).toBe(0)
  })

  test('in state that contains itself, without endless recursion', () => {
    interface Node {
      n: number
      self?: Node
      list?: Node[]
    }
    const node: Node = { n: 0 }
    node.self = node
    node.list = [node, { n: 1, list: [node] }]
    const { live, changes } = tracked(node)
    expect(changes(() => live.value.n++)).toBeGreaterThan(0)
  })
})

describe('changes of the plugin', () => {
  test('are not reported', () => {
    const { live, tracker, changes } = tracked({ list: [item('a')] })
    const write = () =>
      tracker.quietly(() => {
        live.value.list[0]!.n = 1
        live.value.list.push(item('b'))
        return { list: [{ ...item('a'), n: 1 }, item('b')] } as unknown as Json
      })
    expect(changes(write)).toBe(0)
    expect(changes(() => live.value.list[1]!.n++)).toBe(1)
  })

  test.each<[string, (list: Item[]) => void]>([
    ['the same item', (list) => list[0]!.tags.push('x')],
    ['another item', (list) => list[1]!.n++],
    ['the list', (list) => list.reverse()],
    ['an item of an item', (list) => list[1]!.items[0]!.n++],
    ['an id', (list) => (list[0]!._sync_id = 'other')]
  ])('are reported if a watcher has changed %s meanwhile', (_, change) => {
    const { live, tracker, changes } = tracked({ list: [item('a'), item('b', item('c'))] })
    watch(
      () => live.value.list[0]!.n,
      () => change(live.value.list),
      { flush: 'sync' }
    )
    const write = () =>
      tracker.quietly(() => {
        live.value.list[0]!.n = 1
        return { list: [{ ...item('a'), n: 1 }, item('b', item('c'))] } as unknown as Json
      })
    expect(changes(write)).toBe(1)
  })

  test('that throw are not reported, and later changes are', () => {
    const { live, tracker, changes } = tracked({ n: 0 })
    expect(() =>
      tracker.quietly(() => {
        throw new Error('no')
      })
    ).toThrow('no')
    expect(changes(() => live.value.n++)).toBe(1)
  })
})

describe('the number of reads', () => {
  const parts = vi.mocked(readPart)
  /** The number of parts that effects read. */
  function reads(run: () => void) {
    const before = parts.mock.calls.length
    run()
    return parts.mock.calls.length - before
  }
  const large = () => tracked({ title: '', list: Array.from({ length: 500 }, (_, i) => item(`${i}`, item(`${i}.0`))) })

  test('after a change is zero until the state is read, then one part', () => {
    const { live, settle } = large()
    expect(reads(() => (live.value.title = 'x'))).toBe(0)
    expect(
      reads(() => {
        for (let i = 0; i < 10; i++) live.value.list[7]!.n++
      })
    ).toBe(0)
    expect(reads(settle)).toBe(2)
    expect(reads(settle)).toBe(0)
  })

  test('after a new item is the list and the item', () => {
    const { live, settle } = large()
    live.value.list.push(item('new', item('newer')))
    expect(reads(settle)).toBe(3)
  })

  test('leaves no removed parts in the scope', async () => {
    const scope: EffectScope = effectScope()
    const { live, settle } = scope.run(() => tracked({ list: [item('a')] }))!
    const effects = (scope as unknown as { effects: unknown[] }).effects
    const before = effects.length
    for (let i = 0; i < 100; i++) {
      live.value.list = [item(`${i}`)]
      settle()
    }
    await nextTick()
    expect(effects.length).toBe(before)
  })
})

describe('of a large state, most parts are read in the background', () => {
  const large = () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    return tracked({ list: Array.from({ length: 5000 }, (_, i) => item(`${i}`)) })
  }

  test('then changes in them are reported', () => {
    const { live, tracker, complete, changes } = large()
    expect(tracker.unsure()).toBe(true)
    expect(changes(() => live.value.list[10]!.n++)).toBe(1)
    vi.runAllTimers()
    expect(tracker.unsure()).toBe(false)
    expect(complete).toHaveBeenCalledTimes(1)
    expect(changes(() => live.value.list[4999]!.n++)).toBe(1)
  })

  test('stop ends the reading', () => {
    const { tracker, complete } = large()
    tracker.stop()
    vi.runAllTimers()
    expect(complete).not.toHaveBeenCalled()
  })
})

test('a tracker created inside an effect does not make the effect depend on the state', () => {
  const state = reactive({ list: [item('a')] })
  const run = vi.fn(() =>
    track(
      () => state,
      () => {},
      () => {}
    )
  )
  watch(run, () => {}, { flush: 'sync' })
  state.list[0]!.n++
  expect(run).toHaveBeenCalledTimes(1)
})
