import { build } from 'esbuild'
import type { Page } from 'playwright-core'
import { fileURLToPath } from 'node:url'

/** The client as a script, for a page without other scripts. */
export async function clientScript(): Promise<string> {
  const entry = fileURLToPath(new URL('../../../src/index.ts', import.meta.url))
  const options = { bundle: true, write: false, format: 'iife', globalName: 'pathsync', target: 'es2022' } as const
  const { outputFiles } = await build({ ...options, entryPoints: [entry], footer: { js: 'globalThis.pathsync = pathsync' } })
  return outputFiles[0]!.text
}

/** Opens an empty page of the server's origin with the client. The policy of the server's pages allows only their own scripts. */
export async function openBlank(page: Page, origin: string): Promise<void> {
  await page.route(`${origin}/blank`, (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }))
  await page.goto(`${origin}/blank`)
  await page.evaluate(await clientScript())
}
