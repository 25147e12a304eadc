export default defineNuxtConfig({
  compatibilityDate: '2025-11-01',
  modules: ['pathsync/nuxt', '@pinia/nuxt'],
  pathsync: {
    // The address of the pathsync server. Browsers reach it through this application's own server.
    proxy: 'http://127.0.0.1:8080'
  },
  telemetry: false
})
