// The robots of this page. They continue while another tab is shown, and stop with the page.
import { ref, watch } from 'vue'
import { KEY, room } from '../room.ts'
import { useProjectStore } from '../stores/project.ts'
import { explain, request, roomPath } from './api.ts'
import { createCrew } from './robots.ts'
import type { Robot } from './robots.ts'
import { robots } from './running.ts'
import { createTurns } from './turns.ts'

/** Browsers make six requests to a server at a time over HTTP/1.1. Robots leave some to the page. */
const AT_ONCE = 3
const REFUSED_PAUSE_MS = 5000

/** Batches that the robots have sent, and why the last one was refused. */
export const sent = ref(0)
export const problem = ref('')

const store = useProjectStore()
const inTurn = createTurns(AT_ONCE)

const person = ({ id, room }: Robot) => `${roomPath(room)}/presence/${encodeURIComponent(id)}`

export const crew = createCrew(
  {
    tasks: () => store.tasks,
    post: ({ id, room, signal }, ops) =>
      inTurn(signal, async () => {
        const body = JSON.stringify({ clientId: id, key: KEY, ops })
        const response = await request(`${roomPath(room)}/ops`, { method: 'POST', body, signal })
        if (response.ok) {
          sent.value++
          problem.value = ''
          return 0
        }
        problem.value = await explain(response)
        return Number(response.headers.get('Retry-After')) * 1000 || REFUSED_PAUSE_MS
      }),
    present: (robot, field) =>
      inTurn(robot.signal, async () => {
        const body = JSON.stringify({ displayName: robot.name, field })
        await request(person(robot), { method: 'PUT', body, signal: robot.signal })
      }),
    leave: (robot) => void request(person(robot), { method: 'DELETE', keepalive: true }).catch(() => {})
  },
  `robot-${Math.random().toString(36).slice(2, 8)}`
)

export function resize(count: number) {
  crew.resize(count, room.value)
  robots.value = crew.size
  if (!count) problem.value = ''
}

addEventListener('pagehide', () => resize(0))
watch(room, () => resize(0), { flush: 'sync' })
