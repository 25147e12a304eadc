// Lost text, undo, and the network of the page.
import { describe, expect, test, vi } from 'vitest'
import { createNetwork } from '../../../playground/src/network.ts'
import type { Answer } from '../../../playground/src/network.ts'
import { isUndo } from '../../../playground/src/no-undo.ts'
import { contains, createOwnTexts } from '../../../playground/src/overwritten.ts'

describe('a text of another window', () => {
  const theirs = (path = 'title') => [{ op: 'set', path, value: 'X' }]
  const received = (mine: string, now: string, options: { after?: number; path?: string } = {}) => {
    const texts = createOwnTexts()
    texts.wrote([{ op: 'set', path: 'title', value: mine }], 0)
    return texts.received(theirs(options.path), options.after ?? 1000, () => now)
  }

  test('that replaces the own one is reported', () =>
    expect(received('ONE TWO THREE', 'X')).toEqual([{ path: 'title', text: 'ONE TWO THREE', current: 'X' }]))
  test('is not reported while the own one shows', () => expect(received('ONE', 'ONE')).toEqual([]))
  test('is not reported if it contains the own one', () => expect(received('ONE', 'ONE TWO')).toEqual([]))
  test('is not reported long after the input', () => expect(received('ONE', 'X', { after: 60_000 })).toEqual([]))
  test('is not reported at another place', () => expect(received('ONE', 'X', { path: 'titles' })).toEqual([]))
  test('is reported when it comes with all of the document', () => expect(received('ONE', 'X', { path: '' })).toHaveLength(1))

  test('is reported once', () => {
    const texts = createOwnTexts()
    texts.wrote([{ op: 'set', path: 'title', value: 'ONE' }], 0)
    expect(texts.received(theirs(), 10, () => 'X')).toHaveLength(1)
    expect(texts.received(theirs(), 20, () => 'Y')).toEqual([])
  })
})

test('a path contains the places inside it', () => {
  expect(contains('tasks[a]', 'tasks[a].title')).toBe(true)
  expect(contains('tasks', 'tasks[a]')).toBe(true)
  expect(contains('', 'x')).toBe(true)
  expect(contains('tasks[a]', 'tasks[a]')).toBe(true)
  expect(contains('tasks[a', 'tasks[ab]')).toBe(false)
  expect(contains('title', 'titles')).toBe(false)
})

test.each([
  ['Ctrl+Z', { key: 'z', ctrlKey: true }, true],
  ['Ctrl+Shift+Z', { key: 'Z', ctrlKey: true }, true],
  ['Command+Z', { key: 'z', metaKey: true }, true],
  ['Ctrl+Y', { key: 'y', ctrlKey: true }, true],
  ['Z', { key: 'z' }, false],
  ['AltGr+Z', { key: 'ż', ctrlKey: true, altKey: true }, false],
  ['Ctrl+C', { key: 'c', ctrlKey: true }, false]
])('%s: undo is %j', (_, event, undo) => expect(isUndo({ ctrlKey: false, metaKey: false, altKey: false, ...event })).toBe(undo))

describe('the network of the page', () => {
  const batch = { method: 'POST', body: '{"ops":[]}' }
  const url = '/v1/rooms/a%2Fb/ops'

  test('reports batches with their room and their answers, and lets the page read them', async () => {
    const network = createNetwork(async () => new Response('{"serverSeq":1}'))
    const answers: (Answer | undefined)[] = []
    const sent = vi.fn(() => (answer: Answer | undefined) => void answers.push(answer))
    network.onBatch(sent)
    const response = await network.fetch(url, batch)
    expect(sent).toHaveBeenCalledWith({ room: 'a/b', body: '{"ops":[]}' })
    expect(answers).toEqual([{ status: 200, body: '{"serverSeq":1}' }])
    expect(await response.json()).toEqual({ serverSeq: 1 })
    await network.fetch('/v1/rooms/a/presence', { method: 'POST', body: '{}' })
    expect(sent).toHaveBeenCalledTimes(1)
  })

  test('reports a batch without an answer, and passes the error on', async () => {
    const network = createNetwork(() => Promise.reject(new TypeError('no network')))
    const answers: (Answer | undefined)[] = []
    network.onBatch(() => (answer) => void answers.push(answer))
    await expect(network.fetch(url, batch)).rejects.toThrow('no network')
    expect(answers).toEqual([undefined])
  })

  test('can break the connections that are open, but not later ones', async () => {
    const signals: AbortSignal[] = []
    const network = createNetwork((_, init) => {
      signals.push(init!.signal!)
      return new Promise((_resolve, reject) => init!.signal!.addEventListener('abort', () => reject(init!.signal!.reason)))
    })
    const open = network.fetch('/v1/rooms/a/events')
    expect(network.hasStream).toBe(true)
    network.cut()
    await expect(open).rejects.toThrow(TypeError)
    void network.fetch('/healthz').catch(() => {})
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false])
  })

  test('can be slow, but sends the requests of a closing page at once', async () => {
    vi.useFakeTimers()
    const inner = vi.fn(async () => new Response(''))
    const network = createNetwork(inner)
    network.delayMs = 1000
    void network.fetch('/healthz')
    void network.fetch('/healthz', { keepalive: true })
    expect(inner).toHaveBeenCalledTimes(1)
    await vi.advanceTimersByTimeAsync(1000)
    expect(inner).toHaveBeenCalledTimes(2)
    vi.useRealTimers()
  })

  test('can be slow: events arrive later, in order, and not later and later', async () => {
    vi.useFakeTimers()
    let push: ReadableStreamDefaultController<Uint8Array>
    const body = new ReadableStream<Uint8Array>({ start: (controller) => void (push = controller) })
    const network = createNetwork(async () => new Response(body, { headers: { 'Content-Type': 'text/event-stream' } }))
    const { headers, body: slow } = await network.fetch('/v1/rooms/a/events')
    expect(headers.get('Content-Type')).toBe('text/event-stream')
    const arrived: string[] = []
    void slow!.pipeThrough(new TextDecoderStream()).pipeTo(new WritableStream({ write: (text) => void arrived.push(text) }))
    const send = (text: string) => push.enqueue(new TextEncoder().encode(text))
    network.delayMs = 1000
    for (const text of ['1', '2', '3', '4']) {
      send(text)
      await vi.advanceTimersByTimeAsync(300)
    }
    expect(arrived).toEqual(['1'])
    network.delayMs = 0
    send('5')
    await vi.advanceTimersByTimeAsync(650)
    expect(arrived).toEqual(['1', '2', '3'])
    await vi.advanceTimersByTimeAsync(50)
    expect(arrived).toEqual(['1', '2', '3', '4', '5'])
    vi.useRealTimers()
  })

  test('makes a request before it returns, as a page that closes requires', () => {
    const inner = vi.fn(async () => new Response(''))
    void createNetwork(inner).fetch(url, batch)
    expect(inner).toHaveBeenCalledTimes(1)
  })
})
