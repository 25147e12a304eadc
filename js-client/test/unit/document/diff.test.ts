import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fold } from '../../../src/document/apply.ts'
import { diff } from '../../../src/document/diff.ts'
import type { Json, JsonObject } from '../../../src/document/json.ts'
import { equal } from '../../../src/document/values.ts'
import type { Operation } from '../../../src/wire.ts'
import { anyObject, anyValue, freeze, parse } from './arbitrary.ts'
import { cpuMs } from './cpu.ts'

/** The operations, after a check that each is applied and that they lead from one version to the other. */
function checked(from: Json | undefined, to: Json): Operation[] {
  const ops = diff(freeze(from), freeze(to))
  const { doc, results } = fold(from, ops)
  if (!equal(doc, to)) expect(doc).toEqual(to)
  expect(results.every((result) => result.status === 'applied')).toBe(true)
  return ops
}

const items = (ids: string): JsonObject[] => [...ids].map((_sync_id) => ({ _sync_id }))

const leads = (from: Json | undefined, to: Json): void => void checked(from, to)

describe('any two versions', () => {
  test('the operations lead from one to the other, and each is applied', () => {
    fc.assert(fc.property(fc.option(anyValue, { nil: undefined }), anyValue, leads), { numRuns: 1000 })
  })

  test('two objects with much in common', () => {
    fc.assert(fc.property(anyObject, anyObject, leads), { numRuns: 1000 })
  })

  test('no operations if they are equal, shared or not', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(diff(value, value)).toEqual([])
        expect(diff(value, structuredClone(value))).toEqual([])
      })
    )
  })

  test('two orders of the same items: one move for each item that does not stay', () => {
    const some = fc.uniqueArray(fc.constantFrom(...'abcdefgh'), { minLength: 1 })
    fc.assert(
      fc.property(
        some.chain((ids) => fc.tuple(fc.constant(ids), fc.shuffledSubarray(ids, { minLength: ids.length }))),
        ([before, after]) => {
          const ops = checked(items(before.join('')), items(after.join('')))
          expect(ops.every((op) => op.op === 'array_move')).toBe(true)
          expect(ops.length).toBe(after.length - longestCommon(before, after))
        }
      ),
      { numRuns: 500 }
    )
  })
})

/** The length of a longest common subsequence, by a simple algorithm. */
function longestCommon(a: string[], b: string[]): number {
  if (!a.length || !b.length) return 0
  if (a[0] === b[0]) return 1 + longestCommon(a.slice(1), b.slice(1))
  return Math.max(longestCommon(a.slice(1), b), longestCommon(a, b.slice(1)))
}

describe('one edit is one operation', () => {
  const doc = {
    title: 'Plan',
    settings: { zoom: 1, theme: { name: 'dark' } },
    tags: ['a', 'b'],
    tasks: [
      {
        _sync_id: 't1',
        title: 'One',
        subs: [
          { _sync_id: 's1', done: false },
          { _sync_id: 's2', done: false }
        ]
      },
      { _sync_id: 't2', title: 'Two', subs: [] },
      { _sync_id: 't3', title: 'Three', subs: [] }
    ]
  }
  type Draft = any // the edits below do to it whatever they like
  const after = (edit: (doc: Draft) => void): Operation[] => {
    const copy = structuredClone(doc)
    edit(copy)
    return checked(doc, copy)
  }

  test.each<[string, (doc: Draft) => void, Operation]>([
    [
      'a member',
      (d) => {
        d.title = 'New'
      },
      { op: 'set', path: 'title', value: 'New' }
    ],
    [
      'a member of a member',
      (d) => {
        d.settings.theme.name = 'light'
      },
      { op: 'set', path: 'settings.theme.name', value: 'light' }
    ],
    [
      'a new member',
      (d) => {
        d.settings.lang = 'en'
      },
      { op: 'set', path: 'settings.lang', value: 'en' }
    ],
    [
      'a new member with members',
      (d) => {
        d.x = { y: 1, z: 1 }
      },
      { op: 'set', path: 'x', value: { y: 1, z: 1 } }
    ],
    [
      'a new member with one member: two who do so keep both',
      (d) => {
        d.x = { y: { z: 1 } }
      },
      { op: 'set', path: 'x.y.z', value: 1 }
    ],
    [
      'a new array with an item: two who do so keep both',
      (d) => {
        d.x = [{ _sync_id: 'n' }]
      },
      { op: 'array_add', path: 'x', value: { _sync_id: 'n' } }
    ],
    [
      'a member gone',
      (d) => {
        delete d.settings.zoom
      },
      { op: 'delete', path: 'settings.zoom' }
    ],
    [
      'a member of another kind',
      (d) => {
        d.settings = [1]
      },
      { op: 'set', path: 'settings', value: [1] }
    ],
    [
      'an array of texts',
      (d) => {
        d.tags.push('c')
      },
      { op: 'set', path: 'tags', value: ['a', 'b', 'c'] }
    ],
    [
      'a member of an item',
      (d) => {
        d.tasks[1].title = 'Zwei'
      },
      { op: 'set', path: 'tasks[t2].title', value: 'Zwei' }
    ],
    [
      'an item in an item',
      (d) => {
        d.tasks[0].subs[1].done = true
      },
      { op: 'set', path: 'tasks[t1].subs[s2].done', value: true }
    ],
    [
      'an item first',
      (d) => {
        d.tasks.unshift({ _sync_id: 'n' })
      },
      { op: 'array_add', path: 'tasks', value: { _sync_id: 'n' }, after: null }
    ],
    [
      'an item between',
      (d) => {
        d.tasks.splice(2, 0, { _sync_id: 'n' })
      },
      { op: 'array_add', path: 'tasks', value: { _sync_id: 'n' }, after: ['t2', 't1'] }
    ],
    [
      'an item last: it is appended, wherever the end is by then',
      (d) => {
        d.tasks.push({ _sync_id: 'n' })
      },
      { op: 'array_add', path: 'tasks', value: { _sync_id: 'n' } }
    ],
    [
      'an item in an empty array',
      (d) => {
        d.tasks[2].subs.push({ _sync_id: 'n' })
      },
      { op: 'array_add', path: 'tasks[t3].subs', value: { _sync_id: 'n' } }
    ],
    [
      'the first item gone',
      (d) => {
        d.tasks.shift()
      },
      { op: 'array_del', path: 'tasks[t1]' }
    ],
    [
      'an item between gone',
      (d) => {
        d.tasks.splice(1, 1)
      },
      { op: 'array_del', path: 'tasks[t2]' }
    ],
    [
      'the first item to the end',
      (d) => {
        d.tasks.push(d.tasks.shift())
      },
      { op: 'array_move', path: 'tasks[t1]', after: ['t3', 't2'] }
    ],
    [
      'the last item to the front',
      (d) => {
        d.tasks.unshift(d.tasks.pop())
      },
      { op: 'array_move', path: 'tasks[t3]', after: null }
    ]
  ])('%s', (_, edit, op) => {
    expect(after(edit)).toEqual([op])
  })

  test('several edits in one array: each its own operation', () => {
    expect(
      after((d) => {
        const [one, , three] = d.tasks
        three.title = 'Drei'
        d.tasks = [three, { _sync_id: 'n' }, one]
      })
    ).toEqual([
      { op: 'array_del', path: 'tasks[t2]' },
      { op: 'array_move', path: 'tasks[t3]', after: null },
      { op: 'set', path: 'tasks[t3].title', value: 'Drei' },
      { op: 'array_add', path: 'tasks', value: { _sync_id: 'n' }, after: ['t3', null] }
    ])
  })
})

describe('the anchors of an item', () => {
  const ids = Array.from({ length: 40 }, (_, i) => `${i}`)
  const inserted = (at: number): Operation[] => {
    const before = ids.map((_sync_id) => ({ _sync_id }))
    return checked(before, before.toSpliced(at, 0, { _sync_id: 'n' }))
  }
  test.each<[number, Operation['after']]>([
    [0, null],
    [1, ['0', null]],
    [3, ['2', '1', null]],
    [10, ['9', '8', '6', '2', null]],
    [30, ['29', '28', '26', '22']],
    [40, undefined]
  ])('at %d: the items 1, 2, 4 and 8 places before, and the nearer end', (at, after) => {
    expect(inserted(at)[0]?.after).toEqual(after)
  })

  const sort = (doc: Json | undefined): Json =>
    (doc as JsonObject[]).toSorted((a, b) => ((a._sync_id as string) < (b._sync_id as string) ? -1 : 1))
  const ids8 = fc.uniqueArray(fc.constantFrom(...'abcdefgh'), { minLength: 2 })

  test('two clients who sort a list in the same way get it sorted, for any order of their moves', () => {
    fc.assert(
      fc.property(ids8, fc.array(fc.boolean()), (ids, turns) => {
        const start = items(ids.join(''))
        const ops = diff(start, sort(start))
        const [one, two] = [[...ops], [...ops]]
        const order = turns.flatMap((turn) => (turn ? one.shift() : two.shift()) ?? [])
        expect(fold(start, [...order, ...one, ...two]).doc).toEqual(sort(start))
      }),
      { numRuns: 500 }
    )
  })

  test('an inserted item keeps its neighbour despite removals and moves of others', () => {
    fc.assert(
      fc.property(
        ids8,
        fc.nat(6),
        fc.array(fc.tuple(fc.constantFrom(...'abcdefgh'), fc.nat(7), fc.boolean())),
        (ids, at, theirs) => {
          const start = items(ids.join(''))
          const place = at % (ids.length - 1)
          const neighbour = ids[place] as string
          const mine = diff(start, start.toSpliced(place + 1, 0, { _sync_id: 'n' }))
          const ops = theirs
            .filter(([id]) => id !== neighbour)
            .map(
              ([id, arrayIndex, moves]): Operation =>
                moves ? { op: 'array_move', path: `[${id}]`, arrayIndex } : { op: 'array_del', path: `[${id}]` }
            )
          const order = (fold(start, [...ops, ...mine]).doc as JsonObject[]).map(({ _sync_id }) => _sync_id)
          expect(order[order.indexOf('n') - 1]).toBe(neighbour)
        }
      ),
      { numRuns: 500 }
    )
  })
})

describe('an item that moves to another array', () => {
  const board: Json = {
    todo: [{ _sync_id: 'x', title: 'X', subs: [{ _sync_id: 's' }] }, { _sync_id: 'y' }],
    doing: [{ _sync_id: 'z' }],
    lists: [
      { _sync_id: 'l', cards: [{ _sync_id: 'c' }] },
      { _sync_id: 'm', cards: [] }
    ]
  }
  type Draft = any
  const after = (edit: (doc: Draft) => void): Operation[] => {
    const copy = structuredClone(board)
    edit(copy)
    return checked(board, copy)
  }
  test.each<[string, (doc: Draft) => void, Operation[]]>([
    [
      'to the end',
      (d) => {
        d.doing.push(d.todo.shift())
      },
      [{ op: 'array_move', path: 'todo[x]', to: 'doing' }]
    ],
    [
      'to the front',
      (d) => {
        d.doing.unshift(d.todo.pop())
      },
      [{ op: 'array_move', path: 'todo[y]', to: 'doing', after: null }]
    ],
    [
      'back, to an array that is looked at before',
      (d) => {
        d.todo.splice(1, 0, d.doing.pop())
      },
      [{ op: 'array_move', path: 'doing[z]', to: 'todo', after: ['x', null] }]
    ],
    [
      'and is changed on the way',
      (d) => {
        d.doing.push({ ...d.todo.shift(), title: 'New' })
      },
      [
        { op: 'array_move', path: 'todo[x]', to: 'doing' },
        { op: 'set', path: 'doing[x].title', value: 'New' }
      ]
    ],
    [
      'between items of an array',
      (d) => {
        d.lists[1].cards.push(d.lists[0].cards.pop())
      },
      [{ op: 'array_move', path: 'lists[l].cards[c]', to: 'lists[m].cards' }]
    ],
    [
      'into an item',
      (d) => {
        d.todo[1].subs = [d.doing.pop()]
      },
      [{ op: 'array_move', path: 'doing[z]', to: 'todo[y].subs' }]
    ],
    [
      'into an item that goes to another array itself',
      (d) => {
        d.todo[0].subs.push(d.todo.pop())
        d.doing.push(d.todo.pop())
      },
      [
        { op: 'array_move', path: 'todo[x]', to: 'doing' },
        { op: 'array_move', path: 'todo[y]', to: 'doing[x].subs' }
      ]
    ],
    [
      'two that change places',
      (d) => {
        ;[d.todo[1], d.doing[0]] = [d.doing[0], d.todo[1]]
      },
      [
        { op: 'array_move', path: 'doing[z]', to: 'todo' },
        { op: 'array_move', path: 'todo[y]', to: 'doing' }
      ]
    ]
  ])('%s', (_, edit, ops) => {
    expect(after(edit)).toEqual(ops)
  })

  test('is added anew if several places are possible', () => {
    const from = { a: items('x'), b: items('x'), c: [] }
    expect(checked(from, { a: [], b: [], c: items('x') }).map(({ op }) => op)).toEqual(['array_del', 'array_del', 'array_add'])
    expect(checked({ a: items('x'), b: [], c: [] }, { a: [], b: items('x'), c: items('x') }).map(({ op }) => op)).toEqual([
      'array_del',
      'array_add',
      'array_add'
    ])
  })

  test('any two boards: the operations lead from one to the other', () => {
    const ids = fc.shuffledSubarray([...'abcdefghij'])
    const lists = fc.tuple(ids, fc.array(fc.tuple(fc.nat(3), fc.nat(9)), { minLength: 10, maxLength: 10 }), fc.nat(2))
    /** Items in four lists, two of them inside items; some items have their own list. */
    const build = ([ids, places, version]: [string[], [number, number][], number]): Json => {
      const lists: JsonObject[][] = [[], [], [], []]
      const all = ids.map((_sync_id, i) => ({ _sync_id, n: (places[i]?.[1] ?? 0) % (version + 1), subs: [] as JsonObject[] }))
      all.forEach((item, i) => {
        const [list = 0, into = 0] = places[i] ?? []
        const parent = into < i && into % 2 ? all[into] : undefined
        ;(parent?.subs ?? lists[list])?.push(item as unknown as JsonObject)
      })
      return {
        a: lists[0]!,
        b: lists[1]!,
        c: [
          { _sync_id: '1', c: lists[2]! },
          { _sync_id: '2', c: lists[3]! }
        ]
      }
    }
    fc.assert(
      fc.property(lists, lists, (from, to) => leads(build(from), build(to))),
      { numRuns: 2000 }
    )
  })
})

describe('a document that does not exist yet', () => {
  test('an object is written member by member', () => {
    expect(checked(undefined, { a: { b: 1, c: 2 }, t: [] })).toEqual([
      { op: 'set', path: 'a', value: { b: 1, c: 2 } },
      { op: 'set', path: 't', value: [] }
    ])
  })
  test('an item array is written item by item', () => {
    expect(checked(undefined, items('ab')).map(({ op }) => op)).toEqual(['array_add', 'array_add'])
  })
  test.each([[{}], [[]], [null], ['text'], [[1, 2]]])('%j is written whole', (value) => {
    expect(checked(undefined, value)).toEqual([{ op: 'set', path: '', value }])
  })
})

describe('a value that no path can name changes with its nearest ancestor that has a path', () => {
  const long = 'k'.repeat(990)
  test.each<[string, Json, Json, string]>([
    ['a member with an empty name', { a: { b: 1, '': 1 } }, { a: { b: 2, '': 2 } }, 'a'],
    ['a member with an empty name, removed', { a: { '': 1 } }, { a: {} }, 'a'],
    ['a member with an empty name of the document', { '': 1 }, { '': 2 }, ''],
    ['NUL in a name', { a: { 'b\0': 1 } }, { a: { 'b\0': 2 } }, 'a'],
    ['half a character in a name', { a: { '\ud83d': 1 } }, { a: { '\ud83d': 2 } }, 'a'],
    ['a path that is too long', { [long]: { b: { muchlonger: 1 } } }, { [long]: { b: { muchlonger: 2 } } }, `${long}.b`],
    ['an id that cannot be named', { t: [{ _sync_id: 'a\0', n: 1 }] }, { t: [{ _sync_id: 'a\0', n: 2 }] }, 't'],
    ['an id that cannot be named, moved', { t: items('b\0a') }, { t: items('a\0b') }, 't'],
    ['below an item', { t: [{ _sync_id: 'x', '': 1 }] }, { t: [{ _sync_id: 'x', '': 2 }] }, 't[x]']
  ])('%s', (_, from, to, path) => {
    expect(checked(from, to).map(({ op, path }) => ({ op, path }))).toEqual([{ op: 'set', path }])
  })

  test('more than 64 segments', () => {
    const nested = (leaf: number): Json => parse('{"a":'.repeat(70) + leaf + '}'.repeat(70))
    expect(checked(nested(1), nested(2)).map((op) => op.path)).toEqual([Array(64).fill('a').join('.')])
  })

  test('no operation for an equal value, shared or not', () => {
    expect(checked({ a: { '': [1], b: 1 } }, { a: { '': [1], b: 2 } })).toEqual([{ op: 'set', path: 'a.b', value: 2 }])
  })

  test('a member __proto__ is skipped', () => {
    const from = parse('{"a":{"__proto__":{"n":1}}}')
    const to = parse('{"a":{"b":1}}')
    expect(diff(from, to)).toEqual([{ op: 'set', path: 'a.b', value: 1 }])
    expect(diff(to, from)).toEqual([{ op: 'delete', path: 'a.b' }])
  })
})

test('10,000 shuffled items take less than 500 ms of CPU time', () => {
  const ids = Array.from({ length: 10_000 }, (_, i) => ({ _sync_id: `id-${i}` }))
  // A fixed, shuffled order: steps of a number that is coprime to the length.
  const shuffled = ids.map((_, i) => ids[(i * 7919) % ids.length] as JsonObject)
  let ops: Operation[] = []
  const took = cpuMs(() => (ops = diff(ids, shuffled)))
  expect(equal(fold(ids, ops).doc, shuffled)).toBe(true)
  expect(took).toBeLessThan(500)
})

test('the cache keeps no earlier versions of an item in memory', async () => {
  setFlagsFromString('--expose_gc')
  const collect = runInNewContext('gc') as () => void
  const versions: WeakRef<object>[] = []
  let before = { tasks: [{ _sync_id: 'a', text: '' }] }
  for (let i = 0; i < 200; i++) {
    const item = { _sync_id: 'a', text: `${i}` }
    const after = { tasks: [item] }
    expect(diff(before, after)).toHaveLength(1)
    versions.push(new WeakRef(item))
    before = after
  }
  await new Promise((resolve) => setImmediate(resolve)) // a WeakRef keeps its target until the end of the task
  collect()
  expect(versions.filter((version) => version.deref()).length).toBeLessThan(10)
  expect(before.tasks).toHaveLength(1)
})
