// The application of the tutorial, with the development server that the tutorial starts.
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createServer } from 'vite'
import { describe, expect } from 'vitest'
import { executable, test } from '../harness/browser.ts'
import type { World } from '../harness/world.ts'

const path = (relative: string) => fileURLToPath(new URL(`../../../${relative}`, import.meta.url))

/** Serves the application, with requests to the API passed on. Returns its address. */
async function serve(world: World, api: string): Promise<string> {
  const cacheDir = mkdtempSync(join(tmpdir(), 'pathsync-vite-'))
  const server = await createServer({
    root: path('examples/vue'),
    cacheDir,
    logLevel: 'silent', // the proxy reports the server that is killed
    resolve: { alias: { 'pathsync/pinia': path('src/pinia/index.ts') } },
    server: { host: '127.0.0.1', port: 0, fs: { strict: false }, proxy: { '/v1': { target: api } } }
  })
  world.defer(async () => {
    await server.close()
    rmSync(cacheDir, { recursive: true, force: true })
  })
  await server.listen()
  const { port } = server.httpServer?.address() as AddressInfo
  return `http://127.0.0.1:${port}`
}

describe.skipIf(!executable)('the application of the tutorial', () => {
  test('shares tasks, shows who edits, and loses nothing when the server is killed', async ({ world, windows }) => {
    const server = await world.server()
    const url = await serve(world, server.url)
    const open = async (name: string) => {
      const page = await (await windows.context()).newPage()
      await page.goto(`${url}/?name=${name}`)
      await expect.poll(() => page.locator('p').first().textContent()).toContain('online')
      return page
    }
    const [ada, grace] = [await open('Ada'), await open('Grace')]
    await ada.getByRole('button', { name: 'Add a task' }).click()
    await ada.getByLabel('Task').fill('Write')
    await expect.poll(() => grace.getByLabel('Task').inputValue()).toBe('Write')

    await ada.getByLabel('Title').focus()
    await expect.poll(() => grace.getByText('Ada is editing').count()).toBe(1)
    await expect.poll(() => grace.locator('p').first().textContent()).toContain('Ada')

    await server.kill()
    await ada.getByLabel('Title').fill('While the server was away')
    await expect.poll(() => ada.locator('p').first().textContent()).toContain('offline, 1 pending')
    await server.start()
    await expect.poll(() => grace.getByLabel('Title').inputValue()).toBe('While the server was away')
    await expect.poll(() => ada.locator('p').first().textContent()).toContain('online, 0 pending')
  })
})
