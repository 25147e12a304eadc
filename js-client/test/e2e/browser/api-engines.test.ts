// The forms of the API's page in the engines that the other tests of it do not use.
import { describe, expect } from 'vitest'
import { engines } from '../harness/engines.ts'
import { test } from '../harness/world.ts'

const others = engines.filter(({ name }) => name !== 'Chromium')

for (const engine of others) {
  describe.skipIf(!engine.installed)(`${engine.name}: the page of the API`, () => {
    test('sends a request, and shows the events of a stream', async ({ world }) => {
      const server = await world.server()
      const { page, stop } = await engine.start()
      const textOf = (selector: string) => page.run(`document.querySelector('${selector}')?.textContent`)

      async function send(operation: string) {
        await page.run(
          `document.querySelectorAll('#${operation}, #${operation} details').forEach((part) => (part.open = true))`
        )
        await expect.poll(() => page.run(`!!document.querySelector('#${operation} [name=room]')`)).toBe(true)
        await page.run(`(() => {
          const form = document.getElementById('${operation}')
          form.querySelector('[name=room]').value = 'demo'
          const buttons = [...form.querySelectorAll('button')]
          buttons.find(({ textContent }) => textContent.trim() === 'Send').click()
        })()`)
      }

      try {
        await page.goto(`${server.url}/docs`)
        await send('getRoom')
        await expect.poll(() => textOf('#getRoom .status')).toMatch(/^200 OK/)
        await send('streamEvents')
        await expect.poll(() => textOf('#streamEvents .events')).toMatch(/up-to-date/)
      } finally {
        await stop()
      }
    })
  })
}
