import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import { loadConfig } from '../config/env.ts'
import { demoAgencies, personaNamed } from '../config/personas.ts'
import type { Clock } from '../domain/shared/clock.ts'
import { newId } from '../domain/shared/ids.ts'
import { buildApp, type AppOverrides, type Postern } from '../plugins/app.ts'
import { loadState } from '../plugins/dev/issuer-state.ts'
import { addAgency } from '../plugins/host/agencies.ts'
import { clusterVariable } from './cluster.ts'
import { testDatabase, type TestDatabase } from './database.ts'

/** A clock that stands still until it is moved. */
export interface TestClock extends Clock {
  advance(ms: number): void
}

export const frozenClock = (startMs: number = Date.now()): TestClock => {
  let now = startMs
  return {
    now: () => now,
    advance: (ms) => {
      now += ms
    },
  }
}

export interface HostOptions extends AppOverrides {
  /** Switches at start; all writes on unless told. */
  readonly flags?: Readonly<Record<string, unknown>>
  /** Further variables of the environment. */
  readonly env?: Readonly<Record<string, string>>
  /** A database of one's own making; a copy of the template unless told. */
  readonly database?: TestDatabase
}

export interface CallOptions {
  readonly as?: string
  readonly token?: string
  readonly body?: unknown
  readonly key?: string | null
  readonly headers?: Readonly<Record<string, string>>
}

export interface TestHost extends Postern {
  readonly database: TestDatabase
  readonly clock: TestClock
  readonly dataDir: string
  /** Every log line so far. */
  readonly lines: string[]
  /** A persona's access token. */
  token(persona: string, overrides?: Parameters<NonNullable<Postern['parts']['surroundings']['devIssuer']>['issueToken']>[1]): string
  /** One request without a network. A POST has a fresh idempotency key unless `key` says otherwise (null: none). */
  call(method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, options?: CallOptions): Promise<LightMyRequestResponse>
  /** Flips a switch in the flags file and waits until it is obeyed. */
  flip(name: string, value: unknown): Promise<void>
}

const allOn = { USE_CHAT_WRITES: true, USE_CONSENT_WRITES: true, USE_CLINICAL_DRAFTS: true, USE_MEDICAL_ADVISOR: true }
/** Wide enough to be out of the way of tests that are not about limits. */
const wideLimits = {
  MESSAGING_LIMITS: 'user=100000/60s,burst=100000/10s,conversation=100000/60s',
  USER_LIMIT: '100000/60s',
  IP_LIMIT: 'all=100000/60s,anonymous=100000/60s',
}

const writeFlags = (path: string, flags: object): void => {
  writeFileSync(`${path}.next`, JSON.stringify(flags))
  renameSync(`${path}.next`, path)
}

/** The issuer's key is dear to make: one serves a whole run of tests, whose temporary files go with it. */
const lendIssuerKey = (dataDir: string): void => {
  if (!process.env[clusterVariable]) return
  loadState(tmpdir(), 'RS256')
  copyFileSync(join(tmpdir(), 'issuer.json'), join(dataDir, 'issuer.json'))
}

/** The same token is signed once for each moment of the clock: RSA signatures are dear as well. */
const tokenWith = (postern: Postern, clock: TestClock): TestHost['token'] => {
  const signed = new Map<string, string>()
  return (persona, overrides) => {
    // A claim that is taken away is not one that is left as it was.
    const asked = JSON.stringify(overrides, (_name, value: unknown) => (value === undefined ? '(taken away)' : value))
    const key = `${persona} ${clock.now()} ${asked}`
    let token = signed.get(key)
    if (!token) signed.set(key, (token = postern.parts.surroundings.devIssuer!.issueToken(personaNamed(persona)!, overrides)))
    return token
  }
}

const callWith = (host: () => TestHost): TestHost['call'] => {
  return (method, path, { as, token, body, key, headers = {} } = {}) => {
    const bearer = token ?? (as ? host().token(as) : undefined)
    const idempotency = method === 'POST' && key !== null ? { 'idempotency-key': key ?? newId() } : {}
    const request: InjectOptions = {
      method,
      url: path,
      headers: { ...(bearer ? { authorization: `Bearer ${bearer}` } : {}), ...idempotency, ...headers },
      ...(body === undefined ? {} : { payload: body as object }),
    }
    return host().app.inject(request)
  }
}

/** The whole service on a real PostgreSQL of its own, with the development issuer and a flags file, its clock standing still. */
export const startHost = async (t: Test, options: HostOptions = {}): Promise<TestHost> => {
  const database = options.database ?? (await testDatabase(t))
  const dataDir = mkdtempSync(join(tmpdir(), 'postern-host-'))
  const flagsFile = join(dataDir, 'flags.json')
  writeFlags(flagsFile, options.flags ?? allOn)
  lendIssuerKey(dataDir)
  for (const agency of demoAgencies) await addAgency(database.ownerUrl, agency)
  const clock = (options.clock as TestClock | undefined) ?? frozenClock()
  const lines: string[] = []
  const config = loadConfig({
    NODE_ENV: 'test',
    DATA_DIR: dataDir,
    FLAGS_FILE: flagsFile,
    DATABASE_URL: database.appUrl,
    DATABASE_MIGRATION_URL: database.ownerUrl,
    DATABASE_BYPASS_URL: database.bypassUrl,
    ...wideLimits,
    ...options.env,
  })
  const postern = await buildApp(config, { ...options, clock, logTo: options.logTo ?? { write: (line: string) => void lines.push(line) } })
  const host: TestHost = {
    ...postern,
    database,
    clock,
    dataDir,
    lines,
    token: tokenWith(postern, clock),
    call: callWith(() => host),
    async flip(name, value) {
      const obeyed = new Promise<void>((resolve) => {
        const stop = postern.parts.flags.onFlip((flip) => {
          if (flip.name !== name) return
          stop()
          resolve()
        })
      })
      const before = JSON.parse(readFileSync(flagsFile, 'utf8')) as object
      writeFlags(flagsFile, { ...before, [name]: value })
      await obeyed
    },
  }
  t.teardown(async () => {
    await postern.close()
    rmSync(dataDir, { recursive: true, force: true })
  })
  return host
}
