/** The part of a user's presence that the page shows. */
export interface Present {
  clientId: string
  displayName?: string
  joinedAt: number
}

export interface Person {
  id: string
  /** Different from the names of all others. */
  name: string
  initials: string
  colour: string
  mine: boolean
}

// Each has a contrast of at least 4.5 to the white initials.
const COLOURS = ['#2563eb', '#c2410c', '#7e22ce', '#0f766e', '#be123c', '#4d7c0f', '#a21caf', '#92400e', '#0369a1', '#4f46e5']

/** A character that shows, unlike spaces and formats. */
const VISIBLE = /[^\p{C}\p{Z}]/u

/**
 * The people in a room, in the order in which they joined. All windows show a person in the same way: the colour follows from the id,
 * unless an earlier person has that colour, and the second person of a name gets a number.
 */
export function peopleOf(users: readonly Present[], ownId: string): Person[] {
  const colours = new Set<string>()
  /** The names that are taken, with the last number that was tried. */
  const names = new Map<string, number>()
  const byAge = [...users].sort((a, b) => a.joinedAt - b.joinedAt || (a.clientId < b.clientId ? -1 : 1))
  return byAge.map((user) => {
    const first = hash(user.clientId)
    const candidates = COLOURS.map((_, i) => COLOURS[(first + i) % COLOURS.length] ?? '')
    const colour = candidates.find((candidate) => !colours.has(candidate)) ?? candidates[0] ?? ''
    colours.add(colour)
    const wanted = VISIBLE.test(user.displayName ?? '') ? user.displayName!.trim() : 'Anonymous'
    let name = wanted
    let number = names.get(wanted.toLowerCase()) ?? 1
    while (names.has(name.toLowerCase())) name = `${wanted} ${++number}`
    names.set(name.toLowerCase(), 1).set(wanted.toLowerCase(), number)
    const initials = number > 1 ? `${[...initialsOf(wanted)][0] ?? ''}${number}` : initialsOf(name)
    return { id: user.clientId, name, initials, colour, mine: user.clientId === ownId }
  })
}

/** The first letters of the first two words, or the first two letters of the only one. Of a number, two digits. */
export function initialsOf(name: string): string {
  const [first = '', second] = name.split(/\s+/).filter(Boolean)
  const letters = [...first]
  const rest = second ? (/^\d{1,2}/.exec(second)?.[0] ?? [...second][0]) : letters[1]
  return ((letters[0] ?? '') + (rest ?? '')).toUpperCase()
}

function hash(text: string): number {
  let h = 0
  for (const char of text) h = (h * 31 + (char.codePointAt(0) ?? 0)) >>> 0
  return h
}
