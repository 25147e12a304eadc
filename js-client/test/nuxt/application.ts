// A Nuxt application that uses the published form of the package: installed from its lock file, built, and served.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, rmSync, statSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The deadline for the start of a server process, in milliseconds. */
const patience = 20_000

/** The environment of a developer's shell, without the variables of the test runner. */
const { VITEST: _, ...shell } = process.env
const env = { ...shell, NODE_ENV: 'production', NUXT_TELEMETRY_DISABLED: '1', NO_COLOR: '1', CI: '1' }

const packageRoot = fileURLToPath(new URL('../../', import.meta.url))

export interface Application {
  /** A directory of the application, or a file in it. */
  path(...parts: string[]): string
  /** Installs the packages of the lock file, unless they are installed, and the current package. */
  install(): Promise<void>
  /** Runs a command of Nuxt. Returns its output. */
  nuxt(command: string): Promise<string>
  /** Starts the built application. */
  serve(environment: Record<string, string>): Promise<{ url: string; stop(): Promise<void> }>
}

/** The application in a directory of this package. */
export function application(directory: string): Application {
  const root = join(packageRoot, directory)
  const path = (...parts: string[]) => join(root, ...parts)

  return {
    path,

    async install() {
      const installed = path('node_modules', '.package-lock.json')
      if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(path('package-lock.json')).mtimeMs) {
        const development = { ...env, NODE_ENV: 'development', npm_config_loglevel: 'error' }
        await run('npm', ['ci', '--ignore-scripts', '--prefer-offline'], { cwd: root, env: development })
      }
      const copy = path('node_modules', 'pathsync')
      rmSync(join(copy, 'dist'), { recursive: true, force: true })
      for (const part of ['package.json', 'dist']) {
        cpSync(join(packageRoot, part), join(copy, part), { recursive: true })
      }
    },

    async nuxt(command) {
      const program = path('node_modules', 'nuxt', 'bin', 'nuxt.mjs')
      const { stdout, stderr } = await run(process.execPath, [program, command], { cwd: root, env })
      return stdout + stderr
    },

    async serve(environment) {
      const port = await freePort()
      const child = spawn(process.execPath, [path('.output/server/index.mjs')], {
        env: { ...env, HOST: '127.0.0.1', PORT: String(port), ...environment },
        stdio: ['ignore', 'pipe', 'inherit']
      })
      const atExit = () => child.kill('SIGKILL')
      process.on('exit', atExit)
      const gone = once(child, 'exit')
      const deadline = AbortSignal.timeout(patience)
      let output = ''
      child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
      while (!output.includes('Listening')) {
        if (child.exitCode !== null || deadline.aborted) throw new Error(`the application did not start:\n${output}`)
        await Promise.race([once(child.stdout, 'data'), gone, once(deadline, 'abort')])
      }
      return {
        url: `http://127.0.0.1:${port}`,
        async stop() {
          process.off('exit', atExit)
          child.kill('SIGKILL')
          await gone
        }
      }
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
