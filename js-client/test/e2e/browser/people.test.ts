// What several people see of each other, and what happens to the focus and the text of one when another changes the same place.
import { describe, expect } from 'vitest'
import { executable, test, type Window } from '../harness/browser.ts'
import { asksForTokens, token } from '../harness/tokens.ts'

const value = (window: Window, field: 'title' | 'description') => expect.poll(() => window[field].inputValue())
const titles = (window: Window) => expect.poll(() => window.taskTitles())
const toast = (window: Window) => window.page.getByTestId('toast')
/** The test id and the value of the element that has the focus; `BODY` for none. */
const focused = (window: Window) =>
  window.page.evaluate(() => {
    const element = document.activeElement as HTMLInputElement
    return `${element.dataset.testid ?? element.tagName} ${element.value ?? ''}`.trim()
  })

/** Calls `look` in each animation frame until the returned function is called. */
const everyFrame = (window: Window) =>
  window.page.evaluate(() => {
    const seen = new Set<string>()
    Object.assign(globalThis, { seen })
    const look = () => {
      const element = document.activeElement as HTMLElement
      seen.add(element.dataset.testid ?? element.tagName)
      requestAnimationFrame(look)
    }
    look()
  })
const seen = (window: Window) => window.page.evaluate(() => [...(globalThis as unknown as { seen: Set<string> }).seen])

describe.skipIf(!executable)('two windows', () => {
  test('keep the focus in the list when the other one removes, moves and adds rows, and say whose text is gone', async ({
    windows,
    site: server
  }) => {
    const [left, right] = [await windows.open(server), await windows.open(server)]
    for (const title of ['One', 'Two', 'Three']) await left.addTask(title)
    await titles(right).toEqual(['One', 'Two', 'Three'])
    await right.page.getByTestId('own-name').fill('Grace')
    await right.page.keyboard.press('Enter')
    await expect.poll(() => left.page.getByTestId('users').textContent()).toContain('Grace')

    await left.task(1, 'title').focus()
    await left.page.keyboard.press('End')
    await everyFrame(left)
    await right.task(1, 'title').press('Alt+ArrowUp')
    await titles(left).toEqual(['Two', 'One', 'Three'])
    expect(await focused(left)).toBe('task-title Two')
    await left.page.keyboard.type('!')
    await titles(right).toEqual(['Two!', 'One', 'Three'])

    await right.task(0, 'remove').click()
    await titles(left).toEqual(['One', 'Three'])
    expect(await focused(left)).toBe('task-title One')
    await expect
      .poll(() => toast(left).allTextContents())
      .toEqual([expect.stringContaining('Grace has removed the row “Two!”')])
    expect(await left.page.getByTestId('toast').locator('..').getAttribute('role')).toBe('log')
    expect(await seen(left)).toEqual(['task-title'])

    await left.page.getByTestId('toast-action').click()
    await titles(right).toEqual(['One', 'Three', 'Two!'])
    await expect.poll(() => toast(left).count()).toBe(0)
    for (let rows = 3; rows > 0; rows--) {
      await left.task(0, 'remove').press('Enter')
      expect(await focused(left)).toBe(rows > 1 ? 'task-remove' : 'add-examples')
    }
    expect(await seen(left)).not.toContain('BODY')
    expect(await toast(left).count()).toBe(0)
  })

  test('are told when their text is replaced, and can put it back', async ({ windows, site: server }) => {
    const [left, right] = [await windows.open(server), await windows.open(server)]
    await left.title.fill('ONE TWO THREE')
    await value(right, 'title').toBe('ONE TWO THREE')
    await left.settled()
    await right.title.fill('Something else')
    await value(left, 'title').toBe('Something else')
    await expect
      .poll(() => toast(left).allTextContents())
      .toEqual([expect.stringContaining('your text “ONE TWO THREE” with “Something else”')])
    expect(await toast(right).count()).toBe(0)
    await left.page.getByTestId('toast-action').click()
    await value(right, 'title').toBe('ONE TWO THREE')

    // Who continues the text of another one replaces nothing.
    await left.settled()
    await right.title.fill('ONE TWO THREE FOUR')
    await value(left, 'title').toBe('ONE TWO THREE FOUR')
    expect(await toast(left).count()).toBe(0)
  })

  test('have different names and colours, in both', async ({ windows, site: server }) => {
    const context = await windows.context()
    await context.addInitScript("localStorage.setItem('pathsync:name', 'Ada')")
    const [left, right] = [await windows.open(server, { context }), await windows.open(server, { context })]
    for (const window of [left, right]) {
      await expect.poll(() => window.users.allTextContents()).toHaveLength(2)
      const people = await window.users.evaluateAll((users) =>
        users.map((user) =>
          `${user.textContent} ${getComputedStyle(user.querySelector('.avatar')!).backgroundColor}`.replace(' (you)', '')
        )
      )
      expect(new Set(people).size).toBe(2)
      expect(people.map((person) => /Ada( 2)?/.exec(person)![0]).toSorted()).toEqual(['Ada', 'Ada 2'])
    }
    const own = await Promise.all([left, right].map(({ page }) => page.getByTestId('own-name').locator('..').textContent()))
    expect(own.join()).toContain('as Ada 2')
  })

  test('share the token of the first one', async ({ world, windows }) => {
    const server = await world.server(...asksForTokens)
    const context = await windows.context()
    const left = await windows.open(server, { context, status: 'refused' })
    await left.page.getByTestId('token').fill(token())
    await left.page.keyboard.press('Enter')
    await expect.poll(left.status).toBe('connected')
    const right = await windows.open(server, { context })
    await right.title.fill('From the second window')
    await value(left, 'title').toBe('From the second window')
    expect(await right.page.evaluate(() => JSON.stringify(localStorage))).not.toContain('eyJ')
  })

  test('take the token that is entered in another one', async ({ world, windows }) => {
    const server = await world.server(...asksForTokens)
    const { page } = await windows.open(server, { status: 'refused' })
    await page.getByTestId('side-by-side').click()
    const [left, right] = ['left', 'right'].map((side) => page.frameLocator(`[data-testid="pane-${side}"]`))
    for (const frame of [left!, right!]) await expect.poll(() => frame.getByTestId('status').textContent()).toBe('refused')
    await left!.getByTestId('token').fill(token())
    await left!.getByTestId('token-show').click()
    for (const frame of [left!, right!]) await expect.poll(() => frame.getByTestId('status').textContent()).toBe('connected')
  })

  test('fit in one page, and sync with each other', async ({ windows, site: server }) => {
    const { page } = await windows.open(server)
    await page.getByTestId('side-by-side').click()
    const [left, right] = ['left', 'right'].map((side) => page.frameLocator(`[data-testid="pane-${side}"]`))
    for (const frame of [left!, right!]) await expect.poll(() => frame.getByTestId('status').textContent()).toBe('connected')
    await left!.getByTestId('title').fill('Side by side')
    await expect.poll(() => right!.getByTestId('title').inputValue()).toBe('Side by side')
    const names = await Promise.all([left!, right!].map((frame) => frame.getByTestId('own-name').inputValue()))
    expect(new Set(names).size, names.join()).toBe(2)
    await left!.getByTestId('offline-toggle').click()
    await expect.poll(() => left!.getByTestId('status').textContent()).toBe('offline')
    expect(await right!.getByTestId('status').textContent()).toBe('connected')
  })
})

describe.skipIf(!executable)('one window', () => {
  test('has no undo, which would empty a field without the focus', async ({ windows, site: server }) => {
    const window = await windows.open(server)
    const { page, title, description } = window
    await title.click()
    await page.keyboard.type('Garden')
    await description.click()
    // Playwright's keys do not undo. With `commands`, they do what a browser with a window does.
    const inspector = await page.context().newCDPSession(page)
    const press = (key: string, command: string) =>
      inspector.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', key, modifiers: 2, commands: [command] })
    for (let n = 0; n < 3; n++) await press('z', 'undo')
    await press('y', 'redo')
    await window.settled()
    expect([await title.inputValue(), await description.inputValue()]).toEqual(['Garden', ''])
    const { state } = (await server.snapshot(windows.room)).stores.project!
    expect(state).toMatchObject({ title: 'Garden' })
  })

  test('says why the name of a room is refused', async ({ windows, site: server }) => {
    const { page, settled } = await windows.open(server)
    const problem = page.getByTestId('room-problem')
    for (const [name, why] of [
      ['..', 'cannot be called'],
      ['', 'needs a name'],
      ['x'.repeat(300), 'at most 255 characters']
    ]) {
      await page.getByTestId('room').fill(name!)
      await page.getByTestId('room-enter').click()
      expect(await problem.textContent()).toContain(why!)
    }
    await page.getByTestId('room').fill('another')
    expect(await problem.textContent()).toBe('')
    await page.keyboard.press('Enter')
    await settled()
    expect(page.url()).toContain('room=another')
  })

  test('says why the server is away, and counts down to the next attempt, in each tab', async ({ world, windows }) => {
    const server = await world.server()
    const context = await windows.context()
    const tabs = [await windows.open(server, { context }), await windows.open(server, { context })] // the first reads the stream
    await server.kill()
    for (const { page } of tabs) {
      await expect.poll(() => page.getByTestId('away').textContent()).toMatch(/cannot be (received|reached)/)
      await expect.poll(() => page.getByTestId('countdown').textContent()).toMatch(/Next attempt in \d+ s/)
    }
    await server.start()
    await tabs[1]!.page
      .getByRole('button', { name: 'Try now' })
      .click({ timeout: 5000 })
      .catch(() => {}) // or it has just been tried
    for (const tab of tabs) {
      await tab.settled()
      expect(await tab.page.getByTestId('away').count()).toBe(0)
    }
  })

  test('shows many people, long texts and other scripts on a phone', async ({ windows, site: server }) => {
    const window = await windows.open(server, { width: 360 })
    const { page } = window
    const headers = { 'Content-Type': 'application/json' }
    for (let n = 0; n < 30; n++) {
      const body = JSON.stringify({
        field: 'title',
        displayName: n % 3 ? `Somebody with a very long name ${n}` : 'Unbreakable'.repeat(10)
      })
      await fetch(`${server.url}/v1/rooms/${encodeURIComponent(windows.room)}/presence/p${n}`, { method: 'PUT', headers, body })
    }
    await expect.poll(() => page.getByTestId('users-count').textContent()).toBe('31 here')
    await expect.poll(() => page.getByTestId('editors').textContent()).toMatch(/and 25 more are editing/)
    await page.locator('.more summary').click()
    await window.addTask('Unbreakable'.repeat(20))
    await window.addTask('שלום עולם')
    expect(await window.task(1, 'title').evaluate((field) => getComputedStyle(field).direction)).toBe('rtl')
    const { height } = (await window.task(0, 'title').boundingBox())!
    expect(height).toBeGreaterThan(100) // all of the title shows
    for (const tab of ['live', 'history', 'state', 'connection', 'code', 'simulate']) {
      await page.getByTestId(`tab-${tab}`).click()
      await page.locator('.panel > *').first().waitFor()
      expect(await page.evaluate(() => document.documentElement.scrollWidth), tab).toBeLessThanOrEqual(360)
    }
  })
})
