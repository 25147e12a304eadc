// Many clients against the model of a server, under every order, delay, repetition and loss, until all agree (SPEC.md).
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fold } from '../../../src/document/apply.ts'
import { capture } from '../../../src/document/capture.ts'
import { follow } from '../../../src/document/follow.ts'
import type { Json, JsonObject } from '../../../src/document/json.ts'
import { separate } from '../../../src/document/shared.ts'
import { clone, get, put } from '../../../src/document/values.ts'
import { createReplica, type Frozen, type KeptRoom } from '../../../src/replica/replica.ts'
import { type Conflict, resolve } from '../../../src/replica/resolution.ts'
import type { Operation, RoomEvent } from '../../../src/wire.ts'
import { createModelServer } from './model.ts'

/** Every client seeds `default`; the first change creates `notes`. */
const KEYS = ['default', 'notes'] as const
const INITIAL = { title: '', tasks: [], done: [] }
const LISTS = ['tasks', 'done'] as const

type World = ReturnType<typeof createWorld>
type Client = World['clients'][number]

function createWorld(size: number) {
  const server = createModelServer()
  /** Requests in flight. They may arrive late, twice, or never. */
  const requests: { frozen: Frozen; client: Client }[] = []
  let items = 0
  const added = new Set<string>()
  const deleted = new Set<string>()

  function createTab(clientId: string, conflicts: Operation[], undecided: Conflict[]) {
    let seq = 0
    const replica = createReplica({
      clientId,
      nextSeq: () => ++seq,
      limits: { ops: 4, bytes: 100_000 },
      onConflict(conflict) {
        conflicts.push(conflict.op)
        undecided.push(conflict)
      }
    })
    replica.initialise('default', INITIAL)
    return replica
  }

  const clients = Array.from({ length: size }, (_, i) => {
    const conflicts: Operation[] = []
    const undecided: Conflict[] = []
    return {
      name: `c${i}`,
      replica: createTab(`c${i}`, conflicts, undecided),
      conflicts,
      /** Reported conflicts without a resolution. Some get one at once, others later, after more edits. */
      undecided,
      /** The stored documents of the room, as of some earlier time. */
      kept: undefined as KeptRoom | undefined,
      reloads: 0,
      inbox: [] as RoomEvent[],
      close: undefined as (() => void) | undefined,
      /** The batches in flight. More than one only after the page was hidden. */
      inFlight: new Set<Frozen>(),
      counts: new Map<string, number>(),
      itemCounts: new Map<string, number>()
    }
  })

  return {
    server,
    clients,
    requests,
    added,
    deleted,
    createTab,
    newId: () => `p${++items}`,
    newItem: () => {
      const id = `i${++items}`
      added.add(id)
      return id
    }
  }
}

function cut(client: Client) {
  client.close?.()
  client.close = undefined
  client.inbox.length = 0
  client.inFlight.clear()
  client.replica.lost()
}

function open(world: World, client: Client, x: number, anew = false) {
  cut(client)
  client.replica.opening(x % 3 > 0)
  const position = anew ? undefined : client.replica.position
  client.close = world.server.open(position, { behind: x % 4, forgotten: x % 5 === 0 }, (event) => client.inbox.push(event))
}

function deliver(world: World, client: Client, x: number) {
  const { replica, inbox } = client
  for (let n = 1 + (x % 4); n && inbox.length; n--) {
    const event = inbox.shift()!
    const live = replica.live
    const before = KEYS.map((key) => replica.unsent(key))
    const dropped = client.conflicts.length
    const verdict =
      event.type === 'state'
        ? replica.state(event.data)
        : event.type === 'delta'
          ? replica.delta(event.data, event.epoch)
          : 'ok'
    const last = event.type === 'up-to-date' ? replica.upToDate(event.data) : verdict
    check(client)
    if (x % 3) decide(client, x)
    if (last !== 'ok') return open(world, client, x, last === 'restart')
    if (live && event.type === 'delta') staysVisible(client, before, client.conflicts.slice(dropped))
    if (!live && replica.live) client.inFlight.clear()
  }
}

/** The application resolves the conflicts that were reported. An edit since then stays. */
function decide({ replica, undecided, name }: Client, x: number) {
  for (const reported of undecided.splice(0)) {
    // A late decision is based on the value at the time of the report.
    const conflict = x % 2 ? replica.review(reported) : reported
    const { key, at, op, reason, current } = conflict
    const { view } = replica.doc(key)
    const value = at.path.endsWith('title') && x % 5 < 2 ? `${name} merged ${x}` : undefined
    const next = resolve(view, conflict, value === undefined ? 'mine' : { value })
    if (next === undefined) continue
    expect(get(view, at.path)).toEqual(current)
    expect(reason).not.toBe('too_large')
    if (op.op === 'set') expect(get(next, at.path)).toEqual(value ?? op.value)
    replica.edit(key, next)
    // A resolution does not conflict with itself.
    expect(replica.unsent(key).length).toBeGreaterThan(0)
    expect(undecided).toEqual([])
  }
}

/** I2: a delta removes no unsent change from the view, unless the change is reported. */
function staysVisible(client: Client, unsent: (readonly Operation[])[], reported: Operation[]) {
  KEYS.forEach((key, i) => {
    for (const op of unsent[i]!) {
      if (op.op !== 'set' || reported.some(({ path }) => path === op.path)) continue
      // When another client has moved an item, the change is in its new place.
      const { view, moves } = client.replica.doc(key)
      expect(get(view, follow(view, op, moves).path)).toEqual(op.value)
    }
  })
}

/** I1. */
function check({ replica }: Client) {
  for (const d of replica.docs.values()) {
    const mine = replica.queue.filter(({ batch }) => batch.key === d.key).flatMap(({ batch }) => batch.ops)
    const moves = [...d.moves]
    const base = fold(d.confirmed ?? d.initial, mine, moves).doc
    expect(d.base).toEqual(base)
    const aside = replica.rejected.filter(({ key, op }) => key === d.key && op.op !== 'init').map(({ op }) => op)
    const floor = fold(base, aside, moves)
    const held = replica.shownHeld.filter(({ key }) => key === d.key).map(({ op }) => op)
    expect(d.floor).toEqual(fold(floor.doc, held, moves).doc)
    expect(floor.results.every(({ status }) => status === 'applied')).toBe(true)
    const { doc, results } = fold(d.floor, replica.unsent(d.key))
    expect(doc).toEqual(d.view)
    expect(results.every(({ status }) => status === 'applied')).toBe(true)
  }
}

function send({ requests }: World, client: Client) {
  const { replica } = client
  if (!replica.live || client.inFlight.size) return
  const frozen = replica.queue.find(({ ack }) => !ack) ?? replica.freeze()
  if (frozen) post(requests, client, frozen)
}

function post(requests: World['requests'], client: Client, frozen: Frozen) {
  client.inFlight.add(frozen)
  requests.push({ frozen, client })
  check(client)
}

/** The page is hidden: all pending changes are sent, and batches in flight are repeated. */
function hide({ requests }: World, client: Client) {
  const { replica } = client
  while (replica.freeze({ hidden: true }));
  for (const frozen of replica.queue) if (!frozen.ack) post(requests, client, frozen)
}

/** The browser stores the documents. */
function keep(client: Client) {
  const { position, docs } = client.replica
  if (!position) return
  const [epoch, serverSeq] = position.split('-') as [string, string]
  const states = [...docs.values()].flatMap(({ key, confirmed }) =>
    confirmed === undefined ? [] : [[key, confirmed] as const]
  )
  client.kept = {
    epoch,
    serverSeq: Number(serverSeq),
    docs: new Map(JSON.parse(JSON.stringify(states)) as typeof states),
    deltas: []
  }
}

/** The tab is closed; another one starts with the stored documents, which may be older, and with the pending changes. */
function reload(world: World, client: Client) {
  const saved = JSON.parse(JSON.stringify(client.replica.saved())) as ReturnType<Client['replica']['saved']>
  cut(client)
  client.undecided.length = 0
  client.replica = world.createTab(`${client.name}.${++client.reloads}`, client.conflicts, client.undecided)
  if (client.kept) client.replica.restore(client.kept)
  client.replica.adopt(saved)
  check(client)
}

/** A proxy refuses these. */
const isBlocked = ({ value }: Operation) => typeof value === 'string' && value.endsWith('13')

/** A request reaches the server; its answer reaches the client, or does not. */
function arrive(world: World, x: number) {
  const { requests, server } = world
  if (!requests.length) return
  const at = x % requests.length
  const { frozen, client } = requests[at]!
  const { replica } = client
  const { batch } = frozen
  // The server waits for the previous batch for a limited time.
  const comes = requests.some((other) => other.client === client && other.frozen.batch.clientSeq === batch.previousClientSeq)
  if (comes && !server.hasPrevious(batch) && x % 13) return void requests.push(...requests.splice(at, 1))
  // Duplicated by the network: the request arrives again later.
  if (x % 7) requests.splice(at, 1)
  const lost = x % 11 === 0
  client.inFlight.delete(frozen)
  if (lost && x % 2) return
  const blocked = batch.ops.filter(isBlocked)
  const answer = blocked.length ? undefined : server.post(batch)
  const decides = !lost && !frozen.ack && ![...requests].some((other) => other.frozen === frozen)
  if (answer && !lost && !frozen.ack) replica.answered(frozen, answer)
  else if (!answer && decides && blocked.length) replica.setAside(frozen, blocked, { code: 'blocked', message: 'no' })
  else if (!answer && decides) replica.withdraw(frozen)
  check(client)
}

function edit(world: World, client: Client, x: number) {
  const { replica, name } = client
  const notes = x % 7 === 0
  const key = KEYS[Number(notes)]!
  const view = replica.doc(key).view
  const all = LISTS.flatMap((list) => ((get(view, list) ?? []) as JsonObject[]).map((task) => ({ list, task })))
  const { list = 'tasks', task } = all[x % Math.max(1, all.length)] ?? {}
  const id = task?._sync_id as string | undefined
  const other = all[(x >> 3) % Math.max(1, all.length)]?.task._sync_id as string | undefined
  const place = x % 3 ? { after: other ?? null } : { arrayIndex: x % 6 }
  const kind = notes ? [0, 7, 8][x % 3]! : x % 12
  let op: Operation
  if (kind === 0) op = { op: 'set', path: 'title', value: `${name} ${x}` }
  else if (kind === 1 || kind === 2 || !id) {
    op = { op: 'array_add', path: 'tasks', value: { _sync_id: world.newItem(), title: 'new', subs: [] }, ...place }
  } else if (kind === 3) op = { op: 'set', path: `${list}[${id}].title`, value: `${name} ${x}` }
  else if (kind === 4) op = { op: 'array_move', path: `${list}[${id}]`, ...place }
  else if (kind === 5) {
    op = { op: 'array_del', path: `${list}[${id}]` }
    world.deleted.add(id)
  } else if (kind === 9 || kind === 10) {
    op = { op: 'array_move', path: `${list}[${id}]`, to: LISTS[x % 2]!, ...place }
  } else if (kind === 11) {
    const count = (client.itemCounts.get(id) ?? 0) + 1
    client.itemCounts.set(id, count)
    op = { op: 'set', path: `${list}[${id}].count-${name}`, value: count }
  } else if (kind === 6) {
    op = { op: 'array_add', path: `${list}[${id}].subs`, value: { _sync_id: `s${x}-${name}-${replica.pending()}` } }
  } else if (kind === 7) {
    const count = (client.counts.get(key) ?? 0) + 1
    client.counts.set(key, count)
    op = { op: 'set', path: `count-${name}`, value: count }
  } else op = { op: x % 2 ? 'delete' : 'set', path: 'settings.zoom', ...(x % 2 ? {} : { value: x }) }
  const { doc } = fold(view, [op])
  if (doc !== undefined) replica.edit(key, doc)
  check(client)
}

/** An object of a list is also put into another one: there it becomes a copy, and the two change independently. */
function pick(world: World, client: Client, x: number) {
  const { replica } = client
  const { view } = replica.doc('default')
  const live = clone(view ?? INITIAL) as Record<string, { _sync_id: string; title: string }[]>
  const item = live.tasks?.[x % Math.max(1, live.tasks.length)]
  if (!item) return
  const picked = (live.picked ??= [])
  const places = { raw: <T>(value: T) => value, root: () => live, replace: put }
  const read = (known: Json | undefined) =>
    capture(known, live, { newId: world.newId, separate: (object, holder, at) => separate(object, holder, at, places) })
  read(undefined) // records the place of each object
  picked.push(item)
  const both = read(view) as Json
  item.title = `picked ${x}`
  const one = read(both)
  expect(get(one, 'picked')).toBe(get(both, 'picked'))
  replica.edit('default', x % 2 ? both : (one as Json))
  check(client)
}

function run(world: World, steps: readonly (readonly [number, number, number])[]) {
  for (const [who, what, x] of steps) {
    const client = world.clients[who % world.clients.length]!
    if (what < 5) edit(world, client, x)
    else if (what < 9) deliver(world, client, x)
    else if (what < 12) send(world, client)
    else if (what < 15) arrive(world, x)
    else if (what === 15) cut(client)
    else if (what < 18) open(world, client, x)
    else if (what === 18) hide(world, client)
    else if (what === 19) decide(client, x)
    else if (what === 20) pick(world, client, x)
    else if (what === 21) keep(client)
    else if (what === 22) reload(world, client)
    else if (x % 2) client.replica.retry()
    else client.replica.discard()
  }
}

/** The network recovers, and all pending changes are delivered. */
function heal(world: World) {
  for (const client of world.clients) open(world, client, 1)
  for (let round = 0; round < 10_000; round++) {
    for (const client of world.clients) {
      while (client.inbox.length) deliver(world, client, 1)
      decide(client, round)
      // A set-aside change would stay in the view of this client only.
      client.replica.discard()
      send(world, client)
    }
    for (let n = 0; world.requests.length; n++) {
      if (n > 5000) throw new Error('requests wait for each other: the queue does not get empty')
      arrive(world, n)
    }
    if (
      world.clients.every(
        ({ replica, inbox }) => replica.live && !inbox.length && !replica.pending() && !replica.rejected.length
      )
    )
      return
  }
  throw new Error('the clients did not agree within the limit of rounds')
}

function agree({ server, clients }: World) {
  for (const { replica } of clients) {
    for (const key of KEYS) {
      const { confirmed, view } = replica.doc(key)
      // Without a document, each client shows its initial state, and seeds the document with its first batch.
      if (!server.docs.has(key)) continue
      expect(JSON.stringify(confirmed)).toBe(JSON.stringify(server.docs.get(key)))
      expect(JSON.stringify(view)).toBe(JSON.stringify(server.docs.get(key)))
    }
  }
}

const allTasks = ({ server }: World): JsonObject[] =>
  KEYS.flatMap((key) => LISTS.flatMap((list) => (get(server.docs.get(key), list) ?? []) as JsonObject[]))

const steps = fc.array(fc.tuple(fc.nat(9), fc.nat(23), fc.nat(999_999)), { minLength: 5, maxLength: 250 })
const runs = Number(process.env.PATHSYNC_PROPERTY_RUNS ?? 150)

test('after any network faults, all clients and the server agree, and no change is lost or duplicated', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), steps, (size, steps) => {
      const world = createWorld(size)
      run(world, steps)
      heal(world)
      agree(world)
      const tasks = allTasks(world)
      const ids = tasks.map(({ _sync_id }) => _sync_id as string)
      expect(ids).toHaveLength(new Set(ids).size)
      for (const id of world.added) {
        if (!world.deleted.has(id)) expect(ids).toContain(id)
      }
      for (const { name, counts, itemCounts, conflicts, reloads } of world.clients) {
        for (const [key, count] of counts) {
          const isReported = reloads > 0 && conflicts.some(({ path }) => path === `count-${name}`)
          if (!isReported) expect(get(world.server.docs.get(key), `count-${name}`)).toBe(count)
        }
        // An edit of an item is in the item, wherever it was moved, or was reported.
        for (const [id, count] of itemCounts) {
          const item = tasks.find(({ _sync_id }) => _sync_id === id)
          const reported = conflicts.some(({ path }) => path.endsWith(`[${id}].count-${name}`))
          if (item && !reported) expect(item[`count-${name}`]).toBe(count)
        }
      }
    }),
    { numRuns: runs }
  )
})

test('after the history was wiped, all clients and the server agree', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), steps, steps, (size, before, after) => {
      const world = createWorld(size)
      run(world, before)
      world.server.wipe()
      world.requests.length = 0
      for (const client of world.clients) cut(client)
      run(world, after)
      heal(world)
      agree(world)
    }),
    { numRuns: runs }
  )
})

test('the outbox of a closed tab is delivered once by the next tab', () => {
  fc.assert(
    fc.property(steps, steps, (first, second) => {
      const world = createWorld(3)
      run(world, first)
      const [gone, heir] = world.clients as [Client, Client]
      const left = JSON.parse(JSON.stringify(gone.replica.saved())) as ReturnType<typeof gone.replica.saved>
      cut(gone)
      world.clients.splice(0, 1)
      cut(heir)
      heir.replica.adopt(left)
      run(world, second)
      heal(world)
      agree(world)
      const all = allTasks(world).map((task) => task._sync_id as string)
      expect(all).toHaveLength(new Set(all).size)
      for (const { op } of left.unsent) {
        const id = op.op === 'array_add' && op.path === 'tasks' ? ((op.value as JsonObject)._sync_id as string) : undefined
        if (id && !world.deleted.has(id)) expect(all).toContain(id)
      }
    }),
    { numRuns: runs }
  )
})
