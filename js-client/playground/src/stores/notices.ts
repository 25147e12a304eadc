import { defineStore } from 'pinia'
import { useSyncHooks } from 'pathsync/pinia'
import { ref, watch } from 'vue'
import { valueAt } from '../document.ts'
import { contains, createOwnTexts } from '../overwritten.ts'
import { applyToRoom, documentNow, room } from '../room.ts'
import { describeConflict, describeOverwritten, describeRemoval } from '../wording.ts'
import { usePeopleStore } from './people.ts'
import { useProjectStore } from './project.ts'

const SHOWN_MS = 12_000
const MOST_TOASTS = 4
const MOST_REMOVALS = 100

export interface Toast {
  id: number
  kind: 'conflict' | 'error'
  text: string
  action?: Action | undefined
  /** The path of the text that was replaced. */
  about?: string | undefined
}
export interface Action {
  label: string
  run(): void
}

/** Messages about conflicts, lost text and errors. */
export const useNoticesStore = defineStore('notices', () => {
  const toasts = ref<Toast[]>([])
  const people = usePeopleStore()
  const project = useProjectStore()
  const ownTexts = createOwnTexts()
  /** The paths of the items that others have removed, and who did. */
  let removals: { path: string; by: string }[] = []
  let lastId = 0

  function dismiss(id: number) {
    toasts.value = toasts.value.filter((toast) => toast.id !== id)
  }

  /** A message with an action stays until it is dismissed. */
  function show(kind: Toast['kind'], text: string, action?: Action, about?: string) {
    const id = ++lastId
    toasts.value = [...toasts.value.filter((toast) => toast.text !== text), { id, kind, text, action, about }].slice(
      -MOST_TOASTS
    )
    if (!action) setTimeout(dismiss, SHOWN_MS, id)
  }

  const nameOf = (clientId: string) => people.find(clientId)?.name ?? clientId

  const { onConflict, onError, onLocalChange, onRemoteChange } = useSyncHooks(project)
  onConflict((conflict) => {
    // A replaced text is reported once, with the offer to put it back.
    const reported = toasts.value.some(({ about }) => about === conflict.op.path)
    if (!reported) show('conflict', describeConflict(conflict))
  })
  onError(({ code, message, ops }) => {
    // The connection status already shows a lost network and a refused token.
    if (ops || !['network', 'unauthorized', 'forbidden'].includes(code)) show('error', message)
  })
  onLocalChange(({ ops }) => ownTexts.wrote(ops, performance.now()))
  onRemoteChange(({ clientId, ops }) => {
    const removed = ops.filter(({ op }) => op === 'array_del').map(({ path }) => ({ path, by: clientId }))
    if (removed.length) removals = [...removals, ...removed].slice(-MOST_REMOVALS)
    for (const { path, text, current } of ownTexts.received(ops, performance.now(), (path) => valueAt(documentNow(), path))) {
      const putBack = () => applyToRoom({ op: 'set', path, value: text })
      show('conflict', describeOverwritten(nameOf(clientId), text, current), { label: 'Put mine back', run: putBack }, path)
    }
  })

  /** The row of the field that had the focus is gone. `text` is what the field contained, if it was one for text. */
  function lost(field: string, text: string | undefined) {
    const removal = removals.find(({ path }) => contains(path, field))
    if (!removal) return
    const addAgain = { label: 'Add it again', run: () => project.addTask(undefined, text) }
    show('conflict', describeRemoval(nameOf(removal.by), text), text ? addAgain : undefined)
  }

  watch(room, () => {
    ownTexts.clear()
    removals = []
  })

  return { toasts, dismiss, lost }
})
