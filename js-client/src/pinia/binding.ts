// Binds documents of one room to reactive state, such as that of a store.
import { computed, getCurrentScope, onScopeDispose, shallowRef } from 'vue'
import { createEmitter } from '../client/runtime/emitter.ts'
import type { Attachment, Client, Room, RoomEvents, RoomStatus } from '../types.ts'
import { claim } from './claims.ts'
import { currentApp, followRoom } from './follow.ts'
import { type Place, type StateMirror, createMirror } from './mirror.ts'
import type { SyncOptions } from './options.ts'

export type Binding = ReturnType<typeof createBinding>

interface Slot {
  readonly key: string
  readonly mirror: StateMirror
  attachment?: Attachment | undefined
  /** The state was touched while it was not attached. */
  touched: boolean
}

const EVENTS = ['remoteChange', 'localChange', 'stateLoaded', 'conflict', 'error'] as const

export function createBinding(client: Client, { room: name, debounceMs }: SyncOptions) {
  const scope = getCurrentScope()
  const ownApp = currentApp()
  const events = createEmitter<RoomEvents>()
  const slots: Slot[] = []
  const status = shallowRef<RoomStatus>()
  let room: Room | undefined
  let store: string | undefined
  /** The state belongs to a room that was left. */
  let used = false
  let started = false
  let loaded = () => {}
  const ready = new Promise<void>((resolve) => (loaded = resolve))

  function attach(slot: Slot, room: Room) {
    const { key, mirror } = slot
    mirror.begin()
    const document = room.document(key, { initial: mirror.read(mirror.initial), debounceMs })
    slot.touched = false
    const attachment = document.attach(mirror)
    slot.attachment = attachment
    if (slot.touched) attachment.touched()
    void document.ready.then(() => slot.attachment === attachment && loaded())
  }

  function reset() {
    for (const { mirror } of slots) mirror.reset()
  }

  function join(joined: Room | undefined) {
    if (used) reset()
    used = false
    if (!joined) return
    room = joined
    const offs = [
      joined.on('status', (next) => (status.value = next)),
      ...EVENTS.map((event) =>
        joined.on(event, (payload) => {
          // The room receives the results of the listeners, such as the resolution of a conflict.
          if (!('key' in payload) || slots.some(({ key }) => key === payload.key))
            return events.emit(event, payload) as unknown as void
        })
      )
    ]
    if (store !== undefined) for (const { key } of slots) offs.push(claim(client, joined.name, key, store))
    for (const slot of slots) attach(slot, joined)
    status.value = joined.status
    return () => {
      for (const slot of slots) {
        slot.attachment?.detach()
        slot.attachment = undefined
      }
      for (const off of offs) off()
      room = status.value = undefined
      used = true
    }
  }

  return {
    /** Adds a listener to the events of the documents, in every room of the binding. */
    on: events.on,
    /** Resolves when the documents have loaded for the first time. */
    ready,
    /** The status of the room; undefined outside of a room. */
    status,
    /** The first problem of the state, if any. */
    problem: computed(() => slots.flatMap(({ mirror }) => [...mirror.problems.values()])[0]),

    /** Restores the initial state. Only outside of a room. */
    reset,

    /** Binds a document of the room to a place. */
    add(key: string, place: Place) {
      const mirror = createMirror(place, {
        key,
        touched() {
          slot.touched = true
          slot.attachment?.touched()
        },
        failed(error) {
          console.warn(`[pathsync] ${error.message}`)
          if (room) events.emit('error', { room: room.name, ...error })
        }
      })
      const slot: Slot = { key, mirror, touched: false }
      slots.push(slot)
      if (room) attach(slot, room)
    },

    /** Joins the room, and follows its name until the scope ends. Further calls do nothing. `owner`: the id of the store. */
    start(app = ownApp, owner?: string) {
      if (started) return
      started = true
      store = owner
      const follow = () => {
        followRoom(client, name, join, app)
        if (scope) onScopeDispose(() => slots.forEach(({ mirror }) => mirror.stop()))
      }
      if (!scope) follow()
      else if (scope.active) scope.run(follow)
    }
  }
}
