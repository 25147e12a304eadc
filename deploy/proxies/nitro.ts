// pathsync behind Nitro: routes/v1/[...].ts, or server/routes/v1/[...].ts in Nuxt, where the pathsync module adds such a route
// by its option `proxy`. A `proxy` in routeRules does not close the stream to the server when a reader disconnects, so that
// the reader stays in presence.
import type { ServerResponse } from 'node:http'

const server = 'http://127.0.0.1:8080'

export default defineEventHandler((event) => {
  const { req, res } = event.node
  const target = new URL(server + event.path)
  // `..` in the path would reach addresses outside the API, such as /metrics.
  if (!target.pathname.startsWith('/v1/')) throw createError({ statusCode: 404 })

  // When the reader disconnects, the request to the server is aborted.
  const gone = new AbortController()
  const { signal } = gone
  res.once('close', () => gone.abort())

  return proxyRequest(event, target.href, {
    fetchOptions: { signal, redirect: 'manual' },
    // The server compares a page's origin with the host of the page, and `Host` is the address of the server here.
    headers: { 'x-forwarded-host': String(req.headers['x-forwarded-host'] ?? req.headers.host) },
    onResponse: (_, { body }) =>
      body?.pipeTo(writer(res), { signal }).then(
        () => void res.end(),
        () => void res.destroy()
      )
  })
})

/** Accepts the next chunk when the last one is written, so that memory is bounded for a slow reader. */
const writer = (res: ServerResponse) =>
  new WritableStream<Uint8Array>({
    write: (chunk) => new Promise<void>((written) => void res.write(chunk, () => written()))
  })
