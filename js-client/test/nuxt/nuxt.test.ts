// The example, built and served by Nuxt 4 unchanged, and by Nuxt 3 as an application that used the predecessor.
import { once } from 'node:events'
import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { chromium, type Page } from 'playwright-core'
import { beforeAll, describe, expect } from 'vitest'
import { executable } from '../e2e/harness/browser.ts'
import { engines, type EnginePage } from '../e2e/harness/engines.ts'
import { test as base } from '../e2e/harness/world.ts'
import { application, type Application } from './application.ts'

const example = application('examples/nuxt')
const underNuxt3 = application('test/nuxt/nuxt3')

interface Site {
  readonly url: string
  /** The URL of the pathsync server. */
  readonly server: string
}

/** A served application with a separate pathsync server. */
const test = base.extend<{ serve: (app: Application) => Promise<Site> }>({
  serve: async ({ world }, use) => {
    await use(async (app) => {
      const server = await world.server('--presence-timeout-ms', '300')
      const site = await app.serve({ NUXT_PATHSYNC_PROXY: server.url })
      world.defer(site.stop)
      return { url: site.url, server: server.url }
    })
  }
})

/** The scripts that browsers load. */
function scripts(app: Application): string {
  const directory = app.path('.output/public/_nuxt')
  const names = readdirSync(directory).filter((name) => name.endsWith('.js'))
  return names.map((name) => readFileSync(`${directory}/${name}`, 'utf8')).join('\n')
}

const present = async (url: string) => {
  const response = await fetch(`${url}/v1/rooms/room/presence`)
  return ((await response.json()) as { users: { clientId: string }[] }).users.map(({ clientId }) => clientId)
}

/** The status of the answer to a path that is sent unchanged; `fetch` normalises it. */
async function statusOf(url: string, path: string): Promise<number | undefined> {
  const [response] = (await once(get(url, { path, agent: false }), 'response')) as [IncomingMessage]
  response.resume()
  return response.statusCode
}

let log: string

describe('Nuxt 4, with pages rendered by its server', () => {
  beforeAll(async () => {
    await example.install()
    log = await example.nuxt('build')
  })

  test('builds without a warning', () => expect(log).not.toMatch(/warn|error:/i))

  test('has the types that the module adds', () => example.nuxt('typecheck'))

  test('renders the initial state, without a sync on the server', async ({ serve }) => {
    const { url, server } = await serve(example)
    const html = await (await fetch(`${url}/project/1`)).text()
    expect(html).toContain('value="Untitled"')
    expect(html).toContain('Disconnected')
    const room = await fetch(`${server}/v1/rooms/project-1`)
    expect(await room.json()).toMatchObject({ serverSeq: 0 })
  })

  works(example)

  // vue-router listens to `pagehide` before the client does.
  for (const engine of engines) {
    test.skipIf(!engine.installed)(
      `has the last words in ${engine.name} when a page of its routes is left`,
      async ({ serve, world }) => {
        const { url, server } = await serve(example)
        const title = async () => {
          const room = (await (await fetch(`${server}/v1/rooms/project-demo`)).json()) as {
            stores: { project?: { state: { title: string } } }
          }
          return room.stores.project?.state.title
        }
        for (const leave of [
          'location.reload()',
          `location.href = '/v1/rooms/elsewhere'`,
          `document.querySelector('a')?.click(); location.reload()`
        ]) {
          const { page, stop } = await engine.start()
          world.defer(stop)
          await page.goto(`${url}/`)
          await expect.poll(() => follow(page)).toBe('Connected')
          await page.run(type('Before', ''))
          await expect.poll(title, { message: leave }).toBe('Before')
          await page.run(type('Last words', leave)).catch(() => {})
          await expect.poll(title, { message: leave, timeout: 10_000 }).toBe('Last words')
        }
      }
    )
  }
})

/** Follows the link to the project, and returns the shown connection status. */
const follow = (page: EnginePage) =>
  page.run(`(() => {
    if (location.pathname === '/') document.querySelector('a')?.click()
    return document.querySelector('[data-testid=status]')?.textContent
  })()`)

/** Types a title as a person does, and runs `then` in the same task. */
const type = (text: string, then: string) => `(() => {
  const field = document.querySelector('[data-testid=title]')
  field.value = '${text}'
  field.dispatchEvent(new Event('input', { bubbles: true }))
  ${then}
})()`

describe('Nuxt 3 and Pinia 2, without server-side rendering', () => {
  beforeAll(async () => {
    await underNuxt3.install()
    rmSync(underNuxt3.path('app'), { recursive: true, force: true })
    cpSync(example.path('app'), underNuxt3.path('app'), { recursive: true })
    log = await underNuxt3.nuxt('build')
  })

  test('uses the debounce of the predecessor, and warns that its database is not used', async ({ serve }) => {
    expect(log.match(/syncedPiniaStore/g)).toHaveLength(1)
    const { url } = await serve(underNuxt3)
    const html = await (await fetch(`${url}/project/1`)).text()
    expect(html).toContain('debounceMs:250')
    expect(html).not.toContain('SQLEXPRESS')
  })

  works(underNuxt3)
})

function works(app: Application): void {
  test('has the client in the scripts for browsers', () => expect(scripts(app)).toContain('pathsync:options'))

  test('forwards the API, and no other path', async ({ serve }) => {
    const { url, server } = await serve(app)
    const sent = await fetch(`${url}/v1/rooms/room/ops`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ clientId: 'me', key: 'default', ops: [{ op: 'set', path: 'title', value: 'Hello' }] })
    })
    expect(sent.status).toBe(200)
    const snapshots = await Promise.all([url, server].map(async (at) => (await fetch(`${at}/v1/rooms/room`)).json()))
    expect(snapshots[0]).toEqual(snapshots[1])
    expect(snapshots[0]).toMatchObject({ stores: { default: { state: { title: 'Hello' } } } })

    // The only header with the origin of a page that is neither https nor localhost. For requests that a browser
    // sends without a preflight, the server compares it with the host that the proxy names.
    for (const [origin, status] of [
      [url, 204],
      ['http://elsewhere.example.com', 403]
    ] as const) {
      const headers = { 'Content-Type': 'text/plain', Origin: origin }
      expect((await fetch(`${url}/v1/rooms/room/presence/me/leave`, { method: 'POST', headers })).status, origin).toBe(status)
    }

    const refused = await fetch(`${url}/v1/rooms/room/ops`, { method: 'POST', body: '{}' })
    expect(refused.headers.get('Content-Type')).toContain('application/problem+json')
    for (const path of ['/v1/../healthz', '/v1/%2e%2e/healthz', '/v1/rooms/%2E%2E/..%2f/../../healthz']) {
      expect(await statusOf(url, path), path).toBe(404)
    }
    expect(await statusOf(server, '/healthz')).toBe(200)
  })

  test('forwards events at once, and closes the stream to the server when a reader disconnects', async ({ serve }) => {
    const { url, server } = await serve(app)
    const reader = new AbortController()
    const stream = await fetch(`${url}/v1/rooms/room/events?clientId=reader`, { signal: reader.signal })
    const text = stream.body!.pipeThrough(new TextDecoderStream()).getReader()
    const read = async () => (await text.read()).value ?? ''

    let heard = await read()
    while (!heard.includes('up-to-date')) heard += await read()
    expect(await present(server)).toEqual(['reader'])

    reader.abort()
    await expect.poll(() => present(server)).toEqual([])
  })

  test.skipIf(!executable)('shares a store between two browsers', async ({ serve, world }) => {
    const { url } = await serve(app)
    const browser = await chromium.launch({ executablePath: executable, args: ['--no-sandbox', '--disable-gpu'] })
    world.defer(() => browser.close())
    const complaints: string[] = []

    async function open(name: string): Promise<Page> {
      const page = await (await browser.newContext()).newPage()
      page.on('pageerror', (error) => complaints.push(String(error)))
      page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
      })
      await page.goto(`${url}/project/1?name=${name}`)
      await expect.poll(() => page.getByTestId('status').textContent()).toBe('Connected')
      return page
    }

    const [ada, grace] = [await open('Ada'), await open('Grace')]
    await expect.poll(() => ada.getByTestId('count').textContent()).toBe('2')

    await ada.getByTestId('title').fill('Hello')
    await expect.poll(() => grace.getByTestId('title').inputValue()).toBe('Hello')
    await expect.poll(() => grace.getByTestId('editing').textContent()).toBe('Ada is editing')

    await grace.getByTestId('add-task').click()
    await expect.poll(() => ada.getByTestId('task').count()).toBe(1)

    await grace.reload()
    await expect.poll(() => grace.getByTestId('title').inputValue()).toBe('Hello')
    expect(complaints).toEqual([])
  })
}
