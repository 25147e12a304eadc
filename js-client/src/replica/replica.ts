// The replica: one client's state of one room. SPEC.md has the states, the events and the numbered invariants.
//
// The module is pure: it makes no request, sets no timer and reads no clock. Its driver calls it for each event.
import { fold, type Result } from '../document/apply.ts'
import { diff } from '../document/diff.ts'
import { type Move, follow } from '../document/follow.ts'
import type { Json } from '../document/json.ts'
import { take, type BatchLimits } from '../document/split.ts'
import { equal, get, same, share } from '../document/values.ts'
import type { ConflictEvent, PendingChange, RejectedChange, SavedOutbox } from '../types.ts'
import type { Batch, BatchResult, DeltaEvent, Operation, OperationResult, StateEvent, UpToDateEvent } from '../wire.ts'
import { idOfPending, listPending } from './pending.ts'
import { overlay, touches } from './rejected.ts'
import type { Conflict } from './resolution.ts'

/** A batch that was sent, or is about to be. Its content never changes, so that a retry repeats it. */
export interface Frozen {
  readonly batch: Batch
  /** The position when it was made. If the server commits it in this epoch, its delta comes after this position. */
  readonly since?: Position | undefined
  /** Its place in the log, once the server has answered. */
  ack?: { readonly epoch: string; readonly serverSeq: number }
}

/**
 * A document in four layers. `base` is `confirmed`, or else `initial`, with the frozen batches on top. `floor` is `base` with the
 * set-aside changes on top, and while restored the held ones. `view` is `floor` with the unsent changes on top. The unsent
 * changes are not stored: they are `diff(floor, view)`.
 */
export interface Doc {
  readonly key: string
  /** The fold of the log up to the position; undefined when the document does not exist or is not loaded. */
  confirmed?: Json | undefined
  base?: Json | undefined
  floor?: Json | undefined
  /** `base` when the connection was lost, without the batches that were not acknowledged, and with the own batches since. */
  then?: Json | undefined
  /** The document as the user sees it. */
  view?: Json | undefined
  /** The seed, for a document that does not exist. */
  initial?: Json | undefined
  /** The server refused to be seeded with `initial`. */
  unseedable?: boolean
  /** Items that others moved to other arrays while changes were pending. Pending changes follow them (I12). */
  readonly moves: Move[]
}

export interface ReplicaOptions {
  clientId: string
  /** The next `clientSeq`. It never returns a number twice, not even after the room was left. */
  nextSeq(): number
  /** The limits of a batch: below the server's, so that the envelope fits, too. */
  limits?: BatchLimits
  onRemote?(delta: DeltaEvent): void
  onLoaded?(doc: Doc, serverSeq: number): void
  onConflict?(conflict: Conflict): void
  /** Changes were set aside. */
  onRejected?(why: Refusal, ops: readonly Operation[]): void
}

/** The driver's next step: continue, reconnect from the position, or reconnect without one. */
export type Verdict = 'ok' | 'resume' | 'restart'

/** Why changes are set aside. */
export interface Refusal {
  readonly code: string
  readonly message: string
}

/** `confirmed` has all batches of an epoch up to this number. */
interface Position {
  readonly epoch: string
  readonly serverSeq: number
}

/** A stored room: documents, and the deltas after them up to the position. */
export interface KeptRoom extends Position {
  readonly docs: ReadonlyMap<string, Json>
  readonly deltas: readonly Pick<DeltaEvent, 'key' | 'ops'>[]
}

type Held = SavedOutbox['unsent'][number]

/** The most operations of a batch. */
export const BATCH_OPS = 1000
/** The most withdrawn batches that are remembered. */
const WITHDRAWN = 32
const LIMITS = { ops: BATCH_OPS, bytes: 1_000_000 }

export type Replica = ReturnType<typeof createReplica>

export function createReplica(options: ReplicaOptions) {
  const { clientId, nextSeq, limits = LIMITS } = options
  const docs = new Map<string, Doc>()
  let queue: Frozen[] = []
  let position: Position | undefined
  let loaded = false
  let live = false
  /** After a long loss of the connection: changes made meanwhile may be stale (I7). */
  let away = false
  /** The documents of whole state, until `up-to-date` puts them into force. */
  let incoming: Map<string, Json> | undefined
  /** The deltas after that whole state. */
  let arrived: DeltaEvent[] = []
  /** A delta was ignored as old. */
  let repeated = false
  /** The held changes: what closed tabs left unsent, until it is checked against the server's state (I11). */
  let held: Held[] = []
  /** The documents come from storage, and the server has not answered yet. */
  let restored = false
  let rejected: readonly RejectedChange[] = []
  let lastRejected = 0
  /**
   * Withdrawn batches that the server may still commit, as a request may be in flight. Once it has committed a later batch of this
   * client, it cannot.
   */
  let withdrawn: Frozen[] = []

  function doc(key: string): Doc {
    let d = docs.get(key)
    if (!d) docs.set(key, (d = { key, moves: [] }))
    return d
  }

  /** The last difference of each document, by its versions. */
  const unsent = new WeakMap<Doc, { floor: Json | undefined; view: Json | undefined; ops: readonly Operation[] }>()

  function unsentOf(d: Doc): readonly Operation[] {
    const { floor, view } = d
    if (view === floor || view === undefined) return []
    const last = unsent.get(d)
    if (last && last.floor === floor && last.view === view) return last.ops
    const ops = diff(floor, view)
    unsent.set(d, { floor, view, ops })
    return ops
  }

  const heldOf = (d: Doc) => held.filter(({ key }) => key === d.key)

  /** The unsent changes as last saved, by operation. */
  const savedChanges = new WeakMap<Operation, { base: Json | undefined; change: Held }>()

  /** An unsent change for storage, with the value that it changes. */
  function toSaved({ key, base }: Doc, op: Operation): Held {
    const last = savedChanges.get(op)
    if (last && last.base === base) return last.change
    const was = get(base, op.path)
    const change = { key, op, ...(was !== undefined && { was }) }
    savedChanges.set(op, { base, change })
    return change
  }

  const pendingAt = (at: readonly Operation[], op: Operation) => at.some((other) => touches(other, op))

  /**
   * Computes `base` and `floor`; the view stays. Returns the moves that unsent changes follow. `anew`: equal parts of the confirmed
   * document and the view may not be the same values yet (I19).
   */
  function settleFloor(d: Doc, anew = false): Move[] {
    const before = d.base
    const moves = [...d.moves]
    const frozen = queue.filter(({ batch }) => batch.key === d.key)
    d.base = d.confirmed ?? d.initial
    for (const { batch } of frozen) d.base = fold(d.base, batch.ops, moves).doc
    // An unchanged base, which is usual for an own batch, stays the same value. Otherwise, equal parts of the view do.
    if (d.base !== undefined && same(d.base, before)) d.base = before
    else if (anew || frozen.length || d.view !== d.floor) d.base = share(d.view, d.base)
    if (!frozen.length && d.confirmed !== undefined) d.confirmed = d.base
    const mine = rejected.filter(({ key }) => key === d.key)
    const { doc, kept, gone } = overlay(d.base, d.confirmed, mine, moves)
    d.floor = waitsFor(d)
      ? fold(
          doc,
          heldOf(d).map(({ op }) => op),
          moves
        ).doc
      : doc
    if (mine.length) {
      const places = new Map(kept.map((change) => [change.id, change]))
      rejected = rejected.flatMap((change) => (change.key === d.key ? (places.get(change.id) ?? []) : change))
    }
    for (const { change, reason } of gone) if (reason) reportAll(d, [change.op], [{ status: 'discarded', reason }])
    return moves
  }

  /** Unsent changes may depend on held ones, such as the item that they are in: they wait until those are sent. */
  const waitsFor = (d: Doc) => restored && heldOf(d).length > 0

  /** Sets `then`: the document at the loss of the connection, without batches that were not acknowledged. */
  function remember(d: Doc) {
    const acknowledged = queue.filter(({ ack, batch }) => ack && batch.key === d.key)
    d.then = fold(
      d.confirmed ?? d.initial,
      acknowledged.flatMap(({ batch }) => batch.ops),
      [...d.moves]
    ).doc
  }

  /**
   * Computes `base`, `floor` and `view`, and reports changes that no longer have an effect. `offline`: changes of places that have
   * changed since `before` are dropped (I7). `anew`: see `settleFloor`.
   */
  function rebase(d: Doc, unsent: readonly Operation[], { offline = false, before = d.base, anew = false } = {}) {
    const floor = d.floor
    const moves = settleFloor(d, anew)
    const pending = unsent.length + queue.filter(({ batch }) => batch.key === d.key).length
    // Nothing below the unsent changes has changed: their number does not matter.
    if (d.floor !== undefined && d.floor === floor && before !== d.then) {
      if (!unsent.length && !same(d.view, floor)) d.view = floor
      return forgetMoves(d, pending)
    }
    const stale = new Set(offline ? unsent.filter((op) => isStale(op, before, d.base, moves)) : [])
    const kept = unsent.filter((op) => !stale.has(op))
    const { doc, results } = fold(d.floor, kept, moves)
    // Equal parts of the view stay the same values (I19).
    d.view = kept.length ? share(d.view, doc) : doc
    for (const op of stale) conflict(d, op, 'changed')
    reportAll(d, kept, results)
    forgetMoves(d, pending)
  }

  function forgetMoves(d: Doc, pending: number) {
    if (!pending && !held.length) d.moves.length = 0
  }

  /** Whether the place of a change has changed. A change that is discarded anyway is reported with that reason. */
  function isStale(op: Operation, before: Json | undefined, after: Json | undefined, moves: readonly Move[]): boolean {
    if (!hasValue(op)) return false
    const led = follow(after, op, moves)
    const now = get(after, led.path)
    return !equal(now, get(before, op.path)) && !equal(now, op.value) && fold(after, [led]).results[0]?.status === 'applied'
  }

  function conflict(d: Doc, op: Operation, reason: ConflictEvent['reason']) {
    const at = follow(d.view, op, d.moves)
    options.onConflict?.({ key: d.key, op, reason, current: get(d.view, at.path), at })
  }

  /** Reports discarded operations as conflicts, unless both sides wanted the same. */
  function reportAll(d: Doc, ops: readonly Operation[], results: readonly OperationResult[], own = false) {
    results.forEach(({ reason }, i) => {
      const op = ops[i]
      if (!op || !reason || reason === 'exists' || reason === 'not_found') return
      // The change still shows and is sent again: it depended on a withdrawn batch, which is sent again, too.
      if (own && op.op === 'set' && equal(get(d.view, op.path), op.value) && pendingAt(unsentOf(d), op)) return
      if (op.op !== 'array_del' || reason !== 'item_deleted') conflict(d, op, reason)
    })
  }

  const isOf =
    (delta: DeltaEvent) =>
    ({ batch }: Frozen) =>
      batch.clientSeq === delta.clientSeq && batch.clientId === delta.clientId && batch.key === delta.key

  /** Removes the batch of a delta from the queue. */
  function dequeue(delta: DeltaEvent): Frozen | undefined {
    const own = queue.find(isOf(delta))
    queue = queue.filter((frozen) => frozen !== own)
    return own
  }

  /** Changes are not frozen while the fate of withdrawn batches is open (I14). */
  const waits = () => withdrawn.length > 0 && queue.length > 0

  function remove(batches: readonly Frozen[]) {
    queue = queue.filter((frozen) => !batches.includes(frozen))
    withdrawn = [...withdrawn, ...batches].slice(-WITHDRAWN)
  }

  /** Forgets withdrawn batches that can no longer be committed. */
  function fence({ clientId, clientSeq = 0 }: DeltaEvent) {
    withdrawn = withdrawn.filter(({ batch }) => batch.clientId !== clientId || batch.clientSeq > clientSeq)
  }

  function restart(): Verdict {
    position = undefined
    return 'restart'
  }

  /**
   * After a long loss, the log shows which batches were committed. The others are withdrawn, so that they never overwrite what others
   * did meanwhile (I7, I14).
   */
  function withdrawLost() {
    const lost = queue.filter(({ ack, since }) => !ack && since?.epoch === position?.epoch)
    remove(lost)
    for (const d of docs.values()) {
      if (!lost.some(({ batch }) => batch.key === d.key)) continue
      settleFloor(d)
      rebase(d, unsentOf(d), { offline: true, before: d.then })
    }
  }

  function state(event: StateEvent): Verdict {
    incoming ??= new Map()
    incoming.set(event.key, event.state)
    return 'ok'
  }

  function delta(event: DeltaEvent, epoch: string): Verdict {
    const { key, serverSeq } = event
    if (incoming) {
      const last = arrived.at(-1)
      if (last && serverSeq !== last.serverSeq + 1) return restart()
      arrived.push(event)
      const state = fold(incoming.get(key), event.ops, doc(key).moves).doc
      if (state !== undefined) incoming.set(key, state)
      return 'ok'
    }
    // Another epoch, without documents when it began: only a restart shows that.
    if (epoch !== position?.epoch) return restart()
    if (serverSeq <= position.serverSeq) {
      repeated = true
      return 'ok'
    }
    if (serverSeq > position.serverSeq + 1) return 'resume'
    const d = doc(key)
    const unsent = unsentOf(d)
    const late = withdrawn.some(isOf(event))
    const own = dequeue(event)
    if (event.clientId === clientId) fence(event)
    if (own || late) d.then = fold(d.then, event.ops).doc
    // Without an answer, the fold gives the results of its operations.
    const results = own && !own.ack ? fold(d.confirmed, own.batch.ops, [...d.moves]).results : []
    if (own) reportAll(d, own.batch.ops, results, true)
    d.confirmed = fold(d.confirmed, event.ops, d.moves).doc
    position = { epoch, serverSeq }
    // The fold does not know the size limit, so an applied operation that the delta lacks was too large.
    const isApplied = (i: number) => results[i]?.status === 'applied'
    const large = own?.batch.ops.filter((op, i) => isApplied(i) && !event.ops.some((other) => isSame(op, other, results[i])))
    if (large?.length && event.ops.length < results.filter((_, i) => isApplied(i)).length) {
      tooLarge(d, large)
      reportAll(
        d,
        large,
        large.map(() => ({ status: 'discarded', reason: 'too_large' }))
      )
    }
    // The changes of a withdrawn batch became unsent, and may have changed again: the view stays, and the difference is sent.
    if (late) settleFloor(d)
    else rebase(d, unsent, { offline: away && !own, anew: !!own })
    if (!own && event.clientId !== clientId) options.onRemote?.(event)
    return 'ok'
  }

  function upToDate(event: UpToDateEvent): Verdict {
    const { epoch, serverSeq } = event
    const last = arrived.at(-1)
    if (last && last.serverSeq !== serverSeq) return restart()
    if (!incoming && position) {
      if (epoch === position.epoch && serverSeq > position.serverSeq) return 'resume'
      if (epoch !== position.epoch || serverSeq < position.serverSeq) {
        // A history without documents. If it has the same epoch, a delta of it may have been ignored as old.
        if (repeated) return restart()
        incoming = new Map()
      }
    }
    position = { epoch, serverSeq }
    if (incoming) replaceAll(incoming)
    else if (away) withdrawLost()
    incoming = undefined
    arrived = []
    live = loaded = true
    away = false
    applyHeld()
    return 'ok'
  }

  /** Whole state replaces all documents (I6). Pending changes go on top. */
  function replaceAll(states: Map<string, Json>) {
    const { epoch, serverSeq } = position!
    const unsent = new Map([...docs.values()].map((d) => [d, unsentOf(d)]))
    arrived.forEach(dequeue)
    // Batches acknowledged in this epoch are in the states. Those acknowledged in another one are sent again.
    queue = queue.filter(({ ack }) => ack?.epoch !== epoch || ack.serverSeq > serverSeq)
    for (const frozen of queue) if (frozen.ack?.epoch !== epoch) delete frozen.ack
    for (const key of states.keys()) doc(key)
    for (const d of docs.values()) {
      d.confirmed = states.get(d.key)
      rebase(d, unsent.get(d) ?? [], { offline: loaded && away, anew: true })
      options.onLoaded?.(d, serverSeq)
    }
  }

  /**
   * Held changes become unsent ones (I11), on top of the server's state and below this client's changes. A change of a place that the
   * server has changed since is a conflict.
   */
  function applyHeld() {
    const due = held.splice(0)
    restored = false
    for (const d of new Set(due.map(({ key }) => doc(key)))) {
      const unsent = unsentOf(d)
      const moves = settleFloor(d)
      d.view = d.floor
      for (const { op, was } of due.filter(({ key }) => key === d.key)) {
        const now = get(d.base, follow(d.base, op, d.moves).path)
        const { doc: view, results } = fold(d.view, [op], [...moves])
        if (results[0]?.status !== 'applied') reportAll(d, [op], results)
        else if (hasValue(op) && !equal(now, was) && !equal(now, op.value)) conflict(d, op, 'changed')
        else d.view = view
      }
      const { doc: view, results } = fold(d.view, unsent, moves)
      d.view = view
      reportAll(d, unsent, results)
    }
  }

  /** Whether a document is to be seeded with `initial`. */
  function seeds(d: Doc, limits: BatchLimits): boolean {
    if (d.confirmed !== undefined || d.initial === undefined || d.unseedable) return false
    if (queue.some(({ batch }) => batch.key === d.key && batch.ops[0]?.op === 'init')) return false
    const init: Operation = { op: 'init', path: '', value: d.initial }
    if (take([init], limits)[0] === init) return true
    // A seed that is too large for one batch is sent like other changes.
    d.initial = undefined
    settleFloor(d)
    return false
  }

  /** Removes a batch from the queue. Its changes, which the view shows, are unsent again. */
  function withdraw(frozen: Frozen) {
    if (!queue.includes(frozen)) return
    remove([frozen])
    settleFloor(doc(frozen.batch.key))
  }

  /** Removes set-aside changes: one by its id, or all. Returns their documents. */
  function release(id: string | undefined): Doc[] {
    const released = rejected.filter((change) => id === undefined || change.id === id)
    rejected = rejected.filter((change) => !released.includes(change))
    const keys = new Set(released.map(({ key }) => key))
    for (const { key, op } of released) if (op.op === 'init') doc(key).unseedable = false
    return [...keys].map(doc)
  }

  /** The unsent changes to send next. They replace set-aside changes of the same places. */
  function outgoing(d: Doc): readonly Operation[] {
    const ops = unsentOf(d)
    const replaced = rejected.filter(({ key, op }) => key === d.key && op.op !== 'init' && pendingAt(ops, op))
    if (!replaced.length) return ops
    rejected = rejected.filter((change) => !replaced.includes(change))
    settleFloor(d)
    return unsentOf(d)
  }

  /** Adds set-aside changes, and removes older ones of the same places. */
  function addRejected(d: Doc, ops: readonly Operation[], why: Refusal) {
    const more = ops.map((op) => ({ id: `${++lastRejected}`, key: d.key, op, ...why }))
    rejected = [...rejected.filter((change) => change.key !== d.key || !pendingAt(ops, change.op)), ...more]
    options.onRejected?.(why, ops)
  }

  const tooLarge = (d: Doc, ops: readonly Operation[]) =>
    addRejected(d, ops, { code: 'too_large', message: 'the document would be too large with this change' })

  return {
    /** The documents by key, in the order of their first use. */
    docs: docs as ReadonlyMap<string, Doc>,
    doc,
    get queue(): readonly Frozen[] {
      return queue
    },
    /** The room has been up to date at least once. */
    get loaded() {
      return loaded
    },
    /** The room is up to date, and its deltas arrive. */
    get live() {
      return live
    },
    /** The event id to resume from. */
    get position() {
      return position && `${position.epoch}-${position.serverSeq}`
    },
    /** The event id after which the log has a batch, if the server has committed it. Its delta may be part of whole state. */
    origin: ({ since }: Frozen) => position && `${position.epoch}-${since?.epoch === position.epoch ? since.serverSeq : 0}`,

    /** Sets the seed of a document. Only the first one counts. */
    initialise(key: string, initial: Json) {
      const d = doc(key)
      if (d.initial !== undefined) return
      const unsent = unsentOf(d)
      d.initial = initial
      rebase(d, unsent)
    },

    /** The user has changed a document to `next`. */
    edit(key: string, next: Json) {
      doc(key).view = next
    },

    /** The changes of a document that are in no batch. */
    unsent: (key: string) => unsentOf(doc(key)),
    /** The documents whose unsent changes may be sent. */
    get ready(): readonly string[] {
      return [...docs.values()].filter((d) => !waitsFor(d)).map(({ key }) => key)
    },

    /** The changes that the server has not confirmed, in sending order. */
    pendingChanges: (): PendingChange[] =>
      listPending(
        queue,
        held,
        [...docs.values()].map((d) => [d.key, unsentOf(d)])
      ),

    /** Discards changes that are in no batch: one by its id, or all. Changes that depend on it are discarded, too. */
    discardPending(id?: string) {
      const stays = (key: string, op: Operation, isHeld = false) => id !== undefined && idOfPending(key, op, isHeld) !== id
      const kept = held.filter(({ key, op }) => stays(key, op, true))
      const rest = new Map([...docs.values()].map((d) => [d, unsentOf(d)]))
      const changed = [...rest].filter(
        ([d, ops]) => ops.some((op) => !stays(d.key, op)) || heldOf(d).some((change) => !kept.includes(change))
      )
      held = kept
      for (const [d, ops] of changed) {
        settleFloor(d)
        d.view = fold(
          d.floor,
          ops.filter((op) => stays(d.key, op))
        ).doc
      }
    },

    /** Whether nothing can be frozen before another delta. */
    get waits() {
      return waits()
    },

    /** The number of operations that the server has not confirmed. */
    pending(): number {
      let n = held.length
      for (const { batch } of queue) n += batch.ops.length
      for (const d of docs.values()) n += unsentOf(d).length
      return n
    },

    /**
     * Makes a batch of a document's unsent changes, within the limits; undefined when there are none. While another batch is not
     * answered, the new one names it, so that the server keeps their order (I15).
     */
    freeze(less: Partial<BatchLimits> & { hidden?: boolean } = {}): Frozen | undefined {
      const most = { ops: Math.min(limits.ops, less.ops ?? Infinity), bytes: Math.min(limits.bytes, less.bytes ?? Infinity) }
      const before = queue.findLast(({ ack }) => !ack)?.batch
      // The server keeps the order within one client only.
      if (before && before.clientId !== clientId) return undefined
      if (waits() && !less.hidden) return undefined
      for (const d of docs.values()) {
        if (waitsFor(d)) continue
        // Before the room is loaded, a document is seeded only together with changes.
        const seed = (loaded || d.view !== d.floor) && seeds(d, most)
        const init: Operation[] = seed ? [{ op: 'init', path: '', value: d.initial! }] : []
        const ops = [...init, ...outgoing(d)]
        if (!ops.length) continue
        const taken = take(ops, most)
        const previous = before && { previousClientSeq: before.clientSeq }
        const batch: Batch = { clientId, clientSeq: nextSeq(), ...previous, key: d.key, ops: taken }
        const frozen: Frozen = { batch, since: position }
        queue = [...queue, frozen]
        settleFloor(d)
        return frozen
      }
      return undefined
    },

    /** The server has answered 200, before or after the delta. */
    answered(frozen: Frozen, { epoch, serverSeq, results }: BatchResult) {
      if (!queue.includes(frozen)) return
      const d = doc(frozen.batch.key)
      frozen.ack = { epoch, serverSeq }
      reportAll(d, frozen.batch.ops, results, true)
      const large = frozen.batch.ops.filter((_, i) => results[i]?.reason === 'too_large')
      if (large.length) tooLarge(d, large)
      if (position?.epoch === epoch && position.serverSeq >= serverSeq) {
        const unsent = unsentOf(d)
        queue = queue.filter((other) => other !== frozen)
        rebase(d, unsent, { anew: true })
      }
    },

    /** The batch is not in the log, and never will be under its number. */
    withdraw,

    /** Sets refused operations of a batch aside (I8). The others are unsent again. */
    setAside(frozen: Frozen, ops: readonly Operation[], why: Refusal) {
      if (!queue.includes(frozen)) return
      const d = doc(frozen.batch.key)
      if (ops.some(({ op }) => op === 'init')) d.unseedable = true
      withdraw(frozen)
      addRejected(d, ops, why)
      settleFloor(d)
      if (d.view === undefined) return
      // Over another base, a set-aside item may have another position. That is not the user's change.
      const rest = unsentOf(d).filter((op) => op.op !== 'array_move' || !pendingAt(ops, op))
      d.view = fold(d.floor, rest).doc
    },

    /** Updates a conflict before it is reported: its place may have changed again, or its item moved. */
    review(conflict: Conflict): Conflict {
      const d = doc(conflict.key)
      const at = follow(d.view, conflict.at, d.moves)
      return { ...conflict, at, current: get(d.view, at.path), superseded: pendingAt(unsentOf(d), at) }
    },

    /** The held changes, while they show on top of restored documents. */
    get shownHeld(): readonly Held[] {
      return restored ? held : []
    },

    /** The set-aside changes. */
    get rejected() {
      return rejected
    },
    /** Makes set-aside changes unsent again: one by its id, or all. */
    retry(id?: string) {
      for (const d of release(id)) settleFloor(d)
    },
    /** Discards set-aside changes: one by its id, or all. */
    discard(id?: string) {
      const unsent = new Map([...docs.values()].map((d) => [d, unsentOf(d)]))
      for (const d of release(id)) rebase(d, unsent.get(d) ?? [])
    },

    /** A stream begins, and the replica catches up until `up-to-date`. `long`: the connection was lost for a long time (I7). */
    opening(long = true) {
      live = repeated = false
      if (long && !away) docs.forEach(remember)
      away ||= long
      arrived = []
      incoming = position ? undefined : new Map()
    },

    /** Shows a stored room before anything is loaded (I18). Until `up-to-date`, held changes show on top, and are neither sent nor checked. */
    restore({ epoch, serverSeq, docs: kept, deltas }: KeptRoom) {
      if (position || loaded) return
      position = { epoch, serverSeq }
      restored = loaded = true
      const states = new Map(kept)
      for (const { key, ops } of deltas) {
        const state = fold(states.get(key), ops).doc
        if (state !== undefined) states.set(key, state)
      }
      const unsent = new Map([...docs.values()].map((d) => [d, unsentOf(d)]))
      for (const key of states.keys()) doc(key)
      for (const d of docs.values()) {
        d.confirmed = states.get(d.key)
        rebase(d, unsent.get(d) ?? [])
        options.onLoaded?.(d, serverSeq)
      }
    },

    /** The stream has ended. */
    lost() {
      live = false
    },

    state,
    delta,
    upToDate,

    /** The pending and set-aside changes, for storage. */
    saved(): SavedOutbox {
      const unsent = [...held]
      for (const d of docs.values()) for (const op of unsentOf(d)) unsent.push(toSaved(d, op))
      const batches = queue.filter(({ ack }) => !ack).map(({ batch }) => batch)
      return { clientId, batches, unsent, ...(rejected.length && { rejected }) }
    },

    /** Takes over what a closed tab left, below this client's changes. */
    adopt({ batches, unsent, rejected: refused = [] }: SavedOutbox) {
      const before = new Map([...docs.values()].map((d) => [d, unsentOf(d)]))
      queue = [...batches.map((batch) => ({ batch })), ...queue]
      rejected = [...rejected, ...refused.map((change) => ({ ...change, id: `${++lastRejected}` }))]
      held.push(...unsent)
      const shown = [...batches, ...refused, ...(restored ? unsent : [])]
      for (const key of new Set(shown.map(({ key }) => key))) rebase(doc(key), before.get(doc(key)) ?? [])
      if (loaded && !restored) applyHeld()
    }
  }
}

/** Whether an operation is the logged one, apart from an item's position. */
const isSame = ({ op, path, value }: Operation, other: Operation, result?: Result) =>
  op === other.op && (result?.path ?? path) === other.path && equal(value, other.value)

/** Whether an operation replaces the value at its path, so that it can be stale. */
const hasValue = ({ op }: Operation) => op === 'set' || op === 'delete'
