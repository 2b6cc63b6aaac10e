import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { candidateEnv, setFlags } from './candidate/environment.ts'
import type { BenchOptions } from './options.ts'
import { differingWidths, prepareReference } from './reference/database.ts'
import { sealedSizes } from './reference/sizes.ts'
import { startServer, type Server } from './stage/child.ts'
import { audience, startIssuer, type BenchIssuer } from './stage/issuer.ts'
import { makeKeys, type BenchKeys } from './stage/keys.ts'
import { makePeople, type People } from './stage/people.ts'
import { startBenchPostgres, type BenchDatabase, type BenchPostgres } from './stage/postgres.ts'
import { createSeeder } from './stage/seed.ts'

/** A service process with the directory that its switches live in. */
export interface Candidate extends Server {
  readonly directory: string
  readonly database: BenchDatabase
}

/** Both sides of the comparison, on databases of their own in one PostgreSQL. */
export interface Bench {
  readonly candidate: Candidate
  readonly reference: Server & { readonly database: BenchDatabase }
  /** Four hundred and eighty patients of one agency, and as many spread over twenty. */
  readonly people: { readonly one: People; readonly spread: People }
  /** What makes the comparison unfair, by the rows that were written. */
  unfair(): Promise<string[]>
}

export interface Rig {
  readonly options: BenchOptions
  readonly directory: string
  readonly postgres: BenchPostgres
  readonly issuer: BenchIssuer
  readonly keys: BenchKeys
  note(line: string): void
  /** A folder of its own for one process. */
  folder(name: string): string
  /** Starts a service on a database; it is stopped with the rig at the latest. */
  serve(
    database: BenchDatabase,
    options?: { readonly directory?: string; readonly env?: Readonly<Record<string, string>> },
  ): Promise<Candidate>
  /** Both sides, made when first asked for. */
  bench(): Promise<Bench>
  /** Registers what must end with the rig. */
  keep(end: () => Promise<unknown>): void
  close(): Promise<void>
}

const allOn = { USE_CHAT_WRITES: true, USE_CONSENT_WRITES: true }
const patients = 480
/** Connections of the reference to its database: of 10, 16 and 32 the fastest here. */
const poolSize = 16

const candidateScript = join(import.meta.dirname, 'candidate/main.ts')
const referenceScript = join(import.meta.dirname, 'reference/main.ts')

const openBench = async (rig: Rig): Promise<Bench> => {
  const people = { one: makePeople(1, patients), spread: makePeople(20, patients) }
  const [real, bare] = [await rig.postgres.create('candidate'), await rig.postgres.create('reference')]
  const seeder = await createSeeder(real.superuserUrl, rig.keys.fields)
  try {
    for (const group of [people.one, people.spread]) await seeder.people(group)
    await seeder.analyze()
  } finally {
    await seeder.close()
  }
  await prepareReference(bare, [people.one, people.spread])
  const { issuer, keys } = rig
  const settings = {
    databaseUrl: bare.superuserUrl,
    poolSize,
    publicKey: issuer.publicKey,
    issuer: issuer.issuer,
    audience,
    sizes: sealedSizes(keys.fields),
  }
  const reference = await startServer({ script: referenceScript, settings })
  rig.keep(() => reference.stop())
  return {
    candidate: await rig.serve(real),
    reference: { ...reference, database: bare },
    people,
    unfair: () => differingWidths(real, bare),
  }
}

/** Opens what every row needs. Everything that is opened through it ends with `close`. */
export const openRig = async (options: BenchOptions, note: (line: string) => void): Promise<Rig> => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-bench-'))
  if (options.profile) mkdirSync(options.profile, { recursive: true })
  const ends: (() => Promise<unknown>)[] = [async () => rmSync(directory, { recursive: true, force: true })]
  let made: Promise<Bench> | undefined
  const close = async (): Promise<void> => {
    for (const end of ends.splice(0).toReversed()) await end().catch((error: Error) => note(`could not end: ${error.message}`))
  }
  try {
    const postgres = await startBenchPostgres(directory)
    ends.push(() => postgres.stop())
    const issuer = await startIssuer()
    ends.push(() => issuer.close())
    const keys = makeKeys()
    const rig: Rig = {
      options,
      directory,
      postgres,
      issuer,
      keys,
      note,
      folder(name) {
        const path = join(directory, name)
        mkdirSync(path, { recursive: true })
        return path
      },
      async serve(database, { directory: given, env } = {}) {
        const home = given ?? rig.folder(`service-${ends.length}`)
        if (!given) setFlags(home, allOn)
        const variables = { ...candidateEnv({ directory: home, database, issuer, keys }), ...env }
        const server = await startServer({ script: candidateScript, settings: { profile: options.profile }, env: variables })
        ends.push(() => server.stop())
        return { ...server, directory: home, database }
      },
      bench: () => (made ??= openBench(rig)),
      keep: (end) => void ends.push(end),
      close,
    }
    return rig
  } catch (error) {
    await close()
    throw error
  }
}
