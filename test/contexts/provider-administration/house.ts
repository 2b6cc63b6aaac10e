import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import PostalMime from 'postal-mime'
import type { Test } from 'tap'
import { newId } from '../../../domain/shared/ids.ts'
import { addDays, dayOf } from '../../../domain/shared/calendar-day.ts'
import { documentTypes, type DocumentType } from '../../../domain/provider-administration/index.ts'
import { type FormFile, formOf, pdfFile } from '../../fixtures/files.ts'
import { completeProfile, fifteenPercent } from '../../fixtures/providers.ts'
import type { CallOptions } from '../../helper.ts'
import { type Answer, openPortal } from '../portal.ts'

export const day = 86_400_000

const sent = (response: Awaited<ReturnType<Awaited<ReturnType<typeof openPortal>>['host']['call']>>): Answer => ({
  status: response.statusCode,
  headers: response.headers,
  text: response.body,
  body: response.headers['content-type']?.toString().includes('json') ? JSON.parse(response.body) : null,
})

/** What stands behind an address of the mail folder. */
export interface SentMail {
  readonly to: string
  readonly subject: string
  readonly text: string
  readonly html: string
}

let people = 0

/** Administrators, a provider's own token, and whatever they upload. */
export const openHouse = async (t: Test, env: Readonly<Record<string, string>> = {}) => {
  const portal = await openPortal(t, env)
  const { host } = portal
  const { jobs } = host.parts
  const today = (): string => dayOf(portal.now())

  const call = async (method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, options: CallOptions): Promise<Answer> =>
    sent(await host.call(method, `/api${path}`, options))

  /** Sends a form with a file, by an administrator unless told. */
  const send = (
    method: 'POST' | 'PUT',
    path: string,
    fields: Readonly<Record<string, string>>,
    file: FormFile | null,
    { as = 'provider-admin', headers, ...options }: CallOptions = {},
  ): Promise<Answer> => {
    const form = formOf(fields, file)
    const caller = options.token === undefined ? { as } : {}
    return call(method, path, { ...caller, ...options, headers: { ...form.headers, ...headers }, body: form.payload })
  }

  /** Begins a complete draft. */
  const begin = async (more: object = {}): Promise<string> => {
    people += 1
    const body = {
      ...completeProfile,
      email: `provider-${people}-${newId().slice(-6)}@clinic.example`,
      commission: fifteenPercent,
      ...more,
    }
    // An administrator may begin ten an hour: each is begun by another one.
    const made = await call('POST', '/admin/providers', { token: host.token('provider-admin', { claims: { sub: newId() } }), body })
    if (made.status !== 201) throw new Error(made.text)
    return made.body.id
  }

  const upload = async (
    providerId: string,
    type: DocumentType,
    expirationDate = addDays(today(), 365),
    options: CallOptions = {},
  ): Promise<Answer> => {
    const file = { content: pdfFile({ text: type }), filename: `${type}.pdf` }
    return send('POST', `/admin/providers/${providerId}/documents`, { type, expirationDate }, file, options)
  }

  const decide = (
    what: 'approval' | 'rejection',
    document: { id: string; providerId: string },
    etag: string,
    body: object = {},
    as = 'document-verifier',
  ) => call('POST', `/admin/providers/${document.providerId}/documents/${document.id}/${what}`, { as, body, headers: { 'if-match': etag } })

  /** Uploads and approves one document. */
  const proved = async (providerId: string, type: DocumentType, expirationDate?: string): Promise<string> => {
    const uploaded = await upload(providerId, type, expirationDate)
    if (uploaded.status !== 201) throw new Error(uploaded.text)
    const approved = await decide('approval', uploaded.body, uploaded.headers.etag as string)
    if (approved.status !== 200) throw new Error(approved.text)
    return uploaded.body.id
  }

  const change = async (providerId: string, what: string, body: object = {}): Promise<Answer> => {
    const read = await portal.get('provider-admin', `/admin/providers/${providerId}`)
    const headers = { 'if-match': read.headers.etag as string }
    const done = await call(what === 'featured' ? 'PUT' : 'POST', `/admin/providers/${providerId}/${what}`, {
      as: 'provider-admin',
      body,
      headers,
    })
    if (done.status !== 200) throw new Error(done.text)
    return done
  }

  const activate = (providerId: string) => change(providerId, 'activation', { confirm: true })

  /** A provider with every document, active. */
  const active = async (more: object = {}, expirationDate?: string): Promise<string> => {
    const id = await begin(more)
    for (const type of documentTypes) await proved(id, type, expirationDate)
    await activate(id)
    return id
  }

  /** A provider's own token. */
  const own = (providerId: string): string =>
    host.token('provider-self', { claims: { provider_id: providerId, sub: `user-${providerId}` } })

  /** Waits until every mail is sent or given up; the clock does not move. */
  const delivered = async (): Promise<void> => {
    for (let tries = 0; tries < 500; tries++) {
      await jobs.deliverWaiting()
      const [row] = await portal.rows("select count(*)::int as n from host_outbox where state = 'queued' and attempts = 0")
      if (row.n === 0) return
      await pause(10)
    }
    throw new Error('mails are still on their way')
  }

  /** Every mail so far, in the order of their ids. */
  const mails = async (): Promise<SentMail[]> => {
    const folder = join(host.dataDir, 'mail')
    const names = readdirSync(folder).filter((name) => name.endsWith('.eml')).sort() // prettier-ignore
    return Promise.all(
      names.map(async (name) => {
        const { to, subject, text, html } = await PostalMime.parse(readFileSync(join(folder, name)))
        return { to: (to ?? []).map(({ address }) => address ?? '').join(), subject: subject!, text: text!, html: html! }
      }),
    )
  }

  /** Whom the agency's mails go to, and whom they name. */
  const mailTo = async (reminderRecipients: readonly string[], supportContact: string): Promise<void> => {
    const path = '/admin/settings'
    const settings = await portal.get('provider-super-admin', path)
    const body = { ...settings.body, supportContact, reminderRecipients }
    await call('PUT', path, { as: 'provider-super-admin', body, headers: { 'if-match': settings.headers.etag as string } })
  }

  return {
    mailTo,
    ...portal,
    jobs,
    today,
    call,
    send,
    begin,
    upload,
    decide,
    proved,
    change,
    activate,
    active,
    own,
    delivered,
    mails,
  }
}

export type House = Awaited<ReturnType<typeof openHouse>>
