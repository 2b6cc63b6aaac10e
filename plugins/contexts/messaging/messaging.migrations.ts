import { Migration } from '@mikro-orm/migrations'
import { type MigrationEntry, tenantTable } from '../../host/define-context.ts'

const conversations = `
create table messaging_conversation (
  agency_id uuid not null references host_agency (id),
  id uuid not null,
  patient_id uuid not null,
  subject bytea not null constraint messaging_conversation_subject check (octet_length(subject) between 1 and 2048),
  created_at timestamptz(3) not null,
  created_by text not null constraint messaging_conversation_created_by check (length(created_by) between 1 and 255),
  audit_id uuid not null,
  primary key (agency_id, id),
  constraint messaging_conversation_patient unique (agency_id, id, patient_id)
)`

/** `patient_id` is the conversation's: the key over all three columns keeps it so, and row security reads it from the row itself. */
const messages = `
create table messaging_message (
  agency_id uuid not null,
  id uuid not null,
  conversation_id uuid not null,
  patient_id uuid not null,
  sender_id text not null constraint messaging_message_sender check (length(sender_id) between 1 and 255),
  body bytea not null constraint messaging_message_body check (octet_length(body) between 1 and 32768),
  created_at timestamptz(3) not null,
  audit_id uuid not null,
  primary key (agency_id, id),
  constraint messaging_message_conversation foreign key (agency_id, conversation_id, patient_id)
    references messaging_conversation (agency_id, id, patient_id)
)`

/** Lists are read from the newest backwards, by position. */
const indexes = [
  'create index messaging_conversation_of_patient on messaging_conversation (agency_id, patient_id, created_at, id)',
  'create index messaging_message_of_conversation on messaging_message (agency_id, conversation_id, created_at, id)',
]

/** Nobody may change or remove what was written; no other role comes near it. @see 02B, Allowed Operations */
const isolated = (table: string): string[] =>
  tenantTable({
    table,
    // The host asks there whose conversation it is, and sees no more of it than that.
    grants: {
      read: ['select'],
      write: ['select', 'insert'],
      ...(table === 'messaging_conversation' ? { gate: ['select (agency_id, id, patient_id)'] } : {}),
    },
    patientColumn: 'patient_id',
  })

class Messaging extends Migration {
  override up(): void {
    const isolation = ['messaging_conversation', 'messaging_message'].flatMap(isolated)
    for (const sql of [conversations, messages, ...indexes, ...isolation]) this.addSql(sql)
  }
}

/** The same two checks as domains: PostgreSQL keeps those prepared, and reads a table's checks anew with every statement. */
const domains = [
  'create domain messaging_sender as text constraint messaging_message_sender check (length(value) between 1 and 255)',
  'create domain messaging_body as bytea constraint messaging_message_body check (octet_length(value) between 1 and 32768)',
  'alter table messaging_message drop constraint messaging_message_sender, drop constraint messaging_message_body',
  'alter table messaging_message alter column sender_id type messaging_sender, alter column body type messaging_body',
]

class MessageDomains extends Migration {
  override up(): void {
    for (const sql of domains) this.addSql(sql)
  }
}

export const messagingMigrations: readonly MigrationEntry[] = [
  { name: 'messaging-0001-conversations', class: Messaging },
  { name: 'messaging-0002-domains', class: MessageDomains },
]
