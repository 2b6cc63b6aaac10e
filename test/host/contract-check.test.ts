import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MikroORM } from '@mikro-orm/postgresql'
import { Type } from '@sinclair/typebox'
import { Kysely } from 'kysely'
import pg from 'pg'
import t, { type Test } from 'tap'
import { contract, type Approval, type Contract } from '../../config/contract.ts'
import { loadConfig } from '../../config/env.ts'
import { demoAgencies } from '../../config/personas.ts'
import { buildApp, type AppOverrides } from '../../plugins/app.ts'
import { contexts } from '../../plugins/contexts.ts'
import { addAgency } from '../../plugins/host/agencies.ts'
import { defineContext, type ContextDefinition, type Service } from '../../plugins/host/define-context.ts'
import type { ContextScope, Manifest } from '../../plugins/host/define-context.ts'
import { operation, type AnyOperation } from '../../routes/shared/operation.ts'
import { strict } from '../../routes/shared/schemas.ts'
import type { ReadStatement, WriteStatement } from '../../plugins/host/sql/statement.ts'
import { testDatabase } from '../database.ts'
import { frozenClock, startHost } from '../helper.ts'

const database = await testDatabase(t)
for (const agency of demoAgencies) await addAgency(database.ownerUrl, agency)
const dataDir = mkdtempSync(join(tmpdir(), 'postern-contract-'))
t.teardown(() => rmSync(dataDir, { recursive: true, force: true }))
const config = loadConfig({
  NODE_ENV: 'test', DATA_DIR: dataDir, DATABASE_URL: database.appUrl, DATABASE_MIGRATION_URL: database.ownerUrl, DATABASE_BYPASS_URL: database.bypassUrl,
}) // prettier-ignore

/** Boots the service as `npm start` does; what does not stop it is closed again. */
const boot = async (overrides: AppOverrides): Promise<void> => {
  const postern = await buildApp(config, { ...overrides, clock: frozenClock(), logTo: { write: () => {} } })
  await postern.close()
}

const stops = async (t: Test, sentence: string, overrides: AppOverrides): Promise<void> => {
  const error: unknown = await boot(overrides).then(
    () => new Error('it booted'),
    (refusal: unknown) => refusal,
  )
  t.match(error, { name: 'ContractBreach', message: sentence })
  t.match((error as Error).message, /^[^\n]+\.$/, 'one sentence')
}

const approval: Approval = {
  name: 'ledger', step: null, clause: 'the clause of ledger', effects: ['read', 'write'], audience: ['staff'], capabilities: ['transaction'],
  killSwitches: ['USE_CHAT_WRITES'], tables: [], upstreamHosts: [],
} // prettier-ignore
const manifest: Manifest = {
  name: 'ledger', step: null, effects: ['read', 'write'], audience: ['staff'], capabilities: ['transaction'], killSwitches: ['USE_CHAT_WRITES'], tables: [],
  upstreamHosts: [],
} // prettier-ignore
const approving = (...extra: Approval[]): Contract => ({ ...contract, approvals: [...contract.approvals, ...extra] })

const readLedger = operation({
  name: 'readLedger', summary: 'Read', method: 'GET', path: '/ledger', effect: 'read', audience: ['staff'], scopes: ['audit:read'], audit: 'record',
  reply: { status: 200, schema: strict({ ok: Type.Boolean() }) },
}) // prettier-ignore
const writeLedger = { ...readLedger, name: 'writeLedger', method: 'POST', effect: 'write' } as const
const answering: Service<AnyOperation> = { answer: () => ({ body: { ok: true } }) }
const transacting: Service<AnyOperation> = { transact: async () => ({ body: { ok: true } }) }

const ledger = (changes: Partial<Manifest>, setup: ContextDefinition['setup']): ContextDefinition =>
  defineContext({ manifest: { ...manifest, ...changes }, setup })

/** Everything as it is, and beside it the context `ledger` with one operation. */
const serving = (served: AnyOperation, changes: Partial<Manifest> = {}, service: Service<AnyOperation> = answering): AppOverrides => ({
  contract: approving(approval),
  contexts: [...contexts, ledger(changes, (scope) => scope.serve(served, service))],
})

const claiming = (changes: Partial<Manifest>): AppOverrides => ({
  contract: approving(approval),
  contexts: [...contexts, ledger(changes, () => {})],
})

const named = (name: string): ContextDefinition => contexts.find((context) => context.manifest.name === name)!
const amended = (context: ContextDefinition, changes: Partial<Manifest>): ContextDefinition => ({
  ...context,
  manifest: { ...context.manifest, ...changes },
})
const replacing = (name: string, other: ContextDefinition): ContextDefinition[] =>
  contexts.map((context) => (context.manifest.name === name ? other : context))

t.test('the planted context boots as long as it keeps the contract', async (t) => {
  await t.resolves(boot(serving(readLedger)))
})

t.test('a context that is not what the contract approved does not load', async (t) => {
  const cases: [string, AppOverrides][] = [
    ['MIG-03 §7: the context ledger is not in the approved contract; adding a service takes an amendment.', { contexts: [...contexts, ledger({}, () => {})] }],
    ['MIG-03 §6: the context consent is listed twice.', { contexts: [...contexts, named('consent')] }],
    ['the clause of ledger: ledger was not granted the capability "fields".', claiming({ capabilities: ['transaction', 'fields'] })],
    ['the clause of ledger: ledger was not granted the effect "admin".', claiming({ effects: ['read', 'admin'] })],
    ['the clause of ledger: ledger was not granted the audience "patient".', claiming({ audience: ['patient'] })],
    ['the clause of ledger: ledger was not granted the kill switch "USE_CONSENT_WRITES".', claiming({ killSwitches: ['USE_CONSENT_WRITES'] })],
    ['the clause of ledger: ledger was not granted the table "consent_record".', claiming({ tables: ['consent_record'] })],
    ['the clause of ledger: ledger was not granted the upstream host "elsewhere.example".', claiming({ upstreamHosts: ['elsewhere.example'] })],
    ['02B, Explicitly Forbidden: messaging was not granted the capability "queue".',
      { contexts: replacing('messaging', amended(named('messaging'), { capabilities: ['fields', 'queue'] })) }],
    ['02B, Explicitly Forbidden: messaging was not granted the audience "staff".',
      { contexts: replacing('messaging', amended(named('messaging'), { audience: ['patient', 'staff'] })) }],
  ] // prettier-ignore
  for (const [sentence, overrides] of cases) await stops(t, sentence, overrides)
})

t.test('contexts load in the order of integration, after what they need', async (t) => {
  const besides = contexts.filter(({ manifest: { step } }) => step === null)
  const last = approving({ ...approval, step: 5 })
  const cases: [string, AppOverrides][] = [
    ['MIG-03 §6: ledger cannot load before consent.', { contract: last, contexts: [ledger({ step: 5 }, () => {}), ...contexts] }],
    ['MIG-03 §6: ledger declares step null, the contract says 5.', { contract: last, contexts: [...contexts, ledger({}, () => {})] }],
    ['02B, Explicitly Forbidden: messaging cannot load before consent.', { contexts: [...besides, named('consent')] }],
    ['MIG-03 §6.1: messaging needs the port "consent-decision", which no context before it provides.',
      { contexts: [amended(named('consent'), { provides: [] }), ...besides] }],
    ['MIG-03 §6: clinical-drafts cannot load before consent.', { contexts: [named('clinical-drafts'), named('consent'), ...besides] }],
    ['MIG-03 §6: clinical-drafts declares step 1, the contract says 2.', { contexts: replacing('clinical-drafts', amended(named('clinical-drafts'), { step: 1 })) }],
  ] // prettier-ignore
  for (const [sentence, overrides] of cases) await stops(t, sentence, overrides)
})

t.test('an operation that exceeds its context does not load', async (t) => {
  const reading = { effects: ['read'] } as const
  const consent = { scope: 'messaging', patient: 'caller' } as const
  const ownership = { table: 'consent_record', param: 'id', owner: { column: 'patient_id', claim: 'sub' }, refusal: 'NOT_FOUND' } as const
  const cases: [string, AppOverrides][] = [
    ['MIG-03 §4: writeLedger has the effect "write", which ledger did not declare.', serving(writeLedger, reading)],
    ['MIG-03 §3.3: writeLedger is declared as a read and would answer POST; reads are GET.', serving({ ...writeLedger, effect: 'read' }, reading)],
    ['MIG-03 §4: readLedger answers GET and would have the effect "write".', serving({ ...readLedger, effect: 'write' })],
    ['MIG-03 §4, least privilege: readLedger is for "patient", whom ledger did not declare.', serving({ ...readLedger, audience: ['patient'] })],
    ['MIG-03 §4, least privilege: readLedger is for "public", whom ledger did not declare.', serving({ ...readLedger, audience: ['public'] })],
    ['FusionEMS part 4, deny by default: readLedger names no scope.', serving({ ...readLedger, scopes: [] })],
    ['FusionEMS part 2: readLedger asks for the scope "audit:write", which the permission matrix does not know.', serving({ ...readLedger, scopes: ['audit:write'] })],
    ['02B, Feature Flags: writeLedger obeys USE_CONSENT_WRITES, which ledger did not declare.', serving({ ...writeLedger, killSwitch: 'USE_CONSENT_WRITES' })],
    ['MIG-03 §6.1: writeLedger asks for consent, and ledger does not need the port "consent-decision".', serving({ ...writeLedger, consent })],
    ['MIG-03 §6.1: writeLedger asks for the consent of the patient of a row, and must look that row up for every caller.',
      serving({ ...writeLedger, consent: { scope: 'messaging', patient: { column: 'patient_id' } } }, { needs: ['consent-decision'] })],
    ['02B, Audit: writeLedger changes something and would leave no audit row.', serving({ ...writeLedger, audit: 'refusals' })],
    ['MIG-03 §4, least privilege: readLedger looks up consent_record, which ledger does not own.', serving({ ...readLedger, ownership })],
    ['MIG-03 §4, least privilege: writeLedger opens a domain transaction, and ledger was not granted the capability "transaction".',
      serving(writeLedger, { capabilities: [] }, transacting)],
    ['02B, Audit: two operations are named listConsents.', serving({ ...readLedger, name: 'listConsents' })],
  ] // prettier-ignore
  for (const [sentence, overrides] of cases) await stops(t, sentence, overrides)
})

t.test('a service that would leave a declared gate out does not load', async (t) => {
  const listConsentsStatement = named('consent').statements[0] as ReadStatement
  const sendMessageStatement = named('messaging').statements.find(({ kind }) => kind === 'write') as WriteStatement
  const querying: Service<AnyOperation> = { query: listConsentsStatement, args: () => ({}), present: () => ({ body: {} }) }
  const stating: Service<AnyOperation> = { statement: sendMessageStatement, prepare: () => ({ row: {}, outcome: { body: {} } }) }
  const ownership = { table: 'ledger_entry', param: 'id', owner: { column: 'patient_id', claim: 'sub' }, refusal: 'NOT_FOUND' } as const
  const consent = { scope: 'messaging', patient: 'caller' } as const
  const limits = [{ policy: 'messaging-conversation', per: { param: 'id' } }] as const
  const owning: Approval = { ...approval, tables: ['ledger_entry'] }
  const reading = (declared: Partial<AnyOperation>): AppOverrides => ({
    contract: approving(owning),
    contexts: [
      ...contexts,
      ledger({ tables: ['ledger_entry'], needs: ['consent-decision'] }, (scope) => scope.serve({ ...readLedger, ...declared }, answering)),
    ],
  })
  const cases: [string, AppOverrides][] = [
    ['FusionEMS part 4, deny by default: readLedger would run behind the gates of listConsents.', serving(readLedger, {}, querying)],
    [`FusionEMS part 4, deny by default: writeLedger would run behind the gates of ${sendMessageStatement.operation.name}.`, serving(writeLedger, {}, stating)],
    ['02B, Audit: writeLedger would change something outside the transaction of its audit row.', serving(writeLedger)],
    ['FusionEMS part 4, deny by default: readLedger declares ownership or consent, which is asked in SQL, and would run none.', reading({ ownership })],
    ['FusionEMS part 4, deny by default: readLedger declares ownership or consent, which is asked in SQL, and would run none.', reading({ consent })],
    ['02B, Rate Limiting: readLedger declares a limit per record, which only a write keeps.', serving({ ...readLedger, limits })],
    ['02B, Error Contracts: writeLedger is closed and would answer NOT_FOUND.', serving({ ...writeLedger, closed: true, problems: ['NOT_FOUND'] }, {}, transacting)],
  ] // prettier-ignore
  for (const [sentence, overrides] of cases) await stops(t, sentence, overrides)
  const published: AnyOperation = { ...readLedger, audience: ['public'], scopes: [], audit: 'refusals' }
  const open = (declared: Partial<AnyOperation>, service: Service<AnyOperation> = querying): AppOverrides => ({
    contract: approving({ ...approval, audience: ['staff', 'public'] }),
    contexts: [
      ...contexts,
      ledger({ audience: ['staff', 'public'] }, (scope) => {
        const served = { ...published, ...declared }
        scope.serve(served, 'query' in service ? { ...service, query: { ...listConsentsStatement, operation: served } } : service)
      }),
    ],
  })
  const ticket = { ticket: true, params: strict({}), query: strict({ ticket: Type.String() }) } as const
  const gated = 'FusionEMS part 4, deny by default: readLedger is public and declares a gate that asks who calls; nobody would be asked.'
  const unnamed = 'FR-015 FR-008: readLedger opens by a ticket, and does not name one record and the ticket’s place in the query.'
  const toAll: [string, AppOverrides][] = [
    ['FR-015 FR-018: readLedger is for the public and for others besides; what is published is one operation’s alone.', open({ audience: ['public', 'staff'] })],
    ['FR-015 FR-018: readLedger is public and has the effect "write"; the public reads.', open({ method: 'POST', effect: 'write', audit: 'record' }, transacting)],
    ['FR-015 Privacy Rule 1: readLedger is public and would not run under the role that sees what is published alone.', open({}, answering)],
    [gated, open({ scopes: ['audit:read'] })],
    [gated, open({ limits: [{ policy: 'user', per: 'user' }] })],
    [gated, open({ acrossAgencies: true })],
    ['FR-015 FR-008: readLedger opens by a ticket, and is no read that is recorded each time.', serving({ ...readLedger, ...ticket, audit: 'refusals' })],
    [unnamed, serving({ ...readLedger, ...ticket, params: undefined })],
    [unnamed, serving({ ...readLedger, ...ticket, query: strict({}) })],
  ] // prettier-ignore
  for (const [sentence, overrides] of toAll) await stops(t, sentence, overrides)
  const unknown = serving({ ...readLedger, limits: [{ policy: 'unheard-of', per: 'user' }] })
  await t.rejects(boot(unknown), { message: 'The limit "unheard-of" is not in config/limits.ts.' })
})

t.test('a route without a declaration does not register', async (t) => {
  const planted = (plant: (scope: ContextScope) => void | Promise<void>): AppOverrides => ({
    contract: approving(approval),
    contexts: [...contexts, ledger({}, plant)],
  })
  const answer = async (): Promise<string> => 'unguarded'
  const said = (method: string): string =>
    `FusionEMS part 4, deny by default: ledger registered ${method} /api/unguarded without an operation declaration.`
  await t.test('by a context', (t) =>
    stops(
      t,
      said('GET'),
      planted((scope) => void scope.get('/api/unguarded', answer)),
    ),
  )
  await t.test('by a context that says it is a page of the host', (t) =>
    stops(
      t,
      said('DELETE'),
      planted((scope) => void scope.delete('/api/unguarded', { config: { hostPage: true } } as never, answer)),
    ),
  )
  await t.test('by a plugin of a context', (t) =>
    stops(
      t,
      said('POST'),
      planted(async (scope) => void (await scope.register(async (inner) => void inner.post('/api/unguarded', answer)))),
    ),
  )
  await t.test('by a hook of a context that would dress it as declared', (t) =>
    stops(
      t,
      said('GET'),
      planted((scope) => {
        scope.addHook('onRoute', (route) => void (route.config = { hostPage: true } as never))
        scope.get('/api/unguarded', answer)
      }),
    ),
  )
  await t.test('at the root, behind the back of every context', (t) =>
    stops(
      t,
      'FusionEMS part 4, deny by default: GET /unguarded was registered without an operation declaration.',
      planted((scope) => void (Object.getPrototypeOf(scope) as ContextScope).get('/unguarded', answer)),
    ),
  )
})

/** Whatever runs SQL or hands out something that does. */
const isDatabase = (value: object): boolean =>
  value instanceof pg.Pool ||
  value instanceof pg.Client ||
  value instanceof MikroORM ||
  value instanceof Kysely ||
  typeof (value as { getConnection?: unknown }).getConnection === 'function' ||
  typeof (value as { getKysely?: unknown }).getKysely === 'function' ||
  typeof (value as { getDriver?: unknown }).getDriver === 'function'

const partsOf = (value: object): unknown[] => {
  const parts: unknown[] = value instanceof Map || value instanceof Set ? [...value.entries()].flat() : []
  for (
    let level: object | null = value;
    level !== null && level !== Object.prototype && level !== Function.prototype;
    level = Object.getPrototypeOf(level) as object | null
  ) {
    for (const key of Reflect.ownKeys(level)) {
      try {
        parts.push((value as Record<PropertyKey, unknown>)[key])
      } catch {
        // A getter that refuses hands out nothing.
      }
    }
  }
  return parts
}

/** Walks everything that can be reached by properties, own and inherited; returns what of it is a database. */
const databasesIn = (start: object): { found: number; seen: number } => {
  const seen = new Set<object>([start])
  const queue: object[] = [start]
  let found = 0
  while (queue.length > 0 && seen.size < 200_000) {
    const value = queue.shift()!
    if (isDatabase(value)) found += 1
    for (const part of partsOf(value)) {
      if (
        part === null ||
        (typeof part !== 'object' && typeof part !== 'function') ||
        seen.has(part) ||
        part === globalThis ||
        part === process
      )
        continue
      seen.add(part)
      queue.push(part)
    }
  }
  return { found, seen: seen.size }
}

t.test('what a context was not granted does not exist in its scope', async (t) => {
  const granted: Record<string, string[]> = {}
  const reachable: Record<string, { found: number; seen: number }> = {}
  const decorators = [
    'fields',
    'blindIndex',
    'auditStore',
    'pool',
    'orm',
    'em',
    'host',
    'transactions',
    'queue',
    'mail',
    'http',
    'identity',
    'flags',
    'audit',
  ]
  const watched = contexts.map((context) => ({
    ...context,
    setup: async (scope: ContextScope) => {
      await context.setup(scope)
      granted[context.manifest.name] = decorators.filter((name) => name in scope)
      reachable[context.manifest.name] = databasesIn(scope)
    },
  }))
  await boot({
    contexts: [
      ...watched,
      ledger({ capabilities: ['transaction'] }, (scope) => void (granted['ledger'] = decorators.filter((name) => name in scope))),
    ],
    contract: approving(approval),
  })
  t.same(granted['ledger'], [])
  t.same(granted['messaging'], ['fields'])
  t.same(granted['consent'], ['fields'])
  t.same(granted['audit'] ?? ['auditStore'], ['auditStore'])
  for (const [name, { found, seen }] of Object.entries(reachable)) {
    t.equal(found, 0, `${name} reaches no pool, client, connection or entity manager`)
    t.ok(seen > 100, `${name}: the walk went somewhere (${seen})`)
  }
})

t.test('a domain transaction hands out neither its connection nor its manager', async (t) => {
  const walks: Record<string, { found: number; seen: number; members: string[] }> = {}
  const spying = <S extends object>(service: S): S =>
    'transact' in service
      ? { ...service, transact: async (call: object, tx: object) => {
          walks['tx'] = { ...databasesIn(tx), members: Object.keys(tx).sort() }
          walks['call'] = { ...databasesIn(call), members: [] }
          return (service.transact as (call: object, tx: object) => Promise<unknown>)(call, tx)
        } } // prettier-ignore
      : service
  const watched = contexts.map((context) => ({
    ...context,
    setup: (scope: ContextScope) =>
      context.setup(
        new Proxy(scope, {
          get: (target, name) =>
            name === 'serve' ? (o: AnyOperation, s: object) => target.serve(o, spying(s) as never) : Reflect.get(target, name),
        }),
      ),
  }))
  const host = await startHost(t, { database, contexts: watched })
  const patientId = '01920000-0000-7000-8000-c00000000001'
  const granted = await host.call('POST', '/api/consents', { as: 'patient-ana', body: { patientId, scope: 'messaging' } })
  t.equal(granted.statusCode, 201, granted.body)
  t.same(walks['tx']?.members, [
    'assign',
    'count',
    'create',
    'find',
    'findOne',
    'flush',
    'insert',
    'lock',
    'nativeUpdate',
    'persist',
    'refresh',
    'remove',
    'sql',
  ])
  t.equal(walks['tx']?.found, 0)
  t.equal(walks['call']?.found, 0)
})
