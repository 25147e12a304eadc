// The page's life cycle and network, where the client runs in a page.

/**
 * `visible`: the page is visible, or runs again after it was frozen or cached. `hidden`: the browser may end the page without another
 * event. `closed`: the browser ends the page; `hidden` precedes it.
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

/**
 * Listens to the page. Returns a function that removes the listener. Outside of a page, the listener is never called. A page that is
 * closed reports `hidden` several times, as the application's listeners may change documents in between.
 */
export function onPage(listener: (event: PageEvent) => void): () => void {
  if (typeof window !== 'object') return () => {}
  function handle({ type, persisted }: PageTransitionEvent) {
    const meaning = meanings[type]?.(persisted)
    if (meaning) listener(meaning)
    if (type === 'pagehide' && !persisted) listener('closed')
  }
  const stop = new AbortController()
  // Some events are dispatched at the document. A capturing listener of the window receives them, too.
  for (const type in meanings)
    window.addEventListener(type, handle as (event: Event) => void, { capture: true, signal: stop.signal })
  return () => stop.abort()
}

/**
 * Listens to `beforeunload`, the first event when a page is left. Returns a function that removes the listener. Listen only while
 * changes are pending: some browsers do not cache a page with such a listener.
 */
export function beforeLeaving(listener: () => void): () => void {
  if (typeof window !== 'object') return () => {}
  window.addEventListener('beforeunload', listener, true)
  return () => window.removeEventListener('beforeunload', listener, true)
}

/**
 * Whether the browser limits connections to the server to a few, as with HTTP/1.1. The protocol is that of earlier requests to the
 * server, or of the page itself if it has the same origin. An unknown protocol counts as HTTP/1.1.
 */
export function hasFewConnections(root: string): boolean {
  if (typeof window !== 'object' || typeof location !== 'object') return false
  const { href, origin } = new URL(root, location.href)
  const entries = performance.getEntries() as Partial<PerformanceResourceTiming & { name: string }>[]
  const isThere = ({ name = '', entryType }: Partial<PerformanceEntry>) =>
    name.startsWith(href) || (entryType === 'navigation' && origin === location.origin)
  const protocol = entries.findLast((entry) => isThere(entry) && entry.nextHopProtocol)?.nextHopProtocol
  return !protocol || protocol.startsWith('http/')
}

/** Whether the browser reports that it has no network. Otherwise the server may still be unreachable. */
export const isOffline = () => typeof navigator === 'object' && navigator.onLine === false

/** Whether the program exits when no timer or request is left, as in Node. A page runs until it is closed. */
export function endsWhenIdle(): boolean {
  const { process } = globalThis as { process?: { versions?: { node?: string } } }
  return typeof window !== 'object' && !!process?.versions?.node
}
