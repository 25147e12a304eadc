// Who uses this browser. What is shared by the tabs of one user, or kept for the next visit, is not for another user.
import type { Api } from './api.ts'
import { after, type Timer } from '../runtime/clock.ts'

/** The longest to wait for a token. */
const TOKEN_MS = 10_000

export type Requester = Pick<Api, 'root' | 'token'>

/** Who the user is: the one whom the application names, or the token. Undefined where it cannot be known at the moment. */
export const identify = async (api: Requester, user: string | undefined): Promise<string | undefined> =>
  user ?? (await userOf(api).catch(() => undefined))

/**
 * The user whom a token names by `iss` and `sub`: '' without a token, undefined if it names nobody. Rejects when there is no token
 * to be had.
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
