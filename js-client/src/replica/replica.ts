// What one client knows of one room. SPEC.md has the states, the events and the numbered invariants.
//
// The module is pure: it makes no request, sets no timer and reads no clock. Whoever drives it tells it what happened.
import { fold } from '../document/apply.ts'
import { diff } from '../document/diff.ts'
import { type Move, follow } from '../document/follow.ts'
import type { Json } from '../document/json.ts'
import { take } from '../document/split.ts'
import { equal, get, same } from '../document/values.ts'
import type { ConflictEvent, SavedOutbox } from '../types.ts'
import type { Batch, BatchResult, DeltaEvent, Operation, OperationResult, Problem, StateEvent, UpToDateEvent } from '../wire.ts'

/** A batch that has been sent, or is about to be. Its content never changes, so that a retry repeats it. */
export interface Frozen {
  readonly batch: Batch
  /** Where the server has put it, once that is known. */
  ack?: { readonly epoch: string; readonly serverSeq: number }
}

/**
 * One document, three times. `base` is `confirmed`, or `initial` where there is none, with the frozen batches on top;
 * `view` is `base` with the unsent changes on top. The unsent changes are not stored: they are `diff(base, view)`.
 */
export interface Doc {
  readonly key: string
  /** The server's fold up to the position; undefined when the document does not exist, or nothing is known yet. */
  confirmed?: Json | undefined
  base?: Json | undefined
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
  limits?: { ops: number; bytes: number }
  onRemote?(delta: DeltaEvent): void
  onLoaded?(doc: Doc, serverSeq: number): void
  onConflict?(conflict: Omit<ConflictEvent, 'room'>): void
  onRefused?(problem: Problem, ops: readonly Operation[]): void
}

/** What the driver has to do: go on, reconnect from the position, or reconnect from nothing. */
export type Verdict = 'ok' | 'resume' | 'restart'

type Held = SavedOutbox['unsent'][number]

/** How many operations a batch has at most. */
export const BATCH_OPS = 1000
const LIMITS = { ops: BATCH_OPS, bytes: 1_000_000 }

export type Replica = ReturnType<typeof createReplica>

export function createReplica(options: ReplicaOptions) {
  const { clientId, nextSeq, limits = LIMITS } = options
  const docs = new Map<string, Doc>()
  let queue: Frozen[] = []
  let position: { readonly epoch: string; readonly serverSeq: number } | undefined
  let loaded = false
  let live = false
  /** A start from whole state, until `up-to-date` puts its documents in force. */
  let incoming: Map<string, Json> | undefined
  /** The deltas of such a start. */
  let arrived: DeltaEvent[] = []
  /** A delta was taken for one that is known already. */
  let repeated = false
  let held: Held[] = []

  function doc(key: string): Doc {
    let d = docs.get(key)
    if (!d) docs.set(key, (d = { key, moves: [] }))
    return d
  }

  /** The last difference of each document. Its versions never change. */
  const unsent = new WeakMap<Doc, { base: Json | undefined; view: Json | undefined; ops: readonly Operation[] }>()

  function unsentOf(d: Doc): readonly Operation[] {
    const { base, view } = d
    if (view === base || view === undefined) return []
    const last = unsent.get(d)
    if (last && last.base === base && last.view === view) return last.ops
    const ops = diff(base, view)
    unsent.set(d, { base, view, ops })
    return ops
  }

  /** Puts what is frozen and what is unsent on top of what is confirmed, and reports what has no effect any more. */
  function rebase(d: Doc, unsent: readonly Operation[], offline = false) {
    const before = d.base
    const frozen = queue.filter(({ batch }) => batch.key === d.key)
    const moves = [...d.moves]
    d.base = d.confirmed ?? d.initial
    for (const { batch } of frozen) d.base = fold(d.base, batch.ops, moves).doc
    if (d.base !== undefined && same(d.base, before)) {
      // As expected, which is the rule for an own batch: what is unsent stays as it is, however much that may be.
      d.base = before
      if (!frozen.length && d.confirmed !== undefined) d.confirmed = before
      return forgetMoves(d, frozen.length + unsent.length)
    }
    const stale = new Set(offline ? unsent.filter((op) => isStale(op, before, d.base, moves)) : [])
    const kept = unsent.filter((op) => !stale.has(op))
    const { doc, results } = fold(d.base, kept, moves)
    d.view = doc
    for (const op of stale) conflict(d, op, 'changed')
    reportAll(d, kept, results)
    forgetMoves(d, frozen.length + kept.length)
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
    options.onConflict?.({ key: d.key, op, reason, current: get(d.view, follow(d.view, op, d.moves).path) })
  }

  /** A discard is a conflict unless both sides wanted the same. */
  function reportAll(d: Doc, ops: readonly Operation[], results: readonly OperationResult[]) {
    results.forEach(({ reason }, i) => {
      const op = ops[i]
      if (!op || !reason || reason === 'exists' || reason === 'not_found') return
      if (op.op !== 'array_del' || reason !== 'item_deleted') conflict(d, op, reason)
    })
  }

  /** Takes a batch that has come back out of the queue. */
  function settle(delta: DeltaEvent): Frozen | undefined {
    const own = queue.find(
      ({ batch }) => batch.clientSeq === delta.clientSeq && batch.clientId === delta.clientId && batch.key === delta.key
    )
    queue = queue.filter((frozen) => frozen !== own)
    return own
  }

  function restart(): Verdict {
    position = undefined
    return 'restart'
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
    const own = settle(event)
    // Without an answer to it, only the fold tells what became of its operations.
    if (own && !own.ack) reportAll(d, own.batch.ops, fold(d.confirmed, own.batch.ops, [...d.moves]).results)
    d.confirmed = fold(d.confirmed, event.ops, d.moves).doc
    position = { epoch, serverSeq }
    rebase(d, unsent, !live)
    if (!own) options.onRemote?.(event)
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
    incoming = undefined
    arrived = []
    live = loaded = true
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
      rebase(d, unsent.get(d) ?? [], loaded)
      options.onLoaded?.(d, serverSeq)
    }
  }

  /** What a closed tab left unsent, on top of what has been loaded; what has changed since is a conflict. */
  function applyHeld() {
    for (const { key, op, was } of held.splice(0)) {
      const d = doc(key)
      const now = get(d.base, follow(d.base, op, d.moves).path)
      const { doc: view, results } = fold(d.view, [op], [...d.moves])
      if (results[0]?.status !== 'applied') reportAll(d, [op], results)
      else if (hasValue(op) && !equal(now, was) && !equal(now, op.value)) conflict(d, op, 'changed')
      else d.view = view
    }
  }

  /** Whether a document is still to be seeded with what it begins with. */
  function seeds(d: Doc): boolean {
    if (!loaded || d.confirmed !== undefined || d.initial === undefined || d.unseedable) return false
    if (queue.some(({ batch }) => batch.key === d.key && batch.ops[0]?.op === 'init')) return false
    const init: Operation = { op: 'init', path: '', value: d.initial }
    if (take([init], limits)[0] === init) return true
    // Too large to be all or nothing: it is written like any other change.
    const { view } = d
    d.initial = undefined
    rebase(d, [])
    d.view = view
    return false
  }

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

    /** How many operations the server has not confirmed. */
    pending(): number {
      let n = held.length
      for (const { batch } of queue) n += batch.ops.length
      for (const d of docs.values()) n += unsentOf(d).length
      return n
    },

    /** Takes as much of the unsent changes of one document as a batch may hold; undefined when there are none. */
    freeze(): Frozen | undefined {
      for (const d of docs.values()) {
        const seed = seeds(d)
        const init: Operation[] = seed ? [{ op: 'init', path: '', value: d.initial! }] : []
        const ops = [...init, ...unsentOf(d)]
        if (!ops.length) continue
        const taken = take(ops, limits)
        const frozen: Frozen = { batch: { clientId, clientSeq: nextSeq(), key: d.key, ops: taken } }
        queue = [...queue, frozen]
        d.base = fold(d.base, taken).doc
        return frozen
      }
      return undefined
    },

    /** The server has answered 200. Its delta may have come before, or is still to come. */
    answered(frozen: Frozen, { epoch, serverSeq, results }: BatchResult) {
      if (!queue.includes(frozen)) return
      const d = doc(frozen.batch.key)
      frozen.ack = { epoch, serverSeq }
      reportAll(d, frozen.batch.ops, results)
      if (position?.epoch === epoch && position.serverSeq >= serverSeq) {
        const unsent = unsentOf(d)
        queue = queue.filter((other) => other !== frozen)
        rebase(d, unsent)
      }
    },

    /**
     * The server will never take this batch. Only what is at fault is given up; the rest is sent under new numbers.
     * Where the problem does not say what is at fault, halving finds it; but what is forbidden without more is so altogether.
     */
    refused(frozen: Frozen, problem: Problem) {
      const at = queue.indexOf(frozen)
      if (at < 0) return
      const { key, ops } = frozen.batch
      const d = doc(key)
      const unsent = unsentOf(d)
      const named = new Set(problem.errors?.map(({ pointer }) => /^\/ops\/(\d+)/.exec(pointer)?.[1]))
      const half = ops.length >> 1
      let bad = ops.filter((_, i) => named.has(`${i}`))
      let parts = [ops.filter((op) => !bad.includes(op))]
      if (!bad.length && problem.code !== 'client_seq_reused') {
        if (half && problem.code !== 'forbidden') parts = [ops.slice(0, half), ops.slice(half)]
        else [bad, parts] = [[...ops], []]
      }
      if (bad.some(({ op }) => op === 'init')) d.unseedable = true
      const again = parts.filter((part) => part.length).map((part) => ({ batch: { clientId, clientSeq: nextSeq(), key, ops: part } }))
      queue = queue.toSpliced(at, 1, ...again)
      rebase(d, unsent)
      if (bad.length) options.onRefused?.(problem, bad)
    },

    /** A stream begins; what comes up to `up-to-date` is catching up. */
    opening() {
      live = repeated = false
      arrived = []
      incoming = position ? undefined : new Map()
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
      for (const d of docs.values()) {
        for (const op of unsentOf(d)) {
          const was = get(d.base, op.path)
          unsent.push({ key: d.key, op, ...(was !== undefined && { was }) })
        }
      }
      return { clientId, batches: queue.filter(({ ack }) => !ack).map(({ batch }) => batch), unsent }
    },

    /** Takes over what a closed tab has left. */
    adopt({ batches, unsent }: SavedOutbox) {
      const before = new Map([...docs.values()].map((d) => [d, unsentOf(d)]))
      queue = [...queue, ...batches.map((batch) => ({ batch }))]
      for (const { key } of batches) rebase(doc(key), before.get(doc(key)) ?? [])
      held.push(...unsent)
      if (loaded) applyHeld()
    }
  }
}

/** Whether an operation replaces what stands at its path, so that it can be too late. */
const hasValue = ({ op }: Operation) => op === 'set' || op === 'delete'
