// The form in which a server logs and sends a batch.
import type { Result } from '../../src/document/apply.ts'
import type { Operation } from '../../src/wire.ts'

/** The operations that took effect, with resulting indexes instead of anchors. */
export const logged = (ops: readonly Operation[], results: readonly Result[]): Operation[] =>
  ops.flatMap(({ after: _, ...op }, i) => {
    const { status, reason: __, ...led } = results[i]!
    return status === 'applied' ? [{ ...op, ...led }] : []
  })
