// Checks the shape of JSON from the network, as far as the client relies on it. Unknown members are ignored, so that answers and
// events can gain new ones.
import { isObject } from '../../document/values.ts'

/** A test of a value, the shapes of an object's members, or the one shape of all elements of an array. */
export type Shape = ((value: unknown) => boolean) | readonly [Shape] | { readonly [name: string]: Shape }

export function fits(value: unknown, shape: Shape): boolean {
  if (typeof shape === 'function') return shape(value)
  if (isList(shape)) return Array.isArray(value) && value.every((element) => fits(element, shape[0]))
  return isObject(value) && Object.entries(shape).every(([name, member]) => fits(value[name], member))
}

export const text: Shape = (value) => typeof value === 'string'
export const whole: Shape = (value) => Number.isSafeInteger(value)
export const present: Shape = (value) => value !== undefined

export const problemShape: Shape = { title: text, code: text, retryable: present }
export const userShape: Shape = { clientId: text }

const isList = (shape: Shape): shape is readonly [Shape] => Array.isArray(shape)
