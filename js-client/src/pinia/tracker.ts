// Detects changes anywhere in reactive state.
//
// Vue tracks what an effect reads, and an effect that runs again reads everything again. So each part of the state has its own
// effect: a change makes one part stale, and only that part is read again.
//
// To read a part costs far more than to compare it, as Vue records each member. So when many parts are new, the first are read at
// once, and the others in the background.
import { ReactiveEffect, effectScope, reactive } from 'vue'
import { type Timer, after } from '../client/runtime/clock.ts'
import type { Json } from '../document/json.ts'
import { type Path, agrees, readPart, valueOf } from './parts.ts'

export interface Tracker {
  /**
   * Runs a change of the plugin, which returns the new version of the state. The change is not reported. A watcher of the
   * application may change the state at the same time, so changed parts are compared, and differences are reported.
   */
  quietly(change: () => Json | undefined): void
  /** Parts are still to be read: changes in them may not be reported. */
  unsure(): boolean
  /** The version that an object of the state equals, with all parts inside; undefined if it is not known. */
  versionOf(object: object): Json | undefined
  /** Records that an object of the state equals a version. Returns whether a change in it might not be reported. */
  onRead(object: object, version: Json): boolean | undefined
  stop(): void
}

interface Part {
  /** Reads the part, and finds the parts directly inside. Undefined until it is read. */
  effect?: ReactiveEffect
  /** Undefined for the whole state. */
  readonly object: object | undefined
  readonly parent: Part | undefined
  /** Its path in the parent. */
  path: Path
  parts?: Map<object, Part>
  /** The number of the reading of the parent that has found it last. */
  found: number
  /** The version that the part equals, with all parts inside. Undefined if one of them may have changed since. */
  version?: Json | undefined
  /** The part contains an object that Vue does not track. */
  opaque?: boolean
}

/** The most parts that are read at once, and in each step in the background. 10 µs each. */
const AT_ONCE = 1024
const STEP = 500

/**
 * Calls `changed` synchronously after each change in the state, until `stop`. `complete` is called when all parts have been read in
 * the background: they may have changed before.
 */
export function track(state: () => unknown, changed: () => void, complete: () => void): Tracker {
  /** Parts that are new, or have changed. */
  const unread = new Set<Part>()
  /** The parts that have been read, by object. */
  const byObject = new Map<object | undefined, Part>()
  let quiet = false
  let readings = 0
  let timer: Timer | undefined

  function createPart(object?: object, parent?: Part): Part {
    const part: Part = { object, parent, path: [], found: 0 }
    unread.add(part)
    outdate(parent)
    return part
  }

  function outdate(part: Part | undefined) {
    for (; part; part = part.parent) part.version = undefined
  }

  /** Reads a part, in its effect. New parts inside become unread, and those that are no longer inside are stopped. */
  function read(part: Part) {
    const { object } = part
    part.opaque = false
    const reading = ++readings
    const found = (inner: object, path: Path) => {
      let child = part.parts?.get(inner)
      if (!child) {
        if (isWithin(part, inner)) return
        child = createPart(inner, part)
        ;(part.parts ??= new Map()).set(inner, child)
      }
      child.found = reading
      child.path = path
    }
    readPart(object ? reactive(object) : state(), found, () => (part.opaque = true))
    byObject.set(object, part)
    part.parts?.forEach((child, inner, parts) => {
      if (child.found === reading) return
      parts.delete(inner)
      stop(child)
    })
  }

  /** Reads so many unread parts, and the others in the background. Returns them. */
  function readSome(most: number): Part[] {
    const renewed: Part[] = []
    if (timer) return renewed
    // In a scope of its own: that of the caller would keep the effects of removed parts until it ends.
    effectScope(true).run(() => {
      for (const part of unread) {
        unread.delete(part)
        if (!part.effect) {
          part.effect = new ReactiveEffect(() => read(part))
          part.effect.scheduler = () => {
            unread.add(part)
            outdate(part)
            if (!quiet) changed()
          }
        }
        part.effect.run()
        if (renewed.push(part) === most) break
      }
    })
    if (unread.size) timer = after(0, readMore)
    return renewed
  }

  function readMore() {
    timer = undefined
    readSome(STEP)
    if (!unread.size) complete()
  }

  function stop(part: Part) {
    unread.delete(part)
    byObject.delete(part.object)
    part.effect?.stop()
    part.parts?.forEach(stop)
  }

  /** The expected value of a part, given the expected value of the state. */
  const expected = ({ object, parent, path }: Part, whole: Json | undefined): Json | undefined =>
    object && parent ? valueOf(object, path, expected(parent, whole)) : whole

  const root = createPart()
  readSome(AT_ONCE)
  return {
    quietly(change) {
      quiet = true
      try {
        const renewed = readSome(AT_ONCE)
        const whole = change()
        renewed.push(...readSome(AT_ONCE))
        quiet = false
        if (!renewed.every((part) => agrees(part.object ?? state(), expected(part, whole)))) changed()
      } finally {
        quiet = false
      }
    },
    unsure: () => unread.size > 0,
    versionOf: (object) => byObject.get(object)?.version,
    onRead(object, version) {
      const part = byObject.get(object)
      const isUnsure = unread.size > 0 || part?.opaque
      if (part && !isUnsure) part.version = version
      return isUnsure
    },
    stop() {
      clearTimeout(timer)
      stop(root)
    }
  }
}

/** Whether an object is inside itself. Its parts would never end. */
function isWithin(part: Part | undefined, object: object): boolean {
  for (; part; part = part.parent) if (part.object === object) return true
  return false
}
