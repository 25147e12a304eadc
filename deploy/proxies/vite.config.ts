// pathsync behind Vite's development server: these lines in vite.config.ts.
export default {
  server: {
    proxy: {
      '/v1': {
        // No path after the port: the browser's path is forwarded unchanged, with %2F in the names of rooms.
        target: 'http://127.0.0.1:8080',
        configure(proxy) {
          // Over HTTP/2 (`server.https`), Vite does not close the stream of a reader that disconnects: the reader stays in presence.
          proxy.on('proxyReq', (request, _, response) => response.once('close', () => request.destroy()))
          // Vite does not end the stream of a reader when the server crashes: the reader would wait for the next heartbeat.
          proxy.on('proxyRes', (answer, _, response) => answer.once('close', () => answer.complete || response.destroy()))
        }
      }
    }
  }
}
