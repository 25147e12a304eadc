import { newId } from '../document/ids.ts'
import type { Client, ClientOptions } from '../types.ts'
import { createApi } from './api.ts'
import { drawTogether } from './backoff.ts'
import { onPage } from './page.ts'
import { createRoom, type SharedRoom } from './room.ts'
import { readers } from './stream.ts'

/** Makes a client. It does nothing until a room is entered. */
export function createClient(options: ClientOptions = {}): Client {
  const { url = '', token, transport = 'fetch', debounceMs = 400, maxWaitMs = 1500, heartbeatMs = 15_000 } = options
  const { persist, tabs = true, oneStream } = options
  const { clientId = newId(), displayName, fetch = (...request) => globalThis.fetch(...request) } = options
  const rooms = new Map<string, SharedRoom>()
  const outboxes = persist ? import('./outbox.ts').then(({ openOutboxes }) => openOutboxes(persist, url)) : undefined
  outboxes?.catch(() => {}) // each room reports it
  /** Without a window there are no tabs, though some servers' runtimes have locks. */
  const sharing = tabs && globalThis.document && globalThis.navigator?.locks ? import('./tabs.ts') : undefined
  sharing?.catch(() => {}) // each tab reads for itself
  /** Where it cannot be loaded, each room has its own. */
  const joined = oneStream
    ? import('./one-stream.ts').then(({ joinRooms }) => joinRooms(readers, transport)).catch(() => undefined)
    : undefined
  // A client with a fixed id may have been here before, and its numbers must not be used again.
  let seq = options.clientId ? Date.now() * 1000 : 0
  let offline = false
  let stopWatching: (() => void) | undefined
  const shared = {
    api: createApi({ url, token, fetch }),
    clientId,
    displayName,
    transport,
    debounceMs,
    maxWaitMs,
    heartbeatMs,
    outboxes,
    sharing,
    shareAs: tabs || undefined,
    joined,
    random: oneStream ? drawTogether() : undefined,
    nextSeq: () => ++seq
  }

  function enter(name: string): SharedRoom {
    const room = createRoom({
      ...shared,
      room: name,
      onEmpty() {
        rooms.delete(name)
        if (!rooms.size) {
          stopWatching?.()
          stopWatching = undefined
        }
      }
    })
    rooms.set(name, room)
    stopWatching ??= onPage((event) => {
      for (const room of [...rooms.values()]) {
        if (event === 'hidden') room.hide()
        else if (event === 'closed') room.bye()
        else room.wake()
      }
    })
    return room
  }

  return {
    clientId,
    get offline() {
      return offline
    },
    room(name) {
      // What cannot be in a URL is found here and not in the middle of a request. The server checks the rest.
      if (!name || !encodeURIComponent(name)) throw new TypeError('a room needs a name')
      const known = rooms.get(name)
      const room = known ?? enter(name)
      const guest = room.enter()
      if (!known && !offline) void room.open()
      return guest
    },
    disconnect() {
      offline = true
      for (const room of rooms.values()) room.disconnect()
    },
    connect() {
      offline = false
      for (const room of rooms.values()) void room.open()
    },
    close() {
      for (const room of [...rooms.values()]) {
        room.hide()
        room.close()
      }
      void outboxes?.then((all) => all.close(), () => {})
    }
  }
}
