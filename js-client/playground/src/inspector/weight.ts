/** About how many characters a value has as JSON. */
export function weigh(value: unknown): number {
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null) return 4
  let sum = 2
  for (const [key, part] of Object.entries(value)) sum += key.length + weigh(part)
  return sum
}
