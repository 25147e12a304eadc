// Tabs of one browser share one stream: which tab leads, which tabs follow, and that no change is lost when a tab ends.
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createBrowser, type Tab, type TabOptions } from './tabs-world.ts'

let browser: ReturnType<typeof createBrowser>
let tabs: Tab[]

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 })
  browser = createBrowser()
  tabs = []
})
afterEach(async () => {
  await end()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

async function end() {
  for (const tab of tabs.splice(0)) {
    tab.goOn()
    tab.close()
  }
  await pass(1000) // for requests in flight
  expect(vi.getTimerCount(), 'timers after the end').toBe(0)
  expect(browser.server.open, 'streams after the end').toBe(0)
}

/** Runs all pending microtasks and timers of 0 ms. */
async function settle() {
  for (let i = 0; i < 20; i++) await vi.advanceTimersByTimeAsync(0)
}
async function pass(ms: number) {
  await vi.advanceTimersByTimeAsync(ms)
  await settle()
}
function open(options?: TabOptions): Tab {
  const tab = browser.openTab(options)
  tabs.push(tab)
  return tab
}
async function opened(n: number, options?: TabOptions) {
  const some = Array.from({ length: n }, () => open(options))
  await settle()
  return some as [Tab, ...Tab[]]
}
const leaders = () => tabs.filter((tab) => tab.leads).map(({ clientId }) => clientId)
const states = () => tabs.map(({ board }) => board.state)
const everybody = (state: unknown) => expect(states()).toEqual(tabs.map(() => state))
const presence = (method: string) =>
  browser.server.presence.filter(([made]) => made === method).map(([, name, body]) => [name, body])

describe('ten tabs', () => {
  test('have one stream', async () => {
    await opened(10)
    expect(browser.server.open).toBe(1)
    expect(leaders()).toEqual(['tab1'])
    expect(tabs.every(({ connected }) => connected)).toBe(true)
  })

  test('show the changes of every tab, each once', async () => {
    await opened(10)
    for (const [i, tab] of tabs.entries()) tab.set(`n${i}`, i)
    await pass(1000)
    everybody(Object.fromEntries(tabs.map((_, i) => [`n${i}`, i])))
    expect(browser.server.model.serverSeq).toBe(10)
    expect(tabs.every(({ room }) => room.status.pendingChanges === 0)).toBe(true)
  })

  test('that are opened later begin with the current state', async () => {
    const [first] = await opened(1)
    first.set('title', 'One')
    await pass(100)
    await opened(1)
    first.set('zoom', 2)
    await pass(100)
    everybody({ title: 'One', zoom: 2 })
    expect(browser.server.open).toBe(1)
  })

  test('miss no change while they catch up', async () => {
    browser = createBrowser(() => 100)
    open()
    await pass(1000)
    open()
    await pass(150) // the answer with the room is in flight
    tabs[0]!.set('n', 1)
    await pass(500)
    everybody({ n: 1 })
  })

  test('send no messages in an idle room', async () => {
    await opened(10)
    browser.said.length = 0
    await pass(30_000)
    expect(browser.said).toEqual([])
    await pass(8000)
    expect(browser.said).not.toEqual([]) // shows that messages are recorded
    expect(leaders()).toEqual(['tab1'])
  })
})

test('a single tab sends no messages', async () => {
  const [tab] = await opened(1)
  browser.said.length = 0
  tab.set('title', 'One')
  await pass(100)
  expect(browser.said).toEqual([])
})

describe('another tab takes over', () => {
  test('at once when the leader is closed', async () => {
    const [first, second] = await opened(3)
    first.set('title', 'One')
    await pass(100)
    tabs.shift()!.close()
    await settle()
    expect(leaders()).toHaveLength(1)
    expect(browser.server.open).toBe(1)
    second!.set('zoom', 2)
    await pass(100)
    everybody({ title: 'One', zoom: 2 })
  })

  test('at once when the leader is killed, and loads the events that it missed', async () => {
    const [first, second] = await opened(3)
    tabs.shift()
    first.kill()
    browser.server.model.post({ clientId: 'x', clientSeq: 1, key: 'default', ops: [{ op: 'init', path: '', value: { n: 1 } }] })
    await settle()
    expect(leaders()).toEqual([second!.clientId])
    everybody({ n: 1 })
    first.close()
  })

  test('at once when the leader is frozen; the old leader follows when it is thawed', async () => {
    const [first] = await opened(3)
    first.freeze()
    await settle()
    expect(leaders()).toHaveLength(1)
    expect(first.leads).toBe(false)
    expect(browser.server.open).toBe(1)
    tabs[1]!.set('n', 1)
    await pass(100)
    first.thaw()
    await settle()
    expect(first.leads).toBe(false)
    everybody({ n: 1 })
    expect(browser.server.open).toBe(1)
  })

  test('after 2.5 heartbeats and 3 s when the leader hangs; the old leader follows when it runs again', async () => {
    const [first] = await opened(3)
    first.hang()
    await pass(2.5 * 15_000 + 2999)
    expect(leaders()).toEqual([first.clientId])
    await pass(1)
    expect(leaders()).toHaveLength(1)
    expect(first.leads).toBe(false)
    tabs[1]!.set('n', 1)
    await pass(100)
    first.goOn()
    await pass(1000)
    everybody({ n: 1 })
    expect(browser.server.open).toBe(1)
  })

  test('when the next tab in turn hangs, although it gets the lock', async () => {
    const [first, second, third] = await opened(3)
    second!.hang()
    tabs.shift()
    first.kill()
    await pass(60_000)
    expect(leaders()).toEqual([third!.clientId])
    third!.set('n', 1)
    await pass(100)
    second!.goOn()
    await pass(1000)
    everybody({ n: 1 })
    first.close()
  })

  test('when the leader leaves the room or is disconnected', async () => {
    const [first, second] = await opened(2)
    first.disconnect()
    await settle()
    expect(leaders()).toEqual([second!.clientId])
    second!.set('n', 1)
    await pass(100)
    expect(first.connected).toBe(false)
    void first.connect()
    await settle()
    everybody({ n: 1 })
    expect(leaders()).toEqual([second!.clientId])
  })
})

describe('when the server is unreachable', () => {
  test('no tab is connected, and all are connected when it is reachable again', async () => {
    await opened(3)
    browser.server.down()
    await settle()
    expect(tabs.some(({ connected }) => connected)).toBe(false)
    await pass(5000)
    browser.server.up()
    browser.server.model.post({ clientId: 'x', clientSeq: 1, key: 'default', ops: [{ op: 'init', path: '', value: { n: 1 } }] })
    await pass(30_000)
    expect(tabs.every(({ connected }) => connected)).toBe(true)
    everybody({ n: 1 })
    expect(browser.server.open).toBe(1)
  })

  test('a visible tab takes over from a hidden leader', async () => {
    const [first, second] = await opened(2)
    first.show('hidden')
    await settle()
    expect(leaders()).toEqual([first.clientId])
    browser.server.down()
    await settle()
    expect(leaders()).toEqual([second!.clientId])
  })

  test('a tab that becomes visible takes over from a hidden leader', async () => {
    const [first, second] = await opened(2)
    first.show('hidden')
    second!.show('hidden')
    browser.server.down()
    await pass(20_000)
    expect(leaders()).toEqual([first.clientId])
    second!.show('visible')
    await settle()
    expect(leaders()).toEqual([second!.clientId])
  })

  test('each tab shows the error, including one that is opened later', async () => {
    await opened(2)
    browser.server.down()
    await pass(1000)
    await opened(1)
    expect(tabs.map(({ room }) => room.status.error)).toEqual(
      Array(3).fill(
        'Changes of others cannot be received: http://fake cannot be reached (fetch failed). The connection is tried again.'
      )
    )
    browser.server.up()
    await pass(30_000)
    expect(tabs.map(({ room }) => room.status.error)).toEqual([null, null, null])
  })

  test('all tabs switch to another history', async () => {
    const [first, second] = await opened(3)
    first.set('title', 'old')
    await pass(100)
    browser.server.down()
    browser.server.model.wipe()
    browser.server.up()
    await pass(30_000)
    second!.set('title', 'new')
    await pass(1000)
    everybody({ title: 'new' })
  })
})

describe('presence', () => {
  test("of a follower lasts as long as the leader's stream", async () => {
    await opened(2)
    expect(presence('PUT')).toEqual([['presence/tab2', { via: 'tab1' }]])
    tabs.shift()!.close()
    await opened(1)
    expect(presence('PUT').at(-1)).toEqual(['presence/tab3', { via: 'tab2' }])
  })

  test('of a follower that could not be set is set again with backoff, also when another tab leads meanwhile', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1)
    const json = (status: number, headers = {}) => Response.json({ title: 'Busy' }, { status, headers })
    browser.server.presenceProxy = (tab) => (tab === 'tab3' ? json(503) : undefined)
    const [first] = await opened(3)
    const attempts = () => browser.server.presence.filter(([, name]) => name === 'presence/tab3').map(([, , body]) => body)
    expect(attempts()).toEqual([{ via: 'tab1' }])
    await pass(499)
    expect(attempts()).toHaveLength(1)
    browser.server.presenceProxy = (tab) => (tab === 'tab3' ? json(503, { 'Retry-After': '20' }) : undefined)
    await pass(1)
    expect(attempts()).toHaveLength(2)
    tabs.shift()
    first.close()
    browser.server.presenceProxy = () => undefined
    await pass(19_900)
    expect(attempts()).toHaveLength(2)
    await pass(5000)
    expect(attempts()).toEqual([{ via: 'tab1' }, { via: 'tab1' }, { via: 'tab2' }])
  })

  test('of a follower is set again at once when its page is online or visible again', async () => {
    const busy = Response.json({ title: 'Busy' }, { status: 503, headers: { 'Retry-After': '600' } })
    browser.server.presenceProxy = () => busy
    await opened(2)
    browser.server.presenceProxy = () => undefined
    await pass(60_000)
    expect(presence('PUT')).toHaveLength(1)
    tabs[1]!.wake()
    await settle()
    expect([...presence('PUT'), ...presence('POST')]).toEqual([
      ['presence/tab2', { via: 'tab1' }],
      ['presence/tab2', { via: 'tab1' }]
    ])
  })

  test('of a follower ends when it is killed', async () => {
    const [, second] = await opened(2)
    browser.server.presence.length = 0
    tabs.pop()
    second!.kill()
    await settle()
    expect(presence('POST')).toEqual([['presence/tab2/leave', undefined]])
    second!.close()
  })
})

describe('a stream is shared', () => {
  const token = (claims: object) => `e30.${btoa(JSON.stringify(claims)).replaceAll('=', '')}.signature`
  test.for<[string, TabOptions, TabOptions, number]>([
    ['by tabs without tokens', {}, {}, 1],
    ['by tabs of one user', { token: token({ sub: 'ada', exp: 1 }) }, { token: () => token({ sub: 'ada', exp: 2 }) }, 1],
    ['not by tabs of two users', { token: token({ sub: 'ada' }) }, { token: token({ sub: 'bob' }) }, 2],
    [
      'not by tabs with the same subject and different issuers',
      { token: token({ sub: 'ada', iss: 'a' }) },
      { token: token({ sub: 'ada', iss: 'b' }) },
      2
    ],
    ['not by tabs whose tokens cannot be read', { token: 'secret' }, { token: 'secret' }, 2],
    ['not by tabs whose tokens name no user', { token: token({}) }, { token: token({}) }, 2],
    ['by tabs with the same `user` option', { token: 'one', user: 'ada' }, { token: 'two', user: 'ada' }, 1],
    ['not by tabs with different `user` options', { user: 'ada' }, { user: 'bob' }, 2],
    ['not where the browser has no locks', { sharing: false }, { sharing: false }, 2]
  ])('%s', async ([, one, two, streams]) => {
    open(one)
    open(two)
    await settle()
    expect(browser.server.open).toBe(streams)
    expect(tabs.every(({ connected }) => connected)).toBe(true)
  })

  test('not where the browser refuses locks', async () => {
    open({ refusing: true })
    open({ refusing: true })
    await settle()
    expect(browser.server.open).toBe(2)
    expect(tabs.every(({ connected }) => connected)).toBe(true)
  })

  test('not when the token function does not return', async () => {
    open({ token: () => new Promise(() => {}) })
    await pass(10_000)
    expect(browser.said).toEqual([])
    tabs.pop()!.close()
    await pass(30_000) // it retries removing its presence
  })
})

test('after any events of tabs and network, all tabs have the state of the server, over one stream', async () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ what: fc.constant('edit' as const), which: fc.nat(9), ms: fc.nat(200) }) },
    {
      weight: 5,
      arbitrary: fc.record({
        what: fc.constantFrom(
          'open',
          'close',
          'kill',
          'freeze',
          'thaw',
          'hang',
          'go on',
          'hide',
          'show',
          'disconnect',
          'connect'
        ),
        which: fc.nat(9),
        ms: fc.nat(3000)
      })
    },
    { weight: 2, arbitrary: fc.record({ what: fc.constantFrom('down', 'up'), which: fc.nat(9), ms: fc.nat(50_000) }) }
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      let requests = 0
      browser = createBrowser(() => (requests++ * 37) % 100)
      tabs = []
      vi.clearAllTimers() // of a failed run
      open()
      open({ oneStream: true })
      const dead: Tab[] = []
      let n = 0
      for (const { what, which, ms } of steps) {
        const at = which % Math.max(tabs.length, 1)
        const tab = tabs[at]
        if (what === 'open') open({ oneStream: which % 2 > 0 })
        else if (what === 'down') browser.server.down()
        else if (what === 'up') browser.server.up()
        else if (!tab) continue
        else if (what === 'edit') tab.set(`n${which}`, n++)
        else if (what === 'close') tabs.splice(at, 1)[0]!.close()
        else if (what === 'kill') {
          dead.push(...tabs.splice(at, 1))
          tab.kill()
        } else if (what === 'freeze') tab.freeze()
        else if (what === 'thaw') tab.thaw()
        else if (what === 'hang') tab.hang()
        else if (what === 'go on') tab.goOn()
        else if (what === 'hide') tab.show('hidden')
        else if (what === 'show') tab.show('visible')
        else if (what === 'disconnect') tab.disconnect()
        else void tab.connect()
        await vi.advanceTimersByTimeAsync(ms)
      }
      browser.server.up()
      for (const tab of tabs) {
        tab.thaw()
        void tab.connect()
      }
      await pass(200_000)
      // This server sends no heartbeats, so its streams sometimes count as dead for a moment.
      for (let s = 0; s < 30 && tabs.some(({ connected }) => !connected); s++) await pass(1000)
      expect(tabs.every(({ room }) => room.status.connected && room.status.pendingChanges === 0)).toBe(true)
      everybody(browser.server.model.docs.get('default'))
      expect(browser.server.open).toBe(Math.min(tabs.length, 1))
      tabs.push(...dead)
      await end()
    }),
    { numRuns: 100 }
  )
}, 60_000)
