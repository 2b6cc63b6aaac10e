import { Migration } from '@mikro-orm/migrations'
import { documentFunctions } from './0008-document-functions.ts'
import { documentTables } from './0008-document-tables.ts'

/**
 * Every stored document with the key that it is sealed under, what is to be removed from the store, and the uploads that go on.
 * @see design, section 4: encryption
 */
export class Documents extends Migration {
  override up(): void {
    for (const statement of [...documentTables, ...documentFunctions]) this.addSql(statement)
  }
}
