import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'
import { SOURCES_FILE, hashSources } from './sources.ts'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

// The page is embedded in the server's binary and served under a strict policy: no inline script or style, nothing from
// elsewhere, and the same files from the same sources.
export default defineConfig({
  root: path('.'),
  plugins: [
    vue(),
    {
      name: 'note-sources',
      apply: 'build',
      generateBundle() {
        const source = JSON.stringify({ sha256: hashSources() }, null, 2) + '\n'
        this.emitFile({ type: 'asset', fileName: SOURCES_FILE, source })
      }
    }
  ],
  resolve: {
    // An application writes the same imports and gets them from node_modules.
    alias: [
      { find: /^pathsync$/, replacement: path('../src/index.ts') },
      { find: /^pathsync\/pinia$/, replacement: path('../src/pinia/index.ts') }
    ]
  },
  define: { __VUE_OPTIONS_API__: false, __VUE_PROD_DEVTOOLS__: false, __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: false },
  build: {
    outDir: path('../../httpapi/playground'),
    emptyOutDir: true,
    target: ['chrome125', 'firefox128', 'safari18'], // CSS light-dark() and field-sizing stay as they are written
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    sourcemap: false,
    reportCompressedSize: true
  },
  server: { host: '127.0.0.1', proxy: { '/v1': 'http://127.0.0.1:8080' } }
})
