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

/**
 * Listens until the function returned is called. Where there is no page, nothing is ever heard. A page that is closed is hidden
 * several times: between two of them its own listeners may still change something.
 */
export function onPage(listener: (event: PageEvent) => void): () => void {
  if (typeof window !== 'object') return () => {}
  function handle({ type, persisted }: PageTransitionEvent) {
    const meaning = meanings[type]?.(persisted)
    if (meaning) listener(meaning)
    if (type === 'pagehide' && !persisted) listener('closed')
  }
  const stop = new AbortController()
  // Some are dispatched at the document; capturing sees them all.
  for (const type in meanings)
    window.addEventListener(type, handle as (event: Event) => void, { capture: true, signal: stop.signal })
  return () => stop.abort()
}

/**
 * Listens for the moment before the page is left, which is the first of all, until the function returned is called. Only while
 * something is pending: some browsers do not cache a page that has such a listener.
 */
export function beforeLeaving(listener: () => void): () => void {
  if (typeof window !== 'object') return () => {}
  window.addEventListener('beforeunload', listener, true)
  return () => window.removeEventListener('beforeunload', listener, true)
}

/**
 * Whether the browser has only a few connections to an address, as with HTTP/1.1. What is spoken there is known from requests to
 * it that have ended, or to the page's own origin; where it is not known, it is taken for HTTP/1.1.
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

/** The browser is sure to have no network. That it has one is never sure. */
export const isOffline = () => typeof navigator === 'object' && navigator.onLine === false

/** The program ends when nothing is left to do, as in Node. A page lives until it is closed. */
export function endsWhenIdle(): boolean {
  const { process } = globalThis as { process?: { versions?: { node?: string } } }
  return typeof window !== 'object' && !!process?.versions?.node
}
