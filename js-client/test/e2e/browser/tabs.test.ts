// Tabs of one browser, which opens at most six connections to an HTTP/1.1 server.
import type { Page } from 'playwright-core'
import { describe, expect } from 'vitest'
import type { createClient, Document } from '../../../src/index.ts'
import { executable, test, type Window } from '../harness/browser.ts'
import { openBlank } from '../harness/script.ts'
import type { Server } from '../harness/server.ts'

/** The number of open streams of the server. */
async function streams(server: Server): Promise<number> {
  const metrics = await (await fetch(`${server.url}/metrics`)).text()
  return Number(/^pathsync_streams (\d+)$/m.exec(metrics)?.[1])
}
const shared = (server: Server) => expect.poll(() => streams(server)).toBe(1)

/** Expects that every tab shows a title that is entered in one of them. */
async function agree(tabs: readonly Window[], from: Window, title: string) {
  await from.title.fill(title)
  for (const tab of tabs) await expect.poll(() => tab.title.inputValue()).toBe(title)
}

/** The global variables that `enter` sets in a page. */
interface Here {
  pathsync: { createClient: typeof createClient }
  documents: Document<{ text?: string }>[]
}

/** Enters rooms from a page, with `oneStream` or with the default. */
function enter({ rooms, oneStream }: { rooms: string[]; oneStream?: boolean }) {
  const here = globalThis as unknown as Here
  const client = here.pathsync.createClient({ oneStream })
  here.documents = rooms.map((name) => client.room(name).document())
  return Promise.all(here.documents.map(({ ready }) => ready))
}

describe.skipIf(!executable)('one page in eight rooms, on plain HTTP/1.1', () => {
  test('shares one stream by default, so that its changes are sent at once', async ({ world, windows }) => {
    const server = await world.server()
    const page = await (await windows.context()).newPage()
    await openBlank(page, server.url)
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
    await page.evaluate(enter, { rooms: names })
    await shared(server)
    await page.evaluate(() => {
      for (const document of (globalThis as unknown as Here).documents)
        document.apply({ op: 'set', path: 'text', value: 'Here' })
    })
    for (const name of names) {
      await expect
        .poll(async () => (await server.snapshot(name)).stores.default?.state, { timeout: 5000 })
        .toEqual({ text: 'Here' })
    }
  })
})

describe.skipIf(!executable)('ten tabs on plain HTTP/1.1', () => {
  test('share one stream, and stay in sync after one is closed and after the server is killed', async ({ world, windows }) => {
    const server = await world.server()
    const context = await windows.context()
    const tabs: Window[] = []
    for (let i = 0; i < 10; i++) tabs.push(await windows.open(server, { context }))
    await shared(server)
    await expect.poll(() => tabs[0]!.users.count()).toBe(10)
    await agree(tabs, tabs[9]!, 'From the last')
    await agree(tabs, tabs[0]!, 'From the first')

    // The first tab is the leader.
    await tabs.shift()!.page.close({ runBeforeUnload: true })
    await agree(tabs, tabs[3]!, 'The first is closed')
    await shared(server)
    for (const tab of [tabs[0]!, tabs[8]!]) await expect.poll(() => tab.users.count()).toBe(9)

    await server.kill()
    for (const tab of tabs) await expect.poll(tab.status).not.toBe('connected')
    await tabs[5]!.addTask('While it is away')
    await server.start()
    for (const tab of tabs) await expect.poll(tab.taskTitles).toEqual(['While it is away'])
    for (const tab of tabs) await tab.settled()
    await agree(tabs, tabs[7]!, 'It is back')
    await shared(server)
    await expect.poll(() => tabs[0]!.users.count()).toBe(9)
    expect((await server.history(windows.room)).flatMap(({ ops }) => ops).filter(({ op }) => op === 'array_add')).toHaveLength(
      1
    )
  })

  test('stay in sync when the leader is frozen, and the old leader follows when it is thawed', async ({ world, windows }) => {
    const server = await world.server()
    const context = await windows.context()
    const tabs = [
      await windows.open(server, { context }),
      await windows.open(server, { context }),
      await windows.open(server, { context })
    ]
    const [first, second, third] = tabs as [Window, Window, Window]
    await shared(server)
    const browser = await context.newCDPSession(first.page)
    await browser.send('Page.setWebLifecycleState', { state: 'frozen' })
    await agree([second, third], second, 'One is frozen')
    await shared(server)
    await browser.send('Page.setWebLifecycleState', { state: 'active' })
    await agree(tabs, third, 'None is')
    await shared(server)
  })

  test('in three rooms each share one stream with oneStream, also after the leader is closed', async ({ world, windows }) => {
    const server = await world.server()
    const context = await windows.context()
    const tabs: Page[] = []
    for (let i = 0; i < 10; i++) {
      const page = await context.newPage()
      await openBlank(page, server.url)
      await page.evaluate(enter, { rooms: ['a', 'b', 'c'], oneStream: true })
      tabs.push(page)
    }
    await shared(server)
    const texts = (page: Page) => page.evaluate(() => (globalThis as unknown as Here).documents.map(({ state }) => state?.text))
    async function say(text: string) {
      await tabs[5]!.evaluate((value) => {
        for (const document of (globalThis as unknown as Here).documents) document.apply({ op: 'set', path: 'text', value })
      }, text)
      for (const tab of tabs) await expect.poll(() => texts(tab)).toEqual([text, text, text])
    }
    await say('One connection')
    await tabs.shift()!.close()
    await say('Another')
    await shared(server)
  })

  test('have one stream each where the browser does not support sharing', async ({ world, windows }) => {
    const server = await world.server()
    const context = await windows.context()
    await context.addInitScript(() => Object.defineProperty(navigator, 'locks', { value: undefined }))
    const tabs = [await windows.open(server, { context }), await windows.open(server, { context })]
    await expect.poll(() => streams(server)).toBe(2)
    await agree(tabs, tabs[1]!, 'Each')
  })
})
