import { readFileSync } from 'node:fs'

const tickMs = 10

const ticksOf = (pid: number | string): number => {
  try {
    // The name in brackets may hold anything, spaces too; behind it come plain numbers.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0)
  } catch {
    return 0
  }
}

/** Processor time of a process, its children and those that have ended, in milliseconds; 0 where the system does not tell. */
export const processorMs = (pid: number): number => {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
    return [pid, ...children].reduce((sum: number, one) => sum + ticksOf(one), 0) * tickMs
  } catch {
    return 0
  }
}

/** What every process of the machine has taken so far, in milliseconds; 0 where the system does not tell. */
export const machineMs = (): number => {
  try {
    const [, user, nice, system, , , interrupts, soft] = readFileSync('/proc/stat', 'utf8').split(/\s+/, 8)
    return [user, nice, system, interrupts, soft].reduce((sum, ticks) => sum + Number(ticks), 0) * tickMs
  } catch {
    return 0
  }
}
