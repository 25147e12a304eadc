// The context that all parts of a client share for one room, as one object.
import type { Api } from './api.ts'
import type { ReadStream } from './fetch-stream.ts'

export interface Context {
  readonly api: Api
  readonly room: string
  readonly clientId: string
  readonly transport: 'fetch' | 'eventsource'
  /** In milliseconds. */
  readonly heartbeatMs: number
  readonly random?: (() => number) | undefined
  /** Lets tabs share a stream, where the browser can. */
  readonly tabs?: Promise<Pick<typeof import('./leadership.ts'), 'joinTabs'>> | undefined
  /** Tabs share for this user only. Without it, for the user that the token names. */
  readonly user?: string | undefined
  /** The reader of all rooms over one stream, while they share one. It gives undefined where it could not be loaded. */
  readonly sharedStream?: (() => Promise<ReadStream | undefined> | undefined) | undefined
}
