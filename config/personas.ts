import { grantsOf, type AgencyModule, type Role } from './permissions.ts'

/** The agencies of the demo data, and which of their modules are on. */
export interface DemoAgency {
  readonly id: string
  readonly name: string
  readonly modules: readonly AgencyModule[]
}

/** `group` is one hexadecimal digit that says what kind of thing it is. */
const id = (group: string, number: number): string => `01920000-0000-7000-8000-${group}${number.toString(16).padStart(11, '0')}`

export const riverside: DemoAgency = { id: id('a', 1), name: 'Riverside', modules: ['billing', 'dea'] }
export const lakeside: DemoAgency = { id: id('a', 2), name: 'Lakeside', modules: [] }
export const demoAgencies: readonly DemoAgency[] = [riverside, lakeside]

/** Who the development issuer hands tokens to. Fixed ids, so that the demo data can refer to them. */
export interface Persona {
  readonly persona: string
  readonly sub: string
  readonly agencyId: string
  readonly patientId?: string
  readonly providerId?: string
  readonly roles: readonly Role[]
  /** What the persona's token lists: all that its roles can hold, module grants included. */
  readonly scopes: readonly string[]
  /** The agent that acts, where the persona is a delegation. */
  readonly agent?: { readonly sub: string; readonly policyVersionId: string }
}

type Extra = Partial<Pick<Persona, 'sub' | 'agencyId' | 'patientId' | 'providerId' | 'agent'>>

const subjectOf = (number: number): string => id('b', number)
const patient = (number: number): string => id('c', number)
const provider = (number: number): string => id('d', number)

const scopesOf = (roles: readonly Role[]): string[] => [...new Set(roles.flatMap((role) => grantsOf(role).map((grant) => grant.scope)))]

const persona = (name: string, number: number, roles: readonly Role[], extra: Extra = {}): Persona => ({
  persona: name,
  sub: subjectOf(number),
  agencyId: riverside.id,
  roles,
  scopes: scopesOf(roles),
  ...extra,
})

const clinician = persona('clinician', 6, ['clinical_staff'], { providerId: provider(1) })
const ana = persona('patient-ana', 14, ['patient'], { patientId: patient(1) })
const agent = { sub: 'demo-assistant', policyVersionId: 'dev-1' }

/** An agent's token is its delegator's in everything but `act`. */
const delegated = (name: string, delegator: Persona): Persona => ({ ...delegator, persona: name, agent })

/** @see design, section 10: the personas of the development profile */
export const personas: readonly Persona[] = [
  persona('founder', 1, ['founder']),
  persona('agency-admin', 2, ['agency_administrator']),
  persona('agency-admin-lakeside', 3, ['agency_administrator'], { agencyId: lakeside.id }),
  persona('qa-reviewer', 4, ['qa_reviewer']),
  persona('peer-reviewer', 5, ['peer_reviewer']),
  clinician,
  persona('clinician-2', 7, ['clinical_staff'], { providerId: provider(2) }),
  persona('billing-staff', 8, ['billing_staff']),
  persona('billing-admin', 9, ['billing_administrator']),
  persona('compliance-officer', 10, ['compliance_officer']),
  persona('compliance-officer-lakeside', 11, ['compliance_officer'], { agencyId: lakeside.id }),
  persona('controlled-substance-officer', 12, ['controlled_substance_officer']),
  delegated('ai-agent', clinician),
  delegated('ai-agent-patient', ana),
  ana,
  persona('patient-ben', 15, ['patient'], { patientId: patient(2) }),
  persona('patient-cho', 16, ['patient'], { patientId: patient(3), agencyId: lakeside.id }),
  persona('provider-admin', 17, ['provider_manager']),
  persona('provider-admin-2', 18, ['provider_manager']),
  persona('provider-super-admin', 19, ['provider_super_admin']),
  persona('document-verifier', 20, ['document_verifier']),
  persona('provider-read-only', 21, ['provider_read_only']),
  persona('provider-self', 22, ['provider'], { providerId: provider(3) }),
  persona('service-procedures', 23, ['service']),
]

/** The persona of a name, or undefined. */
export const personaNamed = (name: string): Persona | undefined => personas.find((one) => one.persona === name)
