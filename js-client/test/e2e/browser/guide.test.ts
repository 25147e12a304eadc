// The documentation at /guide, in a real browser.
import axe from 'axe-core'
import type { Page } from 'playwright-core'
import { describe, expect } from 'vitest'
import { executable, test, type Windows } from '../harness/browser.ts'

/** Opens a page of the guide, and collects what the console reports. */
async function open(windows: Windows, url: string, width: number): Promise<{ page: Page; reports: string[] }> {
  const page = await (await windows.context()).newPage()
  const reports: string[] = []
  page.on('console', (message) => reports.push(message.text()))
  page.on('pageerror', (error) => reports.push(String(error)))
  await page.setViewportSize({ width, height: 740 })
  await page.goto(url)
  return { page, reports }
}

/** What axe finds in the page that it was loaded into. */
async function faults(): Promise<string[]> {
  const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run()
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join()}`)
}

const heading = (page: Page) => page.locator('h1').textContent()

describe.skipIf(!executable)('the guide', () => {
  test('fits a phone, and opens its contents by key', async ({ world, windows }) => {
    const server = await world.server()
    const { page, reports } = await open(windows, `${server.url}/guide/run/databases`, 360)
    for (const path of ['run/databases', 'reference/cli', 'start/concepts', 'start/tutorial']) {
      await page.goto(`${server.url}/guide/${path}`)
      expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBe(360)
    }
    const contents = page.getByRole('navigation', { name: 'Contents' })
    expect(await contents.isVisible()).toBe(false)
    await page.getByRole('button', { name: 'Contents' }).press('Enter')
    expect(await contents.isVisible()).toBe(true)
    await page.keyboard.press('Escape')
    expect(await contents.isVisible()).toBe(false)
    await page.getByRole('button', { name: 'Contents' }).click()
    await contents.getByRole('link', { name: 'Glossary' }).click()
    await expect.poll(() => heading(page)).toBe('Glossary')
    expect(reports).toEqual([])
  })

  test('prints wide tables within the page', async ({ world, windows }) => {
    const server = await world.server()
    const { page } = await open(windows, `${server.url}/guide/run/proxies`, 718) // A4 with margins of 1 cm
    await page.emulateMedia({ media: 'print' })
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(718)
  })

  test('shows its contents beside a page, and finds a flag without script', async ({ world, windows }) => {
    const server = await world.server()
    const { page, reports } = await open(windows, `${server.url}/guide/`, 1400)
    const contents = page.getByRole('navigation', { name: 'Contents' })
    expect(await contents.isVisible()).toBe(true)
    await contents.getByRole('link', { name: 'Concepts' }).click()
    await expect.poll(() => heading(page)).toBe('Concepts')
    expect(await page.getByRole('navigation', { name: 'On this page' }).isVisible()).toBe(true)
    const width = (image: Element) => (image as HTMLImageElement).naturalWidth
    for (const image of await page.locator('main img').all()) expect(await image.evaluate(width)).toBeGreaterThan(300)

    for (const path of ['start/concepts', 'run/databases']) {
      await page.goto(`${server.url}/guide/${path}`)
      await page.evaluate(axe.source)
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        expect(await page.evaluate(faults), `${path}, ${colorScheme}`).toEqual([])
      }
    }

    await page.getByRole('searchbox').fill('--drain-spread')
    await page.keyboard.press('Enter')
    await expect.poll(() => page.locator('mark').first().textContent()).toBe('--drain-spread')
    await page.locator('.found a').first().click()
    await expect.poll(() => heading(page)).not.toBe('Search')
    expect(reports).toEqual([])
  })
})
