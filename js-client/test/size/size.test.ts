import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { bundle, sizeOf } from './bundle.ts'

/**
 * The maximum size of each part, in bytes, and the row of the table in README.md with its actual size. The aim was 8,000
 * and 12,000; README.md explains the difference.
 */
const parts = [
  { name: 'the client', code: `export { createClient } from './index.ts'`, limit: 26_700, row: '`pathsync`' },
  {
    name: 'the Pinia plugin with the client',
    code: `export * from './pinia/index.ts'`,
    limit: 32_800,
    row: '`pathsync/pinia` (with the client)'
  }
]

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')

describe.each(parts)('$name', ({ name, code, limit, row }) => {
  test(`is at most ${limit} bytes, minified and gzipped`, async () => {
    const chunks = await bundle(code)
    const bytes = sizeOf(chunks)
    const list = chunks.map(({ name, bytes, onDemand }) => `\n  ${bytes} ${name}${onDemand ? ' (on demand, not counted)' : ''}`)
    console.log(`${name}: ${bytes} bytes${list.join('')}`)
    expect(bytes).toBeGreaterThan(limit / 10) // otherwise the bundle lacks the module
    expect(bytes).toBeLessThanOrEqual(limit)
  })

  test('has the size stated in README.md', async () => {
    const line = readme.split('\n').find((line) => line.startsWith(`| ${row} |`))
    const stated = /\| ([\d.]+) kB \|/.exec(line ?? '')?.[1]
    expect(stated, `README.md has no row "| ${row} | 1.2 kB |"`).toBeDefined()
    const difference = Number(stated) - sizeOf(await bundle(code)) / 1000
    expect(Math.abs(difference), `README.md says ${stated} kB`).toBeLessThanOrEqual(0.1)
  })
})
