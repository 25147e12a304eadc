// Paths: how an operation names a place in a document. The grammar is in docs/operations.md.

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
  for (let at = 0; at < text.length; at = SEGMENT.lastIndex) {
    SEGMENT.lastIndex = at
    const match = SEGMENT.exec(text)
    if (!match) return fail('expected a key or [id]', at)
    const [, key, item = ''] = match
    if (key === '__proto__') fail('__proto__ is not allowed', at)
    segments.push(key === undefined ? { item: unescape(item) } : { key: unescape(key) })
  }
  if (segments.length > MAX_SEGMENTS) fail('too many segments', text.length)
  if (formatPath(segments).length > MAX_LENGTH) fail('too long', text.length)
  return segments
}

/** The canonical text of a path. */
export const formatPath = (segments: readonly Segment[]): string => segments.reduce(extendPath, '')

/** The canonical text of a path that goes one step on. */
export const extendPath = (path: string, segment: Segment): string =>
  'item' in segment ? `${path}[${escape(segment.item)}]` : path ? `${path}.${escape(segment.key)}` : escape(segment.key)

/** Whether there is a text that reads as these segments: no name is empty or forbidden, and they fit the limits. */
export const isAddressable = (segments: readonly Segment[]): boolean =>
  segments.every(isNameable) && fitsLimits(formatPath(segments), segments.length)

/** Whether a path can have this step. */
export function isNameable(segment: Segment): boolean {
  const name = 'item' in segment ? segment.item : segment.key
  return name !== '' && !UNWRITABLE.test(name) && !('key' in segment && name === '__proto__')
}

/** Whether a canonical text of so many segments is within the limits. */
export const fitsLimits = (path: string, segments: number): boolean =>
  segments <= MAX_SEGMENTS && path.length <= MAX_LENGTH

const escape = (name: string): string => name.replace(/[.[\]\\]/g, '\\$&')
const unescape = (name: string): string => name.replace(/\\(.)/g, '$1')
