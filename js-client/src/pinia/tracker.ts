// Detects changes anywhere in reactive state.
//
// Vue tracks what an effect reads, and an effect that runs again reads everything again. So each part of the state has its own
// effect: a change makes one part stale, and only that part is read again.
import { ReactiveEffect, effectScope, reactive } from 'vue'
import type { Json } from '../document/json.ts'
import { type Found, type Path, agrees, readPart, valueOf, visitNewItems } from './parts.ts'

export interface Tracker {
  /**
   * Runs a change of the plugin, which returns the new version of the state. The change is not reported. A watcher of the
   * application may change the state at the same time, so changed parts are compared, and differences are reported.
   */
  quietly(change: () => Json | undefined): void
  /** Calls `visit` with each item without an id in the parts that have changed since the last call. */
  newItems(visit: (item: object) => void): void
  stop(): void
}

interface Part {
  /** Reads the part and returns the parts inside. */
  readonly effect: ReactiveEffect<Found | undefined>
  /** Undefined for the whole state. */
  readonly object: object | undefined
  readonly parent: Part | undefined
  /** Its path in the parent. */
  path: Path
  parts: Map<object, Part> | undefined
}

/** Calls `changed` synchronously after each change in the state, until `stop`. */
export function track(state: () => unknown, changed: () => void): Tracker {
  const stale = new Set<Part>()
  /** The stale parts that may have items without an id. */
  const unvisited = new Set<Part>()
  let quiet = false

  function createPart(object?: object, parent?: Part, path: Path = []): Part {
    const effect = new ReactiveEffect(() => readPart(object ? reactive(object) : state()))
    const part: Part = { effect, object, parent, path, parts: undefined }
    effect.scheduler = () => {
      stale.add(part)
      unvisited.add(part)
      if (!quiet) changed()
    }
    return part
  }

  /** Reads a part again. Adds it and its new parts to `renewed`. */
  function renew(part: Part, renewed: Part[]) {
    renewed.push(part)
    const found = part.effect.run()
    for (const [object, child] of part.parts ?? []) {
      if (found?.has(object)) continue
      part.parts?.delete(object)
      stop(child)
    }
    for (const [object, path] of found ?? []) {
      const known = part.parts?.get(object)
      if (known) known.path = path
      else if (!isWithin(part, object)) {
        const child = createPart(object, part, path)
        part.parts ??= new Map()
        part.parts.set(object, child)
        renew(child, renewed)
      }
    }
  }

  function renewStale(): Part[] {
    const renewed: Part[] = []
    for (const part of stale) renew(part, renewed)
    stale.clear()
    unvisited.clear()
    return renewed
  }

  function stop(part: Part) {
    stale.delete(part)
    unvisited.delete(part)
    part.effect.stop()
    part.parts?.forEach(stop)
  }

  /** The expected value of a part, given the expected value of the state. */
  const expected = ({ object, parent, path }: Part, whole: Json | undefined): Json | undefined =>
    object && parent ? valueOf(object, path, expected(parent, whole)) : whole

  const root = unscoped(() => {
    const part = createPart()
    renew(part, [])
    return part
  })
  return {
    quietly(change) {
      quiet = true
      try {
        const whole = change()
        const renewed = stale.size ? unscoped(renewStale) : []
        quiet = false
        if (!renewed.every((part) => agrees(part.object ?? state(), expected(part, whole)))) changed()
      } finally {
        quiet = false
      }
    },
    newItems(visit) {
      const parts = [...unvisited]
      unvisited.clear()
      for (const { object, parts: known } of parts) {
        try {
          visitNewItems(object ?? state(), known, visit)
        } catch {
          // A getter threw. Reading the state reports it and assigns the ids.
        }
      }
    },
    stop: () => stop(root)
  }
}

/** Creates effects in a detached scope. The scope of the caller would keep removed effects until it ends. */
const unscoped = <T>(make: () => T): T => effectScope(true).run(make) as T

/** Whether an object is inside itself. Its parts would never end. */
function isWithin(part: Part | undefined, object: object): boolean {
  for (; part; part = part.parent) if (part.object === object) return true
  return false
}
