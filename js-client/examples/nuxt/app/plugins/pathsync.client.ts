// Sets the display name from the URL: /project/demo?name=Ada. An application with a login uses its session, and sets `token` too.
export default defineNuxtPlugin({
  name: 'identity',
  enforce: 'pre',
  setup(nuxtApp) {
    nuxtApp.hook('pathsync:options', (options) => {
      options.displayName = String(useRoute().query.name ?? 'Anonymous')
    })
  }
})
