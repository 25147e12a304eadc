// Tabs of one origin share one stream per room: one of them leads, which means that it reads the room, and tells the others
// what comes. Loaded where the browser has Web Locks and BroadcastChannel; without them each tab reads for itself.
//
// The tab that holds the room's lock leads. The browser hands the lock on when that tab is gone, however it went; from one
// that is frozen it is stolen. The others wait for the lock, and catch up by themselves, as somebody who polls does: only what
// comes afterwards is told. Whatever was told twice or not at all the replica finds by the numbers of the batches.
import type { RoomEvent } from '../wire.ts'
import type { Api } from './api.ts'
import { after, type Timer } from './clock.ts'
import type { Frame } from './events.ts'
import type { ReadStream } from './fetch-stream.ts'
import { page, snapshot } from './frames.ts'
import { userOf } from './user.ts'

export interface SeatOptions {
  api: Api
  room: string
  clientId: string
  /** In milliseconds. */
  heartbeatMs: number
  /** Whose tabs share; without it, those of the user whom the token names. */
  shareAs?: string | undefined
  /** What is read is to be read anew: by this tab or after another one, which `leads` says. */
  changed(): void
  /** The tab that leads cannot read the room, and this is why. */
  failed(code: string, message: string): void
}

/** What is used here of the browser. */
export interface Browser {
  locks: Pick<LockManager, 'request'>
  openChannel(name: string): BroadcastChannel
  document: Pick<Document, 'visibilityState' | 'addEventListener'>
}

/** A tab's place in a room. */
export interface Seat {
  /** Rejects where the browser does not let tabs share, as in a sandbox. */
  taken: Promise<void>
  /** Whether this tab is the one to read the room. One that is not waits for that from now on. */
  leads(): Promise<boolean>
  /** Reads what the tab that leads tells. */
  read: ReadStream
  /** Tells what has come, if this tab leads. */
  tell(events: RoomEvent[]): void
  /** The stream is over. */
  lost(): void
  /** Reading does not succeed. */
  failed(code: string, message: string): void
  leave(): void
}

type Failure = [code: string, message: string]

type Message =
  /** I have come, or have not heard of anybody for long: who leads? */
  | { hello: string }
  /** I lead. `live`: the room has caught up, and I tell these tabs what comes. */
  | { leader: string; live: boolean; failure: Failure | undefined; tabs: string[]; hidden: boolean }
  /** What has come. */
  | { events: RoomEvent[] }

/** How many heartbeats without a word until a tab asks whether anybody leads. */
const HEARTBEATS = 2.5
/** How long whoever leads may take to answer. A page that is only hidden is not slow with messages. */
const ANSWER_MS = 3000
/** Takes a seat; undefined where it is not known whose tab this is. */
export async function takeSeat(options: SeatOptions, browser: Browser = thisBrowser()): Promise<Seat | undefined> {
  const { api, room, shareAs } = options
  const user = shareAs ?? (await userOf(api))
  if (user === undefined) return
  // Tabs that were opened before the application was updated may speak otherwise: the number is that of what is said here.
  const seat = createSeat(options, `pathsync 1 ${JSON.stringify([api.root, user, room])}`, browser)
  await seat.taken.catch((error) => {
    seat.leave()
    throw error
  })
  return seat
}

const thisBrowser = (): Browser => ({ locks: navigator.locks, openChannel: (name) => new BroadcastChannel(name), document })

function createSeat(options: SeatOptions, name: string, browser: Browser): Seat {
  const { api, room, clientId, heartbeatMs, changed } = options
  const { locks, document } = browser
  const left = new AbortController()
  const channel = browser.openChannel(name)
  let leading = false
  let live = false
  /** Why not, as far as it is known. */
  let failure: Failure | undefined
  /** The page is frozen, or about to be: somebody else may lead. */
  let suspended = false
  /** The other tab that leads, has caught up and tells this one. */
  let leader: string | undefined
  /** Ends what goes on with the lock: holding it, or waiting for it. */
  let stand: AbortController | undefined
  /** Who reads what is told, and waits for somebody to lead. */
  let ear: { events(events: RoomEvent[]): void; led(): void } | undefined
  let timer: Timer | undefined
  /** The tabs that are told what comes, and are still there. */
  const watched = new Map<string, AbortController>()

  const say = (message: Message) => channel.postMessage(message)
  const announce = () =>
    say({ leader: clientId, live, failure, tabs: [...watched.keys()], hidden: document.visibilityState === 'hidden' })

  /** Asks for the lock. Resolves to whether it could be had at once; else it comes, sooner or later. */
  const ask = (how: 'at once' | 'in turn' | 'from another') =>
    new Promise<boolean>((resolve) => {
      const own = new AbortController()
      const { signal } = own
      const held = (lock: Lock | null) => {
        resolve(!!lock)
        if (!lock || signal.aborted || suspended || left.signal.aborted) return
        stand = own
        lead()
        return new Promise<void>((release) => signal.addEventListener('abort', () => release()))
      }
      if (how === 'in turn') {
        stand = own
        resolve(false)
      }
      const request = how === 'at once' ? { ifAvailable: true } : how === 'from another' ? { steal: true } : { signal }
      // It fails when the lock is stolen, and when this tab no longer waits for it.
      locks.request(name, request, held).catch(() => {
        resolve(false)
        if (stand === own && !signal.aborted) stepDown()
      })
    })

  function lead() {
    leading = true
    live = false
    leader = failure = undefined
    clearTimeout(timer)
    announce()
    changed()
  }

  /** No longer leads, nor waits for it. */
  function stepDown() {
    stand?.abort()
    stand = undefined
    for (const watch of watched.values()) watch.abort()
    watched.clear()
    if (!leading) return
    leading = live = false
    changed()
  }

  async function takeOver() {
    if (suspended) return
    stepDown()
    if (!(await ask('from another'))) changed()
  }

  /** Notices when a tab is gone without a word: the server believes it present as long as this tab's stream is open. */
  function watch(tab: string) {
    if (watched.has(tab)) return
    const own = new AbortController()
    watched.set(tab, own)
    const { signal } = own
    locks
      .request(`${name} ${tab}`, { signal }, () => {
        if (watched.delete(tab)) api.leave(room, tab)
      })
      .catch(() => {})
  }

  /** After so long without a word, asks whether anybody leads; and takes over if nobody answers. */
  function listen(ms: number) {
    clearTimeout(timer)
    timer = after(ms, greet)
  }

  function greet() {
    say({ hello: clientId })
    clearTimeout(timer)
    timer = after(ANSWER_MS, () => void takeOver())
  }

  channel.onmessage = ({ data }: MessageEvent<Message>) => {
    if ('hello' in data) {
      if (!leading) return
      watch(data.hello)
      return announce()
    }
    // Of two that believe they lead, one has had its lock stolen, and will know soon.
    if (leading || suspended || !ear) return
    listen(HEARTBEATS * heartbeatMs)
    if ('events' in data) return ear.events(data.events)
    // Who leads may be slow to come back where nobody looks. Somebody looks at this tab.
    if (!data.live && data.hidden && document.visibilityState === 'visible') return void takeOver()
    const before = leader
    leader = data.live && data.tabs.includes(clientId) ? data.leader : undefined
    if (data.live) failure = undefined
    if (before !== undefined && before !== leader) changed()
    else if (leader !== undefined) ear.led()
    else if (data.live) greet()
    else if (data.failure && `${data.failure}` !== `${failure}`) options.failed(...(failure = data.failure))
  }

  /** Nobody reads any more. */
  function deaf() {
    ear = leader = undefined
    clearTimeout(timer)
  }

  const suspend = () => {
    suspended = true
    stepDown()
    changed()
  }
  const resume = () => {
    if (!suspended) return
    suspended = false
    changed()
  }
  const on = (type: string, listener: () => void) => document.addEventListener(type, listener, { signal: left.signal })
  on('freeze', suspend)
  on('resume', resume)
  on('visibilitychange', () => {
    if (leading) announce()
    else if (ear && document.visibilityState === 'visible') greet()
  })

  /** Holds what says that this tab is there. A tab that had the same id may still have to let go of it. */
  const taken = new Promise<void>((resolve, reject) => {
    const late = after(ANSWER_MS, resolve)
    const held = () => {
      resolve()
      clearTimeout(late)
      return new Promise<void>((release) => left.signal.addEventListener('abort', () => release()))
    }
    locks.request(`${name} ${clientId}`, { signal: left.signal }, held).catch((error) => {
      reject(error as Error)
      clearTimeout(late)
    })
  })

  return {
    taken,

    async leads() {
      if (suspended || left.signal.aborted) return false
      if (!stand && !(await ask('at once'))) await ask('in turn')
      return leading
    },

    async read(api, room, { clientId, position, presence, signal }, { heard }) {
      const over = { kind: 'ok', value: undefined } as const
      const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      /** What is told while this tab catches up. */
      let early: Frame[] | undefined = []
      const led = new Promise<void>((led) => {
        ear = {
          led,
          events(events) {
            const frames = events.map(frameOf)
            if (early) early.push(...frames)
            else heard(frames)
          }
        }
      })
      signal.addEventListener('abort', deaf)
      leader = undefined
      if (!suspended) greet()
      await Promise.race([led, stopped])
      if (signal.aborted) return over

      void api.putPresence(room, clientId, { ...presence(), via: leader }, signal)
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
    },

    tell(events) {
      if (!leading) return
      if (!live && events.some(isUpToDate)) {
        live = true
        failure = undefined
        announce()
      } else if (live && watched.size) {
        // Where this tab stands says nothing of where the others do, who may be further.
        say({ events: events.filter((event) => !isUpToDate(event)) })
      }
    },

    lost() {
      if (!leading) return
      live = false
      announce()
    },

    failed(...why) {
      if (!leading || live) return
      failure = why
      announce()
    },

    leave() {
      stepDown()
      left.abort()
      clearTimeout(timer)
      channel.close()
    }
  }
}

const isUpToDate = ({ type }: RoomEvent) => type === 'up-to-date'

/** An event as it was on the leader's stream. */
const frameOf = ({ type, data, ...rest }: RoomEvent): Frame => ({
  event: type,
  data,
  ...('epoch' in rest && { id: `${rest.epoch}-0` })
})
