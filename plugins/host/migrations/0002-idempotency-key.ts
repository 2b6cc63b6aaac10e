import { Migration } from '@mikro-orm/migrations'
import { tenantTable } from '../database/tenant-table.ts'

/**
 * One row per key that a committed write was made with; the answer is stored encrypted.
 * @see 02B, Idempotency
 */
export class IdempotencyKey extends Migration {
  override up(): void {
    this.addSql(`create table host_idempotency_key (
      agency_id uuid not null,
      user_id text not null,
      operation text not null,
      key text not null check (length(key) between 1 and 255),
      fingerprint bytea not null,
      status smallint,
      response bytea,
      audit_id uuid,
      created_at timestamptz not null default now(),
      expires_at timestamptz not null,
      primary key (agency_id, user_id, operation, key)
    )`)
    // Later keyed writes sweep a few expired rows of their own agency each: oldest first.
    this.addSql('create index host_idempotency_key_expiry on host_idempotency_key (agency_id, expires_at)')
    const sql = tenantTable({ table: 'host_idempotency_key', grants: { gate: ['select', 'insert', 'update', 'delete'] } })
    for (const statement of sql) this.addSql(statement)
  }
}
