// Tokens as an application issues them, and a server that requires them.
import { createHmac } from 'node:crypto'

const secret = 'a secret of the tests, and of nothing else'

/** The flags of a server that accepts only these tokens. */
export const asksForTokens = ['--auth', 'jwt', '--jwt-secret', secret]

export interface Grant {
  room?: string
  match?: string
  read?: boolean
  write?: boolean
  presence?: boolean
}

export interface Claims {
  user?: string
  rooms?: Grant[]
  readOnly?: { key?: string; path?: string }[]
  /** Seconds until it expires. */
  lives?: number
}

const everything: Grant[] = [{ match: '*', read: true, write: true, presence: true }]

/** A signed token. By default it grants all permissions for an hour. */
export function token({ user = 'u-1', rooms = everything, readOnly, lives = 3600 }: Claims = {}): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const exp = Math.floor(Date.now() / 1000) + lives
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: user, exp, pathsync: { rooms, readOnly } })}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}
