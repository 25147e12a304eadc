// Makes the requests of the doctor.
import { createParser } from 'eventsource-parser'
import { PROBED_NAME, PROBE_QUERY } from './doctor.ts'
import type { Probe } from './doctor.ts'

const LIMIT_MS = 10_000

export async function probe(): Promise<Probe> {
  const name = fetch(`/v1/probe/${encodeURIComponent(PROBED_NAME)}`, {
    method: 'POST',
    body: '{}',
    headers: { 'Content-Type': 'application/json' },
    signal: AbortSignal.timeout(LIMIT_MS)
  })
    .then(async (response) => ((await response.json()) as { name?: string }).name)
    .catch(() => undefined)
  const stream = await readStream()
  return { ...stream, name: await name }
}

async function readStream(): Promise<Probe> {
  const found: {
    start?: NonNullable<Probe['start']>
    events: { sentMs: number; at: number }[]
    complete: boolean
    encoding: string
  } = {
    events: [],
    complete: false,
    encoding: ''
  }
  const started = performance.now()
  const parser = createParser({
    onEvent({ event, data }) {
      const at = performance.now() - started
      const value = JSON.parse(data) as { ms: number; protocol: string; forwarded: string[] }
      if (event === 'probe-start') found.start = { protocol: value.protocol, forwarded: value.forwarded, at }
      if (event === 'probe') found.events.push({ sentMs: value.ms, at })
      if (event === 'probe-end') found.complete = true
    }
  })
  try {
    const response = await fetch(`/v1/probe?${PROBE_QUERY}`, { signal: AbortSignal.timeout(LIMIT_MS), cache: 'no-store' })
    if (!response.ok || !response.body) return found
    found.encoding = response.headers.get('Content-Encoding') ?? ''
    const decoder = new TextDecoder()
    for (const reader = response.body.getReader(); ; ) {
      const { done, value } = await reader.read()
      if (done) return found
      parser.feed(decoder.decode(value, { stream: true }))
    }
  } catch {
    return found // what has arrived until the connection broke
  }
}
