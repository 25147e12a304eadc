// The client of the composables: the one that was created last, as with Pinia itself.
import type { Client } from '../types.ts'

let active: Client | undefined
const waiting = new Set<(client: Client) => void>()

export function setActiveClient(client: Client) {
  active = client
  for (const use of [...waiting]) use(client)
  waiting.clear()
}

/** Undefined if no client was created, such as on a server that renders pages. */
export const activeClient = (): Client | undefined => active

/**
 * Calls `use` when a client is created. Returns a function that cancels this. Does nothing on a server that renders pages, which
 * never creates a client.
 */
export function whenActive(use: (client: Client) => void): () => void {
  if (globalThis.document) waiting.add(use)
  return () => void waiting.delete(use)
}
