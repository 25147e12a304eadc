import { type ComputedRef, type Ref, computed, shallowRef } from 'vue'
import type { User } from '../types.ts'
import { activeClient } from './active.ts'
import { followRoom } from './follow.ts'
import type { ClientOption, RoomName } from './options.ts'

/** The users in a room, this client included. The client is in the room until the scope ends. */
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
