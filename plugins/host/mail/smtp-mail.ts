import type { Clock } from '../../../domain/shared/clock.ts'
import type { DeliveryFailure } from '../jobs/outbox-port.ts'
import { DeliveryError, type MailPort } from './mail.ts'
import { messageOf } from './message.ts'

export interface SmtpMailOptions {
  /** `smtps://user:password@host:465`, or `smtp://…?requireTLS=true`; `name` is what the server is greeted with. */
  readonly url: string
  readonly from: string
  readonly clock: Clock
  /** Longest from the connection to the server's last word; 30 000 unless told. */
  readonly timeoutMs?: number
}

const stepMs = 10_000

const failures: Readonly<Record<string, DeliveryFailure>> = {
  EABORT: 'timeout',
  ETIMEDOUT: 'timeout',
  ECONNECTION: 'unreachable',
  ECONNREFUSED: 'unreachable',
  ECONNRESET: 'unreachable',
  EDNS: 'unreachable',
  ENOTFOUND: 'unreachable',
  ESOCKET: 'unreachable',
  ETLS: 'insecure',
  EREQUIRETLS: 'insecure',
  EAUTH: 'unauthorized',
  ENOAUTH: 'unauthorized',
}

/** The library gives a broken handshake the code of any broken socket; only this process's own words are looked at. */
const brokeHandshake = (error: unknown, code: unknown): boolean =>
  code === 'ESOCKET' && error instanceof Error && /certificate|\bssl\b|\btls\b|altname/i.test(error.message)

/** The server's number says whether another try can help; what it wrote beside it is not kept. */
const failureOf = (error: unknown): DeliveryFailure => {
  const { code, responseCode } = error as { code?: unknown; responseCode?: unknown }
  if (code === 'EAUTH') return 'unauthorized'
  if (code === 'ETLS' || brokeHandshake(error, code)) return 'insecure'
  if (typeof responseCode === 'number') return responseCode >= 500 ? 'refused' : 'deferred'
  return (typeof code === 'string' ? failures[code] : undefined) ?? 'internal'
}

const serverOf = (text: string) => {
  const { protocol, hostname, port, username, password, searchParams } = new URL(text)
  const secure = protocol === 'smtps:'
  const name = searchParams.get('name')
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (secure ? 465 : 587) : Number(port),
    secure,
    requireTLS: searchParams.get('requireTLS') === 'true',
    ignoreTLS: searchParams.get('ignoreTLS') === 'true',
    ...(name === null ? {} : { name }),
    ...(username === '' ? {} : { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } }),
  }
}

/**
 * Connections are kept for the next mail, and so much shorter than servers keep them that few are found closed; such a mail, of which
 * not a byte was sent, goes over a new one.
 */
const kept = { pool: true, maxConnections: 10, maxMessages: 100, maxRequeues: 1, idleTimeout: 5_000 } as const

/**
 * Mail through an SMTP server, tried once: the outbox tries again. Certificates are verified.
 * @see RFC 5321
 */
export const openSmtpMail = async ({ url, from, clock, timeoutMs = 30_000 }: SmtpMailOptions): Promise<MailPort> => {
  const { createTransport } = await import('nodemailer')
  const bounds = { connectionTimeout: stepMs, greetingTimeout: stepMs, socketTimeout: stepMs, dnsTimeout: stepMs }
  const transport = createTransport({ ...serverOf(url), ...bounds, ...kept, tls: { minVersion: 'TLSv1.2' } })
  const closing = new AbortController()
  return {
    async send(id, mail) {
      const message = messageOf(id, mail, from, new Date(clock.now()))
      const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(timeoutMs)])
      try {
        await transport.sendMail({ ...message, signal })
      } catch (error) {
        throw new DeliveryError(failureOf(error))
      }
    },
    async close() {
      closing.abort()
      transport.close()
    },
  }
}
