import { once } from 'node:events'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { newId } from '../../domain/shared/ids.ts'
import { openPortal } from '../contexts/portal.ts'

const ana = '01920000-0000-7000-8000-c00000000001'
const body = '{"body":"Are you there?"}'

const portal = await openPortal(t)
const { host } = portal
await host.app.listen({ host: '127.0.0.1', port: 0 })
const { port } = host.app.server.address() as AddressInfo

await portal.post('patient-ana', '/consents', {
  patientId: ana, scope: 'messaging', expiresAt: new Date(portal.now() + 60_000).toISOString(),
}) // prettier-ignore
const talk = await portal.post('patient-ana', '/messaging/conversations', { patientId: ana, subject: 'Slowly' })
const path = `/api/messaging/conversations/${talk.body.id}/messages`

/** A message whose body is `sent` so far, once the server has its head. */
const begin = async (requestId: string, key: string, sent: string): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1')
  const arrived = once(host.app.server, 'request')
  socket.on('error', () => {})
  socket.write(
    [
      `POST ${path} HTTP/1.1`,
      'host: 127.0.0.1',
      `authorization: Bearer ${host.token('patient-ana')}`,
      'content-type: application/json',
      `content-length: ${body.length}`,
      `idempotency-key: ${key}`,
      `x-request-id: ${requestId}`,
      'connection: close',
      '',
      sent,
    ].join('\r\n'),
  )
  await arrived
  return socket
}

const linesOf = (requestId: string): Record<string, unknown>[] =>
  host.lines.filter((line) => line.includes(`"commandId":"${requestId}"`)).map((line) => JSON.parse(line) as Record<string, unknown>)

const lineOf = async (requestId: string): Promise<Record<string, unknown> | undefined> => {
  for (let tries = 0; linesOf(requestId).length === 0 && tries < 400; tries += 1) await pause(5)
  return linesOf(requestId)[0]
}

t.test('a caller who hangs up leaves a line, whatever became of the request', async (t) => {
  await portal.rows('begin')
  await portal.rows('lock table messaging_message in exclusive mode')
  const done = newId()
  const waiting = await begin(done, 'gone', body)
  const blocked = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
  for (let tries = 0; (await portal.rows(blocked)).length === 0 && tries < 300; tries += 1) await pause(5)
  waiting.destroy()
  await once(waiting, 'close')
  await portal.rows('commit')
  t.match(await lineOf(done), { action: 'sendMessage', outcome: 'success', status: 201 }, 'the message was stored, and the log says so')

  const cut = newId()
  const broken = await begin(cut, 'cut', body.slice(0, 9))
  broken.destroy()
  t.match(await lineOf(cut), { action: 'sendMessage', outcome: 'UPSTREAM_UNAVAILABLE' }, 'half a body')
  const [row] = await portal.rows('select outcome, idempotency_key from audit_event where request_id = $1', cut)
  t.same(row, { outcome: 'UPSTREAM_UNAVAILABLE', idempotency_key: 'cut' })
  t.equal(linesOf(done).length + linesOf(cut).length, 2, 'one line each')
})

t.test('a consent that ends while the body is on its way permits nothing', async (t) => {
  const requestId = newId()
  const socket = await begin(requestId, 'late', body.slice(0, 9))
  const answer = once(socket, 'data')
  await portal.pass(60_000)
  socket.write(body.slice(9))
  t.match(String((await answer)[0]), /^HTTP\/1.1 403 /)
  t.match(await lineOf(requestId), { outcome: 'CONSENT_REQUIRED' })
})

t.test('a refused attempt is recorded with its key', async (t) => {
  const keys: [string | null, string | null][] = [
    ['plain', 'plain'],
    ['"quoted"', 'quoted'],
    ['two words', null],
    [null, null],
  ]
  for (const [key, recorded] of keys) {
    const requestId = newId()
    const { status } = await portal.post('clinician', path.slice(4), body, { key, headers: { 'x-request-id': requestId } })
    t.equal(status, 403)
    const [row] = await portal.rows('select idempotency_key from audit_event where request_id = $1', requestId)
    t.equal(row.idempotency_key, recorded)
  }
})
