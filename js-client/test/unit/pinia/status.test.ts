import { describe, expect, test, vi } from 'vitest'
import { effectScope, ref } from 'vue'
import { useSyncHooks, useSyncStatus, useSyncedStore } from '../../../src/pinia/index.ts'
import { createWorld, pass, pinia4, settle } from './world.ts'

const { defineStore } = pinia4
const nothing = {
  status: 'offline',
  connected: false,
  syncing: false,
  readOnly: false,
  pendingChanges: 0,
  rejectedChanges: 0,
  lastSyncedAt: null,
  code: null,
  error: null
}

function setup() {
  const world = createWorld()
  const room = ref<string | null>('r')
  const { pinia, client } = world.application()
  const use = defineStore('doc', {
    state: () => ({ doc: { title: '', tasks: [] as { title: string }[] }, other: 0 }),
    sync: { room: () => room.value, include: ['doc'] }
  })
  return { world, room, pinia, client, store: use(pinia), at: world.server.room('r') }
}

describe('useSyncStatus', () => {
  test('has the status of the room from the start', async () => {
    const { store, client, room } = setup()
    const status = useSyncStatus(store)
    expect(status.value).toEqual({ ...nothing, status: 'connecting' })
    await settle()
    expect(status.value).toEqual({
      ...nothing,
      status: 'online',
      connected: true,
      syncing: true,
      lastSyncedAt: expect.any(Date) as Date
    })
    store.doc.title = 'x'
    expect(status.value.pendingChanges).toBe(1)
    await settle()
    expect(status.value.pendingChanges).toBe(0)
    client.disconnect()
    expect(status.value).toMatchObject({ status: 'offline', connected: false, syncing: true })
    client.connect()
    await settle()
    expect(status.value.connected).toBe(true)
    room.value = null
    expect(status.value).toEqual(nothing)
  })

  test('has the status of the new room after a change of rooms', async () => {
    const { store, room } = setup()
    const status = useSyncStatus(store)
    await settle()
    room.value = 'another'
    expect(status.value.connected).toBe(false)
    await settle()
    expect(status.value.connected).toBe(true)
  })

  test('a state of an unexpected type is an error until it has the expected type', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const { store, at } = setup()
    const status = useSyncStatus(store)
    await settle()
    at.post('doc', { op: 'set', path: '', value: 'nonsense' })
    await settle()
    expect(status.value).toMatchObject({ code: 'unexpected_state', error: 'doc does not have the type that the store expects' })
    expect(store.doc).toEqual({ title: '', tasks: [] })
    expect(warn).toHaveBeenCalledTimes(1)
    at.post('doc', { op: 'set', path: '', value: { title: 'sense', tasks: [] } })
    await settle()
    expect(status.value).toMatchObject({ code: null, error: null })
    expect(store.doc.title).toBe('sense')
    warn.mockRestore()
  })

  test('with several rooms, the worst status wins', async () => {
    const world = createWorld()
    const name = ref('')
    const use = defineStore('both', () => ({
      a: useSyncedStore({ room: 'a' }).synced('a', ''),
      b: useSyncedStore({ room: name }).synced('b', '')
    }))
    world.server.room('b').readOnly.add('ada')
    const status = useSyncStatus(use(world.application().pinia))
    await settle()
    expect(status.value).toMatchObject({ status: 'offline', connected: false, readOnly: false })
    name.value = 'b'
    expect(status.value).toMatchObject({ status: 'connecting', connected: false })
    await settle()
    expect(status.value).toMatchObject({ status: 'online', connected: true, readOnly: true })
  })

  test('is read-only while the server refuses writes, from the loading of the room on', async () => {
    const { store, at, client } = setup()
    at.readOnly.add('ada')
    const status = useSyncStatus(store)
    await pass()
    expect(status.value).toMatchObject({ connected: true, readOnly: true })
    at.readOnly.clear()
    client.disconnect()
    client.connect()
    await pass()
    expect(status.value).toMatchObject({ connected: true, readOnly: false })
  })

  test('is offline if the client was disconnected before the store joined the room', async () => {
    const { room, store, client } = setup()
    client.disconnect()
    room.value = 'another'
    const status = useSyncStatus(store)
    expect(status.value.status).toBe('offline')
    await settle()
    expect(status.value.status).toBe('offline')
    client.connect()
    expect(status.value.status).toBe('connecting')
    await settle()
    expect(status.value.status).toBe('online')
  })

  test('is offline for a store that is not synced, with a warning', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const { pinia } = setup()
    const plain = defineStore('plain', { state: () => ({ n: 0 }) })(pinia)
    expect(useSyncStatus(plain).value).toEqual(nothing)
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('store "plain" is not synced'))
    warn.mockRestore()
  })
})

describe('useSyncHooks', () => {
  test('receive the events of the documents of the store', async () => {
    const { store, at } = setup()
    at.post('doc', { op: 'init', path: '', value: { title: 'theirs', tasks: [] } })
    const hooks = useSyncHooks(store)
    const [remote, local, loaded] = [vi.fn(), vi.fn(), vi.fn()]
    hooks.onRemoteChange(remote)
    hooks.onLocalChange(local)
    hooks.onStateLoaded(loaded)
    await settle()
    expect(loaded).toHaveBeenCalledWith({ room: 'r', key: 'doc', serverSeq: 1, state: { title: 'theirs', tasks: [] } })

    remote.mockImplementation(() => expect(store.doc.title).toBe('x'))
    const op = { op: 'set', path: 'title', value: 'x' } as const
    at.post('doc', op)
    at.post('not ours', { op: 'init', path: '', value: 1 })
    await settle()
    expect(remote).toHaveBeenCalledTimes(1)
    expect(remote).toHaveBeenCalledWith({ room: 'r', key: 'doc', clientId: 'somebody', serverSeq: 2, ops: [op] })
    expect(local).not.toHaveBeenCalled()

    store.doc.title = 'y'
    await settle()
    expect(local).toHaveBeenCalledTimes(1)
    expect(local).toHaveBeenCalledWith({ room: 'r', key: 'doc', ops: [{ op: 'set', path: 'title', value: 'y' }] })
    expect(remote).toHaveBeenCalledTimes(1)
  })

  test('receive conflicts and errors', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const { store, at, client } = setup()
    const hooks = useSyncHooks(store)
    const [conflict, error] = [vi.fn(), vi.fn()]
    hooks.onConflict(conflict)
    hooks.onError(error)
    await settle()
    client.disconnect()
    store.doc.title = 'mine'
    at.post('doc', { op: 'set', path: 'title', value: 'theirs' })
    await settle()
    client.connect()
    await settle()
    expect(conflict).toHaveBeenCalledWith({
      room: 'r',
      key: 'doc',
      op: { op: 'set', path: 'title', value: 'mine' },
      reason: 'changed',
      current: 'theirs'
    })
    expect(store.doc.title).toBe('theirs')
    at.post('doc', { op: 'set', path: '', value: 5 })
    await settle()
    expect(error).toHaveBeenCalledWith({
      room: 'r',
      code: 'unexpected_state',
      message: 'doc does not have the type that the store expects',
      path: 'doc'
    })
    warn.mockRestore()
  })

  test.each([
    ['at once', () => 'mine' as const],
    ['later', () => Promise.resolve('mine' as const)]
  ])('a resolution that onConflict returns %s is in the store and on the server', async (_, answer) => {
    const { store, at, client } = setup()
    useSyncHooks(store).onConflict(answer)
    await settle()
    client.disconnect()
    store.doc.title = 'mine'
    at.post('doc', { op: 'set', path: 'title', value: 'theirs' })
    await pass()
    client.connect()
    await pass()
    expect(store.doc.title).toBe('mine')
    await settle()
    expect(at.docs.get('doc')).toMatchObject({ title: 'mine' })
  })

  test('receive events of the new room after a change of rooms, and late ones of the old room', async () => {
    const { world, store, room } = setup()
    const heard: string[] = []
    useSyncHooks(store).onLocalChange(({ room }) => heard.push(room))
    useSyncHooks(store).onRemoteChange(({ room }) => heard.push(room))
    await settle()
    store.doc.title = 'x'
    room.value = 'another'
    await settle()
    world.server.room('r').post('doc', { op: 'set', path: 'title', value: 'y' })
    world.server.room('another').post('doc', { op: 'set', path: 'title', value: 'y' })
    await settle()
    expect(heard).toEqual(['r', 'another'])
  })

  test('are removed with the scope, or earlier by the returned function', async () => {
    const { store, at } = setup()
    const [scoped, ended] = [vi.fn(), vi.fn()]
    const scope = effectScope()
    scope.run(() => useSyncHooks(store).onRemoteChange(scoped))
    const end = useSyncHooks(store).onRemoteChange(ended)
    await settle()
    scope.stop()
    end()
    at.post('doc', { op: 'set', path: 'title', value: 'x' })
    await pass()
    expect(store.doc.title).toBe('x')
    expect(scoped).not.toHaveBeenCalled()
    expect(ended).not.toHaveBeenCalled()
  })
})
