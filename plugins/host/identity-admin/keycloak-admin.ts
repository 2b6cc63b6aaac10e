import type { Clock } from '../../../domain/shared/clock.ts'
import { DeliveryError } from '../mail/mail.ts'
import type { AccountFacts, IdentityAdmin } from './identity-admin.ts'
import { type KeycloakSettings, openKeycloakSession } from './keycloak-session.ts'

/** What is read of a user; everything else of the representation is sent back as it came. */
interface User extends Readonly<Record<string, unknown>> {
  readonly id: string
  readonly email?: string
  readonly firstName?: string
  readonly lastName?: string
  readonly username?: string
  readonly attributes?: Readonly<Record<string, readonly string[]>>
}

/** What somebody does with the link: choose a password, and thereby prove the address. */
const linkActions = ['VERIFY_EMAIL', 'UPDATE_PASSWORD']

const listOf = (body: string): readonly User[] => {
  try {
    const list: unknown = JSON.parse(body)
    if (Array.isArray(list) && list.every((one: unknown) => typeof (one as User | null)?.id === 'string')) return list as User[]
  } catch {
    // An answer that is no list is none.
  }
  throw new DeliveryError('refused')
}

const idOf = (location: string | null): string => {
  const id = location?.split('/').at(-1)
  if (!id || !/^[A-Za-z0-9-]{1,64}$/.test(id)) throw new DeliveryError('refused')
  return id
}

const same = (user: User, { email, firstName, lastName }: AccountFacts): boolean =>
  user.email === email.toLowerCase() && user.firstName === firstName && user.lastName === lastName

const attributesOf = ({ agencyId, subjectId }: AccountFacts) => ({ agency_id: [agencyId], provider_id: [subjectId] })

const isOf = (user: User, { agencyId, subjectId }: AccountFacts): boolean =>
  user.attributes?.['provider_id']?.[0] === subjectId && user.attributes['agency_id']?.[0] === agencyId

/**
 * Accounts in a realm of Keycloak, through its administration. The user's attributes `provider_id` and `agency_id` tie the account to its
 * record; mappers of the realm put them into tokens. Keycloak mails the link itself and does not hand it out.
 * @see https://www.keycloak.org/docs-api/latest/rest-api/index.html
 */
export const createKeycloakAdmin = (settings: KeycloakSettings, clock: Clock): IdentityAdmin => {
  const session = openKeycloakSession(settings)
  const at = (accountId: string): string => `/users/${encodeURIComponent(accountId)}`

  const find = async (facts: AccountFacts): Promise<User | undefined> => {
    const query = new URLSearchParams({
      q: `provider_id:${facts.subjectId} agency_id:${facts.agencyId}`,
      briefRepresentation: 'false',
      max: '2',
    })
    const { body } = await session.send({ method: 'GET', path: `/users?${query.toString()}` }, [200])
    return listOf(body).find((user) => isOf(user, facts))
  }

  const make = async (facts: AccountFacts): Promise<string> => {
    const { email, firstName, lastName } = facts
    const body = {
      username: email, email, firstName, lastName, enabled: false, emailVerified: false, attributes: attributesOf(facts), requiredActions: linkActions,
    } // prettier-ignore
    // A conflict is somebody else's account: `find` would have found one's own.
    const { location } = await session.send({ method: 'POST', path: '/users', body }, [201])
    return idOf(location)
  }

  const user = async (accountId: string): Promise<User> => {
    const { body } = await session.send({ method: 'GET', path: at(accountId) }, [200])
    return listOf(`[${body}]`)[0]!
  }

  /** Keycloak replaces what is sent: the rest goes back as it was. */
  const update = async (accountId: string, changes: Readonly<Record<string, unknown>>): Promise<void> => {
    const body = { ...(await user(accountId)), ...changes }
    await session.send({ method: 'PUT', path: at(accountId), body }, [204])
  }

  const giveRoles = async (accountId: string, roles: readonly string[]): Promise<void> => {
    const found = await Promise.all(roles.map((role) => session.send({ method: 'GET', path: `/roles/${encodeURIComponent(role)}` }, [200])))
    const body = found.map((answer) => listOf(`[${answer.body}]`)[0])
    await session.send({ method: 'POST', path: `${at(accountId)}/role-mappings/realm`, body }, [204])
  }

  return {
    async ensure(facts) {
      const known = await find(facts)
      const accountId = known?.id ?? (await make(facts))
      // Cut off between the two, the roles are still to be given.
      await giveRoles(accountId, facts.roles)
      const { email, firstName, lastName } = facts
      if (known && !same(known, facts)) await update(accountId, { username: email, email, firstName, lastName })
      return { accountId }
    },
    async invite(accountId, seconds) {
      // Keycloak mails no closed account. Without a password and before the address is proved nobody can sign in.
      await update(accountId, { enabled: true, requiredActions: linkActions })
      const path = `${at(accountId)}/execute-actions-email?lifespan=${seconds}`
      await session.send({ method: 'PUT', path, body: linkActions }, [200, 204])
      return { url: null, expiresAt: new Date(clock.now() + seconds * 1_000) }
    },
    enable: (accountId) => update(accountId, { enabled: true }),
    disable: (accountId) => update(accountId, { enabled: false }),
    async endSessions(accountId) {
      await session.send({ method: 'POST', path: `${at(accountId)}/logout` }, [204])
    },
    close: async () => session.close(),
  }
}
