// A server whose address and database stay the same after a restart of its process.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'vitest'
import type { Changes, DeltaEvent, RoomSnapshot } from '../../../src/wire.ts'

/** The deadline for the start and the orderly end of the process, in milliseconds. */
const patience = 30_000

export interface Server {
  readonly url: string
  readonly port: number
  /** Starts the process and waits until it serves. */
  start(): Promise<void>
  /** Kills the process, like a power failure. */
  kill(): Promise<void>
  /** Shuts the process down. Fails if its exit code is not 0 or the deadline passes. */
  terminate(): Promise<void>
  /** Ends the process and removes the database. Fails if the process had a data race or a panic. */
  close(): Promise<void>
  snapshot(room: string): Promise<RoomSnapshot>
  /** Every batch of a room, from the beginning. */
  history(room: string): Promise<DeltaEvent[]>
}

export async function startServer(...flags: string[]): Promise<Server> {
  const directory = mkdtempSync(join(tmpdir(), 'pathsync-js-'))
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const database = `sqlite:${join(directory, 'rooms.db')}`
  let process_: ChildProcess | undefined
  let log = ''

  // No server outlives the tests, even if they fail.
  const atExit = () => process_?.kill('SIGKILL')
  process.on('exit', atExit)

  async function start(): Promise<void> {
    const child = spawn(inject('binary'), ['serve', '--listen', `127.0.0.1:${port}`, '--database', database, ...flags], {
      stdio: ['ignore', 'ignore', 'pipe']
    })
    process_ = child
    let output = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text
      log += text
    })
    const deadline = AbortSignal.timeout(patience)
    while (!output.includes('pathsync is ready')) {
      if (child.exitCode !== null || child.signalCode !== null || deadline.aborted) {
        throw new Error(`the server did not start:\n${output}`)
      }
      await Promise.race([once(child.stderr, 'data'), once(child, 'exit'), once(deadline, 'abort')])
    }
  }

  /** Signals the process and waits for its end. Returns its exit code; null when a signal ended it. */
  async function end(signal: NodeJS.Signals): Promise<number | null> {
    const child = process_
    process_ = undefined
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null
    const gone = once(child, 'close')
    child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), patience)
    await gone
    clearTimeout(timer)
    return child.exitCode
  }

  async function get<T>(path: string): Promise<T> {
    const response = await fetch(url + path, { signal: AbortSignal.timeout(patience) })
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as T
  }

  await start()
  return {
    url,
    port,
    start,
    async kill() {
      await end('SIGKILL')
    },
    async terminate() {
      const code = await end('SIGTERM')
      if (code !== 0) throw new Error(`the server ended with ${code}:\n${log}`)
    },
    async close() {
      await end('SIGKILL')
      process.off('exit', atExit)
      rmSync(directory, { recursive: true, force: true })
      const trouble = /DATA RACE|panic:|level=ERROR/.exec(log)
      if (trouble) throw new Error(`the server reported ${trouble[0]}:\n${log}`)
    },
    snapshot: (room) => get(`/v1/rooms/${encodeURIComponent(room)}`),
    async history(room) {
      const deltas: DeltaEvent[] = []
      for (let after = ''; ; ) {
        const page: Changes = await get(`/v1/rooms/${encodeURIComponent(room)}/changes?limit=1000${after}`)
        deltas.push(...page.changes)
        if (page.upToDate) return deltas
        after = `&after=${page.next}`
      }
    }
  }
}

/**
 * A port for a server that restarts. It is outside the range for outgoing connections: one
 * of them could take it while the server is stopped.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000)
    const probe = createServer()
    const free = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!free) continue
    await new Promise((resolve) => probe.close(resolve))
    return port
  }
}
