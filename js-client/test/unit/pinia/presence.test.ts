import { describe, expect, test, vi } from 'vitest'
import { effectScope, reactive, ref } from 'vue'
import { useFieldPresence, useOwnPresence, usePresence } from '../../../src/pinia/index.ts'
import { createWorld, pass, settle, useRoute } from './world.ts'

describe('usePresence', () => {
  test('lists the users in the room', async () => {
    const world = createWorld()
    const { users, count } = world.application('ada').mount(() => usePresence('project-1'))
    expect(count.value).toBe(0)
    await settle()
    expect(users.value.map(({ displayName }) => displayName)).toEqual(['ada'])
    const bob = world.application('bob').mount(() => usePresence('project-1'))
    await settle()
    expect(users.value.map(({ clientId }) => clientId)).toEqual(['ada', 'bob'])
    expect(bob.count.value).toBe(2)
    bob.unmount()
    await settle()
    expect(count.value).toBe(1)
  })

  test('several composables share one stream, and the last unmounted one leaves', async () => {
    const world = createWorld()
    const { mount } = world.application('ada')
    const [first, second] = [mount(() => usePresence('r')), mount(() => usePresence('r'))]
    await settle()
    expect(world.server.room('r').opened).toBe(1)
    expect(second.count.value).toBe(1)
    first.unmount()
    await settle()
    expect(world.server.room('r').streams.size).toBe(1)
    const third = mount(() => usePresence('r'))
    expect(third.count.value).toBe(1)
    second.unmount()
    third.unmount()
    await settle()
    expect(world.server.room('r').streams.size).toBe(0)
  })

  test('follows a ref or getter to other rooms, and to no room', async () => {
    const world = createWorld()
    world.server.room('two').present({ clientId: 'bob' })
    const room = ref('one')
    const { mount, route } = world.application('ada')
    const { users, count } = mount(() => usePresence(room))
    const byRoute = mount(() => usePresence(() => useRoute().params.id))
    await settle()
    expect([count.value, byRoute.count.value]).toEqual([1, 0])
    room.value = route.params.id = 'two'
    expect(count.value).toBe(0)
    await settle()
    expect(users.value.map(({ clientId }) => clientId)).toEqual(['bob', 'ada'])
    expect(byRoute.count.value).toBe(2)
    room.value = ''
    expect(count.value).toBe(0)
  })
})

describe('useFieldPresence', () => {
  async function form() {
    const world = createWorld()
    const room = world.server.room('r')
    const { mount } = world.application('ada')
    const title = mount(() => useFieldPresence('r', 'title'))
    const body = mount(() => useFieldPresence('r', 'body'))
    mount(() => usePresence('r'))
    await settle()
    const fields = () => room.said.map(({ field }) => field)
    return { room, title, body, mount, fields }
  }

  test.each([
    [[], null],
    [['Bob'], 'Bob is editing'],
    [['Bob', ''], 'Bob and Anonymous are editing'],
    [['Bob', 'Cy', 'Di'], 'Bob, Cy, and 1 other are editing'],
    [['Bob', 'Cy', 'Di', 'Ed'], 'Bob, Cy, and 2 others are editing']
  ])('%j: %s', async (names, message) => {
    const { room, title, body } = await form()
    names.forEach((displayName, i) => room.present({ clientId: `c${i}`, displayName, field: 'title' }))
    title.focus()
    await settle()
    expect(title.editingMessage.value).toBe(message)
    expect(title.editors.value).toHaveLength(names.length)
    expect(body.editingMessage.value).toBe(null)
  })

  test('focus and blur are sent at once, and only after a change', async () => {
    const { title, fields } = await form()
    title.blur()
    title.focus()
    title.focus()
    await pass()
    expect(fields()).toEqual(['title'])
    title.blur()
    title.blur()
    await pass()
    expect(fields()).toEqual(['title', null])
  })

  test('moving from one field to the next sends one request', async () => {
    const { title, body, fields } = await form()
    title.focus()
    await pass()
    title.blur()
    await Promise.resolve()
    body.focus()
    await settle()
    expect(fields()).toEqual(['title', 'body'])
  })

  test('a late blur does not clear a field that was focused later', async () => {
    const { title, body, fields } = await form()
    title.focus()
    body.focus()
    await pass()
    title.blur()
    await settle()
    expect(fields().at(-1)).toBe('body')
  })

  test('unmounting a field clears it', async () => {
    const { title, body, fields } = await form()
    title.focus()
    await pass()
    title.unmount()
    await pass()
    expect(fields()).toEqual(['title', null])
    body.unmount()
    await pass()
    expect(fields()).toEqual(['title', null])
  })

  test('a change of the field or room keeps the focus', async () => {
    const { room: first, mount } = await form()
    const [room, field] = [ref('r'), ref('a')]
    const { focus, blur } = mount(() => useFieldPresence(room, field))
    focus()
    await pass()
    field.value = 'b'
    await pass()
    room.value = 'other'
    await settle()
    expect(first.said.map(({ field }) => field)).toEqual(['a', 'b', null])
    blur()
    await settle()
    expect(first.said).toHaveLength(3)
  })
})

describe('useOwnPresence', () => {
  /** An application whose client is already in the room, and its presence for others. */
  async function visible() {
    const world = createWorld()
    const room = world.server.room('r')
    const { mount, client } = world.application('ada')
    mount(() => usePresence('r'))
    await settle()
    return { world, room, mount, client, seen: () => room.users.get('ada') }
  }

  test('publishes name, field and other data, and follows reactive values', async () => {
    const { mount, room, seen } = await visible()
    const user = reactive({ name: 'Ada', cursor: { x: 1, y: 2 } })
    mount(() => useOwnPresence('r', () => ({ displayName: user.name, field: 'title', meta: { cursor: user.cursor } })))
    await pass()
    expect(seen()).toMatchObject({ displayName: 'Ada', field: 'title', meta: { cursor: { x: 1, y: 2 } } })
    expect(room.said).toHaveLength(1)
    user.cursor.x = 5
    user.name = 'Ada L.'
    await pass()
    expect(seen()).toMatchObject({ displayName: 'Ada L.', field: 'title', meta: { cursor: { x: 5, y: 2 } } })
    expect(room.said).toHaveLength(2)
  })

  test('omits the part of `meta` that is not JSON, and publishes the rest', async () => {
    const { mount, client, seen } = await visible()
    const errors: unknown[] = []
    client.room('r').on('error', (error) => void errors.push(error))
    const cycle: Record<string, unknown> = { ok: 1, n: 1n }
    cycle.self = cycle
    const scope = mount(() => useOwnPresence('r', { displayName: 'Ada', meta: cycle as never }))
    await pass()
    expect(seen()).toMatchObject({ displayName: 'Ada', meta: { ok: 1 } })
    expect(errors).toMatchObject([{ code: 'invalid_value' }])
    scope.unmount()
    await pass()
    expect(seen()?.meta).toBeUndefined()
  })

  test('accepts a reactive object or a ref', async () => {
    const { mount, seen } = await visible()
    const presence = reactive({ displayName: 'Ada' })
    const other = ref({ meta: { color: 'red' } })
    mount(() => {
      useOwnPresence('r', presence)
      useOwnPresence('r', other)
    })
    await pass()
    expect(seen()).toMatchObject({ displayName: 'Ada', meta: { color: 'red' } })
    presence.displayName = 'Bob'
    other.value.meta.color = 'blue'
    await pass()
    expect(seen()).toMatchObject({ displayName: 'Bob', meta: { color: 'blue' } })
  })

  test('sends nothing without a change', async () => {
    const { mount, room } = await visible()
    const n = ref(1)
    mount(() => useOwnPresence('r', () => ({ meta: { even: n.value % 2 === 0 } })))
    await pass()
    n.value = 3
    await settle()
    expect(room.said).toHaveLength(1)
  })

  test('after unmounting: the name is that of the client, and the other members are cleared', async () => {
    const { mount, seen } = await visible()
    const { unmount } = mount(() => useOwnPresence('r', { displayName: 'Somebody', field: 'title', meta: 1 }))
    await pass()
    unmount()
    await pass()
    expect(seen()).toMatchObject({ displayName: 'ada', field: undefined, meta: undefined })
  })

  test('if two components set the same member, the later one wins; after it is unmounted, the other one', async () => {
    const { mount, seen } = await visible()
    mount(() => useOwnPresence('r', { displayName: 'Ada', meta: { color: 'red' } }))
    const { unmount } = mount(() => useOwnPresence('r', { meta: { color: 'blue' } }))
    await pass()
    expect(seen()).toMatchObject({ displayName: 'Ada', meta: { color: 'blue' } })
    unmount()
    await pass()
    expect(seen()).toMatchObject({ displayName: 'Ada', meta: { color: 'red' } })
  })

  test('does not change the field of useFieldPresence unless it sets one', async () => {
    const { mount, seen } = await visible()
    const { focus } = mount(() => useFieldPresence('r', 'title'))
    focus()
    const { unmount } = mount(() => useOwnPresence('r', { meta: 1 }))
    await pass()
    expect(seen()).toMatchObject({ field: 'title', meta: 1 })
    unmount()
    await pass()
    expect(seen()).toMatchObject({ field: 'title', meta: undefined })
  })

  test('does nothing without a client, such as on a server that renders pages', async () => {
    vi.resetModules()
    const { useOwnPresence } = await import('../../../src/pinia/index.ts')
    const presence = vi.fn(() => ({ displayName: 'Ada' }))
    effectScope().run(() => useOwnPresence('r', presence))
    expect(presence).not.toHaveBeenCalled()
  })

  test('joins the room, follows its name, and leaves when the component is unmounted', async () => {
    const { world, mount } = await visible()
    const name = ref<string | null>(null)
    const { unmount } = mount(() => useOwnPresence(name, { displayName: 'Ada' }))
    await settle()
    expect(world.server.rooms).toEqual(['r'])
    name.value = 'one'
    await settle()
    expect(world.server.room('one').users.get('ada')).toMatchObject({ displayName: 'Ada' })
    name.value = 'two'
    await settle()
    expect([...world.server.room('one').users.keys()]).toEqual([])
    expect(world.server.room('two').users.get('ada')).toMatchObject({ displayName: 'Ada' })
    unmount()
    await settle()
    expect([...world.server.room('two').users.keys()]).toEqual([])
  })
})
