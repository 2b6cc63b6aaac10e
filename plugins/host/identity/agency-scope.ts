import { isUuid, platformAgency } from '../../../domain/shared/ids.ts'
import { invalid, Refusal } from '../../../domain/shared/refusal.ts'
import type { Effect } from '../../../routes/shared/operation.ts'
import type { AgencyScope, Principal } from '../principal.ts'

type Headers = Readonly<Record<string, string | string[] | undefined>>

// Controls (C0, C1, DEL), line separators and the characters that turn the direction of text around.
const unprintable = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffd]/u
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Node hands header values over as Latin-1; people write reasons in UTF-8. */
const textOf = (value: string): string => {
  try {
    return utf8.decode(Buffer.from(value, 'latin1')).normalize('NFC').trim()
  } catch {
    return value.normalize('NFC').trim()
  }
}

const single = (value: string | string[] | undefined): string => (typeof value === 'string' ? value : '')

const reasonOf = (headers: Headers): string => {
  const reason = textOf(single(headers['x-access-reason']))
  const length = [...reason].length
  if (length < 20 || length > 500 || unprintable.test(reason)) throw new Refusal('VALIDATION_FAILED', 'access-reason')
  return reason
}

/** The platform's own chain has no agency's rows to write: it can be read and nothing else. */
const mayEnter = (agencyId: string, effect: Effect): boolean => isUuid(agencyId) && (agencyId !== platformAgency || effect === 'read')

/**
 * The agency that a request works in: the token's, or the one that a founder enters by `X-Agency` with `X-Access-Reason`
 * (20 to 500 characters); `*` is every agency, for reads alone. An AI agent under a founder's authority is no founder.
 * Whether the operation can be read across agencies at all (`acrossAgencies`), and whether the agency exists, is asked elsewhere.
 * @throws Refusal FORBIDDEN for everybody else who sends `X-Agency`, and for `*` with another effect than `read`
 * @throws Refusal VALIDATION_FAILED where the agency is no UUID; with reason `access-reason` where the reason is missing, short or long
 * @see design, section 3, Founder across agencies
 */
export const readAgencyScope = (principal: Principal, headers: Headers, effect: Effect): AgencyScope => {
  const wanted = headers['x-agency']
  if (wanted === undefined) return { agencyId: principal.agencyId, bypass: false, accessReason: null }
  if (!principal.roles.includes('founder') || principal.audience !== 'staff' || principal.agent !== null) throw new Refusal('FORBIDDEN')
  const target = single(wanted).trim().toLowerCase()
  if (target === '*' && effect !== 'read') throw new Refusal('FORBIDDEN')
  const accessReason = reasonOf(headers)
  if (target === '*') return { agencyId: null, bypass: true, accessReason }
  if (!mayEnter(target, effect)) throw invalid('/headers/x-agency', 'agency')
  return { agencyId: target, bypass: true, accessReason }
}
