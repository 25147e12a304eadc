import { ref, watch } from 'vue'
import { pane } from './pane.ts'
import { read, write } from './storage.ts'

// The two windows of the side-by-side view share the storage of their tab.
const KEY = `pathsync:name${pane}`
const LAST_KEY = 'pathsync:name'
const FIRST = [
  'Ada',
  'Bo',
  'Cleo',
  'Dov',
  'Edda',
  'Finn',
  'Gil',
  'Hedy',
  'Iris',
  'Jun',
  'Kai',
  'Lou',
  'Mina',
  'Noor',
  'Otis',
  'Pia'
]
const LAST = [
  'Lark',
  'Wren',
  'Finch',
  'Heron',
  'Swift',
  'Plover',
  'Martin',
  'Crane',
  'Robin',
  'Dove',
  'Kite',
  'Teal',
  'Rook',
  'Tern'
]

// A reloaded window keeps its name. A new window uses the name that was entered last, or a guest's.
const kept = read('sessionStorage', KEY) ?? read('localStorage', LAST_KEY)

/** The name of this window in presence. */
export const ownName = ref(kept ?? `${oneOf(FIRST)} ${oneOf(LAST)}`)

write('sessionStorage', KEY, ownName.value)
watch(ownName, (name) => {
  write('sessionStorage', KEY, name)
  write('localStorage', LAST_KEY, name)
})

function oneOf(names: readonly string[]): string {
  return names[Math.floor(Math.random() * names.length)] ?? 'Guest'
}
