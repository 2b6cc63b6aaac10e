/** What a run of tap came to. */
export interface Tally {
  passed: number
  failed: number
}

interface Output {
  line(text: string): void
}

const isNoise = (line: string): boolean => /^\s*(ok \d|\d+\.\.\d+|# time=|$)/.test(line)
const fileResult = /^(not )?ok \d+ - (\S+\.test\.ts)(?: # time=([\d.]+)ms| # (?:SKIP|TODO).*)?/
const totals = /^# \{ total: \d+(?:, pass: (\d+))?(?:, fail: (\d+))?/

/**
 * Reads tap's raw output line by line: says one line per test file, and for one that failed everything that is not a passed
 * assertion. Tap writes the totals at its end; a run without them was cut short and counts as failed.
 */
export const tapReport = (output: Output) => {
  let block: string[] = []
  let tally: Tally | null = null

  const endOfFile = (failed: boolean, file: string, milliseconds: string | undefined): void => {
    if (failed) for (const line of block) if (!isNoise(line)) output.line(line)
    output.line(`${failed ? 'FAILED' : 'passed'} ${file}${milliseconds ? ` (${(Number(milliseconds) / 1000).toFixed(1)} s)` : ''}`)
    block = []
  }

  return {
    take(line: string): void {
      const result = fileResult.exec(line)
      const total = totals.exec(line)
      if (result) endOfFile(result[1] !== undefined, result[2]!, result[3])
      else if (total) tally = { passed: Number(total[1] ?? 0), failed: Number(total[2] ?? 0) }
      else block.push(line)
    },
    /** @param succeeded whether tap itself said so by its exit code; where it did not, at least one failure is counted. */
    end(succeeded: boolean): Tally {
      if (!tally) for (const line of block) if (!isNoise(line)) output.line(line)
      const { passed, failed } = tally ?? { passed: 0, failed: 1 }
      return { passed, failed: succeeded ? failed : Math.max(failed, 1) }
    },
  }
}
