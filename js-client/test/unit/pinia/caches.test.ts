// Plugins that restore state from a cache when a store is created.
import { createPersistedState } from 'pinia-plugin-persistedstate'
import type { PiniaPlugin } from 'pinia'
import { expect, describe, test, vi } from 'vitest'
import { createApp, ref } from 'vue'
import { createPathsync } from '../../../src/pinia/index.ts'
import { createWorld, pinias, settle } from './world.ts'

/** Old cached state. */
function cache() {
  const items = new Map([['board', JSON.stringify({ title: 'Last week', tasks: [] })]])
  return {
    items,
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value)
  }
}

describe.each(pinias.slice(1))('with %s', (_, pinia) => {
  function start(order: 'before' | 'after') {
    const world = createWorld()
    const storage = cache()
    const instance = pinia.createPinia()
    createApp({ render: () => null }).use(instance)
    const plugin = createPathsync({ client: world.client('ada') })
    const persisted = createPersistedState({ storage, auto: true }) as PiniaPlugin
    for (const each of order === 'before' ? [persisted, plugin] : [plugin, persisted]) instance.use(each)
    const useBoard = pinia.defineStore('board', {
      state: () => ({ title: 'Untitled', tasks: [] as object[] }),
      sync: { room: 'board' }
    })
    return { ...world, storage, instance, plugin, useBoard }
  }

  describe.each(['before', 'after'] as const)('a cache that is registered %s pathsync', (order) => {
    test('does not replace the state of the room', async () => {
      const { server, storage, instance, useBoard } = start(order)
      server.room('board').post('default', { op: 'init', path: '', value: { title: 'Today', tasks: [{ _sync_id: 'a' }] } })
      const board = useBoard(instance)
      expect(board.title, 'the cache shows at once').toBe('Last week')
      await settle()
      expect(board.title).toBe('Today')
      expect(server.room('board').docs.get('default')).toEqual({ title: 'Today', tasks: [{ _sync_id: 'a' }] })
      expect(server.room('board').batches).toEqual([])
      expect(storage.items.get('board')).toContain('Today')
    })

    test('does not discard an immediate edit of the user', async () => {
      const { server, instance, useBoard } = start(order)
      server.room('board').post('default', { op: 'init', path: '', value: { title: 'Today', tasks: [] } })
      const board = useBoard(instance)
      board.title = 'Mine'
      await settle()
      expect(board.title).toBe('Mine')
      expect(server.room('board').docs.get('default')).toEqual({ title: 'Mine', tasks: [] })
    })

    test('seeds a new room', async () => {
      const { server, instance, useBoard } = start(order)
      useBoard(instance)
      await settle()
      expect(server.room('board').docs.get('default')).toEqual({ title: 'Last week', tasks: [] })
    })
  })

  test('a cache does not replace the room state of synced refs', async () => {
    const { useSyncedStore } = await import('../../../src/pinia/index.ts')
    const { server, storage, instance } = start('after')
    storage.items.set('notes', JSON.stringify({ notes: 'Last week' }))
    server.room('notes').post('notes', { op: 'init', path: '', value: 'Today' })
    const useNotes = pinia.defineStore('notes', () => ({ notes: useSyncedStore({ room: 'notes' }).synced('notes', '') }))
    const notes = useNotes(instance)
    await settle()
    expect(notes.notes).toBe('Today')
    expect(server.room('notes').batches).toEqual([])
  })

  test('a plugin that creates another store meanwhile does not change that', async () => {
    const { server, instance, useBoard } = start('after')
    server.room('board').post('default', { op: 'init', path: '', value: { title: 'Today', tasks: [] } })
    server.room('side').post('default', { op: 'init', path: '', value: { n: 2 } })
    const useSide = pinia.defineStore('side', () => ({ n: ref(0) }), { sync: { room: 'side' } })
    instance.use(({ store }) => {
      if (store.$id === 'board') useSide(instance).n = 1
    })
    const board = useBoard(instance)
    await settle()
    expect([board.title, useSide(instance).n]).toEqual(['Today', 1])
    const later = pinia.defineStore('later', () => ({ n: ref(0) }), { sync: { room: 'later' } })(instance)
    later.n = 3
    await settle()
    expect(server.room('later').docs.get('default')).toEqual({ n: 3 })
  })
})

describe('stores that sync the same document', () => {
  const warnings = () => vi.spyOn(console, 'warn').mockImplementation(() => {})
  const state = () => ({ n: 0, m: 0 })
  const [, , [, pinia]] = pinias

  test('cause a warning with the solution', async () => {
    const warn = warnings()
    const { pinia: instance } = createWorld().application()
    pinia.defineStore('one', { state, sync: { room: 'same' } })(instance)
    expect(warn).not.toHaveBeenCalled()
    pinia.defineStore('two', { state, sync: { room: 'same' } })(instance)
    expect(warn.mock.calls).toEqual([[expect.stringMatching(/"one" and "two".*"default".*"same".*`include`/)]])
    pinia.defineStore('three', { state, sync: { room: 'same', include: ['n'] } })(instance)
    pinia.defineStore('four', { state, sync: { room: 'same', include: ['n', 'm'] } })(instance)
    expect(warn.mock.calls.slice(1)).toEqual([[expect.stringMatching(/"three" and "four".*"n"/)]])
    warn.mockRestore()
  })

  test('cause no warning with different rooms or names, or after one is disposed', async () => {
    const warn = warnings()
    const { pinia: instance } = createWorld().application()
    pinia.defineStore('a', { state, sync: { room: 'one', include: ['n'] } })(instance)
    pinia.defineStore('b', { state, sync: { room: 'one', include: ['m'] } })(instance)
    const c = pinia.defineStore('c', { state, sync: { room: 'two', include: ['n'] } })(instance)
    c.$dispose()
    pinia.defineStore('d', { state, sync: { room: 'two', include: ['n'] } })(instance)
    await settle()
    expect(warn).not.toHaveBeenCalled()
    warn.mockRestore()
  })
})
