import fc from 'fast-check'
import t from 'tap'
import { addDays } from '../../domain/shared/calendar-day.ts'
import { newId } from '../../domain/shared/ids.ts'
import {
  addDocument, administratorNotices, approveDocument, checkManualMail, comingReminders, daysUntilExpiry, documentBlockers, documentsExpired,
  documentsStatusOf, type DocumentStore, documentTypes, isExpired, manualMail, mayUpload, type Notice, providerNotices, type ProviderDocument,
  type ProviderStatus, rejectDocument, requestReupload, standings, type Upload, verifications, verificationStatuses, warningOf, withoutMetadata, wordsOf,
} from '../../domain/provider-administration/index.ts' // prettier-ignore
import { jpegFile, jpegSegment, pdfFile, pngChunk, pngFile } from '../fixtures/files.ts'

const now = new Date('2026-11-21T10:00:00.000Z')
const today = '2026-11-21'
const providerId = newId()

/** A store in memory that keeps what the database's triggers keep. */
const memoryStore = (status: ProviderStatus | null = 'draft') => {
  const rows = new Map<string, ProviderDocument>()
  const change = (id: string, part: Partial<ProviderDocument>): void => {
    const row = rows.get(id)!
    rows.set(id, { ...row, ...part, revision: row.revision + 1 })
  }
  const store: DocumentStore = {
    lockProvider: async () => status,
    all: async () => [...rows.values()].toSorted((one, other) => (one.id < other.id ? 1 : -1)),
    add: async (document) => void rows.set(document.id, document),
    supersede: async (ids) => ids.forEach((id) => change(id, { status: 'superseded' })),
    decide: async ({ id, status, reason, by, at }) => change(id, { status, rejectionReason: reason, verifiedBy: by, verifiedAt: at }),
    request: async (id, { at }) => change(id, { requestedAt: at }),
  }
  return { store, rows: () => [...rows.values()] }
}

const acting = { providerId, userId: 'admin', now, auditId: newId() }
const uploadOf = (type: Upload['type'], expiresOn = '2027-11-21'): Upload => ({
  type, expiresOn, filename: 'licence.pdf', contentType: 'application/pdf', sizeBytes: 3, sha256: 'a'.repeat(64), scan: 'clean', objectKey: newId(),
}) // prettier-ignore
const conflict = { code: 'CONFLICT', reason: 'default' }

t.test('Screen 3: approve from pending or rejected, reject from pending or approved, nothing else', async (t) => {
  t.same(verificationStatuses, ['pending', 'approved', 'rejected', 'superseded'])
  t.same(verifications, [
    { name: 'approval', from: ['pending', 'rejected'] },
    { name: 'rejection', from: ['pending', 'approved'] },
  ])
  const { store } = memoryStore()
  const { id: documentId } = await addDocument(store, uploadOf('medical_license'), acting)
  const asked = { ...acting, documentId }
  const rejected = { ...asked, reason: 'It cannot be read.' }
  t.equal((await approveDocument(store, asked)).after.status, 'approved')
  await t.rejects(approveDocument(store, asked), conflict)
  t.match((await rejectDocument(store, rejected)).after, {
    status: 'rejected',
    rejectionReason: 'It cannot be read.',
    verifiedBy: 'admin',
    revision: 3,
  })
  await t.rejects(rejectDocument(store, rejected), conflict)
  t.match((await approveDocument(store, asked)).after, { status: 'approved', rejectionReason: null })
  await t.rejects(approveDocument(store, { ...asked, documentId: newId() }), { code: 'NOT_FOUND' })
  for (const reason of ['\u200b'.repeat(12), `no${' '.repeat(9)}.`])
    await t.rejects(rejectDocument(store, { ...rejected, reason }), { code: 'VALIDATION_FAILED' }, 'a reason is one that can be read')
  await t.rejects(rejectDocument(store, { ...rejected, expectedRevision: 1 }), { code: 'CONFLICT', reason: 'stale' })
  await t.rejects(rejectDocument(store, { ...rejected, expectedRevision: null }), { code: 'CONFLICT', reason: 'stale' })
  await t.rejects(approveDocument(memoryStore(null).store, asked), { code: 'NOT_FOUND' })
  const acts: (() => Promise<unknown>)[] = [
    () => addDocument(memoryStore('deactivated').store, uploadOf('medical_license'), acting),
    () => approveDocument(memoryStore('deactivated').store, asked),
    () => requestReupload(memoryStore('deactivated').store, asked),
  ]
  for (const act of acts) await t.rejects(act(), conflict, 'a deactivated provider stays as it is')
})

t.test('a new version is pending, and the approved one counts until it is approved', async (t) => {
  const { store, rows } = memoryStore('active')
  const first = await addDocument(store, uploadOf('medical_license', '2026-12-01'), acting)
  await approveDocument(store, { ...acting, documentId: first.id })
  const second = await addDocument(store, uploadOf('medical_license'), acting)
  const statuses = () => rows().map(({ status, version }) => `${version} ${status}`)
  t.same(statuses(), ['1 approved', '2 pending'])
  t.equal(standings(rows())[0]!.approved!.id, first.id)
  await addDocument(store, uploadOf('medical_license'), acting)
  t.same(statuses(), ['1 approved', '2 superseded', '3 pending'], 'one that awaited review makes room')
  await t.rejects(approveDocument(store, { ...acting, documentId: second.id }), conflict)
  await t.rejects(requestReupload(store, { ...acting, documentId: second.id }), conflict)
  await approveDocument(store, { ...acting, documentId: rows()[2]!.id })
  t.same(statuses(), ['1 superseded', '2 superseded', '3 approved'])
  t.equal(warningOf(rows()[2]!.expiresOn, today), 'ok', 'and the warning is gone')
})

t.test('the newest is the last version, whatever its id: an upload that began earlier may end later, on another machine', async (t) => {
  const { store, rows } = memoryStore()
  const type = 'medical_license'
  const of = () => standings(rows())[0]!
  const first = await addDocument(store, uploadOf(type), acting)
  // As of a machine whose ids are far ahead of this one's.
  await store.add({ ...first, id: `f${first.id.slice(1)}`, status: 'superseded', auditId: acting.auditId })
  await store.add({ ...first, version: 2, auditId: acting.auditId })
  const third = await addDocument(store, uploadOf(type), acting)
  t.same(rows().map(({ version, status }) => `${version} ${status}`).sort(), ['1 superseded', '2 superseded', '3 pending']) // prettier-ignore
  await approveDocument(store, { ...acting, documentId: third.id })
  const ahead = { ...first, id: `e${first.id.slice(1)}`, version: 4, status: 'approved' as const, auditId: acting.auditId }
  await store.supersede([third.id], now)
  await store.add(ahead)
  const fifth = await addDocument(store, uploadOf(type), acting)
  t.match(of(), { approved: { id: ahead.id }, latest: { id: fifth.id } })
  await rejectDocument(store, { ...acting, documentId: fifth.id, reason: 'It cannot be read.' })
  await rejectDocument(store, { ...acting, documentId: ahead.id, reason: 'It cannot be read.' })
  await approveDocument(store, { ...acting, documentId: fifth.id })
  t.same(rows().map(({ status }) => status).slice(-2), ['superseded', 'approved'], 'the older one goes') // prettier-ignore
})

t.test('expiry: in the future when it comes, ok over 30 days, soon 7 to 30, urgent under 7 or expired', async (t) => {
  for (const day of ['2026-11-21', '2026-11-20', '2026-02-30', 'tomorrow'])
    await t.rejects(addDocument(memoryStore().store, uploadOf('medical_license', day), acting), { code: 'VALIDATION_FAILED' }, day)
  await t.resolves(addDocument(memoryStore().store, uploadOf('medical_license', '2026-11-22'), acting))
  const by = (days: number) => warningOf(addDays(today, days), today)
  t.same([31, 30, 7, 6, 0, -1].map(by), ['ok', 'soon', 'soon', 'urgent', 'urgent', 'urgent'])
  t.equal(daysUntilExpiry('2027-01-01', '2026-12-31'), 1)
  t.same([1, 0, -1].map((days) => isExpired(addDays(today, days), today)), [false, true, true]) // prettier-ignore
  const { store, rows } = memoryStore()
  const { id: documentId } = await addDocument(store, uploadOf('medical_license', '2026-11-22'), acting)
  const later = new Date('2026-11-23T00:00:00Z')
  await t.rejects(approveDocument(store, { ...acting, now: later, documentId }), conflict, 'one that ran out while it waited')
  await approveDocument(store, { ...acting, documentId })
  t.same([documentsExpired(rows(), today), documentsExpired(rows(), '2026-11-22')], [false, true])
})

t.test('B2: activation is told every reason at once', async (t) => {
  const { store, rows } = memoryStore()
  const missing = (documentType: string) => ({ documentType, cause: 'missing' })
  t.same(documentBlockers([], today), documentTypes.map(missing))
  const license = await addDocument(store, uploadOf('medical_license'), acting)
  const insurance = await addDocument(store, uploadOf('malpractice_insurance'), acting)
  await rejectDocument(store, { ...acting, documentId: insurance.id, reason: 'The wrong insurer.' })
  t.same(documentBlockers(rows(), today), [
    { documentType: 'medical_license', cause: 'pending' },
    missing('board_certification'),
    { documentType: 'malpractice_insurance', cause: 'rejected' },
  ])
  t.equal(documentsStatusOf(rows()), 'incomplete')
  await approveDocument(store, { ...acting, documentId: license.id })
  const board = await addDocument(store, uploadOf('board_certification', '2026-11-25'), acting)
  t.equal(documentsStatusOf(rows()), 'rejected', 'rejected comes before pending')
  await approveDocument(store, { ...acting, documentId: insurance.id })
  t.equal(documentsStatusOf(rows()), 'pending')
  await approveDocument(store, { ...acting, documentId: board.id })
  t.equal(documentsStatusOf(rows()), 'complete')
  t.same(documentBlockers(rows(), today), [])
  const expired = (expiredOn: string) => [{ documentType: 'board_certification', cause: 'expired', expiredOn }]
  t.same(documentBlockers(rows(), '2026-11-25'), expired('2026-11-25'))
  const renewed = await addDocument(store, uploadOf('board_certification', '2026-11-28'), acting)
  t.equal(documentsStatusOf(rows()), 'pending')
  t.same(documentBlockers(rows(), '2026-11-25'), [{ documentType: 'board_certification', cause: 'pending' }])
  t.same(documentBlockers(rows(), '2026-11-28'), expired('2026-11-28'), 'one that ran out while it waited is no more to be approved')
  await rejectDocument(store, { ...acting, documentId: board.id, reason: 'It cannot be read.' })
  t.equal(documentsStatusOf(rows()), 'pending', 'the newest version of a type says how it stands, as in the account’s summary')
  await rejectDocument(store, { ...acting, documentId: renewed.id, reason: 'It cannot be read.' })
  t.same(documentBlockers(rows(), '2026-11-28'), [{ documentType: 'board_certification', cause: 'rejected' }])
})

t.test('a provider sends what is missing, rejected, asked for, expired or about to', async (t) => {
  const { store, rows } = memoryStore('active')
  const type = 'board_certification'
  const own = (day: string) => addDocument(store, uploadOf(type, day), { ...acting, userId: 'provider' }, { own: true })
  const may = (day = today) =>
    mayUpload(
      standings(rows()).find((one) => one.type === type)!,
      day,
    )
  t.ok(may())
  const { id } = await own('2027-06-01')
  t.notOk(may(), 'one awaits review')
  await t.rejects(own('2027-06-01'), conflict)
  await rejectDocument(store, { ...acting, documentId: id, reason: 'It cannot be read.' })
  t.ok(may())
  await approveDocument(store, { ...acting, documentId: id })
  t.same(['2026-11-21', '2027-05-01', '2027-05-02', '2027-06-02'].map(may), [false, false, true, true])
  await requestReupload(store, { ...acting, documentId: id })
  t.ok(may(), 'it is asked for')
  const renewed = await own('2028-06-01')
  t.notOk(may('2027-06-02'), 'and awaits review then')
  await approveDocument(store, { ...acting, documentId: renewed.id })
  t.notOk(may(), 'what was asked for has come')
})

t.test('whatever happens, one version of a type is approved at most, and one awaits review at most', async (t) => {
  const action = fc.record({
    act: fc.constantFrom('add', 'approve', 'reject', 'request'),
    type: fc.constantFrom(...documentTypes),
    pick: fc.nat(20),
  })
  const property = fc.asyncProperty(fc.array(action, { maxLength: 40 }), async (actions) => {
    const { store, rows } = memoryStore()
    for (const { act, type, pick } of actions) {
      const documentId = rows()[pick % Math.max(rows().length, 1)]?.id ?? newId()
      const asked = { ...acting, documentId }
      const done =
        act === 'add' ? addDocument(store, uploadOf(type), acting)
        : act === 'approve' ? approveDocument(store, asked)
        : act === 'reject' ? rejectDocument(store, { ...asked, reason: 'A reason to reject.' })
        : requestReupload(store, asked) // prettier-ignore
      await done.catch((error: unknown) => {
        if (!['CONFLICT', 'NOT_FOUND'].includes((error as { code: string }).code)) throw error
      })
      for (const one of documentTypes) {
        const of = (status: string) => rows().filter((row) => row.type === one && row.status === status)
        if (of('approved').length > 1 || of('pending').length > 1)
          throw new Error(`${act}: ${JSON.stringify(rows().map(({ status }) => status))}`)
      }
      if (documentsStatusOf(rows()) === 'complete' && documentBlockers(rows(), today).length > 0) throw new Error('complete, and blocked')
    }
  })
  await fc.assert(property, { numRuns: 100 })
  t.pass()
})

t.test('reminders 30, 7 and 0 days before, for providers as they will be sent', async (t) => {
  const document = { providerId, providerName: 'Dr. A B', documentId: newId(), documentType: 'medical_license' as const, reminded: null }
  const coming = (expiresOn: string, reminded: number | null, days = 90) =>
    comingReminders([{ ...document, expiresOn, reminded }], today, days).map(({ on, threshold }) => `${on} ${threshold}`)
  t.same(coming('2026-12-21', null), ['2026-11-21 30', '2026-12-14 7', '2026-12-21 0'])
  t.same(coming('2026-12-21', 30), ['2026-12-14 7', '2026-12-21 0'])
  t.same(coming('2027-02-28', null), ['2027-01-29 30'])
  t.same(coming('2027-02-28', null, 30), [])
  t.same(coming('2026-11-20', 0), [])
})

t.test('every notice has its words, none of them a password', async (t) => {
  const facts = { documentType: 'medical_license', reason: 'The licence is expired.', expiresOn: '2026-12-21', daysLeft: 30, tier: { name: 'Standard', rate: '15', count: 12 }, failed: 'activated' } as const // prettier-ignore
  const setting = { providerName: 'Dr. Maria Silva', supportContact: 'help@clinic.example' }
  const said = (kind: Notice) => wordsOf(kind, facts, setting)
  for (const kind of [...providerNotices, ...administratorNotices]) {
    for (const { subject, paragraphs } of [said(kind), wordsOf(kind, {}, { providerName: '', supportContact: '' })]) {
      t.ok(subject.length > 5 && subject.length < 100 && !subject.includes('\n'), `${kind}: ${subject}`)
      t.ok(paragraphs.length > 0 && paragraphs.every((one) => one.length > 5 && !one.includes('undefined')), kind)
    }
  }
  const text = (kind: Notice) => said(kind).paragraphs.join('\n')
  t.match(text('document-approved'), /^Your Medical License has been verified and approved/, 'A4')
  t.match(
    text('document-rejected'),
    /^Your Medical License was not approved\. Reason: The licence is expired\.\nPlease upload a corrected document/,
    'B1',
  )
  t.match(
    text('suspended'),
    /^Your account has been suspended\.\nReason: The licence is expired\.\nContact support for assistance: help@clinic\.example$/,
    'US3.2',
  )
  t.match(text('deactivated'), /help@clinic\.example/)
  t.match(text('document-expiring'), "Reminder: Provider Dr. Maria Silva's Medical License expires in 30 days on 2026-12-21.", 'US5.1')
  t.match(text('tier-changed'), /moved to Standard \(15% commission\) based on 12 procedures completed/, 'US4.2')
})

t.test('a mail by hand is a template with its document, or one to send again', async (t) => {
  const id = newId()
  t.same(manualMail({ resend: id }), { resend: id })
  t.same(manualMail({ template: 'activation' }), { kind: 'activated', template: 'activation', documentType: null })
  t.match(manualMail({ template: 'document-renewal', documentType: 'medical_license' }), { kind: 'document-renewal' })
  for (const asked of [
    {},
    { template: 'activation', resend: id },
    { template: 'document-missing' },
    { template: 'activation', documentType: 'medical_license' },
    { resend: id, documentType: 'medical_license' },
  ] as const)
    // prettier-ignore
    t.throws(() => manualMail(asked), { code: 'VALIDATION_FAILED' }, JSON.stringify(asked))
  for (const status of ['draft', 'suspended', 'deactivated'] as const) t.throws(() => checkManualMail('activation', status), conflict)
  t.doesNotThrow(() => checkManualMail('activation', 'active'))
  t.doesNotThrow(() => checkManualMail('document-missing', 'draft'))
  t.throws(() => checkManualMail('document-missing', 'deactivated'), conflict)
})

const collected = async (content: AsyncIterable<Buffer>): Promise<Buffer> => {
  const pieces: Buffer[] = []
  for await (const piece of content) pieces.push(piece)
  return Buffer.concat(pieces)
}
async function* inPieces(file: Buffer, size: number) {
  for (let at = 0; at < file.length; at += size) yield file.subarray(at, at + size)
}

t.test('a photo loses what it says besides the picture, in whatever pieces it comes', async (t) => {
  const secret = 'GPS 47.6N 122.3W, camera of somebody'
  const colours = jpegSegment(0xee, Buffer.from('Adobe\0d\0\0\0\0\0', 'latin1'))
  const gamma = pngChunk('gAMA', Buffer.from([0, 0, 0xb1, 0x8f]))
  const told = (marker: number, text = secret) => jpegSegment(marker, Buffer.from(text, 'latin1'))
  const jpeg = jpegFile(8, 8, [told(0xe1, `Exif\0\0${secret}`), told(0xed), told(0xfe), colours])
  const texts = ['tEXt', 'eXIf', 'iTXt', 'tIME'].map((type) => pngChunk(type, Buffer.from(secret)))
  const png = pngFile(4, 4, [...texts, gamma])
  for (const size of [1, 2, 7, 64, 10_000]) {
    const plainJpeg = await collected(withoutMetadata(inPieces(Buffer.concat([jpeg, Buffer.from(secret)]), size), 'image/jpeg'))
    const plainPng = await collected(withoutMetadata(inPieces(Buffer.concat([png, Buffer.from(secret)]), size), 'image/png'))
    t.same(plainPng, pngFile(4, 4, [gamma]))
    const bare = jpegFile(8, 8, [colours])
    t.same(plainJpeg, Buffer.concat([bare.subarray(0, 2), bare.subarray(20)]), 'without the segment of JFIF as well')
  }
  const kept = await collected(withoutMetadata(inPieces(jpegFile(), 5), 'image/jpeg'))
  t.same(await collected(withoutMetadata(inPieces(kept, 5), 'image/jpeg')), kept, 'what is plain stays as it is')
  for (const [file, type] of [
    [jpeg.subarray(0, -1), 'image/jpeg'],
    [png.subarray(0, -3), 'image/png'],
    [pdfFile(), 'image/png'],
    [png, 'image/jpeg'],
  ] as const)
    // prettier-ignore
    await t.rejects(collected(withoutMetadata(inPieces(file, 9), type)), { code: 'VALIDATION_FAILED', reason: 'media-type' })
})
