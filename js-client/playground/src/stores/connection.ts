import { defineStore } from 'pinia'
import { useSyncStatus } from 'pathsync/pinia'
import { computed, ref, watch } from 'vue'
import { currentRoom } from '../room.ts'
import { pathsync } from '../sync.ts'
import { useProjectStore } from './project.ts'

/** The connection of this window: its state, pending changes, and the simulated outage. */
export const useConnectionStore = defineStore('connection', () => {
  const { client } = pathsync
  const status = useSyncStatus(useProjectStore())
  const simulated = ref(client.offline)
  const online = ref(navigator.onLine)
  /** How often the connection was lost and found again. */
  const reconnects = ref(-1)
  addEventListener('online', () => (online.value = true))
  addEventListener('offline', () => (online.value = false))
  watch(
    () => status.value.connected,
    (connected) => connected && reconnects.value++,
    { immediate: true }
  )

  const state = computed(() => {
    if (simulated.value) return 'offline'
    if (status.value.connected) return 'connected'
    return online.value ? 'connecting' : 'offline'
  })

  function toggle() {
    simulated.value = !simulated.value
    if (simulated.value) client.disconnect()
    else client.connect()
  }

  /** When the next attempt begins, in milliseconds from now; undefined while none is waited for. */
  const retryInMs = () => currentRoom().retryInMs

  /** Ends the wait for the next attempt. */
  function retry() {
    client.disconnect()
    client.connect()
  }

  return { client, status, state, simulated, online, reconnects, toggle, retryInMs, retry }
})
