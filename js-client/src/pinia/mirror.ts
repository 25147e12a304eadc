// Mirrors a document in reactive state: reads and writes the state for the client.
import { effectScope, isReactive, reactive, shallowRef, watch } from 'vue'
import { capture } from '../document/capture.ts'
import type { Json, JsonObject } from '../document/json.ts'
import { patch } from '../document/patch.ts'
import { type SharingOptions, separate } from '../document/shared.ts'
import { SYNC_ID, isObject, own, put } from '../document/values.ts'
import type { Mirror, SyncErrorEvent } from '../types.ts'
import { unwrap } from './parts.ts'
import { createProblems } from './problems.ts'
import { type Tracker, track } from './tracker.ts'

/** The place of a document in the state of an application. */
export interface Place {
  /** The object that contains the document: the state of a store, or a ref. */
  holder(): object
  /** The member that is the document. Without it, the document is the holder itself. */
  readonly name?: string
}

export interface MirrorOptions {
  /** The key of the document, for messages. */
  key: string
  /** Called when the state may have changed. */
  touched(): void
  /** Called once for each problem: a part of the state cannot be shared, or a part of the document cannot be shown. */
  failed(error: Omit<SyncErrorEvent, 'room'>): void
}

export type StateMirror = ReturnType<typeof createMirror>

export function createMirror({ holder, name }: Place, { key, touched, failed }: MirrorOptions) {
  const member = (name: string) => (holder() as Record<string, unknown>)[name]
  const state = () => (name === undefined ? holder() : member(name))
  const { current: problems, report, solved } = createProblems(key, name === undefined, failed)
  let tracker: Tracker | undefined
  const changes = shallowRef({})
  let stopped = false
  // New items get their ids before they are rendered. A later id would change the key of a row, and the row would lose the
  // focus.
  const scope = effectScope(true)
  scope.run(() => watch(changes, () => tracker?.unsure() && quietly(() => snapshot(shown, state()))))

  const sharing: SharingOptions = {
    raw: unwrap,
    root: () => (stopped ? undefined : state()),
    replace: (holder, name, copy) => put(reactive(holder), `${name}`, copy)
  }
  const snapshot = (known: Json | undefined, live: unknown) =>
    capture(known, live, {
      raw: unwrap,
      versionOf: tracker?.versionOf,
      onRead: tracker?.onRead,
      // Writes through the proxy, so that templates update.
      assignId: (item, id) => put(reactive(item), SYNC_ID, id),
      separate(object, holder, at, place) {
        if (separate(object, holder, at, sharing)) {
          const why = 'was an object that is also elsewhere in the state; it is a copy now. Store its `_sync_id` instead'
          report(place(), 'shared_object', why, false)
        }
      },
      onInvalid: (place, why, isShared) =>
        report(place, 'invalid_value', `${isShared ? 'is shared in part' : 'cannot be shared'}: ${why}`, !isShared)
    })

  const declared = new Set(Object.keys(holder()))
  const initial = snapshot(undefined, state())
  /** The version that the state equals, unless the application has changed it since. */
  let shown = initial

  /** Runs a change that makes the state equal to the version that it returns. */
  function quietly(change: () => Json | undefined) {
    const run = () => (shown = change())
    if (tracker) tracker.quietly(run)
    else run()
  }

  const unexpected = (place: string) => report(place, 'unexpected_state', 'does not have the type that the store expects')

  /** Makes a member equal to `to`. A member of an unexpected type is reported and not shown. */
  function show(of: string, initial: Json | undefined, from: Json | undefined, to: Json | undefined) {
    const place = of === name ? '' : of
    if (!isExpected(initial, to)) return unexpected(place)
    solved(place)
    const live = member(of)
    if (to === undefined && of !== name && !declared.has(of)) delete (holder() as Record<string, unknown>)[of]
    // A value that is not reactive, such as that of a shallow ref, is replaced, so that its watchers run.
    else if (from !== to) put(holder(), of, patch(isReactive(live) ? live : undefined, from, to))
  }

  /** Makes all members equal to those of `to`. Returns the version that the state shows then. */
  function showAll(first: JsonObject, from: JsonObject, to: JsonObject): Json {
    solved('')
    const all = {}
    for (const name of Object.keys({ ...first, ...from, ...to })) {
      const was = own(from, name)
      let now = own(to, name)
      const differs = now !== was
      // A declared member that is missing in the document has its initial value.
      if (now === undefined) now = own(first, name)
      if (differs) show(name, own(first, name), was, now)
      if (problems.has(name)) now = snapshot(undefined, member(name))
      if (now !== undefined) put(all, name, now)
    }
    return all
  }

  const mirror = {
    initial,
    problems,

    read(known: Json | undefined): Json | undefined {
      problems.clear()
      quietly(() => snapshot(known, state()))
      // A value that became undefined is shared as null. A value that was never defined is not shared.
      if (shown === undefined && known !== undefined) shown = null
      return shown
    },

    write(_: Json | undefined, to: Json | undefined) {
      const from = shown
      quietly(() => {
        if (name !== undefined) {
          const next = to === undefined ? initial : to
          show(name, initial, from, next)
          return problems.has('') ? from : next
        }
        return isObject(to) ? showAll(objectOf(initial), objectOf(from), to) : (unexpected(''), from)
      })
    },

    /** Starts to track changes of the state. Further calls do nothing. */
    begin() {
      const changed = () => {
        changes.value = {}
        touched()
      }
      tracker ??= track(state, changed, () => {
        if (snapshot(shown, state()) !== shown) changed()
      })
    },

    /** Whether the state may have changes that were not reported. */
    unsure: () => !!tracker?.unsure(),

    /** Restores the initial state. */
    reset() {
      mirror.read(shown)
      mirror.write(shown, initial)
    },

    stop() {
      stopped = true
      scope.stop()
      tracker?.stop()
    }
  } satisfies Mirror & Record<string, unknown>
  return mirror
}

const objectOf = (value: Json | undefined): JsonObject => (isObject(value) ? value : {})

/** Whether a value has the type of the initial one: objects and arrays keep their type, other values may have any. */
const isExpected = (initial: Json | undefined, value: Json | undefined) =>
  isObject(initial) ? isObject(value) : Array.isArray(initial) ? Array.isArray(value) : true
