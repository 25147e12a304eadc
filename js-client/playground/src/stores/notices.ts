import { defineStore } from 'pinia'
import { useSyncHooks } from 'pathsync/pinia'
import { ref, watch } from 'vue'
import { room } from '../room.ts'
import { describeConflict, describeOperation } from '../wording.ts'
import { useProjectStore } from './project.ts'

const SHOWN_MS = 12_000
const MOST_TOASTS = 4
const MOST_LINES = 50

export interface Toast {
  id: number
  kind: 'conflict' | 'error'
  text: string
}
export interface Line {
  id: number
  from: 'self' | 'others'
  text: string
}

/** Messages about conflicts and errors, and a log of the operations in the room. */
export const useNoticesStore = defineStore('notices', () => {
  const toasts = ref<Toast[]>([])
  const lines = ref<Line[]>([])
  let lastId = 0

  function dismiss(id: number) {
    toasts.value = toasts.value.filter((toast) => toast.id !== id)
  }

  function show(kind: Toast['kind'], text: string) {
    const id = ++lastId
    toasts.value = [...toasts.value.filter((toast) => toast.text !== text), { id, kind, text }].slice(-MOST_TOASTS)
    setTimeout(dismiss, SHOWN_MS, id)
  }

  function log(from: Line['from'], ops: readonly Parameters<typeof describeOperation>[0][]) {
    const added = ops.map((op) => ({ id: ++lastId, from, text: describeOperation(op) }))
    lines.value = [...added.reverse(), ...lines.value].slice(0, MOST_LINES)
  }

  const { onConflict, onError, onLocalChange, onRemoteChange } = useSyncHooks(useProjectStore())
  onConflict((conflict) => show('conflict', describeConflict(conflict)))
  onError(({ code, message, ops }) => {
    // The connection status already shows a lost network and a refused token.
    if (ops || !['network', 'unauthorized', 'forbidden'].includes(code)) show('error', message)
  })
  onLocalChange(({ ops }) => log('self', ops))
  onRemoteChange(({ ops }) => log('others', ops))

  watch(room, () => (lines.value = []))

  return { toasts, lines, dismiss }
})
