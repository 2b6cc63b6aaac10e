import { Migration } from '@mikro-orm/migrations'
import { tenantTable } from '../database/tenant-table.ts'
import { gateRole } from '../sql/roles.ts'

/** True for the first who brings a ticket and never again. One use in four sweeps what has expired meanwhile. */
const useTicket = `
create function host_use_ticket(p_agency uuid, p_id uuid, p_expires timestamptz, p_at timestamptz) returns boolean
language plpgsql volatile security invoker as $$
declare x text; is_first boolean;
begin
  x := set_config('app.current_agency', p_agency::text, true);
  x := set_config('role', '${gateRole}', true);
  insert into host_used_ticket (agency_id, id, expires_at) values (p_agency, p_id, p_expires) on conflict do nothing;
  is_first := found;
  if get_byte(uuid_send(p_id), 15) < 64 then
    delete from host_used_ticket u using (
      select s.id from host_used_ticket s where s.agency_id = p_agency and s.expires_at < p_at order by s.expires_at limit 32 for update skip locked
    ) e where u.agency_id = p_agency and u.id = e.id;
  end if;
  return is_first;
end $$`

/**
 * The tickets that were used, until they would have expired anyway: the primary key decides who came first, whatever instance is asked.
 * @see design, section 7, provider administration: signed, single use
 */
export class Tickets extends Migration {
  override up(): void {
    this.addSql(
      'create table host_used_ticket (agency_id uuid not null, id uuid not null, expires_at timestamptz not null, primary key (agency_id, id))',
    )
    this.addSql('create index host_used_ticket_expiry on host_used_ticket (agency_id, expires_at)')
    const sql = tenantTable({ table: 'host_used_ticket', grants: { gate: ['select', 'insert', 'update', 'delete'] } })
    for (const statement of [...sql, useTicket]) this.addSql(statement)
    this.addSql('revoke execute on function host_use_ticket from public')
    this.addSql(`grant execute on function host_use_ticket to postern_app, ${gateRole}`)
  }
}
