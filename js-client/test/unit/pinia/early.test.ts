// Stores that are created before the plugin is installed.
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { ref } from 'vue'
import { createWorld, pinias, settle } from './world.ts'

beforeEach(() => void vi.resetModules())

/** The plugin as in a new page. */
async function load() {
  // Before a client exists, the plugin checks only whether there is a document.
  vi.stubGlobal('document', {})
  const { createPathsync, useSyncStatus, useSyncedStore } = await import('../../../src/pinia/index.ts')
  return {
    useSyncStatus,
    useSyncedStore,
    createPathsync(...options: Parameters<typeof createPathsync>) {
      vi.unstubAllGlobals()
      return createPathsync(...options)
    }
  }
}

describe.each(pinias)('with %s', (_, { createPinia, defineStore }) => {
  test('a setup store created before the client is synced later, and its state seeds the room', async () => {
    const world = createWorld()
    const { createPathsync, useSyncedStore, useSyncStatus } = await load()
    const useNotes = defineStore('notes', () => {
      const { synced, onSyncReady } = useSyncedStore({ room: 'r' })
      return { title: synced('title', ''), tasks: synced('tasks', [] as { title: string }[]), onSyncReady: () => onSyncReady }
    })
    const store = useNotes(createPinia())
    store.title = 'early'
    let ready = false
    void store.onSyncReady().then(() => (ready = true))
    await settle()
    expect(ready).toBe(false)

    createPathsync({ client: world.client('ada') })
    await settle()
    expect(ready).toBe(true)
    expect(world.server.room('r').docs.get('title')).toBe('early')
    store.tasks.push({ title: 'x' })
    await settle()
    expect(world.server.room('r').docs.get('tasks')).toMatchObject([{ title: 'x' }])
    world.server.room('r').post('title', { op: 'set', path: '', value: 'theirs' })
    await settle()
    expect(store.title).toBe('theirs')
    expect(useSyncStatus(store).value).toMatchObject({ status: 'online', syncing: true, pendingChanges: 0 })
  })

  test('the state of an existing room replaces that of such a store', async () => {
    const world = createWorld()
    world.server.room('r').post('title', { op: 'init', path: '', value: 'theirs' })
    const { createPathsync, useSyncedStore } = await load()
    const store = defineStore('notes', () => ({ title: useSyncedStore({ room: 'r' }).synced('title', '') }))(createPinia())
    store.title = 'early'
    createPathsync({ client: world.client('ada') })
    await settle()
    expect(store.title).toBe('theirs')
  })

  test('a store with the option `sync` that is created too early causes a warning with the solution', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const world = createWorld()
    const { createPathsync, useSyncStatus } = await load()
    const pinia = createPinia()
    const define = (id: string) => defineStore(id, { state: () => ({ title: '' }), sync: { room: id } })
    const early = define('early')(pinia)
    // As `app.use(pinia)` does.
    pinia._p.push(createPathsync({ client: world.client('ada') }))
    define('late')(pinia)
    define('later')(pinia)
    await settle()
    expect(warn).toHaveBeenCalledOnce()
    expect(warn).toHaveBeenCalledWith(
      expect.stringMatching(
        /These stores were created before the plugin was installed: "early"\. .* Call `pinia\.use\(createPathsync\(\)\)`/
      )
    )
    useSyncStatus(early)
    expect(warn).toHaveBeenLastCalledWith(
      expect.stringMatching(/store "early" is not synced\. It was created before the plugin was installed\. Call/)
    )
    warn.mockRestore()
  })

  test('a store whose setup uses another store causes no warning', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const world = createWorld()
    const { createPathsync } = await load()
    const pinia = createPinia()
    pinia._p.push(createPathsync({ client: world.client('ada') }))
    const useInner = defineStore('inner', { state: () => ({ n: 0 }) })
    defineStore('outer', () => ({ inner: useInner(), n: ref(0) }))(pinia)
    await settle()
    expect(warn).not.toHaveBeenCalled()
    warn.mockRestore()
  })
})

test('a setup store that is disposed before a client exists is not synced', async () => {
  const world = createWorld()
  const { createPathsync, useSyncedStore } = await load()
  const [, { createPinia, defineStore }] = pinias[2]
  const store = defineStore('notes', () => ({ title: useSyncedStore({ room: 'r' }).synced('title', '') }))(createPinia())
  store.$dispose()
  createPathsync({ client: world.client('ada') })
  await settle()
  expect(world.server.rooms).toEqual([])
})
