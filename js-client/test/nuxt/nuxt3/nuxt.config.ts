// The example under Nuxt 3, as an application comes over from nuxt-synced-pinia-store: with its Pinia, without server-side
// rendering, and with its configuration still in place.
export default defineNuxtConfig({
  compatibilityDate: '2025-11-01',
  srcDir: 'app/',
  modules: ['pathsync/nuxt', '@pinia/nuxt'],
  ssr: false,
  pathsync: { proxy: 'http://127.0.0.1:8080' },
  syncedPiniaStore: {
    database: { server: 'localhost\\SQLEXPRESS01', database: 'mydb', user: 'sa', password: 'sa' },
    sync: { clientDebounceMs: 250, serverBatchMs: 1500, presenceTimeoutMs: 15000 }
  },
  telemetry: false
})
