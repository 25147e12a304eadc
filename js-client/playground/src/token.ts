import { ref, watch } from 'vue'
import { read, write } from './storage.ts'

const KEY = 'pathsync:token'
/** How long another window may take to answer, in milliseconds. */
const ANSWER_MS = 300

/** The bearer token; empty for none. It is kept until the tab is closed. */
export const token = ref(read('sessionStorage', KEY) ?? '')

watch(token, (value) => write('sessionStorage', KEY, value), { flush: 'sync' })

/** Whether the token allows writing in a room. The server checks this before the body, which is empty here. */
export async function mayWrite(room: string): Promise<boolean> {
  const headers = { 'Content-Type': 'application/json', ...(token.value && { Authorization: `Bearer ${token.value}` }) }
  const url = `/v1/rooms/${encodeURIComponent(room)}/ops`
  const signal = AbortSignal.timeout(10_000)
  const answer = await fetch(url, { method: 'POST', body: '{}', headers, signal }).catch(() => undefined)
  return answer?.status !== 403
}

// A new window has no token. It asks the other windows of this browser, which answer if they have one.
const windows = new BroadcastChannel(KEY)
const ASK = 'ask'

windows.addEventListener('message', ({ data }) => {
  if (data === ASK && token.value) windows.postMessage({ token: token.value })
})

/** The token of another window of this browser; empty if none answers. */
export function tokenOfAnotherWindow(): Promise<string> {
  return new Promise((resolve) => {
    const answered = new AbortController()
    const end = (value: string) => {
      answered.abort()
      resolve(value)
    }
    setTimeout(end, ANSWER_MS, '')
    windows.addEventListener('message', ({ data }) => data?.token && end(data.token), { signal: answered.signal })
    windows.postMessage(ASK)
  })
}
