import { afterEach, expect, test, vi } from 'vitest'
import { createSleeper, delay } from '../../../src/client/runtime/backoff.ts'

afterEach(() => void vi.useRealTimers())

test('a delay is random below a bound that doubles up to a maximum', () => {
  const bounds = [0, 1, 2, 3, 50, 5000].map((failures) => delay(failures, 500, 3000, () => 1))
  expect(bounds).toEqual([500, 1000, 2000, 3000, 3000, 3000])
  expect(delay(2, 500, 3000, () => 0.25)).toBe(500)
  const many = Array.from({ length: 100 }, () => delay(10, 500))
  expect(Math.min(...many)).toBeGreaterThanOrEqual(0)
  expect(Math.max(...many)).toBeLessThan(30_000)
})

test('a sleeper resolves after its time or when it is woken, and leaves no timer', async () => {
  vi.useFakeTimers()
  const { sleep, wake } = createSleeper()
  const awake = vi.fn()
  wake()
  void sleep(1000).then(awake)
  await vi.advanceTimersByTimeAsync(999)
  expect(awake).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(1)
  expect(awake).toHaveBeenCalledTimes(1)
  void sleep(1000).then(awake)
  wake()
  await vi.advanceTimersByTimeAsync(0)
  expect(awake).toHaveBeenCalledTimes(2)
  expect(vi.getTimerCount()).toBe(0)
})
