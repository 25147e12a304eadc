// Who this is, by the address: /project/demo?name=Ada. An application with a login asks its session, and sets `token` too.
export default defineNuxtPlugin({
  name: 'identity',
  enforce: 'pre',
  setup(nuxtApp) {
    nuxtApp.hook('pathsync:options', (options) => {
      options.displayName = String(useRoute().query.name ?? 'Anonymous')
    })
  }
})
