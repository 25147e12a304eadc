import { type App, getCurrentInstance, toValue, watch } from 'vue'
import type { Client, Room } from '../types.ts'
import type { RoomName } from './options.ts'

/** The application that a composable is used in, as far as that is known. */
export const currentApp = (): App | undefined => getCurrentInstance()?.appContext.app

/**
 * Is in the room that is named, until another one is or the scope ends. It follows at once rather than with the next
 * rendering: whatever an application does after it has named another room is meant for that one.
 *
 * @param enter is called with each room, or with undefined for none, and returns what to do before it is left.
 * @param app the context of the getter, if the name is one
 */
export function followRoom(
  client: Client,
  name: RoomName,
  enter: (room: Room | undefined) => (() => void) | void,
  app = currentApp()
) {
  const read = () => toValue(name) || undefined
  watch(
    () => (app ? app.runWithContext(read) : read()),
    (name, _, onCleanup) => {
      const room = name === undefined ? undefined : client.room(name)
      const exit = enter(room)
      onCleanup(() => {
        exit?.()
        room?.leave()
      })
    },
    { immediate: true, flush: 'sync' }
  )
}
