import { describe, expect, test } from 'vitest'
import { ref } from 'vue'
import { useSyncedStore } from '../../../src/pinia/index.ts'
import { createWorld, pass, pinia4, pinias, settle, useRoute } from './world.ts'

const { defineStore } = pinia4

const useDoc = defineStore('doc', {
  state: () => ({
    doc: { title: 'untitled', tasks: [{ title: 'first' }] as { _sync_id?: string; title: string }[] },
    open: false
  }),
  sync: {
    room: () => {
      const { id } = useRoute().params
      return id && `doc-${id}`
    },
    include: ['doc']
  }
})

function setup(id?: string) {
  const world = createWorld()
  const { pinia, route } = world.application()
  if (id) route.params.id = id
  const store = useDoc(pinia)
  return { world, store, route, docOf: (id: string) => world.server.room(`doc-${id}`).docs.get('doc') }
}

describe('a getter that names another room', () => {
  test('moves the store to that room, and resets its state first', async () => {
    const { world, store, route, docOf } = setup('1')
    await settle()
    store.doc.title = 'one'
    store.doc.tasks.push({ title: 'second' })
    await settle()
    route.params.id = '2'
    expect(store.doc).toMatchObject({ title: 'untitled', tasks: [{ title: 'first' }] })
    await settle()
    store.doc.title = 'two'
    await settle()
    expect(docOf('1')).toMatchObject({ title: 'one', tasks: [{ title: 'first' }, { title: 'second' }] })
    expect(docOf('2')).toMatchObject({ title: 'two', tasks: [{ title: 'first' }] })
    expect(world.server.room('doc-1').streams.size).toBe(0)
    route.params.id = '1'
    await settle()
    expect(store.doc).toMatchObject({ title: 'one', tasks: [{ title: 'first' }, { title: 'second' }] })
  })

  test('takes effect at once: an edit before it goes to the old room, an edit after it to the new one', async () => {
    const { store, route, docOf } = setup('1')
    await settle()
    store.doc.title = 'for one'
    route.params.id = '2'
    store.doc.title = 'for two'
    await settle()
    expect(docOf('1')).toMatchObject({ title: 'for one' })
    expect(docOf('2')).toMatchObject({ title: 'for two' })
  })

  test('shows the state of the new room, and no more changes of the old one', async () => {
    const { world, store, route } = setup('1')
    const theirs = { title: 'theirs', tasks: [] }
    world.server.room('doc-2').post('doc', { op: 'init', path: '', value: theirs })
    await settle()
    route.params.id = '2'
    await settle()
    world.server.room('doc-1').post('doc', { op: 'set', path: 'title', value: 'too late' })
    await settle()
    expect(store.doc).toEqual(theirs)
    expect(world.server.room('doc-2').docs.get('doc')).toEqual(theirs)
  })

  test('does not change state that is not synced', async () => {
    const { store, route } = setup('1')
    store.open = true
    route.params.id = '2'
    await settle()
    expect(store.open).toBe(true)
  })

  test('does not rejoin the same room', async () => {
    const world = createWorld()
    const [id, other] = [ref('1'), ref(0)]
    const room = () => (other.value, `r-${id.value}`)
    const store = defineStore('s', { state: () => ({ n: 0 }), sync: { room } })(world.application().pinia)
    await settle()
    store.n = 1
    other.value++
    expect(store.n).toBe(1)
    await settle()
    expect(world.server.room('r-1').opened).toBe(1)
  })
})

describe('no room', () => {
  test.each([null, undefined, ''])('for the name %o: the state stays local', async (room) => {
    const world = createWorld()
    const store = defineStore('s', { state: () => ({ n: 0 }), sync: { room: () => room } })(world.application().pinia)
    store.n++
    await settle()
    expect(store.n).toBe(1)
    expect(world.server.rooms).toEqual([])
  })

  test('then a new room: the state of the store seeds it', async () => {
    const { store, route, docOf } = setup()
    store.doc.title = 'a draft'
    route.params.id = '1'
    await settle()
    expect(docOf('1')).toMatchObject({ title: 'a draft' })
  })

  test('then an existing room: its state replaces that of the store', async () => {
    const { world, store, route, docOf } = setup()
    world.server.room('doc-1').post('doc', { op: 'init', path: '', value: { title: 'theirs', tasks: [] } })
    store.doc.title = 'a draft'
    route.params.id = '1'
    await settle()
    expect(store.doc).toEqual({ title: 'theirs', tasks: [] })
    expect(docOf('1')).toEqual({ title: 'theirs', tasks: [] })
  })

  test('after a room: the state is the initial one', async () => {
    const { world, store, route } = setup('1')
    await settle()
    store.doc.title = 'one'
    route.params.id = undefined
    expect(store.doc.title).toBe('untitled')
    await settle()
    expect(world.server.room('doc-1').docs.get('doc')).toMatchObject({ title: 'one' })
    expect(world.server.room('doc-1').streams.size).toBe(0)
  })
})

describe('several stores in one room', () => {
  test('share one stream, and a document if they have the same key', async () => {
    const world = createWorld()
    const { pinia } = world.application()
    const state = () => ({ doc: { title: '' } })
    const a = defineStore('a', { state, sync: { room: 'r', include: ['doc'] } })(pinia)
    await settle()
    a.doc.title = 'x'
    const b = defineStore('b', { state, sync: { room: 'r', include: ['doc'] } })(pinia)
    expect(b.doc.title).toBe('x')
    b.doc.title = 'y'
    await settle()
    expect(a.doc.title).toBe('y')
    expect(world.server.room('r').opened).toBe(1)
    a.$dispose()
    await pass()
    expect(world.server.room('r').streams.size).toBe(1)
  })

  test('that seed an empty room with default items end with one set of items', async () => {
    const world = createWorld()
    const [a, b] = ['ada', 'bob'].map((name) => {
      const { pinia, route } = world.application(name)
      route.params.id = '1'
      return useDoc(pinia)
    }) as [ReturnType<typeof useDoc>, ReturnType<typeof useDoc>]
    await settle()
    expect(a.doc.tasks).toHaveLength(1)
    expect(b.doc.tasks).toEqual(a.doc.tasks)
  })
})

describe.each(pinias)('a store that is created again after it was disposed, with %s', (_, { defineStore }) => {
  const room = ref('')
  const byOption = defineStore('again', {
    state: () => ({ doc: { title: 'untitled' } }),
    sync: { room: () => room.value, include: ['doc'] }
  })
  const bySetup = defineStore('again', () => ({ doc: useSyncedStore({ room }).synced('doc', { title: 'untitled' }) }))

  test.each([
    ['with the option', byOption],
    ['with useSyncedStore', bySetup]
  ])('%s takes nothing from the old room to the new one', async (_, useStore) => {
    const world = createWorld()
    const { pinia } = world.application()
    room.value = 'one'
    const first = useStore(pinia)
    await settle()
    first.doc.title = 'one'
    await settle()
    first.$dispose()
    first.doc.title = 'nowhere'
    room.value = 'two'
    const second = useStore(pinia)
    expect(second.doc.title).toBe('untitled')
    await settle()
    expect(world.server.room('two').docs.get('doc')).toEqual({ title: 'untitled' })
    expect(world.server.room('one').docs.get('doc')).toEqual({ title: 'one' })
    second.doc.title = 'two'
    await settle()
    expect(world.server.room('two').docs.get('doc')).toEqual({ title: 'two' })
  })
})
