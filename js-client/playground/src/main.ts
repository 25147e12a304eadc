import { createPinia } from 'pinia'
import { createApp } from 'vue'
import App from './App.vue'
import { pathsync } from './sync.ts'
import './style.css'

createApp(App).use(createPinia().use(pathsync)).mount('#app')
