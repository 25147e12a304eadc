// Identifies the user of the browser. Tabs share streams, and storage is read, for the same user only.
import type { Api } from './api.ts'
import { after, type Timer } from '../runtime/clock.ts'

/** The longest wait for a token. */
const TOKEN_MS = 10_000

export type Requester = Pick<Api, 'root' | 'token'>

/** The user that the application names, or else the token's. Undefined when it cannot be known now. */
export const identify = async (api: Requester, user: string | undefined): Promise<string | undefined> =>
  user ?? (await userOf(api).catch(() => undefined))

/**
 * The user that the token names by `iss` and `sub`: '' without a token, undefined when the token names none. Rejects when the token
 * function fails or takes too long.
 */
export async function userOf(api: Requester): Promise<string | undefined> {
  let timer: Timer | undefined
  const late = new Promise<never>((_, reject) => (timer = after(TOKEN_MS, () => reject(new Error('no token')))))
  const token = await Promise.race([api.token(), late]).finally(() => clearTimeout(timer))
  if (!token) return ''
  try {
    const claims = token.split('.')[1]?.replaceAll('-', '+').replaceAll('_', '/')
    const { iss, sub } = JSON.parse(atob(claims ?? 'e30')) as { iss?: unknown; sub?: unknown }
    return typeof sub === 'string' ? JSON.stringify([iss, sub]) : undefined
  } catch {
    return undefined
  }
}
