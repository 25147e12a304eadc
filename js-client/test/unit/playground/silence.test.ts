// The time limit of the requests of the tabs.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { fetchUnlessSilent } from '../../../playground/src/inspector/silence.ts'

describe('a request of a tab', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => {
    vi.useRealTimers()
    vi.unstubAllGlobals()
  })

  /** A server that sends as many parts, one per pause, and then ends the answer or is silent. */
  function answer(parts: number, pauseMs: number, ends: boolean) {
    vi.stubGlobal('fetch', async (_path: string, { signal }: RequestInit) => {
      const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
        async start(output) {
          signal!.addEventListener('abort', () => output.error(signal!.reason))
          for (let n = 0; n < parts; n++) {
            await new Promise((resolve) => setTimeout(resolve, pauseMs))
            output.enqueue(new TextEncoder().encode('x'))
          }
          if (ends) output.close()
        }
      })
      return new Response(body)
    })
    return fetchUnlessSilent('/', {}).then((response) => response.text())
  }

  test('may take any time while the answer arrives', async () => {
    const text = answer(10, 15_000, true)
    await vi.advanceTimersByTimeAsync(150_000)
    expect(await text).toBe('xxxxxxxxxx')
    expect(vi.getTimerCount()).toBe(0)
  })

  test.each([0, 2])('fails when the answer stops after %d parts', async (parts) => {
    const failed = expect(answer(parts, 15_000, false)).rejects.toThrow('The server is silent.')
    await vi.advanceTimersByTimeAsync(15_000 * parts + 20_000)
    await failed
    expect(vi.getTimerCount()).toBe(0)
  })

  test('fails when there is no answer', async () => {
    vi.stubGlobal(
      'fetch',
      (_path: string, { signal }: RequestInit) =>
        new Promise((_, reject) => signal!.addEventListener('abort', () => reject(signal!.reason)))
    )
    const failed = expect(fetchUnlessSilent('/', {})).rejects.toThrow('The server is silent.')
    await vi.advanceTimersByTimeAsync(20_000)
    await failed
  })
})
