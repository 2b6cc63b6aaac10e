import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import PostalMime from 'postal-mime'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import t, { type Test } from 'tap'
import { newId } from '../../../domain/shared/ids.ts'
import { composeMail } from '../../../plugins/host/mail/compose.ts'
import { openFileMail } from '../../../plugins/host/mail/file-mail.ts'
import { openSmtpMail } from '../../../plugins/host/mail/smtp-mail.ts'
import { frozenClock } from '../../helper.ts'
import { fails } from '../jobs/fails.ts'

const clock = frozenClock(Date.UTC(2026, 10, 22))
const from = 'Postern <no-reply@portal.example>'
const mail = {
  to: 'ada@example.org',
  ...composeMail({ subject: 'Grüße', paragraphs: ['Dear Dr. Lovelace,', 'Your licence was approved.'] }),
}

/** A real server; what it takes is handed to `taken`. */
const serve = async (t: Test, options: SMTPServerOptions, taken: (text: string) => void = () => {}): Promise<string> => {
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData(stream, _session, done) {
      let text = ''
      stream.on('data', (bytes) => (text += String(bytes)))
      stream.on('end', () => {
        taken(text)
        done()
      })
    },
    ...options,
  })
  server.on('error', () => {})
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => new Promise<void>((resolve) => void server.close(() => resolve())))
  return `127.0.0.1:${(server.server.address() as { port: number }).port}`
}

const failing = (code: number) => (_address: unknown, _session: unknown, done: (error?: Error) => void) =>
  done(Object.assign(new Error('mailbox of Ada Lovelace is full'), { responseCode: code }))

/** What an attempt fails with: a class, and nothing of what the server said. */
const failure = async (url: string, timeoutMs = 5_000, to = mail.to): Promise<string> => {
  const port = await openSmtpMail({ url, from, clock, timeoutMs })
  try {
    await port.send(newId(), { ...mail, to })
    return 'sent'
  } catch (error) {
    const { name, message, cause } = error as Error
    if (name !== 'DeliveryError' || cause !== undefined) throw error
    return message
  } finally {
    await port.close()
  }
}

t.test('a mail reaches a server with both its parts and an id that stays', async (t) => {
  const taken: string[] = []
  const users: string[] = []
  const onAuth: SMTPServerOptions['onAuth'] = ({ username = '', password = '' }, _session, done) => {
    users.push(`${username}/${password}`)
    done(null, { user: username })
  }
  const at = await serve(t, { authOptional: false, onAuth, allowInsecureAuth: true }, (text) => taken.push(text))
  const port = await openSmtpMail({ url: `smtp://us%40er:p%2Fw@${at}`, from, clock })
  t.teardown(() => port.close())
  const id = newId()
  await port.send(id, mail)
  await port.send(id, mail)
  await port.send(newId(), { ...mail, to: ['ada@example.org', 'bob@example.org'] })
  t.same(users[0], 'us@er/p/w')
  const [first, again, several] = await Promise.all(taken.map((text) => PostalMime.parse(text)))
  t.match(first, { subject: 'Grüße', from: { address: 'no-reply@portal.example', name: 'Postern' }, to: [{ address: 'ada@example.org' }] })
  t.match(first, {
    messageId: `<${id}@portal.example>`,
    text: /Dear Dr\. Lovelace,\n\nYour licence was approved\.\n/,
    date: '2026-11-22T00:00:00.000Z',
  })
  t.match(first!.html, '<p>Your licence was approved.</p>')
  t.equal(again!.messageId, first!.messageId, 'a second attempt is the same message')
  t.notMatch(taken[2], /bob|ada/, 'several recipients do not see one another')
  t.ok(several)
})

t.test('a connection serves the next mail too, and one that the server has closed costs no attempt', async (t) => {
  const taken: string[] = []
  let connections = 0
  let last: Socket | undefined
  const at = await serve(t, { onConnect: (_session, done) => done(void connections++) }, (text) => taken.push(text))
  const proxy = createServer((socket) => {
    last = socket.on('error', () => {})
    const upstream = connect(Number(at.split(':')[1]), '127.0.0.1').on('error', () => {})
    socket.pipe(upstream).pipe(socket)
    socket.on('close', () => upstream.destroy())
  })
  await new Promise<void>((resolve) => void proxy.listen(0, '127.0.0.1', resolve))
  t.teardown(() => void proxy.close())
  const port = await openSmtpMail({ url: `smtp://127.0.0.1:${(proxy.address() as { port: number }).port}`, from, clock })
  t.teardown(() => port.close())
  for (let n = 0; n < 3; n += 1) await port.send(newId(), mail)
  t.same([taken.length, connections], [3, 1])
  last!.destroy()
  await port.send(newId(), mail)
  t.same([taken.length, connections], [4, 2])
})

t.test('each way to fail has its class, and none keeps what the server said', async (t) => {
  t.equal(await failure('smtp://127.0.0.1:1'), 'unreachable')
  t.equal(await failure(`smtp://${await serve(t, { onRcptTo: failing(550) })}`), 'refused')
  t.equal(await failure(`smtp://${await serve(t, { onRcptTo: failing(451) })}`), 'deferred')
  t.equal(await failure(`smtp://${await serve(t, {})}?requireTLS=true`), 'insecure', 'nothing is sent in the clear where TLS is asked for')
  t.equal(
    await failure(`smtp://${await serve(t, { disabledCommands: [] })}?requireTLS=true`),
    'insecure',
    'nor to a server that proves nothing',
  )
  const onAuth: SMTPServerOptions['onAuth'] = (_auth, _session, done) => done(new Error('no such user'))
  t.equal(await failure(`smtp://a:b@${await serve(t, { onAuth, authOptional: false, allowInsecureAuth: true })}`), 'unauthorized')
  for (const to of ['nobody', 'a@b, c@d', 'a@b\r\nBcc: c@d', 'Ada <ada@example.org>', ''])
    t.equal(await failure('smtp://127.0.0.1:1', 5_000, to), 'refused', JSON.stringify(to))

  const sockets = new Set<Socket>()
  const silent = createServer((socket) => void sockets.add(socket.on('error', () => {})))
  await new Promise<void>((resolve) => void silent.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    silent.close()
  })
  const began = performance.now()
  t.equal(await failure(`smtp://127.0.0.1:${(silent.address() as { port: number }).port}`, 300), 'timeout')
  t.ok(performance.now() - began < 3_000, 'whoever says nothing is left')
})

t.test('without a server a mail is a file, once', async (t) => {
  const directory = join(mkdtempSync(join(tmpdir(), 'postern-mail-')), 'mail')
  t.teardown(() => rmSync(join(directory, '..'), { recursive: true, force: true }))
  const port = await openFileMail({ directory, from, clock })
  const id = newId()
  await Promise.all([port.send(id, mail), port.send(id, mail)])
  t.same(readdirSync(directory), [`${id}.eml`])
  t.equal(statSync(directory).mode & 0o777, 0o700)
  t.equal(statSync(join(directory, `${id}.eml`)).mode & 0o777, 0o600)
  t.match(await PostalMime.parse(readFileSync(join(directory, `${id}.eml`))), { subject: 'Grüße', messageId: `<${id}@portal.example>` })
  await fails(t, port.send(newId(), { ...mail, to: 'nobody' }), { failure: 'refused' })
  await port.close()
})

t.test('what stands in a mail is text and nothing else', async (t) => {
  const words = fc.string({ unit: 'binary', maxLength: 60 })
  fc.assert(
    fc.property(words, words, words, (subject, said, label) => {
      const link = { label, url: 'https://portal.example/?a=1&b="2"' }
      const { subject: shown, html, text } = composeMail({ subject, paragraphs: [said], link, footer: [said] })
      const tags = html.replaceAll(
        /<\/?(?:!doctype html|html lang="en"|html|meta charset="utf-8"|title|body|p|hr|small|br|a)>|<a href="[^"<>]*">/g,
        '',
      )
      return !/[<>]/.test(tags) && !/\p{Cc}/u.test(shown) && !/[[\p{Cc}\u202e]--\n]/v.test(text)
    }),
    { examples: [['a\r\nBcc: b@c', '<script>alert(1)</script>', '"><img src=x onerror=1>']] },
  )
  t.match(composeMail({ subject: 's', paragraphs: ['word '.repeat(40)] }).text, /^(.{1,76}\n)+$/)
  t.throws(() => composeMail({ subject: 's', paragraphs: [], link: { label: 'x', url: 'javascript:alert(1)' } }))
})
