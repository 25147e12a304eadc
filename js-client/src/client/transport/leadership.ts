// Tabs of one origin share one stream per room: one of them leads, reads the room and sends the others its events. Loaded
// where the browser has Web Locks and BroadcastChannel; without them each tab reads for itself.
//
// The tab that holds the room's lock leads. The browser passes the lock on when that tab ends, for any reason; from a
// frozen tab it is stolen. The others wait for the lock. They catch up by separate requests, as polling does, and get only
// later events. The replica detects repeated and missing events by the numbers of the batches.
//
// leadership-state.ts decides; this carries it out.
import type { RoomEvent } from '../../wire.ts'
import { after, now, type Timer } from '../runtime/clock.ts'
import { pause } from '../runtime/pause.ts'
import type { Context } from './context.ts'
import type { Frame } from './events.ts'
import type { ReadRequest, ReadStream } from './fetch-stream.ts'
import { page, snapshot } from './frames.ts'
import { type Effects, type Events, initial, type Message, reduce } from './leadership-state.ts'
import { userOf } from './user.ts'

export interface Handlers {
  /** The room is read again: by this tab or from the leader, depending on `leads`. */
  changed(): void
  /** The tab that leads cannot read the room. */
  failed(code: string, message: string): void
}

/** The browser's interfaces that are used here. */
export interface Browser {
  locks: Pick<LockManager, 'request'>
  openChannel(name: string): BroadcastChannel
  document: Pick<Document, 'visibilityState' | 'addEventListener'>
}

export interface Leadership {
  /** Whether this tab reads the room. If not, it waits for the lock from now on. */
  leads(): Promise<boolean>
  /** Reads from the tab that leads. */
  read: ReadStream
  /** Sends events to the tabs that read from this one, if it leads. */
  publish(events: RoomEvent[]): void
  /** The stream of this tab has ended. */
  lost(): void
  /** This tab cannot read the room. */
  failed(code: string, message: string): void
  /** The page is online, or visible, again: ends the wait before the next attempt to join presence. */
  wake(): void
  leave(): void
}

/** After so many heartbeats without a message a tab asks whether another one leads. */
const HEARTBEATS = 2.5
/** How long a leader may take to answer. A page that is only hidden is not slow with messages. */
const ANSWER_MS = 3000
/** The limits of the backoff of presence. `backoff.ts` is not imported: it would become a chunk shared with the client. */
const PRESENCE_BASE_MS = 500
const PRESENCE_CAP_MS = 60_000

/** Joins the tabs of a user in a room; undefined where the user is not known. Rejects where the browser does not let tabs share. */
export async function joinTabs(
  context: Context,
  handlers: Handlers,
  browser: Browser = thisBrowser()
): Promise<Leadership | undefined> {
  const { api, room } = context
  const user = context.user ?? (await userOf(api))
  if (user === undefined) return
  // The number is that of the messages' format: a tab that was opened before an update may use another one.
  const { ready, ...leadership } = createLeadership(
    context,
    handlers,
    `pathsync 1 ${JSON.stringify([api.root, user, room])}`,
    browser
  )
  await ready.catch((error) => {
    leadership.leave()
    throw error
  })
  return leadership
}

const thisBrowser = (): Browser => ({ locks: navigator.locks, openChannel: (name) => new BroadcastChannel(name), document })

function createLeadership(
  { api, room, clientId, heartbeatMs }: Context,
  handlers: Handlers,
  name: string,
  { locks, openChannel, document }: Browser
) {
  const left = new AbortController()
  const channel = openChannel(name)
  let state = initial(clientId)
  /** Ends holding the lock, or waiting for it. */
  let lock: AbortController | undefined
  /** Reads from the leader. */
  let subscriber: { begin(): void; deliver(events: readonly RoomEvent[]): void } | undefined
  let timer: Timer | undefined
  /** Ends waiting for the locks that tabs hold as long as they are open. */
  const watches = new Map<string, AbortController>()

  const role = () => state.role
  const post = (message: Message) => channel.postMessage(message)

  function dispatch<E extends keyof Events>(event: E, value?: Events[E]) {
    const [next, ...effects] = reduce(state, event, value as Events[E])
    state = next
    for (const [effect, value] of effects) carryOut[effect](value as never)
  }

  const carryOut: { readonly [E in keyof Effects]: (value: Effects[E]) => unknown } = {
    changed: handlers.changed,
    report: (failure) => handlers.failed(...failure),
    release() {
      lock?.abort()
      for (const watch of watches.values()) watch.abort()
      watches.clear()
    },
    steal: () => request({ steal: true }).then((isHeld) => isHeld || handlers.changed()),
    announce() {
      const { live, failure, followers: tabs } = state
      post({ leader: clientId, live, failure, tabs, hidden: !isVisible() })
    },
    greet() {
      post({ hello: clientId })
      setTimer(ANSWER_MS, 'unanswered')
    },
    listen: () => setTimer(HEARTBEATS * heartbeatMs, 'silent'),
    stopListening: () => clearTimeout(timer),
    broadcast: (events) => post({ events }),
    /** The server counts a tab as present as long as this tab's stream is open. */
    watch(tab) {
      const own = new AbortController()
      watches.set(tab, own)
      const held = () => {
        watches.delete(tab)
        dispatch('closed', tab)
      }
      locks.request(lockOf(tab), { signal: own.signal }, held).catch(() => {})
    },
    removePresence: (tab) => api.leave(room, tab),
    begin: () => subscriber?.begin(),
    deliver: (events) => subscriber?.deliver(events)
  }

  function setTimer(ms: number, event: 'silent' | 'unanswered') {
    clearTimeout(timer)
    timer = after(ms, () => dispatch(event))
  }

  /** Requests the lock, by default in turn. Resolves to whether it is held; false at once for a request that waits in turn. */
  const request = (options?: LockOptions) =>
    new Promise<boolean>((resolve) => {
      const own = new AbortController()
      const { signal } = own
      const held = (granted: Lock | null) => {
        resolve(!!granted)
        if (!granted || signal.aborted) return
        lock = own
        dispatch('granted')
        if (role() === 'leading' && !signal.aborted)
          return new Promise<void>((release) => signal.addEventListener('abort', () => release()))
      }
      if (!options) {
        lock = own
        resolve(false)
      }
      // It rejects when the lock is stolen, and when the request is aborted.
      locks.request(name, options ?? { signal }, held).catch(() => {
        resolve(false)
        if (lock === own && !signal.aborted) dispatch('revoked')
      })
    })

  /** The name of the lock that a tab holds as long as it is open. */
  const lockOf = (tab: string) => `${name} ${tab}`
  const isVisible = () => document.visibilityState === 'visible'

  channel.onmessage = ({ data }: MessageEvent<Message>) => {
    if ('hello' in data) dispatch('hello', data.hello)
    else if ('events' in data) dispatch('received', data.events)
    else dispatch('announced', { ...data, visible: isVisible() })
  }

  const on = (type: string, listener: () => void) => document.addEventListener(type, listener, { signal: left.signal })
  on('freeze', () => dispatch('freeze'))
  on('resume', () => dispatch('resume'))
  on('visibilitychange', () => dispatch('visibility', isVisible()))

  /** Resolves when this tab holds the lock of its id. A tab with the same id may still have to release it. */
  const ready = new Promise<void>((resolve, reject) => {
    const late = after(ANSWER_MS, resolve)
    const held = () => {
      resolve()
      clearTimeout(late)
      return new Promise<void>((release) => left.signal.addEventListener('abort', () => release()))
    }
    locks.request(lockOf(clientId), { signal: left.signal }, held).catch((error) => {
      reject(error as Error)
      clearTimeout(late)
    })
  })

  /** Failures in a row to join presence, and the time of the next attempt, monotonic in milliseconds. They outlive a leader. */
  let failures = 0
  let joinAt = 0
  /** Ends the wait until then. */
  let hurry = () => {}

  /** Joins presence by the stream of the leader, until that succeeds or the signal aborts. */
  async function join({ clientId, presence, signal }: ReadRequest) {
    for (;;) {
      if (now() < joinAt) {
        const wait = new AbortController()
        hurry = () => wait.abort()
        signal.addEventListener('abort', hurry, { signal: wait.signal })
        await pause(joinAt - now(), wait.signal)
      }
      if (signal.aborted) return
      const answer = await api.putPresence(room, clientId, { ...presence(), via: state.leader }, signal)
      if (signal.aborted) return
      if (answer.kind === 'ok') failures = 0
      // The room's own presence reports a refusal, and leaves out what is refused.
      if (answer.kind === 'ok' || answer.kind === 'refused') return
      const retryAfterMs = (answer.kind === 'failed' && answer.retryAfterMs) || 0
      joinAt = now() + Math.max(retryAfterMs, Math.random() * Math.min(PRESENCE_CAP_MS, PRESENCE_BASE_MS * 2 ** failures++))
    }
  }

  const read: ReadStream = async (api, room, request, { heard }) => {
    const { position, signal } = request
    const over = { kind: 'ok', value: undefined } as const
    const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    /** What the leader sends while this tab catches up. */
    let early: Frame[] | undefined = []
    const begun = new Promise<void>((begin) => {
      subscriber = {
        begin,
        deliver(events) {
          const frames = events.map(frameOf)
          if (early) early.push(...frames)
          else heard(frames)
        }
      }
    })
    signal.addEventListener('abort', () => {
      subscriber = undefined
      dispatch('unsubscribed')
    })
    dispatch('subscribed')
    await Promise.race([begun, stopped])
    if (signal.aborted) return over

    void join(request)
    for (let first = true, behind = true; behind; first = false) {
      const after = position()
      const answer = await (after ? api.getChanges(room, `after=${after}`, 0, signal) : api.getRoom(room, signal))
      if (answer.kind !== 'ok' || signal.aborted) return answer
      const { value } = answer
      behind = 'changes' in value && !value.upToDate
      heard('changes' in value ? page(value) : snapshot(value), first)
      if (signal.aborted) return over
    }
    const present = await api.getPresence(room, signal)
    if (present.kind !== 'ok' || signal.aborted) return present
    heard([{ event: 'presence', data: present.value }, ...early])
    early = undefined
    await stopped
    return over
  }

  return {
    ready,
    async leads() {
      if (role() === 'idle' && !(await request({ ifAvailable: true })) && role() === 'idle') {
        dispatch('queued')
        void request()
      }
      return role() === 'leading'
    },
    read,
    publish: (events: RoomEvent[]) => dispatch('read', events),
    lost: () => dispatch('lost'),
    failed: (code: string, message: string) => dispatch('failed', [code, message]),
    wake() {
      joinAt = 0
      hurry()
    },
    leave() {
      dispatch('leave')
      left.abort()
      channel.close()
    }
  }
}

/** An event as it was on the leader's stream. */
const frameOf = ({ type, data, ...rest }: RoomEvent): Frame => ({
  event: type,
  data,
  ...('epoch' in rest && { id: `${rest.epoch}-0` })
})
