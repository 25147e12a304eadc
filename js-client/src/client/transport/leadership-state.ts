// The state machine of a tab among the tabs of one user in one room: whether it leads, and who reads from whom. Pure:
// leadership.ts carries out the effects. SPEC.md has the table in words.
import type { RoomEvent } from '../../wire.ts'

export type Failure = readonly [code: string, message: string]

/** What tabs send each other. */
export type Message =
  /** A tab is new, or has received no announcement of a leader for long. */
  | { readonly hello: string }
  | Announcement
  /** The events that the leader has read. */
  | { readonly events: readonly RoomEvent[] }

/** A tab leads. `live`: its room has caught up, and it sends its events to these tabs. `hidden`: its page is. */
export interface Announcement {
  readonly leader: string
  readonly live: boolean
  readonly failure: Failure | undefined
  readonly tabs: readonly string[]
  readonly hidden: boolean
}

export interface State {
  readonly id: string
  /**
   * `idle`: it has no lock and waits for none. `waiting`: it waits for the lock. `leading`: it holds the lock and reads the room.
   * `suspended`: its page is frozen, so that another tab may lead. `left`: it shares no more.
   */
  readonly role: 'idle' | 'waiting' | 'leading' | 'suspended' | 'left'
  /** It leads, and the room has caught up. */
  readonly live: boolean
  /** Why the tab that leads cannot read the room, as far as it is known. */
  readonly failure?: Failure | undefined
  /** The tabs that read from this one. */
  readonly followers: readonly string[]
  /** A subscriber wants to read from the leader. */
  readonly subscribed: boolean
  /** The leader that has caught up and sends its events to this tab. */
  readonly leader?: string | undefined
}

/** The events by name, with their values. */
export interface Events {
  /** The lock is requested, and another tab holds it. */
  queued: undefined
  granted: undefined
  /** Another tab has taken the lock away. */
  revoked: undefined
  /** A tab says hello. */
  hello: string
  /** A tab says that it leads. `visible`: the page of this tab is. */
  announced: Announcement & { readonly visible: boolean }
  /** The leader has sent events. */
  received: readonly RoomEvent[]
  /** Nothing came from the leader for some heartbeats. */
  silent: undefined
  /** No leader has answered. */
  unanswered: undefined
  subscribed: undefined
  unsubscribed: undefined
  /** A tab that reads from this one was closed. */
  closed: string
  /** This tab has read events of the room. */
  read: readonly RoomEvent[]
  /** The stream of this tab has ended. */
  lost: undefined
  /** This tab cannot read the room. */
  failed: Failure
  /** Whether the page is visible now. */
  visibility: boolean
  freeze: undefined
  resume: undefined
  leave: undefined
}

/** The effects by name, with their values. */
export interface Effects {
  /** Read the room again, by this tab or from the leader. */
  changed: undefined
  /** Release the lock or its request, and watch no tab any more. */
  release: undefined
  steal: undefined
  announce: undefined
  /** Say hello, and dispatch `unanswered` unless a leader answers in time. */
  greet: undefined
  /** Dispatch `silent` after some heartbeats. */
  listen: undefined
  /** Dispatch neither `silent` nor `unanswered`. */
  stopListening: undefined
  /** Send events to the other tabs. */
  broadcast: readonly RoomEvent[]
  /** Dispatch `closed` when the tab is. */
  watch: string
  /** Take a tab that was closed off presence. */
  removePresence: string
  /** Let the subscriber catch up: from now on it gets the leader's events. */
  begin: undefined
  deliver: readonly RoomEvent[]
  report: Failure
}

export type Effect = { [E in keyof Effects]: readonly [E, Effects[E]?] }[keyof Effects]
export type Transition = readonly [State, ...Effect[]]
type Transitions = { readonly [E in keyof Events]?: (state: State, value: Events[E]) => Transition }

export const initial = (id: string): State => ({ id, role: 'idle', live: false, followers: [], subscribed: false })

const grant = (state: State): Transition => [
  { ...state, role: 'leading', live: false, leader: undefined, failure: undefined },
  ['stopListening'],
  ['announce'],
  ['changed']
]

/** A tab that neither leads nor is suspended follows the leader, while something subscribes. */
const following: Transitions = {
  granted: grant,
  announced: (state, message) => (state.subscribed ? announced(state, message) : [state]),
  received: (state, events) => (state.subscribed ? [state, ['listen'], ['deliver', events]] : [state])
}

/** The transitions of each role. An event that a role does not have changes nothing. */
const byRole: Readonly<Record<State['role'], Transitions>> = {
  idle: { ...following, queued: (state) => [{ ...state, role: 'waiting' }] },
  waiting: following,
  // Of two tabs that believe they lead, one has lost the lock and will know soon. So a tab that leads listens to no other.
  leading: {
    granted: grant,
    hello({ followers, ...state }, tab) {
      if (followers.includes(tab)) return [{ followers, ...state }, ['announce']]
      return [{ ...state, followers: [...followers, tab] }, ['watch', tab], ['announce']]
    },
    closed(state, tab) {
      const followers = state.followers.filter((other) => other !== tab)
      return followers.length < state.followers.length ? [{ ...state, followers }, ['removePresence', tab]] : [state]
    },
    read(state, events) {
      if (!state.live) return events.some(isUpToDate) ? [{ ...state, live: true, failure: undefined }, ['announce']] : [state]
      // `up-to-date` is about this tab's position. Followers may have a later one.
      const news = events.filter((event) => !isUpToDate(event))
      return state.followers.length ? [state, ['broadcast', news]] : [state]
    },
    lost: (state) => [{ ...state, live: false }, ['announce']],
    failed: (state, failure) => (state.live ? [state] : [{ ...state, failure }, ['announce']]),
    visibility: (state) => [state, ['announce']]
  },
  suspended: {
    subscribed: (state) => [{ ...state, subscribed: true, leader: undefined }],
    revoked: (state) => [state],
    unanswered: (state) => [state],
    resume: (state) => [{ ...state, role: 'idle' }, ['changed']]
  },
  left: {}
}

/** The transitions that all roles have but `left`, unless they have their own. */
const always: Transitions = {
  revoked: (state) => stepDown(state, 'idle'),
  silent: (state) => [state, ['greet']],
  unanswered: takeOver,
  subscribed: (state) => [{ ...state, subscribed: true, leader: undefined }, ['greet']],
  unsubscribed: (state) => [{ ...state, subscribed: false, leader: undefined }, ['stopListening']],
  visibility: (state, visible) => (state.subscribed && visible ? [state, ['greet']] : [state]),
  // The subscriber ends in any case: a frozen page does not read.
  freeze: (state) => [stepDown(state, 'suspended')[0], ['release'], ['changed']],
  leave(state) {
    const [next, ...effects] = stepDown(state, 'left')
    return [next, ...effects, ['stopListening']]
  }
}

export function reduce<E extends keyof Events>(state: State, event: E, value: Events[E]): Transition {
  const transition = byRole[state.role][event] ?? (state.role === 'left' ? undefined : always[event])
  return transition?.(state, value) ?? [state]
}

const isUpToDate = ({ type }: RoomEvent) => type === 'up-to-date'

function announced(state: State, message: Events['announced']): Transition {
  const { live, hidden, tabs, visible } = message
  // The leader's page is hidden, and may be slow to reconnect. This page is visible.
  if (!live && hidden && visible) {
    const [next, ...effects] = takeOver(state)
    return [next, ['listen'], ...effects]
  }
  const leader = live && tabs.includes(state.id) ? message.leader : undefined
  const failure = live ? undefined : state.failure
  const next = { ...state, leader, failure }
  if (state.leader !== undefined && state.leader !== leader) return [next, ['listen'], ['changed']]
  if (leader !== undefined) return [next, ['listen'], ['begin']]
  if (live) return [next, ['listen'], ['greet']]
  if (!message.failure || `${message.failure}` === `${failure}`) return [next, ['listen']]
  return [{ ...next, failure: message.failure }, ['listen'], ['report', message.failure]]
}

/** Gives up the lock, and waits for it no longer. */
function stepDown(state: State, role: 'idle' | 'suspended' | 'left'): Transition {
  const next: State = { ...state, role, live: false, followers: [] }
  return state.role === 'leading' ? [next, ['release'], ['changed']] : [next, ['release']]
}

function takeOver(state: State): Transition {
  const [next, ...effects] = stepDown(state, 'idle')
  return [next, ...effects, ['steal']]
}
