import { tenantTable } from '../../../host/define-context.ts'

/**
 * What stands in somebody's portal: a provider's own, or the administrators'. `cause` makes it once, however often what causes it runs.
 * `facts` holds ids, dates, names of types and an administrator's reason; no address and no licence number.
 */
const notification = `
create table provider_notification (
  agency_id uuid not null,
  id uuid not null,
  audience text not null constraint provider_notification_audience check (audience in ('provider', 'administrators')),
  provider_id uuid not null,
  kind text not null constraint provider_notification_kind check (kind ~ '^[a-z]+(-[a-z]+)*$' and length(kind) <= 60),
  cause text not null constraint provider_notification_cause check (length(cause) between 1 and 200),
  facts jsonb not null default '{}' constraint provider_notification_facts
    check (jsonb_typeof(facts) = 'object' and octet_length(facts::text) <= 4096),
  created_at timestamptz(3) not null,
  primary key (agency_id, id),
  constraint provider_notification_once unique (agency_id, audience, cause),
  constraint provider_notification_provider foreign key (agency_id, provider_id) references provider_profile (agency_id, id)
)`

const reading = `
create table provider_notification_reading (
  agency_id uuid not null,
  notification_id uuid not null,
  user_id text not null constraint provider_notification_reading_user check (length(user_id) between 1 and 255),
  read_at timestamptz(3) not null,
  primary key (agency_id, notification_id, user_id),
  constraint provider_notification_reading_notification foreign key (agency_id, notification_id)
    references provider_notification (agency_id, id)
)`

/** Addresses of administrators are sealed like every other. */
const settings = `
create table provider_settings (
  agency_id uuid not null primary key references host_agency (id),
  version int not null constraint provider_settings_version check (version >= 1),
  upload_limit_bytes int not null constraint provider_settings_upload_limit check (upload_limit_bytes between 1 and 52428800),
  support_contact text not null constraint provider_settings_support_contact check (length(support_contact) <= 200),
  reminder_recipients bytea constraint provider_settings_reminder_recipients check (octet_length(reminder_recipients) between 1 and 16384),
  specialties text[] not null constraint provider_settings_specialties check (cardinality(specialties) between 1 and 100),
  updated_at timestamptz(3) not null,
  updated_by text not null constraint provider_settings_updated_by check (length(updated_by) between 1 and 255),
  audit_id uuid not null
)`

const preference = `
create table provider_preference (
  agency_id uuid not null references host_agency (id),
  user_id text not null constraint provider_preference_user check (length(user_id) between 1 and 255),
  page_size smallint not null constraint provider_preference_page_size check (page_size in (25, 50, 100)),
  updated_at timestamptz(3) not null,
  audit_id uuid not null,
  primary key (agency_id, user_id)
)`

/** The port behind which other reminders ask whom an agency wants reminded. */
const recipients = [
  `create function reminder_recipients(p_agency uuid) returns bytea language sql stable security invoker as $$
    select s.reminder_recipients from provider_settings s where s.agency_id = p_agency
  $$`,
  'revoke execute on function reminder_recipients from public',
  'grant execute on function reminder_recipients to postern_read, postern_admin',
]

const indexes = [
  'create index provider_notification_of_provider on provider_notification (agency_id, audience, provider_id, created_at, id)',
  'create index provider_notification_of_audience on provider_notification (agency_id, audience, created_at, id)',
]

export const peopleTables: readonly string[] = [
  notification,
  reading,
  settings,
  preference,
  ...indexes,
  ...tenantTable({
    table: 'provider_notification',
    grants: { read: ['select'], admin: ['select', 'insert'], write: ['select', 'insert'] },
  }),
  ...tenantTable({
    table: 'provider_notification_reading',
    grants: { read: ['select'], admin: ['select', 'insert'], write: ['select', 'insert'] },
  }),
  ...tenantTable({
    table: 'provider_settings',
    grants: { read: ['select'], admin: ['select', 'insert', 'update'], write: ['select'] },
  }),
  ...tenantTable({ table: 'provider_preference', grants: { read: ['select'], admin: ['select', 'insert', 'update'] } }),
  ...recipients,
]
