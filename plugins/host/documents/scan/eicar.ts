import { refuseFile } from '../inspect/parser.ts'
import type { Scanner } from './scanner.ts'

// In parts, so that no scanner takes this file for what it looks for.
const signature = Buffer.from(['X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR', 'STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'].join('-'), 'latin1')

/**
 * Without a scanner: refuses the EICAR test signature, wherever it stands, and says of everything else that nobody scanned it.
 * @see https://www.eicar.org/download-anti-malware-testfile/
 */
export const eicarScanner: Scanner = {
  async open() {
    let before = Buffer.alloc(0)
    let found = false
    return {
      see(chunk) {
        const whole = Buffer.concat([before, chunk])
        found ||= whole.includes(signature)
        before = whole.subarray(Math.max(0, whole.length - signature.length + 1))
      },
      async end() {
        if (found) throw refuseFile('malware')
        return 'not-scanned'
      },
      close() {},
    }
  },
}
