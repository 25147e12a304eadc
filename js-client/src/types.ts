// The public interface of the client. Everything an application can configure, call or listen to is declared here.
import type { Json } from './document/json.ts'
import type { Batch, DiscardReason, Operation, User } from './wire.ts'

export type { Json, JsonArray, JsonObject } from './document/json.ts'
export type { Operation, OperationResult, User } from './wire.ts'

/** A bearer token, or a function that returns one. It is called again when the server answers 401. */
export type Token = string | (() => string | undefined | Promise<string | undefined>)

export interface ClientOptions {
  /** The server's address, such as `https://sync.example.com`. Default: the page's own origin. */
  url?: string
  /** The client's id. Default: random, which is right for a browser tab. Two clients never share an id. */
  clientId?: string
  /** The client's name in presence. */
  displayName?: string
  /** Sent as `Authorization: Bearer …`. With `transport: 'eventsource'` only by POST; streams then rely on cookies. */
  token?: Token
  /** How streams are read: `fetch` can send headers, `eventsource` is the browser's own and sends cookies. Default `fetch`. */
  transport?: 'fetch' | 'eventsource'
  /** Milliseconds without a change before changes are sent. Default 400. */
  debounceMs?: number
  /** The longest wait of a change while others follow, in milliseconds. Default 1500. */
  maxWaitMs?: number
  /** The server's heartbeat in milliseconds. A stream that is silent for 2.5 heartbeats counts as dead. Default 15000. */
  heartbeatMs?: number
  /**
   * Stores unsent changes and documents in IndexedDB, so that a page that is opened again shows them, with or without the server.
   * Unsent changes need a secure context. An `OutboxStorage` stores unsent changes elsewhere, and no documents. Default false.
   */
  persist?: boolean | OutboxStorage
  /**
   * Identifies the user: tabs share, and `persist` restores, for the same user only. Default: the token's `iss` and `sub`. Where
   * tokens cannot be read, and where cookies identify the user, documents are stored only with this option.
   */
  user?: string
  /**
   * Whether the tabs of a user share one stream per room, which needs a secure context; without one, each tab has its own.
   * Default true.
   */
  tabs?: boolean
  /**
   * Whether the rooms of this client share one stream. Over HTTP/1.1 a browser has six connections per origin. Over HTTP/2 a stream
   * per room costs nothing, and entering a room does not reopen the stream of the others. By default, rooms share one in a browser
   * from the second room on, unless it is known to use HTTP/2 or 3.
   */
  oneStream?: boolean | undefined
  /** Replaces the global `fetch`, for tests and old environments. */
  fetch?: typeof fetch
}

export interface Client {
  readonly clientId: string
  /** The client's name in presence, unless it has another one in a room: see `Room.setPresence`. */
  readonly displayName?: string | undefined
  /** Whether `disconnect` is in force. */
  readonly offline: boolean
  /**
   * Enters a room. Each call returns a handle, which is left by its `leave`. All handles share one stream and one state; the room is
   * closed when the last one is left.
   * @throws TypeError for a name that is empty, `.` or `..`, or has a lone surrogate
   */
  room(name: string): Room
  /** Works as if the network were gone: nothing is sent or received until `connect`. Changes are kept. */
  disconnect(): void
  connect(): void
  /**
   * For logging out: deletes what `persist` has stored of the server, which is the documents of all rooms and the unsent changes of
   * this client. Nothing more is stored, and other tabs store no more documents. Rejects when the storage fails.
   */
  clear(): Promise<void>
  /** Sends pending changes once, and leaves all rooms. The client keeps a program alive for at most 30 s after that. */
  close(): void
}

/**
 * `online`: changes arrive by a stream. `polling`: they arrive by polling, where streams do not get through. `connecting`: an attempt
 * is under way, and none has failed since the room was last connected. `offline`: attempts fail, or `disconnect` is in force.
 */
export type ConnectionStatus = 'connecting' | 'online' | 'polling' | 'offline'

export interface RoomStatus {
  readonly status: ConnectionStatus
  /** The stream is open and has caught up. */
  readonly connected: boolean
  /** The room was loaded at least once, from the server or from storage. */
  readonly loaded: boolean
  /** The server refuses all operations of this user in the room. Read-only parts of documents do not count. */
  readonly readOnly: boolean
  /** Operations that the server has not confirmed yet. */
  readonly pendingChanges: number
  /** Set-aside operations, which wait for the application's decision: see `Room.rejected`. */
  readonly rejectedChanges: number
  /** When the room was last up to date with the server. */
  readonly lastSyncedAt: Date | null
  /** The code of the current or last error, as in the event `error`; null without one. */
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
  /** The state comes from storage, and the server has not answered yet. */
  kept?: true
}
/** A change that was set aside: the server, or a proxy or firewall, refuses it. It stays in the view. */
export interface RejectedChange {
  readonly id: string
  /** The document. */
  readonly key: string
  readonly op: Operation
  /** A problem code of the server, or `blocked` when a proxy or firewall refuses the change. */
  readonly code: string
  readonly message: string
}

/** The set-aside changes of a room, until they are retried, discarded, or replaced by newer ones. */
export interface RejectedChanges {
  readonly list: readonly RejectedChange[]
  /** Sends them again: one by its id, or all. */
  retry(id?: string): void
  /** Discards them: one by its id, or all. The server's state shows instead. */
  discard(id?: string): void
}

/** A change that the server has not confirmed. */
export interface PendingChange {
  /** Identifies the change as long as it is pending and in no batch. */
  readonly id: string
  /** The document. */
  readonly key: string
  readonly op: Operation
  /** It is in a batch that was sent or is about to be. The server may have it. */
  readonly sent: boolean
}

/** The changes of a room that the server has not confirmed. */
export interface PendingChanges {
  /** In sending order. It is computed at each access; `RoomStatus.pendingChanges` has the number. */
  readonly list: readonly PendingChange[]
  /**
   * Discards changes that are in no batch: one by its id, or all. The server's state shows instead. Changes that depend on it, such
   * as an edit in an added item, are discarded, too. Changes that were sent stay.
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
  /** The value at the path now; undefined when there is none. */
  current: Json | undefined
}

/**
 * The application's decision about a conflict. `mine`: the change is made again, on top of the current value. `theirs`: the current
 * value stays, as without a resolution. An object: its `value`, for example a merge of both, is set at the path of the change.
 *
 * A resolution is an edit like any other. It is ignored when this client or another one has changed the place since `current` was
 * read, and when it cannot take effect: in a deleted item, or for `too_large`, which `room.rejected` decides.
 */
export type Resolution = 'mine' | 'theirs' | { readonly value: unknown }

/** The result of a listener to `conflict`: a resolution, a promise of one, or nothing. The first resolution counts. */
export type ConflictAnswer = Resolution | void | Promise<Resolution | void>

export interface SyncErrorEvent {
  room: string
  /**
   * A problem code of the server, or:
   *
   * - `network`, `protocol`, `unauthorized`, `storage`
   * - `blocked`: a proxy or firewall refuses changes
   * - `redirected`: requests are redirected to another address, which the message names
   * - `presence`: others do not see this client's presence; documents are synced
   * - `unsent`: changes of a room that was left are discarded
   * - `unload`: changes are too large to outlive a page that is closed now
   * - `stream_buffered`, `stream_compressed`, `stream_cut`, `stream_blocked`: the room is polled for this reason
   * - `invalid_value`: JSON cannot hold a value; it is left out, and the rest is sent
   * - with Pinia: `unexpected_state`, and `shared_object` for an object in two places, of which the second is now a copy
   */
  code: string
  /** What failed, why, and what happens next, in sentences. */
  message: string
  /** The place of the value that cannot be shared, such as `tasks[3].due`. */
  path?: string
  /** The set-aside changes, if the error is about them. They are in `room.rejected`. */
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
  /** The list of pending changes has changed. It is compared only while the event has listeners. */
  pending: PendingChanges
  /** The list of set-aside changes has changed. It is compared only while the event has listeners. */
  rejected: RejectedChanges
}

export type RoomListener<E extends keyof RoomEvents> = (payload: RoomEvents[E]) => E extends 'conflict' ? ConflictAnswer : void

/** This client's presence in a room, as others see it. */
export interface OwnPresence {
  displayName?: string | null
  /** The field that has the cursor, by a name of the application. */
  field?: string | null
  /** Any other data, at most 4 KiB as JSON in UTF-8. A larger value is left out and reported. */
  meta?: Json
}

export interface Room {
  readonly name: string
  readonly clientId: string
  readonly status: RoomStatus
  /** When the next attempt to connect begins, in milliseconds from now. Undefined while connected or trying, and while another tab tries. */
  readonly retryInMs: number | undefined
  /** The clients that are present, including this one. */
  readonly users: readonly User[]
  /** A document of the room. The same key gives the same document. */
  document<T = Json>(key?: string, options?: DocumentOptions<T>): Document<T>
  /** Changes that the server has not confirmed. */
  readonly pending: PendingChanges
  /** The set-aside changes. They are no longer pending, and do not delay others. */
  readonly rejected: RejectedChanges
  /** Replaces the given members. The others stay. */
  setPresence(presence: OwnPresence): void
  on<E extends keyof RoomEvents>(event: E, listener: RoomListener<E>): () => void
  /** Sends pending changes now, without the debounce. Resolves when the server has confirmed all of them. */
  flush(): Promise<void>
  /**
   * Leaves the room. Pending changes are still delivered. In Node they are discarded, with the error `unsent`, when the server has
   * confirmed nothing for 30 s: await `flush` before.
   */
  leave(): void
}

export interface DocumentOptions<T> {
  /** The state of a document that does not exist yet. The first of several clients seeds it. */
  initial?: T
  debounceMs?: number
}

/** A document as the user sees it: the server's state with this client's unconfirmed changes on top. */
export interface Document<T = Json> {
  readonly key: string
  /** Immutable: a change makes a new value that shares unchanged parts. Undefined when the document does not exist. */
  readonly state: T | undefined
  /** Resolves when the room is loaded. */
  readonly ready: Promise<void>
  /** Makes the document equal to `next`, by the fewest operations. */
  replace(next: T): void
  /** Applies one operation, and returns its result in this client. Throws a TypeError when it can never be valid. */
  apply(op: Operation): { status: 'applied' | 'discarded'; reason?: DiscardReason; arrayIndex?: number }
  /** Calls the listener with the whole document after each change. Returns a function that ends it. */
  subscribe(listener: (state: T | undefined) => void): () => void
  /**
   * Calls the listener when the value at a path, or anything in it, has changed, by this client or another one: with the value and the
   * previous one. A value is undefined when there is none: a missing member, or an item that was removed or moved to another
   * array. Values are compared by `===`; equal parts of two versions are the same value, also after a full state from the server. An
   * error of a listener is reported as uncaught, and the others are called.
   * @throws TypeError when the text is no path.
   */
  subscribe<V = Json>(path: string, listener: (value: V | undefined, previous: V | undefined) => void): () => void
  /** For state that lives elsewhere and changes in place, such as a Pinia store. */
  attach(mirror: Mirror): Attachment
}

/** State outside the client that is kept equal to a document. */
export interface Mirror {
  /**
   * Returns the mirrored state as an immutable value, or `known` itself when it is equal. After `touched`, it is called before a
   * remote change is folded.
   */
  read(known: Json | undefined): Json | undefined
  /** Whether the state may have changed without a call of `touched`. Then it is read as if there was one. */
  unsure?(): boolean
  /** Changes the mirrored state, which is equal to `from`, to `to`. */
  write(from: Json | undefined, to: Json | undefined): void
}

export interface Attachment {
  /** The mirrored state may have changed. */
  touched(): void
  detach(): void
}

/** Stores pending changes so that they survive their tab. */
export interface OutboxStorage {
  /**
   * Returns what closed tabs left in a room, and what this client left when it was there before. It stays stored until a `save`
   * names it as taken over. Outboxes of another `user` are left out. Called before the first `save` in the room.
   */
  adopt(room: string, clientId: string, user?: string): Promise<SavedOutbox[]>
  /** Replaces the outbox of a client in a room, and deletes the outboxes that were taken over into it. */
  save(room: string, outbox: SavedOutbox, takenOver: readonly string[]): Promise<void>
  close(): void
}

export interface SavedOutbox {
  readonly clientId: string
  /** The user who made the changes, if known. */
  readonly user?: string
  /** Sent at least once, with an unknown fate. They are repeated unchanged. */
  readonly batches: readonly Batch[]
  /** Set aside. Absent in outboxes of older versions. */
  readonly rejected?: readonly RejectedChange[]
  /** Never sent. `was`: the value at the path before the change; absent when there was none. */
  readonly unsent: readonly { readonly key: string; readonly op: Operation; readonly was?: Json }[]
}
