import { Migration } from '@mikro-orm/migrations'
import { auditFunctions } from './0003-audit-functions.ts'
import { auditProtection } from './0003-audit-protection.ts'
import { auditRights, auditTables } from './0003-audit-tables.ts'

/**
 * The audit store: append-only, hash-chained per agency and lane, encrypted payloads, a partition a month.
 * @see design, section 5: audit and logs; 02B, Audit
 */
export class Audit extends Migration {
  override up(): void {
    for (const statement of [...auditTables, ...auditRights, ...auditFunctions, ...auditProtection]) this.addSql(statement)
  }
}
