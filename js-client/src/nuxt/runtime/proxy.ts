// A route of the Nuxt server that passes requests on to the pathsync server, so that a page needs one origin only.
import { createError, defineEventHandler, proxyRequest, useRuntimeConfig, type NodeResponse } from '#imports'

export default defineEventHandler((event) => {
  const { req, res } = event.node
  const { proxy } = useRuntimeConfig(event).pathsync
  const root = new URL(proxy).pathname.replace(/\/*$/, '/v1/')
  const target = new URL(proxy.replace(/\/+$/, '') + event.path)
  // `..` in the path would lead to what is not part of the API, such as /metrics.
  if (!target.pathname.startsWith(root)) throw createError({ statusCode: 404 })

  // A reader who goes has to be gone for the server too: it would stay present, and its stream open.
  const gone = new AbortController()
  const { signal } = gone
  res.once('close', () => gone.abort())

  return proxyRequest(event, target.href, {
    fetchOptions: { signal, redirect: 'manual' },
    // The server compares the page's origin with the host that the browser asked, and `Host` names the server now.
    headers: { 'x-forwarded-host': String(req.headers['x-forwarded-host'] ?? req.headers.host) },
    onResponse: (_, { body }) =>
      body?.pipeTo(writer(res), { signal }).then(
        () => res.end(),
        () => res.destroy()
      )
  })
})

/** Takes the next chunk when the last one is on its way: nothing piles up before a slow reader. */
const writer = (res: NodeResponse) =>
  new WritableStream<Uint8Array>({
    write: (chunk) => new Promise((written) => res.write(chunk, () => written()))
  })
