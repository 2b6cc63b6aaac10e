import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The documents that every provider must prove, as files to try uploads with. */
export const demoDocuments = ['medical_license', 'board_certification', 'malpractice_insurance'] as const

/** A page of PDF 1.4 that says a text, with its cross-reference table. @see ISO 32000-1, 7.5 */
export const demoPdf = (text: string): Buffer => {
  const content = `BT /F1 14 Tf 72 720 Td (${text}) Tj ET`
  const bodies = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>',
    `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
  ]
  const objects = bodies.map((body, index) => `${index + 1} 0 obj\n${body}\nendobj\n`)
  const head = '%PDF-1.4\n'
  const offsets = objects.map((_, index) => head.length + objects.slice(0, index).join('').length)
  const rows = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('')
  const size = objects.length + 1
  const start = head.length + objects.join('').length
  const table = `xref\n0 ${size}\n0000000000 65535 f \n${rows}trailer\n<< /Size ${size} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`
  return Buffer.from(head + objects.join('') + table, 'latin1')
}

/** Writes a document of each type to `DATA_DIR/demo`, once: a file that is there stays as it is. */
export const writeDemoDocuments = (dataDir: string): void => {
  for (const type of demoDocuments) {
    const path = join(dataDir, 'demo', `${type}.pdf`)
    if (!existsSync(path)) writeFileSync(path, demoPdf(`A ${type.replaceAll('_', ' ')} of the demo`))
  }
}
