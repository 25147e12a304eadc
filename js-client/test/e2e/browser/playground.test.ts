// The playground in a real browser, in one window and in two.
import { describe, expect } from 'vitest'
import { executable, test, type Window } from '../harness/browser.ts'

const value = (window: Window, field: 'title' | 'description') => expect.poll(() => window[field].inputValue())
const titles = (window: Window) => expect.poll(() => window.taskTitles())

describe.skipIf(!executable)('two windows', () => {
  test('show the changes of each other', async ({ windows, site: server }) => {
    const [left, right] = [await windows.open(server), await windows.open(server)]
    await left.title.fill('Garden')
    await value(right, 'title').toBe('Garden')
    await right.description.fill('Vegetables first')
    await value(left, 'description').toBe('Vegetables first')

    await left.addTask('Dig')
    await titles(right).toEqual(['Dig'])
    await right.addTask('Sow')
    await titles(left).toEqual(['Dig', 'Sow'])
    await left.addTask('Water')
    await titles(right).toEqual(['Dig', 'Sow', 'Water'])

    await right.task(1, 'title').fill('Sow beans')
    await titles(left).toEqual(['Dig', 'Sow beans', 'Water'])
    await left.task(0, 'done').check()
    await expect.poll(() => right.task(0, 'done').isChecked()).toBe(true)
    await right.task(0, 'remove').click()
    await titles(left).toEqual(['Sow beans', 'Water'])
  })

  test('keep the order when a task is moved by mouse or by key', async ({ windows, site: server }) => {
    const [left, right] = [await windows.open(server), await windows.open(server)]
    for (const title of ['One', 'Two', 'Three']) await left.addTask(title)
    await titles(right).toEqual(['One', 'Two', 'Three'])

    await right.task(0, 'title').press('Alt+ArrowDown')
    await titles(left).toEqual(['Two', 'One', 'Three'])

    await left.task(0, 'handle').hover() // waits until the rows do not move
    await left.page.mouse.down()
    const last = await left.tasks.nth(2).boundingBox()
    if (!last) throw new Error('the last task is not visible')
    await left.page.mouse.move(last.x + 20, last.y + last.height / 2, { steps: 5 })
    await left.page.mouse.move(last.x + 20, last.y + last.height, { steps: 5 })
    await left.page.mouse.up()
    for (const window of [left, right]) await titles(window).toEqual(['One', 'Three', 'Two'])
    const history = await server.history(windows.room)
    const moves = history.flatMap(({ ops }) => ops).filter(({ op }) => op === 'array_move')
    expect(moves.length).toBe(2)
  })

  test('show the users of the room, and the fields that they edit', async ({ world, windows }) => {
    const server = await world.server('--presence-timeout-ms', '300')
    const [left, right] = [await windows.open(server), await windows.open(server)]
    await expect.poll(() => left.users.count()).toBe(2)
    await right.page.getByTestId('own-name').fill('Grace')
    await right.page.keyboard.press('Enter')
    await expect.poll(() => left.page.getByTestId('users').textContent()).toContain('Grace')

    const editors = left.page.getByTestId('editors')
    await right.title.focus()
    await expect.poll(() => editors.textContent()).toContain('Grace is editing')
    await right.description.focus()
    await expect.poll(() => left.title.locator('..').getByTestId('editors').count()).toBe(0)
    await expect.poll(() => left.description.locator('..').getByTestId('editors').count()).toBe(1)
    await right.description.blur()
    await expect.poll(() => editors.count()).toBe(0)

    await right.page.close({ runBeforeUnload: true })
    await expect.poll(() => left.users.count()).toBe(1)
  })

  test('reconnect after offline edits: conflicting ones are dropped and reported, the others are merged', async ({
    windows,
    site: server
  }) => {
    const [left, right] = [await windows.open(server), await windows.open(server)]
    await left.addTask('Shared')
    await titles(right).toEqual(['Shared'])

    await left.offlineToggle.click()
    await expect.poll(left.status).toBe('offline')
    expect(await left.offlineToggle.getAttribute('aria-pressed')).toBe('true')
    await left.title.fill('From the left')
    await left.addTask('Left')
    await expect.poll(left.pending).not.toBe('0')
    await right.title.fill('From the right')
    await right.addTask('Right')
    await right.settled()

    await left.offlineToggle.click()
    for (const window of [left, right]) {
      await value(window, 'title').toBe('From the right')
      await expect.poll(async () => (await window.taskTitles()).toSorted()).toEqual(['Left', 'Right', 'Shared'])
      await window.settled()
    }
    const toasts = await left.page.getByTestId('toast').allTextContents()
    expect(toasts).toEqual([expect.stringMatching(/has replaced your text “From the left”.*Put mine back/)])
  })

  test('reconnect after a network failure', async ({ world, windows, site: server }) => {
    const relay = await world.relay(server)
    const [left, right] = [await windows.open(relay), await windows.open(server)]
    await left.context.setOffline(true)
    relay.cut() // the browser does not close open connections
    await expect.poll(left.status).not.toBe('connected')
    await left.description.fill('Written on a train')
    await right.title.fill('Written at home')
    await left.context.setOffline(false)
    for (const window of [left, right]) {
      await value(window, 'title').toBe('Written at home')
      await value(window, 'description').toBe('Written on a train')
    }
    await left.settled()
  })

  test('show the same after a reload', async ({ windows, site: server }) => {
    const window = await windows.open(server)
    await window.title.fill('Kept')
    await window.addTask('Also kept')
    await window.page.reload()
    await value(window, 'title').toBe('Kept')
    await titles(window).toEqual(['Also kept'])
    await window.settled()
  })

  test('reconnect after a restart of the server', async ({ world, windows }) => {
    const server = await world.server()
    const [left, right] = [await windows.open(server), await windows.open(server)]
    await left.title.fill('Before')
    await value(right, 'title').toBe('Before')
    await server.kill()
    for (const window of [left, right]) await expect.poll(window.status).not.toBe('connected')
    await left.title.fill('During')
    await right.addTask('During, too')
    await server.start()
    for (const window of [left, right]) {
      await expect.poll(() => window.title.inputValue()).toBe('During')
      await titles(window).toEqual(['During, too'])
    }
    for (const window of [left, right]) await window.settled()
  })

  test('that are closed right after typing deliver the text to the other one', async ({ world, windows, site: server }) => {
    const relay = await world.relay(server)
    const [left, right] = [await windows.open(relay), await windows.open(server)]
    relay.set({ delay: 300 }) // the window is closed before the request arrives
    await left.title.fill('Last words')
    await left.page.close({ runBeforeUnload: true })
    await value(right, 'title').toBe('Last words')
  })

  test('that are closed while the server is down leave their changes to the next window', async ({ world, windows }) => {
    const server = await world.server()
    const context = await windows.context()
    const first = await windows.open(server, { context, query: 'persist=1' })
    await first.settled()
    await server.kill()
    await expect.poll(first.status).not.toBe('connected')
    await first.title.fill('Written in vain?')
    await expect.poll(first.pending).not.toBe('0')
    await first.page.close({ runBeforeUnload: true })

    await server.start()
    const second = await windows.open(server, { context, query: 'persist=1' })
    await value(second, 'title').toBe('Written in vain?')
    await second.settled()
    const other = await windows.open(server)
    await value(other, 'title').toBe('Written in vain?')
  })

  test('that enter another room show nothing of the first', async ({ windows, site: server }) => {
    const [left, right] = [await windows.open(server, { room: 'a' }), await windows.open(server, { room: 'b' })]
    await left.title.fill('Room a')
    await right.title.fill('Room b')
    await Promise.all([left.settled(), right.settled()])
    await left.page.getByTestId('room').fill('b')
    await left.page.getByTestId('room-enter').click()
    await value(left, 'title').toBe('Room b')
    await left.settled()
    const stores = await Promise.all(['a', 'b'].map(async (room) => Object.values((await server.snapshot(room)).stores)))
    expect(stores.map(([store]) => (store?.state as { title?: string }).title)).toEqual(['Room a', 'Room b'])
  })

  test('show the changes of each other when one uses EventSource', async ({ world, windows, site: server }) => {
    const relay = await world.relay(server)
    const [left, right] = [await windows.open(relay, { query: 'transport=eventsource' }), await windows.open(server)]
    await right.title.fill('There')
    await value(left, 'title').toBe('There')
    await left.title.fill('And back')
    await value(right, 'title').toBe('And back')

    relay.cut()
    await right.title.fill('After a cut')
    await value(left, 'title').toBe('After a cut')
    await left.settled()
  })
})

describe.skipIf(!executable)('one window', () => {
  test('can be used without a mouse', async ({ windows, site: server }) => {
    const { page, taskTitles, pending } = await windows.open(server)
    const focused = () => page.evaluate(() => document.activeElement?.getAttribute('data-testid'))
    async function tabTo(id: string) {
      for (let presses = 0; presses < 50; presses++) {
        if ((await focused()) === id) return
        await page.keyboard.press('Tab')
      }
      throw new Error(`the Tab key does not reach ${id}`)
    }

    await tabTo('title')
    await page.keyboard.type('Keys only')
    await tabTo('add-task')
    await page.keyboard.press('Enter')
    expect(await focused()).toBe('task-title')
    await page.keyboard.type('First')
    await page.keyboard.press('Enter')
    await page.keyboard.type('Second')
    await page.keyboard.press('Alt+ArrowUp')
    await expect.poll(taskTitles).toEqual(['Second', 'First'])
    expect(await focused()).toBe('task-title')
    await tabTo('task-remove')
    await page.keyboard.press('Space')
    await expect.poll(taskTitles).toEqual(['First'])
    await expect.poll(pending).toBe('0')
  })

  test('shows a document of any shape, and edits it', async ({ windows, site }) => {
    const window = await windows.open(site)
    await window.settled()
    const unprintable = { toString: 1, valueOf: 1 }
    const subtasks = Array.from({ length: 5000 }, (_, n) => ({ _sync_id: `s${n}`, title: unprintable, done: [] }))
    const value = {
      title: unprintable,
      description: unprintable,
      settings: 'none',
      tasks: [{ _sync_id: 'a.b[c]', title: 'A long text. '.repeat(20_000), done: [1], subtasks }]
    }
    const body = JSON.stringify({ clientId: 'other', key: 'project', ops: [{ op: 'set', path: '', value }] })
    const headers = { 'Content-Type': 'application/json' }
    const url = `${site.url}/v1/rooms/${encodeURIComponent(windows.room)}/ops`
    expect((await fetch(url, { method: 'POST', headers, body })).status).toBe(200)
    await expect.poll(() => window.task(0, 'title').inputValue()).toMatch(/^A long text/)
    expect((await window.task(0, 'title').inputValue()).length).toBeLessThanOrEqual(20_000)
    expect(await window.page.getByTestId('subtask').count()).toBe(100)
    expect([await window.title.inputValue(), await window.description.inputValue()]).toEqual(['', ''])
    for (const tab of ['history', 'state', 'code', 'live']) await window.page.getByTestId(`tab-${tab}`).click()
    await window.title.fill('Mine')
    await window.task(0, 'done').check()
    await window.settled()
    const { state } = (await site.snapshot(windows.room)).stores.project!
    expect(state).toMatchObject({ title: 'Mine', tasks: [{ done: true, title: value.tasks[0]!.title }] })
  })

  test('fits a phone', async ({ windows, site: server }) => {
    const { page, addTask } = await windows.open(server, { width: 360 })
    await addTask('A task whose title is so long that it does not fit into one line of a narrow window')
    const width = await page.evaluate(() => document.documentElement.scrollWidth)
    expect(width).toBeLessThanOrEqual(360)
  })

  test('loads nothing from other origins', async ({ windows, site: server }) => {
    const { page } = await windows.open(server)
    const urls: string[] = []
    page.on('request', (request) => urls.push(request.url()))
    await page.reload()
    await expect.poll(() => page.getByTestId('status').textContent()).toBe('connected')
    expect(urls.length).toBeGreaterThan(2)
    expect(urls.filter((url) => !url.startsWith(`${server.url}/`) && !url.startsWith('data:'))).toEqual([])
  })
})
