import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { audience, type BenchIssuer } from '../stage/issuer.ts'
import type { BenchKeys } from '../stage/keys.ts'
import type { BenchDatabase } from '../stage/postgres.ts'

/** Every limit stays in place and counts; only its number is out of the way. */
const wideLimits = {
  MESSAGING_LIMITS: 'user=1000000/1s,burst=1000000/1s,conversation=1000000/1s',
  USER_LIMIT: '1000000/1s',
  IP_LIMIT: 'all=1000000/1s,anonymous=1000000/1s',
}

export interface CandidateSurroundings {
  readonly directory: string
  readonly database: BenchDatabase
  readonly issuer: BenchIssuer
  readonly keys: BenchKeys
}

export const flagsFileIn = (directory: string): string => join(directory, 'flags.json')

/** Sets the switches in one step, as an operator's tool does. */
export const setFlags = (directory: string, flags: Readonly<Record<string, boolean>>): void => {
  const path = flagsFileIn(directory)
  writeFileSync(`${path}.next`, JSON.stringify(flags))
  renameSync(`${path}.next`, path)
}

/** The environment of a service process beside the benchmark's own database and issuer. */
export const candidateEnv = ({ directory, database, issuer, keys }: CandidateSurroundings): Record<string, string> => ({
  DATA_DIR: directory,
  FLAGS_FILE: flagsFileIn(directory),
  DATABASE_URL: database.appUrl,
  DATABASE_BYPASS_URL: database.bypassUrl,
  OIDC_ISSUER: issuer.issuer,
  OIDC_AUDIENCE: audience,
  ...keys.env,
  ...wideLimits,
})
