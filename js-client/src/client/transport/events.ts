// Parses and checks the events of a stream.
import type { Problem, RoomEvent } from '../../wire.ts'
import { fits, present, problemShape, text, userShape, whole, type Shape } from './shape.ts'

/** An event of a stream, not parsed yet. */
export interface Frame {
  id?: string | undefined
  event?: string | undefined
  /** JSON text, or the parsed value when it came by polling. */
  data: unknown
}

/** Events for the connection and not for the room. The stream ends after them. */
export type Control =
  | { readonly type: 'reconnect'; readonly data: { readonly afterMs: number } }
  | { readonly type: 'problem'; readonly data: Problem }

const shapes: Readonly<Record<string, Shape>> = {
  state: { key: text, serverSeq: whole, state: present },
  delta: { key: text, serverSeq: whole, clientId: text, ops: [{ op: text, path: text }] },
  'up-to-date': { epoch: text, serverSeq: whole },
  presence: { users: [userShape] },
  'presence-change': { joined: [userShape], updated: [userShape], left: [text] },
  reconnect: { afterMs: whole },
  problem: problemShape
}

/** The names of all known events. */
export const eventNames = Object.keys(shapes)

/** Parses an event; undefined when it is not known. Throws a TypeError when its data is malformed. */
export function readFrame({ id = '', event: type = '', data: json }: Frame): RoomEvent | Control | undefined {
  if (!Object.hasOwn(shapes, type)) return undefined
  const data: unknown = typeof json === 'string' ? JSON.parse(json) : json
  /** The history that a batch belongs to. */
  const epoch = id.slice(0, id.lastIndexOf('-'))
  if (!fits(data, shapes[type] ?? {}) || (type === 'delta' && !epoch)) throw new TypeError(`malformed ${type}`)
  return { type, data, epoch } as RoomEvent | Control
}
