// A document in reactive state: what a client reads and writes there.
import { effectScope, isReactive, reactive, shallowReactive, shallowRef, watch } from 'vue'
import { capture } from '../document/capture.ts'
import { newId } from '../document/ids.ts'
import type { Json, JsonObject } from '../document/json.ts'
import { patch } from '../document/patch.ts'
import { type SharingOptions, separate } from '../document/shared.ts'
import { SYNC_ID, isObject, own, put } from '../document/values.ts'
import type { Mirror, SyncErrorEvent } from '../types.ts'
import { behind } from './parts.ts'
import { type Tracker, track } from './tracker.ts'

/** Where a document is in the state of an application. */
export interface Place {
  /** The object that it is in: the state of a store, or a ref. */
  holder(): object
  /** The member that it is. Without a name, the members of the holder are those of the document. */
  readonly name?: string
}

export interface MirrorOptions {
  /** The key of the document, for messages. */
  key: string
  /** The state may have changed. */
  touched(): void
  /** Some of the state cannot be shared, or some of what is shared cannot be shown. Called once for each reason. */
  failed(error: Omit<SyncErrorEvent, 'room'>): void
}

/** What is wrong with a place in the state. */
export type Problem = Pick<SyncErrorEvent, 'code' | 'message'>

export type StateMirror = ReturnType<typeof createMirror>

export function createMirror({ holder, name }: Place, { key, touched, failed }: MirrorOptions) {
  const member = (name: string) => (holder() as Record<string, unknown>)[name]
  const state = () => (name === undefined ? holder() : member(name))
  /** What is wrong at the moment, and where. */
  const problems = shallowReactive(new Map<string, Problem>())
  const told = new Set<string>()
  let tracker: Tracker | undefined
  const changes = shallowRef(0)
  let count = 0
  let stopped = false
  // New items have their ids before anything is rendered with them. An id that came later would change the key of a row that
  // has the focus.
  const scope = effectScope(true)
  scope.run(() => watch(changes, () => tracker?.newItems(identify)))

  /** A place in the document, as a person would name it in the state. */
  function label(place: string) {
    if (name === undefined) return place || 'the state'
    return /^(\[|$)/.test(place) ? key + place : `${key}.${place}`
  }

  function complain(place: string, code: string, why: string, isProblem = true) {
    const path = label(place)
    const message = `${path} ${why}`
    if (isProblem) problems.set(place, { code, message })
    if (told.has(message)) return
    told.add(message)
    failed({ code, message, path })
  }

  const sharing: SharingOptions = {
    raw: behind,
    root: () => (stopped ? undefined : state()),
    replace: (holder, name, copy) => put(reactive(holder), `${name}`, copy)
  }
  const snapshot = (known: Json | undefined, live: unknown) =>
    capture(known, live, {
      raw: behind,
      // Through the proxy, so that templates see it.
      assignId: (item, id) => put(reactive(item), SYNC_ID, id),
      separate(object, holder, at, place) {
        if (separate(object, holder, at, sharing)) {
          complain(
            place(),
            'shared_object',
            'was an object that is elsewhere in the state, too; here it is a copy now. Keep its `_sync_id` instead',
            false
          )
        }
      },
      onInvalid: (place, why, isShared) =>
        complain(place, 'invalid_value', `${isShared ? 'is shared, but not as it is' : 'cannot be shared'}: ${why}`, !isShared)
    })

  const declared = new Set(Object.keys(holder()))
  const initial = snapshot(undefined, state())
  /** The version that the state is as, but for what the application does not expect. */
  let shown = initial

  /** Runs what makes the state as the version that it returns. */
  function quietly(change: () => Json | undefined) {
    if (tracker) tracker.quietly(change)
    else change()
  }

  function unexpected(place: string) {
    complain(place, 'unexpected_state', 'is not what the store expects')
  }

  function asExpected(place: string) {
    told.delete(problems.get(place)?.message ?? '')
    problems.delete(place)
  }

  /** Makes a member as `to`, unless the application does not expect that. Then it stays as it is. */
  function show(of: string, initial: Json | undefined, from: Json | undefined, to: Json | undefined) {
    const place = of === name ? '' : of
    if (!isExpected(initial, to)) return unexpected(place)
    asExpected(place)
    const live = member(of)
    if (to === undefined && of !== name && !declared.has(of)) delete (holder() as Record<string, unknown>)[of]
    // What is not reactive, such as the value of a shallow ref, is replaced: else nobody would see the change.
    else if (from !== to) put(holder(), of, patch(isReactive(live) ? live : undefined, from, to))
  }

  /** Makes the members as those of `to`. Returns what they are as then. */
  function showAll(first: JsonObject, from: JsonObject, to: JsonObject): Json {
    asExpected('')
    const all = {}
    for (const name of Object.keys({ ...first, ...from, ...to })) {
      const was = own(from, name)
      let now = own(to, name)
      const differs = now !== was
      // What the application has declared and the document lacks is as it was declared.
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
      quietly(() => (shown = snapshot(known, state())))
      // A value that has become undefined is null for the others. One that has always been is none of their business.
      if (shown === undefined && known !== undefined) shown = null
      return shown
    },

    write(_: Json | undefined, to: Json | undefined) {
      const from = shown
      shown = to
      quietly(() => {
        if (name !== undefined) {
          const next = to === undefined ? initial : to
          show(name, initial, from, next)
          return next
        }
        return isObject(to) ? showAll(objectOf(initial), objectOf(from), to) : void unexpected('')
      })
    },

    /** Tracks the state from now on. */
    begin() {
      tracker ??= track(state, () => {
        changes.value = ++count
        touched()
      })
    },

    /** Makes the state as it was at first. */
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

function identify(item: object) {
  if (Object.isExtensible(item)) put(reactive(item), SYNC_ID, newId())
}

/** A state that begins as an object or an array stays one, or what uses it would break. Anything else may become anything. */
const isExpected = (initial: Json | undefined, value: Json | undefined) =>
  isObject(initial) ? isObject(value) : Array.isArray(initial) ? Array.isArray(value) : true
