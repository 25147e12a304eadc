// The state machine of a tab among the tabs of one user in one room: whether it leads, and who reads from whom. Pure:
// leadership.ts carries out the effects. SPEC.md has the transition table.
import type { RoomEvent } from '../../wire.ts'

export type Failure = readonly [code: string, message: string]

/** What tabs send each other. */
export type Message =
  /** A tab is new, or has heard of no leader for long. */
  | { readonly hello: string }
  /** A tab leads. `live`: its room has caught up, and it sends these tabs what comes. `hidden`: its page is. */
  | {
      readonly leader: string
      readonly live: boolean
      readonly failure: Failure | undefined
      readonly tabs: readonly string[]
      readonly hidden: boolean
    }
  | { readonly events: readonly RoomEvent[] }

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

export type Event =
  /** The lock is requested, and another tab holds it. */
  | { readonly type: 'queued' }
  | { readonly type: 'granted' }
  /** Another tab has taken the lock away. */
  | { readonly type: 'revoked' }
  | { readonly type: 'hello'; readonly tab: string }
  /** `visible`: the page of this tab is. */
  | ({ readonly type: 'announced'; readonly visible: boolean } & Extract<Message, { leader: string }>)
  | { readonly type: 'received'; readonly events: readonly RoomEvent[] }
  /** Nothing came from the leader for some heartbeats. */
  | { readonly type: 'silent' }
  /** No leader has answered. */
  | { readonly type: 'unanswered' }
  | { readonly type: 'subscribed' }
  | { readonly type: 'unsubscribed' }
  /** A tab that reads from this one was closed. */
  | { readonly type: 'closed'; readonly tab: string }
  /** This tab has read events of the room. */
  | { readonly type: 'read'; readonly events: readonly RoomEvent[] }
  | { readonly type: 'lost' }
  | { readonly type: 'failed'; readonly failure: Failure }
  | { readonly type: 'visibility'; readonly visible: boolean }
  | { readonly type: 'freeze' }
  | { readonly type: 'resume' }
  | { readonly type: 'leave' }

export type Effect =
  /** The room is to be read anew, by this tab or from the leader. */
  | { readonly do: 'changed' }
  /** Release the lock or its request, and watch no tab any more. */
  | { readonly do: 'release' }
  | { readonly do: 'steal' }
  | { readonly do: 'announce' }
  /** Say hello, and send `unanswered` unless a leader answers in time. */
  | { readonly do: 'greet' }
  /** Send `silent` after some heartbeats. */
  | { readonly do: 'listen' }
  /** Neither `silent` nor `unanswered` is sent. */
  | { readonly do: 'stop listening' }
  | { readonly do: 'broadcast'; readonly events: readonly RoomEvent[] }
  /** Send `closed` when the tab is. */
  | { readonly do: 'watch'; readonly tab: string }
  /** Take a tab that was closed off presence. */
  | { readonly do: 'remove presence'; readonly tab: string }
  /** Let the subscriber catch up: from now on it gets the leader's events. */
  | { readonly do: 'begin' }
  | { readonly do: 'deliver'; readonly events: readonly RoomEvent[] }
  | { readonly do: 'failed'; readonly failure: Failure }

export type Transition = readonly [State, ...Effect[]]

const changed: Effect = { do: 'changed' }
const announce: Effect = { do: 'announce' }
const greet: Effect = { do: 'greet' }
const listen: Effect = { do: 'listen' }

export const initial = (id: string): State => ({ id, role: 'idle', live: false, followers: [], subscribed: false })

export function reduce(state: State, event: Event): Transition {
  const { role, live, followers, subscribed } = state
  const leads = role === 'leading'
  if (role === 'left') return [state]
  switch (event.type) {
    case 'queued':
      return [role === 'idle' ? { ...state, role: 'waiting' } : state]
    case 'granted':
      if (role === 'suspended') return [state]
      return [
        { ...state, role: 'leading', live: false, leader: undefined, failure: undefined },
        { do: 'stop listening' },
        announce,
        changed
      ]
    case 'revoked':
      return stepDown(state)
    case 'hello': {
      const { tab } = event
      if (!leads) return [state]
      if (followers.includes(tab)) return [state, announce]
      return [{ ...state, followers: [...followers, tab] }, { do: 'watch', tab }, announce]
    }
    case 'announced':
      return follows(state) ? announced(state, event) : [state]
    case 'received':
      return follows(state) ? [state, listen, { do: 'deliver', events: event.events }] : [state]
    case 'silent':
      return [state, greet]
    case 'unanswered':
      return takeOver(state)
    case 'subscribed':
      return [{ ...state, subscribed: true, leader: undefined }, ...(role === 'suspended' ? [] : [greet])]
    case 'unsubscribed':
      return [{ ...state, subscribed: false, leader: undefined }, { do: 'stop listening' }]
    case 'closed': {
      const { tab } = event
      if (!followers.includes(tab)) return [state]
      return [
        { ...state, followers: followers.filter((other) => other !== tab) },
        { do: 'remove presence', tab }
      ]
    }
    case 'read':
      if (leads && !live && event.events.some(isUpToDate)) return [{ ...state, live: true, failure: undefined }, announce]
      // How far this tab is says nothing about the others, which may be further.
      return live && followers.length
        ? [state, { do: 'broadcast', events: event.events.filter((event) => !isUpToDate(event)) }]
        : [state]
    case 'lost':
      return leads ? [{ ...state, live: false }, announce] : [state]
    case 'failed':
      return leads && !live ? [{ ...state, failure: event.failure }, announce] : [state]
    case 'visibility':
      return leads ? [state, announce] : subscribed && event.visible ? [state, greet] : [state]
    case 'freeze': {
      const [next, ...effects] = stepDown(state)
      return [{ ...next, role: 'suspended' }, ...effects.filter((effect) => effect !== changed), changed]
    }
    case 'resume':
      return role === 'suspended' ? [{ ...state, role: 'idle' }, changed] : [state]
    case 'leave': {
      const [next, ...effects] = stepDown(state)
      return [{ ...next, role: 'left' }, ...effects, { do: 'stop listening' }]
    }
  }
}

/** Of two tabs that believe they lead, one has lost the lock and will know soon. So a tab that leads listens to no other. */
const follows = ({ role, subscribed }: State) => subscribed && role !== 'leading' && role !== 'suspended'

const isUpToDate = ({ type }: RoomEvent) => type === 'up-to-date'

function announced(state: State, event: Extract<Event, { type: 'announced' }>): Transition {
  const { live, hidden, tabs } = event
  // A leader that nobody looks at may be slow to come back. Somebody looks at this tab.
  if (!live && hidden && event.visible) {
    const [next, ...effects] = takeOver(state)
    return [next, listen, ...effects]
  }
  const leader = live && tabs.includes(state.id) ? event.leader : undefined
  const failure = live ? undefined : state.failure
  const next = { ...state, leader, failure }
  if (state.leader !== undefined && state.leader !== leader) return [next, listen, changed]
  if (leader !== undefined) return [next, listen, { do: 'begin' }]
  if (live) return [next, listen, greet]
  if (!event.failure || `${event.failure}` === `${failure}`) return [next, listen]
  return [{ ...next, failure: event.failure }, listen, { do: 'failed', failure: event.failure }]
}

/** Gives up the lock, and waits for it no longer. */
function stepDown(state: State): Transition {
  const next: State = { ...state, role: state.role === 'suspended' ? 'suspended' : 'idle', live: false, followers: [] }
  return state.role === 'leading' ? [next, { do: 'release' }, changed] : [next, { do: 'release' }]
}

function takeOver(state: State): Transition {
  if (state.role === 'suspended') return [state]
  const [next, ...effects] = stepDown(state)
  return [next, ...effects, { do: 'steal' }]
}
