// The browser page that the client lives in, if it does.

/**
 * `visible`: it runs again after it was hidden, frozen or cached. `hidden`: it may never run again. `closed`: it never will,
 * and it is hidden.
 */
export type PageEvent = 'online' | 'visible' | 'hidden' | 'closed'

const meanings: Readonly<Record<string, (persisted: boolean) => PageEvent | false>> = {
  online: () => 'online',
  visibilitychange: () => document.visibilityState,
  pageshow: (persisted) => persisted && 'visible',
  resume: () => 'visible',
  pagehide: () => 'hidden',
  freeze: () => 'hidden'
}

/** Listens until the function returned is called. Where there is no page, nothing is ever heard. */
export function onPage(listener: (event: PageEvent) => void): () => void {
  if (typeof window !== 'object') return () => {}
  let hidden = false
  function handle({ type, persisted }: PageTransitionEvent) {
    const meaning = meanings[type]?.(persisted)
    // A page that is closed is hidden, and then hidden once more.
    if (meaning && (meaning !== 'hidden' || !hidden)) {
      if (meaning !== 'online') hidden = meaning === 'hidden'
      listener(meaning)
    }
    if (type === 'pagehide' && !persisted) listener('closed')
  }
  const stop = new AbortController()
  // Some are dispatched at the document; capturing sees them all.
  for (const type in meanings) window.addEventListener(type, handle as (event: Event) => void, { capture: true, signal: stop.signal })
  return () => stop.abort()
}

/** The browser is sure to have no network. That it has one is never sure. */
export const isOffline = () => typeof navigator === 'object' && navigator.onLine === false
