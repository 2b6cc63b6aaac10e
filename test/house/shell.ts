import { spawn } from 'node:child_process'

interface Teardown {
  teardown(work: () => unknown): unknown
}

/** One shell, as a person has it open: what a line defines, the next ones know. */
export interface Shell {
  /** Runs one line and returns all that it printed, errors included. */
  run(line: string): Promise<string>
}

const lineTimeoutMs = 30_000

/** Opens a bash session in a folder; it ends with the test. */
export const openShell = (t: Teardown, options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv }): Shell => {
  const mark = `line-done-${process.pid}`
  const bash = spawn('bash', ['--noprofile', '--norc'], { ...options, stdio: ['pipe', 'pipe', 'ignore'] })
  let heard = ''
  let waiting: (() => void) | undefined
  bash.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    heard += chunk
    waiting?.()
  })
  bash.stdin.on('error', () => {})
  bash.stdin.write('exec 2>&1\n')
  const ended = new Promise<void>((done) => bash.once('close', () => done()))
  t.teardown(async () => {
    bash.stdin.end()
    await ended
  })
  const run = (line: string): Promise<string> =>
    new Promise((done, failed) => {
      heard = ''
      const give = (settle: () => void): void => {
        clearTimeout(timer)
        waiting = undefined
        settle()
      }
      const timer = setTimeout(() => {
        bash.kill('SIGKILL')
        give(() => failed(new Error(`no end of: ${line}\n${heard}`)))
      }, lineTimeoutMs)
      waiting = () => {
        const at = heard.indexOf(`\n${mark}\n`)
        if (at !== -1) give(() => done(heard.slice(0, at)))
      }
      bash.stdin.write(`${line}\nprintf '\\n%s\\n' ${mark}\n`)
    })
  return { run }
}
