import { newId } from '../document/ids.ts'
import type { Client, ClientOptions, OutboxStorage } from '../types.ts'
import { createApi } from './api.ts'
import { onPage } from './page.ts'
import { createRoom, type SharedRoom } from './room.ts'

/** Makes a client. It does nothing until a room is entered. */
export function createClient(options: ClientOptions = {}): Client {
  const { url = '', token, transport = 'fetch', debounceMs = 400, maxWaitMs = 1500, heartbeatMs = 15_000, persist = false } = options
  const clientId = options.clientId ?? newId()
  const api = createApi({ url, token, fetch: options.fetch ?? ((...request) => fetch(...request)) })
  const rooms = new Map<string, SharedRoom>()
  const storage = persist ? open(persist, url) : undefined
  // A client with a fixed id may have been here before, and its numbers must not be used again.
  let seq = options.clientId ? Date.now() * 1000 : 0
  let offline = false
  let stopWatching: (() => void) | undefined

  function enter(name: string): SharedRoom {
    const room = createRoom({
      api,
      name,
      clientId,
      displayName: options.displayName,
      transport,
      debounceMs,
      maxWaitMs,
      heartbeatMs,
      nextSeq: () => ++seq,
      storage,
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
      void storage?.then((store) => store.close())
    }
  }
}

/** IndexedDB is loaded only by those who want it. */
const open = async (persist: true | OutboxStorage, url: string): Promise<OutboxStorage> =>
  persist === true ? (await import('./indexeddb.ts')).indexedDBStorage(url) : persist
