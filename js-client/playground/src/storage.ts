type Area = 'localStorage' | 'sessionStorage'

/** Null if there is no value, or if the browser blocks storage: then reading the property throws. */
export function read(area: Area, key: string): string | null {
  try {
    return window[area].getItem(key)
  } catch {
    return null
  }
}

/** Does nothing if the browser blocks storage: the value is kept until the page is closed. */
export function write(area: Area, key: string, value: string) {
  try {
    window[area].setItem(key, value)
  } catch {
    // See above.
  }
}
