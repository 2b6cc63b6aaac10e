/** The folder of what one instance writes from `start` on, in ISO 8601. Names are in the order of time. */
export const folderName = (start: string, instance: string, number: number): string =>
  `${start.replace(/[-:.Z]/g, '')}.${instance}.${String(number).padStart(6, '0')}`

export const isFolder = /^\d{8}T\d{9}\.[A-Za-z0-9-]{1,64}\.\d{6}$/

const largest = 99_999_999

/** An object of a folder: the later it was written, the earlier it is listed. */
export const objectName = (number: number, kind: 'lines' | 'sum'): string =>
  `${String(largest - number).padStart(8, '0')}${kind === 'sum' ? '.sum' : ''}.ndjson`

export const isObject = /^\d{8}(?:\.sum)?\.ndjson$/
export const isSum = (name: string): boolean => name.endsWith('.sum.ndjson')
