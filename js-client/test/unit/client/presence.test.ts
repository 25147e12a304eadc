import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createApi } from '../../../src/client/api.ts'
import { ownPresence } from '../../../src/client/presence.ts'
import { address, json, page, problem, scriptedServer } from './server.ts'

let server: ReturnType<typeof scriptedServer>
let presence: ReturnType<typeof ownPresence>
/** Answers the request that has waited longest. */
let answer: (response?: Response) => Promise<unknown>

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(1)
  const waiting: ((response: Response) => void)[] = []
  server = scriptedServer(() => new Promise((resolve) => waiting.push(resolve)))
  answer = (response = json({ clientId: 'ada' })) => {
    waiting.shift()?.(response)
    return vi.advanceTimersByTimeAsync(0)
  }
  presence = ownPresence({ api: createApi({ url: address, fetch: server.fetch }), room: 'board', clientId: 'ada' })
})
afterEach(async () => {
  presence.bye()
  await vi.advanceTimersByTimeAsync(30_000)
  expect(vi.getTimerCount()).toBe(0)
  vi.restoreAllMocks()
  vi.useRealTimers()
})

async function set(own: Parameters<typeof presence.set>[0]) {
  presence.set(own)
  await vi.advanceTimersByTimeAsync(0)
}
const said = () => server.asked.map(({ method, body }) => (method === 'PUT' ? JSON.parse(body ?? '') : method))

test('what is set is said, with all that was set before', async () => {
  await set({ displayName: 'Ada', field: 'title' })
  await answer()
  await set({ field: null, meta: { colour: 'teal' } })
  await answer()
  expect(said()).toEqual([
    { displayName: 'Ada', field: 'title' },
    { displayName: 'Ada', field: null, meta: { colour: 'teal' } }
  ])
  expect(presence.current()).toEqual({ displayName: 'Ada', field: null, meta: { colour: 'teal' } })
})

test('one request is on its way, and only the last word follows', async () => {
  for (const field of ['a', 'b', 'c', 'd']) await set({ field })
  expect(said()).toEqual([{ field: 'a' }])
  await answer()
  expect(said()).toEqual([{ field: 'a' }, { field: 'd' }])
  await answer()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(said()).toHaveLength(2)
})

test('what fails is tried four times in all, and then dropped until something is set', async () => {
  await set({ field: 'a' })
  for (const ms of [500, 1000, 2000]) {
    await answer(page(502))
    await vi.advanceTimersByTimeAsync(ms)
  }
  await answer(page(502))
  await vi.advanceTimersByTimeAsync(60_000)
  expect(said()).toHaveLength(4)
  await set({ field: 'b' })
  expect(said().at(-1)).toEqual({ field: 'b' })
  await answer()
})

test('what is set while waiting to try again goes at once', async () => {
  await set({ field: 'a' })
  await answer(page(502))
  await set({ field: 'b' })
  expect(said()).toEqual([{ field: 'a' }, { field: 'b' }])
  await answer()
})

test.each([
  ['refused', problem('invalid_request', 422, false)],
  ['unauthorized', page(403)]
])('what is %s is not repeated', async (_, response) => {
  await set({ field: 'a' })
  await answer(response)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(said()).toHaveLength(1)
})

test('a reconnect repeats it, if anything was ever set', async () => {
  presence.reopened()
  await vi.advanceTimersByTimeAsync(0)
  expect(said()).toEqual([])
  await set({ field: 'a' })
  await answer()
  presence.reopened()
  await vi.advanceTimersByTimeAsync(0)
  await answer()
  expect(said()).toEqual([{ field: 'a' }, { field: 'a' }])
})

test('leaving gives up what is on its way, so that it does not enter again', async () => {
  await set({ field: 'a' })
  await set({ field: 'b' })
  presence.bye()
  await vi.advanceTimersByTimeAsync(0)
  expect(server.asked[0]?.signal?.aborted).toBe(true)
  expect(said()).toEqual([{ field: 'a' }, 'POST'])
})

test('leaving while waiting to try again ends the trying', async () => {
  await set({ field: 'a' })
  await answer(page(502))
  presence.bye()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(said()).toEqual([{ field: 'a' }, 'POST'])
})
