import pg from 'pg'
import type { Test } from 'tap'
import { personaNamed } from '../../../config/personas.ts'
import { newId } from '../../../domain/shared/ids.ts'
import { startHost, type HostOptions } from '../../helper.ts'

export const ana = personaNamed('patient-ana')!.patientId!
export const ben = personaNamed('patient-ben')!.patientId!
export const cho = personaNamed('patient-cho')!.patientId!

export interface Answer {
  readonly status: number
  readonly body: any
  readonly text: string
  readonly headers: Readonly<Record<string, unknown>>
}

/** The service with the advisor in it, as a clinician's portal sees it, and its rows as the superuser sees them. */
export const openAdvisor = async (t: Test, options: HostOptions = {}) => {
  const host = await startHost(t, options)
  const superuser = new pg.Client({ connectionString: host.database.superuserUrl, connectionTimeoutMillis: 5_000, query_timeout: 30_000 })
  superuser.on('error', () => {})
  await superuser.connect()
  t.teardown(() => superuser.end())

  const send = async (method: 'GET' | 'POST', as: string, path: string, body?: object, key?: string | null): Promise<Answer> => {
    const answer = await host.call(method, `/api${path}`, { as, body, key })
    return { status: answer.statusCode, body: answer.json(), text: answer.body, headers: answer.headers }
  }
  return {
    host,
    get: (as: string, path: string) => send('GET', as, path),
    post: (as: string, path: string, body: object, key?: string | null) => send('POST', as, path, body, key),
    ask: (as: string, body: object, key?: string | null) => send('POST', as, '/advisor/consultations', body, key),
    async consent(persona: string, patientId: string, scope: string, more: object = {}): Promise<string> {
      const granted = await send('POST', persona, '/consents', { patientId, scope, ...more })
      if (granted.status !== 201) throw new Error(granted.text)
      return granted.body.id as string
    },
    async draft(as: string, patientId: string): Promise<string> {
      const made = await send('POST', as, '/clinical-drafts', { patientId, type: 'progress_note', title: 'Ankle', body: 'Swollen.' })
      if (made.status !== 201) throw new Error(made.text)
      return made.body.id as string
    },
    async clear(): Promise<void> {
      await superuser.query('truncate advisor_review, advisor_consultation, consent_record, host_idempotency_key')
    },
    async rows(sql: string, ...values: unknown[]): Promise<any[]> {
      return (await superuser.query(sql, values)).rows
    },
  }
}

export type Advisor = Awaited<ReturnType<typeof openAdvisor>>

export const freshKey = (): string => newId()

/** A problem document without what differs from request to request. */
export const problemOf = ({ status, body }: Answer) => {
  const { instance: _, ...rest } = body
  return { status, ...rest }
}
