import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { preamble, sample } from './exposition.ts'

export interface ProcessMetrics {
  text(): string
  close(): void
}

const one = (name: string, help: string, type: 'counter' | 'gauge', value: number): string =>
  preamble(name, help, type) + sample(name, {}, value)

/** How the process is doing, under the names that common dashboards expect. Costs nothing between two readings but one timer. */
export const createProcessMetrics = (): ProcessMetrics => {
  const delay = monitorEventLoopDelay({ resolution: 20 })
  delay.enable()
  return {
    text: () => {
      const memory = process.memoryUsage()
      const cpu = process.cpuUsage()
      const lag = [
        one(
          'nodejs_eventloop_lag_p99_seconds',
          'Delay of the event loop since the last reading, 99th percentile',
          'gauge',
          delay.percentile(99) / 1e9,
        ),
        one('nodejs_eventloop_lag_max_seconds', 'Longest delay of the event loop since the last reading', 'gauge', delay.max / 1e9),
      ]
      delay.reset()
      return [
        one('process_cpu_seconds_total', 'CPU time used', 'counter', (cpu.user + cpu.system) / 1e6),
        one('process_start_time_seconds', 'Start of the process, Unix time', 'gauge', Math.round(performance.timeOrigin / 1000)),
        one('process_resident_memory_bytes', 'Resident memory', 'gauge', memory.rss),
        one('nodejs_heap_size_used_bytes', 'Heap in use', 'gauge', memory.heapUsed),
        one('nodejs_external_memory_bytes', 'Memory outside the heap', 'gauge', memory.external),
        one(
          'nodejs_eventloop_utilization',
          'Share of time that the event loop was busy since the start',
          'gauge',
          performance.eventLoopUtilization().utilization,
        ),
        ...lag,
      ].join('')
    },
    close: () => delay.disable(),
  }
}
