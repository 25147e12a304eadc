// A route of the Nuxt server that passes requests to the pathsync server, so that pages need one origin only.
import { createError, defineEventHandler, proxyRequest, useRuntimeConfig, type NodeResponse } from '#imports'

export default defineEventHandler((event) => {
  const { req, res } = event.node
  const { proxy } = useRuntimeConfig(event).pathsync
  const root = new URL(proxy).pathname.replace(/\/*$/, '/v1/')
  const target = new URL(proxy.replace(/\/+$/, '') + event.path)
  // `..` in the path could lead outside of the API, such as to /metrics.
  if (!target.pathname.startsWith(root)) throw createError({ statusCode: 404 })

  // A closed connection must end the request to the server. Otherwise the client stays present and its stream open.
  const closed = new AbortController()
  const { signal } = closed
  res.once('close', () => closed.abort())

  return proxyRequest(event, target.href, {
    fetchOptions: { signal, redirect: 'manual' },
    // The server compares the page's origin with the host of the browser's request. `Host` is the pathsync server's here.
    headers: { 'x-forwarded-host': String(req.headers['x-forwarded-host'] ?? req.headers.host) },
    onResponse: (_, { body }) =>
      body?.pipeTo(writer(res), { signal }).then(
        () => res.end(),
        () => res.destroy()
      )
  })
})

/** Accepts a chunk after the previous one is written, so that chunks for a slow reader do not accumulate. */
const writer = (res: NodeResponse) =>
  new WritableStream<Uint8Array>({
    write: (chunk) => new Promise((written) => res.write(chunk, () => written()))
  })
