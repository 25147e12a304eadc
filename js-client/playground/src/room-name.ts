const DEFAULT_ROOM = 'demo'

/** What is wrong with the name of a room, as a sentence; empty if it is valid. */
export function roomNameProblem(name: string): string {
  if (!name) return 'A room needs a name.'
  // The server counts UTF-16 code units, as `length` does.
  if (name.length > 255) return `A name has at most 255 characters. This one has ${name.length}.`
  if (/^\.{1,2}$/.test(name)) return 'A room cannot be called “.” or “..”: addresses lose such names.'
  if (/\p{Cc}/u.test(name)) return 'A name cannot contain control characters, such as tabs and line breaks.'
  if (/\p{Cs}/u.test(name)) return 'A name cannot contain half a character. Remove the last character and type it again.'
  if (name !== name.trim()) return 'A name cannot begin or end with a space.'
  return ''
}

/** The room in a query string such as `?room=demo`. */
export function roomOf(search: string): string {
  const name = new URLSearchParams(search).get('room')?.trim() ?? ''
  return roomNameProblem(name) ? DEFAULT_ROOM : name
}
