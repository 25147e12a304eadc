/** The parts of an operation that the page describes. */
export interface Change {
  op: string
  path: string
  value?: unknown
  arrayIndex?: number
  after?: string | null | readonly (string | null)[]
  to?: string
}

const LONGEST_VALUE = 60
/** Ids of items that are longer are shortened. */
const LONGEST_ID = 12

/** One line, such as `set title "Hello"` or `array_move todo[t1] to done at 2`. */
export function describeOperation({ op, path, value, arrayIndex, after, to }: Change): string {
  const words = [op, shortPath(path) || '(document)']
  if (value !== undefined) words.push(brief(value))
  if (to !== undefined) words.push(`to ${shortPath(to) || '(document)'}`)
  if (arrayIndex !== undefined) words.push(`at ${arrayIndex}`)
  if (after !== undefined)
    words.push((Array.isArray(after) ? after[0] : after) === null ? 'first' : `after ${shortId(String([after].flat()[0]))}`)
  return words.join(' ')
}

/** A path for people, with short ids. */
export function shortPath(path: string): string {
  return path.replaceAll(/\[((?:[^\]\\]|\\.)*)\]/g, (_, id: string) => `[${shortId(id)}]`)
}

const shortId = (id: string) => (id.length > LONGEST_ID ? `${id.slice(0, 8)}…` : id)

/** Describes a change that will not take effect. */
export function describeConflict({ op, reason, current }: { op: Change; reason: string; current?: unknown }): string {
  const change = `Your change “${describeOperation(op)}” was dropped`
  switch (reason) {
    case 'changed':
      return `${change}: another user changed this while you were offline. It is now ${current === undefined ? 'empty' : brief(current)}.`
    case 'item_deleted':
      return `${change}: another user removed the item.`
    case 'too_large':
      return `${change}: the project would become too large.`
    default:
      return `${change} (${reason.replaceAll('_', ' ')}).`
  }
}

/** Describes text of this window that another user has replaced. */
export function describeOverwritten(name: string, text: string, current: string): string {
  const now = current ? `with “${shorten(current)}”` : 'with nothing'
  return `${name} has replaced your text “${shorten(text)}” ${now}.`
}

/** Describes the removal of a row while the user was in it. */
export function describeRemoval(name: string, text: string | undefined): string {
  const row = text ? `the row “${shorten(text)}”` : 'the row'
  return `${name} has removed ${row} while you were in it.`
}

/** Describes why the server refuses this window. `hasToken`: a token was sent. */
export function describeRefusal(code: 'unauthorized' | 'forbidden', message: string, hasToken: boolean): string {
  if (code === 'forbidden')
    return `The token is valid, but not for this room (${message}). Enter another room or another token.`
  return hasToken ? `The token was refused (${message}). Your changes are kept.` : 'This server requires a token.'
}

export function shorten(text: string, most = LONGEST_VALUE): string {
  return text.length > most ? `${cut(text, most - 1)}…` : text
}

/** The beginning of a value's JSON. A large value costs no more than a small one. */
export function brief(value: unknown, most = LONGEST_VALUE): string {
  let left = most
  function clip(part: unknown): unknown {
    left--
    if (typeof part === 'string') return clipText(part)
    if (typeof part !== 'object' || part === null) return part
    const kept: [string, unknown][] = []
    for (const key in part) {
      if (left < 0) break
      kept.push([Array.isArray(part) ? key : clipText(key), clip(part[key as keyof typeof part])])
    }
    return Array.isArray(part) ? kept.map(([, item]) => item) : Object.fromEntries(kept)
  }
  function clipText(text: string): string {
    left -= text.length
    return cut(text, most)
  }
  return shorten(JSON.stringify(clip(value)), most)
}

/** At most this many characters, without half of one at the end. */
const cut = (text: string, most: number) => text.slice(0, most).replace(/[\ud800-\udbff]$/, '')
