// The kinds of objects that JSON does not have.

/** The name of a built-in kind of object that is not JSON, such as `Map`; empty for other objects and arrays. */
export function kindOf(object: object): string {
  const prototype: unknown = Object.getPrototypeOf(object)
  if (prototype === Object.prototype || prototype === Array.prototype || prototype === null) return ''
  const kind = Object.prototype.toString.call(object).slice(8, -1)
  return kind === 'Object' || Array.isArray(object) ? '' : kind
}

/** Whether an object is an instance of a class. A plain object of another realm, such as a frame, is not. */
export function isInstance(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object)
  return (
    prototype !== null && prototype !== Object.prototype && !Array.isArray(object) && Object.getPrototypeOf(prototype) !== null
  )
}
