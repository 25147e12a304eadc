// A network between clients and a server, with the faults of networks and of proxies.
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export interface Relay {
  readonly url: string
  /** The number of open event streams. */
  readonly streams: number
  /** The number of lost answers to batches. */
  readonly lost: number
  /** Breaks all connections that are open. */
  cut(): void
  /** Changes the faults of all later traffic. Omitted members keep their values. */
  set(faults: Partial<Faults>): void
  /** Removes all faults. Buffered data is sent. */
  heal(): void
  close(): Promise<void>
}

export interface Faults {
  /** Closes new connections, and open ones at their next request. */
  refuse: boolean
  /** Buffers all data, in both directions. */
  stall: boolean
  /** The delay of each chunk in each direction, in milliseconds. */
  delay: number
  /** The bandwidth of one connection in each direction; 0 for no limit. */
  bytesPerSecond: number
  /** The probability that an answer to a batch is lost, between 0 and 1. */
  loseAnswers: number
  /** The fault of streams: none, all data is buffered, or the stream ends after the header. */
  streams: 'pass' | 'swallow' | 'end'
  /** A complete HTTP response that replaces every answer of the server. */
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

/** `random` chooses the answers that are lost. */
export async function startRelay(target: { port: number }, random: () => number): Promise<Relay> {
  let faults = { ...healthy }
  let lost = 0
  const links = new Set<Link>()
  let resume: (() => void)[] = []

  /** One connection of a client, with its connection to the server. */
  interface Link {
    cut(): void
    request: 'stream' | 'batch' | 'other'
    answering: boolean
  }

  /** Resolves when received data may be sent. */
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
      // Clients do not pipeline, so a chunk that starts like a request is one.
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
