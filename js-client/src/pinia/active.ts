// Which client the composables use: as with Pinia itself, the one that was created last.
import type { Client } from '../types.ts'

let active: Client | undefined
const waiting = new Set<(client: Client) => void>()

export function setActiveClient(client: Client) {
  active = client
  for (const use of [...waiting]) use(client)
  waiting.clear()
}

/** Undefined where none was created, such as on a server that renders pages. */
export const activeClient = (): Client | undefined => active

/**
 * Calls `use` when a client is created. Returns a function that stops waiting. A server that renders pages creates none, so that
 * nothing waits there.
 */
export function whenActive(use: (client: Client) => void): () => void {
  if (globalThis.document) waiting.add(use)
  return () => void waiting.delete(use)
}
