import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { type Segment, parsePath, placeOf } from '../../../src/document/path.ts'
import { cpuMs } from './cpu.ts'

interface Vectors {
  valid: { name: string; text: string; segments: Segment[]; canonical: string }[]
  invalid: { name: string; text: string }[]
}
const vectors = JSON.parse(readFileSync(new URL('../../../../tests/vectors/paths.json', import.meta.url), 'utf8')) as Vectors

const isAddressable = (segments: Segment[]): boolean => placeOf(segments) !== undefined
const formatPath = (segments: Segment[]): string => placeOf(segments)?.path ?? expect.fail('no path leads there')

describe('the vectors', () => {
  it.each(vectors.valid)('valid: $name', ({ text, segments, canonical }) => {
    expect(parsePath(text)).toEqual(segments)
    expect(formatPath(segments)).toBe(canonical)
    expect(parsePath(canonical)).toEqual(segments)
    expect(isAddressable(segments)).toBe(true)
  })
  it.each(vectors.invalid)('invalid: $name', ({ text }) => {
    expect(() => parsePath(text)).toThrow(TypeError)
  })
})

const name = fc.string({
  unit: fc.constantFrom('a', 'é', '😀', '.', '[', ']', '\\', ' ', '\n', '0'),
  minLength: 1,
  maxLength: 6
})
const segment = fc.oneof(
  name.map((key) => ({ key })),
  name.map((item) => ({ item }))
)

test('formatted segments parse as the same segments', () => {
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 20 }), (segments) => {
      expect(parsePath(formatPath(segments))).toEqual(segments)
    })
  )
})

test('any text is either a path, whose canonical text parses equally, or throws a TypeError', () => {
  const text = fc.string({ unit: fc.constantFrom('a', '.', '[', ']', '\\', '\0', '\ud800', '__proto__'), maxLength: 12 })
  fc.assert(
    fc.property(text, (text) => {
      let segments: Segment[]
      try {
        segments = parsePath(text)
      } catch (error) {
        expect(error).toBeInstanceOf(TypeError)
        return
      }
      expect(isAddressable(segments)).toBe(true)
      expect(parsePath(formatPath(segments))).toEqual(segments)
    }),
    { numRuns: 1000 }
  )
})

test('the error has position and cause', () => {
  expect(() => parsePath('a..b')).toThrow('Invalid path at 1: expected a key or [id]: "a..b"')
  expect(() => parsePath('tasks[x')).toThrow('at 5')
  expect(() => parsePath('a.\ud800')).toThrow('at 2: invalid character')
  expect(() => parsePath('a.__proto__')).toThrow('at 1: __proto__')
})

test('segments that no path can have are not addressable', () => {
  const key = 'k'
  expect(isAddressable([])).toBe(true)
  expect(isAddressable([{ key: '' }])).toBe(false)
  expect(isAddressable([{ item: '' }])).toBe(false)
  expect(isAddressable([{ key: '__proto__' }])).toBe(false)
  expect(isAddressable([{ item: '__proto__' }])).toBe(true)
  expect(isAddressable([{ key: 'a\0' }])).toBe(false)
  expect(isAddressable([{ item: '\udc00' }])).toBe(false)
  expect(isAddressable(new Array<Segment>(64).fill({ key }))).toBe(true)
  expect(isAddressable(new Array<Segment>(65).fill({ key }))).toBe(false)
  expect(isAddressable([{ key: 'a'.repeat(1000) }])).toBe(true)
  expect(isAddressable([{ key: `${'a'.repeat(999)}.` }])).toBe(false)
})

test('a long text is refused without parsing it', () => {
  const text = 'a.'.repeat(5_000_000)
  expect(cpuMs(() => expect(() => parsePath(text)).toThrow('too long'))).toBeLessThan(50)
})
