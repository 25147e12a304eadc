import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'

test('the types of the wire are those of openapi.yaml', { timeout: 60_000 }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'pathsync-wire-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const fresh = join(directory, 'wire.gen.ts')
  const packageRoot = new URL('../../../', import.meta.url)
  execFileSync('npx', ['--no-install', 'openapi-typescript', '../openapi.yaml', '--output', fresh], { cwd: packageRoot, stdio: 'pipe' })

  const committed = readFileSync(new URL('src/wire.gen.ts', packageRoot), 'utf8')
  expect(committed === readFileSync(fresh, 'utf8'), 'openapi.yaml has changed; mend src/wire.gen.ts by: npm run wire').toBe(true)
})
