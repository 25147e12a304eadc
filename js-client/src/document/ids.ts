// Creates and removes the ids of items.
import { SYNC_ID, put } from './values.ts'

/** A random UUID (version 4). `crypto.randomUUID` exists in secure contexts only. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/**
 * Returns a deep copy without `_sync_id` members, such as for an export. The copy of reactive data is plain. Objects that are
 * neither plain nor arrays, such as a Date, are not copied.
 */
export function stripSyncIds<T>(value: T): T {
  if (Array.isArray(value)) return value.map(stripSyncIds) as T
  if (typeof value !== 'object' || value === null) return value
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== null && prototype !== Object.prototype) return value
  const copy = {}
  for (const [name, member] of Object.entries(value)) {
    if (name !== SYNC_ID) put(copy, name, stripSyncIds<unknown>(member))
  }
  return copy as T
}
