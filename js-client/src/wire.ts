// The types of the wire, under the names that the client uses. Their shapes come from openapi.yaml.
import type { components } from './wire.gen.ts'
import type { Json } from './document/json.ts'

type Schemas = components['schemas']

/** One field-level change, as sent by a client or kept in the log. See docs/reference/path-operations.md. */
export interface Operation {
  readonly op: Schemas['LoggedOperation']['op']
  readonly path: string
  readonly value?: Json
  readonly arrayIndex?: number
  /** The item's new predecessor: an item's id, null for the first place, or several of them, of which the first that exists counts. */
  readonly after?: Anchor | readonly Anchor[]
  /** The array, elsewhere in the document, into which `array_move` puts the item. */
  readonly to?: string
}
export type Anchor = string | null
export type OperationResult = Schemas['OperationResult']
export type DiscardReason = NonNullable<OperationResult['reason']>

/** The body of a POST: operations on one document, applied whole and in order. */
export interface Batch {
  readonly clientId: string
  readonly clientSeq: number
  /** The batch of this client in this room that the server commits before this one. */
  readonly previousClientSeq?: number
  readonly key: string
  readonly ops: readonly Operation[]
}
export type BatchResult = Omit<Schemas['BatchResult'], 'ops'> & { ops?: Operation[] }

export type StateEvent = Omit<Schemas['StateEvent'], 'state'> & { state: Json }
export type DeltaEvent = Omit<Schemas['DeltaEvent'], 'ops'> & { ops: Operation[] }
export type UpToDateEvent = Schemas['UpToDateEvent']
export type PresenceEvent = Schemas['PresenceEvent']
export type PresenceChangeEvent = Schemas['PresenceChangeEvent']
export type User = Schemas['User']
/** This client as others see it. An older server sends no lease. */
export type PresentUser = User & Partial<Schemas['OwnPresence']>
export type Problem = Schemas['Problem']
export type ProblemCode = Schemas['ProblemCode']
export type Changes = Omit<Schemas['Changes'], 'changes'> & { changes: DeltaEvent[] }
export type RoomSnapshot = Schemas['Room']

/** An event of a room, from a stream or from polling. */
export type RoomEvent =
  | { readonly type: 'state'; readonly data: StateEvent }
  /** `epoch`: from its event id. */
  | { readonly type: 'delta'; readonly data: DeltaEvent; readonly epoch: string }
  | { readonly type: 'up-to-date'; readonly data: UpToDateEvent }
  | { readonly type: 'presence'; readonly data: PresenceEvent }
  | { readonly type: 'presence-change'; readonly data: PresenceChangeEvent }
