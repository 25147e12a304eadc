const DEFAULT_ROOM = 'demo'

/** Whether the name is valid: 1 to 255 characters, no control characters, and not `.` or `..`, which URLs remove. */
export function isRoomName(name: string): boolean {
  return /^(?!\.{1,2}$)[^\p{Cc}\p{Cs}]{1,255}$/u.test(name) && name === name.trim()
}

/** The room in a query string such as `?room=demo`. */
export function roomOf(search: string): string {
  const name = new URLSearchParams(search).get('room')?.trim() ?? ''
  return isRoomName(name) ? name : DEFAULT_ROOM
}
