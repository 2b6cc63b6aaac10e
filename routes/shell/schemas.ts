import { type Static, Type } from '@sinclair/typebox'
import { id, instantOut, oneOf, strict } from '../shared/schemas.ts'

const words = (description: string) => Type.String({ description })
const wordsOrNull = (description: string) => Type.Unsafe<string | null>({ type: ['string', 'null'], description })
const list = (description: string) => Type.Array(Type.String(), { description })

const navigationEntry = strict({
  id: words('Stable name of the entry'),
  title: words('What it is called'),
  href: words('Where its data begins; the page is the frontend’s'),
  visible: Type.Boolean({ description: 'Whether this caller sees it' }),
})

export const meSchema = strict({
  identity: strict({
    sub: words('The user, as the token names them'),
    audience: oneOf(['patient', 'provider', 'service', 'staff'], 'What kind of caller this is'),
    patientId: wordsOrNull('The patient whom the caller is'),
    providerId: wordsOrNull('The provider whom the caller is'),
  }),
  roles: list('Roles of the token that are known here, in the order of the permission matrix'),
  scopes: list('Effective scopes: those of the token that the permission matrix allows the roles'),
  agency: strict({
    id: id('The agency in which the request works'),
    name: wordsOrNull('Its name; null where nobody added it'),
    modules: list('Modules that are on'),
  }),
  flags: Type.Record(Type.String(), Type.Boolean(), {
    description: 'Switches of the operations that are open to the caller, as they are now',
  }),
  navigation: Type.Array(navigationEntry, { description: 'Portals and entries; the same for everyone, not visible to everyone' }),
  session: strict({ expiresAt: instantOut('When the access token ends') }),
})

export const portalSchema = strict({
  id: oneOf(['dea', 'cms'], 'The portal'),
  title: words('What it is called'),
  disclaimer: strict({
    version: words('Changes whenever the text does'),
    text: words('To be shown as it stands, before anything else of the portal'),
  }),
  links: Type.Array(
    strict({
      title: words('What the site is called'),
      href: Type.String({ format: 'uri', description: 'A plain address: nothing of the caller travels along' }),
      rel: words('What the link must carry so that the site learns nothing of the portal'),
    }),
    { description: 'Sites of the outside authority' },
  ),
})

export type MeWire = Static<typeof meSchema>
export type PortalWire = Static<typeof portalSchema>
