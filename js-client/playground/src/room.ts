import { ref } from 'vue'
import { roomOf } from './room-name.ts'

/** The room that the address names. The project store's `room` getter reads it, and so the store follows it. */
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
