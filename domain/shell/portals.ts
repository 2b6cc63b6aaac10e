import { type Disclaimer, cmsDisclaimer, deaDisclaimer } from './disclaimers.ts'

/** Who looks at the header: effective roles and scopes, and the agency's modules. */
export interface Viewer {
  readonly roles: readonly string[]
  readonly scopes: ReadonlySet<string>
  readonly modules: readonly string[]
}

export interface ExternalLink {
  readonly title: string
  readonly href: string
}

/** An internal workspace beside an outside authority's site, and who sees the button that leads to it. */
export interface CompliancePortal {
  readonly id: 'dea' | 'cms'
  readonly title: string
  readonly disclaimer: Disclaimer
  /** Plain addresses of the authority's own sites: nothing of the caller travels along. */
  readonly links: readonly ExternalLink[]
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
  /** An agency's administrator sees it only where this module is on. */
  readonly module: string
}

/** @see FusionEMS part 5, DEA Portal Button */
export const deaPortal: CompliancePortal = {
  id: 'dea',
  title: 'DEA Portal',
  disclaimer: deaDisclaimer,
  links: [{ title: 'DEA.gov', href: 'https://www.dea.gov/' }],
  scopes: ['dea:view', 'dea:edit'],
  roles: ['founder', 'compliance_officer', 'controlled_substance_officer'],
  module: 'dea',
}

/** Billing staff hold `cms:view` in the matrix, and see the button that the button's own code forgets. @see FusionEMS part 5; design, section 9 */
export const cmsPortal: CompliancePortal = {
  id: 'cms',
  title: 'CMS Portal',
  disclaimer: cmsDisclaimer,
  links: [
    { title: 'PECOS', href: 'https://pecos.cms.hhs.gov/' },
    { title: 'NPPES', href: 'https://nppes.cms.hhs.gov/' },
  ],
  scopes: ['cms:view', 'cms:edit'],
  roles: ['founder', 'billing_administrator', 'billing_operations', 'billing_staff', 'compliance_officer'],
  module: 'billing',
}

/** Is the portal's button shown to this viewer? One of its scopes and one of its roles, as the document's code has it. */
export const showsButton = ({ scopes, roles, module }: CompliancePortal, viewer: Viewer): boolean => {
  if (!scopes.some((scope) => viewer.scopes.has(scope))) return false
  const administers = viewer.roles.includes('agency_administrator') && viewer.modules.includes(module)
  return administers || roles.some((role) => viewer.roles.includes(role))
}
