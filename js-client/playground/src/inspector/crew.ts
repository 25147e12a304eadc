// The robots of this page. They continue while another tab is shown, and stop with the page.
import { ref, watch } from 'vue'
import { KEY, room } from '../room.ts'
import { useProjectStore } from '../stores/project.ts'
import { explain, request, roomPath } from './api.ts'
import { createCrew } from './robots.ts'
import { robots } from './running.ts'

/** Browsers make six requests to a server at a time over HTTP/1.1. Robots leave some to the page. */
const AT_ONCE = 3
const LIMIT_MS = 10_000
const REFUSED_PAUSE_MS = 5000

/** Batches that the robots have sent, and why the last one was refused. */
export const sent = ref(0)
export const problem = ref('')

const store = useProjectStore()
const waiting: (() => void)[] = []
let running = 0

/** Runs a few requests at a time. */
async function inTurn<T>(run: () => Promise<T>): Promise<T> {
  if (running >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve))
  else running++
  try {
    return await run()
  } finally {
    const next = waiting.shift()
    if (next) next()
    else running--
  }
}

const person = (clientId: string) => `${roomPath(room.value)}/presence/${encodeURIComponent(clientId)}`

export const crew = createCrew(
  {
    tasks: () => store.tasks,
    post: (clientId, ops) =>
      inTurn(async () => {
        const body = JSON.stringify({ clientId, key: KEY, ops })
        const response = await request(`${roomPath(room.value)}/ops`, {
          method: 'POST',
          body,
          signal: AbortSignal.timeout(LIMIT_MS)
        })
        if (response.ok) {
          sent.value++
          problem.value = ''
          return 0
        }
        problem.value = await explain(response)
        return Number(response.headers.get('Retry-After')) * 1000 || REFUSED_PAUSE_MS
      }),
    present: (clientId, displayName, field) =>
      inTurn(async () => {
        const body = JSON.stringify({ displayName, field })
        await request(person(clientId), { method: 'PUT', body, signal: AbortSignal.timeout(LIMIT_MS) })
      }),
    leave: (clientId) => void request(person(clientId), { method: 'DELETE', keepalive: true }).catch(() => {})
  },
  `robot-${Math.random().toString(36).slice(2, 8)}`
)

export function resize(count: number) {
  crew.resize(count)
  robots.value = crew.size
}

addEventListener('pagehide', () => resize(0))
watch(room, () => resize(0), { flush: 'sync' })
