import { ref, watch } from 'vue'

const KEY = 'pathsync:name'
const GUESTS = ['Ada Lark', 'Bo Wren', 'Cleo Finch', 'Dov Heron', 'Edda Swift', 'Finn Plover', 'Gil Martin', 'Hedy Crane']

// A window keeps its own name over a reload; a new window takes the last one that was typed anywhere, or a guest's.
const kept = read('sessionStorage') ?? read('localStorage')

/** What the others in a room read. */
export const ownName = ref(kept ?? GUESTS[Math.floor(Math.random() * GUESTS.length)] ?? 'Guest')

keep('sessionStorage', ownName.value)
watch(ownName, (name) => {
  keep('sessionStorage', name)
  keep('localStorage', name)
})

type Area = 'localStorage' | 'sessionStorage'

// A browser that was told to keep nothing throws already when the storage is looked at.
function read(area: Area): string | null {
  try {
    return window[area].getItem(KEY)
  } catch {
    return null
  }
}

function keep(area: Area, name: string) {
  try {
    window[area].setItem(KEY, name)
  } catch {
    // The name lasts as long as the page, then.
  }
}
