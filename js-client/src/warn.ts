/** Warns the developer of an application, in development builds only. */
export function warn(message: string): void {
  if (inDevelopment()) console.warn(`[pathsync] ${message}`)
}

declare const process: { readonly env: { readonly NODE_ENV?: string } }

/** Bundlers replace the expression. Without one, a browser has no `process`. */
function inDevelopment(): boolean {
  try {
    return process.env.NODE_ENV !== 'production'
  } catch {
    return false
  }
}
