import { token } from '../token.ts'
import { fetchUnlessSilent } from './silence.ts'

/** Requests of the tabs: with the token of the page, and without its simulated network. */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers)
  if (token.value) headers.set('Authorization', `Bearer ${token.value}`)
  if (init.body) headers.set('Content-Type', 'application/json')
  return fetchUnlessSilent(path, { ...init, headers })
}

/** The address of a room. */
export const roomPath = (room: string) => `/v1/rooms/${encodeURIComponent(room)}`

/** What the server says about a failed request. */
export async function explain(response: Response): Promise<string> {
  const problem = (await response.json().catch(() => ({}))) as { title?: string; detail?: string }
  return problem.detail || problem.title || `The server has answered ${response.status}.`
}
