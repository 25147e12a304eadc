// The page that the server embeds is a build of the sources beside it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { BUILT, SOURCES_FILE, hashSources, listSources } from '../../../playground/sources.ts'

test('the page that the server has embedded is not older than its sources', () => {
  const { sha256 } = JSON.parse(readFileSync(join(BUILT, SOURCES_FILE), 'utf8')) as { sha256: string }
  expect(sha256, 'run `npm run playground` in js-client and commit httpapi/playground').toBe(hashSources())
})

test('what the page is made of is all among its sources', () => {
  const sources = listSources()
  for (const path of ['playground/src/App.vue', 'playground/index.html', 'src/index.ts', 'src/pinia/plugin.ts', 'package-lock.json']) {
    expect(sources).toContain(path)
  }
  expect(sources.filter((path) => path.startsWith('src/nuxt/'))).toEqual([])
})
