import { type App, getCurrentInstance, toValue, watch } from 'vue'
import type { Client, Room } from '../types.ts'
import type { RoomName } from './options.ts'

/** The application of the current component, if there is one. */
export const currentApp = (): App | undefined => getCurrentInstance()?.appContext.app

/**
 * Joins the named room, and leaves it when the name changes or the scope ends. It follows the name at once, not at the next
 * rendering: changes made after a change of the name belong to the new room.
 *
 * @param join is called with each room, or undefined for none. Returns a function that is called before the room is left.
 * @param app the context of the getter, if the name is one
 */
export function followRoom(
  client: Client,
  name: RoomName,
  join: (room: Room | undefined) => (() => void) | void,
  app = currentApp()
) {
  const read = () => toValue(name) || undefined
  watch(
    () => (app ? app.runWithContext(read) : read()),
    (name, _, onCleanup) => {
      const room = name === undefined ? undefined : client.room(name)
      let leave: (() => void) | void
      // First: the room is left even if `join` throws.
      onCleanup(() => {
        leave?.()
        room?.leave()
      })
      leave = join(room)
    },
    { immediate: true, flush: 'sync' }
  )
}
