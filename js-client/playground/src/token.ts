import { ref, watch } from 'vue'

const KEY = 'pathsync:token'

/** The bearer token; empty for none. It is kept until the tab is closed. */
export const token = ref(read())

watch(token, keep, { flush: 'sync' })

// Reading the property throws if the browser blocks storage.
function read(): string {
  try {
    return sessionStorage.getItem(KEY) ?? ''
  } catch {
    return ''
  }
}

function keep(value: string) {
  try {
    sessionStorage.setItem(KEY, value)
  } catch {
    // The token is kept until the page is closed.
  }
}

/** Whether the token allows writing in a room. The server checks this before the body, which is empty here. */
export async function mayWrite(room: string): Promise<boolean> {
  const headers = { 'Content-Type': 'application/json', ...(token.value && { Authorization: `Bearer ${token.value}` }) }
  const url = `/v1/rooms/${encodeURIComponent(room)}/ops`
  const signal = AbortSignal.timeout(10_000)
  const answer = await fetch(url, { method: 'POST', body: '{}', headers, signal }).catch(() => undefined)
  return answer?.status !== 403
}
