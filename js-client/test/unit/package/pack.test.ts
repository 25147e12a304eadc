// What the registry would receive.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'

const root = fileURLToPath(new URL('../../../', import.meta.url))

test('npm pack in a clean clone builds and contains the whole package', { timeout: 120_000 }, () => {
  const clone = mkdtempSync(join(tmpdir(), 'pathsync-pack-'))
  onTestFinished(() => rmSync(clone, { recursive: true }))
  const sources = ['src', 'package.json', 'tsconfig.json', 'tsconfig.build.json', 'LICENSE', 'README.md', 'SPEC.md']
  for (const source of sources) cpSync(join(root, source), join(clone, source), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'))

  const output = execFileSync('npm', ['pack', '--dry-run', '--json', '--silent'], {
    cwd: clone,
    encoding: 'utf8',
    stdio: 'pipe'
  })
  const [{ files }] = JSON.parse(output.slice(output.indexOf('[\n'))) as [{ files: { path: string }[] }]
  const paths = files.map(({ path }) => path)
  const entries = [
    'dist/index',
    'dist/pinia/index',
    'dist/nuxt/module',
    'dist/nuxt/runtime/plugin.client',
    'dist/nuxt/runtime/proxy'
  ]
  expect(paths).toEqual(
    expect.arrayContaining([
      'LICENSE',
      'README.md',
      'SPEC.md',
      'package.json',
      ...entries.flatMap((e) => [`${e}.js`, `${e}.d.ts`])
    ])
  )
  expect(paths.filter((path) => !/^(dist\/|(LICENSE|README\.md|SPEC\.md|package\.json)$)/.test(path))).toEqual([])
})
