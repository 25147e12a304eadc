import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'

test('the wire types match openapi.yaml', { timeout: 60_000 }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'pathsync-wire-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const fresh = join(directory, 'wire.gen.ts')
  const packageRoot = new URL('../../../', import.meta.url)
  execFileSync('node', ['scripts/wire.mjs', fresh], { cwd: packageRoot, stdio: 'pipe' })

  const committed = readFileSync(new URL('src/wire.gen.ts', packageRoot), 'utf8')
  expect(committed === readFileSync(fresh, 'utf8'), 'src/wire.gen.ts is outdated: run `npm run wire` in js-client').toBe(true)
})
