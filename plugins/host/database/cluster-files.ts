import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { PostgresBinaries } from './postgres-binaries.ts'
import { hand, type Unprivileged } from './unprivileged.ts'

/** The one user of a new cluster. */
export const superuser = 'postgres'

/** Where an embedded server keeps what it needs. */
export interface ClusterFiles {
  readonly directory: string
  readonly data: string
  readonly log: string
  readonly password: string
}

const run = promisify(execFile)

const isWhole = (data: string): boolean => existsSync(join(data, 'PG_VERSION'))

/** The superuser's password lies beside the data, readable by the user who runs the service and by no other. */
const passwordIn = (directory: string, data: string): string => {
  const path = join(directory, 'superuser-password')
  if (!existsSync(path)) {
    if (isWhole(data)) throw new Error(`${path} is missing: bring it back, or remove ${data} to begin anew.`)
    writeFileSync(path, randomBytes(24).toString('base64url'), { mode: 0o600 })
  }
  return readFileSync(path, 'utf8').trim()
}

export const clusterFiles = (folder: string): ClusterFiles => {
  const directory = resolve(folder)
  // Others may pass through, not look: the server's own user must reach its data.
  mkdirSync(directory, { recursive: true, mode: 0o711 })
  const data = join(directory, 'data')
  return { directory, data, log: join(directory, 'server.log'), password: passwordIn(directory, data) }
}

export interface Preparation {
  readonly files: ClusterFiles
  readonly binaries: PostgresBinaries
  readonly way: Unprivileged
  readonly durable: boolean
}

/** A cluster is made beside its place and moved there when it is whole: one that was cut short is never taken for a good one. */
const initialise = async ({ files, binaries, way, durable }: Preparation): Promise<void> => {
  const [unfinished, secret] = [`${files.data}.unfinished`, join(files.directory, 'initial-password')]
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(unfinished, { mode: 0o700 })
  writeFileSync(secret, files.password, { mode: 0o600 })
  for (const path of [unfinished, secret]) hand(path, way)
  const locale = ['--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C']
  const auth = [`--username=${superuser}`, '--auth=scram-sha-256', `--pwfile=${secret}`]
  const rest = ['--no-instructions', ...(durable ? [] : ['--no-sync'])]
  const { file, args } = way.command(binaries.initdb, [`--pgdata=${unfinished}`, ...locale, ...auth, ...rest])
  try {
    await run(file, args, { ...way.ids, cwd: '/', timeout: 60_000 })
    renameSync(unfinished, files.data)
  } finally {
    rmSync(secret, { force: true })
  }
}

/** Makes the cluster where there is none, and hands it to the user that the server will run as. */
export const prepareCluster = async (preparation: Preparation): Promise<void> => {
  const { files, way } = preparation
  if (!isWhole(files.data)) await initialise(preparation)
  hand(files.data, way)
}
