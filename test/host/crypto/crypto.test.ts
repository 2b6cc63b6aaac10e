import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import {
  createBlindIndex,
  createFieldCipher,
  createPayloadCipher,
  createResponseCipher,
  createSigner,
  createVerifier,
  generateKey,
  parseKeySet,
} from '../../../plugins/host/crypto/index.ts'
import { lengthPrefixed } from '../../../plugins/host/crypto/envelope.ts'
import { createSubkeys } from '../../../plugins/host/crypto/subkeys.ts'

const key = (id: string, fill: number): string => `${id}:${Buffer.alloc(32, fill).toString('base64')}`
const place = { table: 'messaging_message', column: 'body', rowId: 'row-1', agencyId: 'agency-1' }
const refused = { message: 'ciphertext refused' }

t.test('key sets: the first is current, and what is wrong is said without the key', async (t) => {
  t.same(
    parseKeySet(`${key('b', 2)}, ${key('a-1', 1)}`).map(({ id }) => id),
    ['b', 'a-1'],
  )
  t.match(parseKeySet(generateKey('prod-7')), [{ id: 'prod-7' }])
  const secret = Buffer.alloc(32, 7).toString('base64')
  const wrong = [
    '',
    'a',
    ':',
    `A:${secret}`,
    `${'x'.repeat(17)}:${secret}`,
    `a:${secret}x`,
    `a:${secret.slice(4)}`,
    `a: ${secret}`,
    `a:${secret},`,
    `a:${secret},a:${secret}`,
  ]
  for (const text of wrong) {
    const told = t.throws(() => parseKeySet(text), Error, text) as unknown as Error
    t.notMatch(String(told), secret.slice(0, 20))
  }
  t.throws(() => parseKeySet(`a:${Buffer.alloc(32, 255).toString('base64url')}`), 'base64url is not base64')
})

t.test('a sealed field opens where it was sealed and nowhere else', async (t) => {
  const cipher = createFieldCipher(parseKeySet(key('k1', 1)))
  const sealed = cipher.seal('Grüße 👋 \u0000', place)
  t.equal(cipher.open(sealed, place), 'Grüße 👋 \u0000')
  t.equal(cipher.open(cipher.seal('', place), place), '', 'the empty text')
  t.notOk(sealed.includes('Gr'), 'the text is not in it')
  t.notSame(cipher.seal('x', place), cipher.seal('x', place), 'equal texts do not show')
  for (const name of ['table', 'column', 'rowId', 'agencyId'] as const) {
    t.throws(() => cipher.open(sealed, { ...place, [name]: `${place[name]}x` }), refused, name)
  }
  t.throws(
    () => cipher.open(sealed, { ...place, table: 'messaging_messageb', column: 'ody' }),
    refused,
    'parts cannot be shifted into one another',
  )
})

t.test('every bit of a ciphertext counts', async (t) => {
  const cipher = createFieldCipher(parseKeySet(key('k1', 1)))
  const sealed = cipher.seal('ten letters', place)
  for (let bit = 0; bit < sealed.length * 8; bit += 1) {
    const wrong = Buffer.from(sealed)
    wrong[bit >> 3]! ^= 1 << (bit & 7)
    try {
      cipher.open(wrong, place)
      t.fail(`bit ${bit} was ignored`)
    } catch (error) {
      if ((error as Error).message !== refused.message) t.fail(`bit ${bit}: ${(error as Error).message}`)
    }
  }
  for (let length = 0; length < sealed.length; length += 1) t.throws(() => cipher.open(sealed.subarray(0, length), place), refused)
  t.throws(() => cipher.open(Buffer.concat([sealed, Buffer.of(0)]), place), refused)
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
    try {
      cipher.open(Buffer.from(bytes), place)
      return false
    } catch (error) {
      return (error as Error).message === refused.message
    }
  })) // prettier-ignore
})

t.test('keys rotate: new ones seal, old ones open, removed ones are gone', async (t) => {
  const before = createFieldCipher(parseKeySet(key('k1', 1)))
  const during = createFieldCipher(parseKeySet(`${key('k2', 2)},${key('k1', 1)}`))
  const after = createFieldCipher(parseKeySet(key('k2', 2)))
  const old = before.seal('old', place)
  const fresh = during.seal('fresh', place)
  t.equal(during.open(old, place), 'old')
  t.equal(after.open(fresh, place), 'fresh')
  t.throws(() => before.open(fresh, place), refused)
  t.throws(() => after.open(old, place), refused)
  const impostor = createFieldCipher(parseKeySet(key('k1', 9)))
  t.throws(() => impostor.open(old, place), refused, 'another key of the same id')
})

t.test('any text and place comes back; purposes do not mix', async (t) => {
  const keys = parseKeySet(key('k1', 1))
  const cipher = createFieldCipher(keys)
  const text = fc.string({ unit: 'grapheme' })
  fc.assert(
    fc.property(
      text,
      text,
      text,
      text,
      text,
      (plain, table, column, rowId, agencyId) =>
        cipher.open(cipher.seal(plain, { table, column, rowId, agencyId }), { table, column, rowId, agencyId }) === plain,
    ),
  )
  const parts = fc.array(text, { maxLength: 4 })
  fc.assert(
    fc.property(
      parts,
      parts,
      (one, other) => lengthPrefixed(one).equals(lengthPrefixed(other)) === (JSON.stringify(one) === JSON.stringify(other)),
    ),
  )
  const payloads = createPayloadCipher(keys)
  const responses = createResponseCipher(keys)
  const event = { agencyId: 'a', eventId: 'e', column: 'payload' } as const
  const answer = { agencyId: 'a', userId: 'u', operation: 'o', key: 'k' }
  t.equal(payloads.open(payloads.seal('{}', event), event), '{}')
  t.throws(() => payloads.open(payloads.seal('{}', event), { ...event, column: 'changes' }), refused)
  t.throws(() => payloads.open(payloads.seal('{}', event), { ...event, agencyId: 'b' }), refused)
  t.equal(responses.open(responses.seal('{}', answer), answer), '{}')
  for (const name of ['agencyId', 'userId', 'operation', 'key'] as const)
    t.throws(() => responses.open(responses.seal('{}', answer), { ...answer, [name]: 'z' }), refused, name)
  t.throws(() => responses.open(cipher.seal('{}', place), answer), refused)
})

t.test('derived keys are bounded and forgotten ones come back the same', async (t) => {
  const subkeys = createSubkeys(parseKeySet(key('k1', 1)), 'test', 4)
  const first = subkeys.of('k1', 'agency-0')!.export()
  for (let agency = 1; agency < 20; agency += 1) subkeys.of('k1', `agency-${agency}`)
  t.same(subkeys.of('k1', 'agency-0')!.export(), first)
  t.notSame(subkeys.of('k1', 'agency-1')!.export(), first)
  t.equal(subkeys.of('k2', 'agency-0'), undefined)
})

t.test('blind indexes: equal values of one purpose meet, under every key of a rotation', async (t) => {
  const old = createBlindIndex(parseKeySet(key('i1', 1)))
  const both = createBlindIndex(parseKeySet(`${key('i2', 2)},${key('i1', 1)}`))
  t.equal(old.index('email', 'a@b.example').length, 32)
  t.same(old.index('email', 'a@b.example'), old.index('email', 'a@b.example'))
  t.notSame(old.index('email', 'a@b.example'), old.index('phone', 'a@b.example'))
  t.notSame(old.index('ab', 'c'), old.index('a', 'bc'))
  t.same(both.candidates('email', 'x'), [both.index('email', 'x'), old.index('email', 'x')])
  t.notSame(both.index('email', 'x'), old.index('email', 'x'))
})

t.test('signatures: of the named key, over exactly the text', async (t) => {
  const seed = randomBytes(32).toString('base64')
  const signer = createSigner(seed)
  const signed = signer.sign('heads')
  const verifier = createVerifier([createSigner(randomBytes(32).toString('base64')).publicKey, signer.publicKey])
  t.equal(verifier.keyIds.length, 2)
  t.equal(verifier.verify('heads', signed), true)
  t.equal(verifier.verify('heads ', signed), false)
  t.equal(verifier.verify('heads', { ...signed, key: verifier.keyIds[0]! }), false)
  t.equal(verifier.verify('heads', { ...signed, signature: 'no base64!' }), false)
  t.equal(createVerifier([]).verify('heads', signed), false)
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.from(seed, 'base64')]).toString('base64')
  t.equal(createSigner(pkcs8).keyId, signer.keyId, 'a PKCS #8 key and its seed are one key')
  const told: string[] = []
  for (const wrong of ['', 'no', `${seed}AAAA`, randomBytes(48).toString('base64'), Buffer.from('302e', 'hex').toString('base64')]) {
    told.push(String(t.throws(() => createSigner(wrong), wrong)))
  }
  t.notMatch(told.join(), seed.slice(0, 12))
  t.throws(() => createVerifier(['AAAA']))
})
