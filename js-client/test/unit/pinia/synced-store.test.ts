import { describe, expect, test, vi } from 'vitest'
import { nextTick, ref } from 'vue'
import { useSyncStatus, useSyncedStore } from '../../../src/pinia/index.ts'
import { createWorld, pass, pinias, pinia4, settle, useRoute } from './world.ts'

interface Task {
  _sync_id?: string
  title: string
}

describe.each(pinias)('in a setup store, with %s', (_, pinia) => {
  const useTasks = pinia.defineStore('tasks', () => {
    const { synced, onSyncReady } = useSyncedStore({ room: () => useRoute().params.id })
    const tasks = synced<Task[]>('tasks', [])
    const title = synced('title', 'untitled')
    return { tasks, title, draft: ref(''), add: (title: string) => tasks.value.push({ title }), onSyncReady: () => onSyncReady }
  })

  test('synced refs are shared, and other refs are not', async () => {
    const world = createWorld()
    const [a, b] = ['ada', 'bob'].map((name) => {
      const { pinia: own, route } = world.application(name, pinia)
      route.params.id = 'r'
      return useTasks(own)
    }) as [ReturnType<typeof useTasks>, ReturnType<typeof useTasks>]
    await settle()
    a.add('one')
    a.title = 'T'
    a.draft = 'mine'
    await settle()
    expect(b.tasks).toEqual(a.tasks)
    expect([b.tasks[0]?.title, b.title, b.draft]).toEqual(['one', 'T', ''])
    expect([...world.server.room('r').docs.keys()].sort()).toEqual(['tasks', 'title'])
  })

  test('the store has a status, and the refs change with the room', async () => {
    const world = createWorld()
    const { pinia: own, route } = world.application('ada', pinia)
    route.params.id = '1'
    const store = useTasks(own)
    const status = useSyncStatus(store)
    await settle()
    expect(status.value).toMatchObject({ connected: true, syncing: true, error: null })
    store.title = 'one'
    route.params.id = '2'
    expect(store.title).toBe('untitled')
    await settle()
    expect(world.server.room('1').docs.get('title')).toBe('one')
    expect(world.server.room('2').docs.get('title')).toBe('untitled')
  })

  test('state rendered on a server seeds a new room once', async () => {
    const world = createWorld()
    const { pinia: own, route } = world.application('ada', pinia)
    route.params.id = 'r'
    own.state.value.tasks = { tasks: [{ title: 'rendered' }], title: 'rendered', draft: '' }
    const store = useTasks(own)
    await settle()
    expect(store.title).toBe('rendered')
    expect(world.server.room('r').docs.get('tasks')).toEqual([{ _sync_id: expect.any(String) as string, title: 'rendered' }])
  })

  test('a disposed store leaves the room', async () => {
    const world = createWorld()
    const { pinia: own, route } = world.application('ada', pinia)
    route.params.id = 'r'
    const store = useTasks(own)
    await settle()
    store.$dispose()
    await pass()
    expect(world.server.room('r').streams.size).toBe(0)
  })
})

test('a component shares refs until it is unmounted', async () => {
  const world = createWorld()
  const use = () => {
    const { synced } = useSyncedStore({ room: 'r' })
    return { title: synced('title', '') }
  }
  const a = world.application('ada').mount(use)
  const b = world.application('bob').mount(use)
  await settle()
  a.title.value = 'x'
  await settle()
  expect(b.title.value).toBe('x')
  a.title.value = 'last words'
  a.unmount()
  await settle()
  expect(b.title.value).toBe('last words')
  expect([...world.server.room('r').streams.keys()]).toEqual(['bob'])
})

test('a component that is unmounted at once never joins the room', async () => {
  const world = createWorld()
  world
    .application()
    .mount(() => ({ title: useSyncedStore({ room: 'r' }).synced('title', '') }))
    .unmount()
  await settle()
  expect(world.server.rooms).toEqual([])
})

test('onSyncReady resolves when the room has loaded', async () => {
  const world = createWorld()
  world.server.room('r').post('title', { op: 'init', path: '', value: 'theirs' })
  const { title, ready } = world.application().mount(() => {
    const { synced, onSyncReady } = useSyncedStore({ room: 'r' })
    return { title: synced('title', ''), ready: onSyncReady }
  })
  let seen: string | undefined
  void ready.then(() => (seen = title.value))
  await nextTick()
  expect(seen).toBeUndefined()
  await settle()
  expect(seen).toBe('theirs')
})

test('a ref can be added later', async () => {
  const world = createWorld()
  const { synced } = world.application().mount(() => useSyncedStore({ room: 'r' }))
  await settle()
  const late = synced('late', 1)
  await settle()
  late.value++
  await settle()
  expect(world.server.room('r').docs.get('late')).toBe(2)
})

test('a problem of a ref is reported with its key', async () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  const world = createWorld()
  world.server.room('r').post('tasks', { op: 'init', path: '', value: 5 })
  const { tasks } = world.application().mount(() => ({ tasks: useSyncedStore({ room: 'r' }).synced('tasks', ['x']) }))
  await settle()
  expect(warn).toHaveBeenCalledWith('[pathsync] tasks does not have the type that the store expects')
  expect(tasks.value).toEqual(['x'])
  warn.mockRestore()
})

test('the option `client` selects the client', async () => {
  const world = createWorld()
  const { mount } = world.application('ada')
  const client = world.client('bob')
  const { title } = mount(() => ({ title: useSyncedStore({ room: 'r' }, { client }).synced('title', '') }))
  await settle()
  title.value = 'x'
  await settle()
  expect(new Set(world.server.room('r').batches.map(({ clientId }) => clientId))).toEqual(new Set(['bob']))
})

test('refs that the setup function does not return are shared', async () => {
  const world = createWorld()
  const useStore = pinia4.defineStore('private', () => {
    const title = useSyncedStore({ room: 'r' }).synced('title', '')
    return { set: (value: string) => (title.value = value) }
  })
  const store = useStore(world.application().pinia)
  expect(useSyncStatus(store).value.connected).toBe(false)
  await settle()
  expect(useSyncStatus(store).value.connected).toBe(true)
  store.set('x')
  await settle()
  expect(world.server.room('r').docs.get('title')).toBe('x')
})

test('without a client, the composables do nothing and do not throw', async () => {
  vi.resetModules()
  const fresh = await import('../../../src/pinia/index.ts')
  const { synced, onSyncReady } = fresh.useSyncedStore({ room: 'r' })
  const title = synced('title', 'x')
  await onSyncReady
  expect(title.value).toBe('x')
  expect(fresh.usePresence('r').count.value).toBe(0)
  const { editingMessage, focus, blur } = fresh.useFieldPresence('r', 'f')
  focus()
  blur()
  expect(editingMessage.value).toBe(null)
  const warn = vi.spyOn(console, 'warn')
  expect(fresh.useSyncStatus({ $id: 's' }).value.connected).toBe(false)
  fresh.useSyncHooks({ $id: 's' }).onError(() => {})()
  expect(warn).not.toHaveBeenCalled()
  warn.mockRestore()
})
