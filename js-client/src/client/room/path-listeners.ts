// Listeners to parts of a document, in a tree of the paths that they listen at. Two versions share what is the same in both, so
// only the branches are followed in which they differ.
import type { Json } from '../../document/json.ts'
import { type Segment, parsePath } from '../../document/path.ts'
import { get, idOf } from '../../document/values.ts'
import { attempt } from '../runtime/emitter.ts'

export type PartListener = (value: Json | undefined, previous: Json | undefined) => void

interface Node {
  readonly segment: Segment
  readonly listeners: Set<{ readonly call: PartListener }>
  readonly children: Map<string, Node>
}

/** Up to so many children of a node are all followed. Of more, those are looked for whose items have changed. */
const FEW = 8

const createNode = (segment: Segment): Node => ({ segment, listeners: new Set(), children: new Map() })

const nameOf = (segment: Segment): string => ('key' in segment ? `.${segment.key}` : `[${segment.item}`)

export type Parts = ReturnType<typeof createParts>

/** @param known is the version that listeners know when they begin */
export function createParts(known: Json | undefined) {
  const root = createNode({ key: '' })
  let latest = known
  let telling = false

  /** Calls those whose values differ, from the outside to the inside. */
  function tell(from: Json | undefined, to: Json | undefined) {
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
    /** Calls when the value at a path changes, until the function returned is called. */
    add(path: string, call: PartListener): () => void {
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

    /** Shows the next version. One that a listener makes is shown when all have seen this one. */
    show(next: Json | undefined) {
      latest = next
      if (telling) return
      telling = true
      while (known !== latest) {
        const before = known
        known = latest
        tell(before, known)
      }
      telling = false
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
