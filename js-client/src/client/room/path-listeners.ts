// Listeners at paths of a document, in a tree of their paths. Two versions share equal parts, so only branches that differ are
// followed.
import type { Json } from '../../document/json.ts'
import { type Segment, parsePath } from '../../document/path.ts'
import { get, idOf } from '../../document/values.ts'
import { attempt } from '../runtime/emitter.ts'

export type PathListener = (value: Json | undefined, previous: Json | undefined) => void

interface Node {
  readonly segment: Segment
  readonly listeners: Set<{ readonly call: PathListener }>
  readonly children: Map<string, Node>
}

/** A node with more children is followed only at items that have changed. */
const FEW = 8

const createNode = (segment: Segment): Node => ({ segment, listeners: new Set(), children: new Map() })

const nameOf = (segment: Segment): string => ('key' in segment ? `.${segment.key}` : `[${segment.item}`)

export type PathListeners = ReturnType<typeof createPathListeners>

/** @param known is the first version, to which later ones are compared */
export function createPathListeners(known: Json | undefined) {
  const root = createNode({ key: '' })
  let latest = known
  let notifying = false

  /** Calls the listeners whose values differ, outer ones first. */
  function notify(from: Json | undefined, to: Json | undefined) {
    const calls: (() => void)[] = []
    const walk = ({ listeners, children }: Node, before: Json | undefined, after: Json | undefined) => {
      if (before === after) return
      for (const listener of listeners) calls.push(() => listeners.has(listener) && listener.call(after, before))
      for (const child of affected(children, before, after)) {
        walk(child, get(before, [child.segment]), get(after, [child.segment]))
      }
    }
    walk(root, from, to)
    calls.forEach(attempt)
  }

  return {
    /** Calls when the value at a path changes. Returns a function that ends it. */
    add(path: string, call: PathListener): () => void {
      const way = [root]
      for (const segment of parsePath(path)) {
        const { children } = way.at(-1)!
        const name = nameOf(segment)
        const child = children.get(name) ?? createNode(segment)
        children.set(name, child)
        way.push(child)
      }
      const listener = { call }
      way.at(-1)!.listeners.add(listener)
      return () => {
        way.at(-1)!.listeners.delete(listener)
        for (let i = way.length - 1; i > 0; i--) {
          const node = way[i]!
          const siblings = way[i - 1]!.children
          const name = nameOf(node.segment)
          if (node.listeners.size || node.children.size || siblings.get(name) !== node) return
          siblings.delete(name)
        }
      }
    },

    /** Shows the next version. A version that a listener makes is shown after all have seen this one. */
    show(next: Json | undefined) {
      latest = next
      if (notifying) return
      notifying = true
      while (known !== latest) {
        const before = known
        known = latest
        notify(before, known)
      }
      notifying = false
    }
  }
}

/** The children whose values may differ between two versions of a container. */
function affected(children: Map<string, Node>, before: Json | undefined, after: Json | undefined): Iterable<Node> {
  if (children.size <= FEW || !Array.isArray(before) || !Array.isArray(after)) return children.values()
  const found = new Set<Node>()
  for (let i = Math.max(before.length, after.length) - 1; i >= 0; i--) {
    if (before[i] === after[i]) continue
    for (const item of [before[i], after[i]]) {
      const child = children.get(nameOf({ item: idOf(item) ?? '' }))
      if (child) found.add(child)
    }
  }
  return found
}
