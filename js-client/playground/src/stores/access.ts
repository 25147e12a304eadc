import { defineStore } from 'pinia'
import { useSyncHooks } from 'pathsync/pinia'
import { computed, ref, watch } from 'vue'
import { room } from '../room.ts'
import { mayWrite, token, tokenOfAnotherWindow } from '../token.ts'
import { describeRefusal } from '../wording.ts'
import { useConnectionStore } from './connection.ts'
import { useProjectStore } from './project.ts'

/** Whether the server admits this window, and the token form. */
export const useAccessStore = defineStore('access', () => {
  const connection = useConnectionStore()
  /** Why the server refuses the window; empty if it does not. */
  const refusal = ref('')
  const changing = ref(false)
  /** A new token was sent, and the server has not answered yet. */
  const trying = ref(false)
  const readOnly = ref(false)
  const asking = computed(() => changing.value || trying.value || refusal.value !== '')

  const { onError } = useSyncHooks(useProjectStore())
  let asked = false
  onError(async ({ code, message, ops }) => {
    if (ops || (code !== 'unauthorized' && code !== 'forbidden')) return
    if (code === 'unauthorized' && !token.value && !asked) {
      asked = true
      const given = await tokenOfAnotherWindow()
      if (given) return use(given)
    }
    trying.value = false
    refusal.value = describeRefusal(code, message, token.value !== '')
  })

  watch(
    [room, () => connection.status.connected],
    async ([name, connected], [before]) => {
      if (name !== before) readOnly.value = false
      if (name !== before || connected) {
        refusal.value = ''
        trying.value = false
      }
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
    trying.value = true
    const { client } = connection
    client.disconnect()
    client.connect()
  }

  return { refusal, asking, changing, trying, readOnly, use }
})
