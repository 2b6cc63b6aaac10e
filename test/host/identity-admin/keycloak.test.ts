import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { newId } from '../../../domain/shared/ids.ts'
import { createKeycloakAdmin } from '../../../plugins/host/identity-admin/keycloak-admin.ts'
import type { AccountFacts } from '../../../plugins/host/identity-admin/identity-admin.ts'
import { frozenClock } from '../../helper.ts'
import { fails } from '../jobs/fails.ts'

type User = Record<string, unknown> & {
  id: string
  email: string
  enabled: boolean
  attributes: Record<string, string[]>
  requiredActions: string[]
}

const clock = frozenClock()

/**
 * A realm's administration as Keycloak documents it: tokens of client credentials that end, users with attributes that are searched by
 * `q`, PUT that replaces, conflicts, actions mailed to open accounts alone.
 */
const realm = async (t: Test) => {
  const users = new Map<string, User>()
  const seen: string[] = []
  const mailed: { id: string; lifespan: string; actions: unknown }[] = []
  const roles = new Map<string, string[]>()
  const state = { token: '', seconds: 60, secret: 's3cr%t/+', status: 0, stall: false }

  const answer = (response: ServerResponse, status: number, body?: unknown, headers: Record<string, string> = {}): void => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(body === undefined ? '' : JSON.stringify(body))
  }
  const bodyOf = async (request: IncomingMessage): Promise<string> => {
    let text = ''
    for await (const bytes of request) text += String(bytes)
    return text
  }
  const giveToken = (text: string, response: ServerResponse): void => {
    const form = new URLSearchParams(text)
    if (form.get('grant_type') !== 'client_credentials' || form.get('client_secret') !== state.secret)
      return answer(response, 401, { error: 'invalid_client' })
    state.token = randomUUID()
    answer(response, 200, { access_token: state.token, expires_in: state.seconds, token_type: 'Bearer' })
  }
  const search = (query: URLSearchParams): User[] => {
    const asked = (query.get('q') ?? '').split(' ').map((part) => part.split(':'))
    return [...users.values()].filter((user) => asked.every(([key, value]) => user.attributes[key!]?.includes(value!)))
  }
  const create = (body: User, response: ServerResponse, at: string): void => {
    if ([...users.values()].some(({ email }) => email === body.email.toLowerCase()))
      return answer(response, 409, { errorMessage: 'User exists with same email' })
    const id = randomUUID()
    users.set(id, { ...body, id, email: body.email.toLowerCase(), kept: 'by others' })
    answer(response, 201, undefined, { location: `${at}/${id}` })
  }
  const onUser = (
    request: IncomingMessage,
    response: ServerResponse,
    [id = '', verb, more]: string[],
    body: unknown,
    query: URLSearchParams,
  ): void => {
    const user = users.get(id)
    if (!user) return answer(response, 404, { error: 'User not found' })
    if (verb === undefined && request.method === 'GET') return answer(response, 200, user)
    if (verb === undefined) {
      users.set(id, { ...(body as User), id })
      return answer(response, 204)
    }
    if (verb === 'execute-actions-email') {
      if (!user.enabled) return answer(response, 400, { errorMessage: 'User is disabled' })
      mailed.push({ id, lifespan: query.get('lifespan')!, actions: body })
      return answer(response, 204)
    }
    if (verb === 'role-mappings' && more === 'realm')
      roles.set(
        id,
        (body as { name: string }[]).map(({ name }) => name),
      )
    return answer(response, 204)
  }
  const server = createServer((request, response) => {
    void (async () => {
      const { pathname, searchParams } = new URL(request.url!, 'http://realm')
      const text = await bodyOf(request)
      if (state.stall) return
      if (pathname === '/kc/realms/portals/protocol/openid-connect/token') return giveToken(text, response)
      seen.push(`${request.method} ${pathname.replaceAll(/[0-9a-f-]{36}/g, ':id')}`)
      if (request.headers.authorization !== `Bearer ${state.token}`) return answer(response, 401, { error: 'HTTP 401 Unauthorized' })
      if (state.status) return answer(response, state.status, { error: 'somebody@example.org' })
      const path = pathname.replace('/kc/admin/realms/portals/', '').split('/')
      const body: unknown = text === '' ? undefined : JSON.parse(text)
      if (path[0] === 'roles') return answer(response, path[1] === 'provider' ? 200 : 404, { id: randomUUID(), name: path[1] })
      if (path.length > 1) return onUser(request, response, path.slice(1), body, searchParams)
      if (request.method === 'GET') return answer(response, 200, search(searchParams))
      return create(body as User, response, `http://realm${pathname}`)
    })()
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/kc/admin/realms/portals`
  const settings = { url, clientId: 'postern', clientSecret: state.secret, timeoutMs: 2_000 }
  return { users, seen, mailed, roles, state, settings }
}

const facts = (more: Partial<AccountFacts> = {}): AccountFacts => ({
  agencyId: newId(), subjectId: newId(), email: 'Ada@example.org', firstName: 'Ada', lastName: 'Lovelace', roles: ['provider'], ...more,
}) // prettier-ignore

t.test('an account is made closed, once per subject, with its role', async (t) => {
  const { users, roles, settings } = await realm(t)
  const admin = createKeycloakAdmin(settings, clock)
  const ada = facts()
  const { accountId } = await admin.ensure(ada)
  t.same(await admin.ensure(ada), { accountId }, 'again, it is the same')
  t.match(users.get(accountId), {
    enabled: false, email: 'ada@example.org', firstName: 'Ada', attributes: { provider_id: [ada.subjectId], agency_id: [ada.agencyId] }, credentials: undefined,
  }) // prettier-ignore
  t.same(roles.get(accountId), ['provider'])
  await admin.ensure({ ...ada, email: 'ada@new.example', lastName: 'King' })
  t.match(
    users.get(accountId),
    { email: 'ada@new.example', lastName: 'King', kept: 'by others', enabled: false },
    'facts follow, the rest stays',
  )
  await fails(t, admin.ensure(facts({ email: 'ada@new.example' })), { failure: 'refused' }, 'somebody else’s account is not taken over')
  await fails(t, admin.ensure({ ...ada, roles: ['king'] }), { failure: 'refused' })
  t.equal(users.size, 1)
  await admin.close()
})

t.test('it is opened, closed and signed out; a link is mailed by Keycloak', async (t) => {
  const { users, seen, mailed, settings } = await realm(t)
  const admin = createKeycloakAdmin(settings, clock)
  const { accountId } = await admin.ensure(facts())
  t.same(await admin.invite(accountId, 3600), { url: null, expiresAt: new Date(clock.now() + 3_600_000) })
  t.same(mailed, [{ id: accountId, lifespan: '3600', actions: ['VERIFY_EMAIL', 'UPDATE_PASSWORD'] }])
  t.match(users.get(accountId), { enabled: true, emailVerified: false, requiredActions: ['VERIFY_EMAIL', 'UPDATE_PASSWORD'] })
  await admin.disable(accountId)
  t.match(users.get(accountId), { enabled: false, kept: 'by others' })
  await admin.enable(accountId)
  t.match(users.get(accountId), { enabled: true })
  await admin.endSessions(accountId)
  t.equal(seen.at(-1), 'POST /kc/admin/realms/portals/users/:id/logout')
  await fails(t, admin.enable(randomUUID()), { failure: 'refused' })
  await admin.close()
})

t.test('tokens are kept and renewed; each failure has its class and no words of the realm', async (t) => {
  const { state, settings, seen } = await realm(t)
  const admin = createKeycloakAdmin(settings, clock)
  const { accountId } = await admin.ensure(facts())
  const token = state.token
  await admin.enable(accountId)
  t.equal(state.token, token, 'kept while it is good')
  state.token = 'forgotten'
  await fails(t, admin.enable(accountId), { failure: 'unauthorized' })
  await admin.enable(accountId)
  t.not(state.token, token, 'a forgotten one is asked for again at the next attempt')
  const before = seen.length
  for (const [status, failure] of [[500, 'deferred'], [503, 'deferred'], [429, 'deferred'], [403, 'unauthorized'], [400, 'refused'], [302, 'refused']] as const) {
    state.status = status
    const error = await admin.disable(accountId).catch((refused: Error) => refused)
    t.match(error, { name: 'DeliveryError', failure, message: failure }, String(status))
  } // prettier-ignore
  t.equal(seen.length - before, 6, 'nothing is tried again by itself')
  state.status = 0
  const stranger = createKeycloakAdmin({ ...settings, clientSecret: 'wrong' }, clock)
  await fails(t, stranger.enable(accountId), { failure: 'unauthorized' })
  const nobody = createKeycloakAdmin({ ...settings, url: 'http://127.0.0.1:1/admin/realms/x' }, clock)
  await fails(t, nobody.enable(accountId), { failure: 'unreachable' })
  state.stall = true
  const slow = createKeycloakAdmin({ ...settings, timeoutMs: 200 }, clock)
  await fails(t, slow.enable(accountId), { failure: 'timeout' })
  const waiting = fails(t, admin.enable(accountId), { failure: 'timeout' }, 'the end waits for nobody')
  await admin.close()
  await waiting
})
