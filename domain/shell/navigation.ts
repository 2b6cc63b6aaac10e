import { type CompliancePortal, type Viewer, cmsPortal, deaPortal, showsButton } from './portals.ts'

/** One entry of a portal's navigation. `href` is where its data begins; pages belong to the frontends. */
export interface NavigationEntry {
  readonly id: string
  readonly title: string
  readonly href: string
  readonly visible: boolean
}

/** Entries that lead to a context, each visible to whom its first operation is open. */
const entries = [
  { id: 'consents', title: 'Consents', path: '/consents' },
  { id: 'clinical-drafts', title: 'Clinical drafts', path: '/clinical-drafts' },
  { id: 'appointments', title: 'Appointments', path: '/appointments' },
  { id: 'advisor', title: 'Medical advisor', path: '/advisor/consultations' },
  { id: 'messages', title: 'Messages', path: '/messaging/conversations' },
  { id: 'profile', title: 'My profile', path: '/provider/profile' },
  { id: 'providers', title: 'Providers', path: '/admin/providers' },
  { id: 'audit', title: 'Audit', path: '/audit/events' },
] as const

const button = (portal: CompliancePortal, viewer: Viewer): NavigationEntry => ({
  id: portal.id,
  title: portal.title,
  href: `/api/portals/${portal.id}`,
  visible: showsButton(portal, viewer),
})

/**
 * The same entries for everyone, each saying whether this viewer sees it.
 * @param open the operations open to the viewer, as `GET /consents`; what is not served is open to nobody
 */
export const navigationOf = (viewer: Viewer, open: ReadonlySet<string>): NavigationEntry[] => [
  ...entries.map(({ id, title, path }) => ({ id, title, href: `/api${path}`, visible: open.has(`GET ${path}`) })),
  button(deaPortal, viewer),
  button(cmsPortal, viewer),
]
