import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [vue()],
  server: {
    proxy: {
      '/v1': {
        target: 'http://127.0.0.1:8080',
        // Without this, Vite does not tell the page that the server has crashed.
        configure: (proxy) =>
          proxy.on('proxyRes', (answer, _, response) => answer.once('close', () => answer.complete || response.destroy()))
      }
    }
  }
})
