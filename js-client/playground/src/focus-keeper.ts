// Keeps the focus in the page: when the focused element is removed, moved or disabled, the focus goes to the nearest one.

const FOCUSABLE = ':is(a[href], input, textarea, button, select, summary, [tabindex="0"]):not(:disabled)'

/** Where an element goes when it is removed: the nodes around it. */
type Removal = Pick<MutationRecord, 'target' | 'nextSibling' | 'previousSibling'>

/**
 * @param removed is called with the element that had the focus, after it was removed and another one has the focus
 */
export function keepFocus(root: HTMLElement, removed: (element: HTMLElement) => void) {
  let focused: HTMLElement | undefined
  let selection: readonly [number, number] | undefined

  root.addEventListener('focusin', ({ target }) => {
    focused = target as HTMLElement
    selection = undefined
  })
  // A removed element loses the focus, too. The observer has run before the timer.
  root.addEventListener('focusout', ({ target }) =>
    setTimeout(() => {
      if (focused === target && document.activeElement !== target) focused = undefined
    })
  )
  document.addEventListener('selectionchange', () => {
    if (isText(focused) && document.activeElement === focused)
      selection = [focused.selectionStart ?? 0, focused.selectionEnd ?? 0]
  })

  function restore(records: readonly MutationRecord[]) {
    const lost = focused
    if (!lost) return
    const removal = records.find(({ removedNodes }) => [...removedNodes].some((node) => node.contains(lost)))
    if (lost.isConnected && !lost.matches(':disabled')) {
      if (!removal || document.activeElement === lost) return
      lost.focus({ preventScroll: true })
      if (isText(lost) && selection) lost.setSelectionRange(...selection)
    } else if (removal || lost.isConnected) {
      focused = undefined
      const next = removal ? neighbour(lost, removal) : undefined
      ;(next ?? nearest(root, removal?.target ?? lost))?.focus()
      if (removal) removed(lost)
    }
  }

  new MutationObserver(restore).observe(root, { childList: true, subtree: true, attributeFilter: ['disabled'] })
}

export function isText(element: Element | undefined): element is HTMLInputElement | HTMLTextAreaElement {
  return element instanceof HTMLTextAreaElement || (element instanceof HTMLInputElement && element.type === 'text')
}

/** The same control in the next row, or in the previous one. */
function neighbour(lost: HTMLElement, { nextSibling, previousSibling }: Removal): HTMLElement | undefined {
  const id = lost.dataset.testid
  for (const node of [nextSibling, previousSibling]) {
    if (!id || !(node instanceof Element)) continue
    const same = node.querySelector<HTMLElement>(`[data-testid="${id}"]:not(:disabled)`)
    if (same) return same
  }
  return undefined
}

/** The first control at or after a place in the page; otherwise the last one before it. */
function nearest(root: Element, place: Node): HTMLElement | undefined {
  const all = [...root.querySelectorAll<HTMLElement>(FOCUSABLE)]
  const after = (element: Element) => place.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING
  const shown = (element: HTMLElement) => element.checkVisibility({ visibilityProperty: true })
  return all.find((element) => after(element) && shown(element)) ?? all.findLast(shown)
}
