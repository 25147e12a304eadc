import { defineStore } from 'pinia'
import { useSyncStatus } from 'pathsync/pinia'
import { computed, ref } from 'vue'
import { pathsync } from '../sync.ts'
import { useProjectStore } from './project.ts'

/** The connection of this window: its state, pending changes, and the simulated outage. */
export const useConnectionStore = defineStore('connection', () => {
  const { client } = pathsync
  const status = useSyncStatus(useProjectStore())
  const simulated = ref(client.offline)
  const online = ref(navigator.onLine)
  addEventListener('online', () => (online.value = true))
  addEventListener('offline', () => (online.value = false))

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

  return { client, status, state, simulated, toggle }
})
