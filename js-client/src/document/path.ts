// Paths: how an operation names a place in a document. The grammar is in docs/path-operations.md.

/** One step of a path: to a member of an object by its name, or to an item of an array by its `_sync_id`. */
export type Segment = { readonly key: string } | { readonly item: string }

const MAX_SEGMENTS = 64
/** UTF-16 code units of the canonical text. */
const MAX_LENGTH = 1000

/** A key (after a dot, unless it is the first) or an id in brackets. A backslash stands only before what it escapes. */
const SEGMENT = /(?:^|(?!^)\.)((?:[^.[\]\\]|\\[.[\]\\])+)|\[((?:[^[\]\\]|\\[.[\]\\])+)\]/y
/** NUL, or half of a surrogate pair. */
const UNWRITABLE = /\0|\p{Surrogate}/u

/**
 * Reads a path. The empty text is the document itself and has no segments.
 * @throws TypeError that says where the text is not a path, and why.
 */
export function parsePath(text: string): Segment[] {
  const fail = (why: string, at: number): never => {
    throw new TypeError(`Invalid path at ${at}: ${why}: ${JSON.stringify(text.slice(0, 100))}`)
  }
  // No path has a canonical text that is shorter than itself, so this also bounds the work that follows.
  if (text.length > MAX_LENGTH) fail('too long', MAX_LENGTH)
  const unwritable = text.search(UNWRITABLE)
  if (unwritable >= 0) fail('not a valid character', unwritable)
  const segments: Segment[] = []
  let place: Place | undefined = ROOT
  for (let at = 0; at < text.length; at = SEGMENT.lastIndex) {
    SEGMENT.lastIndex = at
    const match = SEGMENT.exec(text)
    if (!match) return fail('expected a key or [id]', at)
    const [, key, item = ''] = match
    const segment = key === undefined ? { item: unescape(item) } : { key: unescape(key) }
    place = extendPlace(place, segment)
    if (!place) fail(key === '__proto__' ? '__proto__ is not allowed' : 'too long', at)
    segments.push(segment)
  }
  return segments
}

/** A place in a document: the canonical text of its path, and of how many segments it is. */
export interface Place {
  readonly path: string
  readonly depth: number
}

/** The document itself. */
export const ROOT: Place = { path: '', depth: 0 }

/** The place one step further. Undefined when no path leads there: a name is empty or forbidden, or it is too far. */
export function extendPlace(place: Place | undefined, segment: Segment): Place | undefined {
  const isKey = 'key' in segment
  const name = isKey ? segment.key : segment.item
  if (!place || !name || UNWRITABLE.test(name) || (isKey && name === '__proto__')) return undefined
  const escaped = name.replace(/[.[\]\\]/g, '\\$&')
  const path = place.path + (isKey ? (place.path && '.') + escaped : `[${escaped}]`)
  const depth = place.depth + 1
  return depth > MAX_SEGMENTS || path.length > MAX_LENGTH ? undefined : { path, depth }
}

/** Where segments lead, from the document itself. */
export const placeOf = (segments: readonly Segment[]): Place | undefined =>
  segments.reduce<Place | undefined>(extendPlace, ROOT)

const unescape = (name: string): string => name.replace(/\\(.)/g, '$1')
