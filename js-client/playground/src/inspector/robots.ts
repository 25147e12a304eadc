// Robots that edit the room as other people would. Each has a clientId, a name and a field.
import type { Json, Operation } from '../document.ts'

export interface Task {
  _sync_id?: string
  title?: unknown
  done?: unknown
}

export interface Robot {
  /** Its clientId. */
  readonly id: string
  readonly name: string
  /** The room in which it works. */
  readonly room: string
  /** Aborts when it stops. */
  readonly signal: AbortSignal
}

export interface RobotApi {
  /** The tasks of the room now. */
  tasks(): readonly Task[]
  /** Sends a batch. Returns how long the robot waits before the next one, in milliseconds; 0 for its usual pace. */
  post(robot: Robot, ops: readonly Operation[]): Promise<number>
  present(robot: Robot, field: string): Promise<void>
  leave(robot: Robot): void
}

export const MOST_ROBOTS = 50
/** The pause after a request without an answer, and the longest one that a server may ask for. In milliseconds. */
const FAILED_PAUSE_MS = 5000
const MOST_PAUSE_MS = 60_000
const WORDS = [
  'Call the printer',
  'Water the plants',
  'Book the train',
  'Order paper',
  'Fix the gate',
  'Write to Ada',
  'Count the chairs',
  'Bake bread'
]
/** With so many tasks, robots remove some. */
const ENOUGH = 30

/** What a robot does next, and the field in which it then is. Random numbers are in [0, 1). */
export function nextEdit(tasks: readonly Task[], name: string, random: () => number): { ops: Operation[]; field: string } {
  const pick = <T>(of: readonly T[]) => of[Math.floor(random() * of.length)]
  const what = random()
  const task = pick(tasks)
  const id = task?._sync_id
  const title = `${pick(WORDS)} (${name})`
  if (!id || (what < 0.2 && tasks.length < ENOUGH)) {
    return { ops: [{ op: 'array_add', path: 'tasks', value: { title, done: false, subtasks: [] } }], field: 'title' }
  }
  const path = `tasks[${id.replace(/[.[\]\\]/g, '\\$&')}]`
  const field = `${path}.title`
  if (what < 0.55) return { ops: [{ op: 'set', path: field, value: title }], field }
  if (what < 0.8) return { ops: [{ op: 'set', path: `${path}.done`, value: task.done !== (true as Json) }], field }
  if (what < 0.95 || tasks.length < ENOUGH / 2) {
    const after = pick(tasks)?._sync_id ?? null
    return { ops: [{ op: 'array_move', path, after: after === id ? null : after }], field }
  }
  return { ops: [{ op: 'array_del', path }], field: 'title' }
}

export type Crew = ReturnType<typeof createCrew>

/** @param prefix begins the clientIds, so that the robots of two pages differ */
export function createCrew(api: RobotApi, prefix: string, random: () => number = Math.random) {
  let robots: { robot: Robot; stop: () => void }[] = []
  let paceMs = 2000
  let made = 0

  async function work(robot: Robot) {
    const { signal } = robot
    while (!signal.aborted) {
      const { ops, field } = nextEdit(api.tasks(), robot.name, random)
      await api.present(robot, field).catch(() => {})
      // The server may have received this after the robot has left.
      if (signal.aborted) return api.leave(robot)
      const pause = await api.post(robot, ops).catch(() => FAILED_PAUSE_MS)
      // The pauses differ, so that the robots do not work in step.
      await wait(Math.min(pause, MOST_PAUSE_MS) || paceMs * (0.5 + random()), signal)
    }
  }

  return {
    get size() {
      return robots.length
    },
    /** The mean time between two edits of a robot, in milliseconds. */
    set paceMs(ms: number) {
      paceMs = ms
    },
    /** Starts or stops robots, so that there are this many. New ones work in this room. */
    resize(count: number, room: string) {
      const wanted = Math.max(0, Math.min(MOST_ROBOTS, count))
      for (const { robot, stop } of robots.splice(wanted)) {
        stop()
        api.leave(robot)
      }
      while (robots.length < wanted) {
        const stopped = new AbortController()
        const robot = { id: `${prefix}-${++made}`, name: `Robot ${made}`, room, signal: stopped.signal }
        robots = [...robots, { robot, stop: () => stopped.abort() }]
        void work(robot)
      }
    }
  }
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end)
  })
}
