import type { Json, Operation, Room } from 'pathsync'
import { ref, watch } from 'vue'
import { roomOf } from './room-name.ts'
import { pathsync } from './sync.ts'

/** The key of the document that the page shows. */
export const KEY = 'project'

/** The room in the page's address. The `room` getter of the project store reads it, so the store follows it. */
export const room = ref(roomOf(location.search))

export function enterRoom(name: string) {
  const url = new URL(location.href)
  url.searchParams.set('room', name)
  history.pushState(null, '', url)
  room.value = name
}

addEventListener('popstate', () => {
  room.value = roomOf(location.search)
})

let current: Room | undefined
watch(
  room,
  () => {
    current?.leave()
    current = undefined
  },
  { flush: 'sync' }
)

/** The client's handle of the current room. It is left when the page enters another one. */
export const currentRoom = (): Room => (current ??= pathsync.client.room(room.value))

/** The document as the page shows it. */
export const documentNow = (): Json | undefined => currentRoom().document(KEY).state

/** Applies an operation like any edit of the page. */
export const applyToRoom = (op: Operation) => currentRoom().document(KEY).apply(op)
