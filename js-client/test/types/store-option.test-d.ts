// What the compiler knows of the store option. `npm run types` checks it with every version of Pinia.
import { defineStore } from 'pinia'
import { type Ref, computed, ref } from 'vue'

const route = { params: { id: '1' as string | undefined } }

const useProject = defineStore('project', {
  state: () => ({ project: { title: '', tasks: [] as { title: string }[] }, drawerOpen: false }),
  getters: { heading: (state) => `# ${state.project.title}` },
  actions: {
    rename(title: string) {
      this.project.title = title
    }
  },
  sync: { room: () => `project-${route.params.id}`, include: ['project'], debounceMs: 100 }
})

// The option leaves what is inferred of the store as it is.
const store = useProject()
const title: string = store.project.title
const heading: string = store.heading
store.rename(title + heading)
// @ts-expect-error there is no such state
void store.nothing

// @ts-expect-error there is no such state
defineStore('typo', {
  state: () => ({ project: 1 }),
  sync: { room: 'r', include: ['projct'] }
})
// @ts-expect-error a getter is no state
defineStore('getter', {
  state: () => ({ project: 1 }),
  getters: { double: (state) => 2 * state.project },
  sync: { room: 'r', include: ['double'] }
})

const names = ['project'] as const
const room: Ref<string | null> = ref(null)
defineStore('rooms', { state: () => ({ project: 1 }), sync: { room, include: names } })
defineStore('rooms', { state: () => ({ project: 1 }), sync: { room: () => route.params.id } })
defineStore('rooms', { state: () => ({ project: 1 }), sync: { room: () => null } })
// @ts-expect-error a room is named by text
defineStore('rooms', { state: () => ({ project: 1 }), sync: { room: 5 } })
// @ts-expect-error a store that is synced is so somewhere
defineStore('rooms', { state: () => ({ project: 1 }), sync: {} })

const setup = () => {
  const title = ref('')
  return { title, shout: computed(() => title.value.toUpperCase()), clear: () => (title.value = '') }
}
const useTitle = defineStore('setup', setup, { sync: { room: 'r', include: ['title'] } })
const shout: string = useTitle().shout
useTitle().clear()
void shout
// @ts-expect-error a computed is no state
defineStore('setup', setup, { sync: { room: 'r', include: ['shout'] } })
// @ts-expect-error there is no such state
defineStore('setup', setup, { sync: { room: 'r', include: ['titel'] } })
