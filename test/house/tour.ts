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

const ask = async (address: string, path: string, body: object, token?: string): Promise<Record<string, unknown>> => {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const headers = { 'content-type': 'application/json', ...authorization }
  const response = await fetch(`${address}${path}`, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  })
  return (await response.json()) as Record<string, unknown>
}

/**
 * Waits until both writes are open, or closed, by asking for them with a body that is refused right behind the switch. A patient of
 * another agency asks, so that nothing of a tour is used up.
 */
export const untilSwitched = async (address: string, open: boolean): Promise<void> => {
  const token = (await ask(address, '/dev/token', { persona: 'patient-cho' }))['access_token'] as string
  const deadline = performance.now() + 10_000
  for (const path of ['/api/consents', '/api/messaging/conversations']) {
    while (((await ask(address, path, {}, token))['reason'] === 'disabled') === open) {
      if (performance.now() > deadline) throw new Error(`${path} did not obey its switch`)
      await delay(10)
    }
  }
}

const flips = /> \S*flags\.json/

/** Types the lines one by one, as they stand, and holds each answer against what is said to come. @returns the answers, by line */
export const walk = async (t: Test, shell: Shell, address: string, steps: readonly Step[]): Promise<string[]> => {
  const answers: string[] = []
  for (const { line, expected } of steps) {
    const answer = await shell.run(line)
    answers.push(answer)
    if (flips.test(line)) await untilSwitched(address, true)
    const title = line.slice(0, 70)
    if (expected.length === 0) t.equal(answer.trim(), '', `${title} says nothing`)
    for (const one of expected) t.ok(answer.includes(one), `${title} -> ${one}`, { answer })
  }
  return answers
}
