// How fast the playground reacts and draws: the time from a key to the next picture, and pictures per second.
import type { Page } from 'playwright-core'
import type { Random } from './random.ts'
import type { Server } from './server.ts'

/** Moves per second, and how often Enter is pressed. */
const MOVES = 20
const ENTERS = 5

export interface Smoothness {
  /** From the Enter key to the picture that shows the new row, in milliseconds. The middle of several. */
  enterMs: number
  /** Pictures per second while another client moves tasks. */
  framesPerSecond: number
  /** The longest time between two pictures, in milliseconds. */
  longestFrameMs: number
  /** The processor time of the page's main thread, in milliseconds: for each move, and for each Enter. Other programs hardly change it. */
  moveCpuMs: number
  enterCpuMs: number
}

/** Sends operations as another client does. */
export async function send({ url }: Server, room: string, ops: object[]) {
  const body = JSON.stringify({ clientId: 'mover', key: 'project', ops })
  const headers = { 'Content-Type': 'application/json' }
  const answer = await fetch(`${url}/v1/rooms/${room}/ops`, { method: 'POST', headers, body })
  if (!answer.ok) throw new Error(`POST: ${answer.status} ${await answer.text()}`)
}

/** Makes the room's project one of this many tasks, every tenth with two subtasks. */
export async function seedTasks(server: Server, room: string, count: number) {
  const item = (id: string, title: string) => ({ _sync_id: id, title, done: false })
  const tasks = Array.from({ length: count }, (_, n) => {
    const subtasks = n % 10 ? [] : [item(`s${n}a`, 'First part'), item(`s${n}b`, 'Second part')]
    return { ...item(`t${n}`, `Task number ${n}`), subtasks }
  })
  const settings = { zoom: 1, theme: 'auto' }
  await send(server, room, [{ op: 'set', path: '', value: { title: 'Many tasks', description: '', settings, tasks } }])
}

/** Presses Enter in the row in the middle of the window, several times. */
export async function measureEnter(page: Page, times: number): Promise<number> {
  // Measuring what is inside the rows would lay out those outside the window, too.
  const row = await page.evaluate(() => {
    const rows = [...document.querySelectorAll('[data-testid=task]')]
    return rows.findIndex((row) => row.getBoundingClientRect().top > innerHeight / 2)
  })
  await page.getByTestId('task-title').nth(row).focus()
  const taken: number[] = []
  for (let n = 0; n < times; n++) {
    const shown = page.evaluate(
      () =>
        new Promise<number>((resolve, reject) => {
          const from = document.activeElement
          const onKey = (event: KeyboardEvent) =>
            requestAnimationFrame(() => {
              // A message arrives after the picture was drawn.
              const { port1, port2 } = new MessageChannel()
              port1.onmessage = () => {
                if (document.activeElement === from) reject(new Error('the new row does not have the focus'))
                resolve(performance.now() - event.timeStamp)
              }
              port2.postMessage(0)
            })
          addEventListener('keydown', onKey, { capture: true, once: true })
        })
    )
    await page.evaluate(() => 0) // the listener is there
    await page.keyboard.press('Enter')
    taken.push(await shown)
    await page.waitForTimeout(300)
  }
  return taken.sort((a, b) => a - b)[Math.floor(times / 2)]!
}

/** Counts pictures while another client moves tasks at 20 a second, half of them to places that the window shows. */
export async function measureFrames(page: Page, server: Server, room: string, count: number, seconds: number, random: Random) {
  await page.evaluate(() => {
    const state = { times: [] as number[], running: true }
    Object.assign(globalThis, { frames: state })
    const step = (time: number) => {
      state.times.push(time)
      if (state.running) requestAnimationFrame(step)
    }
    requestAnimationFrame(step)
  })
  const started = performance.now()
  const sent: Promise<void>[] = []
  for (let n = 0; n < seconds * MOVES; n++) {
    const task = random.below(count)
    const arrayIndex = random.below(2) ? random.below(12) : random.below(count)
    sent.push(send(server, room, [{ op: 'array_move', path: `tasks[t${task}]`, arrayIndex }]))
    const left = started + ((n + 1) * 1000) / MOVES - performance.now()
    if (left > 0) await new Promise((resolve) => setTimeout(resolve, left))
  }
  await Promise.all(sent)
  const times = await page.evaluate(() => {
    const { frames } = globalThis as unknown as { frames: { times: number[]; running: boolean } }
    frames.running = false
    return frames.times
  })
  const gaps = times.slice(1).map((time, n) => time - times[n]!)
  const longestFrameMs = Math.max(...gaps)
  return { framesPerSecond: (gaps.length * 1000) / (times.at(-1)! - times[0]!), longestFrameMs }
}

/** Measures one open window of a room that `seedTasks` has filled. */
export async function measure(
  page: Page,
  server: Server,
  room: string,
  count: number,
  seconds: number,
  random: Random
): Promise<Smoothness> {
  const inspector = await page.context().newCDPSession(page)
  await inspector.send('Performance.enable', { timeDomain: 'threadTicks' })
  const cpu = async () => {
    const { metrics } = await inspector.send('Performance.getMetrics')
    return metrics.find(({ name }) => name === 'TaskDuration')!.value * 1000
  }
  await page.waitForTimeout(1000) // the first pictures
  const before = await cpu()
  const frames = await measureFrames(page, server, room, count, seconds, random)
  const between = await cpu()
  const enterMs = await measureEnter(page, ENTERS)
  const after = await cpu()
  return { enterMs, ...frames, moveCpuMs: (between - before) / (seconds * MOVES), enterCpuMs: (after - between) / ENTERS }
}
