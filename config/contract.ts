/**
 * The approved execution contract: which contexts may load, in which order, and how far each may reach. A manifest that asks for
 * more stops the boot with the clause that it breaks; going further takes an entry in `amendments`.
 * @see MIG-03 §6 and §7, 02B, FusionEMS parts 2, 4 and 5
 */
export const capabilities = [
  'transaction',
  'fields',
  'blind-index',
  'audit-store',
  'caller-facts',
  'bookings',
  'advice',
  'outbound-http',
  'queue',
  'mail',
  'documents',
  'tickets',
  'identity-admin',
] as const

/** What a context may be granted. Whatever is not granted does not exist in its scope. */
export type Capability = (typeof capabilities)[number]

export interface Approval {
  readonly name: string
  /** Place in the integration order of MIG-03 §6; null for contexts that MIG-03 does not order. */
  readonly step: number | null
  /** The clause that admits the context and bounds it. */
  readonly clause: string
  readonly effects: readonly string[]
  readonly audience: readonly string[]
  readonly capabilities: readonly Capability[]
  readonly killSwitches: readonly string[]
  readonly tables: readonly string[]
  readonly upstreamHosts: readonly string[]
}

export interface Amendment {
  readonly id: string
  readonly clause: string
  readonly decision: 'amended' | 'false-positive'
  /** What the decision lets a manifest add, as `context: item`; nothing else changes. */
  readonly permits: readonly string[]
  /** A role of the owning organisation, never a person. */
  readonly approvedBy: string
  readonly date: string
  readonly reason: string
}

export interface Contract {
  readonly approvals: readonly Approval[]
  readonly amendments: readonly Amendment[]
}

export const contract: Contract = {
  approvals: [
    {
      name: 'shell',
      step: null,
      clause: 'MIG-03 §3.1; FusionEMS part 5',
      effects: ['read'],
      audience: ['patient', 'provider', 'service', 'staff'],
      capabilities: ['caller-facts'],
      killSwitches: ['USE_DEA_PORTAL', 'USE_CMS_PORTAL'],
      tables: [],
      upstreamHosts: [],
    },
    {
      name: 'audit',
      step: null,
      clause: 'FusionEMS part 4, layer 2; 02B, Audit',
      effects: ['read'],
      audience: ['staff'],
      capabilities: ['transaction', 'audit-store'],
      killSwitches: [],
      tables: [],
      upstreamHosts: [],
    },
    {
      name: 'consent',
      step: 1,
      clause: 'MIG-03 §6.1',
      effects: ['read', 'write'],
      audience: ['patient', 'staff'],
      capabilities: ['transaction', 'fields'],
      killSwitches: ['USE_CONSENT_WRITES'],
      tables: ['consent_record'],
      upstreamHosts: [],
    },
    {
      name: 'clinical-drafts',
      step: 2,
      clause: 'MIG-03 §6.2',
      effects: ['read', 'draft'],
      audience: ['staff'],
      capabilities: ['transaction', 'fields'],
      killSwitches: ['USE_CLINICAL_DRAFTS'],
      tables: ['clinical_draft', 'clinical_draft_revision'],
      upstreamHosts: [],
    },
    {
      name: 'appointments',
      step: 3,
      clause: 'MIG-03 §6.3',
      effects: ['read'],
      audience: ['patient', 'staff'],
      capabilities: ['outbound-http'],
      killSwitches: ['USE_APPOINTMENT_READS'],
      tables: ['appointments_appointment', 'appointments_participant', 'appointments_import'],
      upstreamHosts: ['APPOINTMENTS_FHIR'],
    },
    {
      name: 'advisor',
      step: 4,
      clause: 'MIG-03 §6.4',
      effects: ['read', 'advise'],
      audience: ['staff'],
      capabilities: ['transaction', 'fields', 'advice'],
      killSwitches: ['USE_MEDICAL_ADVISOR'],
      tables: ['advisor_consultation', 'advisor_review', 'advisor_passage', 'advisor_term'],
      upstreamHosts: ['ADVISOR_URL'],
    },
    {
      name: 'messaging',
      step: null,
      clause: '02B, Explicitly Forbidden',
      effects: ['read', 'write'],
      audience: ['patient'],
      capabilities: ['fields'],
      killSwitches: ['USE_CHAT_WRITES'],
      tables: ['messaging_conversation', 'messaging_message'],
      upstreamHosts: [],
    },
    {
      name: 'provider-administration',
      step: null,
      clause: 'FR-015',
      effects: ['read', 'write', 'admin'],
      audience: ['staff', 'provider', 'service', 'public'],
      capabilities: [
        'transaction',
        'fields',
        'blind-index',
        'audit-store',
        'bookings',
        'documents',
        'tickets',
        'queue',
        'mail',
        'identity-admin',
      ],
      killSwitches: ['USE_PROVIDER_ADMIN_WRITES'],
      tables: [
        'provider_profile',
        'provider_sign_in_address',
        'provider_status_change',
        'provider_scheduled_transition',
        'provider_booking_event',
        'provider_commission',
        'provider_commission_tier',
        'provider_commission_rate',
        'provider_procedure_count',
        'provider_document',
        'provider_reminder',
        'provider_notification',
        'provider_notification_reading',
        'provider_settings',
        'provider_preference',
        'provider_photo',
        'provider_featured',
        'provider_search_suffix',
        'provider_tally',
      ],
      upstreamHosts: [],
    },
    {
      name: 'dea-cms',
      step: null,
      clause: 'FusionEMS part 5, API Endpoints',
      effects: ['read', 'admin'],
      audience: ['staff'],
      capabilities: ['transaction', 'fields', 'audit-store', 'queue', 'mail'],
      killSwitches: ['USE_DEA_PORTAL', 'USE_CMS_PORTAL'],
      tables: ['dea_registrant_metadata', 'cms_enrollment_metadata', 'dea_compliance_note', 'cms_compliance_note'],
      upstreamHosts: [],
    },
  ],
  amendments: [],
}
