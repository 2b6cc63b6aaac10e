const ascending = (values: readonly number[]): number[] => [...values].sort((one, other) => one - other)

export const median = (values: readonly number[]): number => {
  const sorted = ascending(values)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** The value that the given share of all values does not exceed (nearest rank). */
export const percentile = (values: readonly number[], share: number): number => {
  const sorted = ascending(values)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}
