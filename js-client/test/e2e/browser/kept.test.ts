// A page that is opened again while the server is unreachable: it shows its last state, with the unsent edits.
import { describe, expect } from 'vitest'
import { engines, type EnginePage } from '../harness/engines.ts'
import { servePage } from '../harness/page.ts'
import { test, type World } from '../harness/world.ts'

/** Enters a room as the user in the address, and shows its current state in `state`. */
const script = (url: string) => `
  const { createClient } = pathsync
  const query = new URLSearchParams(location.search)
  const client = createClient({ url: ${JSON.stringify(url)}, persist: true, debounceMs: 20, user: query.get('user') ?? undefined })
  const room = client.room('kept')
  const board = room.document('default', { initial: { title: 'initial' } })
  const errors = []
  room.on('error', ({ code, message }) => errors.push(code + ': ' + message))
  const change = (path, value) => board.apply({ op: 'set', path, value }).status
  const state = () => JSON.stringify({ ...board.state, connected: room.status.connected, pending: room.status.pendingChanges })
`

const shows = (page: EnginePage, state: object) =>
  expect.poll(async () => JSON.parse((await page.run('state()').catch(() => '{}')) as string) as object).toMatchObject(state)
const change = (page: EnginePage, path: string, value: string) =>
  page.run(`change(${JSON.stringify(path)}, ${JSON.stringify(value)})`)
/** Waits until the shown state is stored. */
const kept = (page: EnginePage, text: string) =>
  expect
    .poll(() =>
      page.run(`new Promise((resolve) => {
      const opening = indexedDB.open('pathsync-documents')
      opening.onsuccess = () => {
        const all = opening.result.transaction('documents').objectStore('documents').getAll()
        all.onsuccess = () => (opening.result.close(), resolve(JSON.stringify(all.result).includes(${JSON.stringify(text)})))
      }
    })`)
    )
    .toBe(true)

async function start(world: World, engine: (typeof engines)[number]) {
  // The server starts before the page, whose origin is not known yet.
  const server = await world.server('--allow-origin', '*')
  const site = await servePage(script(server.url))
  world.defer(site.close)
  const { page, stop } = await engine.start()
  world.defer(stop)
  return { server, page, url: (user = '') => `${site.origin}/${user && `?user=${user}`}` }
}

for (const engine of engines) {
  describe.skipIf(!engine.installed)(`${engine.name}: a page that is reloaded while the server is unreachable`, () => {
    test('shows the last state with the unsent edit, which is sent when the server is reachable again', async ({ world }) => {
      const { server, page, url } = await start(world, engine)
      await page.goto(url())
      await shows(page, { title: 'initial', connected: true, pending: 0 })
      await change(page, 'title', 'Agreed')
      const other = world.client(server)
      const theirs = other.room('kept').document<Record<string, string>>()
      await theirs.ready
      theirs.apply({ op: 'set', path: 'note', value: 'Of another' })
      await shows(page, { title: 'Agreed', note: 'Of another', pending: 0 })
      await kept(page, 'Of another')
      other.close()

      await server.terminate()
      await shows(page, { connected: false })
      await change(page, 'mine', 'Not sent')
      await shows(page, { mine: 'Not sent', pending: 1 })
      for (let visit = 0; visit < 2; visit++) {
        await page.goto(url())
        await shows(page, { title: 'Agreed', note: 'Of another', mine: 'Not sent', connected: false, pending: 1 })
      }
      await change(page, 'title', 'Also not sent')

      await server.start()
      await shows(page, { title: 'Also not sent', note: 'Of another', mine: 'Not sent', connected: true, pending: 0 })
      const { state } = (await server.snapshot('kept')).stores.default!
      expect(state).toEqual({ title: 'Also not sent', note: 'Of another', mine: 'Not sent' })
      // The stream resumed from its position, and no batch was sent twice.
      const ops = (await server.history('kept')).flatMap(({ ops }) => ops)
      expect(ops.filter(({ path }) => path === 'mine')).toHaveLength(1)
    })

    test('shows no documents of another user, and none after clear', async ({ world }) => {
      const { server, page, url } = await start(world, engine)
      await page.goto(url('ada'))
      await shows(page, { title: 'initial', connected: true, pending: 0 })
      await change(page, 'title', 'Of Ada')
      await kept(page, 'Of Ada')
      await server.terminate()
      await page.goto(url('bob'))
      await shows(page, { title: 'initial', connected: false })
      await page.goto(url('ada'))
      await shows(page, { title: 'Of Ada' })
      await page.run('client.clear()')
      await page.goto(url('ada'))
      await shows(page, { title: 'initial', connected: false })
    })
  })
}
