// Builds the server under test once for all end-to-end tests, with the race detector.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The server's program file. */
    binary: string
  }
}

export default function build(project: TestProject): () => void {
  const directory = mkdtempSync(join(tmpdir(), 'pathsync-js-'))
  const binary = join(directory, 'pathsync')
  const repository = fileURLToPath(new URL('../../../../', import.meta.url))
  execFileSync('go', ['build', '-race', '-o', binary, './cmd/pathsync'], { cwd: repository, stdio: 'inherit' })
  project.provide('binary', binary)
  return () => rmSync(directory, { recursive: true, force: true })
}
