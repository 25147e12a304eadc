import { defineStore } from 'pinia'
import { useFieldPresence, usePresence } from 'pathsync/pinia'
import { computed, ref, watch } from 'vue'
import { ownName } from '../own-name.ts'
import { peopleOf } from '../people.ts'
import type { Person } from '../people.ts'
import { room } from '../room.ts'
import { pathsync } from '../sync.ts'

const NOBODY: readonly Person[] = []

/** The people in the room, and the fields that they edit. */
export const usePeopleStore = defineStore('people', () => {
  const { client } = pathsync
  const { users, count } = usePresence(room)
  const people = computed(() => peopleOf(users.value, client.clientId))
  const byId = computed(() => new Map(people.value.map((person) => [person.id, person])))
  const byField = computed(() => {
    const fields = new Map<string, Person[]>()
    for (const { clientId, field } of users.value) {
      const person = byId.value.get(clientId)
      if (!field || !person || person.mine) continue
      fields.set(field, [...(fields.get(field) ?? []), person])
    }
    return fields
  })

  const find = (clientId: string) => byId.value.get(clientId)
  const self = computed(() => find(client.clientId))
  /** The others who edit a field. */
  const editorsOf = (field: string) => byField.value.get(field) ?? NOBODY

  const ownField = ref('')
  const own = useFieldPresence(room, ownField)
  /** The field that has the focus; empty for none. */
  function enter(field: string) {
    if (field) ownField.value = field
    if (field) own.focus()
    else own.blur()
  }

  watch([room, ownName], ([name, displayName], _, onCleanup) => {
    const joined = client.room(name)
    joined.setPresence({ displayName })
    onCleanup(() => joined.leave())
  })

  return { people, self, count, find, editorsOf, enter }
})
