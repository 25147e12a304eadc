import { build } from 'esbuild'
import { fileURLToPath } from 'node:url'

/** The client as a script, for a page without any of its own. */
export async function clientScript(): Promise<string> {
  const entry = fileURLToPath(new URL('../../../src/index.ts', import.meta.url))
  const options = { bundle: true, write: false, format: 'iife', globalName: 'pathsync', target: 'es2022' } as const
  const { outputFiles } = await build({ ...options, entryPoints: [entry], footer: { js: 'globalThis.pathsync = pathsync' } })
  return outputFiles[0]!.text
}
