// The public interface of the client. Everything an application can configure, call or listen to is declared here.
import type { Json } from './document/json.ts'
import type { Batch, DiscardReason, Operation, User } from './wire.ts'

export type { Json, JsonArray, JsonObject } from './document/json.ts'
export type { Operation, OperationResult, User } from './wire.ts'

/** A bearer token, or how to get one. It is asked for again when the server answers 401. */
export type Token = string | (() => string | undefined | Promise<string | undefined>)

export interface ClientOptions {
  /** The server's address, such as `https://sync.example.com`. Without it, the page's own origin. */
  url?: string
  /** Who this client is. Without it, random, which is right for a browser tab: ids are never shared. */
  clientId?: string
  /** What others read in presence. */
  displayName?: string
  /** Sent as `Authorization: Bearer …`. With `transport: 'eventsource'` only by POST; streams then rely on cookies. */
  token?: Token
  /** How streams are read: `fetch` can send headers, `eventsource` is the browser's own and sends cookies. Default `fetch`. */
  transport?: 'fetch' | 'eventsource'
  /** Milliseconds without a change before changes are sent. Default 400. */
  debounceMs?: number
  /** The longest that a change waits while others keep coming, in milliseconds. Default 1500. */
  maxWaitMs?: number
  /** The server's heartbeat in milliseconds; after 2.5 of them in silence a stream counts as dead. Default 15000. */
  heartbeatMs?: number
  /**
   * Keep unsent changes and the documents in IndexedDB, so that a page that is opened again shows them, with or without the server.
   * Unsent changes need a secure context. An `OutboxStorage` keeps unsent changes elsewhere, and no documents. Default false.
   */
  persist?: boolean | OutboxStorage
  /**
   * A text that differs from user to user. What tabs share, and what `persist` keeps, is for the same user only. Without it, the user is
   * the one whom the token's `iss` and `sub` name. Where tokens cannot be read, and where cookies say who the user is, it is needed for
   * documents to be kept.
   */
  user?: string
  /**
   * Whether the tabs of a user share one stream per room, which needs a secure context; without one, each tab has its own.
   * Default true.
   */
  tabs?: boolean
  /**
   * Whether the rooms of this client share one stream. Over HTTP/1.1 a browser has six connections in all; over HTTP/2 a stream
   * per room costs nothing, and entering a room does not reopen that of the others. By default they share one in a browser,
   * from the second room on, unless it is known to speak HTTP/2 or 3 with the server.
   */
  oneStream?: boolean | undefined
  /** Instead of the global one, for tests and old environments. */
  fetch?: typeof fetch
}

export interface Client {
  readonly clientId: string
  /** What others read in presence, unless a room has another name: see `Room.setPresence`. */
  readonly displayName?: string | undefined
  /** Whether `disconnect` is in force. */
  readonly offline: boolean
  /**
   * Enters a room. Each call is paired with one `leave` of what it returned; all of them share one stream and one
   * state, and the last to leave closes it.
   * @throws TypeError for a name that is empty, `.` or `..`, or has half a surrogate pair
   */
  room(name: string): Room
  /** As if the network were gone: nothing is sent or received until `connect`. Changes go on and are kept. */
  disconnect(): void
  connect(): void
  /**
   * For logging out: deletes what `persist` has kept in this browser of the server, the documents of all rooms and the unsent changes of this client,
   * and keeps nothing more. Other tabs keep no more documents either. Rejects when it cannot.
   */
  clear(): Promise<void>
  /**
   * Sends what is pending, if that is possible at once, and leaves all rooms. Nothing of the client keeps a program alive for longer
   * than 30 s after that.
   */
  close(): void
}

/**
 * `online`: changes come by a stream. `polling`: they come by polling, where streams do not get through. `connecting`: an attempt
 * is under way and none has failed since the room was last followed. `offline`: attempts fail, or `disconnect` is in force.
 */
export type ConnectionStatus = 'connecting' | 'online' | 'polling' | 'offline'

export interface RoomStatus {
  readonly status: ConnectionStatus
  /** The stream is open and has caught up. */
  readonly connected: boolean
  /** The room has been loaded at least once, be it from what the browser has kept: what is shown is more than initial state. */
  readonly loaded: boolean
  /**
   * The server has said that this user may not write in the room: its operations would be refused. Parts of documents that are
   * read-only do not count.
   */
  readonly readOnly: boolean
  /** Operations that the server has not confirmed yet. */
  readonly pendingChanges: number
  /** Operations that do not get through and wait for the application's decision: see `Room.rejected`. */
  readonly rejectedChanges: number
  /** When the room last heard from the server that it is up to date. */
  readonly lastSyncedAt: Date | null
  /** The code of what is wrong at the moment, or went wrong last, as in the event `error`; null when all is well. */
  readonly code: string | null
  /** The same as a sentence. */
  readonly error: string | null
}

export interface RemoteChangeEvent {
  room: string
  key: string
  clientId: string
  serverSeq: number
  ops: readonly Operation[]
}
export interface LocalChangeEvent {
  room: string
  key: string
  ops: readonly Operation[]
}
export interface StateLoadedEvent {
  room: string
  key: string
  state: Json
  serverSeq: number
  /** It is what the browser has kept; the server has not answered yet. */
  kept?: true
}
/** A change that does not get through. It stays on the screen. */
export interface RejectedChange {
  readonly id: string
  /** The document. */
  readonly key: string
  readonly op: Operation
  /** Why: a problem code of the server, or `blocked` when something on the way to it refuses the change. */
  readonly code: string
  readonly message: string
}

/** The changes of a room that do not get through, until they are retried, discarded, or replaced by newer ones. */
export interface RejectedChanges {
  readonly list: readonly RejectedChange[]
  /** Sends them again, one of them or all. */
  retry(id?: string): void
  /** Gives them up, one of them or all: the server's state shows instead. */
  discard(id?: string): void
}

/** A change that the server has not confirmed. */
export interface PendingChange {
  /** Names the change as long as it is pending and in no batch. */
  readonly id: string
  /** The document. */
  readonly key: string
  readonly op: Operation
  /** It is in a batch that has been sent or is about to be. The server may have it. */
  readonly sent: boolean
}

/** The changes of a room that the server has not confirmed. */
export interface PendingChanges {
  /** In the order in which they are sent. It is computed when it is read; `RoomStatus.pendingChanges` has the number. */
  readonly list: readonly PendingChange[]
  /**
   * Gives up changes that are in no batch, one of them or all: the server's state shows instead. What cannot be without it, such
   * as an edit in an item that was added, is given up as well. Changes that were sent stay.
   */
  discard(id?: string): void
}

/** A local change that will not take effect, unless a listener returns a resolution. */
export interface ConflictEvent {
  room: string
  key: string
  op: Operation
  /** `changed`: made offline, and the server changed the same place meanwhile. Otherwise why the server discarded it. */
  reason: 'changed' | DiscardReason
  /** What stands at the path now; undefined when nothing does. */
  current: Json | undefined
}

/**
 * What an application decides about a conflict. `mine`: the change is made again, on top of what stands there now. `theirs`: what
 * stands there stays, as without a resolution. An object: its `value` is set at the path of the change, such as one that is
 * merged of both.
 *
 * A resolution is an edit like any other. It is ignored when the place has been changed since `current` was read, by this client
 * or another one, and when it cannot take effect: in an item that is gone, or for `too_large`, which `room.rejected` decides.
 */
export type Resolution = 'mine' | 'theirs' | { readonly value: unknown }

/** What a listener to `conflict` returns: a resolution, at once or later, or nothing. Of several listeners the first one counts. */
export type ConflictAnswer = Resolution | void | Promise<Resolution | void>

export interface SyncErrorEvent {
  room: string
  /**
   * A problem code of the server, or `network`, `protocol`, `unauthorized`, `storage`; `blocked` when something on the way
   * refuses changes; `redirected` when requests end at another address, which the message names; `presence` when others do not see
   * this client's presence, while documents are synced; `unsent` when changes of a room that was left are given up; `unload` when changes are too large to outlive a page that is closed now; `stream_buffered`,
   * `stream_compressed`, `stream_cut` or `stream_blocked` when the room is polled because of it; `invalid_value` for a value that
   * JSON cannot hold: it is left out, and all else is sent; with Pinia `unexpected_state`,
   * and `shared_object` for an object that was in two places and is a copy now in the second.
   */
  code: string
  /** What failed, why, and what happens next, in sentences. */
  message: string
  /** Where the value is that cannot be shared, as a person would name it: `tasks[3].due`. */
  path?: string
  /** The changes that do not get through, if that is what happened. They are in `room.rejected`. */
  ops?: readonly Operation[]
}

export interface RoomEvents {
  status: RoomStatus
  presence: readonly User[]
  remoteChange: RemoteChangeEvent
  localChange: LocalChangeEvent
  stateLoaded: StateLoadedEvent
  conflict: ConflictEvent
  error: SyncErrorEvent
  /** The list of pending changes is another one. It is compared only while something listens. */
  pending: PendingChanges
  /** The list of set-aside changes is another one. It is compared only while something listens. */
  rejected: RejectedChanges
}

export type RoomListener<E extends keyof RoomEvents> = (payload: RoomEvents[E]) => E extends 'conflict' ? ConflictAnswer : void

/** What a client says of itself to the others in a room. */
export interface OwnPresence {
  displayName?: string | null
  /** Where the cursor is, by the application's own naming. */
  field?: string | null
  /** Anything else, at most 4 KiB as JSON in UTF-8. What is larger is left out, and reported. */
  meta?: Json
}

export interface Room {
  readonly name: string
  readonly clientId: string
  readonly status: RoomStatus
  /** Everybody present, this client included. */
  readonly users: readonly User[]
  /** A document of the room. The same key gives the same document. */
  document<T = Json>(key?: string, options?: DocumentOptions<T>): Document<T>
  /** Changes that the server has not confirmed. */
  readonly pending: PendingChanges
  /** Changes that do not get through. They are not pending any more, and do not hold up others. */
  readonly rejected: RejectedChanges
  /** Replaces what is named; what is left out stays. */
  setPresence(presence: OwnPresence): void
  on<E extends keyof RoomEvents>(event: E, listener: RoomListener<E>): () => void
  /** Sends what is pending now rather than after the debounce. Resolves when the server has confirmed all of it. */
  flush(): Promise<void>
  /**
   * What is pending is still delivered. In Node it is given up, with the error `unsent`, when the server has confirmed nothing for 30 s:
   * wait for `flush` before.
   */
  leave(): void
}

export interface DocumentOptions<T> {
  /** What a document that does not exist yet begins with. The first of several clients seeds it. */
  initial?: T
  debounceMs?: number
}

/** One document as the user sees it: the server's state with this client's unconfirmed changes on top. */
export interface Document<T = Json> {
  readonly key: string
  /** Immutable: a change makes a new value that shares what has not changed. Undefined when it does not exist. */
  readonly state: T | undefined
  /** Settles once the room has been loaded. */
  readonly ready: Promise<void>
  /** Makes the document equal to `next`, by the fewest operations. */
  replace(next: T): void
  /** Applies one operation. Throws a TypeError when it can never be valid; returns what became of it here. */
  apply(op: Operation): { status: 'applied' | 'discarded'; reason?: DiscardReason; arrayIndex?: number }
  /** Calls with the whole document when it has changed. Returns the function that ends it. */
  subscribe(listener: (state: T | undefined) => void): () => void
  /**
   * Calls when the value at a path, or anything in it, has changed, by this client or by another: with the value, and the one
   * that the listener was called with before or that stood there when it subscribed. Undefined stands for nothing: a missing member, an item that was removed
   * or moved to another array. Values are compared by `===`; parts that are the same in two versions are the same value, also when
   * the server sends the whole document. An error of a listener is reported as uncaught, and the others are called.
   * @throws TypeError when the text is no path.
   */
  subscribe<V = Json>(path: string, listener: (value: V | undefined, previous: V | undefined) => void): () => void
  /** For state that lives elsewhere and changes in place, such as a Pinia store. */
  attach(mirror: Mirror): Attachment
}

/** State outside the client that follows a document and is followed by it. */
export interface Mirror {
  /**
   * Returns the mirrored state as an immutable value; `known` itself when it is the same. Called before anything remote is
   * taken in, if `touched` was called.
   */
  read(known: Json | undefined): Json | undefined
  /** Makes the mirrored state, which is as `from`, as `to`. */
  write(from: Json | undefined, to: Json | undefined): void
}

export interface Attachment {
  /** The mirrored state may have changed. */
  touched(): void
  detach(): void
}

/** Keeps outboxes where they survive their tab. */
export interface OutboxStorage {
  /**
   * What closed tabs left for a room that a client enters. It stays stored until a `save` says that it was taken over. What has
   * another `user` is passed over.
   */
  adopt(room: string, clientId: string, user?: string): Promise<SavedOutbox[]>
  /** Replaces what is kept for a client in a room, and forgets the outboxes that were taken over into it. */
  save(room: string, outbox: SavedOutbox, takenOver: readonly string[]): Promise<void>
  close(): void
}

export interface SavedOutbox {
  readonly clientId: string
  /** Whose changes these are, as far as it is known. */
  readonly user?: string
  /** Sent at least once, fate unknown: repeated as they are. */
  readonly batches: readonly Batch[]
  /** Refused, and kept for the application to decide. Absent in what older versions have saved. */
  readonly rejected?: readonly RejectedChange[]
  /** Never sent. `was` is the value at the path that the change was made to; absent when there was none. */
  readonly unsent: readonly { readonly key: string; readonly op: Operation; readonly was?: Json }[]
}
