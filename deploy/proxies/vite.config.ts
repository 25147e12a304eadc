// pathsync behind Vite's development server: these lines in vite.config.ts.
export default {
  server: {
    proxy: {
      '/v1': {
        // Nothing behind the port: the browser's path goes on as it is, and %2F in the names of rooms with it.
        target: 'http://127.0.0.1:8080',
        // Over HTTP/2 (`server.https`), Vite does not tell the server that a reader has gone, who then stays present for others.
        configure(proxy) {
          proxy.on('proxyReq', (request, _, response) => response.once('close', () => request.destroy()))
        }
      }
    }
  }
}
