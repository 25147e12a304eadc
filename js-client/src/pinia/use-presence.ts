import { type ComputedRef, type Ref, computed, shallowRef } from 'vue'
import type { User } from '../types.ts'
import { activeClient } from './active.ts'
import { followRoom } from './follow.ts'
import type { ClientOption, RoomName } from './options.ts'

/** Who is in a room, this client included. It is in the room itself for as long as the scope lasts. */
export function usePresence(
  room: RoomName,
  { client = activeClient() }: ClientOption = {}
): { users: Ref<User[]>; count: ComputedRef<number> } {
  const users = shallowRef<User[]>([])
  if (client) {
    followRoom(client, room, (room) => {
      users.value = [...(room?.users ?? [])]
      return room?.on('presence', (present) => (users.value = [...present]))
    })
  }
  return { users, count: computed(() => users.value.length) }
}
