import type { ClientBase } from 'pg'
import type { SignatureVerifier } from '../crypto/index.ts'
import { chainName, type ChainHead } from './chain-head.ts'
import { parseCheckpoint, readCheckpoint, type Checkpoint, type ReadLine } from './checkpoint.ts'
import type { CheckpointStore } from './checkpoint-store.ts'
import { hashAt } from './verify-chain.ts'

/** A head with the moment at which it was signed, in ISO 8601. */
export type SignedHead = ChainHead & { readonly at: string }

/** The newest signed head of each chain, and the lines that are not what they claim. */
export interface SignedHeads {
  readonly newest: ReadonlyMap<string, SignedHead>
  readonly signedAt: string | null
  readonly forged: number
  readonly unknownKeys: number
}

interface Candidate extends SignedHead {
  readonly line: string
}

const add = (newest: Map<string, Candidate>, { at, heads }: Checkpoint, line: string, agencyId: string | undefined): void => {
  for (const head of heads) {
    if (agencyId && head.agencyId !== agencyId) continue
    const known = newest.get(chainName(head))
    if (!known || known.seq < head.seq) newest.set(chainName(head), { ...head, at, line })
  }
}

/** The newest head of each chain, by the lines that `read` lets pass. */
const collect = async (
  store: Pick<CheckpointStore, 'read'>,
  read: (line: string) => ReadLine,
  agencyId: string | undefined,
): Promise<{ newest: Map<string, Candidate>; forged: number; unknownKeys: number }> => {
  const newest = new Map<string, Candidate>()
  let forged = 0
  let unknownKeys = 0
  for await (const line of store.read()) {
    const told = read(line)
    if (told.kind === 'forged') forged += 1
    if (told.kind === 'unknown-key') unknownKeys += 1
    if (told.kind === 'signed') add(newest, told.checkpoint, line, agencyId)
  }
  return { newest, forged, unknownKeys }
}

/**
 * Reads a checkpoint store. Signatures are checked of the lines that matter, the newest of each chain, and of all only where one of
 * those is forged. Lines that a crash has torn are passed over.
 */
export const readSignedHeads = async (
  store: Pick<CheckpointStore, 'read'> | undefined,
  verifier: SignatureVerifier,
  agencyId?: string,
): Promise<SignedHeads> => {
  if (!store) return { newest: new Map(), signedAt: null, forged: 0, unknownKeys: 0 }
  const claimed = await collect(store, (line) => parseCheckpoint(verifier, line), agencyId)
  const lines = new Set([...claimed.newest.values()].map(({ line }) => line))
  const suspicious = claimed.forged > 0 || [...lines].some((line) => readCheckpoint(verifier, line).kind !== 'signed')
  const found = suspicious ? await collect(store, (line) => readCheckpoint(verifier, line), agencyId) : claimed
  const times = [...found.newest.values()].map(({ at }) => at).toSorted()
  return { newest: found.newest, signedAt: times.at(-1) ?? null, forged: found.forged, unknownKeys: found.unknownKeys }
}

/** The first signed head of a chain that its rows contradict: what was rewritten begins behind the one before it. */
export const firstRewritten = async <At extends { readonly agencyId: string; readonly lane: number }>(
  client: ClientBase,
  store: Pick<CheckpointStore, 'read'> | undefined,
  verifier: SignatureVerifier,
  at: At,
): Promise<At & { seq: number; detail: string }> => {
  const signed: SignedHead[] = []
  for await (const line of store?.read() ?? []) {
    const read = readCheckpoint(verifier, line)
    if (read.kind !== 'signed') continue
    for (const head of read.checkpoint.heads)
      if (chainName(head) === chainName(at) && signed.length < 1_000_000) signed.push({ ...head, at: read.checkpoint.at })
  }
  signed.sort((left, right) => left.seq - right.seq)
  let low = 0
  let high = signed.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    const hash = await hashAt(client, at, signed[middle]!.seq)
    if (hash?.toString('hex') === signed[middle]!.hash) low = middle + 1
    else high = middle
  }
  const first = signed[low]!
  return {
    ...at,
    seq: first.seq,
    detail: `rows ${(signed[low - 1]?.seq ?? 0) + 1} to ${first.seq} are not those whose hash was signed at ${first.at}`,
  }
}
