// A real browser reads the server's streams, without code of this package.
import type { Page } from 'playwright-core'
import { describe, expect } from 'vitest'
import { executable, test, type Windows } from '../harness/browser.ts'
import type { Server } from '../harness/server.ts'

const large = 'Milk, bread and eggs. '.repeat(5_000)

async function set(server: Server, room: string, title: string): Promise<void> {
  const response = await fetch(`${server.url}/v1/rooms/${room}/ops`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ clientId: 'ada', key: 'default', ops: [{ path: 'title', op: 'set', value: title }] })
  })
  expect(response.status).toBe(200)
}

/** Opens an EventSource for rooms in the page, and records its events. */
function follow(page: Page, query: string): Promise<void> {
  return page.evaluate((query) => {
    const seen: string[] = []
    const source = new EventSource(`/v1/events?${query}`)
    for (const name of ['state', 'delta', 'up-to-date', 'problem', 'reconnect']) {
      source.addEventListener(name, (event) => {
        const { room, state, ops, code } = JSON.parse(event.data)
        const title: string = state?.title ?? ops?.[0]?.value ?? code ?? ''
        seen.push([name, room ?? '', event.lastEventId.replace(/^.*-/, ''), title.slice(0, 9)].join(' '))
        if (name === 'problem') source.close()
      })
    }
    Object.assign(window, { seen })
  }, query)
}

const seen = (page: Page) => expect.poll(() => page.evaluate(() => (window as unknown as { seen: string[] }).seen))

/** A page that accepts one encoding only. By default, a browser accepts several. */
async function pageFor(encoding: string, windows: Windows, server: Server): Promise<Page> {
  const context = await windows.context()
  if (encoding !== '') await context.setExtraHTTPHeaders({ 'Accept-Encoding': encoding })
  return (await windows.open(server, { context })).page
}

describe.skipIf(!executable)('a browser', () => {
  test.for([
    [[], '', 'plain'],
    [['--compress-streams'], '', 'zstd'],
    [['--compress-streams'], 'gzip', 'gzip']
  ] as const)(
    'follows two rooms over one stream, and resumes both after the server is killed: %j, accepts %j, gets %j',
    async ([flags, accepted, encoding], { world, windows }) => {
      const server = await world.server(...flags)
      await set(server, 'a', large)
      await set(server, 'b', 'One')
      const page = await pageFor(accepted, windows, server)
      const starts: string[] = []
      page.on('response', (response) => {
        if (response.url().includes('/v1/events')) starts.push(response.headers()['content-encoding'] ?? 'plain')
      })
      await follow(page, 'room=a&room=b&clientId=eve')
      const began = ['state a  Milk, bre', 'up-to-date a 1._ ', 'state b 1._ One', 'up-to-date b 1.1 ']
      await seen(page).toEqual(began)
      await set(server, 'b', 'Two')
      await seen(page).toEqual([...began, 'delta b 1.2 Two'])

      await server.kill()
      await server.start()
      await set(server, 'a', 'Three')
      await expect
        .poll(() => page.evaluate(() => (window as unknown as { seen: string[] }).seen.slice(5)))
        // The batch arrives before or after its room is up to date again; no whole state arrives.
        .toSatisfy((events: string[]) => events.includes('delta a 2.2 Three') && !events.join().includes('state'))
      expect(new Set(starts)).toEqual(new Set([encoding]))
    }
  )

  test.for(['zstd', 'gzip'])('reads the end of a stream in %s without an error', async (encoding, { world, windows }) => {
    const server = await world.server('--compress-streams')
    await set(server, 'a', large)
    const page = await pageFor(encoding, windows, server)
    const end = page.evaluate(async () => {
      const response = await fetch('/v1/rooms/a/events?clientId=eve')
      await fetch('/v1/rooms/a/events?clientId=eve').then((newer) => setTimeout(() => newer.body?.cancel(), 1_000))
      const text = await response.text() // rejects if the stream is truncated
      return [response.headers.get('Content-Encoding'), text.includes('stream_replaced')]
    })
    expect(await end).toEqual([encoding, true])
  })
})
