import t from 'tap'
import { createMetrics } from '../../../plugins/host/telemetry/metrics.ts'

const operations = [
  { name: 'sendMessage', method: 'POST' },
  { name: 'me', method: 'GET' },
]

t.test('requests by operation, method and status, and their durations', async (t) => {
  const metrics = createMetrics({ operations, defaultMetrics: false })
  t.teardown(() => metrics.close())
  for (const ms of [0.4, 1, 1.1, 30, 20_000]) metrics.observe('sendMessage', 201, ms)
  metrics.observe('sendMessage', 403, 2.5)
  metrics.observe('unknown-to-us', 200, 1)
  metrics.observe('another', 999, 1)
  const text = await metrics.text()
  t.equal(metrics.contentType, 'text/plain; version=0.0.4; charset=utf-8')
  t.equal(
    text,
    `# HELP postern_requests_total Answers by operation and status
# TYPE postern_requests_total counter
postern_requests_total{operation="sendMessage",method="POST",status="201"} 5
postern_requests_total{operation="sendMessage",method="POST",status="403"} 1
postern_requests_total{operation="other",method="other",status="0"} 1
postern_requests_total{operation="other",method="other",status="200"} 1
# HELP postern_request_duration_seconds Time from arrival to answer
# TYPE postern_request_duration_seconds histogram
${[
  [0.001, 2],
  [0.0025, 4],
  [0.005, 4],
  [0.01, 4],
  [0.025, 4],
  [0.05, 5],
  [0.1, 5],
  [0.25, 5],
  [0.5, 5],
  [1, 5],
  [2.5, 5],
  [5, 5],
  [10, 5],
  ['+Inf', 6],
]
  .map(([le, count]) => `postern_request_duration_seconds_bucket{operation="sendMessage",le="${le}"} ${count}`)
  .join('\n')}
postern_request_duration_seconds_sum{operation="sendMessage"} 20.035
postern_request_duration_seconds_count{operation="sendMessage"} 6
${['0.001', '0.0025', '0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1', '2.5', '5', '10', '+Inf'].map((le) => `postern_request_duration_seconds_bucket{operation="other",le="${le}"} 2`).join('\n')}
postern_request_duration_seconds_sum{operation="other"} 0.002
postern_request_duration_seconds_count{operation="other"} 2
`,
  )
})

t.test('counters and gauges of other parts', async (t) => {
  const metrics = createMetrics({ operations: [], defaultMetrics: false })
  const add = metrics.counter('postern_flag_flips_total', 'Observed flips \\ "all"\nof them')
  let waiting = 3
  metrics.gauge('postern_writes_waiting', 'Writes that wait', () => waiting)
  metrics.gauge('postern_broken', 'Cannot be read', () => {
    throw new Error('closed')
  })
  metrics.gauge('postern_endless', 'Infinite', () => Infinity)
  add()
  add(4)
  waiting = 7
  const text = await metrics.text()
  t.match(
    text,
    '# HELP postern_flag_flips_total Observed flips \\\\ "all"\\nof them\n# TYPE postern_flag_flips_total counter\npostern_flag_flips_total 5\n',
  )
  t.match(text, 'postern_writes_waiting 7\n')
  t.match(text, 'postern_broken NaN\n', 'one that fails hides no other')
  t.match(text, 'postern_endless +Inf\n')
  t.throws(() => metrics.counter('postern_flag_flips_total', 'again'), /declared twice/)
  t.throws(() => metrics.gauge('no-name', '', () => 0), /no name/)
})

t.test('the process itself, and every line is well formed', async (t) => {
  const metrics = createMetrics({ operations })
  t.teardown(() => metrics.close())
  metrics.observe('me', 200, 3)
  for (let reading = 0; reading < 2; reading++) {
    const lines = (await metrics.text()).trimEnd().split('\n')
    for (const line of lines) {
      t.match(
        line,
        /^(# (HELP|TYPE) [a-z0-9_]+ .+|[a-z0-9_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? (NaN|[-+]?(Inf|[0-9.]+(e[-+]?\d+)?)))$/,
      )
    }
    const value = (name: string): number => Number(lines.find((line) => line.startsWith(`${name} `))?.split(' ')[1])
    t.ok(value('process_resident_memory_bytes') > 1e7)
    t.ok(value('process_start_time_seconds') > 1.7e9)
    t.ok(value('process_cpu_seconds_total') > 0)
    const types = lines.filter((line) => line.startsWith('# TYPE')).map((line) => line.split(' ')[2])
    t.equal(new Set(types).size, types.length, 'each metric is declared once')
  }
})

t.test('counting is cheap', async (t) => {
  const metrics = createMetrics({ operations, defaultMetrics: false })
  const rounds = 200_000
  const run = (): number => {
    const from = performance.now()
    for (let index = 0; index < rounds; index++) metrics.observe('sendMessage', 201, index % 40)
    return ((performance.now() - from) / rounds) * 1000
  }
  const best = Math.min(run(), run(), run())
  t.ok(best < 1, `${best.toFixed(3)} µs for one observation, at best of three`)
})
