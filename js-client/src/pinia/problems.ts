// The problems of a mirrored document: each is reported once, and kept until it is solved.
import { shallowReactive } from 'vue'
import type { SyncErrorEvent } from '../types.ts'

export type Problem = Pick<SyncErrorEvent, 'code' | 'message'>

/**
 * @param key the key of the document, for messages
 * @param isWhole whether the document is the whole state
 * @param failed is called once for each message
 */
export function createProblems(key: string, isWhole: boolean, failed: (error: Omit<SyncErrorEvent, 'room'>) => void) {
  /** The current problems, by place in the document. */
  const current = shallowReactive(new Map<string, Problem>())
  const reported = new Set<string>()

  /** The name of a place in the state. */
  function label(place: string) {
    if (isWhole) return place || 'the state'
    return /^(\[|$)/.test(place) ? key + place : `${key}.${place}`
  }

  return {
    current,
    /** Reports a problem. Without `isLasting`, it is not kept. */
    report(place: string, code: string, why: string, isLasting = true) {
      const path = label(place)
      const message = `${path} ${why}`
      if (isLasting) current.set(place, { code, message })
      if (reported.has(message)) return
      reported.add(message)
      failed({ code, message, path })
    },
    /** The problem of a place is solved. The same problem is reported again if it returns. */
    solved(place: string) {
      reported.delete(current.get(place)?.message ?? '')
      current.delete(place)
    }
  }
}
