import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { newId } from '../../../domain/shared/ids.ts'
import { generateKey, parseKeySet } from '../../../plugins/host/crypto/index.ts'
import { createDocuments, type Documents } from '../../../plugins/host/documents/documents.ts'
import { fileStore } from '../../../plugins/host/documents/file-store.ts'
import type { ObjectStore, Spooled } from '../../../plugins/host/documents/object-store.ts'
import type { FoundDocument, Registry } from '../../../plugins/host/documents/registry.ts'
import { s3Store } from '../../../plugins/host/documents/s3-store.ts'
import { eicarScanner } from '../../../plugins/host/documents/scan/eicar.ts'
import { jpegFile, jpegSegment, largePdf, pdfFile } from '../../fixtures/files.ts'
import { startObjectStore } from '../../fixtures/object-store.ts'

const directory = mkdtempSync(join(tmpdir(), 'postern-documents-'))
t.teardown(() => rmSync(directory, { recursive: true, force: true }))
const s3 = await startObjectStore()
t.teardown(() => s3.close())

const agencyId = newId()
const keyOf = (): string => `${agencyId}/${newId()}`

const spool = (store: ObjectStore, content: Buffer): Spooled => {
  const path = join(store.incoming, newId())
  writeFileSync(path, content, { mode: 0o600 })
  return { path, size: content.length, sha256: createHash('sha256').update(content).digest('hex') }
}

const read = async (store: ObjectStore, key: string): Promise<Buffer | null> => {
  const content = await store.get(key)
  if (content === null) return null
  const parts: Buffer[] = []
  for await (const part of content) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

for (const [name, open] of [
  ['files', () => fileStore(join(directory, 'one'))],
  ['S3', () => s3Store(s3.place)],
] as const) {
  t.test(`a store of ${name} keeps what it is given, as a whole`, async (t) => {
    const store = await open()
    t.teardown(() => store.close())
    t.equal(await store.check(), true)
    const [one, other] = [keyOf(), keyOf()]
    const contents = [randomBytes(300_000), randomBytes(10)] as const
    await store.put(one, spool(store, contents[0]))
    await store.put(other, spool(store, contents[1]))
    t.ok((await read(store, one))!.equals(contents[0]))
    t.ok((await read(store, other))!.equals(contents[1]))
    t.equal(await store.get(keyOf()), null)
    await store.remove(one)
    await store.remove(one)
    t.equal(await store.get(one), null)
    t.equal(statSync(store.incoming).mode & 0o777, 0o700)
    for (const bad of ['x', '../../etc/passwd', `${agencyId}/..`, `${agencyId}/${newId()}/x`]) await t.rejects(store.get(bad), bad)
    await store.close()
    t.throws(() => readdirSync(store.incoming), 'what waited goes with the process')
  })
}

t.test('what another process left behind goes after a day, and not before', async (t) => {
  const at = join(directory, 'two')
  const first = await fileStore(at)
  spool(first, randomBytes(10))
  const second = await fileStore(at)
  t.equal(readdirSync(first.incoming).length, 1)
  const yesterday = Date.now() / 1000 - 90_000
  utimesSync(first.incoming, yesterday, yesterday)
  const third = await fileStore(at)
  t.throws(() => readdirSync(first.incoming))
  for (const store of [second, third]) await store.close()
})

t.test('a store that refuses, breaks off or is not there is an error, once its tries are used up', async (t) => {
  const answers: number[] = []
  let behave: 'refuse' | 'break' | 'stumble' = 'refuse'
  const server = createServer((request, response) => {
    request.resume()
    request.on('error', () => {})
    request.on('end', () => {
      answers.push(1)
      if (behave === 'break') return void request.socket.destroy()
      response.statusCode = behave === 'stumble' && answers.length > 1 ? 200 : behave === 'refuse' ? 403 : 503
      response.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => void server.close())
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const store = await s3Store({ ...s3.place, endpoint })
  t.teardown(() => store.close())
  const attempt = async (): Promise<number> => {
    answers.length = 0
    await store.put(keyOf(), spool(store, randomBytes(100_000)))
    return answers.length
  }
  await t.rejects(attempt(), { code: 'ERR_S3_403' })
  t.equal(answers.length, 1, 'a refusal is not asked again')
  behave = 'break'
  await t.rejects(attempt(), { code: 'ERR_S3_503' })
  t.equal(answers.length, 3)
  behave = 'stumble'
  t.equal(await attempt(), 2)
  behave = 'refuse'
  await t.rejects(store.get(keyOf()), { code: 'ERR_S3_403' })
})

/** The database's side in memory. */
const rememberedRegistry = () => {
  const documents = new Map<string, FoundDocument>()
  const due = new Set<string>()
  const registry: Registry = {
    keyOf: async () => null,
    intend: async (_agency, key) => void due.add(key),
    find: async (_agency, key) => documents.get(key) ?? null,
    due: async () => [...due],
    removed: async (_agency, keys) => keys.forEach((key) => due.delete(key)),
  }
  return { registry, documents, due }
}

const rules = { ownerId: newId(), maxBytes: 500_000, types: ['application/pdf', 'image/jpeg'] as const }
const noClaim = { contentType: null, filename: null }

async function* sourceOf(content: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < content.length; at += 5_000) yield content.subarray(at, at + 5_000)
}

const opened = (store: ObjectStore, reports: string[], options: object = {}) => {
  const memory = rememberedRegistry()
  const keys = parseKeySet(generateKey('k1'))
  const report = (event: string): void => void reports.push(event)
  const documents = createDocuments({ store, registry: memory.registry, scanner: eicarScanner, keys, clock: Date, report, ...options })
  return { documents, memory }
}

/** What `record` would write, kept in memory. */
const recorded = async (documents: Documents, memory: ReturnType<typeof rememberedRegistry>, content: Buffer, more: object = {}) => {
  const reception = await documents.receive(sourceOf(content), noClaim, agencyId, { ...rules, ...more })
  await reception.keep()
  await reception.record({
    sql: async (_: string, values: unknown[]) => {
      const [, key, ownerId, id, , wrapped, contentType, sizeBytes] = values as [
        string,
        string,
        string,
        string,
        string,
        Buffer,
        string,
        number,
      ]
      memory.documents.set(key, { ownerId, contentType, sizeBytes, key: { id, wrapped } })
      memory.due.delete(key)
      return []
    },
  } as never)
  return reception
}

t.test('on S3 as on disk: what lies there is sealed, and comes back; what was changed there does not', async (t) => {
  const store = await s3Store(s3.place)
  t.teardown(() => store.close())
  const reports: string[] = []
  const { documents, memory } = opened(store, reports)
  const content = largePdf(150_000)
  const [one, other] = [await recorded(documents, memory, content), await recorded(documents, memory, content)]
  const sealed = (await read(store, one.document.objectKey))!
  t.notOk(sealed.includes('%PDF') || sealed.includes(content.subarray(1_000, 1_032)))
  const document = await documents.open(agencyId, one.document.objectKey)
  const parts: Buffer[] = []
  for await (const part of document.content) parts.push(part as Buffer)
  t.ok(Buffer.concat(parts).equals(content))

  await store.put(one.document.objectKey, spool(store, (await read(store, other.document.objectKey))!))
  await t.rejects(documents.open(agencyId, one.document.objectKey), { code: 'UPSTREAM_UNAVAILABLE' }, 'another document in its place')
  await store.put(one.document.objectKey, spool(store, sealed.subarray(0, -70_000)))
  const cut = await documents.open(agencyId, one.document.objectKey)
  const reading = async (): Promise<void> => {
    for await (const _ of cut.content) continue
  }
  await t.rejects(reading(), { code: 'ERR_SEALED_CONTENT' }, 'one that was cut ends in an error, not in silence')
  await store.remove(one.document.objectKey)
  await t.rejects(documents.open(agencyId, one.document.objectKey), { code: 'UPSTREAM_UNAVAILABLE' }, 'one that is gone')
  t.same([...new Set(reports)], ['documents.unreadable'])
})

t.test('a transformation is applied to what was looked through, and what is stored is described', async (t) => {
  const store = await fileStore(join(directory, 'three'))
  t.teardown(() => store.close())
  const { documents, memory } = opened(store, [])
  const metadata = jpegSegment(0xe1, Buffer.from('Exif\0\0 at home'))
  const transform = async function* (content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    const parts: Buffer[] = []
    for await (const part of content) parts.push(part)
    const whole = Buffer.concat(parts)
    const at = whole.indexOf(metadata)
    yield Buffer.concat([whole.subarray(0, at), whole.subarray(at + metadata.length)])
  }
  const { document, sentSha256 } = await recorded(documents, memory, jpegFile(8, 8, [metadata]), { transform })
  t.equal(document.sizeBytes, jpegFile().length)
  t.equal(document.sha256, createHash('sha256').update(jpegFile()).digest('hex'))
  t.not(sentSha256, document.sha256)
  const { content } = await documents.open(agencyId, document.objectKey)
  t.ok((await content.toArray()).length > 0)
})

t.test('what stands still or fails on our side leaves nothing, and is told apart from what is refused', async (t) => {
  const store = await fileStore(join(directory, 'four'))
  t.teardown(() => store.close())
  const reports: string[] = []
  const { documents } = opened(store, reports, { patience: { idleMs: 30, wholeMs: 10_000 }, atOnce: 1 })
  const still = async function* (): AsyncGenerator<Buffer> {
    yield pdfFile()
    await new Promise((resolve) => setTimeout(resolve, 60_000).unref())
  }
  const waiting = documents.receive(still(), noClaim, agencyId, rules)
  await t.rejects(documents.receive(sourceOf(pdfFile()), noClaim, agencyId, rules), { code: 'RATE_LIMITED' }, 'one at a time here')
  await t.rejects(waiting, { code: 'UPSTREAM_UNAVAILABLE', reason: 'timeout' })
  await t.rejects(documents.receive(sourceOf(largePdf(600_000)), noClaim, agencyId, rules), {
    code: 'VALIDATION_FAILED',
    reason: 'too-large',
  })
  const broken = opened({ ...store, put: () => Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' })) }, reports)
  const reception = await broken.documents.receive(sourceOf(pdfFile()), noClaim, agencyId, rules)
  await t.rejects(reception.keep(), { code: 'UPSTREAM_UNAVAILABLE' })
  await reception.discard()
  t.same(readdirSync(store.incoming), [])
  t.equal(broken.memory.due.size, 0)
  t.same(reports, ['documents.store'])
  t.notOk(
    readdirSync(join(directory, 'four'), { recursive: true }).some((name) =>
      readFileSyncSafe(join(directory, 'four', String(name))).includes('%PDF'),
    ),
  )
})

const readFileSyncSafe = (path: string): Buffer => (statSync(path).isFile() ? readFileSync(path) : Buffer.alloc(0))
