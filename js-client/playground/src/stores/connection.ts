import { defineStore } from 'pinia'
import { useSyncStatus } from 'pathsync/pinia'
import { computed, ref, watch } from 'vue'
import { pane } from '../pane.ts'
import { currentRoom, room } from '../room.ts'
import { pathsync } from '../sync.ts'
import { openChannel } from '../windows.ts'
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

  // Of several tabs with a room, one reads the stream. It tells the others when it tries again.
  type Message = { readonly room: string; readonly at: number } | { readonly room: string; readonly now: true }
  /** When the tab that reads the stream tries again, in milliseconds since 1970. */
  let attemptAt = 0
  const tell = openChannel<Message>(`pathsync:attempt${pane}`, (message) => {
    if (message.room !== room.value) return
    if ('at' in message) attemptAt = message.at
    else if (currentRoom().retryInMs !== undefined) reconnect()
  })

  /** When the next attempt begins, in milliseconds from now; 0 while none is waited for. Call it often: it tells the other tabs. */
  function retryInMs(): number {
    const own = currentRoom().retryInMs
    if (own === undefined) return Math.max(0, attemptAt - Date.now())
    tell({ room: room.value, at: Date.now() + own })
    return own
  }

  function reconnect() {
    client.disconnect()
    client.connect()
  }

  /** Ends the wait for the next attempt. */
  function retry() {
    if (currentRoom().retryInMs === undefined && attemptAt > Date.now()) tell({ room: room.value, now: true })
    else reconnect()
  }

  return { client, status, state, simulated, online, reconnects, toggle, retryInMs, retry }
})
