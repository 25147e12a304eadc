import { createPathsync } from 'pathsync/pinia'
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import App from './App.vue'

const pinia = createPinia()
pinia.use(createPathsync({ displayName: new URLSearchParams(location.search).get('name') ?? 'Anonymous' }))
createApp(App).use(pinia).mount('#app')
