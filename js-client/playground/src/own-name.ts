import { ref, watch } from 'vue'

const KEY = 'pathsync:name'
const GUESTS = ['Ada Lark', 'Bo Wren', 'Cleo Finch', 'Dov Heron', 'Edda Swift', 'Finn Plover', 'Gil Martin', 'Hedy Crane']

// A reloaded window keeps its name. A new window uses the name that was entered last, or a guest's.
const kept = read('sessionStorage') ?? read('localStorage')

/** The name of this window in presence. */
export const ownName = ref(kept ?? GUESTS[Math.floor(Math.random() * GUESTS.length)] ?? 'Guest')

keep('sessionStorage', ownName.value)
watch(ownName, (name) => {
  keep('sessionStorage', name)
  keep('localStorage', name)
})

type Area = 'localStorage' | 'sessionStorage'

// Reading the property throws if the browser blocks storage.
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
    // The name is kept until the page is closed.
  }
}
