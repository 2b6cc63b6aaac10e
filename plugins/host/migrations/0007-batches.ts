import { Migration } from '@mikro-orm/migrations'
import { allRoles, bypassLogin, roleNames } from '../database/roles.ts'
import { sessionAgencies } from './0001-roles.ts'
import { appendColumns } from './0003-audit-columns.ts'

const predicate = '%I = any ((select current_agencies())::uuid[])'

/** Policies of the host's own two roles, on whatever table they stand. */
const widen = `
  do $$ declare p record; agency text; begin
    for p in select tablename, policyname, qual, with_check from pg_policies
      where schemaname = 'public' and permissive = 'PERMISSIVE' and roles && array['${roleNames.gate}', '${roleNames.auditWriter}']::name[]
    loop
      agency := format('${predicate}', case p.tablename when 'host_agency' then 'id' else 'agency_id' end);
      execute format('alter policy %I on %I', p.policyname, p.tablename)
        || case when p.qual is null then '' else format(' using (%s)', agency) end
        || case when p.with_check is null then '' else format(' with check (%s)', agency) end;
    end loop;
  end $$`

/** Databases from before a batch of several agencies was judged and recorded at once: what the earlier steps make anew today. */
export class Batches extends Migration {
  override up(): void {
    this.addSql(sessionAgencies)
    this.addSql(`grant execute on function current_agencies() to ${[...allRoles, bypassLogin].join(', ')}`)
    this.addSql(widen)
    this.addSql(appendColumns)
  }
}
