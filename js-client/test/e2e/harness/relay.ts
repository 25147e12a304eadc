// A network between clients and a server, with the faults of networks and of proxies.
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export interface Relay {
  readonly url: string
  /** How many event streams are open through it at the moment. */
  readonly streams: number
  /** How many answers to batches it has lost. */
  readonly lost: number
  /** Breaks all connections that are open. */
  cut(): void
  /** Changes how it treats traffic from now on. What is left out stays. */
  set(faults: Partial<Faults>): void
  /** As if there had never been a fault. What was held back goes on. */
  heal(): void
  close(): Promise<void>
}

export interface Faults {
  /** Hang up on whoever connects, and on every request over a connection that is open. */
  refuse: boolean
  /** Hold everything back, in both directions. */
  stall: boolean
  /** Milliseconds that each piece of data takes, in each direction. */
  delay: number
  /** How much goes through one connection, in each direction; 0 for no limit. */
  bytesPerSecond: number
  /** How often the answer to a batch is lost after the server has sent it, between 0 and 1. */
  loseAnswers: number
  /** What a proxy does to streams: lets them through, holds all of them back, or ends them behind the head. */
  streams: 'pass' | 'swallow' | 'end'
  /** What a proxy answers instead of the server: a whole HTTP response. */
  answer: string | undefined
}

const healthy: Faults = {
  refuse: false,
  stall: false,
  delay: 0,
  bytesPerSecond: 0,
  loseAnswers: 0,
  streams: 'pass',
  answer: undefined
}

/** `random` decides which answers are lost. */
export async function startRelay(target: { port: number }, random: () => number): Promise<Relay> {
  let faults = { ...healthy }
  let lost = 0
  const links = new Set<Link>()
  let resume: (() => void)[] = []

  /** One connection of a client, and the one that it causes to the server. */
  interface Link {
    cut(): void
    request: 'stream' | 'batch' | 'other'
    answering: boolean
  }

  /** Resolves when data that has come in may go on. */
  async function pass(bytes: number): Promise<void> {
    if (faults.bytesPerSecond) await new Promise((resolve) => setTimeout(resolve, (bytes * 1000) / faults.bytesPerSecond))
    if (faults.delay) await new Promise((resolve) => setTimeout(resolve, faults.delay))
    while (faults.stall) await new Promise<void>((resolve) => resume.push(resolve))
  }

  function accept(client: Socket): void {
    if (faults.refuse) return void client.destroy()
    const server = connect(target.port, '127.0.0.1')
    const link: Link = { cut, request: 'other', answering: false }
    links.add(link)
    function cut() {
      links.delete(link)
      client.destroy()
      server.destroy()
    }
    for (const socket of [client, server]) socket.setNoDelay(true).on('error', cut).on('close', cut)

    let sent = Promise.resolve()
    client.on('data', (data) => {
      // Clients do not pipeline: what looks like the head of a request is one.
      const head = /^(GET|POST|PUT|DELETE|OPTIONS) (\S+) HTTP/.exec(data.toString('latin1', 0, 2000))
      if (head) {
        if (faults.refuse) return cut()
        if (faults.answer !== undefined) return void client.end(faults.answer)
        link.answering = false
        link.request = /\/(events|probe)(\?|$)/.test(head[2] ?? '')
          ? 'stream'
          : /\/ops$/.test(head[2] ?? '')
            ? 'batch'
            : 'other'
      }
      sent = sent.then(() => pass(data.length)).then(() => void server.write(data))
    })
    let received = Promise.resolve()
    server.on('data', (data) => {
      if (link.request === 'stream' && faults.streams !== 'pass') {
        if (faults.streams === 'end') client.end(data.subarray(0, data.indexOf('\r\n\r\n') + 4))
        return
      }
      if (link.request === 'batch' && !link.answering && random() < faults.loseAnswers) {
        lost++
        return cut()
      }
      link.answering = true
      received = received.then(() => pass(data.length)).then(() => void client.write(data))
    })
  }

  const listener = createServer(accept)
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const cutAll = () => [...links].forEach((link) => link.cut())
  function set(change: Partial<Faults>) {
    faults = { ...faults, ...change }
    if (!faults.stall) {
      resume.forEach((go) => go())
      resume = []
    }
  }
  return {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    get streams() {
      return [...links].filter((link) => link.request === 'stream' && link.answering).length
    },
    get lost() {
      return lost
    },
    cut: cutAll,
    set,
    heal: () => set(healthy),
    async close() {
      set(healthy)
      const closed = new Promise((resolve) => listener.close(resolve))
      cutAll()
      await closed
    }
  }
}
