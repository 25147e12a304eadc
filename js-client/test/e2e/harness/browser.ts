// Windows of a real browser that show the playground.
import { existsSync } from 'node:fs'
import { chromium, type Browser, type BrowserContext, type Locator, type Page } from 'playwright-core'
import { expect } from 'vitest'
import { startServer, type Server } from './server.ts'
import { test as base, type World } from './world.ts'

/** The path of the browser; undefined if none is installed. */
export const executable = [
  process.env.CHROMIUM_PATH,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  chromium.executablePath()
].find((path) => path && existsSync(path))

const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync'
]

export interface OpenOptions {
  /** Windows of one context share their storage and their network. By default a window has a separate one. */
  context?: BrowserContext
  /** By default, `windows.room`. */
  room?: string
  /** Additional query parameters, such as `transport=eventsource`. */
  query?: string
  width?: number
  /** The expected final status. */
  status?: 'connected' | 'refused'
}

export interface Windows {
  /** The room of the windows, if `open` gets no other. */
  readonly room: string
  context(): Promise<BrowserContext>
  open(server: { url: string }, options?: OpenOptions): Promise<Window>
}

/** The visible parts of the playground. */
export interface Window {
  readonly page: Page
  readonly context: BrowserContext
  readonly title: Locator
  readonly description: Locator
  readonly tasks: Locator
  readonly users: Locator
  readonly offlineToggle: Locator
  /** The titles of all tasks, from top to bottom. */
  taskTitles(): Promise<string[]>
  addTask(title: string): Promise<void>
  task(index: number, part: 'title' | 'done' | 'remove' | 'handle'): Locator
  status(): Promise<string | null>
  pending(): Promise<string | null>
  /** Waits until it is connected and has no pending changes. */
  settled(): Promise<void>
}

interface Fixtures {
  windows: Windows
  browser: Browser
  site: Server
}

/**
 * Tests in a browser. They are skipped without one, and fail if a console has an error. The tests of a file have one browser, and
 * one server `site` for those that neither stop nor configure it; `windows.room` is a room of their own.
 */
export const test = base.extend<Fixtures>({
  browser: [
    async ({}, use) => {
      const browser = await chromium.launch({ executablePath: executable, args })
      await use(browser)
      await browser.close()
    },
    { scope: 'file' }
  ],
  site: [
    async ({}, use) => {
      const server = await startServer()
      await use(server)
      await server.close()
    },
    { scope: 'file' }
  ],
  windows: async ({ world, browser }, use) => {
    const errors: string[] = []
    await use(openWindows(browser, world, errors))
    expect(errors, 'errors in the console').toEqual([])
  }
})

let rooms = 0

function openWindows(browser: Browser, world: World, errors: string[]): Windows {
  const ownRoom = `room ${++rooms}`

  async function newContext() {
    const context = await browser.newContext()
    world.defer(() => context.close())
    return context
  }

  async function open({ url }: { url: string }, options: OpenOptions = {}) {
    const { context, room = ownRoom, query = '', width = 1024, status = 'connected' } = options
    const own = context ?? (await newContext())
    const page = await own.newPage()
    await page.setViewportSize({ width, height: 800 })
    page.on('pageerror', (error) => errors.push(String(error)))
    page.on('console', (message) => {
      // Some tests cause network failures, which browsers log.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) errors.push(message.text())
    })
    await page.goto(`${url}/?room=${encodeURIComponent(room)}&${query}`)
    const window = look(page, own)
    await expect.poll(window.status).toBe(status)
    return window
  }
  return { room: ownRoom, context: newContext, open }
}

function look(page: Page, context: BrowserContext): Window {
  const find = (id: string) => page.getByTestId(id)
  const tasks = find('task')
  const part = (index: number, name: string) => tasks.nth(index).getByTestId(`task-${name}`)
  const status = () => find('status').textContent()
  const pending = () => find('pending').textContent()
  return {
    page,
    context,
    title: find('title'),
    description: find('description'),
    tasks,
    users: find('user'),
    offlineToggle: find('offline-toggle'),
    taskTitles: () => find('task-title').evaluateAll((inputs) => inputs.map((input) => (input as HTMLInputElement).value)),
    async addTask(title) {
      await find('add-task').click()
      await page.keyboard.type(title)
    },
    task: part,
    status,
    pending,
    settled: () => expect.poll(async () => `${await status()}, ${await pending()} pending`).toBe('connected, 0 pending')
  }
}
