// An outbox as records: an index that lists its parts by number, and a record for each part. Only changed parts are written.
import type { SavedOutbox } from '../../types.ts'

const LISTS = ['batches', 'unsent', 'rejected'] as const
type List = (typeof LISTS)[number]

/** The numbers of each list's parts, in order. */
export type Index = Pick<SavedOutbox, 'clientId' | 'user'> & { readonly [list in List]: readonly number[] }

/** The stored records. */
export interface Stored {
  readonly index: Index
  readonly parts: ReadonlyMap<number, unknown>
  /** The number of the next part. */
  readonly next: number
}

/** The records to write and to delete. */
export interface Changes {
  readonly stored: Stored
  readonly added: readonly (readonly [number, unknown])[]
  readonly removed: readonly number[]
}

/** The changes from `known` to an outbox. Unchanged parts at the beginning and the end of a list keep their records. */
export function changesOf(known: Stored | undefined, outbox: SavedOutbox): Changes {
  let next = known?.next ?? 0
  const parts = new Map<number, unknown>()
  const added: [number, unknown][] = []
  function numbersOf(list: List): number[] {
    const values: readonly unknown[] = outbox[list] ?? []
    const old = known?.index[list] ?? []
    const isKept = (from: number, at: number) =>
      from >= 0 && from < old.length && isSame(known?.parts.get(old[from]!), values[at])
    let first = 0
    while (first < values.length && isKept(first, first)) first++
    let last = 0
    while (last < Math.min(values.length, old.length) - first && isKept(old.length - 1 - last, values.length - 1 - last)) last++
    return values.map((value, i) => {
      const isNew = i >= first && i < values.length - last
      const number = isNew ? next++ : old[i < first ? i : i + old.length - values.length]!
      parts.set(number, value)
      if (isNew) added.push([number, value])
      return number
    })
  }
  const { clientId, user } = outbox
  const owner = { clientId, ...(user !== undefined && { user }) }
  const index = { ...owner, batches: numbersOf('batches'), unsent: numbersOf('unsent'), rejected: numbersOf('rejected') }
  const removed = [...(known?.parts.keys() ?? [])].filter((number) => !parts.has(number))
  return { stored: { index, parts, next }, added, removed }
}

/** The outbox of an index, without missing parts; the record itself, if it is no index. */
export function assemble(found: unknown, parts: ReadonlyMap<number, unknown>): unknown {
  const index = Object(found) as Partial<Record<List, unknown>>
  const lists = LISTS.filter((list) => Array.isArray(index[list]))
  const entries = lists.map((list) => {
    const values = (index[list] as unknown[]).map((part) => (typeof part === 'number' ? parts.get(part) : part))
    return [list, values.filter((value) => value !== undefined)] as const
  })
  const outbox = { ...index, ...Object.fromEntries(entries) } as Partial<Record<List, unknown[]>>
  if (!outbox.rejected?.length) delete outbox.rejected
  return outbox
}

/** Whether two parts are equal. Their values are immutable and shared, so a few levels are compared. */
function isSame(a: unknown, b: unknown, depth = 3): boolean {
  if (a === b) return true
  if (!depth || typeof a !== 'object' || typeof b !== 'object' || !a || !b) return false
  const names = Object.keys(a)
  const [one, other] = [a, b] as Record<string, unknown>[]
  return names.length === Object.keys(b).length && names.every((name) => isSame(one![name], other![name], depth - 1))
}
