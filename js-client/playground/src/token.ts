import { ref, watch } from 'vue'
import { read, write } from './storage.ts'
import { openChannel } from './windows.ts'

const KEY = 'pathsync:token'
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

// A window without a token, or with one that is refused, asks the other windows of this browser. Those that have another one answer.
type Message = { readonly asks: string } | { readonly token: string }
let offered: (token: string) => void = () => {}

const send = openChannel<Message>(KEY, (message) => {
  if ('token' in message) offered(message.token)
  else if (token.value && token.value !== message.asks) offerToken()
})

export const askForToken = () => send({ asks: token.value })
export const offerToken = () => send({ token: token.value })

/** Calls the listener with each token that another window offers. */
export function onToken(listener: (token: string) => void) {
  offered = listener
}
