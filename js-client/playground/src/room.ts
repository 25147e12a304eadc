import { ref } from 'vue'
import { roomOf } from './room-name.ts'

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
