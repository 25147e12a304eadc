// What one client knows of one room. SPEC.md has the states, the events and the numbered invariants.
//
// The module is pure: it makes no request, sets no timer and reads no clock. Whoever drives it tells it what happened.
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

/** A batch that has been sent, or is about to be. Its content never changes, so that a retry repeats it. */
export interface Frozen {
  readonly batch: Batch
  /** The history that it was made in. If the server commits it there, its delta comes after the position of that moment. */
  readonly epoch?: string | undefined
  /** Where the server has put it, once that is known. */
  ack?: { readonly epoch: string; readonly serverSeq: number }
}

/**
 * One document, four times. `base` is `confirmed`, or `initial` where there is none, with the frozen batches on top; `floor` is
 * `base` with the changes on top that were set aside, and after a restore with the held ones; `view` is `floor` with the unsent
 * changes on top. The unsent changes are not stored: they are `diff(floor, view)`.
 */
export interface Doc {
  readonly key: string
  /** The server's fold up to the position; undefined when the document does not exist, or nothing is known yet. */
  confirmed?: Json | undefined
  base?: Json | undefined
  floor?: Json | undefined
  /** What `base` was when the connection was lost, but for what was not acknowledged, and with the own changes since. */
  then?: Json | undefined
  /** What the user sees. */
  view?: Json | undefined
  /** What the document begins with if nobody has made it. */
  initial?: Json | undefined
  /** The server refused to be seeded with `initial`. */
  unseedable?: boolean
  /** Items that others have moved to other arrays while changes were pending, so that these follow them. */
  readonly moves: Move[]
}

export interface ReplicaOptions {
  clientId: string
  /** The next number in this client's own count. Never the same twice, not even after a room was left. */
  nextSeq(): number
  /** What one batch may hold. Lower than the server's limits, so that the envelope fits too. */
  limits?: BatchLimits
  onRemote?(delta: DeltaEvent): void
  onLoaded?(doc: Doc, serverSeq: number): void
  onConflict?(conflict: Conflict): void
  /** Changes have been set aside. */
  onRejected?(why: Refusal, ops: readonly Operation[]): void
}

/** What the driver has to do: go on, reconnect from the position, or reconnect from nothing. */
export type Verdict = 'ok' | 'resume' | 'restart'

/** Why changes do not get through. */
export interface Refusal {
  readonly code: string
  readonly message: string
}

/** A room up to a position, as a browser has kept it: documents, and the deltas after them. */
export interface KeptRoom {
  readonly epoch: string
  readonly serverSeq: number
  readonly docs: ReadonlyMap<string, Json>
  readonly deltas: readonly Pick<DeltaEvent, 'key' | 'ops'>[]
}

type Held = SavedOutbox['unsent'][number]

/** How many operations a batch has at most. */
export const BATCH_OPS = 1000
/** How many withdrawn batches are remembered. */
const WITHDRAWN = 32
const LIMITS = { ops: BATCH_OPS, bytes: 1_000_000 }

export type Replica = ReturnType<typeof createReplica>

export function createReplica(options: ReplicaOptions) {
  const { clientId, nextSeq, limits = LIMITS } = options
  const docs = new Map<string, Doc>()
  let queue: Frozen[] = []
  let position: { readonly epoch: string; readonly serverSeq: number } | undefined
  let loaded = false
  let live = false
  /** The connection was lost for so long that changes made meanwhile may be out of date. */
  let away = false
  /** A start from whole state, until `up-to-date` puts its documents in force. */
  let incoming: Map<string, Json> | undefined
  /** The deltas of such a start. */
  let arrived: DeltaEvent[] = []
  /** A delta was taken for one that is known already. */
  let repeated = false
  /** What closed tabs have left unsent, until the server's state says whether it still applies. */
  let held: Held[] = []
  /** What is known was kept by the browser, and the server has not said yet what has happened since. */
  let restored = false
  let rejected: readonly RejectedChange[] = []
  let lastRejected = 0
  /**
   * Taken out of the queue, while the server may still commit them: a request may be under way. It does not once it has
   * committed a later batch of this client.
   */
  let withdrawn: Frozen[] = []

  function doc(key: string): Doc {
    let d = docs.get(key)
    if (!d) docs.set(key, (d = { key, moves: [] }))
    return d
  }

  /** The last difference of each document. Its versions never change. */
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

  /** The unsent changes as they were kept last, by their operations. */
  const kept = new WeakMap<Operation, { base: Json | undefined; change: Held }>()

  /** An unsent change with the value that it was made to. */
  function keep({ key, base }: Doc, op: Operation): Held {
    const last = kept.get(op)
    if (last && last.base === base) return last.change
    const was = get(base, op.path)
    const change = { key, op, ...(was !== undefined && { was }) }
    kept.set(op, { base, change })
    return change
  }

  const pendingAt = (at: readonly Operation[], op: Operation) => at.some((other) => touches(other, op))

  /**
   * Puts what is frozen and what is set aside on top of what is confirmed. The view stays. Returns the moves that what goes on
   * top has to follow. `anew`: what is confirmed may not share with the view what is the same in both.
   */
  function settleFloor(d: Doc, anew = false): Move[] {
    const before = d.base
    const moves = [...d.moves]
    const frozen = queue.filter(({ batch }) => batch.key === d.key)
    d.base = d.confirmed ?? d.initial
    for (const { batch } of frozen) d.base = fold(d.base, batch.ops, moves).doc
    // Where it is as expected, which is the rule for an own batch, it stays the same value; otherwise the parts do that show already.
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

  /** Unsent changes may need what a closed tab left, such as the item that they are in: they wait until that may be sent. */
  const waitsFor = (d: Doc) => restored && heldOf(d).length > 0

  /** Notes what a document was when the connection was lost, but for what is not acknowledged. */
  function remember(d: Doc) {
    const acknowledged = queue.filter(({ ack, batch }) => ack && batch.key === d.key)
    d.then = fold(
      d.confirmed ?? d.initial,
      acknowledged.flatMap(({ batch }) => batch.ops),
      [...d.moves]
    ).doc
  }

  /**
   * Puts what is frozen and what is unsent on top of what is confirmed, and reports what has no effect any more. `offline`: what
   * has changed since `before` is not to be replaced. `anew`: see `settleFloor`.
   */
  function rebase(d: Doc, unsent: readonly Operation[], { offline = false, before = d.base, anew = false } = {}) {
    const floor = d.floor
    const moves = settleFloor(d, anew)
    const pending = unsent.length + queue.filter(({ batch }) => batch.key === d.key).length
    // What is unsent stays as it is, however much that may be.
    if (d.floor !== undefined && d.floor === floor && before !== d.then) {
      if (!unsent.length && !same(d.view, floor)) d.view = floor
      return forgetMoves(d, pending)
    }
    const stale = new Set(offline ? unsent.filter((op) => isStale(op, before, d.base, moves)) : [])
    const kept = unsent.filter((op) => !stale.has(op))
    const { doc, results } = fold(d.floor, kept, moves)
    // What is put on top anew is as it was, and stays the same values.
    d.view = kept.length ? share(d.view, doc) : doc
    for (const op of stale) conflict(d, op, 'changed')
    reportAll(d, kept, results)
    forgetMoves(d, pending)
  }

  function forgetMoves(d: Doc, pending: number) {
    if (!pending && !held.length) d.moves.length = 0
  }

  /** Whether a change was made to something that has changed itself. What is discarded anyway has a better reason. */
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

  /** A discard is a conflict unless both sides wanted the same. */
  function reportAll(d: Doc, ops: readonly Operation[], results: readonly OperationResult[], own = false) {
    results.forEach(({ reason }, i) => {
      const op = ops[i]
      if (!op || !reason || reason === 'exists' || reason === 'not_found') return
      // It is still shown, and is sent again: of a batch before it, that is sent again itself, it lacked something.
      if (own && op.op === 'set' && equal(get(d.view, op.path), op.value) && pendingAt(unsentOf(d), op)) return
      if (op.op !== 'array_del' || reason !== 'item_deleted') conflict(d, op, reason)
    })
  }

  const isOf =
    (delta: DeltaEvent) =>
    ({ batch }: Frozen) =>
      batch.clientSeq === delta.clientSeq && batch.clientId === delta.clientId && batch.key === delta.key

  /** Takes a batch that has come back out of the queue. */
  function settle(delta: DeltaEvent): Frozen | undefined {
    const own = queue.find(isOf(delta))
    queue = queue.filter((frozen) => frozen !== own)
    return own
  }

  /** Until it is certain what became of withdrawn batches, what differs because of them is not sent. */
  const waits = () => withdrawn.length > 0 && queue.length > 0

  function remove(batches: readonly Frozen[]) {
    queue = queue.filter((frozen) => !batches.includes(frozen))
    withdrawn = [...withdrawn, ...batches].slice(-WITHDRAWN)
  }

  /** Forgets the withdrawn batches that can no longer be committed. */
  function fence({ clientId, clientSeq = 0 }: DeltaEvent) {
    withdrawn = withdrawn.filter(({ batch }) => batch.clientId !== clientId || batch.clientSeq > clientSeq)
  }

  function restart(): Verdict {
    position = undefined
    return 'restart'
  }

  /**
   * After a long loss of the connection, the log says which batches were committed. Those that were not are withdrawn, so that they
   * never replace what others did meanwhile (I7).
   */
  function withdrawLost() {
    const lost = queue.filter(({ ack, epoch }) => !ack && epoch === position?.epoch)
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
    // Another history, without a document when it began: only a start from nothing says so.
    if (epoch !== position?.epoch) return restart()
    if (serverSeq <= position.serverSeq) {
      repeated = true
      return 'ok'
    }
    if (serverSeq > position.serverSeq + 1) return 'resume'
    const d = doc(key)
    const unsent = unsentOf(d)
    const late = withdrawn.some(isOf(event))
    const own = settle(event)
    if (event.clientId === clientId) fence(event)
    if (own || late) d.then = fold(d.then, event.ops).doc
    // Without an answer to it, only the fold tells what became of its operations.
    const results = own && !own.ack ? fold(d.confirmed, own.batch.ops, [...d.moves]).results : []
    if (own) reportAll(d, own.batch.ops, results, true)
    d.confirmed = fold(d.confirmed, event.ops, d.moves).doc
    position = { epoch, serverSeq }
    // The only reason to discard an operation that is not known here is the size of the document.
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
    // What it was to change has been unsent since, and may have been changed again: what is shown stays, and is sent.
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
        // A history without a document. If its epoch did not change, a delta of it may have been taken for an old one.
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

  /** The documents just sent take the place of all that are known; what is pending goes on top. */
  function replaceAll(states: Map<string, Json>) {
    const { epoch, serverSeq } = position!
    const unsent = new Map([...docs.values()].map((d) => [d, unsentOf(d)]))
    arrived.forEach(settle)
    // What was acknowledged is in the states. If another history acknowledged it, it is sent again.
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
   * What a closed tab left unsent becomes unsent here, on top of the server's state and below what has been changed here since;
   * what the server has changed since it was made is a conflict.
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

  /** Whether a document is still to be seeded with what it begins with. */
  function seeds(d: Doc, limits: BatchLimits): boolean {
    if (d.confirmed !== undefined || d.initial === undefined || d.unseedable) return false
    if (queue.some(({ batch }) => batch.key === d.key && batch.ops[0]?.op === 'init')) return false
    const init: Operation = { op: 'init', path: '', value: d.initial }
    if (take([init], limits)[0] === init) return true
    // Too large to be all or nothing: it is written like any other change.
    d.initial = undefined
    settleFloor(d)
    return false
  }

  /** Takes batches out of the queue. What they would have changed, and shows, is unsent again. */
  function withdraw(frozen: Frozen) {
    if (!queue.includes(frozen)) return
    remove([frozen])
    settleFloor(doc(frozen.batch.key))
  }

  /** Forgets set-aside changes: those of an id, or all. Returns the documents that they were of. */
  function release(id: string | undefined): Doc[] {
    const released = rejected.filter((change) => id === undefined || change.id === id)
    rejected = rejected.filter((change) => !released.includes(change))
    const keys = new Set(released.map(({ key }) => key))
    for (const { key, op } of released) if (op.op === 'init') doc(key).unseedable = false
    return [...keys].map(doc)
  }

  /** The unsent changes to send next. Set-aside changes of the same places are no longer set aside: newer ones replace them. */
  function outgoing(d: Doc): readonly Operation[] {
    const ops = unsentOf(d)
    const replaced = rejected.filter(({ key, op }) => key === d.key && op.op !== 'init' && pendingAt(ops, op))
    if (!replaced.length) return ops
    rejected = rejected.filter((change) => !replaced.includes(change))
    settleFloor(d)
    return unsentOf(d)
  }

  /** Notes changes as set aside. Older ones of the same places are replaced. */
  function note(d: Doc, ops: readonly Operation[], why: Refusal) {
    const more = ops.map((op) => ({ id: `${++lastRejected}`, key: d.key, op, ...why }))
    rejected = [...rejected.filter((change) => change.key !== d.key || !pendingAt(ops, change.op)), ...more]
    options.onRejected?.(why, ops)
  }

  const tooLarge = (d: Doc, ops: readonly Operation[]) =>
    note(d, ops, { code: 'too_large', message: 'the document would be too large with this change' })

  return {
    /** The documents by their keys, in the order in which they became known. */
    docs: docs as ReadonlyMap<string, Doc>,
    doc,
    get queue(): readonly Frozen[] {
      return queue
    },
    /** The room has been up to date at least once. */
    get loaded() {
      return loaded
    },
    /** It is now. */
    get live() {
      return live
    },
    /** The event id to resume from. */
    get position() {
      return position && `${position.epoch}-${position.serverSeq}`
    },

    /** Says what a document begins with. The first to say it is right. */
    initialise(key: string, initial: Json) {
      const d = doc(key)
      if (d.initial !== undefined) return
      const unsent = unsentOf(d)
      d.initial = initial
      rebase(d, unsent)
    },

    /** The user has made `next` of a document. */
    edit(key: string, next: Json) {
      doc(key).view = next
    },

    /** What is in no batch yet. */
    unsent: (key: string) => unsentOf(doc(key)),
    /** The documents whose unsent changes may be sent. */
    get ready(): readonly string[] {
      return [...docs.values()].filter((d) => !waitsFor(d)).map(({ key }) => key)
    },

    /** What the server has not confirmed, in the order in which it is sent. */
    pendingChanges: (): PendingChange[] =>
      listPending(
        queue,
        held,
        [...docs.values()].map((d) => [d.key, unsentOf(d)])
      ),

    /**
     * Gives up changes that are in no batch yet: one of them, or all. What cannot be without it goes, too.
     */
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

    /** Whether nothing can be frozen before a delta has come. */
    get waits() {
      return waits()
    },

    /** How many operations the server has not confirmed. */
    pending(): number {
      let n = held.length
      for (const { batch } of queue) n += batch.ops.length
      for (const d of docs.values()) n += unsentOf(d).length
      return n
    },

    /**
     * Takes as much of the unsent changes of one document as a batch may hold; undefined when there are none. Where another
     * batch is still to be answered, the new one names it, so that the server keeps their order.
     */
    freeze(less: Partial<BatchLimits> & { hidden?: boolean } = {}): Frozen | undefined {
      const most = { ops: Math.min(limits.ops, less.ops ?? Infinity), bytes: Math.min(limits.bytes, less.bytes ?? Infinity) }
      const before = queue.findLast(({ ack }) => !ack)?.batch
      // The server does not know the order of another client's batches and ours.
      if (before && before.clientId !== clientId) return undefined
      if (waits() && !less.hidden) return undefined
      for (const d of docs.values()) {
        if (waitsFor(d)) continue
        // Before it is known whether there is a document, only changes are a reason to make one.
        const seed = (loaded || d.view !== d.floor) && seeds(d, most)
        const init: Operation[] = seed ? [{ op: 'init', path: '', value: d.initial! }] : []
        const ops = [...init, ...outgoing(d)]
        if (!ops.length) continue
        const taken = take(ops, most)
        const previous = before && { previousClientSeq: before.clientSeq }
        const batch: Batch = { clientId, clientSeq: nextSeq(), ...previous, key: d.key, ops: taken }
        const frozen: Frozen = { batch, epoch: position?.epoch }
        queue = [...queue, frozen]
        settleFloor(d)
        return frozen
      }
      return undefined
    },

    /** The server has answered 200. Its delta may have come before, or is still to come. */
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

    /** The batch is not in the log, and never will be under its number: its changes are unsent again. */
    withdraw,

    /** Sets operations of a batch aside that do not get through. The others are unsent again. */
    setAside(frozen: Frozen, ops: readonly Operation[], why: Refusal) {
      if (!queue.includes(frozen)) return
      const d = doc(frozen.batch.key)
      if (ops.some(({ op }) => op === 'init')) d.unseedable = true
      withdraw(frozen)
      note(d, ops, why)
      settleFloor(d)
      if (d.view === undefined) return
      // Folded over something else, an item that was set aside may stand at another place. That is no change of the user's.
      const rest = unsentOf(d).filter((op) => op.op !== 'array_move' || !pendingAt(ops, op))
      d.view = fold(d.floor, rest).doc
    },

    /** A conflict as it is now: what has come since may have changed the place again, or moved the item. */
    review(conflict: Conflict): Conflict {
      const d = doc(conflict.key)
      const at = follow(d.view, conflict.at, d.moves)
      return { ...conflict, at, current: get(d.view, at.path), superseded: pendingAt(unsentOf(d), at) }
    },

    /** What closed tabs have left, while it is shown on top of restored documents. */
    get shownHeld(): readonly Held[] {
      return restored ? held : []
    },

    /** The changes that were set aside. */
    get rejected() {
      return rejected
    },
    /** Set-aside changes become unsent ones: one of them, or all. */
    retry(id?: string) {
      for (const d of release(id)) settleFloor(d)
    },
    /** Set-aside changes are given up: one of them, or all. */
    discard(id?: string) {
      const unsent = new Map([...docs.values()].map((d) => [d, unsentOf(d)]))
      for (const d of release(id)) rebase(d, unsent.get(d) ?? [])
    },

    /**
     * A stream begins; what comes up to `up-to-date` is catching up. `long`: the last one was lost so long ago that
     * changes made meanwhile may be out of date.
     */
    opening(long = true) {
      live = repeated = false
      if (long && !away) docs.forEach(remember)
      away ||= long
      arrived = []
      incoming = position ? undefined : new Map()
    },

    /**
     * Shows what the browser has kept of the room, before anything has been loaded. The server is asked to go on from there; until
     * it has, what closed tabs have left is shown on top, and neither sent nor judged.
     */
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

    /** It has ended. */
    lost() {
      live = false
    },

    state,
    delta,
    upToDate,

    /** What has to survive the tab. */
    saved(): SavedOutbox {
      const unsent = [...held]
      for (const d of docs.values()) for (const op of unsentOf(d)) unsent.push(keep(d, op))
      const batches = queue.filter(({ ack }) => !ack).map(({ batch }) => batch)
      return { clientId, batches, unsent, ...(rejected.length && { rejected }) }
    },

    /** Takes over what a closed tab has left. */
    adopt({ batches, unsent, rejected: refused = [] }: SavedOutbox) {
      const before = new Map([...docs.values()].map((d) => [d, unsentOf(d)]))
      queue = [...queue, ...batches.map((batch) => ({ batch }))]
      rejected = [...rejected, ...refused.map((change) => ({ ...change, id: `${++lastRejected}` }))]
      held.push(...unsent)
      const shown = [...batches, ...refused, ...(restored ? unsent : [])]
      for (const key of new Set(shown.map(({ key }) => key))) rebase(doc(key), before.get(doc(key)) ?? [])
      if (loaded && !restored) applyHeld()
    }
  }
}

/** Whether an operation is one of the log, but for where it has put an item. */
const isSame = ({ op, path, value }: Operation, other: Operation, result?: Result) =>
  op === other.op && (result?.path ?? path) === other.path && equal(value, other.value)

/** Whether an operation replaces what stands at its path, so that it can be too late. */
const hasValue = ({ op }: Operation) => op === 'set' || op === 'delete'
