import { refuseFile } from '../inspect/parser.ts'
import type { Scanner } from './scanner.ts'

// In parts, so that no scanner takes this file for what it looks for.
const signature = Buffer.from(['X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR', 'STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'].join('-'), 'latin1')

/** So many bytes of two chunks can be parts of one signature. */
const seam = signature.length - 1

/**
 * Without a scanner: refuses the EICAR test signature, wherever it stands, and says of everything else that nobody scanned it.
 * @see https://www.eicar.org/download-anti-malware-testfile/
 */
export const eicarScanner: Scanner = {
  async open() {
    let before: Buffer = Buffer.alloc(0)
    let found = false
    return {
      see(chunk) {
        found ||= chunk.includes(signature) || Buffer.concat([before, chunk.subarray(0, seam)]).includes(signature)
        before = Buffer.concat([before, chunk.subarray(-seam)]).subarray(-seam)
      },
      async end() {
        if (found) throw refuseFile('malware')
        return 'not-scanned'
      },
      close() {},
    }
  },
}
