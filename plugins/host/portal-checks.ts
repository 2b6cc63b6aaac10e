import { isMutating, type AnyOperation } from '../../routes/shared/operation.ts'

interface Declared {
  readonly operations: readonly { readonly context: string; readonly operation: AnyOperation }[]
}

interface Shape {
  readonly type?: unknown
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly additionalProperties?: unknown
  readonly properties?: Readonly<Record<string, Shape>>
  readonly items?: Shape
}

const ofContext = ({ operations }: Declared, name: string): AnyOperation[] =>
  operations.filter(({ context }) => context === name).map(({ operation }) => operation)
const every = (operations: readonly AnyOperation[], holds: (operation: AnyOperation) => boolean): boolean =>
  operations.length > 0 && operations.every(holds)

/** What an operation answers with; of a list, one of its items. Null where it answers with nothing. */
const shapeOf = ({ reply }: AnyOperation): Shape | null => {
  const shape = reply.schema as Shape | null
  return shape?.properties?.['items']?.items ?? shape
}
const only = (shape: Shape | undefined, value: unknown): boolean =>
  shape?.const === value || (shape?.enum?.length === 1 && shape.enum[0] === value)
const namesIn = (shape: unknown): string[] => Object.keys((shape as Shape | null | undefined)?.properties ?? {})

/** By hand: all that advice, a consultation and a review may hold. None of it is an action. @see MIG-03 §6.4 */
const advice = 'id advice citations advisory requiresReview policyVersionId disclaimer question patientId draftId createdAt review'
const review = 'consultationId decision note reviewedAt reviewedBy'
const sayable: ReadonlySet<string> = new Set(`${advice} ${review}`.split(' '))
const closed = (shape: Shape | null): boolean =>
  shape?.additionalProperties === false && Object.keys(shape.properties ?? {}).every((name) => sayable.has(name))

/** Checks of what the portal's operations ask and answer, field by field. */
export const portalChecks: Readonly<Record<string, (declared: Declared) => boolean>> = {
  'drafts-say-so': (declared) =>
    every(ofContext(declared, 'clinical-drafts'), (operation) => {
      const shape = shapeOf(operation)
      const says = shape === null || (only(shape.properties?.['status'], 'draft') && only(shape.properties?.['isDraft'], true))
      return says && !namesIn(operation.body).some((name) => name === 'status' || name === 'isDraft')
    }),
  'drafts-switched-and-versioned': (declared) =>
    every(
      ofContext(declared, 'clinical-drafts').filter(isMutating),
      ({ ifMatch, killSwitch, method }) =>
        (method === 'DELETE' || killSwitch === 'USE_CLINICAL_DRAFTS') && (method === 'POST' || ifMatch === true),
    ),
  'portal-reads-audited': ({ operations }) =>
    operations.every(
      ({ context, operation: { audit } }) => !['clinical-drafts', 'appointments', 'advisor'].includes(context) || audit === 'record',
    ),
  // Only a patient, of their own, is not asked.
  'consent-asked-of-staff': ({ operations }) =>
    operations.every(({ operation: { consent } }) => consent?.exempt?.every((audience) => audience === 'patient') !== false),
  'calendars-bounded-by-token': (declared) =>
    every(
      ofContext(declared, 'appointments').filter(({ query }) => query !== undefined),
      ({ agrees, query }) =>
        namesIn(query).every(
          (name) => !/^(patient|provider)Id$/.test(name) || agrees?.some((one) => one.claim === name && one.field === name),
        ),
    ),
  'advice-has-no-actions': (declared) => every(ofContext(declared, 'advisor'), (operation) => closed(shapeOf(operation))),
  'advisor-operations': (declared) =>
    ofContext(declared, 'advisor')
      .filter(isMutating)
      .map(({ name }) => name)
      .sort()
      .join() === 'createConsultation,reviewConsultation',
  'consultations-own-and-consented': (declared) =>
    every(
      ofContext(declared, 'advisor'),
      ({ consent, ownership, path }) =>
        consent?.scope === 'advisor' &&
        (!path.includes(':consultationId') || (ownership?.param === 'consultationId' && ownership.owner.claim === 'sub')),
    ) &&
    ofContext(declared, 'advisor').every(
      ({ body, consent }) => !namesIn(body).includes('draftId') || consent?.through?.field === 'draftId',
    ),
}
