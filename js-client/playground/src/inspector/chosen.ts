import type { Operation } from 'pathsync'
import { shallowRef } from 'vue'
import { tab } from './tab.ts'

/** The operation that the tab Code shows; undefined until one is chosen. */
export const chosen = shallowRef<Operation>()

export function choose(op: Operation) {
  chosen.value = op
  tab.value = 'code'
}
