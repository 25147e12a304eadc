// The browser page that the client lives in, if it does.

/** `visible`: it runs again after it was hidden, frozen or cached. `hidden`: it may never run again. */
export type PageEvent = 'online' | 'visible' | 'hidden'

const meanings: Readonly<Record<string, (event: Event) => PageEvent | undefined>> = {
  online: () => 'online',
  visibilitychange: () => document.visibilityState,
  pageshow: (event) => ((event as PageTransitionEvent).persisted ? 'visible' : undefined),
  resume: () => 'visible',
  pagehide: () => 'hidden',
  freeze: () => 'hidden'
}

/** Listens until the function returned is called. Where there is no page, nothing is ever heard. */
export function onPage(listener: (event: PageEvent) => void): () => void {
  if (typeof window !== 'object') return () => {}
  let hidden = false
  function handle(event: Event) {
    const meaning = meanings[event.type]?.(event)
    // A page that is closed is hidden, and then hidden once more.
    if (!meaning || (meaning === 'hidden' && hidden)) return
    if (meaning !== 'online') hidden = meaning === 'hidden'
    listener(meaning)
  }
  const stop = new AbortController()
  // Some are dispatched at the document; capturing sees them all.
  for (const type in meanings) window.addEventListener(type, handle, { capture: true, signal: stop.signal })
  return () => stop.abort()
}

/** The browser is sure to have no network. That it has one is never sure. */
export const isOffline = () => typeof navigator === 'object' && navigator.onLine === false
