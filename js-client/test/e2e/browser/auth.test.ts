// The playground in a real browser, with a server that requires tokens.
import { describe, expect } from 'vitest'
import { executable, test, type Window } from '../harness/browser.ts'
import { asksForTokens, token } from '../harness/tokens.ts'

const reader = [{ room: 'demo', read: true, presence: true }]
const elsewhere = [{ room: 'another', read: true, write: true, presence: true }]

/** Stores a token in a context, as if it had been pasted before. */
const remembering = (value: string) => `sessionStorage.setItem('pathsync:token', ${JSON.stringify(value)})`

const titleOf = (window: Window) => expect.poll(() => window.title.inputValue())

describe.skipIf(!executable)('a window', () => {
  test('requests a token, shows the reason of a refusal, and connects with a valid one, all by keyboard', async ({
    world,
    windows
  }) => {
    const server = await world.server(...asksForTokens)
    const { page, status, title, settled } = await windows.open(server, { room: 'demo', status: 'refused' })
    const why = () => expect.poll(() => page.getByTestId('access-why').textContent())
    const focused = () => expect.poll(() => page.evaluate(() => document.activeElement?.getAttribute('data-testid')))
    async function paste(value: string) {
      await focused().toBe('token')
      await page.keyboard.insertText(value)
      await page.keyboard.press('Enter')
    }

    await why().toContain('requires a token')
    await paste('nonsense')
    await why().toContain('The token was refused')
    await paste(token({ lives: -3600 }))
    await why().toContain('expired')
    await paste(token({ rooms: elsewhere }))
    await why().toContain('not for this room')

    await paste(token({ rooms: reader }))
    await expect.poll(status).toBe('connected')
    await expect.poll(() => page.getByTestId('read-only').isVisible()).toBe(true)
    expect(await title.isDisabled()).toBe(true)
    expect(await page.getByTestId('access').count()).toBe(0)

    const mine = token()
    await page.getByTestId('token-change').press('Enter')
    await paste(mine)
    await expect.poll(() => title.isEnabled()).toBe(true)
    await expect.poll(status).toBe('connected')
    await title.fill('Let in')
    await settled()
    expect(await page.getByTestId('read-only').count()).toBe(0)
    expect(page.url()).not.toContain('eyJ')
    await page.reload()
    await expect.poll(() => title.inputValue()).toBe('Let in')
    expect(await page.evaluate(() => Object.values(localStorage).join())).not.toContain(mine)
  })

  test('that is closed disappears at once from presence, also with a token', async ({ world, windows }) => {
    const server = await world.server(...asksForTokens, '--presence-timeout-ms', '600000')
    const context = await windows.context()
    await context.addInitScript(remembering(token()))
    const [left, right] = [await windows.open(server, { context }), await windows.open(server, { context })]
    await expect.poll(() => left.users.count()).toBe(2)
    await right.page.close()
    await expect.poll(() => left.users.count()).toBe(1)
  })

  test("connects with a cookie, which the browser's EventSource also sends", async ({ world, windows }) => {
    const server = await world.server(...asksForTokens)
    const context = await windows.context()
    await context.addInitScript(`document.cookie = '__Host-pathsync=${token()}; Secure; Path=/; SameSite=Strict'`)
    const query = 'transport=eventsource'
    const [left, right] = [await windows.open(server, { context, query }), await windows.open(server, { context, query })]
    await left.title.fill('By cookie')
    await titleOf(right).toBe('By cookie')
    await right.title.fill('And back')
    await titleOf(left).toBe('And back')
    expect(
      await right.page.evaluate(() =>
        performance
          .getEntriesByType('resource')
          .map(({ name }) => name)
          .join()
      )
    ).not.toContain('/changes')
  })
})
