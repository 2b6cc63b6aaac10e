/**
 * What `npm run bench` runs: the table of design §11, measured in one run beside a bare reference on the same machine. Loopback only;
 * ends by itself and leaves nothing behind. Progress goes to standard error.
 */
import { json, table, type Row } from './report.ts'
import { readOptions, type BenchOptions } from './options.ts'
import { openRig, type Rig } from './rig.ts'
import { chosen } from './rows/index.ts'

const note = (line: string): void => void process.stderr.write(`${line}\n`)

/** Longest that a whole run may take, in milliseconds. */
const mostMs = { usual: 20 * 60_000, full: 60 * 60_000 }

const measure = async (rig: Rig, options: BenchOptions): Promise<{ rows: Row[]; failed: number }> => {
  const rows: Row[] = []
  let failed = 0
  for (const { name, run } of chosen(options)) {
    note(name)
    try {
      const found = await run(rig)
      rows.push(...found)
      note(
        table(found)
          .split('\n')
          .slice(2)
          .map((line) => `  ${line}`)
          .join('\n'),
      )
    } catch (error) {
      failed += 1
      note(`  could not be measured: ${(error as Error).stack ?? String(error)}`)
    }
  }
  return { rows, failed }
}

// Whoever reads may have read enough; the run still has to clean up.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)

const main = async (): Promise<number> => {
  const options = readOptions(process.argv.slice(2))
  chosen(options)
  const rig = await openRig(options, note)
  const give = (code: number): void => void rig.close().finally(() => process.exit(code))
  const late = setTimeout(
    () => {
      note('The run takes too long and is given up.')
      give(1)
    },
    options.full ? mostMs.full : mostMs.usual,
  ).unref()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => give(130))
  try {
    const { rows, failed } = await measure(rig, options)
    process.stdout.write(`${options.json ? json(rows) : table(rows)}\n`)
    return failed > 0 ? 1 : 0
  } finally {
    clearTimeout(late)
    await rig.close()
  }
}

process.exitCode = await main().catch((error: Error) => {
  note(error.message)
  return 1
})
