// What the page needs to know about documents beyond the package: reading and comparing them by paths.
import { diff } from '../../src/document/diff.ts'
import { fold } from '../../src/document/apply.ts'
import { extendPlace, parsePath } from '../../src/document/path.ts'
import { find } from '../../src/document/target.ts'
import { own } from '../../src/document/values.ts'
import type { Json, JsonObject } from '../../src/types.ts'

export type { Json, JsonObject, Operation } from '../../src/types.ts'
export { diff, fold, own }

/** The value at a path; undefined if there is none. */
export function valueAt(document: Json | undefined, path: string): Json | undefined {
  const target = find(document, parsePath(path))
  return typeof target === 'string' ? undefined : target.at
}

/** The path of a member, or of an item by its id. Undefined if no path can name it. */
export function childPath(path: string, child: { key: string } | { item: string }): string | undefined {
  return extendPlace({ path, depth: 0 }, child)?.path
}

/** The path of an item of a list. Undefined if it has no id, or if no path can name it. */
export const itemPath = (list: string, item: unknown): string | undefined => childPath(list, { item: idOf(item as Json) })

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The id of an item of a list; empty for any other value. */
export const idOf = (value: Json | undefined): string =>
  isObject(value) && typeof value._sync_id === 'string' ? value._sync_id : ''
