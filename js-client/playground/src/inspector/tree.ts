// The children of a value in a tree of the document. Pure.
import type { Json } from '../document.ts'
import { childPath, idOf, isObject } from '../document.ts'
import { brief, shorten } from '../wording.ts'

/** Longer values are shortened. */
const LONGEST = 200

export interface Child {
  name: string
  /** Undefined where no path names the child: the elements of a list that is one value. */
  path: string | undefined
  value: Json
}

export const isBranch = (value: Json): boolean => typeof value === 'object' && value !== null

/** The first `most` children of a value. Items of a list are called by their title or name, if they have one. */
export function childrenOf(path: string | undefined, value: Json, most: number): Child[] {
  const place = (child: { key: string } | { item: string }) => (path === undefined ? undefined : childPath(path, child))
  if (Array.isArray(value)) {
    return value.slice(0, most).map((item, index) => {
      const id = idOf(item)
      return { name: id ? `[${id}]` : `${index}`, path: id ? place({ item: id }) : undefined, value: item }
    })
  }
  if (!isObject(value)) return []
  const members = Object.entries(value).filter(([key]) => key !== '_sync_id')
  return members.slice(0, most).map(([key, member]) => ({ name: key, path: place({ key }), value: member }))
}

/** The number of children. */
export function countOf(value: Json): number {
  if (Array.isArray(value)) return value.length
  return isObject(value) ? Object.keys(value).filter((key) => key !== '_sync_id').length : 0
}

/** A value in one line: a leaf as JSON, a list or an object by its size, with a hint of what it is. */
export function summary(value: Json): string {
  if (Array.isArray(value)) return `${value.length} ${value.length === 1 ? 'item' : 'items'}`
  if (isObject(value)) {
    const { title, name } = value
    const said = typeof title === 'string' ? title : typeof name === 'string' ? name : '{…}'
    return shorten(said, LONGEST)
  }
  return brief(value, LONGEST)
}
