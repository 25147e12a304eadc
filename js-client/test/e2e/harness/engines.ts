// The three browser engines, for tests that leave a page. The tests in an engine that is not installed are skipped, with a message.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { chromium } from 'playwright-core'
import puppeteer from 'puppeteer-core'
import { executable as chromiumProgram } from './browser.ts'

/** A page in a new browser profile. */
export interface EnginePage {
  goto(url: string): Promise<void>
  /** Runs code in the page. The code may navigate away. */
  run(code: string): Promise<unknown>
  /** Closes the page as a user does. */
  close(): Promise<void>
}

export interface Engine {
  readonly name: string
  readonly installed: boolean
  /** Starts a browser with one page. `script` runs in each document before other scripts, if the engine supports that. */
  start(script?: string): Promise<{ page: EnginePage; stop(): Promise<void> }>
}

const firstOf = (paths: (string | undefined)[]) => paths.find((path) => path && existsSync(path))

const chromiumEngine: Engine = {
  name: 'Chromium',
  installed: !!chromiumProgram,
  async start(script) {
    const browser = await chromium.launch({ executablePath: chromiumProgram, args: ['--no-sandbox', '--disable-gpu'] })
    const context = await browser.newContext()
    if (script) await context.addInitScript(script)
    const page = await context.newPage()
    return {
      page: {
        goto: async (url) => void (await page.goto(url)),
        run: (code) => page.evaluate(code),
        close: () => page.close({ runBeforeUnload: true })
      },
      stop: () => browser.close()
    }
  }
}

const firefoxProgram = firstOf([process.env.FIREFOX_PATH, '/usr/bin/firefox-esr', '/usr/bin/firefox'])

const firefoxEngine: Engine = {
  name: 'Firefox',
  installed: !!firefoxProgram,
  async start(script) {
    const browser = await puppeteer.launch({ browser: 'firefox', executablePath: firefoxProgram!, headless: true })
    const page = await browser.newPage()
    if (script) await page.evaluateOnNewDocument(script)
    return {
      page: {
        goto: async (url) => void (await page.goto(url)),
        run: (code) => page.evaluate(code),
        close: () => page.close({ runBeforeUnload: true })
      },
      stop: () => browser.close()
    }
  }
}

const miniBrowser = firstOf(
  existsSync('/usr/lib') ? readdirSync('/usr/lib').map((folder) => `/usr/lib/${folder}/webkit2gtk-4.1/MiniBrowser`) : []
)
const webkitDriver = firstOf([process.env.WEBKIT_DRIVER_PATH, '/usr/bin/WebKitWebDriver'])
const xvfb = firstOf(['/usr/bin/Xvfb'])

const webkitEngine: Engine = {
  name: 'WebKit',
  installed: !!(miniBrowser && webkitDriver && xvfb),
  async start() {
    const display = await startDisplay()
    const port = await freePort()
    const driver = spawn(webkitDriver!, [`--port=${port}`, '--host=127.0.0.1'], {
      env: { ...process.env, DISPLAY: display.name, WEBKIT_DISABLE_COMPOSITING_MODE: '1', NO_AT_BRIDGE: '1' },
      stdio: 'ignore'
    })
    const root = `http://127.0.0.1:${port}`
    async function ask(method: string, path: string, body?: unknown): Promise<unknown> {
      const init = { method, ...(body !== undefined && { body: JSON.stringify(body) }), signal: AbortSignal.timeout(30_000) }
      const { value } = (await (await fetch(root + path, init)).json()) as { value: { error?: string; message?: string } }
      if (value?.error) throw new Error(`${value.error}: ${value.message}`)
      return value
    }
    for (let n = 0; !(await ask('GET', '/status').catch(() => false)); n++) {
      if (n > 100) throw new Error('the driver of WebKit does not start')
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    const options = { binary: miniBrowser, args: ['--automation'] }
    const capabilities = { alwaysMatch: { pageLoadStrategy: 'normal', 'webkitgtk:browserOptions': options } }
    const { sessionId } = (await ask('POST', '/session', { capabilities })) as { sessionId: string }
    const session = `/session/${sessionId}`
    return {
      page: {
        goto: async (url) => void (await ask('POST', `${session}/url`, { url })),
        run: (code) => ask('POST', `${session}/execute/sync`, { script: `return (${code})`, args: [] }),
        // A window remains, because the browser exits with its last one, and a request that is under way ends with it.
        async close() {
          await ask('POST', `${session}/window/new`, { type: 'tab' })
          await ask('DELETE', `${session}/window`)
        }
      },
      async stop() {
        await ask('DELETE', session).catch(() => {})
        const gone = once(driver, 'exit')
        driver.kill()
        await gone
        await display.stop()
      }
    }
  }
}

export const engines: readonly Engine[] = [chromiumEngine, firefoxEngine, webkitEngine]

for (const { name, installed } of engines) if (!installed) console.warn(`SKIPPED tests in ${name}: it is not installed`)

/** A virtual screen. */
async function startDisplay() {
  const server = spawn(xvfb!, ['-displayfd', '1', '-screen', '0', '1024x768x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'pipe', 'ignore']
  })
  const [number] = (await once(server.stdout, 'data')) as [Buffer]
  return {
    name: `:${number.toString().trim()}`,
    async stop() {
      const gone = once(server, 'exit')
      server.kill()
      await gone
    }
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  await new Promise((closed) => probe.close(closed))
  return port
}
