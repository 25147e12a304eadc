import { createPinia } from 'pinia'
import { createApp } from 'vue'
import App from './App.vue'
import { isText, keepFocus } from './focus-keeper.ts'
import { disableUndo } from './no-undo.ts'
import { useNoticesStore } from './stores/notices.ts'
import { pathsync } from './sync.ts'

/** Shows the page in an element. */
export function start(root: HTMLElement) {
  createApp(App).use(createPinia().use(pathsync)).mount(root)

  // Every row has its path in `data-path`.
  const notices = useNoticesStore()
  keepFocus(root, (element) => {
    const path = element.closest<HTMLElement>('[data-path]')?.dataset.path
    if (path) notices.lost(path, isText(element) ? element.value : undefined)
  })
  disableUndo(document)
}
