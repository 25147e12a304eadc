// Documents for property tests, small enough that two of them share parts.
import fc from 'fast-check'
import type { Json, JsonObject } from '../../../src/document/json.ts'

const name = fc.constantFrom('a', 'b', 'c', 'x.y', 'constructor', 'toString', '1')
const scalar = fc.constantFrom<Json>(null, true, false, 0, 1, -1.5, 'text', '', 'é😀')
const id = fc.constantFrom('i1', 'i2', 'i3', 'i4', 'i5', 'i6', '__proto__', 'a[b].c\\')

const { value, members } = fc.letrec<{ value: Json; members: JsonObject; items: Json; plain: Json }>((tie) => ({
  members: fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: true }) as fc.Arbitrary<JsonObject>,
  items: fc
    .uniqueArray(fc.tuple(id, tie('members')), { selector: ([id]) => id, maxLength: 6 })
    .map((items) => items.map(([_sync_id, members]) => ({ ...members, _sync_id }))),
  plain: fc.array(scalar, { maxLength: 3 }),
  value: fc.oneof(
    { maxDepth: 4, depthIdentifier: 'value' },
    { weight: 3, arbitrary: scalar },
    { weight: 1, arbitrary: tie('plain') },
    { weight: 2, arbitrary: tie('members') },
    { weight: 2, arbitrary: tie('items') }
  )
}))

/** Any JSON value in which every object in an array has its id. */
export const anyValue = value as fc.Arbitrary<Json>
/** Any such JSON object. */
export const anyObject = members as fc.Arbitrary<JsonObject>

/** Freezes a value, so that a change throws. */
export function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(freeze)
  return value
}

export const parse = (text: string): Json => JSON.parse(text) as Json
