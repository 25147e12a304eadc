// The documents of a room for those who look at them: handles, listeners, and mirrors of state that changes in place.
import { apply, checkOperation, fold } from '../../document/apply.ts'
import { type CaptureOptions, capture } from '../../document/capture.ts'
import { diff } from '../../document/diff.ts'
import { newId } from '../../document/ids.ts'
import type { Json } from '../../document/json.ts'
import { isObject, SYNC_ID } from '../../document/values.ts'
import type { Doc, Replica } from '../../replica/replica.ts'
import { type Conflict, resolve } from '../../replica/resolution.ts'
import type { Document, DocumentOptions, Mirror, Operation, Resolution } from '../../types.ts'
import type { DeltaEvent } from '../../wire.ts'
import { inWords } from '../transport/api.ts'
import { attempt, createEmitter } from '../runtime/emitter.ts'
import { type Hold, createHold } from './hold.ts'
import { type PartListener, type Parts, createParts } from './path-listeners.ts'

export interface DocumentsOptions {
  debounceMs: number
  /** Settles once the room has been loaded. */
  ready: Promise<void>
  /** Takes in what mirrors have changed, runs what changes the replica, and shows it. */
  step<T>(change: () => T): T
  /** Something is to be sent when nothing has changed for so many milliseconds. */
  touch(ms: number): void
  /** A mirror may have changed. */
  touched(): void
  edited(change: { key: string; ops: readonly Operation[] }): void
  /** A value that an application has passed cannot be shared. */
  invalid(error: { code: string; message: string; path: string }): void
}

/** A mirror and the version of the document that it is known to be as. */
interface Mirrored {
  readonly mirror: Mirror
  known: Json | undefined
  touched: boolean
}

/** A document and those who look at it. */
interface Entry {
  readonly doc: Doc
  readonly mirrors: Set<Mirrored>
  readonly changes: ReturnType<typeof createEmitter<{ state: Json | undefined }>>
  /** Those who look at parts of it, once there are any. */
  parts?: Parts
  debounceMs: number
  /** The version that they were last shown. */
  shown: Json | undefined
  /** They are not shown what is new for now. */
  readonly hold: Hold
}

export function createDocuments(replica: Replica, options: DocumentsOptions) {
  const { debounceMs: defaultMs, ready, step, touch: schedule, touched, edited, invalid } = options
  const entries = new Map<string, Entry>()
  const withIds: CaptureOptions = {
    ...ONE_ID,
    onInvalid(place, why, isShared) {
      const path = place || 'the document'
      const what = `${path} ${isShared ? 'is shared, but not as it is' : 'cannot be shared'}`
      const next = isShared ? 'Others get what JSON can hold' : 'It is left out, and all else is sent'
      invalid({ code: 'invalid_value', message: inWords(what, why, next), path })
    }
  }

  function entry(key: string): Entry {
    let known = entries.get(key)
    if (!known) {
      const doc = replica.doc(key)
      const hold = createHold(() => step(() => {}))
      known = { doc, mirrors: new Set(), changes: createEmitter(), debounceMs: defaultMs, shown: doc.view, hold }
      entries.set(key, known)
    }
    return known
  }

  function edit(key: string, next: Json | undefined) {
    const { view } = replica.doc(key)
    if (next === view || next === undefined) return
    edited({ key, ops: diff(view, next) })
    replica.edit(key, next)
  }

  function show(mirrored: Mirrored, view: Json | undefined) {
    const { known } = mirrored
    mirrored.known = view
    if (known !== view) attempt(() => mirrored.mirror.write(known, view))
  }

  return {
    /** Whether a mirror may have changed since it was read. */
    touched: () => [...entries.values()].some(({ mirrors }) => [...mirrors].some(({ touched }) => touched)),

    /** Takes in what mirrors have changed. */
    pull() {
      for (const [key, { doc, mirrors }] of entries) {
        for (const mirrored of mirrors) {
          if (!mirrored.touched) continue
          mirrored.touched = false
          attempt(() => {
            const { known } = mirrored
            const next = mirrored.mirror.read(known)
            if (next === known || next === undefined) return
            mirrored.known = next
            // Another mirror of the same document may have changed it since this one was shown a version.
            edit(key, doc.view === known ? next : fold(doc.view, diff(known, next)).doc)
          })
        }
      }
    },

    /** A batch of somebody else has been folded in. */
    received: (delta: DeltaEvent) => entry(delta.key).hold.received(delta),

    /** Holds nothing back any more. */
    release() {
      for (const { hold } of entries.values()) hold.end()
    },

    /** Shows what is new to everybody who looks. */
    show() {
      for (const entry of entries.values()) {
        const { view } = entry.doc
        if (entry.shown === view || entry.hold.active) continue
        entry.shown = view
        for (const mirrored of entry.mirrors) show(mirrored, view)
        entry.changes.emit('state', view)
        entry.parts?.show(view)
      }
    },

    /** Carries out what an application has decided about a conflict, as an edit. */
    resolve(conflict: Conflict, resolution: Resolution) {
      if (resolution === 'theirs') return
      const change = resolution === 'mine' ? resolution : { value: capture(undefined, resolution.value, withIds) ?? null }
      const { key } = conflict
      step(() => edit(key, resolve(replica.doc(key).view, conflict, change)))
      schedule(entry(key).debounceMs)
    },

    open<T>(key = 'default', { initial, debounceMs }: DocumentOptions<T> = {}): Document<T> {
      const own = entry(key)
      const touch = () => schedule(own.debounceMs)
      if (debounceMs !== undefined) own.debounceMs = debounceMs
      const first = capture(undefined, initial, withIds)
      if (first !== undefined) step(() => replica.initialise(key, first))
      if (replica.live) touch()
      return {
        key,
        get state() {
          return own.doc.view as T | undefined
        },
        ready,
        replace(next) {
          step(() => edit(key, capture(own.doc.view, next, withIds)))
          touch()
        },
        apply(op) {
          checkOperation(op)
          const { value, ...rest } = op
          const complete = value === undefined ? op : { ...rest, value: capture(undefined, identified(op), withIds) ?? null }
          return step(() => {
            const { doc, result } = apply(own.doc.view, complete)
            if (result.status === 'applied') edit(key, doc)
            touch()
            return result
          })
        },
        subscribe(path: unknown, listener?: unknown) {
          if (typeof path !== 'string') return own.changes.on('state', path as (state: Json | undefined) => void)
          return (own.parts ??= createParts(own.shown)).add(path, listener as PartListener)
        },
        attach(mirror) {
          const mirrored: Mirrored = { mirror, known: own.doc.view, touched: false }
          attempt(() => (mirrored.known = mirror.read(own.doc.view)))
          own.mirrors.add(mirrored)
          show(mirrored, own.doc.view)
          return {
            touched() {
              touch()
              if (mirrored.touched || !own.mirrors.has(mirrored)) return
              mirrored.touched = true
              touched()
            },
            detach() {
              step(() => own.mirrors.delete(mirrored))
            }
          }
        }
      }
    }
  }
}

/** What an application passes may share items with a version that it was shown, which never changes: those have their ids. */
const ONE_ID: CaptureOptions = { assignId: (item: { [SYNC_ID]?: string }, id: string) => void (item[SYNC_ID] ??= id) }

/** An item that is added has an id before anything else knows of it. */
const identified = ({ op, value }: Operation): unknown =>
  op === 'array_add' && isObject(value) && !value[SYNC_ID] ? { ...value, [SYNC_ID]: newId() } : value
