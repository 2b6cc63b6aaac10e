/** A kill switch: what it is worth where its source says nothing, what it holds back, and who decides over it. */
export interface FlagDeclaration {
  readonly name: string
  /** Its value where a fresh source does not know it. */
  readonly default: boolean
  /**
   * What is decided when the source has not been seen fresh for 15 s: writes are off, reads keep their last value.
   * `both` is a switch over whole endpoints, whose writes and reads part ways only then.
   */
  readonly governs: 'write' | 'read' | 'both'
  /** The team role that opens and closes it. */
  readonly owner: string
  readonly description: string
}

/**
 * Every kill switch there is. An operation may name no other.
 *
 * A strategy may constrain on `userId`, `agencyId`, `role` (the first of the caller's roles, in the order of the matrix) and
 * `roles` (all of them, each in brackets: `STR_CONTAINS [clinical_staff]` is exact). `agencyId IN <id>` opens a switch for one
 * agency first.
 * @see MIG-03 §7; 02B, Feature Flag
 */
export const flags = [
  {
    name: 'USE_CHAT_WRITES',
    default: false,
    governs: 'write',
    owner: 'patient communication',
    description: 'Creating conversations and sending messages.',
  },
  {
    name: 'USE_CONSENT_WRITES',
    default: false,
    governs: 'write',
    owner: 'privacy office',
    description: 'Granting consent. Revocation has no switch: a patient can always withdraw.',
  },
  {
    name: 'USE_CLINICAL_DRAFTS',
    default: false,
    governs: 'write',
    owner: 'clinical documentation',
    description: 'Creating and editing clinical drafts.',
  },
  {
    name: 'USE_APPOINTMENT_READS',
    default: true,
    governs: 'read',
    owner: 'scheduling',
    description: 'Reading appointments.',
  },
  {
    name: 'USE_MEDICAL_ADVISOR',
    default: false,
    governs: 'write',
    owner: 'clinical safety',
    description: 'Asking the medical advisor for a consultation.',
  },
  {
    name: 'USE_PROVIDER_ADMIN_WRITES',
    default: true,
    governs: 'write',
    owner: 'provider operations',
    description: 'Writes of provider administration.',
  },
  {
    name: 'USE_DEA_PORTAL',
    default: true,
    governs: 'both',
    owner: 'controlled substances compliance',
    description: 'Every DEA endpoint.',
  },
  {
    name: 'USE_CMS_PORTAL',
    default: true,
    governs: 'both',
    owner: 'billing operations',
    description: 'Every CMS endpoint.',
  },
] as const satisfies readonly FlagDeclaration[]

export type FlagName = (typeof flags)[number]['name']
