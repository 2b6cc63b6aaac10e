import type { CompliancePortal, NavigationEntry } from '../../domain/shell/index.ts'
import { showInstant } from '../../domain/shared/instant.ts'
import type { MeWire, PortalWire } from './schemas.ts'

/** What `/me` tells a caller of themself. */
export interface Me {
  readonly identity: MeWire['identity']
  readonly roles: readonly string[]
  readonly scopes: ReadonlySet<string>
  readonly agency: { readonly id: string; readonly name: string | null; readonly modules: readonly string[] }
  readonly flags: Readonly<Record<string, boolean>>
  readonly navigation: readonly NavigationEntry[]
  /** Unix seconds. */
  readonly expiresAt: number
}

export const showMe = ({ identity, roles, scopes, agency, flags, navigation, expiresAt }: Me): MeWire => ({
  identity,
  roles: [...roles],
  scopes: [...scopes],
  agency: { ...agency, modules: [...agency.modules] },
  flags,
  navigation: [...navigation],
  session: { expiresAt: showInstant(new Date(expiresAt * 1000)) },
})

export const showPortal = ({ id, title, disclaimer, links }: CompliancePortal): PortalWire => ({
  id,
  title,
  disclaimer: { ...disclaimer },
  links: links.map((link) => ({ ...link, rel: 'noopener noreferrer' })),
})
