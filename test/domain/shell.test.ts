import { hash } from 'node:crypto'
import t from 'tap'
import { everyScope, roles } from '../../config/permissions.ts'
import { type Viewer, cmsDisclaimer, cmsPortal, deaDisclaimer, deaPortal, navigationOf, showsButton } from '../../domain/shell/index.ts'

const viewer = (role: string, scopes: readonly string[], modules: readonly string[] = []): Viewer => ({
  roles: [role],
  scopes: new Set(scopes),
  modules,
})
const buttons = (role: string, modules: readonly string[], scopes: readonly string[] = everyScope) =>
  [deaPortal, cmsPortal].map((portal) => showsButton(portal, viewer(role, scopes, modules)))

/** Written by hand from the button code of FusionEMS part 5, and billing staff from its matrix: DEA, CMS. */
const shown: Record<string, [boolean, boolean]> = {
  founder: [true, true],
  compliance_officer: [true, true],
  controlled_substance_officer: [true, false],
  billing_administrator: [false, true],
  billing_operations: [false, true],
  billing_staff: [false, true],
}

t.test('a button takes one of its scopes and one of its roles', async (t) => {
  for (const role of roles.filter((one) => one !== 'agency_administrator')) {
    for (const modules of [[], ['billing', 'dea']]) t.same(buttons(role, modules), shown[role] ?? [false, false], `${role} ${modules.join()}`)
    t.same(buttons(role, ['billing', 'dea'], everyScope.filter((scope) => !/^(dea|cms):/.test(scope))), [false, false], `${role} without scopes`) // prettier-ignore
  }
  t.same(buttons('founder', [], ['dea:edit', 'cms:edit']), [true, true], 'either scope')
  t.same(buttons('founder', [], ['cms:view']), [false, true])
}) // prettier-ignore

t.test('an agency’s administrator sees the buttons of its modules', async (t) => {
  t.same(buttons('agency_administrator', []), [false, false])
  t.same(buttons('agency_administrator', ['dea']), [true, false])
  t.same(buttons('agency_administrator', ['billing']), [false, true])
  t.same(buttons('agency_administrator', ['billing', 'dea']), [true, true])
  t.ok(showsButton(deaPortal, { roles: ['agency_administrator', 'compliance_officer'], scopes: new Set(['dea:view']), modules: [] }))
})

t.test('the notices stand as they were given: other words are another version', async (t) => {
  t.equal(deaDisclaimer.text.split('\n').length, 16)
  t.equal(cmsDisclaimer.text.split('\n').length, 16)
  t.same(
    [deaDisclaimer, cmsDisclaimer].map(({ version, text }) => [version, hash('sha256', text)]),
    [
      ['1', '451925095b64862108f0a000882899a19ad6f47028b98805eb7306c4f6e7733e'],
      ['1', '88cc5b08f9a5b2694ed0c661d5db248f36553bc8cf8a2b9c88aa93beb5a1fcc1'],
    ],
  )
})

t.test('links lead to the authorities’ own sites, encrypted, and carry nothing', async (t) => {
  const links = [...deaPortal.links, ...cmsPortal.links]
  t.same(
    links.map(({ title }) => title),
    ['DEA.gov', 'PECOS', 'NPPES'],
  )
  for (const { href } of links) {
    const { protocol, hostname, pathname, search, hash: fragment, username } = new URL(href)
    t.same([protocol, pathname, search, fragment, username], ['https:', '/', '', '', ''], href)
    t.match(hostname, /\.gov$/)
  }
})

t.test('navigation has the same entries for everyone, visible where they lead somewhere', async (t) => {
  const nobody = navigationOf(viewer('peer_reviewer', []), new Set())
  t.ok(nobody.every(({ visible }) => !visible))
  const founder = navigationOf(viewer('founder', everyScope), new Set(['GET /audit/events', 'POST /consents']))
  t.same(
    founder.filter(({ visible }) => visible).map(({ id, href }) => [id, href]),
    [
      ['audit', '/api/audit/events'],
      ['dea', '/api/portals/dea'],
      ['cms', '/api/portals/cms'],
    ],
  )
  t.same(
    founder.map(({ id }) => id),
    nobody.map(({ id }) => id),
  )
  t.equal(new Set(founder.map(({ id }) => id)).size, founder.length)
})
