import { describe, expect, test } from 'vitest'
import {
  type Effect,
  type Ended,
  type Events,
  INITIAL,
  reduce,
  type State,
  STRIKES
} from '../../../src/client/transport/connection-state.ts'
import type { Outcome } from '../../../src/client/transport/stream.ts'

const ok: Outcome = { kind: 'ok', value: {} }
const network: Outcome = { kind: 'failed', code: 'network', message: 'no answer' }
const refusal = (code: string): Outcome => ({
  kind: 'refused',
  problem: { code, title: 'No', status: 400, retryable: false, type: 'about:blank' } as never
})
const end = (outcome: Outcome, more: Partial<Ended> = {}): Ended => ({
  outcome,
  hasName: false,
  offline: false,
  random: 0.5,
  ...more
})
const message = (why: string) => `Changes of others cannot be received: ${why}. The connection is tried again.`
const fault = { code: 'stream_cut', message: 'cut' }

const states = {
  waiting: INITIAL,
  'waiting for a replacement': { ...INITIAL, followed: true },
  'waiting while polling': { ...INITIAL, polling: true },
  electing: { ...INITIAL, phase: 'electing' },
  opening: { ...INITIAL, phase: 'reading' },
  following: { ...INITIAL, phase: 'reading', followed: true },
  'reading the leader': { ...INITIAL, phase: 'reading', source: 'leader', followed: true },
  polling: { ...INITIAL, phase: 'reading', source: 'poll', polling: true, followed: true }
} satisfies Record<string, State>
type Name = keyof typeof states

/** One value of each event. */
const values: { readonly [E in keyof Events]: Events[E] } = {
  due: undefined,
  elected: true,
  opened: undefined,
  caughtUp: undefined,
  ended: end(ok),
  expired: undefined,
  retry: 2000,
  compared: true,
  diagnosed: fault,
  recovered: undefined
}

type Change = [change: Partial<State>, ...Effect[]]
const nothing: Change = [{}]
const retry: Change = [{ baseMs: 2000 }]
const compared: Change = [{ strikes: STRIKES }, ['hurry']]
const diagnosed: Change = [{ fault }, ['failed', fault]]
const recovered: Change = [{ polling: false, fault: undefined }, ['reopen']]
const expired: Change = [{ followed: false }, ['lost', true]]
const opened: Change = [{ followed: true }, ['opening']]
const after = (followed: boolean, ms: number): Change => [
  { phase: 'waiting', followed: false, failures: 1 },
  ['lost', followed],
  ['wait', ms]
]

/** The type requires a row for each state and event. */
const table: Record<Name, Record<keyof Events, Change>> = {
  waiting: {
    due: [{ phase: 'electing' }, ['elect']],
    elected: nothing,
    opened: nothing,
    caughtUp: nothing,
    ended: nothing,
    expired: nothing,
    retry,
    compared,
    diagnosed: nothing,
    recovered: nothing
  },
  'waiting for a replacement': {
    due: [{ phase: 'electing' }, ['elect']],
    elected: nothing,
    opened: nothing,
    caughtUp: nothing,
    ended: nothing,
    expired,
    retry,
    compared: nothing,
    diagnosed: nothing,
    recovered: nothing
  },
  'waiting while polling': {
    due: [{ phase: 'electing' }, ['elect']],
    elected: nothing,
    opened: nothing,
    caughtUp: nothing,
    ended: nothing,
    expired: nothing,
    retry,
    compared,
    diagnosed,
    recovered
  },
  electing: {
    due: nothing,
    elected: [{ phase: 'reading', source: 'stream' }, ['open', 'stream']],
    opened: nothing,
    caughtUp: nothing,
    ended: nothing,
    expired: nothing,
    retry,
    compared,
    diagnosed: nothing,
    recovered: nothing
  },
  opening: {
    due: nothing,
    elected: nothing,
    opened,
    caughtUp: nothing,
    ended: after(false, 500),
    expired: nothing,
    retry,
    compared,
    diagnosed: nothing,
    recovered: nothing
  },
  following: {
    due: nothing,
    elected: nothing,
    opened,
    caughtUp: nothing,
    ended: after(true, 500),
    expired,
    retry,
    compared: nothing,
    diagnosed: nothing,
    recovered: nothing
  },
  'reading the leader': {
    due: nothing,
    elected: nothing,
    opened,
    caughtUp: nothing,
    ended: after(true, 500),
    expired,
    retry,
    compared: nothing,
    diagnosed: nothing,
    recovered: nothing
  },
  polling: {
    due: nothing,
    elected: nothing,
    opened,
    caughtUp: nothing,
    ended: after(true, 500),
    expired,
    retry,
    compared: nothing,
    diagnosed,
    recovered
  }
}

describe.each(Object.keys(table) as Name[])('%s', (name) => {
  test.each(Object.keys(values) as (keyof Events)[])('%s', (event) => {
    const state: State = states[name]
    const [change, ...effects] = table[name][event]
    expect(reduce(state, event, values[event] as never)).toEqual([{ ...state, ...change }, ...effects])
  })
})

const reading: State = { ...INITIAL, phase: 'reading' }
const ended = (state: State, event: Ended) => {
  const [next, ...effects] = reduce(state, 'ended', event)
  return { next, effects }
}
const wait = (effects: readonly Effect[]) => effects.find(([effect]) => effect === 'wait')?.[1]

describe('which source is opened', () => {
  test.each<[string, Partial<State>, boolean, string]>([
    ['the leader, for a tab that does not lead', {}, false, 'leader'],
    ['the leader, also while streams do not get through', { polling: true }, false, 'leader'],
    ['polling, while streams do not get through', { polling: true }, true, 'poll']
  ])('%s', (_, more, leads, source) => {
    const [next, ...effects] = reduce({ ...INITIAL, phase: 'electing', ...more }, 'elected', leads)
    expect([next.source, effects]).toEqual([source, [['open', source]]])
  })
})

describe('a stream that ends', () => {
  test('because another tab leads keeps the room followed for the time of a probe', () => {
    const event = end({ kind: 'ok', value: { afterMs: 0, replaced: true } })
    expect(ended({ ...reading, followed: true }, event)).toEqual({
      next: { ...INITIAL, followed: true },
      effects: [['probe'], ['wait', 0]]
    })
    expect(ended(reading, event).effects).toEqual([['wait', 0]])
  })

  test('for a restart of the server is reopened after the delay of the server, and no failure is counted', () => {
    const { next, effects } = ended({ ...reading, followed: true }, end({ kind: 'ok', value: { afterMs: 5000 } }))
    expect([next.failures, effects]).toEqual([
      0,
      [
        ['lost', true],
        ['wait', 5000]
      ]
    ])
  })

  test.each<[string, Outcome, number, boolean, string?]>([
    ['without an answer: after the backoff', network, 500, true, 'no answer'],
    ['with Retry-After: not before', { ...network, retryAfterMs: 9000 } as Outcome, 9000, true, 'no answer'],
    ['by an overloaded server', { ...network, retryable: true } as Outcome, 500, false, 'no answer'],
    ['by a refusal: after 30 to 60 s', refusal('forbidden'), 45_000, false, 'No'],
    ['without permission', { kind: 'unauthorized', message: 'expired' }, 500, false, 'expired']
  ])('%s', (_, outcome, ms, unanswered, why) => {
    const { next, effects } = ended(reading, end(outcome))
    expect([wait(effects), next.unanswered, next.failures]).toEqual([ms, unanswered, 1])
    const code = outcome.kind === 'refused' ? 'forbidden' : outcome.kind === 'failed' ? 'network' : 'unauthorized'
    expect(effects).toContainEqual(['failed', { code, message: message(why!) }])
  })

  test('while the browser is offline waits up to twice the first backoff, as the server may be on this machine', () => {
    const { next, effects } = ended({ ...reading, failures: 9 }, end(network, { offline: true }))
    expect([next.failures, wait(effects)]).toEqual([9, 1000])
  })

  test.each(['invalid_event_id', 'position_gone'])('by %s is reopened without a position, and no error is shown', (code) => {
    const { next, effects } = ended(reading, end(refusal(code)))
    expect([next.fresh, effects]).toEqual([
      true,
      [
        ['lost', false],
        ['wait', 500]
      ]
    ])
    expect(reduce({ ...next, phase: 'reading' }, 'opened', undefined)[0].fresh).toBe(false)
  })

  test('by a refusal that the display name may cause is reopened once without the name, at once', () => {
    const { next, effects } = ended(reading, end(refusal('invalid_name'), { hasName: true }))
    expect([next.named, effects]).toEqual([
      false,
      [
        ['lost', false],
        ['wait', 0]
      ]
    ])
    expect(wait(ended({ ...next, phase: 'reading' }, end(refusal('invalid_name'), { hasName: true })).effects)).toBe(45_000)
  })
})

test.each<[string, Outcome, Partial<State>?]>([
  ['a position that the server no longer has', refusal('position_gone')],
  ['an invalid position', refusal('invalid_event_id')],
  ['an overloaded server', { kind: 'failed', code: 'rate_limited', message: 'busy', status: 429, retryable: true }],
  ['a rate limit of a proxy', { kind: 'failed', code: 'protocol', message: 'busy', status: 429 }],
  ['an expired token', { kind: 'unauthorized', message: 'expired' }],
  ['a refusal of polling', refusal('invalid_name'), { source: 'poll', polling: true }],
  ['a refusal in a tab that follows', refusal('invalid_name'), { source: 'leader' }]
])('the display name stays in the address after %s', (_, outcome, more) => {
  expect(ended({ ...reading, ...more }, end(outcome, { hasName: true })).next.named).toBe(true)
})

describe('streams that a proxy blocks', () => {
  const strike = (state: State, blocked: 'useless' | 'refused') =>
    ended({ ...state, phase: 'reading' }, end(network, { blocked }))

  test('three silent ones in a row: the room is polled at once', () => {
    let result = strike(reading, 'useless')
    result = strike(result.next, 'useless')
    expect(result.next).toMatchObject({ polling: false, strikes: 2 })
    result = strike(result.next, 'useless')
    expect(result.next).toMatchObject({ polling: true, strikes: 0, failures: 0 })
    expect(result.effects).toEqual([['lost', false], ['fallBack'], ['wait', 0]])
  })

  test('three refused ones: a request is made for comparison, and the next stream decides', () => {
    let result = strike({ ...reading, strikes: 2 }, 'refused')
    expect(result.next).toMatchObject({ polling: false, strikes: 0 })
    expect(result.effects).toContainEqual(['compare'])
    const [passed, ...effects] = reduce(result.next, 'compared', true)
    expect(effects).toEqual([['hurry']])
    result = strike(passed, 'refused')
    expect(result.next.polling).toBe(true)
  })

  test('a stream that opens after the comparison causes another comparison', () => {
    const [state] = reduce({ ...reading, strikes: STRIKES }, 'opened', undefined)
    expect(strike(state, 'refused').effects).toContainEqual(['compare'])
  })

  test('a stream that has caught up clears the strikes; polling does not', () => {
    const struck = { ...reading, strikes: 2, failures: 3 }
    expect(reduce(struck, 'caughtUp', undefined)[0]).toMatchObject({ strikes: 0, failures: 0 })
    expect(reduce({ ...struck, source: 'poll' }, 'caughtUp', undefined)[0]).toMatchObject({ strikes: 2, failures: 0 })
  })

  test.each<[string, Partial<State>]>([
    ['the leader', { source: 'leader' }],
    ['polling', { source: 'poll', polling: true }]
  ])('the end of reading from %s is never a strike', (_, more) => {
    expect(ended({ ...reading, ...more, strikes: 2 }, end(network, { blocked: 'useless' })).next.strikes).toBe(2)
  })
})

test.each([
  [0, 100],
  [2700, 2700],
  [86_400_000, 30_000]
])('the first backoff that a server names is kept within limits: %i', (ms, baseMs) => {
  expect(reduce(INITIAL, 'retry', ms)[0].baseMs).toBe(baseMs)
})
