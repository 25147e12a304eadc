import { describe, expect, test } from 'vitest'
import { ref } from 'vue'
import { useFieldPresence, usePresence } from '../../../src/pinia/index.ts'
import { createWorld, pass, settle, useRoute } from './world.ts'

describe('usePresence', () => {
  test('tells who is in the room', async () => {
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

  test('several share one stream, and the last to be unmounted leaves', async () => {
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

  test('follows a ref or a getter to other rooms, and to none', async () => {
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

  test('focus and blur are told to the server at once, and only when something has changed', async () => {
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

  test('moving from one field to the next is one message', async () => {
    const { title, body, fields } = await form()
    title.focus()
    await pass()
    title.blur()
    await Promise.resolve()
    body.focus()
    await settle()
    expect(fields()).toEqual(['title', 'body'])
  })

  test('a field that is left late does not clear the one that was focused since', async () => {
    const { title, body, fields } = await form()
    title.focus()
    body.focus()
    await pass()
    title.blur()
    await settle()
    expect(fields().at(-1)).toBe('body')
  })

  test('a field that is unmounted is left', async () => {
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

  test('another field, and another room, take a focus along', async () => {
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
