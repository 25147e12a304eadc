import { newId } from '../document/ids.ts'
import type { Client, ClientOptions } from '../types.ts'
import { createApi } from './transport/api.ts'
import { drawTogether } from './runtime/backoff.ts'
import { MAX_WAIT_MS, within } from './runtime/clock.ts'
import type { ReadStream } from './transport/fetch-stream.ts'
import { checkName, warnOfRoom } from './names.ts'
import { beforeLeaving, hasFewConnections, onPage } from './runtime/page.ts'
import { createRoom, type RoomContext, type SharedRoom } from './room/room.ts'
import { readers } from './transport/stream.ts'

/** The longest step of `clientSeq`: eleven days in microseconds, the unit of a client with a fixed id. */
const MAX_LEAP = 1e12

/** With more rooms than this, all share one stream where the browser has six connections for all of its tabs. */
const OWN_STREAMS = 1

/** Creates a client. It makes no request until a room is entered. */
export function createClient(options: ClientOptions = {}): Client {
  const { url = '', token, transport = 'fetch', persist, user, tabs = true, oneStream } = options
  const debounceMs = within(options.debounceMs, 0, MAX_WAIT_MS, 400)
  const maxWaitMs = within(options.maxWaitMs, 0, MAX_WAIT_MS, 1500)
  const heartbeatMs = within(options.heartbeatMs, 100, MAX_WAIT_MS, 15_000)
  const { clientId = newId(), displayName, fetch = (...request) => globalThis.fetch(...request) } = options
  checkName('a client', clientId)
  const rooms = new Map<string, SharedRoom>()
  /** Only in a page: some servers' runtimes have locks, too. */
  const leadership =
    tabs && globalThis.document && globalThis.navigator?.locks ? import('./transport/leadership.ts') : undefined
  leadership?.catch(() => {}) // each tab reads for itself
  /** The reader of the shared stream. Where it cannot be loaded, each room has its own stream. */
  let shared: Promise<ReadStream | undefined> | undefined
  const shares = () => oneStream ?? (rooms.size > OWN_STREAMS && hasFewConnections(api.root))
  const sharedStream = () =>
    shares()
      ? (shared ??= import('./transport/one-stream.ts')
          .then(({ joinRooms }) => joinRooms(readers, transport))
          .catch(() => undefined))
      : undefined
  const drawnTogether = drawTogether()
  const api = createApi({ url, token, fetch, reached })
  const outboxes = persist
    ? import('./storage/saved-outbox.ts').then(({ openOutboxes }) => openOutboxes(persist, url, api, user))
    : undefined
  outboxes?.catch(() => {}) // each room reports it
  const caches =
    persist === true ? import('./storage/document-cache.ts').then(({ openCaches }) => openCaches(api, user)) : undefined
  caches?.catch(() => {}) // each room reports it
  // The numbers of a client with a fixed id begin at the time, as those of an earlier run must not be used again. If the clock was
  // set back since, the server refuses them, and larger ones follow.
  let seq = options.clientId ? Date.now() * 1000 : 0
  let offline = false
  let stopWatching: (() => void) | undefined
  /** Rooms with pending changes. */
  const unsent = new Set<string>()
  let stopGuarding: (() => void) | undefined
  const context: Omit<RoomContext, 'room'> = {
    api,
    clientId,
    displayName,
    transport,
    debounceMs,
    maxWaitMs,
    heartbeatMs,
    outboxes,
    caches,
    tabs: leadership,
    user,
    sharedStream,
    random: () => (shares() ? drawnTogether() : Math.random()),
    nextSeq: () => ++seq,
    passed(times: number) {
      seq += Math.min(1000 * 10 ** times, MAX_LEAP)
    }
  }

  function reached() {
    for (const room of rooms.values()) room.reached()
  }

  /** Rooms with little to send come first, as all share the budget of keepalive requests. */
  function hide() {
    const weights = new Map([...rooms.values()].map((room) => [room, rooms.size > 1 ? room.weigh() : 0]))
    const order = [...weights].sort(([, a], [, b]) => a - b)
    for (const [room] of order) room.hide()
  }

  function enter(name: string): SharedRoom {
    const room = createRoom(
      { ...context, room: name },
      {
        onPending(pending) {
          if (pending) unsent.add(name)
          else unsent.delete(name)
          if (unsent.size) stopGuarding ??= beforeLeaving(hide)
          else stopGuarding = stopGuarding?.() as undefined
        },
        onEmpty() {
          rooms.delete(name)
          if (!rooms.size) {
            stopWatching?.()
            stopWatching = undefined
          }
        }
      }
    )
    rooms.set(name, room)
    // Rooms with separate streams would use up the connections.
    if (oneStream === undefined && rooms.size === OWN_STREAMS + 1 && shares())
      for (const other of rooms.values()) if (other !== room) other.regroup()
    stopWatching ??= onPage((event) => {
      if (event === 'hidden') return hide()
      for (const room of [...rooms.values()]) {
        if (event === 'closed') room.bye()
        else room.wake()
      }
    })
    return room
  }

  return {
    clientId,
    displayName,
    get offline() {
      return offline
    },
    room(name) {
      checkName('a room', name)
      warnOfRoom(name)
      const known = rooms.get(name)
      const room = known ?? enter(name)
      const handle = room.enter()
      if (!known && !offline) void room.open()
      return handle
    },
    disconnect() {
      offline = true
      for (const room of rooms.values()) room.disconnect()
    },
    connect() {
      offline = false
      for (const room of rooms.values()) void room.open()
    },
    async clear() {
      await Promise.all([outboxes?.then((all) => all.clear(clientId)), caches?.then((all) => all.clear())])
    },
    close() {
      hide()
      for (const room of [...rooms.values()]) room.close()
      void outboxes?.then(
        (all) => all.close(),
        () => {}
      )
    }
  }
}
