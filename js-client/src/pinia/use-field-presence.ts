import { type ComputedRef, type MaybeRefOrGetter, computed, shallowRef, toValue, watch } from 'vue'
import { after, type Timer } from '../client/runtime/clock.ts'
import { repairField } from '../client/room/presence-value.ts'
import type { Client, User } from '../types.ts'
import { activeClient } from './active.ts'
import { followRoom } from './follow.ts'
import type { ClientOption, RoomName } from './options.ts'

export interface FieldPresence {
  /** The other users in the field. */
  editors: ComputedRef<User[]>
  /** A sentence such as "Ada and Bob are editing"; null if there are no editors. */
  editingMessage: ComputedRef<string | null>
  /** Call it when the field gets the focus. */
  focus(): void
  /** Call it when the field loses the focus. */
  blur(): void
}

/** For each client and room, the composable that was focused last. */
const cursors = new WeakMap<Client, Map<string, object>>()

function cursorsOf(client: Client) {
  const known = cursors.get(client) ?? new Map<string, object>()
  cursors.set(client, known)
  return known
}

/** The users who edit a field of a form, such as an input. The name of the field is up to the application. */
export function useFieldPresence(
  room: RoomName,
  field: MaybeRefOrGetter<string>,
  { client = activeClient() }: ClientOption = {}
): FieldPresence {
  const users = shallowRef<readonly User[]>([])
  const editors = computed(() =>
    users.value.filter((user) => user.field === repairField(toValue(field)) && user.clientId !== client?.clientId)
  )
  const editingMessage = computed(() => describe(editors.value.map(({ displayName }) => displayName || 'Anonymous')))
  let focused = false
  let publish = () => {}
  let leave = () => {}

  if (client) {
    const cursors = cursorsOf(client)
    followRoom(client, room, (room) => {
      users.value = room?.users ?? []
      if (!room) return
      const self = {}
      let leaving: Timer | undefined

      /** Clears the field, unless another field was focused. */
      const clear = () => {
        clearTimeout(leaving)
        leaving = undefined
        if (cursors.get(room.name) !== self) return
        cursors.delete(room.name)
        room.setPresence({ field: null })
      }
      publish = () => {
        clearTimeout(leaving)
        cursors.set(room.name, self)
        room.setPresence({ field: toValue(field) })
      }
      // The focus of the next field follows at once, so one request is enough for both.
      leave = () => (leaving = after(0, clear))
      if (focused) publish()

      const off = room.on('presence', (present) => (users.value = present))
      return () => {
        clear()
        publish = leave = () => {}
        off()
      }
    })
    watch(
      () => toValue(field),
      () => focused && publish()
    )
  }

  return {
    editors,
    editingMessage,
    focus() {
      if (!focused) publish()
      focused = true
    },
    blur() {
      if (focused) leave()
      focused = false
    }
  }
}

function describe([first, second, ...others]: string[]): string | null {
  if (first === undefined) return null
  if (second === undefined) return `${first} is editing`
  if (!others.length) return `${first} and ${second} are editing`
  return `${first}, ${second}, and ${others.length} other${others.length > 1 ? 's' : ''} are editing`
}
