// A document in reactive state: what a client reads and writes there.
import { isReactive, reactive, shallowRef } from 'vue'
import { capture } from '../document/capture.ts'
import type { Json, JsonObject } from '../document/json.ts'
import { patch } from '../document/patch.ts'
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
  /** The state may have changed. */
  touched(): void
  /** Some of the state cannot be shared, or some of what is shared cannot be shown. Called once for each reason. */
  failed(error: Omit<SyncErrorEvent, 'room'>): void
}

export type StateMirror = ReturnType<typeof createMirror>

export function createMirror({ holder, name }: Place, { touched, failed }: MirrorOptions) {
  const member = (name: string) => (holder() as Record<string, unknown>)[name]
  const state = () => (name === undefined ? holder() : member(name))
  /** What is wrong at the moment. */
  const problem = shallowRef<string>()
  const told = new Set<string>()
  let tracker: Tracker | undefined

  function complain(code: string, message: string) {
    problem.value = message
    if (told.has(message)) return
    told.add(message)
    failed({ code, message })
  }

  const snapshot = (known: Json | undefined, live: unknown) =>
    capture(known, live, {
      raw: behind,
      // Through the proxy, so that templates see it.
      assignId: (item, id) => put(reactive(item), SYNC_ID, id),
      onInvalid: (place, why) => complain('invalid_value', `${place || name || 'the state'} cannot be shared: ${why}`)
    })

  const declared = new Set(Object.keys(holder()))
  const initial = snapshot(undefined, state())
  /** The version that the state is as, unless it is one that the application does not expect. */
  let shown = initial

  /** Runs what makes the state as the version that it returns. */
  function quietly(change: () => Json | undefined) {
    problem.value = undefined
    if (tracker) tracker.quietly(change)
    else change()
  }

  /** Makes a member as `to`. If the application does not expect that, leaves it as it is and returns false. */
  function show(name: string, initial: Json | undefined, from: Json | undefined, to: Json | undefined): boolean {
    const message = `${name} is not what the store expects`
    if (!isExpected(initial, to)) {
      complain('unexpected_state', message)
      return false
    }
    told.delete(message)
    const live = member(name)
    if (to === undefined && !declared.has(name)) delete (holder() as Record<string, unknown>)[name]
    // What is not reactive, such as the value of a shallow ref, is replaced: else nobody would see the change.
    else put(holder(), name, patch(isReactive(live) ? live : undefined, from, to))
    return true
  }

  /** Makes the members as those of `to`. Returns what they are as then. */
  function showAll(from: JsonObject, to: JsonObject): Json {
    const all = { ...to }
    for (const name of new Set([...Object.keys(from), ...Object.keys(to)])) {
      const was = own(from, name)
      const first = own(initial, name)
      const next = own(to, name)
      if (next === was) continue
      // A member that the application has declared, and the document lacks, is as it was declared.
      const shows = show(name, first, was, next === undefined ? first : next)
      const now = shows ? (next === undefined ? first : next) : snapshot(undefined, member(name))
      if (now !== undefined) put(all, name, now)
    }
    return all
  }

  const mirror = {
    initial,
    problem,

    read(known: Json | undefined): Json | undefined {
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
        if (isObject(to)) return showAll(isObject(from) ? from : {}, to)
        complain('unexpected_state', 'the state is not what the store expects')
        return undefined
      })
    },

    /** Tracks the state from now on. */
    begin() {
      tracker ??= track(state, touched)
    },

    /** Makes the state as it was at first. */
    reset: () => mirror.write(undefined, initial),

    stop: () => tracker?.stop()
  } satisfies Mirror & Record<string, unknown>
  return mirror
}

/** A state that begins as an object or an array stays one, or what uses it would break. Anything else may become anything. */
const isExpected = (initial: Json | undefined, value: Json | undefined) =>
  isObject(initial) ? isObject(value) : Array.isArray(initial) ? Array.isArray(value) : true
