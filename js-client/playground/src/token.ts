import { ref, watch } from 'vue'

const KEY = 'pathsync:token'

/** What is shown to a server that asks who one is; empty for nothing. It is kept until the tab is closed, and nowhere else. */
export const token = ref(read())

watch(token, keep, { flush: 'sync' })

// A browser that was told to keep nothing throws already when the storage is looked at.
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
    // The token lasts as long as the page, then.
  }
}

/** Whether somebody may write to a room. The server says so before it looks at what is to be written, which is nothing here. */
export async function mayWrite(room: string): Promise<boolean> {
  const headers = { 'Content-Type': 'application/json', ...(token.value && { Authorization: `Bearer ${token.value}` }) }
  const url = `/v1/rooms/${encodeURIComponent(room)}/ops`
  const signal = AbortSignal.timeout(10_000)
  const answer = await fetch(url, { method: 'POST', body: '{}', headers, signal }).catch(() => undefined)
  return answer?.status !== 403
}
