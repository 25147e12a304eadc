// The documents of a room for the application: handles, listeners, and mirrors of state that changes in place.
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
import { createPathListeners, type PathListener, type PathListeners } from './path-listeners.ts'

export interface DocumentsOptions {
  debounceMs: number
  /** Settles once the room has been loaded. */
  ready: Promise<void>
  /** Reads the changes of mirrors, runs a change of the replica, and shows the result. */
  step<T>(change: () => T): T
  /** Schedules sending after this many milliseconds without a change. */
  touch(ms: number): void
  /** A mirror may have changed. */
  touched(): void
  edited(change: { key: string; ops: readonly Operation[] }): void
  /** A value of the application cannot be shared. */
  invalid(error: { code: string; message: string; path: string }): void
}

/** A mirror, and the version of the document that it shows. */
interface Mirrored {
  readonly mirror: Mirror
  known: Json | undefined
  touched: boolean
}

/** A document with its listeners and mirrors. */
interface Entry {
  readonly doc: Doc
  readonly mirrors: Set<Mirrored>
  readonly changes: ReturnType<typeof createEmitter<{ state: Json | undefined }>>
  /** The listeners at paths, once there are any. */
  parts?: PathListeners
  debounceMs: number
  /** The version that listeners and mirrors have. */
  shown: Json | undefined
  /** Whether they are shown new versions. */
  readonly hold: Hold
}

export function createDocuments(replica: Replica, options: DocumentsOptions) {
  const { debounceMs: defaultMs, ready, step, touch: schedule, touched, edited, invalid } = options
  const entries = new Map<string, Entry>()
  const withIds: CaptureOptions = {
    ...ONE_ID,
    onInvalid(place, why, isShared) {
      const path = place || 'the document'
      const what = `${path} ${isShared ? 'is shared in part' : 'cannot be shared'}`
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
    /** Whether a mirror may have changed since it was last read. */
    touched: () => [...entries.values()].some(({ mirrors }) => [...mirrors].some(({ touched }) => touched)),

    /** Reads the changes of mirrors. */
    pull() {
      for (const [key, { doc, mirrors }] of entries) {
        for (const mirrored of mirrors) {
          if (!mirrored.touched && !mirrored.mirror.unsure?.()) continue
          mirrored.touched = false
          attempt(() => {
            const { known } = mirrored
            const next = mirrored.mirror.read(known)
            if (next === known || next === undefined) return
            mirrored.known = next
            // Another mirror of the same document may have changed it in the meantime.
            edit(key, doc.view === known ? next : fold(doc.view, diff(known, next)).doc)
          })
        }
      }
    },

    /** A batch of another client was folded. */
    received: (delta: DeltaEvent) => entry(delta.key).hold.received(delta),

    /** Shows all documents again that are held back. */
    release() {
      for (const { hold } of entries.values()) hold.end()
    },

    /** Shows new versions to listeners and mirrors. */
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

    /** Applies the resolution of a conflict, as an edit. */
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
          return (own.parts ??= createPathListeners(own.shown)).add(path, listener as PathListener)
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

/** Values of the application may share items with a version, which never changes: its items have ids already. */
const ONE_ID: CaptureOptions = { assignId: (item: { [SYNC_ID]?: string }, id: string) => void (item[SYNC_ID] ??= id) }

/** Gives an added item its id before it is shown or sent. */
const identified = ({ op, value }: Operation): unknown =>
  op === 'array_add' && isObject(value) && !value[SYNC_ID] ? { ...value, [SYNC_ID]: newId() } : value
