// One room of a client: connects the replica, the connection, the sender, presence, storage and the application's listeners.
//
// Every change of the replica runs inside `step`: it first reads the application's edits (`documents.pull`), so that a remote change
// is never folded over an edit that is not known yet, and then notifies listeners (`publish`).
import { equal, isObject } from '../../document/values.ts'
import { createReplica, type Verdict } from '../../replica/replica.ts'
import type { Conflict } from '../../replica/resolution.ts'
import type {
  ConnectionStatus,
  Json,
  Operation,
  PendingChanges,
  RejectedChanges,
  Resolution,
  Room,
  RoomEvents,
  RoomStatus
} from '../../types.ts'
import type { DeltaEvent, PresenceChangeEvent, RoomEvent, User } from '../../wire.ts'
import { inWords } from '../transport/api.ts'
import type { Cache, Caches } from '../storage/document-cache.ts'
import { after, stopwatch, type Timer } from '../runtime/clock.ts'
import { connect, type Fault } from '../transport/connection.ts'
import type { Context } from '../transport/context.ts'
import { createDocuments } from './documents.ts'
import { createEmitter, report } from '../runtime/emitter.ts'
import type { Outboxes } from '../storage/saved-outbox.ts'
import { endsWhenIdle } from '../runtime/page.ts'
import { ownPresence } from './presence.ts'
import { createSender } from '../outbox/sender.ts'

export interface RoomContext extends Context {
  readonly displayName?: string | undefined
  /** In milliseconds, see ClientOptions. */
  readonly debounceMs: number
  readonly maxWaitMs: number
  /** The next number in this client's own count of batches. */
  nextSeq(): number
  /** The server has committed a later batch of this client, and has refused this many batches in a row for it. */
  passed(times: number): void
  readonly outboxes?: Promise<Outboxes> | undefined
  readonly caches?: Promise<Caches> | undefined
}

export interface RoomHandlers {
  /** The room has something to send, or no longer. */
  onPending(pending: boolean): void
  /** The application has left the room, and all of its changes are delivered. */
  onEmpty(): void
}

/** The events with the name of their room. */
type OfRoom = Exclude<keyof RoomEvents, 'status' | 'presence' | Lists>
type Lists = 'pending' | 'rejected'

/** A connection that was lost for longer is a long loss (I7), in milliseconds. */
const AWAY_MS = 5000

/** How long a room that was left waits for a confirmation, where that keeps a program alive, in milliseconds. */
const LINGER_MS = 30_000

/** How long storage may delay the opening of a room, in milliseconds. */
const RECALL_MS = 5000

export type SharedRoom = ReturnType<typeof createRoom>

export function createRoom(context: RoomContext, { onPending, onEmpty }: RoomHandlers) {
  const { room: name, clientId } = context
  const events = createEmitter<RoomEvents>()
  /** Handles that were not left. */
  let handles = 0
  let closed = false
  /** The room is not opened yet, or `disconnect` is in force. */
  let offline = true
  let connection: ReturnType<typeof connect> | undefined
  let users: readonly User[] = []
  let readOnly = false
  let problem: Fault | undefined
  /** The last attempt to connect has failed. */
  let failing = false
  let lastSyncedAt: Date | null = null
  /** A connection was opened. */
  let opened = false
  /** How long the connection has been lost, in milliseconds; infinite after `disconnect`. Undefined while it is not lost. */
  let lostFor: (() => number) | undefined
  let loaded = () => {}
  const ready = new Promise<void>((resolve) => (loaded = resolve))

  const replica = createReplica({
    clientId,
    nextSeq: context.nextSeq,
    onRemote({ key, clientId, serverSeq, ops }) {
      if (ops.length) notify('remoteChange', { key, clientId, serverSeq, ops })
    },
    onLoaded({ key, confirmed, initial }, serverSeq) {
      const state = confirmed ?? initial
      if (state !== undefined) notify('stateLoaded', { key, state, serverSeq, ...(!opened && { kept: true }) })
    },
    onConflict(conflict) {
      const isReplaced = (other: Conflict) =>
        other.reason === 'changed' && other.key === conflict.key && other.op.path === conflict.op.path
      conflicts = [...conflicts.filter((other) => !isReplaced(other)), conflict]
    },
    onRejected: ({ code, message }, ops) =>
      fail(code, inWords('Changes are set aside', message, 'They stay on the screen until they are retried or discarded'), ops)
  })
  const sender = createSender(context, replica, {
    step,
    failed: fail,
    succeeded() {
      if (lingering) linger()
      step(synced)
    },
    unanswered: (ms) => connection?.doubt(ms)
  })
  const presence = ownPresence(context, {
    connected: () => replica.live,
    // Later, as the room is not complete yet when the display name is checked.
    report: (error) => queueMicrotask(() => step(() => notify('error', error)))
  })
  const documents = createDocuments(replica, {
    debounceMs: context.debounceMs,
    ready,
    step,
    touch: sender.touch,
    touched() {
      publish()
      // With storage, the change is read and saved in a microtask, and not only when it is sent.
      if (outbox) queueMicrotask(() => step(() => {}))
    },
    edited(change) {
      if (change.ops.length) notify('localChange', change)
    },
    invalid: (error) => notify('error', error)
  })

  /** Conflicts that are not reported yet. */
  let conflicts: Conflict[] = []
  /** Events that are emitted after the state that they are about. */
  const waiting: (() => void)[] = []
  function later<E extends keyof RoomEvents>(event: E, payload: RoomEvents[E]) {
    waiting.push(() => events.emit(event, payload))
  }
  function notify<E extends OfRoom>(event: E, payload: Omit<RoomEvents[E], 'room'>) {
    later(event, { room: name, ...payload } as RoomEvents[E])
  }

  /** Reports a conflict. The first resolution of a listener counts. */
  function decide(conflict: Conflict) {
    let decided = false
    const take = (answer: unknown) => {
      if (decided || closed || !isResolution(answer)) return
      decided = true
      documents.resolve(conflict, answer)
    }
    const { key, op, reason, current } = conflict
    for (const answer of events.emit('conflict', { room: name, key, op, reason, current }).flat()) {
      if (isResolution(answer)) take(answer)
      else Promise.resolve(answer).then(take, report)
    }
  }

  function synced() {
    lastSyncedAt = new Date()
    problem = connection?.fault
  }

  function fail(code: string, message: string, ops?: readonly Operation[]) {
    problem = { code, message }
    notify('error', { code, message, ...(ops && { ops }) })
    publish()
  }

  function step<T>(change: () => T): T {
    documents.pull()
    const result = change()
    publish()
    return result
  }

  function connectionStatus(): ConnectionStatus {
    if (replica.live) return connection?.polling ? 'polling' : 'online'
    return offline || failing ? 'offline' : 'connecting'
  }

  const currentStatus = (): RoomStatus => ({
    status: connectionStatus(),
    connected: replica.live,
    loaded: replica.loaded,
    readOnly,
    pendingChanges: replica.pending() || Number(documents.touched()),
    rejectedChanges: replica.rejected.length,
    lastSyncedAt,
    code: problem?.code ?? null,
    error: problem?.message ?? null
  })
  let status = currentStatus()

  function publish() {
    documents.show()
    if (replica.loaded) loaded()
    const next = currentStatus()
    if ((Object.keys(next) as (keyof RoomStatus)[]).some((part) => next[part] !== status[part])) {
      const changes = !!next.pendingChanges !== !!status.pendingChanges
      status = next
      if (changes) onPending(!!next.pendingChanges)
      events.emit('status', status)
    }
    // While the room catches up, the server's value may change again.
    if (replica.live) for (const conflict of conflicts.splice(0).map(replica.review)) waiting.push(() => decide(conflict))
    for (const emit of waiting.splice(0)) emit()
    compare('pending', pending)
    compare('rejected', rejected)
    save()
    if (!handles && !status.pendingChanges) close()
  }

  const readers = { pending: replica.pendingChanges, rejected: () => replica.rejected }
  const isList = (event: keyof RoomEvents): event is Lists => event in readers
  /** The lists as their listeners know them. */
  const lists: { [list in Lists]?: readonly unknown[] } = {}

  /** Emits a list that has changed, if it has listeners. */
  function compare<E extends Lists>(event: E, payload: RoomEvents[E]) {
    if (!events.has(event)) return
    const list: readonly unknown[] = readers[event]()
    if (equal(list as Json, lists[event] as Json)) return
    lists[event] = list
    events.emit(event, payload)
  }

  let lingering: Timer | undefined
  const outbox = context.outboxes?.then((all) => all.of(name, replica))

  /** Saves pending changes, if the client has storage. */
  function save() {
    outbox?.then((outbox) => outbox.save()).catch(unsaved)
  }

  let reported = false

  const unstored = (what: string) => (cause: unknown) => {
    if (reported) return
    reported = true
    fail('storage', inWords(`${what} are not kept beyond this tab`, `${cause}`, 'Changes are sent while the tab is open'))
  }
  const unsaved = unstored('Changes')
  const unkept = unstored('Documents')

  /** The stored documents. */
  let cache: Cache | undefined
  const self = () => users.find((user) => user.clientId === clientId)

  /**
   * Loads the stored documents, and the changes that closed tabs left on top of them. Documents that load too late are not used:
   * the server sends them. Changes that load too late are taken over then.
   */
  async function recall() {
    let timer
    const timeout = new Promise<never>((_, reject) => (timer = after(RECALL_MS, () => reject('no answer'))))
    const kept = context.caches?.then((all) => (cache = all.of(name, replica, self)).load())
    await Promise.race([kept, timeout])
      .then((found) => {
        if (!found || closed) return
        // The time since they were stored counts as a long loss.
        lostFor = () => Infinity
        step(() => replica.restore(found))
      })
      .catch(unkept)
    const left = outbox?.then((outbox) =>
      outbox.adopt(clientId, (take) => {
        if (closed) return
        step(take)
        sender.flush()
      })
    )
    await Promise.race([left, timeout]).catch(unsaved)
    clearTimeout(timer)
  }

  /** A user who may no longer read the room does not keep its documents. */
  function unreadable(code: string, message: string) {
    if (code === 'forbidden') cache?.forget().catch(unkept)
    fail(code, message)
  }

  function receive(event: RoomEvent): Verdict {
    switch (event.type) {
      case 'state':
        return replica.state(event.data)
      case 'delta':
        if (replica.live) synced()
        cache?.received(event.data, event.epoch)
        return folded(event.data, replica.delta(event.data, event.epoch))
      case 'up-to-date':
        synced()
        readOnly ||= event.data.readOnly === true
        return replica.upToDate(event.data)
      case 'presence':
        readOnly = event.data.readOnly === true
        setUsers(event.data.users)
        return 'ok'
      case 'presence-change':
        setUsers(changed(users, event.data))
        return 'ok'
    }
  }

  function folded(delta: DeltaEvent, verdict: Verdict): Verdict {
    if (!replica.live || verdict !== 'ok') documents.release()
    else if (delta.clientId !== clientId) documents.received(delta)
    return verdict
  }

  function setUsers(next: readonly User[]) {
    users = next
    later('presence', users)
  }

  function open() {
    if (closed || offline || connection) return
    opened = true
    connection = connect(
      context,
      {
        position: () => replica.position,
        opening() {
          failing = false
          step(() => replica.opening(lostFor !== undefined && lostFor() > AWAY_MS))
        },
        lost() {
          lostFor ??= stopwatch()
          documents.release()
          step(replica.lost)
        },
        failed(code, message) {
          failing ||= !replica.live
          unreadable(code, message)
        },
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
            const lost = lostFor !== undefined
            lostFor = undefined
            sender.resume(lost)
            presence.reopened(connection?.unnamed ?? false)
          } else sender.proceed()
          cache?.changed(unkept)
          return verdict
        }
      },
      presence.current
    )
  }

  /** Works as if the network were gone. */
  function disconnect() {
    offline = true
    connection?.stop()
    connection = undefined
    if (!closed) lostFor = () => Infinity
    step(replica.lost)
  }

  function close() {
    if (closed) return
    closed = true
    linger()
    documents.release()
    onPending(false)
    disconnect()
    sender.stop()
    presence.bye()
    cache?.write().catch(unkept)
    onEmpty()
    events.emit('status', status)
  }

  const pending: PendingChanges = {
    get list() {
      return step(replica.pendingChanges)
    },
    discard: (id) => step(() => replica.discardPending(id))
  }

  /** Limits how long a room that was left waits for confirmations, where that keeps a program alive. */
  function linger() {
    clearTimeout(lingering)
    lingering = !handles && !closed && endsWhenIdle() ? after(LINGER_MS, abandon) : undefined
  }

  function abandon() {
    if (handles || closed) return
    const { batches, unsent } = replica.saved()
    const ops = [...batches.flatMap(({ ops }) => ops), ...unsent.map(({ op }) => op)]
    const why = `the server has confirmed nothing for ${LINGER_MS / 1000} s`
    fail(
      'unsent',
      inWords('Changes of a room that was left are given up', why, 'Wait for flush() before leave(), or set persist'),
      ops
    )
    close()
  }

  const rejected: RejectedChanges = {
    get list() {
      return replica.rejected
    },
    retry(id) {
      step(() => replica.retry(id))
      sender.flush()
    },
    discard: (id) => step(() => replica.discard(id))
  }

  const room: Omit<Room, 'leave'> = {
    name,
    clientId,
    get status() {
      return status
    },
    get retryInMs() {
      return connection?.retryInMs
    },
    get users() {
      return users
    },
    document: documents.open,
    pending,
    rejected,
    setPresence: presence.set,
    on(event, listener) {
      if (isList(event) && !events.has(event)) lists[event] = readers[event]()
      return events.on(event, listener)
    },
    async flush() {
      sender.flush()
      while (status.pendingChanges && !closed) {
        await new Promise<void>((resolve) => {
          const off: () => void = events.on('status', () => resolve(off()))
        })
      }
    }
  }

  // Also without a connection, as an earlier outbox is adopted before this one is saved.
  const recalled = context.outboxes || context.caches ? recall() : undefined

  return {
    /** Opens the room, after it was loaded from storage. */
    async open() {
      offline = false
      publish()
      await recalled
      open()
    },
    disconnect,
    close,
    /** The network is back, or the page is visible: retries at once. */
    wake() {
      connection?.wake()
      if (!offline) sender.wake()
      presence.wake()
    },
    /** The rooms of the client share a stream from now on: reopens it. */
    regroup: () => connection?.regroup(),
    /** The server has answered a request of this client. */
    reached() {
      connection?.reached()
      sender.reached()
    },
    /** The page is hidden, and may be closed without another event. After `disconnect`, nothing is sent. */
    hide() {
      if (!offline) sender.hide()
      cache?.write().catch(unkept)
    },
    weigh: sender.weigh,
    bye: presence.bye,

    /** Enters the room. Each handle is left once. */
    enter(): Room {
      handles++
      linger()
      let isHere = true
      return Object.create(room, {
        leave: {
          value: () => {
            if (isHere) handles--
            isHere = false
            sender.flush()
            linger()
          }
        }
      }) as Room
    }
  }
}

const isResolution = (answer: unknown): answer is Resolution =>
  answer === 'mine' || answer === 'theirs' || (isObject(answer) && Object.hasOwn(answer, 'value'))

function changed(users: readonly User[], { joined, updated, left }: PresenceChangeEvent): User[] {
  const gone = new Set(left)
  const news = new Map([...joined, ...updated].map((user) => [user.clientId, user]))
  const kept = users.filter(({ clientId }) => !gone.has(clientId)).map((user) => news.get(user.clientId) ?? user)
  const known = new Set(kept.map(({ clientId }) => clientId))
  return [...kept, ...[...news.values()].filter(({ clientId }) => !known.has(clientId))]
}
