/**
 * Turns off the browser's undo. It undoes the last input in the page, whichever field has the focus, and knows nothing of values that
 * others have set since. So it would empty another field, or bring back old text, for everyone in the room.
 */
export function disableUndo(target: EventTarget) {
  const prevent = (event: Event) => event.preventDefault()
  target.addEventListener('beforeinput', (event) => {
    if (/^history(Undo|Redo)$/.test((event as InputEvent).inputType)) prevent(event)
  })
  target.addEventListener('keydown', (event) => isUndo(event as KeyboardEvent) && prevent(event))
}

/** Ctrl+Z, Ctrl+Shift+Z and Ctrl+Y, with the Command key on a Mac. */
export function isUndo({
  key,
  ctrlKey,
  metaKey,
  altKey
}: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey'>): boolean {
  return (ctrlKey || metaKey) && !altKey && /^[zy]$/i.test(key)
}
