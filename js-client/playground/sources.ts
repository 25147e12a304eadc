// Which sources the built page is made of. The build notes their hash beside what it writes, and a test compares.
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Where the built page is. */
export const BUILT = join(root, '../httpapi/playground')
/** The file in it that names the sources it was built from. */
export const SOURCES_FILE = 'sources.json'

/** Paths relative to js-client, with slashes, sorted. */
export function listSources(): string[] {
  const within = (folder: string) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => join(entry.parentPath, entry.name).slice(root.length).split(sep).join('/'))
  const library = within('src').filter(path => !path.startsWith('src/nuxt/'))
  return ['package-lock.json', ...within('playground'), ...library].sort()
}

/** One hash over the names and contents of all sources. */
export function hashSources(): string {
  const hash = createHash('sha256')
  for (const path of listSources()) {
    const content = readFileSync(join(root, path))
    hash.update(`${path}\0${content.length}\0`).update(content)
  }
  return hash.digest('hex')
}
