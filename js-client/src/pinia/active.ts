// Which client the composables use: as with Pinia itself, the one that was created last.
import type { Client } from '../types.ts'

let active: Client | undefined

export function setActiveClient(client: Client) {
  active = client
}

/** Undefined where none was created, such as on a server that renders pages. */
export const activeClient = (): Client | undefined => active
