/** What a run of tests came to. */
export interface Tally {
  passed: number
  failed: number
}

/** What one file came to. */
export interface FileTally extends Tally {
  /** Assertions and parts that were left out, or whose outcome does not count. */
  skipped: number
}

const isNoise = (line: string): boolean => /^\s*(TAP version \d+|ok \d.*|\d+\.\.\d+.*|# time=.*|)$/.test(line)
const totals = /^# \{ total: \d+(?:, pass: (\d+))?(?:, fail: (\d+))?/
const leftOut = /\b(?:skip|todo): (\d+)/g

/**
 * Reads what one test file says, line by line. Tap writes the totals at its end; a file without them was cut short and counts as
 * failed.
 */
export const fileReport = () => {
  const heard: string[] = []
  let tally: FileTally | null = null
  return {
    take(line: string): void {
      const total = totals.exec(line)
      const skipped = [...line.matchAll(leftOut)].reduce((sum, [, count]) => sum + Number(count), 0)
      if (total) tally = { passed: Number(total[1] ?? 0), failed: Number(total[2] ?? 0), skipped }
      else if (!isNoise(line)) heard.push(line)
    },
    /**
     * @param succeeded whether the file's process ended well; where it did not, at least one failure is counted
     * @returns the tally, and of a file that failed everything that is not a passed assertion
     */
    end(succeeded: boolean): FileTally & { readonly lines: readonly string[] } {
      const { passed, failed, skipped } = tally ?? { passed: 0, failed: 1, skipped: 0 }
      const counted = succeeded ? failed : Math.max(failed, 1)
      return { passed, failed: counted, skipped, lines: counted > 0 ? heard : [] }
    },
  }
}
