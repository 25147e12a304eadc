import { defineStore } from 'pinia'
import { usePresence } from 'pathsync/pinia'
import { computed, watch } from 'vue'
import { ownName } from '../own-name.ts'
import { peopleOf } from '../people.ts'
import { room } from '../room.ts'
import { pathsync } from '../sync.ts'

/** The people in the room. */
export const usePeopleStore = defineStore('people', () => {
  const { client } = pathsync
  const { users, count } = usePresence(room)
  const people = computed(() => peopleOf(users.value, client.clientId))

  const find = (clientId: string) => people.value.find((person) => person.id === clientId)

  watch([room, ownName], ([name, displayName], _, onCleanup) => {
    const joined = client.room(name)
    joined.setPresence({ displayName })
    onCleanup(() => joined.leave())
  })

  return { people, count, find }
})
