/** The members of a longest increasing subsequence of distinct numbers, in O(n log n). */
export function longestIncreasing(numbers: readonly number[]): Set<number> {
  const tails: number[] = [] // tails[n]: the position of the least number that ends an increasing sequence of n + 1
  const previous: number[] = [] // by position: the position of the previous number of its sequence, or -1
  numbers.forEach((number, i) => {
    const valueOf = (tail: number): number => numbers[tails[tail] ?? -1] ?? -1
    let high = tails.length
    let low = valueOf(high - 1) < number ? high : 0 // most items are in order
    while (low < high) {
      const middle = (low + high) >> 1
      if (valueOf(middle) < number) low = middle + 1
      else high = middle
    }
    previous[i] = tails[low - 1] ?? -1
    tails[low] = i
  })
  const members = new Set<number>()
  for (let i = tails.at(-1) ?? -1; i >= 0; i = previous[i] as number) members.add(numbers[i] as number)
  return members
}
