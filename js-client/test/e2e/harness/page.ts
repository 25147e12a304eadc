// A page of an application with the client, at a separate origin: it is available even without the server.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:http'
import { clientScript } from './script.ts'

export interface PageServer {
  readonly origin: string
  close(): Promise<void>
}

/** Serves one page, which loads the client as `pathsync` and then runs a script. */
export async function servePage(script: string): Promise<PageServer> {
  const client = await clientScript()
  const server = createServer((request, response) => {
    const isScript = request.url === '/client.js'
    response.setHeader('Content-Type', isScript ? 'text/javascript; charset=utf-8' : 'text/html; charset=utf-8')
    const html = `<!doctype html><title>Kept</title><link rel="icon" href="data:,"><script src="/client.js"></script><script>${script}</script>`
    response.end(isScript ? client : html)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${port}`,
    async close() {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    }
  }
}
