import { defineStore } from 'pinia'
import { useSyncHooks } from 'pathsync/pinia'
import { computed, ref, watch } from 'vue'
import { room } from '../room.ts'
import { askForToken, mayWrite, offerToken, onToken, token } from '../token.ts'
import { describeRefusal } from '../wording.ts'
import { useConnectionStore } from './connection.ts'
import { useProjectStore } from './project.ts'

/** How long another window may take to answer, in milliseconds. */
const ANSWER_MS = 300

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
  /** The refused token for which the other windows were asked. */
  let asked: string | undefined
  /** The user has entered the token here. */
  let entered = false
  onError(async ({ code, message, ops }) => {
    if (ops || (code !== 'unauthorized' && code !== 'forbidden')) return
    const refused = token.value
    if (code === 'unauthorized' && asked !== refused) {
      asked = refused
      askForToken()
      await new Promise((resolve) => setTimeout(resolve, ANSWER_MS))
      if (token.value !== refused) return
    }
    trying.value = false
    refusal.value = describeRefusal(code, message, refused !== '')
  })
  onToken((given) => {
    const needed = refusal.value !== '' || asked === token.value
    if (needed && given !== token.value && !connection.status.connected) use(given)
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
      if (entered) offerToken()
      entered = false
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

  /** Uses a token that the user has entered, in the other windows that need one, too. */
  function enter(value: string) {
    entered = true
    use(value)
  }

  return { refusal, asking, changing, trying, readOnly, enter }
})
