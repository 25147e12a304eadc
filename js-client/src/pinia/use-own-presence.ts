import { type MaybeRefOrGetter, toValue, watch } from 'vue'
import type { Client, OwnPresence, Room } from '../types.ts'
import { activeClient } from './active.ts'
import { followRoom } from './follow.ts'
import type { ClientOption, RoomName } from './options.ts'

const MEMBERS = ['displayName', 'field', 'meta'] as const
type Member = (typeof MEMBERS)[number]

/** The presence of one client in one room, as several composables make it. */
interface Shared {
  /** By the composables that have said something, in their order. Of two that name the same member, the later one counts. */
  readonly parts: Map<object, OwnPresence>
  /** What each member was set to last, as JSON. */
  readonly said: Map<Member, string>
}

const sharedByRoom = new WeakMap<Client, Map<string, Shared>>()

/**
 * Shows this client to the others in a room: its name, the field that it is in, or any other data. What is reactive in it is
 * followed. Members that are left out stay as they are. When the scope ends, or the room changes, the members are as they were
 * without it: the name is that of the client, and the others are cleared.
 */
export function useOwnPresence(
  room: RoomName,
  presence: MaybeRefOrGetter<OwnPresence>,
  { client = activeClient() }: ClientOption = {}
): void {
  if (!client) return
  let say = () => {}
  followRoom(client, room, (room) => {
    if (!room) return
    const self = {}
    const shared = sharedIn(client, room)
    say = () => {
      shared.parts.set(self, { ...toValue(presence) })
      publish(shared, client, room)
    }
    say()
    return () => {
      say = () => {}
      shared.parts.delete(self)
      publish(shared, client, room)
    }
  })
  watch(
    () => JSON.stringify(toValue(presence)),
    () => say()
  )
}

function sharedIn(client: Client, { name }: Room): Shared {
  const rooms = sharedByRoom.get(client) ?? new Map<string, Shared>()
  sharedByRoom.set(client, rooms)
  const known = rooms.get(name) ?? { parts: new Map(), said: new Map() }
  rooms.set(name, known)
  return known
}

/** Says what differs from what was said last. */
function publish({ parts, said }: Shared, client: Client, room: Room) {
  const next: OwnPresence = {}
  for (const member of MEMBERS) {
    const without = member === 'displayName' ? (client.displayName ?? null) : null
    const value = [...parts.values()].findLast((part) => part[member] !== undefined)?.[member] ?? without
    const text = JSON.stringify(value)
    if (text === (said.get(member) ?? JSON.stringify(without))) continue
    said.set(member, text)
    Object.assign(next, { [member]: value })
  }
  if (!parts.size) sharedByRoom.get(client)?.delete(room.name)
  if (Object.keys(next).length) room.setPresence(next)
}
