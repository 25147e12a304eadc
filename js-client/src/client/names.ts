// Checks the names of rooms and clients.
import { warn } from '../warn.ts'

/** Names built from a missing value, such as `project-${undefined}`. */
const MISTAKEN = /(undefined|null)$|(^|[^a-z0-9])(undefined|null|nan|\[object \w+\])([^a-z0-9]|$)/i

/**
 * Throws a TypeError for a name that cannot be part of a URL's path. The server checks all other rules.
 *
 * @param what the kind of name, for the error: `a room` or `a client`
 */
export function checkName(what: string, name: string): void {
  const why = !name
    ? 'the name is empty'
    : name === '.' || name === '..'
      ? `"${name}" is removed from URLs`
      : /\p{Surrogate}/u.test(name) && 'the name has half a surrogate pair'
  if (why) throw new TypeError(`${what} cannot be named ${JSON.stringify(name)}: ${why}; choose another name`)
}

const warned = new Set<string>()

/** Warns about a room name that looks like a missing value, once for each name. */
export function warnOfRoom(name: string): void {
  if (!MISTAKEN.test(name) || warned.has(name)) return
  warned.add(name)
  warn(
    `A room is named "${name}", which looks like a missing value. All pages without the value share that room. Enter the room when the value is known.`
  )
}
