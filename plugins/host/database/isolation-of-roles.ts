import type { Catalogue, Membership, Role } from './catalogue.ts'
import type { IsolationExpectation } from './isolation-expectation.ts'

/** The names that serve requests: none may own, create or slip past anything. */
interface Served {
  readonly login: string
  readonly all: readonly string[]
}

const excess = (role: Role): string[] => {
  const wrong: string[] = []
  if (role.superuser) wrong.push(`${role.name} is a superuser.`)
  if (role.bypassesRowSecurity) wrong.push(`${role.name} has BYPASSRLS.`)
  if (role.createsRoles) wrong.push(`${role.name} may create roles.`)
  if (role.createsDatabases) wrong.push(`${role.name} may create databases.`)
  if (role.replicates) wrong.push(`${role.name} may replicate.`)
  return wrong
}

const attributes = ({ roles }: Catalogue, served: Served, expected: IsolationExpectation): string[] => {
  const wrong = roles.filter(({ name }) => served.all.includes(name)).flatMap(excess)
  const missing = expected.roles.filter((name) => !roles.some((role) => role.name === name))
  const loggingIn = roles.filter(({ name, logsIn }) => logsIn && expected.roles.includes(name))
  const login = roles.find(({ name }) => name === served.login)
  wrong.push(...missing.map((name) => `The role ${name} is missing.`))
  wrong.push(...loggingIn.map(({ name }) => `${name} can log in: it is to be entered, never to be logged in as.`))
  if (login?.inherits) wrong.push(`${served.login} is INHERIT: it takes NOINHERIT.`)
  return wrong
}

const ofLogin = (membership: Membership, expected: IsolationExpectation): string[] => {
  const { member, role } = membership
  if (!expected.roles.includes(role)) return [`${member} is a member of ${role}, which is no role of the service.`]
  const wrong: string[] = []
  if (membership.inherits) wrong.push(`${member} inherits from ${role}: it must have to enter it.`)
  if (!membership.sets) wrong.push(`${member} cannot enter ${role}.`)
  if (membership.administers) wrong.push(`${member} administers ${role}.`)
  return wrong
}

const membershipsOf = ({ memberships, roles }: Catalogue, served: Served, expected: IsolationExpectation): string[] =>
  memberships.flatMap((membership) => {
    const { member, role, inherits, sets } = membership
    if (member === served.login) return ofLogin(membership, expected)
    if (served.all.includes(member)) return [`${member} is a member of ${role}: it must be a member of nothing.`]
    const isSuperuser = roles.some(({ name, superuser }) => name === member && superuser)
    const acts = (inherits || sets) && !isSuperuser
    return acts && served.all.includes(role) ? [`${member} can act as ${role}: only ${served.login} may.`] : []
  })

const missingMemberships = ({ memberships }: Catalogue, served: Served, expected: IsolationExpectation): string[] => {
  const entered = memberships.filter(({ member }) => member === served.login).map(({ role }) => role)
  return expected.roles.filter((role) => !entered.includes(role)).map((role) => `${served.login} is no member of ${role}.`)
}

const ownership = ({ relations, routines, namespaces }: Catalogue, served: Served): string[] =>
  [...relations, ...routines, ...namespaces]
    .filter(({ owner }) => served.all.includes(owner))
    .map(({ owner, name }) => `${owner} owns ${name}: who serves owns nothing.`)

const creation = ({ namespaces, mayCreateTemporary }: Catalogue, served: Served, expected: IsolationExpectation): string[] => {
  const ours = namespaces.filter(({ name }) => !expected.foreignSchemas.includes(name))
  const wrong = ours.flatMap(({ name, creators }) =>
    creators
      .filter((creator) => creator === 'PUBLIC' || served.all.includes(creator))
      .map((creator) => `${creator} may create objects in schema ${name}.`),
  )
  if (mayCreateTemporary) wrong.push(`${served.login} may create temporary tables, which would shadow real ones.`)
  return wrong
}

const functions = ({ routines }: Catalogue, expected: IsolationExpectation): string[] =>
  routines
    .filter(({ name }) => !expected.foreignSchemas.some((schema) => name.startsWith(`${schema}.`)))
    .flatMap(({ name, definer, everyone, unsecured }) => {
      const wrong: string[] = []
      if (definer) wrong.push(`Function ${name} runs with its owner's rights (SECURITY DEFINER).`)
      if (everyone) wrong.push(`Function ${name} can be called by everyone.`)
      if (unsecured) wrong.push(`Function ${name} sets its own role or row security.`)
      return wrong
    })

const kinds: Readonly<Record<string, string>> = { r: 'tables', S: 'sequences', f: 'functions', n: 'schemas' }

const defaultGrants = ({ defaults }: Catalogue, served: Served): string[] =>
  defaults
    .filter(({ grantee, kind }) => kind in kinds && (grantee === 'PUBLIC' || served.all.includes(grantee)))
    .map(({ owner, kind, grantee, privilege }) => `New ${kinds[kind]} of ${owner} are granted to ${grantee} (${privilege}) by default.`)

/** Everything that lets a login act as more than the one role that an operation's transaction enters. */
export const isolationOfRoles = (catalogue: Catalogue, expected: IsolationExpectation): string[] => {
  const login = expected.login ?? catalogue.login
  const served: Served = { login, all: [login, expected.bypassLogin, ...expected.roles] }
  return [
    ...attributes(catalogue, served, expected),
    ...membershipsOf(catalogue, served, expected),
    ...missingMemberships(catalogue, served, expected),
    ...ownership(catalogue, served),
    ...creation(catalogue, served, expected),
    ...functions(catalogue, expected),
    ...defaultGrants(catalogue, served),
  ]
}
