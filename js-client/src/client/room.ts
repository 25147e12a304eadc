// One room of a client: its replica, its stream, its sender and those who look at it, held together.
//
// Whatever changes the replica runs inside `step`: first what the application has changed is taken in (`pull`), so that
// nothing remote is ever folded over an edit that is not known yet; afterwards what is shown is made as it is (`publish`).
import { apply, checkOperation, fold } from '../document/apply.ts'
import { capture } from '../document/capture.ts'
import { diff } from '../document/diff.ts'
import { newId } from '../document/ids.ts'
import type { Json } from '../document/json.ts'
import { isObject, SYNC_ID } from '../document/values.ts'
import { createReplica, type Doc, type Verdict } from '../replica/replica.ts'
import type { Document, DocumentOptions, Mirror, Operation, OwnPresence, Room, RoomEvents, RoomStatus } from '../types.ts'
import type { PresenceChangeEvent, RoomEvent, User } from '../wire.ts'
import type { Api } from './api.ts'
import { connect } from './connection.ts'
import { attempt, createEmitter } from './emitter.ts'
import type { Outbox, Outboxes } from './outbox.ts'
import { ownPresence } from './presence.ts'
import { createSender } from './sender.ts'

export interface RoomOptions {
  api: Api
  room: string
  clientId: string
  displayName?: string | undefined
  transport: 'fetch' | 'eventsource'
  debounceMs: number
  maxWaitMs: number
  heartbeatMs: number
  nextSeq(): number
  outboxes: Promise<Outboxes> | undefined
  /** Nobody is in the room any more, and all of its changes have been delivered. */
  onEmpty(): void
}

/** A mirror and the version of the document that it is known to be as. */
interface Mirrored {
  readonly mirror: Mirror
  known: Json | undefined
  touched: boolean
}

/** A document and those who look at it. */
interface Entry {
  readonly doc: Doc
  readonly mirrors: Set<Mirrored>
  readonly changes: ReturnType<typeof createEmitter<{ state: Json | undefined }>>
  debounceMs: number
  /** The version that they were last shown. */
  shown: Json | undefined
}

/** The events that say which room they are of. */
type OfRoom = Exclude<keyof RoomEvents, 'status' | 'presence'>

/** The longest that a room waits for what closed tabs have left before it goes on without, in milliseconds. */
const ADOPT_MS = 5000

export type SharedRoom = ReturnType<typeof createRoom>

export function createRoom(options: RoomOptions) {
  const { room: name, clientId } = options
  const events = createEmitter<RoomEvents>()
  const entries = new Map<string, Entry>()
  let guests = 0
  let closed = false
  let connection: ReturnType<typeof connect> | undefined
  let users: readonly User[] = []
  let error: string | null = null
  let lastSyncedAt: Date | null = null
  let status: RoomStatus = { connected: false, loaded: false, pendingChanges: 0, lastSyncedAt, error }
  let ready = () => {}
  const loading = new Promise<void>((resolve) => (ready = resolve))

  const replica = createReplica({
    ...options,
    onRemote: ({ key, clientId, serverSeq, ops }) => tell('remoteChange', { key, clientId, serverSeq, ops }),
    onLoaded: ({ key, confirmed }, serverSeq) => {
      if (confirmed !== undefined) tell('stateLoaded', { key, state: confirmed, serverSeq })
    },
    onConflict: (conflict) => tell('conflict', conflict),
    onRefused: ({ code, title, detail }, ops) => fail(code, detail ?? title ?? code, ops)
  })
  const sender = createSender({
    ...options,
    replica,
    step,
    failed: fail,
    succeeded: () => step(synced)
  })
  const presence = ownPresence(options)

  /** Events that wait until what they tell of can be seen. */
  const waiting: (() => void)[] = []
  function later<E extends keyof RoomEvents>(event: E, payload: RoomEvents[E]) {
    waiting.push(() => events.emit(event, payload))
  }
  function tell<E extends OfRoom>(event: E, payload: Omit<RoomEvents[E], 'room'>) {
    later(event, { room: name, ...payload } as RoomEvents[E])
  }

  function synced() {
    lastSyncedAt = new Date()
    error = null
  }

  function fail(code: string, message: string, ops?: readonly Operation[]) {
    error = message
    tell('error', { code, message, ...(ops && { ops }) })
    publish()
  }

  function step<T>(change: () => T): T {
    pull()
    const result = change()
    publish()
    return result
  }

  function pull() {
    for (const [key, { doc, mirrors }] of entries) {
      for (const mirrored of mirrors) {
        if (!mirrored.touched) continue
        mirrored.touched = false
        attempt(() => {
          const { known } = mirrored
          const next = mirrored.mirror.read(known)
          if (next === known || next === undefined) return
          mirrored.known = next
          // Another mirror of the same document may have changed it since this one was shown a version.
          edit(key, doc.view === known ? next : fold(doc.view, diff(known, next)).doc)
        })
      }
    }
  }

  function edit(key: string, next: Json | undefined) {
    const { view } = replica.doc(key)
    if (next === view || next === undefined) return
    tell('localChange', { key, ops: diff(view, next) })
    replica.edit(key, next)
  }

  function publish() {
    for (const entry of entries.values()) {
      const { view } = entry.doc
      if (entry.shown === view) continue
      entry.shown = view
      for (const mirrored of entry.mirrors) show(mirrored, view)
      entry.changes.emit('state', view)
    }
    if (replica.loaded) ready()
    const touched = [...entries.values()].some(({ mirrors }) => [...mirrors].some((mirrored) => mirrored.touched))
    const next: RoomStatus = {
      connected: replica.live,
      loaded: replica.loaded,
      pendingChanges: replica.pending() || Number(touched),
      lastSyncedAt,
      error
    }
    if ((Object.keys(next) as (keyof RoomStatus)[]).some((part) => next[part] !== status[part])) {
      status = next
      events.emit('status', status)
    }
    for (const emit of waiting.splice(0)) emit()
    save()
    if (!guests && !status.pendingChanges) close()
  }

  function show(mirrored: Mirrored, view: Json | undefined) {
    const { known } = mirrored
    mirrored.known = view
    if (known !== view) attempt(() => mirrored.mirror.write(known, view))
  }

  let adopted: Promise<void> | undefined
  const outbox = options.outboxes?.then((all) => all.of(name, replica))
  outbox?.catch(unsaved)

  /** Keeps what is pending where it survives the tab. */
  function save(takenOver?: readonly string[]) {
    outbox?.then((outbox) => outbox.save(takenOver)).catch(unsaved)
  }

  function unsaved(cause: unknown) {
    if (!error) fail('storage', `unsent changes would not survive a closed tab: ${cause instanceof Error ? cause.message : cause}`)
  }

  async function adopt(outbox: Promise<Outbox>) {
    let timer
    const timeout = new Promise<never>((_, reject) => (timer = setTimeout(reject, ADOPT_MS, new Error('no answer'))))
    try {
      const left = await Promise.race([outbox.then((outbox) => outbox.adopt(clientId)), timeout])
      step(() => left.forEach(replica.adopt))
      save(left.map(({ clientId }) => clientId))
    } catch (cause) {
      unsaved(cause)
    }
    clearTimeout(timer)
  }

  function receive(event: RoomEvent): Verdict {
    switch (event.type) {
      case 'state':
        return replica.state(event.data)
      case 'delta':
        if (replica.live) synced()
        return replica.delta(event.data, event.epoch)
      case 'up-to-date':
        synced()
        return replica.upToDate(event.data)
      case 'presence':
        setUsers(event.data.users)
        return 'ok'
      case 'presence-change':
        setUsers(changed(users, event.data))
        return 'ok'
    }
  }

  function setUsers(next: readonly User[]) {
    users = next
    later('presence', users)
  }

  function open() {
    if (closed || connection) return
    connection = connect({
      ...options,
      presence: presence.current,
      listener: {
        position: () => replica.position,
        opening: () => step(replica.opening),
        lost: () => step(replica.lost),
        failed: fail,
        events(list) {
          const before = replica.live
          const verdict = step(() => {
            for (const event of list) {
              const verdict = receive(event)
              if (verdict !== 'ok') return verdict
            }
            return 'ok'
          })
          if (replica.live && !before) {
            sender.resume()
            presence.reopened()
          }
          return verdict
        }
      }
    })
  }

  /** As if the network were gone. */
  function disconnect() {
    connection?.stop()
    connection = undefined
    step(replica.lost)
  }

  function close() {
    if (closed) return
    closed = true
    disconnect()
    sender.stop()
    presence.bye()
    options.onEmpty()
    events.emit('status', status)
  }

  function entry(key: string): Entry {
    let known = entries.get(key)
    if (!known) {
      const doc = replica.doc(key)
      known = { doc, mirrors: new Set(), changes: createEmitter(), debounceMs: options.debounceMs, shown: doc.view }
      entries.set(key, known)
    }
    return known
  }

  function document<T>(key = 'default', { initial, debounceMs }: DocumentOptions<T> = {}): Document<T> {
    const own = entry(key)
    const touch = () => sender.touch(own.debounceMs)
    if (debounceMs !== undefined) own.debounceMs = debounceMs
    const first = capture(undefined, initial, withIds)
    if (first !== undefined) step(() => replica.initialise(key, first))
    if (replica.live) touch()
    return {
      key,
      get state() {
        return own.doc.view as T | undefined
      },
      ready: loading,
      replace(next) {
        step(() => edit(key, capture(own.doc.view, next, withIds)))
        touch()
      },
      apply(op) {
        checkOperation(op)
        const { value, ...rest } = op
        const complete = value === undefined ? op : { ...rest, value: capture(undefined, identified(op), withIds) ?? null }
        return step(() => {
          const { doc, result } = apply(own.doc.view, complete)
          if (result.status === 'applied') edit(key, doc)
          touch()
          return result
        })
      },
      subscribe: (listener) => own.changes.on('state', (state) => listener(state as T | undefined)),
      attach(mirror) {
        const mirrored: Mirrored = { mirror, known: own.doc.view, touched: false }
        attempt(() => (mirrored.known = mirror.read(own.doc.view)))
        own.mirrors.add(mirrored)
        show(mirrored, own.doc.view)
        return {
          touched() {
            if (mirrored.touched || !own.mirrors.has(mirrored)) return touch()
            mirrored.touched = true
            touch()
            publish()
            // What has to survive the tab is read when whatever makes the change has ended, and not only when it is sent.
            if (outbox) queueMicrotask(() => step(() => {}))
          },
          detach() {
            pull()
            own.mirrors.delete(mirrored)
            publish()
          }
        }
      }
    }
  }

  const room: Omit<Room, 'leave'> = {
    name,
    clientId,
    get status() {
      return status
    },
    get users() {
      return users
    },
    document,
    setPresence: (own: OwnPresence) => presence.set(own),
    on: events.on,
    async flush() {
      sender.flush()
      while (status.pendingChanges && !closed) {
        await new Promise<void>((resolve) => {
          const off = events.on('status', () => resolve(off()))
        })
      }
    }
  }

  return {
    /** Opens the room, once what closed tabs have left in it is known. */
    async open() {
      await (adopted ??= outbox && adopt(outbox))
      open()
    },
    disconnect,
    close,
    /** Something has happened to the network or the page: tries at once. */
    wake: () => connection?.wake(),
    hide: sender.hide,

    /** Enters the room. */
    enter(): Room {
      guests++
      let here = true
      return Object.create(room, {
        leave: {
          value: () => {
            if (here) guests--
            here = false
            step(() => undefined)
            sender.flush()
          }
        }
      }) as Room
    }
  }
}

/** What an application passes may share items with a version that it was shown, which never changes: those have their ids. */
const withIds = { assignId: (item: { [SYNC_ID]?: string }, id: string) => void (item[SYNC_ID] ??= id) }

/** An item that is added has an id before anything else knows of it. */
const identified = ({ op, value }: Operation): unknown =>
  op === 'array_add' && isObject(value) && !value[SYNC_ID] ? { ...value, [SYNC_ID]: newId() } : value

function changed(users: readonly User[], { joined, updated, left }: PresenceChangeEvent): User[] {
  const gone = new Set(left)
  const news = new Map([...joined, ...updated].map((user) => [user.clientId, user]))
  const kept = users.filter(({ clientId }) => !gone.has(clientId)).map((user) => news.get(user.clientId) ?? user)
  const known = new Set(kept.map(({ clientId }) => clientId))
  return [...kept, ...[...news.values()].filter(({ clientId }) => !known.has(clientId))]
}
