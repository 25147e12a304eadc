// An HTTP proxy with faults that real proxies have. A relay only has the faults of networks.
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Hostile {
  readonly url: string
  /** How often the fault has occurred. */
  readonly struck: number
  /** Removes the fault. */
  heal(): void
  /** Breaks all connections that are open. */
  cut(): void
  close(): Promise<void>
}

export type Fault =
  /** Streams are cut in the middle of every third batch. */
  | 'cuts events'
  /** Each POST arrives twice, one after the other; the sender gets the second answer. */
  | 'doubles posts'
  /** The position from which a stream resumes is removed, from the header and from the query. */
  | 'strips Last-Event-ID'
  /** Header names are in lower case, and repeated headers are merged, in both directions. */
  | 'merges headers'
  /** %2F in paths becomes a slash. */
  | 'rewrites %2F'

export async function startHostile(target: { port: number }, fault: Fault): Promise<Hostile> {
  let healthy = false
  let struck = 0
  let batches = 0
  const has = (other: Fault) => !healthy && fault === other

  function path(url: string): string {
    let rewritten = url
    if (has('rewrites %2F')) rewritten = url.replace(/%2F/gi, '/')
    if (has('strips Last-Event-ID')) rewritten = url.replace(/&last_event_id=[^&]*/, '')
    if (rewritten !== url) struck++
    return rewritten
  }

  function headers({ rawHeaders }: IncomingMessage): string[] {
    if (has('merges headers')) struck++
    const merged = new Map<string, string>()
    const kept: string[] = []
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const [name = '', value = ''] = rawHeaders.slice(i, i + 2)
      const lower = name.toLowerCase()
      if (has('strips Last-Event-ID') && lower === 'last-event-id') struck++
      else if (has('merges headers')) merged.set(lower, merged.has(lower) ? `${merged.get(lower)}, ${value}` : value)
      else kept.push(name, value)
    }
    return [...kept, ...[...merged].flat()]
  }

  /** Forwards a request. */
  const ask = (from: IncomingMessage, body: Buffer, gone: ServerResponse) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const { method, url = '/' } = from
      const upstream = request(
        { host: '127.0.0.1', port: target.port, agent: false, method, path: path(url), headers: headers(from) },
        resolve
      )
      upstream.once('error', reject)
      gone.once('close', () => upstream.destroy())
      upstream.end(body)
    })

  async function pass(from: IncomingMessage, to: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of from) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    if (has('doubles posts') && from.method === 'POST') {
      struck++
      for await (const _ of await ask(from, body, to));
    }
    const answer = await ask(from, body, to)
    to.writeHead(answer.statusCode ?? 502, headers(answer))
    to.flushHeaders()
    for await (const chunk of answer) {
      if (has('cuts events') && (chunk as Buffer).includes('event: delta') && ++batches % 3 === 0) {
        struck++
        to.write((chunk as Buffer).subarray(0, (chunk as Buffer).length / 2), () => to.destroy())
        return
      }
      to.write(chunk)
    }
    to.end()
  }

  const server = createServer((from, to) => void pass(from, to).catch(() => to.destroy()))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get struck() {
      return struck
    },
    heal: () => void (healthy = true),
    cut: () => server.closeAllConnections(),
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    }
  }
}
