import { acceptedNames } from './variables.ts'

/** Beginnings that only this service uses: what follows must be known. */
const ownPrefixes = ['POSTERN_', 'MESSAGING_', 'ADVISOR_', 'OIDC_', 'IDENTITY_ADMIN_', 'UNLEASH_']
/** Names this short resemble too many others. */
const shortest = 5
const accepted = new Set(acceptedNames)

/** Container platforms describe neighbouring services in such variables; nobody misspelt them. */
const describesNeighbour = (name: string, value: string): boolean =>
  /_SERVICE_(HOST|PORT)(_|$)/.test(name) || (/_PORT(_|$)/.test(name) && /^(tcp|udp):\/\//.test(value)) || /_PORT_\d+_(TCP|UDP)/.test(name)

/** Edits (insert, delete, replace, swap neighbours) from one name to the other, counted up to `most`. */
export const distance = (from: string, to: string, most: number): number => {
  if (Math.abs(from.length - to.length) > most) return most + 1
  let before: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let row = 1; row <= from.length; row++) {
    const next = [row]
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1]
      let edits = Math.min(next[column - 1]! + 1, last[column]! + 1, last[column - 1]! + (same ? 0 : 1))
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      if (swapped) edits = Math.min(edits, before[column - 2]! + 1)
      next.push(edits)
    }
    if (Math.min(...next) > most) return most + 1
    before = last
    last = next
  }
  return last[to.length]!
}

const nearest = (name: string): string | undefined => {
  const upper = name.toUpperCase()
  let best: string | undefined
  let fewest = upper.length < 9 ? 2 : 3
  for (const known of acceptedNames) {
    if (known.length < shortest) continue
    const edits = distance(upper, known, fewest - 1)
    if (edits < fewest) [best, fewest] = [known, edits]
  }
  return best
}

/** A name that was surely meant for this service but is not known. */
export interface NearMiss {
  readonly name: string
  /** The known name that it resembles most. */
  readonly meant: string | undefined
}

/**
 * Finds the misspelt names: a setting that silently does nothing is unsafe. Other programs' variables are left alone.
 * An empty value counts as unset.
 */
export const nearMisses = (env: Readonly<Record<string, string | undefined>>): NearMiss[] => {
  const found: NearMiss[] = []
  for (const [name, value] of Object.entries(env)) {
    if (!value || accepted.has(name) || name.length < shortest || describesNeighbour(name, value)) continue
    const meant = nearest(name)
    if (meant || ownPrefixes.some((prefix) => name.startsWith(prefix))) found.push({ name, meant })
  }
  return found
}
