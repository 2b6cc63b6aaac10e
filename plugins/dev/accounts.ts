import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { grantsOf, type Role } from '../../config/permissions.ts'
import type { Persona } from '../../config/personas.ts'
import type { Clock } from '../../domain/shared/clock.ts'
import { DeliveryError } from '../host/mail/mail.ts'
import type { IdentityAdmin } from '../host/identity-admin/identity-admin.ts'
import { type DevAccount, openAccountFile } from './account-file.ts'

export interface DevAccountsOptions {
  readonly dataDir: string
  readonly clock: Clock
  /** Where the issuer listens, without a slash at the end. */
  readonly address: () => string
}

/** The development issuer's accounts: its administration, and what its tokens go by. */
export interface DevAccounts {
  readonly admin: IdentityAdmin
  /** False where the persona's account is there and closed. */
  mayHaveToken(persona: Pick<Persona, 'providerId'>): boolean
  /** The accounts as personas, each named `account:<subject id>`. */
  personas(): readonly Persona[]
  /** Opens the account whose link this is, once. */
  openByLink(token: string): boolean
}

export const linkPath = '/account-links/'
const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex')

const personaOf = ({ accountId, subjectId, agencyId, roles }: DevAccount): Persona => ({
  persona: `account:${subjectId}`,
  sub: accountId,
  agencyId,
  providerId: subjectId,
  roles: roles as Role[],
  scopes: [...new Set((roles as Role[]).flatMap((role) => grantsOf(role).map(({ scope }) => scope)))],
})

/** What Keycloak's administration stands for in production, really kept: a closed account gets no token, and its link opens it once. */
export const createDevAccounts = ({ dataDir, clock, address }: DevAccountsOptions): DevAccounts => {
  const file = openAccountFile(dataDir)
  const change = (accountId: string, to: (account: DevAccount) => DevAccount): void => {
    if (!file.change((one) => one.accountId === accountId, to)) throw new DeliveryError('refused')
  }

  const admin: IdentityAdmin = {
    async ensure(facts) {
      const kept = file.change(
        ({ agencyId, subjectId }) => agencyId === facts.agencyId && subjectId === facts.subjectId,
        (account) => ({ ...account, ...facts }),
      )
      if (kept) return { accountId: kept.accountId }
      const accountId = randomUUID()
      file.add({ ...facts, accountId, enabled: false, link: null, sessionsEndedAt: null })
      return { accountId }
    },
    async invite(accountId, seconds) {
      const token = randomBytes(32).toString('base64url')
      const until = clock.now() + seconds * 1_000
      change(accountId, (account) => ({ ...account, link: { hash: hashOf(token), until } }))
      return { url: `${address()}${linkPath}${token}`, expiresAt: new Date(until) }
    },
    enable: async (accountId) => change(accountId, (account) => ({ ...account, enabled: true })),
    disable: async (accountId) => change(accountId, (account) => ({ ...account, enabled: false, link: null })),
    endSessions: async (accountId) => change(accountId, (account) => ({ ...account, sessionsEndedAt: clock.now() })),
    close: async () => undefined,
  }

  return {
    admin,
    mayHaveToken: ({ providerId }) => file.all().find(({ subjectId }) => subjectId === providerId)?.enabled ?? true,
    personas: () => file.all().map(personaOf),
    openByLink: (token) =>
      file.change(
        ({ link }) => link !== null && link.hash === hashOf(token) && clock.now() < link.until,
        (account) => ({ ...account, enabled: true, link: null }),
      ) !== null,
  }
}
