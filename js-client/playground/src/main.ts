import { createApp } from 'vue'
import { start } from './start.ts'
import './style.css'

const root = document.getElementById('app')!
if (new URLSearchParams(location.search).has('side')) {
  void import('./SideBySide.vue').then(({ default: page }) => createApp(page).mount(root))
} else start(root)
