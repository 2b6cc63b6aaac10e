import { tenantTable } from '../../../host/define-context.ts'
import { addressTable } from './addresses.ts'

/**
 * The account with its clinic. Email, secondary email, phone and licence number are sealed; what is found by them is keyed: of the
 * licence's last four a plain column would say to whoever reads the database what every screen masks.
 *
 * A draft may be partial; whoever was active once is complete. `version` is what If-Match names.
 */
const profile = `
create table provider_profile (
  agency_id uuid not null references host_agency (id),
  id uuid not null,
  status text not null constraint provider_profile_status check (status in ('draft', 'active', 'suspended', 'deactivated')),
  status_change_id uuid not null,
  featured boolean not null default false,
  version int not null constraint provider_profile_version check (version >= 1),
  first_name text constraint provider_profile_first_name check (length(first_name) between 1 and 50),
  last_name text constraint provider_profile_last_name check (length(last_name) between 1 and 50),
  middle_initial text constraint provider_profile_middle_initial check (length(middle_initial) between 1 and 4),
  specialty text constraint provider_profile_specialty check (length(specialty) between 1 and 100),
  years_of_experience smallint constraint provider_profile_years check (years_of_experience between 1 and 60),
  license bytea constraint provider_profile_license check (octet_length(license) between 1 and 1024),
  license_index bytea,
  license_last_four_index bytea,
  email bytea constraint provider_profile_email check (octet_length(email) between 1 and 2048),
  email_index bytea,
  pending_email bytea constraint provider_profile_pending_email check (octet_length(pending_email) between 1 and 2048),
  pending_email_index bytea,
  pending_email_at timestamptz(3),
  secondary_email bytea constraint provider_profile_secondary_email check (octet_length(secondary_email) between 1 and 2048),
  phone bytea constraint provider_profile_phone check (octet_length(phone) between 1 and 1024),
  clinic_name text constraint provider_profile_clinic_name check (length(clinic_name) between 1 and 100),
  clinic_street text constraint provider_profile_clinic_street check (length(clinic_street) between 1 and 200),
  clinic_city text constraint provider_profile_clinic_city check (length(clinic_city) between 1 and 100),
  clinic_state_province text constraint provider_profile_clinic_state check (length(clinic_state_province) between 1 and 100),
  clinic_postal_code text constraint provider_profile_clinic_postal_code check (length(clinic_postal_code) between 1 and 20),
  clinic_country text constraint provider_profile_clinic_country check (clinic_country ~ '^[A-Z]{2}$'),
  clinic_phone text constraint provider_profile_clinic_phone check (clinic_phone ~ '^\\+[1-9][0-9]{6,14}$'),
  clinic_email text constraint provider_profile_clinic_email check (length(clinic_email) between 3 and 254),
  operating_hours text constraint provider_profile_operating_hours check (length(operating_hours) between 1 and 200),
  commission_type text constraint provider_profile_commission_type check (commission_type in ('percentage', 'tier')),
  current_rate numeric(4, 2) constraint provider_profile_current_rate check (current_rate between 5 and 30),
  current_tier smallint constraint provider_profile_current_tier check (current_tier >= 1),
  documents_status text not null default 'incomplete' constraint provider_profile_documents_status
    check (documents_status in ('incomplete', 'rejected', 'pending', 'complete')),
  documents_expire_on date,
  search_text text collate "C" not null default '' constraint provider_profile_search_text check (length(search_text) <= 400),
  sort_name text collate "C" not null default '' constraint provider_profile_sort_name check (length(sort_name) <= 200),
  created_at timestamptz(3) not null,
  created_by text not null constraint provider_profile_created_by check (length(created_by) between 1 and 255),
  updated_at timestamptz(3) not null,
  activity_at timestamptz(3) not null,
  activated_at timestamptz(3),
  deactivated_at timestamptz(3),
  welcomed_at timestamptz(3),
  deletable_since date,
  audit_id uuid not null,
  primary key (agency_id, id),
  constraint provider_profile_featured_is_active check (not featured or status = 'active'),
  constraint provider_profile_deactivated_is_marked check ((status = 'deactivated') = (deactivated_at is not null)),
  constraint provider_profile_kept_seven_years check (deletable_since >= (deactivated_at at time zone 'UTC' + interval '7 years')::date),
  constraint provider_profile_email_is_found check ((email is null) = (email_index is null)),
  constraint provider_profile_pending_email_is_found
    check ((pending_email is null) = (pending_email_index is null) and (pending_email is null) = (pending_email_at is null)),
  constraint provider_profile_license_is_found
    check ((license is null) = (license_index is null) and (license is null) = (license_last_four_index is null)),
  constraint provider_profile_rate_of_commission check ((commission_type is null) = (current_rate is null)),
  constraint provider_profile_tier_of_commission check ((commission_type is not distinct from 'tier') = (current_tier is not null)),
  constraint provider_profile_complete check (status = 'draft' or num_nulls(first_name, last_name, specialty, years_of_experience, license, email,
    phone, clinic_name, clinic_street, clinic_city, clinic_state_province, clinic_postal_code, clinic_country, clinic_phone, commission_type) = 0)
)`

const indexes = [
  "create unique index provider_profile_one_email on provider_profile (email_index) where status <> 'deactivated'",
  'create index provider_profile_of_email on provider_profile (agency_id, email_index)',
  'create index provider_profile_of_license on provider_profile (agency_id, license_index)',
  'create index provider_profile_of_license_last_four on provider_profile (agency_id, license_last_four_index)',
  'create index provider_profile_by_name on provider_profile (agency_id, status, sort_name, id) include (search_text)',
  'create index provider_profile_by_creation on provider_profile (agency_id, status, created_at, id)',
  'create index provider_profile_by_rate on provider_profile (agency_id, status, current_rate, id)',
  'create index provider_profile_by_documents on provider_profile (agency_id, status, documents_status) include (featured)',
  "create index provider_profile_kept on provider_profile (agency_id, deactivated_at, id) where status = 'deactivated' and deletable_since is null",
]

/** The columns that a provider's own session and a machine's may change, mostly by way of triggers. */
const derived =
  'update (version, current_rate, current_tier, documents_status, documents_expire_on, activity_at, updated_at, email, email_index, pending_email, pending_email_index, pending_email_at)'

/** Authentication asks the status of a provider's account, and sees nothing else of it. */
const status = [
  `create function provider_status(p_agency uuid, p_provider uuid) returns text language sql stable security invoker as $$
    select p.status from provider_profile p where p.agency_id = p_agency and p.id = p_provider
  $$`,
  'revoke execute on function provider_status from public',
  'grant execute on function provider_status to postern_gate',
]

export const profileTables: readonly string[] = [
  profile,
  ...addressTable,
  ...indexes,
  ...tenantTable({
    table: 'provider_sign_in_address',
    grants: { admin: ['select', 'insert', 'delete'], write: ['select', 'insert', 'delete'] },
  }),
  ...tenantTable({
    table: 'provider_profile',
    grants: {
      read: ['select'],
      admin: ['select', 'insert', 'update'],
      write: ['select', derived],
      gate: ['select (agency_id, id, status)'],
    },
  }),
  ...status,
]
