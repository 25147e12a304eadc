import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

// The server embeds this page and serves it with a strict Content-Security-Policy: no inline script or style, and no other
// origin. The build is reproducible: test/unit/playground compares a fresh build with the embedded one.
export default defineConfig({
  root: path('.'),
  plugins: [vue()],
  resolve: {
    // The import names of applications, resolved to the sources.
    alias: [
      { find: /^pathsync$/, replacement: path('../src/index.ts') },
      { find: /^pathsync\/pinia$/, replacement: path('../src/pinia/index.ts') }
    ]
  },
  define: { __VUE_OPTIONS_API__: false, __VUE_PROD_DEVTOOLS__: false, __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: false },
  build: {
    outDir: path('../../httpapi/playground'),
    emptyOutDir: true,
    target: ['chrome125', 'firefox128', 'safari18'], // they support CSS light-dark() and field-sizing
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    sourcemap: false,
    reportCompressedSize: true
  },
  server: {
    host: '127.0.0.1',
    proxy: {
      '/v1': {
        target: 'http://127.0.0.1:8080',
        // Without this, Vite does not tell the page that the server has crashed.
        configure: (proxy) =>
          void proxy.on('proxyRes', (answer, _, response) => answer.once('close', () => answer.complete || response.destroy()))
      }
    }
  }
})
