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

/** One line, such as `set title "Hello"` or `array_move todo[t1] to done at 2`. */
export function describeOperation({ op, path, value, arrayIndex, after, to }: Change): string {
  const words = [op, path || '(document)']
  if (value !== undefined) words.push(shorten(JSON.stringify(value)))
  if (to !== undefined) words.push(`to ${to || '(document)'}`)
  if (arrayIndex !== undefined) words.push(`at ${arrayIndex}`)
  if (after !== undefined)
    words.push((Array.isArray(after) ? after[0] : after) === null ? 'first' : `after ${[after].flat()[0]}`)
  return words.join(' ')
}

/** Describes a change that will not take effect. */
export function describeConflict({ op, reason, current }: { op: Change; reason: string; current?: unknown }): string {
  const change = `Your change “${describeOperation(op)}” was dropped`
  switch (reason) {
    case 'changed':
      return `${change}: another user changed this while you were offline. It is now ${shorten(JSON.stringify(current) ?? 'empty')}.`
    case 'item_deleted':
      return `${change}: another user removed the item.`
    case 'too_large':
      return `${change}: the project would become too large.`
    default:
      return `${change} (${reason.replaceAll('_', ' ')}).`
  }
}

/** Describes why the server refuses this window. `hasToken`: a token was sent. */
export function describeRefusal(code: 'unauthorized' | 'forbidden', message: string, hasToken: boolean): string {
  if (code === 'forbidden')
    return `The token is valid, but not for this room (${message}). Enter another room or another token.`
  return hasToken ? `The token was refused (${message}). Your changes are kept.` : 'This server requires a token.'
}

function shorten(text: string): string {
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE - 1)}…` : text
}
