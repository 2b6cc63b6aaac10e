/** One line of the table. */
export interface Row {
  readonly name: string
  /** What the service reaches, in `unit`. */
  readonly value: number
  readonly unit: string
  /** What it is held against, in the same unit; null where it stands for itself. */
  readonly reference: number | null
  /** Value to reference. */
  readonly ratio: number | null
  /** What must hold, as it is printed. */
  readonly must: string
  readonly holds: boolean
}

/** A line that is held against a bound alone. */
export const bounded = (name: string, value: number, unit: string, most: number): Row => ({
  name, value, unit, reference: null, ratio: null, must: `<= ${most} ${unit}`, holds: value <= most,
}) // prettier-ignore

/** A share of which nothing may be missing. */
export const whole = (name: string, count: number, of: number): Row => ({
  name, value: count / of, unit: 'of 1', reference: null, ratio: null, must: '= 1', holds: of > 0 && count === of,
}) // prettier-ignore

const shown = (value: number | null): string => {
  if (value === null) return ''
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US').replaceAll(',', ' ')
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2)
}

const cells = (row: Row): string[] => [
  row.name,
  shown(row.value),
  row.unit,
  shown(row.reference),
  row.ratio === null ? '' : row.ratio.toFixed(2),
  row.must,
  row.holds ? 'yes' : 'NO',
]

const heads = ['what', 'value', 'unit', 'reference', 'ratio', 'must', 'holds']
const rightAligned = new Set([1, 3, 4])

/** The table for people. */
export const table = (rows: readonly Row[]): string => {
  const lines = [heads, ...rows.map(cells)]
  const widths = heads.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, column) => (rightAligned.has(column) ? text.padStart(widths[column]!) : text.padEnd(widths[column]!)))
      .join('  ')
      .trimEnd()
  return [line(heads), widths.map((width) => '-'.repeat(width)).join('  '), ...lines.slice(1).map(line)].join('\n')
}

const rounded = (value: number | null): number | null => (value === null ? null : Number(value.toPrecision(5)))

/** The same for machines. */
export const json = (rows: readonly Row[]): string =>
  JSON.stringify({
    rows: rows.map((row) => ({ ...row, value: rounded(row.value), reference: rounded(row.reference), ratio: rounded(row.ratio) })),
  })
