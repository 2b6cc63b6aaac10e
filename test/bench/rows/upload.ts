import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { newId } from '../../../domain/shared/ids.ts'
import { formOf, largePdf } from '../../fixtures/files.ts'
import type { Row } from '../report.ts'
import type { Rig } from '../rig.ts'

const mebibyte = 1024 * 1024
const mostMib = 20
const lookMs = 5

const residentMib = (pid: number): number => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024

const send = (port: number, token: string, payload: Buffer, type: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': type, 'content-length': payload.length, 'idempotency-key': newId() }
    const sent = request({ port, host: '127.0.0.1', method: 'POST', path: '/api/bench/upload', headers, timeout: 120_000 }, (answer) => {
      answer.resume().once('end', () => resolve(answer.statusCode ?? 0))
    })
    sent.once('error', reject).once('timeout', () => sent.destroy(new Error('the upload takes too long')))
    sent.end(payload)
  })

/** What an upload adds to the memory of the service while it is under way, at its peak. @see design, section 11 */
export const upload = async (rig: Rig): Promise<Row[]> => {
  const { candidate, people } = await rig.bench()
  const agencyId = people.one.agencies[0]!
  const subject = { sub: newId(), agencyId, patientId: newId() }
  const token = rig.issuer.token(subject, { roles: ['provider_manager'], scope: 'providers:write' })
  const peakOf = async (mebibytes: number): Promise<{ addedMib: number; seconds: number }> => {
    const { payload, headers } = formOf({}, { content: largePdf(mebibytes * mebibyte - 4_096) })
    await candidate.usage(true)
    const before = residentMib(candidate.pid)
    let peak = before
    const timer = setInterval(() => (peak = Math.max(peak, residentMib(candidate.pid))), lookMs)
    const started = performance.now()
    try {
      const status = await send(candidate.port, token, payload, headers['content-type'])
      if (status !== 201) throw new Error(`an upload was answered ${status}`)
    } finally {
      clearInterval(timer)
    }
    return { addedMib: peak - before, seconds: (performance.now() - started) / 1000 }
  }
  // What is loaded when it is first needed is not what a file costs.
  for (let warm = 0; warm < 3; warm += 1) await peakOf(10)
  const row = (name: string, value: number): Row => ({
    name, value, unit: 'MiB', reference: null, ratio: null, must: `<= ${mostMib}`, holds: value <= mostMib,
  }) // prettier-ignore
  const [small, large] = [await peakOf(10), await peakOf(50)]
  rig.note(`    10 MB in ${small.seconds.toFixed(2)} s, 50 MB in ${large.seconds.toFixed(2)} s`)
  return [row('upload of 10 MB, memory added', small.addedMib), row('upload of 50 MB, memory added', large.addedMib)]
}
