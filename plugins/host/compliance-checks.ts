import { idempotencyOf, isMutating, type AnyOperation } from '../../routes/shared/operation.ts'
import type { Manifest } from './define-context.ts'

/** What these checks look at of all that was declared. */
interface Declared {
  readonly manifests: readonly Manifest[]
  readonly operations: readonly { readonly context: string; readonly operation: AnyOperation }[]
}

const portals = [
  { path: '/dea/', scope: 'dea', killSwitch: 'USE_DEA_PORTAL', besides: 'expiration-alerts' },
  { path: '/cms/', scope: 'cms', killSwitch: 'USE_CMS_PORTAL', besides: 'readiness-check' },
] as const

const listed = portals.flatMap(({ path, besides }) => [
  `GET ${path}metadata`,
  `GET ${path}metadata/:metadataId`,
  `POST ${path}metadata`,
  `PUT ${path}metadata/:metadataId`,
  `DELETE ${path}metadata/:metadataId`,
  `GET ${path}${besides}`,
  `POST ${path}compliance-note`,
  `GET ${path}audit-log`,
])

const own = ({ operations }: Declared): AnyOperation[] =>
  operations.filter(({ context }) => context === 'dea-cms').map(({ operation }) => operation)

const isGated = (operation: AnyOperation): boolean => {
  const portal = portals.find(({ path }) => operation.path.startsWith(path))
  if (!portal || operation.audit !== 'record' || operation.killSwitch !== portal.killSwitch) return false
  const changes = isMutating(operation)
  if (operation.scopes.join() !== `${portal.scope}:${changes ? 'edit' : 'view'}`) return false
  if (!changes) return true
  const once = operation.method === 'POST' ? idempotencyOf(operation) === 'required' : operation.ifMatch === true
  return once && operation.refusesCredentials === true
}

/** @see FusionEMS part 5: the sixteen endpoints, and what the portals do not do */
export const complianceChecks: Readonly<Record<string, (declared: Declared) => boolean>> = {
  'compliance-endpoints': (declared) =>
    own(declared)
      .map(({ method, path }) => `${method} ${path}`)
      .sort()
      .join() === listed.toSorted().join(),
  'compliance-gates': (declared) => own(declared).length > 0 && own(declared).every(isGated),
  'compliance-has-no-way-out': ({ manifests }) => {
    const manifest = manifests.find(({ name }) => name === 'dea-cms')
    return manifest?.upstreamHosts.length === 0 && !manifest.capabilities.some((one) => one === 'outbound-http' || one === 'identity-admin')
  },
}
