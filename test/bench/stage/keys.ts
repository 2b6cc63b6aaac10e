import { generateKeyPairSync } from 'node:crypto'
import { generateKey, parseKeySet } from '../../../plugins/host/crypto/index.ts'

/** Keys of one run, as the environment carries them. */
export const makeKeys = () => {
  const signing = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64')
  const fields = generateKey('bench')
  const env = {
    FIELD_KEYS: fields,
    INDEX_KEYS: generateKey('bench'),
    DOCUMENT_KEYS: generateKey('bench'),
    AUDIT_KEYS: generateKey('bench'),
    AUDIT_SIGNING_KEY: signing,
  }
  return { env, fields: parseKeySet(fields) }
}

export type BenchKeys = ReturnType<typeof makeKeys>
