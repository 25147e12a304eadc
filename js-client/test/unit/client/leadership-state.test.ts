import { describe, expect, test } from 'vitest'
import {
  type Announcement,
  type Effect,
  type Events,
  initial,
  reduce,
  type State
} from '../../../src/client/transport/leadership-state.ts'
import type { RoomEvent } from '../../../src/wire.ts'

const upToDate = { type: 'up-to-date', data: { room: 'r', epoch: 'e', serverSeq: 1 } } as RoomEvent
const presence = { type: 'presence', data: { room: 'r', users: [] } } as unknown as RoomEvent

const announcement: Announcement = { leader: 'other', live: true, failure: undefined, tabs: ['me'], hidden: false }
const failure = ['network', 'no answer'] as const
const old = ['network', 'before'] as const

const idle = initial('me')
const states = {
  idle,
  waiting: { ...idle, role: 'waiting' },
  'waiting and subscribed': { ...idle, role: 'waiting', subscribed: true, failure: old },
  'waiting and following': { ...idle, role: 'waiting', subscribed: true, leader: 'other' },
  leading: { ...idle, role: 'leading' },
  'leading, caught up': { ...idle, role: 'leading', live: true, followers: ['b'] },
  suspended: { ...idle, role: 'suspended', subscribed: true },
  left: { ...idle, role: 'left' }
} satisfies Record<string, State>
type Name = keyof typeof states

/** One value of each event. */
const values: { readonly [E in keyof Events]: Events[E] } = {
  queued: undefined,
  granted: undefined,
  revoked: undefined,
  hello: 'c',
  announced: { ...announcement, visible: true },
  received: [presence],
  silent: undefined,
  unanswered: undefined,
  subscribed: undefined,
  unsubscribed: undefined,
  closed: 'b',
  read: [presence, upToDate],
  lost: undefined,
  failed: failure,
  visibility: true,
  freeze: undefined,
  resume: undefined,
  leave: undefined
}

type Change = [change: Partial<State>, ...Effect[]]
const nothing: Change = [{}]
const greets: Change = [{}, ['greet']]
const granted: Change = [
  { role: 'leading', live: false, leader: undefined, failure: undefined },
  ['stopListening'],
  ['announce'],
  ['changed']
]
const subscribed: Change = [{ subscribed: true, leader: undefined }, ['greet']]
const unsubscribed: Change = [{ subscribed: false, leader: undefined }, ['stopListening']]
const stepsDown: Change = [{ role: 'idle', live: false, followers: [] }, ['release']]
const frozen: Change = [{ role: 'suspended', live: false, followers: [] }, ['release'], ['changed']]
const left: Change = [{ role: 'left', live: false, followers: [] }, ['release'], ['stopListening']]
const steals: Change = [{ role: 'idle', live: false, followers: [] }, ['release'], ['steal']]
const abdicates: Change = [{ role: 'idle', live: false, followers: [] }, ['release'], ['changed']]

const none: Record<keyof Events, Change> = {
  queued: nothing,
  granted: nothing,
  revoked: nothing,
  hello: nothing,
  announced: nothing,
  received: nothing,
  silent: nothing,
  unanswered: nothing,
  subscribed: nothing,
  unsubscribed: nothing,
  closed: nothing,
  read: nothing,
  lost: nothing,
  failed: nothing,
  visibility: nothing,
  freeze: nothing,
  resume: nothing,
  leave: nothing
}
const unsubscribedTab: Record<keyof Events, Change> = {
  ...none,
  granted,
  revoked: stepsDown,
  silent: greets,
  unanswered: steals,
  subscribed,
  unsubscribed,
  freeze: frozen,
  leave: left
}
const leading: Record<keyof Events, Change> = {
  ...unsubscribedTab,
  revoked: abdicates,
  hello: [{ followers: ['c'] }, ['watch', 'c'], ['announce']],
  unanswered: [{ role: 'idle', live: false, followers: [] }, ['release'], ['changed'], ['steal']],
  read: [{ live: true, failure: undefined }, ['announce']],
  lost: [{ live: false }, ['announce']],
  failed: [{ failure }, ['announce']],
  visibility: [{}, ['announce']],
  leave: [{ role: 'left', live: false, followers: [] }, ['release'], ['changed'], ['stopListening']]
}

const table: Record<Name, Record<keyof Events, Change>> = {
  idle: { ...unsubscribedTab, queued: [{ role: 'waiting' }] },
  waiting: unsubscribedTab,
  'waiting and subscribed': {
    ...unsubscribedTab,
    announced: [{ leader: 'other', failure: undefined }, ['listen'], ['begin']],
    received: [{}, ['listen'], ['deliver', [presence]]],
    visibility: greets
  },
  'waiting and following': {
    ...unsubscribedTab,
    announced: [{ leader: 'other', failure: undefined }, ['listen'], ['begin']],
    received: [{}, ['listen'], ['deliver', [presence]]],
    visibility: greets
  },
  leading,
  'leading, caught up': {
    ...leading,
    hello: [{ followers: ['b', 'c'] }, ['watch', 'c'], ['announce']],
    closed: [{ followers: [] }, ['removePresence', 'b']],
    read: [{}, ['broadcast', [presence]]],
    failed: nothing
  },
  suspended: {
    ...none,
    silent: greets,
    subscribed: [{ subscribed: true, leader: undefined }],
    unsubscribed,
    visibility: greets,
    freeze: frozen,
    resume: [{ role: 'idle' }, ['changed']],
    leave: left
  },
  left: none
}

describe.each(Object.keys(table) as Name[])('%s', (name) => {
  test.each(Object.keys(values) as (keyof Events)[])('%s', (event) => {
    const state: State = states[name]
    const [change, ...effects] = table[name][event]
    expect(reduce(state, event, values[event] as never)).toEqual([{ ...state, ...change }, ...effects])
  })
})

describe('a follower that receives an announcement', () => {
  const subscriber: State = { ...idle, role: 'waiting', subscribed: true, failure: old }
  const hear = (state: State, message: Partial<Announcement>, visible = true) =>
    reduce(state, 'announced', { ...announcement, ...message, visible })

  test('that does not list it sends a greeting', () => {
    expect(hear(subscriber, { tabs: [] })).toEqual([{ ...subscriber, failure: undefined }, ['listen'], ['greet']])
  })

  test.each<[string, Partial<Announcement>]>([
    ['another one', { leader: 'third' }],
    ['one whose room is lost', { live: false }],
    ['one that does not list the follower', { tabs: [] }]
  ])('restarts its room when the leader differs from the last one: %s', (_, message) => {
    const [state, ...effects] = hear({ ...subscriber, leader: 'other' }, message)
    expect(effects).toEqual([['listen'], ['changed']])
    expect(state.leader).toBe(message.leader)
  })

  test('with a failure reports the failure once', () => {
    const [state, ...effects] = hear(subscriber, { live: false, failure })
    expect([state.failure, effects]).toEqual([failure, [['listen'], ['report', failure]]])
    expect(hear(state, { live: false, failure: [...failure] })).toEqual([state, ['listen']])
  })

  test('takes over when only its own page is visible and the room is lost', () => {
    const [state, ...effects] = hear(subscriber, { live: false, hidden: true })
    expect([state.role, effects]).toEqual(['idle', [['listen'], ['release'], ['steal']]])
    expect(hear(subscriber, { live: false, hidden: true }, false).slice(1)).toEqual([['listen']])
    expect(hear(subscriber, { live: true, hidden: true }).slice(1)).toEqual([['listen'], ['begin']])
  })
})

test('a leader without followers sends nothing', () => {
  expect(reduce({ ...idle, role: 'leading', live: true }, 'read', [presence]).slice(1)).toEqual([])
})

test('a follower that greets again is watched once', () => {
  const state: State = { ...idle, role: 'leading', followers: ['b'] }
  expect(reduce(state, 'hello', 'b')).toEqual([state, ['announce']])
})

test('a leader is live only after its room is up to date', () => {
  const state: State = { ...idle, role: 'leading', followers: ['b'] }
  expect(reduce(state, 'read', [presence])).toEqual([state])
})
