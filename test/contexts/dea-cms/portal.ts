import type { Test } from 'tap'
import type { TestHost } from '../../helper.ts'
import { cmsBody, deaBody } from '../../fixtures/dea-cms.ts'
import { type Answer, openPortal } from '../portal.ts'

const answerOf = (response: Awaited<ReturnType<TestHost['call']>>): Answer => ({
  status: response.statusCode,
  headers: response.headers,
  text: response.body,
  body: response.body === '' ? null : JSON.parse(response.body),
})

/** The service as an officer sees it, and every verb that the sixteen endpoints know. */
export const openOffice = async (t: Test) => {
  const portal = await openPortal(t)
  const { host } = portal
  const send = async (method: 'PUT' | 'DELETE', persona: string, path: string, etag: string | null, body?: object): Promise<Answer> =>
    answerOf(await host.call(method, `/api${path}`, { as: persona, headers: etag === null ? {} : { 'if-match': etag }, body }))
  return {
    ...portal,
    put: (persona: string, path: string, etag: string | null, body: object) => send('PUT', persona, path, etag, body),
    remove: (persona: string, path: string, etag: string | null) => send('DELETE', persona, path, etag),
    /** A new record of the officer's agency. */
    async kept(kind: 'dea' | 'cms', more: object = {}, persona = 'compliance-officer'): Promise<Answer> {
      const answer = await portal.post(persona, `/${kind}/metadata`, kind === 'dea' ? deaBody(more) : cmsBody(more))
      if (answer.status !== 201) throw new Error(answer.text)
      return answer
    },
  }
}

export type Office = Awaited<ReturnType<typeof openOffice>>
