import { type MaybeRefOrGetter, toValue, watch } from 'vue'
import { capture } from '../document/capture.ts'
import type { Client, OwnPresence, Room } from '../types.ts'
import { activeClient } from './active.ts'
import { followRoom } from './follow.ts'
import type { ClientOption, RoomName } from './options.ts'

const MEMBERS = ['displayName', 'field', 'meta'] as const
type Member = (typeof MEMBERS)[number]

/** The presence of one client in one room, set by several composables. */
interface Shared {
  /** The presence of each composable, in order. If two set the same member, the later one wins. */
  readonly parts: Map<object, OwnPresence>
  /** The last published value of each member, as JSON. */
  readonly published: Map<Member, string>
}

const sharedByRoom = new WeakMap<Client, Map<string, Shared>>()

/**
 * Sets the presence of this client in a room: its name, its field, and other data. Reactive values are followed. Omitted members
 * keep their value. When the scope ends, or the room changes, the name becomes that of the client, and the other members are
 * cleared.
 */
export function useOwnPresence(
  room: RoomName,
  presence: MaybeRefOrGetter<OwnPresence>,
  { client = activeClient() }: ClientOption = {}
): void {
  if (!client) return
  let update = () => {}
  followRoom(client, room, (room) => {
    if (!room) return
    const self = {}
    const shared = sharedIn(client, room)
    update = () => {
      shared.parts.set(self, { ...toValue(presence) })
      publish(shared, client, room)
    }
    update()
    return () => {
      update = () => {}
      shared.parts.delete(self)
      publish(shared, client, room)
    }
  })
  watch(
    () => textOf(toValue(presence)),
    () => update()
  )
}

/** The JSON text of the part of a value that is JSON, for comparisons. `setPresence` reports the rest. */
const textOf = (value: unknown) => JSON.stringify(capture(undefined, value, { withoutIds: true })) ?? ''

function sharedIn(client: Client, { name }: Room): Shared {
  const rooms = sharedByRoom.get(client) ?? new Map<string, Shared>()
  sharedByRoom.set(client, rooms)
  const known = rooms.get(name) ?? { parts: new Map(), published: new Map() }
  rooms.set(name, known)
  return known
}

/** Publishes the members that have changed. */
function publish({ parts, published }: Shared, client: Client, room: Room) {
  const next: OwnPresence = {}
  for (const member of MEMBERS) {
    const without = member === 'displayName' ? (client.displayName ?? null) : null
    const value = [...parts.values()].findLast((part) => part[member] !== undefined)?.[member] ?? without
    const text = textOf(value)
    if (text === (published.get(member) ?? textOf(without))) continue
    published.set(member, text)
    Object.assign(next, { [member]: value })
  }
  if (!parts.size) sharedByRoom.get(client)?.delete(room.name)
  if (Object.keys(next).length) room.setPresence(next)
}
