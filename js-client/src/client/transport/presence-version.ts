// The version of the presence list. With it, the next stream sends changes instead of a long list.
import type { RoomEvent } from '../../wire.ts'

export interface PresenceVersion {
  /** The version to resume with; undefined when the list may lack changes. */
  readonly current: string | undefined
  /** A stream has opened. Until it has caught up, events may be missing. */
  opened(): void
  /** Events of a stream have been applied. */
  applied(events: RoomEvent[]): void
}

export function createPresenceVersion(): PresenceVersion {
  let latest: string | undefined
  let caughtUp = false
  return {
    get current() {
      return caughtUp ? latest : undefined
    },
    opened() {
      // This stream begins without a version. Its list may come after it has caught up.
      if (!caughtUp) latest = undefined
      caughtUp = false
    },
    applied(events) {
      for (const { type, data } of events) {
        if (type === 'presence') latest = data.version
        else if (type === 'presence-change') latest &&= data.version ?? latest
        caughtUp ||= type === 'up-to-date'
      }
    }
  }
}
