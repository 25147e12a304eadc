import { defineStore } from 'pinia'
import { useSyncHooks } from 'pathsync/pinia'
import { markRaw, watch } from 'vue'
import { createBatchLog } from '../inspector/log.ts'
import { room } from '../room.ts'
import { network } from '../sync.ts'
import { useProjectStore } from './project.ts'

const MOST_BATCHES = 200

/** The last batches of the room. It is not reactive, so that it costs nothing while nobody looks. */
export const useLogStore = defineStore('log', () => {
  const log = markRaw(createBatchLog(MOST_BATCHES, Date.now))
  network.onBatch((batch) => (batch.room === room.value ? log.sent(batch) : () => {}))
  const { onRemoteChange, onStateLoaded } = useSyncHooks(useProjectStore())
  onRemoteChange(log.received)
  onStateLoaded(log.loaded)
  watch(room, log.clear)
  return { log }
})
