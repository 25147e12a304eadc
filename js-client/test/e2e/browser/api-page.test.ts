// The page /docs in a real browser: what people try first works as it stands.
import { describe, expect } from 'vitest'
import { executable, test } from '../harness/browser.ts'

describe.skipIf(!executable)('the page /docs', () => {
  test('sends the requests of its forms as they are filled in', async ({ world, windows }) => {
    const server = await world.server()
    const { page } = await windows.open(server)
    await page.goto(`${server.url}/docs`)
    const answer = async (operation: string) => {
      const form = page.locator(`#${operation}`)
      await form.getByText('Try it out').click()
      await form.getByRole('button', { name: 'Send' }).click()
      await expect.poll(() => form.locator('.status').textContent()).toMatch(/^200 OK/)
      return form
    }
    const batch = await answer('submitBatch')
    expect(await batch.locator('.result').textContent()).toContain('"status": "applied"')
    expect(await batch.locator('.curl').textContent()).toContain(`curl -N '${server.url}/v1/rooms/board-7/ops'`)
    expect(await (await answer('getRoom')).locator('.result').textContent()).toContain('"title": "Write"')
    await answer('listChanges')
    await answer('getPresence')

    const stream = await answer('streamEvents')
    await expect.poll(() => stream.locator('.events li').allTextContents()).toContainEqual(expect.stringMatching(/^up-to-date/))
    await stream.getByRole('button', { name: 'Stop' }).click()
    await expect.poll(() => stream.locator('.status').textContent()).toContain('stopped')
  })

  test('finds operations, names this server, and keeps the token in the tab', async ({ world, windows }) => {
    const server = await world.server()
    const { page } = await windows.open(server)
    await page.goto(`${server.url}/docs`)
    expect(await page.locator('#submitBatch pre').first().textContent()).toContain(`curl ${server.url}/v1/rooms`)

    await page.getByRole('searchbox').fill('presence put')
    await expect.poll(() => page.locator('article[data-words]:visible').count()).toBeLessThan(5)
    expect(await page.locator('#putPresence').isVisible()).toBe(true)
    await page.getByRole('searchbox').fill('')

    await page.getByLabel(/^Token/).fill('secret')
    await page.reload()
    expect(await page.getByLabel(/^Token/).inputValue()).toBe('secret')
  })

  test('shows numbers as the server sends them, and sends names of any characters', async ({ world, windows }) => {
    const server = await world.server()
    const { page } = await windows.open(server)
    await page.goto(`${server.url}/docs`)
    const room = '../a?b#c%2F$&{x}\ud800"<b>'
    const send = async (operation: string, body?: string) => {
      const form = page.locator(`#${operation}`)
      await form.getByText('Try it out').click()
      await form.locator('[name=room]').fill(room)
      if (body) await form.locator('[data-in=body]').fill(body)
      await form.getByRole('button', { name: 'Send' }).click()
      await expect.poll(() => form.locator('.status').textContent()).toMatch(/^200 OK/)
      return form.locator('.result').textContent()
    }
    await send(
      'submitBatch',
      '{"clientId":"ada","key":"default","ops":[{"path":"n","op":"set","value":[1.50,9007199254740993,"a, b: {"]}]}'
    )
    const shown = await send('getRoom')
    expect(shown).toContain(JSON.stringify(room.replace('\ud800', '\ufffd')))
    expect(shown).toMatch(/1\.50,\s+9007199254740993,\s+"a, b: \{"/)
  })
})
