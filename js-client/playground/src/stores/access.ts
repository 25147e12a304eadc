import { defineStore } from 'pinia'
import { useSyncHooks } from 'pathsync/pinia'
import { computed, ref, watch } from 'vue'
import { room } from '../room.ts'
import { mayWrite, token } from '../token.ts'
import { describeRefusal } from '../wording.ts'
import { useConnectionStore } from './connection.ts'
import { useProjectStore } from './project.ts'

/** Whether the server admits this window, and the token form. */
export const useAccessStore = defineStore('access', () => {
  const connection = useConnectionStore()
  /** Why the server refuses the window; empty if it does not. */
  const refusal = ref('')
  const changing = ref(false)
  const readOnly = ref(false)
  const asking = computed(() => changing.value || refusal.value !== '')

  const { onError } = useSyncHooks(useProjectStore())
  onError(({ code, message, ops }) => {
    if (!ops && (code === 'unauthorized' || code === 'forbidden'))
      refusal.value = describeRefusal(code, message, token.value !== '')
  })

  watch(
    [room, () => connection.status.connected],
    async ([name, connected], [before]) => {
      if (name !== before) readOnly.value = false
      if (name !== before || connected) refusal.value = ''
      if (!connected || !token.value) return
      const writable = await mayWrite(name)
      if (name === room.value) readOnly.value = !writable
    },
    { immediate: true }
  )

  /** Replaces the token. A connected window reloads, and loses unsent changes; others keep them. */
  function use(value: string) {
    changing.value = false
    refusal.value = ''
    token.value = value
    if (connection.status.connected) return location.reload()
    const { client } = connection
    client.disconnect()
    client.connect()
  }

  return { refusal, asking, changing, readOnly, use }
})
