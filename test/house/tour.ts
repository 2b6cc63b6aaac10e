import { setTimeout as delay } from 'node:timers/promises'
import type { Test } from 'tap'
import type { Shell } from './shell.ts'

/** A line to type, and what its answer must hold. */
export interface Step {
  readonly line: string
  readonly expected: readonly string[]
}

/** Lines in their order; `#>` lines belong to the line before them. */
export const stepsOf = (lines: readonly string[]): Step[] => {
  const steps: { line: string; expected: string[] }[] = []
  for (const line of lines) {
    const [, expectation] = /^\s*#> (.+)$/.exec(line) ?? []
    if (expectation) steps.at(-1)!.expected.push(expectation)
    else if (line.trim() !== '') steps.push({ line: line.trim(), expected: [] })
  }
  return steps
}

const askJson = async (url: string, options: RequestInit = {}): Promise<unknown> =>
  (await fetch(url, { ...options, signal: AbortSignal.timeout(10_000) })).json()

const tokenOf = async (address: string, persona: string): Promise<string> => {
  const body = JSON.stringify({ persona })
  const answer = await askJson(`${address}/dev/token`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  return (answer as { access_token: string }).access_token
}

/** Whom a switch concerns. Others than those of the tours, so that none of their requests count for them. */
const concerned = ['patient-cho', 'clinician-2']

/** Waits until each switch stands as wanted, by what those whom it concerns are told of themselves, which leaves no trace in the audit. */
export const untilSwitched = async (address: string, wanted: Readonly<Record<string, boolean>>): Promise<void> => {
  const tokens = await Promise.all(concerned.map((persona) => tokenOf(address, persona)))
  const standing = async (): Promise<Record<string, boolean>> => {
    const asked = tokens.map((token) => askJson(`${address}/api/me`, { headers: { authorization: `Bearer ${token}` } }))
    const flags = ((await Promise.all(asked)) as { flags: Record<string, boolean> }[]).map((me) => me.flags)
    return Object.assign({}, ...flags) as Record<string, boolean>
  }
  const deadline = performance.now() + 10_000
  for (;;) {
    const flags = await standing()
    const late = Object.keys(wanted).filter((name) => flags[name] !== wanted[name])
    if (late.length === 0) return
    if (performance.now() > deadline) throw new Error(`not obeyed: ${late.join(', ')}`)
    await delay(20)
  }
}

const flips = /^echo '(\{.*\})' > \S*flags\.json/

/** Types the lines one by one, as they stand, and holds each answer against what is said to come. @returns the answers, by line */
export const walk = async (t: Test, shell: Shell, address: string, steps: readonly Step[]): Promise<string[]> => {
  const answers: string[] = []
  for (const { line, expected } of steps) {
    const answer = await shell.run(line)
    answers.push(answer)
    const [, flipped] = flips.exec(line) ?? []
    if (flipped) await untilSwitched(address, JSON.parse(flipped) as Record<string, boolean>)
    const title = line.slice(0, 70)
    if (expected.length === 0) t.equal(answer.trim(), '', `${title} says nothing`)
    for (const one of expected) t.ok(answer.includes(one), `${title} -> ${one}`, { answer })
  }
  return answers
}
