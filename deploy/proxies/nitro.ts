// pathsync behind Nitro: routes/v1/[...].ts, or server/routes/v1/[...].ts in Nuxt, whose module for pathsync brings such a route
// itself (`proxy` in its options). A `proxy` in routeRules does not tell the server that a reader has gone, who then stays
// present for others.
import type { ServerResponse } from 'node:http'

const server = 'http://127.0.0.1:8080'

export default defineEventHandler((event) => {
  const { req, res } = event.node
  const target = new URL(server + event.path)
  // `..` in the path would lead to what is not part of the API, such as /metrics.
  if (!target.pathname.startsWith('/v1/')) throw createError({ statusCode: 404 })

  // Whoever goes has to be gone for the server too.
  const gone = new AbortController()
  const { signal } = gone
  res.once('close', () => gone.abort())

  return proxyRequest(event, target.href, {
    fetchOptions: { signal, redirect: 'manual' },
    // The server holds a page's origin against the host that the page is from, and `Host` names the server now.
    headers: { 'x-forwarded-host': String(req.headers['x-forwarded-host'] ?? req.headers.host) },
    onResponse: (_, { body }) =>
      body?.pipeTo(writer(res), { signal }).then(
        () => void res.end(),
        () => void res.destroy()
      )
  })
})

/** Takes the next chunk when the last one is on its way: nothing piles up before a slow reader. */
const writer = (res: ServerResponse) =>
  new WritableStream<Uint8Array>({
    write: (chunk) => new Promise<void>((written) => void res.write(chunk, () => written()))
  })
