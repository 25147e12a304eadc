// Makes a presence value that the server accepts: see PresenceUpdate in openapi.yaml.
import { capture } from '../../document/capture.ts'
import type { OwnPresence } from '../../types.ts'

/** The longest texts, in UTF-16 code units. */
const MAX_LENGTH = { displayName: 255, field: 1000 }
/** The largest `meta` as JSON in UTF-8, in bytes. */
const MAX_META = 4096

/**
 * Repairs a presence value. A lone surrogate becomes U+FFFD, a control character a blank, a long text is cut, and values that JSON
 * cannot hold are left out of `meta`. A `meta` that is too large is left out. `report` is called for each member that was changed.
 */
export function repairPresence(given: OwnPresence, report: (member: keyof OwnPresence, why: string) => void): OwnPresence {
  const { displayName, field, meta } = given
  const presence: OwnPresence = {}
  if (displayName !== undefined) presence.displayName = displayName === null ? null : repairText('displayName', displayName)
  if (field !== undefined) presence.field = field === null ? null : repairText('field', field)
  if ('meta' in given) presence.meta = repairMeta(meta) ?? null
  return presence

  function repairText(member: 'displayName' | 'field', text: string): string {
    const most = MAX_LENGTH[member]
    const repaired = repairedText(text, most)
    if (repaired !== text)
      report(
        member,
        `cannot be sent as it is, and was repaired. It is a text of at most ${most} characters without control characters and half surrogate pairs`
      )
    return repaired
  }

  function repairMeta(meta: unknown) {
    const faults: string[] = []
    const value = capture(undefined, meta, {
      withoutIds: true,
      onInvalid: (place, why) => void faults.push(place ? `${place}: ${why}` : why)
    })
    if (faults.length) report('meta', `cannot be sent as it is: ${faults.join('; ')}. The rest is sent`)
    const bytes = value === undefined ? 0 : new TextEncoder().encode(JSON.stringify(value)).length
    if (bytes <= MAX_META) return value
    report('meta', `takes ${bytes} bytes as JSON, and may take ${MAX_META}. It is left out, and the rest is sent`)
  }
}

/** The name of a field as other clients get it. */
export const repairField = (field: string): string => repairedText(field, MAX_LENGTH.field)

const repairedText = (text: unknown, most: number): string =>
  `${text as string}`
    .replace(/\p{Surrogate}/gu, '\ufffd')
    .replace(/\p{Cc}/gu, ' ')
    .slice(0, most)
    .replace(/\p{Surrogate}$/u, '')
