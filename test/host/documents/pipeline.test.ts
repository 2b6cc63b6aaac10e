import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { globSync, readFileSync, statSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Type } from '@sinclair/typebox'
import pg from 'pg'
import t from 'tap'
import { Upload } from 'tus-js-client'
import { contract } from '../../../config/contract.ts'
import { largestDocument } from '../../../domain/shared/documents.ts'
import { newId } from '../../../domain/shared/ids.ts'
import { Refusal } from '../../../domain/shared/refusal.ts'
import { contexts } from '../../../plugins/contexts.ts'
import { createFieldCipher, generateKey, parseKeySet } from '../../../plugins/host/crypto/index.ts'
import { openDocuments } from '../../../plugins/host/documents/open-documents.ts'
import { defineContext, type UploadService } from '../../../plugins/host/define-context.ts'
import { fileContent } from '../../../routes/shared/files.ts'
import { operation } from '../../../routes/shared/operation.ts'
import { resumableOperations } from '../../../routes/shared/resumable.ts'
import { id, oneOf, strict } from '../../../routes/shared/schemas.ts'
import { eicar, formOf, largePdf, pdfFile, pngFile } from '../../fixtures/files.ts'
import { startHost, type CallOptions } from '../../helper.ts'
import { openRows } from '../../house/rows.ts'

const killSwitch = 'USE_PROVIDER_ADMIN_WRITES'
const common = { audience: ['staff'], scopes: ['providers:write'] } as const
const params = strict({ ownerId: id('Whose paper it is') })
const paper = strict({
  key: Type.String(),
  scan: Type.String(),
  sizeBytes: Type.Integer(),
  sha256: Type.String(),
  contentType: Type.String(),
})

const putPaper = operation({
  ...common,
  name: 'putPaper', summary: 'Store a paper', method: 'POST', path: '/papers/:ownerId', effect: 'admin', killSwitch, idempotency: 'required', audit: 'record',
  entity: { type: 'paper' }, params, problems: ['NOT_FOUND'],
  upload: { part: 'file', types: ['application/pdf', 'image/png'], maxBytes: largestDocument, resumable: true },
  body: strict({ kind: oneOf(['licence', 'insurance'], 'Kind'), note: Type.Optional(Type.String({ maxLength: 20 })) }),
  reply: { status: 201, schema: paper },
}) // prettier-ignore
const getPaper = operation({
  ...common,
  name: 'getPaper', summary: 'Read a paper', method: 'GET', path: '/papers/:ownerId', effect: 'read', audit: 'record', entity: { type: 'paper' }, params,
  query: strict({ key: Type.String({ maxLength: 80 }) }), download: { types: ['application/pdf', 'image/png'] }, problems: ['NOT_FOUND'],
  reply: { status: 200, schema: fileContent },
}) // prettier-ignore
const deletePaper = operation({
  ...common,
  name: 'deletePaper', summary: 'Remove a paper', method: 'DELETE', path: '/papers/:ownerId', effect: 'admin', audit: 'record', entity: { type: 'paper' }, params,
  query: strict({ key: Type.String({ maxLength: 80 }) }), reply: { status: 204, schema: null },
}) // prettier-ignore
const resumable = resumableOperations({ ...common, noun: 'paper', path: '/papers/uploads', effect: 'admin', killSwitch })

const refusing = newId()
const failing = newId()
/** What the context remembers of its papers; the host's own tables say the rest. */
const names = new Map<string, string | null>()

const capabilities = ['transaction', 'documents'] as const
const approval = {
  name: 'papers', step: null, clause: 'the clause of papers', effects: ['read', 'admin'], audience: ['staff'], capabilities,
  killSwitches: [killSwitch], tables: [], upstreamHosts: [],
} // prettier-ignore
const papers = defineContext({
  manifest: {
    name: 'papers', step: null, effects: ['read', 'admin'], audience: ['staff'], capabilities, killSwitches: [killSwitch], tables: [], upstreamHosts: [],
  }, // prettier-ignore
  setup(scope) {
    const uploading: UploadService<typeof putPaper> = {
      accept: async ({ params }) => {
        if (params.ownerId === refusing) throw new Refusal('NOT_FOUND')
        return { ownerId: params.ownerId, maxBytes: 300_000 }
      },
      store: async ({ params, body }, _tx, file) => {
        if (params.ownerId === failing) throw new Error('a defect')
        names.set(file.objectKey, file.filename)
        const { objectKey, ...rest } = file
        return { body: { key: objectKey, ...rest }, after: { kind: body.kind } }
      },
    }
    scope.serve(putPaper, uploading)
    scope.serve(getPaper, {
      transact: async ({ query }) => {
        if (!names.has(query.key)) throw new Refusal('NOT_FOUND')
        return { body: null, etag: '"1"', file: { objectKey: query.key, filename: names.get(query.key)!, disposition: 'inline' } }
      },
    })
    scope.serve(deletePaper, {
      transact: async ({ agencyId, query }, tx) => {
        await scope.documents.release(tx, { agencyId, objectKey: query.key })
        return { body: null }
      },
    })
    for (const [step, declared] of Object.entries(resumable)) scope.serve(declared, { resumable: step as keyof typeof resumable })
  },
})

const host = await startHost(t, {
  contexts: [...contexts, papers],
  contract: { ...contract, approvals: [...contract.approvals, approval] },
})
const rows = await openRows(t, host.database.superuserUrl)
const folder = join(host.dataDir, 'documents')
const files = (below = ''): string[] => globSync(`${folder}/${below}**/*`).filter((path) => statSync(path).isFile())
const counted = async (table: string): Promise<number> => (await rows.query<{ n: number }>(`select count(*)::int as n from ${table}`))[0]!.n
const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex')

const owner = newId()
const as = 'provider-admin'
interface Sent extends CallOptions {
  readonly fields?: Readonly<Record<string, string>>
  readonly filename?: string
  readonly contentType?: string
  readonly fileFirst?: boolean
  readonly to?: string
}

const send = async (
  content: Buffer | null,
  { fields = { kind: 'licence' }, filename, contentType, fileFirst, to = owner, ...call }: Sent = {},
) => {
  const file = content && { content, ...(filename ? { filename } : {}), ...(contentType ? { contentType } : {}) }
  const form = formOf(fields, file, fileFirst)
  return host.call('POST', `/api/papers/${to}`, { as, ...call, body: form.payload, headers: { ...form.headers, ...call.headers } })
}

const read = (key: string, options: CallOptions = {}) =>
  host.call('GET', `/api/papers/${owner}?key=${encodeURIComponent(key)}`, { as, ...options })

interface Told {
  readonly code?: string
  readonly reason?: string
  readonly errors?: readonly { pointer: string; rule: string }[]
}

const told = (response: { statusCode: number; body: string }): string => {
  if (response.statusCode < 400) return String(response.statusCode)
  const { reason, errors } = JSON.parse(response.body) as Told
  const [first] = errors ?? []
  return [response.statusCode, reason, first && `${first.pointer} ${first.rule}`].filter((part) => part !== undefined).join(' ')
}

t.test('a document goes in, lies there unreadable, and comes out as it was', async (t) => {
  const content = largePdf(200_000)
  const stored = await send(content, { filename: 'Licence é.pdf' })
  t.equal(stored.statusCode, 201, stored.body)
  const { key, ...rest } = stored.json<{ key: string }>()
  t.same(rest, { scan: 'not-scanned', sizeBytes: content.length, sha256: sha256(content), contentType: 'application/pdf' })

  const answer = await read(key)
  t.equal(answer.statusCode, 200)
  t.ok(answer.rawPayload.equals(content))
  const { headers } = answer
  t.match(headers, {
    'content-type': 'application/pdf',
    'content-length': String(content.length),
    'content-disposition': `inline; filename="Licence _.pdf"; filename*=UTF-8''Licence%20%C3%A9.pdf`,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  t.equal((await read(key, { headers: { 'if-none-match': '"1"' } })).statusCode, 304)

  const [path, ...others] = files()
  t.same(others, [], 'one file and nothing that waits')
  t.equal(statSync(path!).mode & 0o777, 0o600)
  t.equal(statSync(folder).mode & 0o777, 0o700)
  const lying = readFileSync(path!)
  t.notOk(lying.includes(content.subarray(0, 32)) || lying.includes('%PDF') || lying.includes('licence'), 'nothing of it can be read')
  t.equal(await counted('host_document_removal'), 0)
})

t.test('fields and file may come in any order, and each is held against its schema', async (t) => {
  const content = pdfFile()
  t.equal(told(await send(content, { fileFirst: true })), '201', 'the file first')
  t.equal(told(await send(content, { fields: { kind: 'insurance', note: 'short' } })), '201')
  const cases: [string, string, Buffer | null, Sent][] = [
    ['no file', '400 /file required', null, {}],
    ['a missing field', '400 /kind required', content, { fields: {} }],
    ['a wrong field before the file', '400 /kind enum', content, { fields: { kind: 'other' } }],
    ['a wrong field behind the file', '400 /kind enum', content, { fields: { kind: 'other' }, fileFirst: true }],
    ['an unknown field', '400  additionalProperties', content, { fields: { kind: 'licence', more: 'x' } }],
    ['a long field', '400 /note maxLength', content, { fields: { kind: 'licence', note: 'x'.repeat(21) } }],
    ['a field with a control character', '400 /note no-control', content, { fields: { kind: 'licence', note: 'a\u0001' } }],
    ['no key', '400 idempotency-key', content, { key: null }],
    ['a file that is too large', '413 too-large', largePdf(300_100), {}],
    ['another type than is taken', '415 media-type /file type', Buffer.from('hello'), {}],
    ['a wrong claim', '415 media-type /file type', pngFile(), {}],
    ['a test virus', '400 /file malware', Buffer.concat([pdfFile().subarray(0, -60), Buffer.from('\n%'), eicar, Buffer.from('\n'), pdfFile().subarray(-60)]), {}],
    ['nothing at all', '400 /file empty', Buffer.alloc(0), {}],
    ['an owner whom nobody knows', '404', content, { to: refusing }],
    ['a defect', '500', content, { to: failing }],
  ] // prettier-ignore
  const before = files().length
  for (const [what, expected, body, options] of cases) t.equal(told(await send(body, options)), expected, what)
  t.equal(files().length, before, 'none of them left a file')
  t.equal(await counted('host_document_removal'), 0, 'or something to remove')
  t.equal(
    told(await host.call('POST', `/api/papers/${owner}`, { as, body: 'x', headers: { 'content-type': 'text/plain' } })),
    '415 media-type',
  )
  const broken = { body: 'nonsense', headers: { 'content-type': 'multipart/form-data; boundary=x' } }
  t.equal(told(await host.call('POST', `/api/papers/${owner}`, { as, ...broken })), '400  multipart')
  const elsewhere = formOf({}, { content })
  t.equal(
    told(await host.call('POST', '/api/consents', { as: 'patient-ana', body: elsewhere.payload, headers: elsewhere.headers })),
    '415 media-type',
  )
})

t.test('gates close before a byte of the file is looked at, and the attempt leaves its fields', async (t) => {
  t.equal(told(await send(Buffer.from('MZ'), { as: 'patient-ana' })), '403')
  t.equal(told(await send(Buffer.from('MZ'), { token: 'none' })), '401')
  await host.flip(killSwitch, false)
  t.equal(told(await send(Buffer.from('MZ'))), '503 disabled')
  await host.flip(killSwitch, true)
  const auditor = 'compliance-officer'
  const events = await host.call('GET', '/api/audit/events?action=putPaper&outcome=FORBIDDEN', { as: auditor })
  t.match(events.json<{ items: object[] }>().items[0], { payload: { body: { kind: 'licence' } } })
})

t.test('a key stands for the fields and the file: the same again is answered from memory, another file is refused', async (t) => {
  const [content, key] = [largePdf(1_000), newId()]
  const [first, again] = [await send(content, { key }), await send(content, { key })]
  t.equal(again.headers['idempotent-replayed'], 'true')
  t.equal(again.body, first.body)
  const before = files().length
  t.equal(told(await send(largePdf(1_000), { key })), '422 key-reused', 'another file')
  t.equal(told(await send(content, { key, fields: { kind: 'insurance' } })), '422 key-reused', 'other fields')
  const race = newId()
  const answers = await Promise.all([1, 2, 3, 4].map(() => send(content, { key: race })))
  t.equal(new Set(answers.map(({ body }) => body)).size, 1, 'four at once are one')
  t.equal(files().length, before + 1, 'and left one object')

  const { items } = (await host.call('GET', '/api/audit/events?action=putPaper', { as: 'compliance-officer' })).json<{ items: { outcome: string; payload: object }[] }>() // prettier-ignore
  t.match(items.find(({ outcome }) => outcome === 'success')?.payload, {
    body: { kind: 'licence' },
    file: { sha256: sha256(content), sizeBytes: content.length },
  })
})

t.test('an object whose row did not commit goes, and one that is released too', async (t) => {
  const { key } = (await send(pdfFile({ text: 'to be released' }))).json<{ key: string }>()
  const before = files().length
  t.equal((await host.call('DELETE', `/api/papers/${owner}?key=${encodeURIComponent(key)}`, { as })).statusCode, 204)
  const [agencyId = ''] = key.split('/')
  await host.parts.host.documents.sweep(agencyId)
  t.equal(files().length, before - 1)
  t.equal((await read(key)).statusCode, 503, 'what is gone is not answered')

  // As after a crash between the object and its row.
  const rules = { ownerId: owner, maxBytes: 10_000, types: ['application/pdf'] as const }
  const source = async function* (): AsyncGenerator<Buffer> {
    yield pdfFile()
  }
  const reception = await host.parts.host.documents.receive(source(), { contentType: null, filename: null }, agencyId, rules)
  await reception.keep()
  await host.parts.host.documents.sweep(agencyId)
  t.equal(files().length, before, 'not before its time')
  host.clock.advance(3_600_001)
  await host.parts.host.documents.sweep(agencyId)
  t.equal(files().length, before - 1)
  t.equal(await counted('host_document_removal'), 0)
})

t.test('keys are per owner, and whoever destroys one makes its documents unreadable', async (t) => {
  const [mine, other] = [newId(), newId()]
  const one = (await send(pdfFile({ text: 'one' }), { to: mine })).json<{ key: string }>().key
  const two = (await send(pdfFile({ text: 'two' }), { to: mine })).json<{ key: string }>().key
  const three = (await send(pdfFile({ text: 'three' }), { to: other })).json<{ key: string }>().key
  const keys = await rows.query<{ owner_id: string }>('select owner_id from host_document_key where owner_id = any ($1)', [[mine, other]])
  t.equal(keys.length, 2)
  await rows.query('delete from host_document_key where owner_id = $1', [mine])
  t.same(
    [await read(one), await read(two), await read(three)].map(({ statusCode }) => statusCode),
    [503, 503, 200],
  )
  const swapped = files('objects/')
  t.ok(swapped.length > 2)
})

t.test('after a rotation old documents open as long as their key is kept, and new ones are sealed under the new one', async (t) => {
  const mine = newId()
  const { key } = (await send(pdfFile(), { to: mine })).json<{ key: string }>()
  const [agencyId = ''] = key.split('/')
  const { keys } = host.parts.surroundings
  const fresh = parseKeySet(generateKey('k2'))
  const opened = async (set: typeof fresh) => {
    const pool = new pg.Pool({ connectionString: host.database.appUrl, max: 1 })
    const documents = await openDocuments({
      config: { storage: { kind: 'files', directory: folder }, clamd: null }, pool, keys: set, fields: createFieldCipher(keys.fields), clock: host.clock,
      report: () => {},
    }) // prettier-ignore
    t.teardown(async () => {
      await documents.close()
      await pool.end()
    })
    return documents.documents
  }
  const rotated = await opened([...fresh, ...keys.documents])
  t.equal((await (await rotated.open(agencyId, key)).content.toArray()).length, 1)
  const source = async function* (): AsyncGenerator<Buffer> {
    yield pdfFile()
  }
  const rules = { ownerId: mine, maxBytes: 10_000, types: ['application/pdf'] as const }
  const reception = await rotated.receive(source(), { contentType: null, filename: null }, agencyId, rules)
  await reception.keep()
  const plan = {
    operation: 'putPaper', effect: 'admin', agencyId, patientId: null, userId: 'somebody', at: new Date(), auditId: newId(), ownership: null, consent: null, key: null,
    stillOn: () => true,
  } as const // prettier-ignore
  await host.parts.host.transactions.run(plan, async (tx) => {
    await reception.record(tx)
    return { outcome: { body: null }, audit: null, status: 201, sealed: null }
  })
  const wrapped = await rows.query<{ by: string }>('select wrapped_by as by from host_document_key where owner_id = $1 order by id', [mine])
  t.same(wrapped.map(({ by }) => by), [keys.documents[0]!.id, 'k2']) // prettier-ignore
  const alone = await opened(fresh)
  t.equal((await (await alone.open(agencyId, reception.document.objectKey)).content.toArray()).length, 1)
  await t.rejects(alone.open(agencyId, key), { code: 'UPSTREAM_UNAVAILABLE' }, 'without the key that wraps its key')
})

const speak = async (port: number, head: readonly string[], body: Buffer): Promise<string> => {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write([...head, '', ''].join('\r\n'))
  socket.write(body)
  await pause(0)
  let answer = ''
  socket.on('data', (chunk) => (answer += chunk.toString('latin1')))
  socket.setTimeout(3_000, () => socket.destroy())
  await Promise.race([once(socket, 'data'), once(socket, 'close')])
  socket.destroy()
  return answer
}

t.test('over the wire: a refused upload is answered while it is still sent, and one that breaks off leaves nothing', async (t) => {
  await host.app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = host.app.server.address() as AddressInfo
  const form = formOf({ kind: 'licence' }, { content: largePdf(250_000) })
  const head = (token: string, length: number): string[] => [
    `POST /api/papers/${owner} HTTP/1.1`, 'host: x', `authorization: Bearer ${token}`, `content-type: ${form.headers['content-type']}`,
    `content-length: ${length}`, `idempotency-key: ${newId()}`,
  ] // prettier-ignore
  const part = form.payload.subarray(0, 100_000)
  t.match(await speak(port, head(host.token('patient-ana'), form.payload.length), part), /^HTTP\/1.1 403 /)
  t.match(await speak(port, head(host.token(as), 60_000_000), part), /^HTTP\/1.1 413 /)

  const before = files()
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  const arrivedRequest = once(host.app.server, 'request') as Promise<[IncomingMessage]>
  socket.write([...head(host.token(as), form.payload.length), '', ''].join('\r\n'))
  socket.write(part)
  await arrivedRequest
  for (let tries = 0; files('incoming/').length === 0 && tries < 400; tries += 1) await pause(5)
  const [{ socket: receiving }] = await arrivedRequest
  host.app.server.emit('clientError', Object.assign(new Error(), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), receiving)
  t.notOk(receiving.destroyed, 'a slow file has more time than other requests')
  const [waiting] = files('incoming/')
  t.ok(waiting, 'what has come waits')
  t.notOk(readFileSync(waiting!).includes('%PDF'), 'sealed')
  socket.destroy()
  for (let tries = 0; files('incoming/').length > 0 && tries < 400; tries += 1) await pause(5)
  t.same(files(), before, 'and is gone with its sender')
})

/** Uploads through tus's own client, a piece at a time. */
const tus = (token: string, content: Buffer, options: Partial<ConstructorParameters<typeof Upload>[1]> = {}): Promise<string> =>
  new Promise((resolve, reject) => {
    const { port } = host.app.server.address() as AddressInfo
    const upload = new Upload(content as never, {
      endpoint: `http://127.0.0.1:${port}/api/papers/uploads`,
      headers: { authorization: `Bearer ${token}` },
      metadata: { filename: 'licence.pdf', filetype: 'application/pdf' },
      retryDelays: null as never,
      onError: reject,
      onSuccess: () => resolve(upload.url!),
      ...options,
    })
    upload.start()
  })

const uploadIdOf = (url: string): string => url.split('/').at(-1)!
const tusHeaders = { 'tus-resumable': '1.0.0' }
const offsetOf = async (url: string, persona = as) => {
  const { statusCode, headers } = await host.call('HEAD', new URL(url).pathname, { as: persona, headers: tusHeaders })
  return statusCode === 200 ? Number(headers['upload-offset']) : statusCode
}
const finish = (uploadId: string, options: CallOptions = {}) =>
  host.call('POST', `/api/papers/${owner}`, { as, body: { uploadId, kind: 'licence' }, ...options })

t.test('a resumable upload survives an end in the middle, goes on, and becomes a document once', async (t) => {
  const content = largePdf(250_000)
  const token = host.token(as)
  let url = ''
  const aborted = new Promise<void>((resolve) => {
    const { port } = host.app.server.address() as AddressInfo
    const upload = new Upload(content as never, {
      endpoint: `http://127.0.0.1:${port}/api/papers/uploads`,
      headers: { authorization: `Bearer ${token}` },
      metadata: { filename: 'licence.pdf', filetype: 'application/pdf' },
      chunkSize: 100_000,
      retryDelays: null as never,
      onError: () => {},
      onChunkComplete() {
        url = upload.url!
        void upload.abort().then(resolve)
      },
    })
    upload.start()
  })
  await aborted
  t.equal(await offsetOf(url), 100_000)
  t.equal(await offsetOf(url, 'provider-admin-2'), 404, 'nobody else sees it')
  t.equal(told(await finish(uploadIdOf(url))), '400 /uploadId incomplete')

  // A connection that breaks within a request: what arrived is kept.
  const { port } = host.app.server.address() as AddressInfo
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  const arrived = once(host.app.server, 'request')
  socket.write(
    [
      `PATCH ${new URL(url).pathname} HTTP/1.1`, 'host: x', `authorization: Bearer ${token}`, 'tus-resumable: 1.0.0', 'upload-offset: 100000',
      'content-type: application/offset+octet-stream', 'content-length: 150000', '', '',
    ].join('\r\n'), // prettier-ignore
  )
  socket.write(content.subarray(100_000, 150_000))
  await arrived
  await pause(50)
  socket.destroy()
  for (let tries = 0; (await offsetOf(url)) === 100_000 && tries < 400; tries += 1) await pause(5)
  const kept = Number(await offsetOf(url))
  t.ok(kept > 100_000 && kept <= 150_000, `${kept} bytes`)

  t.equal(await tus(token, content, { uploadUrl: url }), url)
  t.equal(await offsetOf(url), content.length)
  t.notOk(
    files().some((path) => readFileSync(path).includes('%PDF')),
    'parts are sealed as well',
  )
  const key = newId()
  const stored = await finish(uploadIdOf(url), { key })
  t.equal(stored.statusCode, 201, stored.body)
  t.ok((await read(stored.json<{ key: string }>().key)).rawPayload.equals(content))
  t.equal((await finish(uploadIdOf(url), { key })).body, stored.body, 'again with its key')
  t.equal(told(await finish(uploadIdOf(url))), '400 /uploadId unknown', 'and not with another')
  t.equal(await offsetOf(url), 404)
})

t.test('the protocol is spoken to the letter, within bounds of size, number and time', async (t) => {
  const base = '/api/papers/uploads'
  const create = (headers: Record<string, string>, persona = as) =>
    host.call('POST', base, { as: persona, headers: { ...tusHeaders, ...headers } })
  t.equal(told(await host.call('POST', base, { as, headers: { 'upload-length': '10' } })), '400 /headers/tus-resumable const')
  t.equal(told(await create({})), '400 /headers/upload-length pattern')
  t.equal(told(await create({ 'upload-length': '0' })), '400 /headers/upload-length pattern')
  t.equal(told(await create({ 'upload-length': String(largestDocument + 1) })), '413 too-large')
  t.equal(told(await create({ 'upload-length': '10', 'upload-metadata': 'a b c' })), '400 /headers/upload-metadata pattern')
  t.equal(told(await create({ 'upload-length': '10' }, 'patient-ana')), '403')

  const created = await create({ 'upload-length': '10' })
  t.equal(created.statusCode, 201, created.body)
  t.equal(created.headers['tus-resumable'], '1.0.0')
  const { location } = created.headers
  const patch = (offset: number, body: string, headers: Record<string, string> = {}, persona = as) =>
    host.call('PATCH', location!, {
      as: persona, body: Buffer.from(body),
      headers: { ...tusHeaders, 'content-type': 'application/offset+octet-stream', 'upload-offset': String(offset), ...headers },
    }) // prettier-ignore
  t.equal(told(await patch(0, 'x', { 'content-type': 'application/json' })), '415 media-type')
  t.equal(told(await patch(3, 'x')), '409')
  t.equal(told(await patch(0, 'x'.repeat(11))), '413 too-large')
  t.equal(told(await patch(0, 'x', {}, 'provider-admin-2')), '404')
  const first = await patch(0, 'xxxxx')
  t.same([first.statusCode, first.headers['upload-offset']], [204, '5'])
  const race = await Promise.all([patch(5, 'aaaaa'), patch(5, 'bbbbb'), patch(5, 'ccccc')])
  t.same(race.map(({ statusCode }) => statusCode).sort(), [204, 409, 409], 'one of those that go on from one byte does')
  t.equal(told(await host.call('DELETE', location!, { as: 'provider-admin-2', headers: tusHeaders })), '404')
  t.equal(told(await host.call('DELETE', location!, { as, headers: tusHeaders })), '204')
  t.equal(told(await host.call('DELETE', location!, { as, headers: tusHeaders })), '404')

  const many = await Promise.all(Array.from({ length: 14 }, () => create({ 'upload-length': '10' }, 'provider-admin-2')))
  t.equal(many.filter(({ statusCode }) => statusCode === 201).length, 10, 'ten at a time')
  t.equal(told(await create({ 'upload-length': '10' }, 'provider-admin-2')), '409')
  host.clock.advance(24 * 3_600_000 + 1)
  t.equal((await create({ 'upload-length': String(40 * 1024 * 1024) }, 'provider-admin-2')).statusCode, 201, 'those of yesterday are over')
  await host.parts.host.documents.sweep(
    host.parts.host.documents ? (await rows.query<{ a: string }>('select agency_id as a from host_upload'))[0]!.a : '',
  )
  t.equal(await counted('host_upload'), 1)
  t.equal(await counted('host_upload_part'), 0)
})

t.test('nothing of any of it is in the log', (t) => {
  t.notOk(host.lines.some((line) => /licence|%PDF|defect.*objectKey/i.test(line)))
  t.end()
})
