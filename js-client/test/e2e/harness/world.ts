// What a test may start. All of it is stopped when the test ends, however it ends.
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
  /** A proxy in front of a server that gets something wrong. */
  hostile(server: Server, fault: Fault): Promise<Hostile>
  /** The real client. It sends sooner than the defaults say, so that tests are quick. */
  client(at: { url: string }, options?: ClientOptions): Client
  /** Has something stopped at the end; what came last is stopped first. */
  defer(stop: () => unknown): void
}

export const test = base.extend<{ world: World }>({
  // Vitest reads from this pattern which other fixtures this one needs.
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
