/** What a run of tests came to. */
export interface Tally {
  passed: number
  failed: number
}

const isNoise = (line: string): boolean => /^\s*(TAP version \d+|ok \d.*|\d+\.\.\d+.*|# time=.*|)$/.test(line)
const totals = /^# \{ total: \d+(?:, pass: (\d+))?(?:, fail: (\d+))?/

/**
 * Reads what one test file says, line by line. Tap writes the totals at its end; a file without them was cut short and counts as
 * failed.
 */
export const fileReport = () => {
  const heard: string[] = []
  let tally: Tally | null = null
  return {
    take(line: string): void {
      const total = totals.exec(line)
      if (total) tally = { passed: Number(total[1] ?? 0), failed: Number(total[2] ?? 0) }
      else if (!isNoise(line)) heard.push(line)
    },
    /**
     * @param succeeded whether the file's process ended well; where it did not, at least one failure is counted
     * @returns the tally, and of a file that failed everything that is not a passed assertion
     */
    end(succeeded: boolean): Tally & { readonly lines: readonly string[] } {
      const { passed, failed } = tally ?? { passed: 0, failed: 1 }
      const counted = succeeded ? failed : Math.max(failed, 1)
      return { passed, failed: counted, lines: counted > 0 ? heard : [] }
    },
  }
}
