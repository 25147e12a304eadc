import { computed } from 'vue'
import { textOf } from './project.ts'
import type { Subtask } from './project.ts'

/** The fields of a row, for its controls. Whatever the document has in them, they read as a text and as yes or no. */
export function useItem(item: () => Subtask) {
  const title = computed({ get: () => textOf(item().title), set: (text) => void (item().title = text) })
  const done = computed({ get: () => item().done === true, set: (yes) => void (item().done = yes) })
  return { title, done }
}
