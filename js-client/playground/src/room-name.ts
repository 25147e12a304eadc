const DEFAULT_ROOM = 'demo'

/** Whether the server takes the name: 1 to 255 characters, no control characters, nothing that a URL swallows. */
export function isRoomName(name: string): boolean {
  return /^(?!\.{1,2}$)[^\p{Cc}\p{Cs}]{1,255}$/u.test(name) && name === name.trim()
}

/** The room that a query string such as `?room=demo` names. */
export function roomOf(search: string): string {
  const name = new URLSearchParams(search).get('room')?.trim() ?? ''
  return isRoomName(name) ? name : DEFAULT_ROOM
}
