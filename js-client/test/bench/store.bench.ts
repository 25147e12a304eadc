// The cost of a synced store of 10,000 tasks, in milliseconds of CPU time.
import { bench, describe } from 'vitest'
import { application, cpu, joined, project } from './store.ts'

const measured = { now: cpu }

describe('10,000 tasks', () => {
  bench('attached', () => void application(project).attach(), { ...measured, iterations: 5 })
})

describe.each([false, true])('10,000 tasks, persist: %s', async (persist) => {
  const { edits, remote } = await joined(persist)
  for (const [name, edit] of Object.entries(edits)) bench(`${name}, until it is confirmed`, edit, measured)
  bench('one title changed elsewhere, until it shows', remote, measured)
})
