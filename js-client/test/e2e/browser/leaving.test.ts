// A page that is left right after typing: in every engine and every way of leaving, the server has the text.
import { describe, expect } from 'vitest'
import { engines, type EnginePage } from '../harness/engines.ts'
import { test } from '../harness/world.ts'

const status = `document.querySelector('[data-testid=status]')?.textContent`

/** Types into a field as a person does, and runs `then` in the same task. */
const type = (text: string, then = '') => `(() => {
  const field = document.querySelector('[data-testid=title]')
  field.value = ${JSON.stringify(text)}
  field.dispatchEvent(new Event('input', { bubbles: true }))
  ${then}
  return true
})()`

/** As in vue-router: a listener that runs before that of the client, after which microtasks run. */
const early = `addEventListener('pagehide', () => history.replaceState(history.state, ''), true)`

const ways: Record<string, (page: EnginePage, text: string, away: string) => Promise<unknown>> = {
  'is reloaded': (page, text) => page.run(type(text, 'location.reload()')).catch(() => {}),
  'goes to another address': (page, text, away) =>
    page.run(type(text, `location.href = ${JSON.stringify(away)}`)).catch(() => {}),
  async 'is closed'(page, text) {
    await page.run(type(text))
    await page.close()
  }
}

for (const engine of engines) {
  describe.skipIf(!engine.installed)(`${engine.name}: text typed right before is delivered when the page`, () => {
    test('is left in any way', async ({ world }) => {
      const server = await world.server()
      for (const [way, leave] of Object.entries(ways)) {
        const { page, stop } = await engine.start(early)
        try {
          await page.goto(`${server.url}/?room=${encodeURIComponent(way)}`)
          await expect.poll(() => page.run(status)).toBe('connected')
          await page.run(type('Before'))
          const title = async () =>
            ((await server.snapshot(way)).stores.project?.state as { title?: string } | undefined)?.title
          await expect.poll(title, { message: way }).toBe('Before')
          await leave(page, `Last words`, `${server.url}/healthz`)
          await expect.poll(title, { message: way, timeout: 10_000 }).toBe('Last words')
        } finally {
          await stop()
        }
      }
    })
  })
}
