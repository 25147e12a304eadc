// Detects two stores that sync the same document: they overwrite each other.
import type { Client } from '../types.ts'
import { warn } from '../warn.ts'

const claims = new WeakMap<Client, Map<string, Set<string>>>()
const warned = new Set<string>()

/** Records that a store syncs a document. Warns if another store does, too. Returns a function that removes the record. */
export function claim(client: Client, room: string, key: string, store: string): () => void {
  const documents = claims.get(client) ?? new Map<string, Set<string>>()
  claims.set(client, documents)
  const name = JSON.stringify([room, key])
  const stores = documents.get(name) ?? new Set()
  documents.set(name, stores)
  for (const other of stores) if (other !== store) warnOnce(room, key, other, store)
  stores.add(store)
  return () => {
    stores.delete(store)
    if (!stores.size) documents.delete(name)
  }
}

function warnOnce(room: string, key: string, one: string, other: string) {
  const message =
    `The stores "${one}" and "${other}" both sync the document "${key}" of the room "${room}", and overwrite each other. ` +
    'Use different names in `include`, or different rooms.'
  if (warned.has(message)) return
  warned.add(message)
  warn(message)
}
