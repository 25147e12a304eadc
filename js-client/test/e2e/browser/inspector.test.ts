// The tabs beside the demo, and the accessibility of the page.
import axe from 'axe-core'
import type { Page } from 'playwright-core'
import { describe, expect } from 'vitest'
import { SNIPPETS } from '../../../playground/src/inspector/snippets.ts'
import type { Operation } from '../../../src/types.ts'
import { executable, test, type Window } from '../harness/browser.ts'
import { engines } from '../harness/engines.ts'
import { asksForTokens } from '../harness/tokens.ts'

const TABS = ['live', 'history', 'state', 'connection', 'code', 'simulate']
const show = (window: Window, tab: string) => window.page.getByTestId(`tab-${tab}`).click()
const textOf = (window: Window, id: string) =>
  expect.poll(() =>
    window.page
      .getByTestId(id)
      .allTextContents()
      .then((all) => all.join())
  )

describe.skipIf(!executable)('the tab', () => {
  test('Live shows own batches from pending to confirmed, and those of others with their names', async ({
    world,
    windows,
    site: server
  }) => {
    const relay = await world.relay(server)
    const [left, right] = [await windows.open(relay), await windows.open(server)]
    await left.settled()
    relay.set({ stall: true })
    await left.title.fill('Slow')
    await textOf(left, 'fate').toContain('pending')
    relay.heal()
    await left.settled()
    await textOf(left, 'fate').toMatch(/confirmed in \d+ ms/)
    await textOf(left, 'live').toMatch(/You.*#\d+.*set title "Slow"/)

    await right.page.getByTestId('own-name').fill('Grace')
    await right.page.keyboard.press('Enter')
    await right.addTask('From Grace')
    await textOf(left, 'live').toMatch(/Grace#\d+.*received.*"From Grace"/)

    await left.page.getByTestId('live-filter').fill('grace')
    await expect.poll(() => left.page.getByTestId('fate').allTextContents()).not.toContain(expect.stringContaining('confirmed'))
    await left.page.getByTestId('live-filter').fill('')
    await left.page.getByTestId('live-pause').click()
    await right.addTask('While paused')
    await expect.poll(() => left.taskTitles()).toContain('While paused')
    expect(await left.page.getByTestId('live').textContent()).not.toContain('While paused')
    await left.page.getByTestId('live-pause').click()
    await textOf(left, 'live').toContain('While paused')
  })

  test('Live names the operations that the server has dropped', async ({ world, windows, site: server }) => {
    const relay = await world.relay(server)
    const [left, right] = [await windows.open(relay), await windows.open(server)]
    await left.addTask('Shared')
    await expect.poll(() => right.taskTitles()).toEqual(['Shared'])
    await left.settled()
    relay.set({ stall: true })
    await left.task(0, 'title').fill('Too late')
    await textOf(left, 'fate').toContain('pending')
    await right.task(0, 'remove').click()
    await right.settled()
    relay.heal()
    await textOf(left, 'live').toContain('dropped: item deleted')
  })

  test('History shows each state, and restores a value as an ordinary change', async ({ windows, site: server }) => {
    const [left, right] = [await windows.open(server), await windows.open(server)]
    for (const title of ['First', 'Second', 'Third']) {
      await left.title.fill(title)
      await expect.poll(() => right.title.inputValue()).toBe(title)
      await left.settled()
    }
    await left.addTask('Dig')
    await left.settled()
    await show(left, 'history')
    await left.page.getByTestId('history-same').waitFor()
    const before = (await server.history(windows.room)).length
    const titles = left.page.getByTestId('history-differences').locator('li', { hasText: /^title/ })
    const shown = async () => (await titles.allTextContents()).join()
    for (let steps = 0; !(await shown()).includes('"First"'); steps++) {
      if (steps > 20) throw new Error('no batch has the first title')
      await left.page.getByRole('button', { name: 'Previous batch' }).click()
    }
    expect(await titles.textContent()).toMatch(/Then: "First".*Now: "Third"/)
    await titles.getByTestId('history-restore').click()
    await expect.poll(() => right.title.inputValue()).toBe('First')
    await left.settled()
    const after = await server.history(windows.room)
    expect(after.slice(before).flatMap(({ ops }) => ops)).toEqual([{ op: 'set', path: 'title', value: 'First' }])
    await expect.poll(() => titles.count()).toBe(0)
    expect(await left.taskTitles()).toEqual(['Dig'])
  })

  test('History begins again with the current state where the server has pruned the log', async ({ windows, site }) => {
    const window = await windows.open(site)
    const { page } = window
    const previous = page.getByRole('button', { name: 'Previous batch' })
    async function write(title: string) {
      await window.title.fill(title)
      await window.settled()
    }
    for (const title of ['One', 'Two', 'Three']) await write(title)
    await show(window, 'history')
    for (let n = 0; n < 2; n++) await previous.click()
    const gone = { status: 410, contentType: 'application/problem+json', body: '{"code":"position_gone"}' }
    await page.route(/changes\?.*after=/, (route) => route.fulfill(gone), { times: 1 })
    await write('After')
    await textOf(window, 'panel').toMatch(/no longer has the older batches.*begins after #\d/)
    for (const title of ['Later', 'Latest']) await write(title)
    await expect.poll(() => previous.isEnabled()).toBe(true)
    await previous.click()
    await textOf(window, 'history-differences').toMatch(/^titleThen: "Later"Now: "Latest"/)
  })

  test('History shows an own change that is confirmed late', async ({ windows, site }) => {
    const window = await windows.open(site)
    await show(window, 'history')
    await window.title.fill('Early')
    await textOf(window, 'history-seq').toBe('#1')
    await window.page.route(/\/ops$/, async (route) => {
      await new Promise((resolve) => setTimeout(resolve, 1500))
      await route.continue()
    })
    await window.title.fill('Late')
    await textOf(window, 'history-seq').toBe('#2')
  })

  test('State flashes what another window changes, and copies its path', async ({ windows, site: server }) => {
    const [left, right] = [await windows.open(server), await windows.open(server)]
    await left.title.fill('Before')
    await left.description.fill('The same')
    await expect.poll(() => right.title.inputValue()).toBe('Before')
    await show(left, 'state')
    const row = (name: string) => left.page.locator('.node', { has: left.page.getByRole('button', { name, exact: true }) })
    await expect.poll(() => row('title').textContent()).toContain('"Before"')
    await left.description.fill('')
    await expect.poll(() => row('description').textContent()).toBe('description""')
    await left.description.fill('The same')
    await expect.poll(() => row('description').textContent()).toBe('description"The same"')
    await left.page.evaluate(() => {
      const flashed = new Set<string>()
      Object.assign(globalThis, { flashed })
      new MutationObserver((records) => {
        for (const { target } of records) if ((target as HTMLElement).dataset.flashing) flashed.add(target.textContent ?? '')
      }).observe(document.querySelector('.tree')!, { subtree: true, attributeFilter: ['data-flashing'] })
    })
    await right.title.fill('After')
    await expect.poll(() => row('title').textContent()).toContain('"After"')
    const flashed = await left.page.evaluate(() => [...(globalThis as unknown as { flashed: Set<string> }).flashed].join())
    expect(flashed).toContain('title"After"')
    expect(flashed).not.toContain('The same')

    await left.context.grantPermissions(['clipboard-read', 'clipboard-write'])
    await row('title').getByRole('button', { name: 'title' }).click()
    await textOf(left, 'state-said').toContain('Copied title')
    expect(await left.page.evaluate(() => navigator.clipboard.readText())).toBe('title')
  })

  test('Connection shows the transport and the event id, and its faults act on this page only', async ({
    windows,
    site: server
  }) => {
    const [left, right] = [await windows.open(server), await windows.open(server)]
    await left.title.fill('Here')
    await left.settled()
    await show(left, 'connection')
    await textOf(left, 'transport').toBe('an event stream')
    const { epoch, serverSeq } = await server.snapshot(windows.room)
    await textOf(left, 'event-id').toBe(`${epoch}-${serverSeq}`)
    await textOf(left, 'round-trip').toMatch(/\d+ ms/)
    await textOf(left, 'reconnects').toBe('0')

    await left.page.getByTestId('cut').click()
    await textOf(left, 'reconnects').toBe('1')
    await left.page.getByTestId('slow').click()
    const started = Date.now()
    await left.title.fill('Slowly')
    await expect.poll(() => right.title.inputValue()).toBe('Slowly')
    expect(Date.now() - started).toBeGreaterThan(1000)
    await right.settled()
    await right.description.fill('Late')
    const sent = Date.now()
    await right.settled()
    await expect.poll(() => left.description.inputValue()).toBe('Late')
    expect(Date.now() - sent).toBeGreaterThan(1000)
    await left.page.getByTestId('slow').click()
    expect(await right.status()).toBe('connected')
    await show(right, 'connection')
    await textOf(right, 'reconnects').toBe('0')
  })

  test('Code shows the operation that was chosen in Live, and copies it', async ({ windows, site }) => {
    const window = await windows.open(site)
    await window.title.fill('One "quoted" title')
    await window.settled()
    await window.page
      .getByRole('button', { name: /set title "One/ })
      .first()
      .click()
    expect(await window.page.getByTestId('tab-code').getAttribute('aria-selected')).toBe('true')
    await window.page.getByRole('radio', { name: 'Vue' }).check()
    // test/e2e/node/code.test.ts runs the programs.
    const op: Operation = { op: 'set', path: 'title', value: 'One "quoted" title' }
    const target = { origin: site.url, room: windows.room, key: 'project', withToken: false }
    await textOf(window, 'snippet').toBe(SNIPPETS.vue(op, target))
    await window.context.grantPermissions(['clipboard-read', 'clipboard-write'])
    await window.page.getByRole('button', { name: 'Copy', exact: true }).click()
    expect(await window.page.evaluate(() => navigator.clipboard.readText())).toBe(SNIPPETS.vue(op, target))
  })

  test('Simulate adds people who edit the room, and they leave with the page', async ({ windows, site: server }) => {
    const [left, right] = [await windows.open(server), await windows.open(server)]
    await show(left, 'simulate')
    await left.page.getByTestId('robots').fill('3')
    await left.page.getByTestId('pace').fill('0.5')
    await left.page.getByTestId('robots-start').click()
    await expect.poll(() => right.page.getByTestId('users-count').textContent()).toBe('5 here')
    await expect.poll(() => right.tasks.count()).toBeGreaterThan(2)
    await expect.poll(() => right.page.getByTestId('editors').count()).toBeGreaterThan(0)
    await show(left, 'live')
    await textOf(left, 'live').toContain('Robot 1')
    const authors = new Set(
      (await server.history(windows.room)).map(({ clientId }) => clientId).filter((id) => id.startsWith('robot-'))
    )
    expect(authors.size).toBeGreaterThan(1)
    await left.page.close({ runBeforeUnload: true })
    await expect.poll(() => right.page.getByTestId('users-count').textContent()).toBe('1 here')
  })
})

describe.skipIf(!executable)('the tabs', () => {
  test('follow the keyboard pattern, and load only what is shown', async ({ windows, site: server }) => {
    const { page } = await windows.open(server)
    await page.getByTestId('live-filter').waitFor()
    const loaded = () =>
      page.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => /assets\/(\w+)Tab-/.exec(name)?.[1] ?? ''))
    expect((await loaded()).filter(Boolean)).toEqual(['Live'])
    await page.getByTestId('tab-live').focus()
    const selected = () =>
      page.evaluate(() => `${document.activeElement?.textContent} ${document.activeElement?.getAttribute('aria-selected')}`)
    const visited: string[] = []
    for (const key of ['ArrowRight', 'End', 'ArrowRight', 'ArrowLeft', 'Home']) {
      await page.keyboard.press(key)
      visited.push(await selected())
    }
    expect(visited).toEqual(['History true', 'Simulate true', 'Live true', 'Simulate true', 'Live true'])
    await page.keyboard.press('Tab')
    expect(await page.evaluate(() => document.activeElement?.getAttribute('role'))).toBe('tabpanel')
  })

  test('leave no timer behind when another one is shown', async ({ windows, site: server }) => {
    const context = await windows.context()
    await context.addInitScript(() => {
      const intervals = new Set<unknown>()
      const { setInterval, clearInterval } = globalThis
      Object.assign(globalThis, {
        intervals,
        setInterval(...parts: Parameters<typeof setInterval>) {
          const id = setInterval(...parts)
          intervals.add(id)
          return id
        },
        clearInterval(id: number) {
          intervals.delete(id)
          clearInterval(id)
        }
      })
    })
    const window = await windows.open(server, { context })
    const intervals = () => window.page.evaluate(() => (globalThis as unknown as { intervals: Set<unknown> }).intervals.size)
    await window.page.getByTestId('live-filter').waitFor()
    const before = await intervals()
    await show(window, 'connection')
    await textOf(window, 'round-trip').toMatch(/\d+ ms/)
    expect(await intervals()).toBe(before + 1)
    for (const tab of ['history', 'state', 'live']) await show(window, tab)
    await window.page.getByTestId('live-filter').waitFor()
    expect(await intervals()).toBe(before)
  })

  test('stay usable in a hot room', async ({ windows, site: server }) => {
    const window = await windows.open(server)
    const headers = { 'Content-Type': 'application/json' }
    const bodies = Array.from({ length: 600 }, (_, n) =>
      JSON.stringify({ clientId: `c${n % 9}`, key: 'project', ops: [{ op: 'set', path: 'description', value: `${n}` }] })
    )
    for (let n = 0; n < bodies.length; n += 20)
      await Promise.all(
        bodies
          .slice(n, n + 20)
          .map((body) =>
            fetch(`${server.url}/v1/rooms/${encodeURIComponent(windows.room)}/ops`, { method: 'POST', headers, body })
          )
      )
    const { description } = (await server.snapshot(windows.room)).stores.project!.state as { description: string }
    await expect.poll(() => window.description.inputValue()).toBe(description)
    await textOf(window, 'live').toContain('#')
    expect(await window.page.getByTestId('batch').count()).toBeLessThanOrEqual(200)
    // Typing works at once.
    await window.title.fill('Alive')
    await window.settled()
  })
})

describe.skipIf(!executable)('axe finds nothing wrong with', () => {
  const ALL = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

  /** Checks a part of the page in light colours by all rules, and in dark ones by the rule for contrast. */
  async function check(page: Page, where: string, part = 'html') {
    if (await page.evaluate(() => !('axe' in globalThis))) await page.evaluate(axe.source)
    for (const scheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' })
      const violations = await page.evaluate(
        async ([part, tags]) => {
          const runOnly = tags ? { type: 'tag' as const, values: tags } : { type: 'rule' as const, values: ['color-contrast'] }
          const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run(part, { runOnly })
          return violations.map(
            ({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join()}`
          )
        },
        [part, scheme === 'light' && ALL] as const
      )
      expect(violations, `${where}, ${scheme}`).toEqual([])
    }
  }

  test('the page and each tab, in light and dark', async ({ world, windows }) => {
    const server = await world.server()
    const [window, other] = [await windows.open(server), await windows.open(server)]
    const { page } = window
    await page.getByTestId('add-examples').click()
    await window.settled()
    await window.task(0, 'done').check()
    await other.description.focus()
    await window.settled()
    await check(page, 'page')
    for (const tab of TABS) {
      await show(window, tab)
      await page.locator('.panel > *').first().waitFor()
      if (tab === 'history') await page.getByRole('button', { name: 'Previous batch' }).click()
      if (tab === 'connection') {
        await page.getByTestId('doctor').click()
        await textOf(window, 'findings').toContain('Room names reach the server as they are')
        expect(await page.locator('.findings .bad').count()).toBe(0)
      }
      await check(page, tab, '#inspector')
    }
    await page.setViewportSize({ width: 360, height: 800 })
    await check(page, '360 pixels')
    await server.kill()
    await page.getByTestId('away').waitFor()
    await check(page, 'away', '.bar')
  })

  test('the token form, a refused room, and two windows in one page', async ({ world, windows }) => {
    const server = await world.server(...asksForTokens)
    const { page } = await windows.open(server, { status: 'refused' })
    await page.getByTestId('room').fill('..')
    await page.getByTestId('room-enter').click()
    await check(page, 'token form')
    await page.getByTestId('side-by-side').click()
    await page.frameLocator('[data-testid="pane-left"]').getByTestId('status').waitFor()
    await check(page, 'side by side')
  })
})

// The tests above are in Chromium.
for (const engine of engines.filter(({ name }) => name !== 'Chromium')) {
  describe.skipIf(!engine.installed)(`${engine.name}: the page`, () => {
    test('edits, and shows each tab', async ({ world, site: server }) => {
      const { page, stop } = await engine.start()
      world.defer(stop)
      await page.goto(`${server.url}/?room=${engine.name}`)
      const find = (id: string) => `document.querySelector('[data-testid="${id}"]')`
      const text = (id: string) => expect.poll(() => page.run(`${find(id)}?.textContent ?? ''`))
      await text('status').toBe('connected')
      await page.run(
        `(${find('title')}.value = 'By hand', ${find('title')}.dispatchEvent(new Event('input', { bubbles: true })))`
      )
      await page.run(`${find('add-examples')}.click()`)
      await text('fate').toMatch(/confirmed in \d+ ms/)
      const shown: Record<string, string> = {
        history: 'Then and now',
        state: 'By hand',
        connection: 'Round trip',
        code: 'curl',
        simulate: 'Robots',
        live: 'You'
      }
      for (const [tab, content] of Object.entries(shown)) {
        await page.run(`${find(`tab-${tab}`)}.click()`)
        await text('panel').toContain(content)
      }
      await page.run(`${find('add-task')}.click()`)
      await expect.poll(() => page.run(`document.activeElement.dataset.testid ?? ''`)).toBe('task-title')
      await page.run(
        `document.activeElement.closest('[data-testid="task"]').querySelector('[data-testid="task-remove"]').focus()`
      )
      await page.run(`document.activeElement.click()`)
      await expect.poll(() => page.run(`document.activeElement.dataset.testid ?? ''`)).toBe('task-remove')
      await expect
        .poll(async () => (await server.snapshot(engine.name)).stores.project!.state)
        .toMatchObject({ title: 'By hand' })
    })
  })
}
