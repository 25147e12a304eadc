// Checks the names of rooms and clients.
import { warn } from '../warn.ts'

/** Names made of a missing value, such as `project-${undefined}`. */
const MISTAKEN = /(undefined|null)$|(^|[^a-z0-9])(undefined|null|nan|\[object \w+\])([^a-z0-9]|$)/i

/**
 * Throws a TypeError for a name that a URL cannot contain. The server checks the rest.
 *
 * @param what the thing that is named, such as `a room`
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

/** Warns once about a room's name that looks like a missing value. */
export function warnOfRoom(name: string): void {
  if (!MISTAKEN.test(name) || warned.has(name)) return
  warned.add(name)
  warn(
    `A room is named "${name}", which looks like a missing value. All pages without the value share that room. Enter no room until the value is there.`
  )
}
