// The server embeds a committed build of the playground. This test builds it again and compares every file.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'

test('the embedded playground equals a fresh build of its sources', { timeout: 120_000 }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'pathsync-playground-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const cwd = fileURLToPath(new URL('../../..', import.meta.url))
  // Vitest sets NODE_ENV, which would make a development build.
  const env = { ...process.env, NODE_ENV: 'production' }
  execFileSync('npm', ['run', '--silent', 'playground', '--', '--outDir', directory], { cwd, env, stdio: 'pipe' })

  const fresh = readFiles(directory)
  const embedded = readFiles(fileURLToPath(new URL('../../../../httpapi/playground', import.meta.url)))
  expect([...embedded.keys()], 'run `npm run playground` in js-client and commit httpapi/playground').toEqual([...fresh.keys()])
  for (const [path, content] of fresh) {
    expect(embedded.get(path)!.equals(content), `${path} is outdated: run \`npm run playground\` in js-client`).toBe(true)
  }
})

function readFiles(root: string): Map<string, Buffer> {
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = files.map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1)).sort()
  return new Map(paths.map((path) => [path, readFileSync(join(root, path))]))
}
