// Finds text that this window has written and another one has replaced. Pure.

/** How long after the last input a replaced text is still reported, in milliseconds. */
const RECENT_MS = 15_000
/** The number of texts that are kept. */
const MOST = 50

interface Op {
  readonly op: string
  readonly path: string
  readonly value?: unknown
}

export interface Overwritten {
  path: string
  /** What this window had written. */
  text: string
  /** What is there now. */
  current: string
}

/** The texts that this window has written recently. */
export function createOwnTexts() {
  const texts = new Map<string, { text: string; at: number }>()

  return {
    /** Operations of this window, at a time in milliseconds. */
    wrote(ops: readonly Op[], at: number) {
      for (const { op, path, value } of ops) {
        if (op !== 'set' || typeof value !== 'string') continue
        texts.delete(path) // so that the oldest one is first
        if (value) texts.set(path, { text: value, at })
        const [oldest] = texts.keys()
        if (texts.size > MOST && oldest !== undefined) texts.delete(oldest)
      }
    },

    /**
     * Operations of another window, which already show. `valueAt` reads what a path has now: an own text that is not confirmed yet
     * stays on top, and a text that contains the own one has lost nothing.
     */
    received(ops: readonly Op[], at: number, valueAt: (path: string) => unknown): Overwritten[] {
      const lost: Overwritten[] = []
      for (const [path, mine] of [...texts]) {
        if (at - mine.at > RECENT_MS || !ops.some((op) => op.op === 'set' && contains(op.path, path))) continue
        const current = valueAt(path)
        if (typeof current !== 'string' || current === mine.text) continue
        texts.delete(path)
        if (!current.includes(mine.text)) lost.push({ path, text: mine.text, current })
      }
      return lost
    },

    /** The window shows another room. */
    clear: () => texts.clear()
  }
}

/** Whether a place in the document is at or inside another one, by their paths. */
export function contains(outer: string, inner: string): boolean {
  return outer === '' || inner === outer || inner.startsWith(`${outer}.`) || inner.startsWith(`${outer}[`)
}
