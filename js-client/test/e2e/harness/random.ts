// Repeatable random numbers: the same seed gives the same sequence.

export interface Random {
  /** At least 0, less than 1. */
  (): number
  /** An integer, at least 0, less than `n`. */
  below(n: number): number
  pick<T>(choices: readonly T[]): T
}

/** The default seed: `SEED=7 npm run e2e` sets another one. */
export const seed = Number(process.env.SEED ?? 1)

/** mulberry32: small, and sufficient to choose faults and edits. */
export function createRandom(start: number): Random {
  let state = start >>> 0
  const random = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (n: number) => Math.floor(random() * n)
  return Object.assign(random, { below, pick: <T>(choices: readonly T[]) => choices[below(choices.length)] as T })
}
