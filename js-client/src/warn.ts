/** Warns the developer of an application. Builds for production leave it out, and so does code that is not built. */
export function warn(message: string): void {
  if (inDevelopment()) console.warn(`[pathsync] ${message}`)
}

/** Bundlers replace the expression as a whole; a browser has no `process`. */
function inDevelopment(): boolean {
  try {
    return process.env.NODE_ENV !== 'production'
  } catch {
    return false
  }
}
