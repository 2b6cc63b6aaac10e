import { randomBytes } from 'node:crypto'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { deflateSync } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import type { Capability } from '../../../config/contract.ts'
import type { DocumentType } from '../../../domain/shared/documents.ts'
import { newId } from '../../../domain/shared/ids.ts'
import { Refusal } from '../../../domain/shared/refusal.ts'
import { checkOperation } from '../../../plugins/host/contract-check.ts'
import { parseKeySet, generateKey } from '../../../plugins/host/crypto/index.ts'
import { createDataKeys } from '../../../plugins/host/documents/data-keys.ts'
import { dispositionOf, plainName } from '../../../plugins/host/documents/filename.ts'
import { headBytes, inspectionOf, typeOfFile } from '../../../plugins/host/documents/inspect/inspect.ts'
import { clamdScanner } from '../../../plugins/host/documents/scan/clamd.ts'
import { eicarScanner } from '../../../plugins/host/documents/scan/eicar.ts'
import type { Scanner } from '../../../plugins/host/documents/scan/scanner.ts'
import { openContent, sealContent, sealedSize, segmentBytes } from '../../../plugins/host/documents/segments.ts'
import type { Manifest, Service } from '../../../plugins/host/define-context.ts'
import type { AnyOperation } from '../../../routes/shared/operation.ts'
import { strict } from '../../../routes/shared/schemas.ts'
import { eicar, jpegFile, jpegSegment, largePdf, pdfFile, pdfStream, pngChunk, pngFile, zipEnd } from '../../fixtures/files.ts'

const agencyId = newId()
const place = { agencyId, objectKey: `${agencyId}/${newId()}` }
const key = randomBytes(32)

/** A stream of a buffer, in chunks of this size. */
async function* chunks(content: Buffer, size = 10_000): AsyncGenerator<Buffer> {
  for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size)
}

const collect = async (source: AsyncIterable<Buffer>): Promise<Buffer> => {
  const parts: Buffer[] = []
  for await (const part of source) parts.push(part)
  return Buffer.concat(parts)
}

const sealed = (content: Buffer, at = place, under = key): Promise<Buffer> => collect(sealContent(chunks(content), under, at))
const opened = (content: Buffer, at = place, under = key): Promise<Buffer> => collect(openContent(chunks(content, 7_777), under, at))

const head = 37
const segment = segmentBytes + 16

t.test('what is sealed opens again, whatever its size and however it arrives', async (t) => {
  const sizes = fc.constantFrom(0, 1, segmentBytes - 1, segmentBytes, segmentBytes + 1, 2 * segmentBytes, 2 * segmentBytes + 5)
  const property = fc.asyncProperty(sizes, fc.integer({ min: 100, max: 200_000 }), async (size, chunk) => {
    const content = randomBytes(size)
    const whole = await collect(sealContent(chunks(content, chunk), key, place))
    if (whole.length !== sealedSize(size)) throw new Error('another size than was foretold')
    if (!(await collect(openContent(chunks(whole, chunk), key, place))).equals(content)) throw new Error('another content')
  })
  await t.resolves(fc.assert(property, { numRuns: 30 }))
})

t.test('whatever is changed, moved, cut, doubled or brought from elsewhere is refused, and nothing of it is released', async (t) => {
  const content = randomBytes(3 * segmentBytes + 100)
  const whole = await sealed(content)
  const cut = (from: number, to: number): Buffer => whole.subarray(from, to)
  const first = cut(0, head)
  const [one, two, three, rest] = [
    cut(head, head + segment),
    cut(head + segment, head + 2 * segment),
    cut(head + 2 * segment, head + 3 * segment),
    cut(head + 3 * segment, whole.length),
  ]
  const flipped = (at: number): Buffer => {
    const copy = Buffer.from(whole)
    copy[at]! ^= 1
    return copy
  }
  const foreign = await sealed(content)
  const cases: [string, Buffer][] = [
    ['a changed head', flipped(3)],
    ['another salt', flipped(20)],
    ['a changed byte', flipped(head + 5)],
    ['a changed last byte', flipped(whole.length - 1)],
    ['two segments in another order', Buffer.concat([first, two, one, three, rest])],
    ['a segment left out', Buffer.concat([first, one, three, rest])],
    ['a segment twice', Buffer.concat([first, one, one, two, three, rest])],
    ['the end cut off at a segment', Buffer.concat([first, one, two, three])],
    ['the end cut off within one', cut(0, whole.length - 20)],
    ['something behind the end', Buffer.concat([whole, Buffer.from('x')])],
    ['a segment of another content', Buffer.concat([first, foreign.subarray(head, head + segment), two, three, rest])],
    ['nothing but a head', first],
    ['nothing', Buffer.alloc(0)],
  ]
  for (const [what, changed] of cases) await t.rejects(opened(changed), { code: 'ERR_SEALED_CONTENT' }, what)
  await t.rejects(opened(whole, { ...place, objectKey: `${agencyId}/${newId()}` }), { code: 'ERR_SEALED_CONTENT' }, 'another place')
  await t.rejects(opened(whole, { ...place, agencyId: newId() }), { code: 'ERR_SEALED_CONTENT' }, 'another agency')
  await t.rejects(opened(whole, place, randomBytes(32)), { code: 'ERR_SEALED_CONTENT' }, 'another key')

  const released: Buffer[] = []
  const reading = async (): Promise<void> => {
    for await (const part of openContent(chunks(flipped(head + segment + 9)), key, place)) released.push(part)
  }
  await t.rejects(reading())
  t.ok(Buffer.concat(released).equals(content.subarray(0, segmentBytes)), 'the proved segment alone was released')
})

t.test('data keys open for their owner alone, and not without the key that wraps them', async (t) => {
  const [one, other] = [generateKey('k1'), generateKey('k2')]
  const owner = { agencyId, ownerId: newId() }
  const made = createDataKeys(parseKeySet(one)).make(owner, Date.now())
  t.ok(
    createDataKeys(parseKeySet(`${other},${one}`))
      .unwrap(owner, made.id, made.wrapped)
      .equals(made.key),
    'after a rotation',
  )
  t.equal(createDataKeys(parseKeySet(`${other},${one}`)).wrapsWith, 'k2')
  const gone = createDataKeys(parseKeySet(other))
  t.throws(() => gone.unwrap(owner, made.id, made.wrapped), { message: 'ciphertext refused' })
  const keys = createDataKeys(parseKeySet(one))
  t.throws(() => keys.unwrap({ ...owner, ownerId: newId() }, made.id, made.wrapped), { message: 'ciphertext refused' })
  t.throws(() => keys.unwrap({ ...owner, agencyId: newId() }, made.id, made.wrapped), { message: 'ciphertext refused' })
  t.throws(() => keys.unwrap(owner, newId(), made.wrapped), { message: 'ciphertext refused' })
})

const all: readonly DocumentType[] = ['application/pdf', 'image/jpeg', 'image/png']

/** The rule that a file breaks, with its reason where that is not the default, or the type that it has. */
const verdict = async (content: Buffer, claim: { contentType?: string; filename?: string } = {}, size = 10_000): Promise<string> => {
  try {
    const said = { contentType: claim.contentType ?? null, filename: claim.filename ?? null }
    const type = await typeOfFile(content.subarray(0, headBytes), said, all)
    const inspection = inspectionOf(type)
    try {
      for await (const chunk of chunks(content, size)) await inspection.see(chunk)
      await inspection.end()
    } finally {
      inspection.close()
    }
    return type
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const rule = error.details.errors?.[0]?.rule ?? error.code
    return error.reason === 'default' ? rule : `${error.reason}: ${rule}`
  }
}

t.test('a file is what its content says, and its claims must agree', async (t) => {
  const [pdf, jpeg, png] = [pdfFile(), jpegFile(), pngFile()]
  const executable = Buffer.concat([Buffer.from('MZ\u0090\0\u0003\0\0\0\u0004\0\0\0', 'latin1'), Buffer.alloc(500)])
  const cases: [string, string, Buffer, { contentType?: string; filename?: string }][] = [
    ['a PDF', 'application/pdf', pdf, { contentType: 'application/pdf', filename: 'Licence 2026.pdf' }],
    ['a JPEG', 'image/jpeg', jpeg, { contentType: 'image/jpeg', filename: 'scan.JPEG' }],
    ['a PNG', 'image/png', png, { contentType: 'image/png; x=y', filename: 'scan.png' }],
    ['a file of which nothing is said', 'application/pdf', pdf, {}],
    ['one that is said to be bytes', 'image/png', png, { contentType: 'application/octet-stream' }],
    ['a name with a full stop in it', 'application/pdf', pdf, { filename: 'Dr. Ng' }],
    ['a name that ends in a year', 'application/pdf', pdf, { filename: 'licence.2026' }],
    ['a renamed executable', 'media-type: type', executable, { contentType: 'application/pdf', filename: 'licence.pdf' }],
    ['a ZIP', 'media-type: type', Buffer.concat([Buffer.from('PK\u0003\u0004', 'latin1'), Buffer.alloc(100)]), { filename: 'a.pdf' }],
    ['a text', 'media-type: type', Buffer.from('hello'), { contentType: 'application/pdf' }],
    ['a GIF', 'media-type: type', Buffer.from('GIF89a\u0001\0\u0001\0', 'latin1'), {}],
    ['an SVG', 'media-type: type', Buffer.from('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'), {}],
    ['a page of HTML', 'media-type: type', Buffer.from('<!doctype html><script>1</script>'), {}],
    ['a PNG that is said to be a PDF', 'media-type: type', png, { contentType: 'application/pdf' }],
    ['a PDF that is said to be a PNG', 'media-type: type', pdf, { contentType: 'image/png' }],
    ['a PDF by the name of a program', 'media-type: extension', pdf, { filename: 'licence.pdf.exe' }],
    ['a PNG by the name of a PDF', 'media-type: extension', png, { filename: 'licence.pdf' }],
    ['nothing', 'empty', Buffer.alloc(0), { contentType: 'application/pdf' }],
    ['a PDF that begins later', 'media-type: type', Buffer.concat([Buffer.from('\n\n'), pdf]), {}],
  ]
  for (const [what, expected, content, claim] of cases) t.equal(await verdict(content, claim), expected, what)
})

const bomb = (mebibytes: number): Buffer => deflateSync(Buffer.alloc(mebibytes * 1024 * 1024), { level: 1 })
const endless = bomb(129)
const flate = '/Filter /FlateDecode'
const letters = (content: Buffer): Buffer => Buffer.from(`${content.toString('hex')}>`)

t.test('a PDF is read to its end, and into its streams', async (t) => {
  const good: [string, Buffer][] = [
    ['a plain one', pdfFile()],
    ['one of version 2.0', pdfFile({ version: '2.0' })],
    ['a large one', largePdf(300_000)],
    ['one that was changed and saved again', Buffer.concat([pdfFile(), Buffer.from('5 0 obj\n<< /Changed true >>\nendobj\nxref\n0 0\ntrailer\n<< /Prev 9 >>\nstartxref\n12\n%%EOF\r\n')])],
    ['a stream in letters', pdfFile({ objects: [pdfStream(letters(deflateSync(Buffer.from('text'))), '/Filter [/ASCIIHexDecode /FlateDecode]')] })],
    ['an image', pdfFile({ objects: [pdfStream(randomBytes(500), '/Subtype /Image /Width 100 /Height 100 /Filter /DCTDecode')] })],
    ['bytes that only begin like deflated ones', pdfFile({ objects: [pdfStream(Buffer.concat([Buffer.from([0x78, 0x9c]), randomBytes(500)]))] })],
    ['letters that are a name elsewhere', pdfFile({ objects: [pdfStream(Buffer.from('a /JS b and upstream\nof it'), '/Filter /DCTDecode')] })],
    ['a broken stream that only holds a picture', pdfFile({ objects: [pdfStream(Buffer.from('no deflate'), flate)] })],
    ['the word stream in its text', pdfFile({ text: 'a stream of\\nwords' })],
    ['objects in a stream', pdfFile({ objects: [pdfStream(deflateSync(Buffer.from('7 0 << /Type /Font >>')), `/Type /ObjStm ${flate}`)] })],
    ['a name that only begins like one that acts', pdfFile({ catalogue: '/JSON true /LaunchPad 1' })],
  ] // prettier-ignore
  for (const [what, content] of good) {
    t.equal(await verdict(content), 'application/pdf', what)
    t.equal(await verdict(content, {}, 1_021), 'application/pdf', `${what}, in pieces`)
  }
  const objects = (text: string): Buffer => pdfStream(deflateSync(Buffer.from(text)), `/Type /ObjStm ${flate}`)
  const bad: [string, string, Buffer][] = [
    ['one that is cut short', 'truncated', pdfFile().subarray(0, -20)],
    ['one that ends within a stream', 'truncated', largePdf(50_000).subarray(0, 30_000)],
    ['one that ends in half', 'truncated', largePdf(50_000).subarray(0, -300)],
    ['something behind its end', 'trailing-data', Buffer.concat([pdfFile(), Buffer.from('<script>')])],
    ['an archive behind its end', 'polyglot', Buffer.concat([pdfFile(), zipEnd()])],
    ['an archive whose comment is the end', 'polyglot', Buffer.concat([pdfFile().subarray(0, -60), zipEnd(), pdfFile().subarray(-60)])],
    ['an archive within a stream', 'polyglot', pdfFile({ objects: [pdfStream(zipEnd())] })],
    ['a stream that expands without end', 'expansion', pdfFile({ objects: [pdfStream(endless, flate)] })],
    ['the same in letters', 'expansion', pdfFile({ objects: [pdfStream(letters(endless), '/Filter [/AHx /Fl]')] })],
    ['streams that do together', 'expansion', pdfFile({ objects: Array<Buffer>(3).fill(pdfStream(bomb(100), flate)) })],
    ['a stream in a stream', 'expansion', pdfFile({ objects: [pdfStream(deflateSync(bomb(1)), '/Filter [/FlateDecode /FlateDecode]')] })],
    ['the same under other spellings', 'expansion', pdfFile({ objects: [pdfStream(Buffer.from('x'), '/Filter [/Fl#61teDecode /Fl]')] })],
    ['a stream behind a string that reads as one', 'damaged', pdfFile({ objects: [pdfStream(endless, `/X (stream\n) ${flate}`)] })],
    ['a stream within a stream', 'damaged', pdfFile({ objects: [pdfStream(pdfStream(endless, flate))] })],
    ['a stream that seems to end before it does', 'damaged', pdfFile({ objects: [pdfStream(Buffer.concat([Buffer.from('endstream'), endless]))] })],
    ['an expanding stream that is said to be plain', 'expansion', pdfFile({ objects: [pdfStream(endless)] })],
    ['one whose dictionary is long', 'expansion', pdfFile({ objects: [pdfStream(endless, `${flate} /Y (${'y'.repeat(20_000)})`)] })],
    ['a filter by reference', 'filter', pdfFile({ objects: [pdfStream(Buffer.from('x'), '/Filter 9 0 R')] })],
    ['a filter behind a remark', 'filter', pdfFile({ objects: [pdfStream(Buffer.from('x'), '/Filter %\n/LZWDecode')] })],
    ['filters of which one is by reference', 'filter', pdfFile({ objects: [pdfStream(Buffer.from('x'), '/Filter [/FlateDecode 9 0 R]')] })],
    ['a picture larger than any screen', 'dimensions', pdfFile({ objects: [pdfStream(Buffer.from('x'), '/Width 99999 /Height 99999')] })],
    ['compression that nobody counts', 'filter', pdfFile({ objects: [pdfStream(Buffer.from('x'), '/Filter /LZWDecode')] })],
    ['a script', 'active-content', pdfFile({ catalogue: '/OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >>' })],
    ['a script that is spelled out', 'active-content', pdfFile({ catalogue: '/AA << /S /J#61vaScript >>' })],
    ['a program to launch', 'active-content', pdfFile({ objects: ['<< /S /Launch /F (cmd.exe) >>'] })],
    ['a file in the file', 'active-content', pdfFile({ catalogue: '/Names << /EmbeddedFiles 9 0 R >>' })],
    ['a script in a plain stream', 'active-content', pdfFile({ objects: [pdfStream(Buffer.from('9 0 obj << /S /JavaScript /JS (x) >>'))] })],
    ['a script behind a string that reads as a stream', 'active-content', pdfFile({ catalogue: '/X (stream\n) /AA << /S /J#61vaScript >> /Y (endstream)' })],
    ['a script among objects in a stream', 'active-content', pdfFile({ objects: [objects('7 0 << /S /JavaScript >>')] })],
    ['objects in a stream that cannot be read', 'damaged', pdfFile({ objects: [pdfStream(Buffer.from('no deflate'), `/Type /ObjStm ${flate}`)] })],
    ['one that nobody can read', 'encrypted', pdfFile({ catalogue: '/Encrypt 9 0 R' })],
    ['an end that leads nowhere', 'damaged', Buffer.from(pdfFile().toString('latin1').replace(/startxref\n\d+/, 'startxref\n9999999'), 'latin1')],
  ] // prettier-ignore
  for (const [what, expected, content] of bad) {
    t.equal(await verdict(content), expected, what)
    if (content.length < 100_000) t.equal(await verdict(content, {}, 1_021), expected, `${what}, in pieces`)
  }
})

t.test('a PDF is judged by its bytes, wherever the network cuts it', async (t) => {
  const words = pdfFile({
    catalogue: '/X (downstream\n)',
    objects: [pdfStream(Buffer.from('BT (up the\nupstream\nand downstream\n) Tj ET'))],
  })
  const names = `${'/J '.repeat(2_000)}/S /JavaScript `
  const script = pdfFile({ objects: [pdfStream(Buffer.from(names))] })
  for (let size = 1; size <= 300; size += 1) {
    const verdicts = [await verdict(words, {}, size), await verdict(script, {}, size * 40)]
    if (verdicts.join(' ') !== 'application/pdf active-content') t.fail(`in pieces of ${size}: ${verdicts.join(' ')}`)
  }
  t.equal(await verdict(words), 'application/pdf')
})

t.test('pictures are read marker by marker and chunk by chunk', async (t) => {
  const [jpeg, png] = [jpegFile(), pngFile()]
  const behind = (content: Buffer, more: Buffer | string): Buffer => Buffer.concat([content, Buffer.from(more as string)])
  const changed = (content: Buffer, at: number): Buffer => {
    const copy = Buffer.from(content)
    copy[at]! ^= 1
    return copy
  }
  const cases: [string, string, Buffer][] = [
    ['a JPEG with metadata', 'image/jpeg', jpegFile(8, 8, [jpegSegment(0xe1, randomBytes(60_000))])],
    ['a JPEG with a picture behind it', 'image/jpeg', behind(jpeg, jpegFile(16, 16))],
    ['a JPEG that is cut short', 'truncated', jpeg.subarray(0, -2)],
    ['a JPEG without a scan', 'damaged', behind(jpeg.subarray(0, 20), Buffer.from([0xff, 0xd9]))],
    ['a JPEG with a program behind it', 'trailing-data', behind(jpeg, 'MZ and more')],
    ['a JPEG with an archive behind it', 'trailing-data', behind(jpeg, zipEnd())],
    ['a JPEG with an archive in a comment', 'polyglot', jpegFile(8, 8, [jpegSegment(0xfe, zipEnd('x'.repeat(100)))])],
    ['a JPEG that fills no screen', 'dimensions', jpegFile(65_535, 65_535)],
    ['a JPEG of no size', 'dimensions', jpegFile(0, 8)],
    ['a PNG with a text', 'image/png', pngFile(4, 4, [pngChunk('tEXt', Buffer.from('Author\0me'))])],
    ['a PNG that is cut short', 'truncated', png.subarray(0, -6)],
    ['a PNG with a changed byte', 'damaged', changed(png, png.length - 20)],
    ['a PNG with an archive behind it', 'trailing-data', behind(png, zipEnd())],
    ['a PNG with something behind it', 'trailing-data', behind(png, 'and more')],
    ['a PNG that fills no screen', 'dimensions', pngFile(60_000, 60_000)],
    ['a PNG without data', 'damaged', Buffer.concat([png.subarray(0, 33), pngChunk('IEND')])],
    ['a PNG with a second header', 'damaged', pngFile(4, 4, [png.subarray(8, 33)])],
  ]
  for (const [what, expected, content] of cases) {
    t.equal(await verdict(content), expected, what)
    if (content.length < 5_000) t.equal(await verdict(content, {}, 3), expected, `${what}, in pieces`)
  }
})

t.test('a name is a name, and no header can be made of it', async (t) => {
  t.equal(plainName('..\\..\\C:\\papers\\a/b/licence.pdf'), 'licence.pdf')
  t.equal(plainName('li\r\ncence\u202e.pdf'), 'licence.pdf')
  t.equal(plainName(' \u200b '), null)
  t.equal([...plainName('x'.repeat(400))!].length, 255)
  t.equal(dispositionOf('inline', 'licence.pdf'), 'inline; filename="licence.pdf"')
  t.equal(dispositionOf('attachment', null), 'attachment')
  t.equal(dispositionOf('inline', 'a"b;é.pdf'), `inline; filename="a_b;_.pdf"; filename*=UTF-8''a%22b%3B%C3%A9.pdf`)
  const property = fc.property(fc.string({ unit: 'binary' }), (name) => /^[\x20-\x7e]*$/.test(dispositionOf('inline', name)))
  t.doesNotThrow(() => fc.assert(property))
})

t.test('an operation that takes or gives a file is served as it declares, or does not load', (t) => {
  const capabilities = ['transaction', 'documents'] as const
  const manifest: Manifest = {
    name: 'papers', step: null, effects: ['read', 'admin', 'draft'], audience: ['staff'], capabilities, killSwitches: [], tables: [], upstreamHosts: [],
  } // prettier-ignore
  const declared: AnyOperation = {
    name: 'putPaper', summary: 'Store', method: 'POST', path: '/papers', effect: 'admin', audience: ['staff'], scopes: ['providers:write'], audit: 'record',
    upload: { part: 'file', types: all, maxBytes: 1 }, body: strict({}), reply: { status: 201, schema: null },
  } // prettier-ignore
  const uploading: Service<AnyOperation> = { accept: async () => ({ ownerId: '', maxBytes: 1 }), store: async () => ({ body: null }) }
  const transacting: Service<AnyOperation> = { transact: async () => ({ body: null }) }
  const appending: Service<AnyOperation> = { resumable: 'append' }
  const check = (changes: Partial<AnyOperation>, service: Service<AnyOperation>, granted: readonly Capability[] = capabilities) =>
    checkOperation({ ...manifest, capabilities: granted }, { ...declared, ...changes }, service, new Set(['providers:write']))
  const agrees = [{ claim: 'providerId', in: 'body', field: 'x', audiences: ['provider'] }] as const
  const otherwise = 'FR-015 FR-007: putPaper takes a file and is not served as its declaration says.'
  t.doesNotThrow(() => check({}, uploading))
  t.doesNotThrow(() => check({ upload: undefined, resumable: 'append' }, appending))
  const cases: [string, Partial<AnyOperation>, Service<AnyOperation>, (readonly Capability[])?][] = [
    [otherwise, {}, transacting],
    [otherwise, { upload: undefined }, uploading],
    [otherwise, { upload: undefined }, appending],
    [otherwise, { upload: undefined, resumable: 'append' }, transacting],
    [
      'MIG-03 §4, least privilege: putPaper handles documents, and papers was not granted the capability "documents".',
      {},
      uploading,
      ['transaction'],
    ],
    ['MIG-03 §4: putPaper stores a file and has the effect "draft".', { effect: 'draft' }, uploading],
    [
      'FusionEMS part 4, deny by default: putPaper compares a field of a form with the token, and the form is read after that.',
      { agrees },
      uploading,
    ],
  ]
  for (const [message, changes, service, granted] of cases) t.throws(() => check(changes, service, granted), { message })
  t.end()
})

const scanned = async (scanner: Scanner, content: Buffer, size = 1_000): Promise<string> => {
  try {
    const scan = await scanner.open()
    try {
      for await (const chunk of chunks(content, size)) await scan.see(chunk)
      return await scan.end()
    } finally {
      scan.close()
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return `${error.code} ${error.details.errors?.[0]?.rule ?? error.reason}`
  }
}

t.test('without a scanner the test signature is found wherever it stands', async (t) => {
  for (const before of [0, 1, 40, 990, 1_000]) {
    const content = Buffer.concat([Buffer.alloc(before), eicar, Buffer.alloc(500)])
    for (const size of [1, 67, 1_000])
      t.equal(await scanned(eicarScanner, content, size), 'VALIDATION_FAILED malware', `${before}, ${size}`)
  }
  t.equal(await scanned(eicarScanner, eicar.subarray(1)), 'not-scanned')
})

/** As much of clamd as INSTREAM takes, by the letter of its protocol. */
const startClamd = async (behave: (content: Buffer, socket: Socket) => void) => {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    let received = Buffer.alloc(0)
    const content: Buffer[] = []
    let greeted = false
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      if (!greeted && received.length >= 10) {
        greeted = received.subarray(0, 10).toString() === 'zINSTREAM\0'
        if (!greeted) return void socket.end('UNKNOWN COMMAND\0')
        received = received.subarray(10)
      }
      while (greeted && received.length >= 4) {
        const length = received.readUInt32BE()
        if (received.length < 4 + length) return
        if (length === 0) return behave(Buffer.concat(content), socket)
        content.push(received.subarray(4, 4 + length))
        received = received.subarray(4 + length)
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = (): Promise<void> => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(() => resolve()))
  }
  return { port, close, options: { host: '127.0.0.1', port, idleMs: 5_000 } }
}

t.test('clamd is asked in its own words, and what it cannot say is not taken for clean', async (t) => {
  const content = randomBytes(200_000)
  const answers: [string, string, (content: Buffer, socket: Socket) => void][] = [
    ['clean', 'clean', (seen, socket) => void socket.end(seen.equals(content) ? 'stream: OK\0' : 'stream: Other FOUND\0')],
    ['found', 'VALIDATION_FAILED malware', (_, socket) => void socket.end('stream: Win.Test.EICAR_HDB-1 FOUND\0')],
    ['too large for it', 'UPSTREAM_UNAVAILABLE default', (_, socket) => void socket.end('INSTREAM size limit exceeded. ERROR\0')],
    ['nonsense', 'UPSTREAM_UNAVAILABLE default', (_, socket) => void socket.end('x'.repeat(5_000))],
    ['no answer', 'UPSTREAM_UNAVAILABLE timeout', () => {}],
    ['a connection that breaks', 'UPSTREAM_UNAVAILABLE default', (_, socket) => void socket.destroy()],
  ]
  for (const [what, expected, behave] of answers) {
    const clamd = await startClamd(behave)
    t.equal(
      await scanned(clamdScanner({ ...clamd.options, verdictMs: what === 'no answer' ? 50 : 5_000 }), content, 65_536),
      expected,
      what,
    )
    await clamd.close()
  }
  const gone = await startClamd(() => {})
  await gone.close()
  t.equal(await scanned(clamdScanner(gone.options), content), 'UPSTREAM_UNAVAILABLE default', 'nobody there')
})
