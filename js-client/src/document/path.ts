// Paths name places in a document. docs/reference/path-operations.md has the grammar.

/** One segment of a path: a member of an object by its name, or an item of an array by its `_sync_id`. */
export type Segment = { readonly key: string } | { readonly item: string }

const MAX_SEGMENTS = 64
/** UTF-16 code units of the canonical text. */
const MAX_LENGTH = 1000

/** A key (after a dot, unless it is first) or an id in brackets. A backslash escapes one of `.`, `[`, `]` and `\\`. */
const SEGMENT = /(?:^|(?!^)\.)((?:[^.[\]\\]|\\[.[\]\\])+)|\[((?:[^[\]\\]|\\[.[\]\\])+)\]/y
/** NUL, or half of a surrogate pair. */
const UNWRITABLE = /\0|\p{Surrogate}/u

/**
 * Parses a path. The empty text is the document itself and has no segments.
 * @throws TypeError with the position and the cause if the text is not a path
 */
export function parsePath(text: string): Segment[] {
  const fail = (why: string, at: number): never => {
    throw new TypeError(`Invalid path at ${at}: ${why}: ${JSON.stringify(text.slice(0, 100))}`)
  }
  // The canonical text of a path is not shorter than the path, so this also limits the work that follows.
  if (text.length > MAX_LENGTH) fail('too long', MAX_LENGTH)
  const unwritable = text.search(UNWRITABLE)
  if (unwritable >= 0) fail('invalid character', unwritable)
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

/** A place in a document: its canonical path and the number of its segments. */
export interface Place {
  readonly path: string
  readonly depth: number
}

/** The document itself. */
export const ROOT: Place = { path: '', depth: 0 }

/** The place of a member or item. Undefined if no path names it: its name is empty or forbidden, or the path too long. */
export function extendPlace(place: Place | undefined, segment: Segment): Place | undefined {
  const isKey = 'key' in segment
  const name = isKey ? segment.key : segment.item
  if (!place || !name || UNWRITABLE.test(name) || (isKey && name === '__proto__')) return undefined
  const escaped = name.replace(/[.[\]\\]/g, '\\$&')
  const path = place.path + (isKey ? (place.path && '.') + escaped : `[${escaped}]`)
  const depth = place.depth + 1
  return depth > MAX_SEGMENTS || path.length > MAX_LENGTH ? undefined : { path, depth }
}

/** The place of a list of segments. */
export const placeOf = (segments: readonly Segment[]): Place | undefined =>
  segments.reduce<Place | undefined>(extendPlace, ROOT)

const unescape = (name: string): string => name.replace(/\\(.)/g, '$1')
