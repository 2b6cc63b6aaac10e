import { createTally, type Clients, type Load, type Requests } from './closed-loop.ts'
import type { Connection } from './connection.ts'

const patienceMs = 15_000

/**
 * Requests come at a fixed rate, whatever the server does: one that finds every connection busy waits, and its wait counts. A request
 * is due when the clock of this process came to it, so that a late timer of the client is not charged to the server.
 */
export const openLoop = (clients: Clients, requests: Requests, expected: number, perSecond: number, seconds: number): Promise<Load> =>
  new Promise((resolve, reject) => {
    const tally = createTally(expected)
    const utilization = performance.eventLoopUtilization()
    const startedMs = performance.now()
    const total = Math.floor(perSecond * seconds)
    const idle: Connection[] = [...clients.connections]
    const due: number[] = []
    let from = 0
    let sent = 0
    let answers = 0

    const finish = (): void => {
      clearInterval(ticker)
      clearTimeout(timer)
      const elapsed = (performance.now() - startedMs) / 1000
      const clientBusy = performance.eventLoopUtilization(utilization).utilization
      resolve({ answers, seconds: elapsed, perSecond: answers / elapsed, latenciesMs: tally.latenciesMs, others: tally.others, clientBusy })
    }
    const dispatch = (): void => {
      while (from < due.length && idle.length > 0) {
        const connection = idle.pop()!
        connection.send(requests(), due[from++]!, (status, latencyMs) => {
          tally.take(status, latencyMs, connection)
          answers += 1
          idle.push(connection)
          if (answers === total) finish()
          else dispatch()
        })
      }
    }
    const tick = (): void => {
      const now = performance.now()
      const wanted = Math.min(total, Math.floor(((now - startedMs) / 1000) * perSecond))
      for (; sent < wanted; sent += 1) due.push(now)
      dispatch()
    }
    const ticker = setInterval(tick, 1)
    const timer = setTimeout(
      () => {
        clearInterval(ticker)
        reject(new Error('the server stopped answering'))
      },
      seconds * 1000 + patienceMs,
    )
  })
