// Which stores are which documents. Two stores with different state that are the same document overwrite each other.
import type { Client } from '../types.ts'
import { warn } from '../warn.ts'

const claims = new WeakMap<Client, Map<string, Set<string>>>()
const warned = new Set<string>()

/** Notes that a store is a document of a room, until the function returned is called. Warns if another store is, too. */
export function claim(client: Client, room: string, key: string, store: string): () => void {
  const documents = claims.get(client) ?? new Map<string, Set<string>>()
  claims.set(client, documents)
  const name = JSON.stringify([room, key])
  const stores = documents.get(name) ?? new Set()
  documents.set(name, stores)
  for (const other of stores) if (other !== store) warnOf(room, key, other, store)
  stores.add(store)
  return () => void stores.delete(store)
}

function warnOf(room: string, key: string, one: string, other: string) {
  const message =
    `The stores "${one}" and "${other}" are both the document "${key}" of the room "${room}", and overwrite each other. ` +
    'Give each an `include` whose names the other does not have, or a room of its own.'
  if (warned.has(message)) return
  warned.add(message)
  warn(message)
}
