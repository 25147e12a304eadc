// The resources that a test can start. All of them are stopped when the test ends, also when it fails.
import { test as base } from 'vitest'
import { createClient, type Client, type ClientOptions } from '../../../src/index.ts'
import { startHostile, type Fault, type Hostile } from './hostile.ts'
import { createRandom, seed, type Random } from './random.ts'
import { startRelay, type Relay } from './relay.ts'
import { startServer, type Server } from './server.ts'

export interface World {
  readonly random: Random
  /** A server with a new database. */
  server(...flags: string[]): Promise<Server>
  /** A network in front of a server. */
  relay(server: Server): Promise<Relay>
  /** A faulty proxy in front of a server. */
  hostile(server: Server, fault: Fault): Promise<Hostile>
  /** The real client. Its debounce is shorter than the default, so that tests are fast. */
  client(at: { url: string }, options?: ClientOptions): Client
  /** Registers a function that runs at the end; the last one runs first. */
  defer(stop: () => unknown): void
}

export const test = base.extend<{ world: World }>({
  // Vitest reads the names of the required fixtures from this pattern.
  world: async ({}, use) => {
    const stops: (() => unknown)[] = []
    const random = createRandom(seed)
    await use({
      random,
      async server(...flags) {
        const server = await startServer(...flags)
        stops.push(server.close)
        return server
      },
      async relay(server) {
        const relay = await startRelay(server, random)
        stops.push(relay.close)
        return relay
      },
      async hostile(server, fault) {
        const proxy = await startHostile(server, fault)
        stops.push(proxy.close)
        return proxy
      },
      client({ url }, options) {
        const client = createClient({ url, debounceMs: 20, maxWaitMs: 100, ...options })
        stops.push(client.close)
        return client
      },
      defer: (stop) => void stops.push(stop)
    })
    const failures: unknown[] = []
    for (const stop of stops.reverse()) {
      try {
        await stop()
      } catch (failure) {
        failures.push(failure)
      }
    }
    if (failures.length) throw failures[0]
  }
})
