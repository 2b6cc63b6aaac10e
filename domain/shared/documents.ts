/** What a stored document can be. What a file is, its content says; its name and its claim only have to agree. */
export const documentTypes = ['application/pdf', 'image/jpeg', 'image/png'] as const
export type DocumentType = (typeof documentTypes)[number]

/** Whether a scanner looked at it: without one only the EICAR signature is refused, and the document says so. */
export type ScanResult = 'clean' | 'not-scanned'

/** No document is larger, whatever a setting says. Bytes. @see FR-015, Screen 2 */
export const largestDocument = 50 * 1024 * 1024
