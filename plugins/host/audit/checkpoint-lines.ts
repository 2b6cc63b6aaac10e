/** The longest line that is written or read; in bytes, as signed heads are ASCII. */
export const largestLine = 1024 * 1024

const chainsOf = (line: string): string[] => {
  try {
    const { checkpoint } = JSON.parse(line) as { checkpoint: string }
    return (JSON.parse(checkpoint) as { heads: [string, number][] }).heads.map(([agency, lane]) => `${agency}/${lane}`)
  } catch {
    return []
  }
}

/** The lines that verification needs of those that were added: for each chain the last one that names it. A later head stands for all before it. */
export interface NewestLines {
  add(line: string): void
  lines(): string[]
  /** Bytes of what is kept. */
  size(): number
}

export const newestLines = (): NewestLines => {
  const byChain = new Map<string, string>()
  const uses = new Map<string, number>()
  let size = 0

  const release = (line: string): void => {
    const left = uses.get(line)! - 1
    if (left > 0) return void uses.set(line, left)
    uses.delete(line)
    size -= Buffer.byteLength(line)
  }

  return {
    add(line) {
      for (const chain of chainsOf(line)) {
        const before = byChain.get(chain)
        if (before === line) continue
        if (!uses.has(line)) size += Buffer.byteLength(line)
        uses.set(line, (uses.get(line) ?? 0) + 1)
        byChain.set(chain, line)
        if (before !== undefined) release(before)
      }
    },
    lines: () => [...uses.keys()],
    size: () => size,
  }
}
