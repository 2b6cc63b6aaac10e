import { Migration } from '@mikro-orm/migrations'
import { gateRole } from '../sql/roles.ts'

/** An instance that has seen a switch move says so: from here on nothing commits that was sent before. A sequence, since it is seen at once. */
const moveSwitch = `
create function host_move_switch() returns bigint language plpgsql volatile security invoker as $$
declare x text;
begin
  x := set_config('role', '${gateRole}', true);
  return nextval('host_switch_moves');
end $$`

/**
 * How often a switch has moved, as every instance counts for itself. A compiled write brings the number that was known when its switch was
 * read, and compares right before it commits.
 * @see design, section 6
 */
export class SwitchMoves extends Migration {
  override up(): void {
    this.addSql('create sequence host_switch_moves minvalue 0 start 0')
    // The first value of a sequence looks like none.
    this.addSql("select nextval('host_switch_moves')")
    this.addSql(moveSwitch)
    this.addSql(`grant select, usage on sequence host_switch_moves to ${gateRole}`)
    this.addSql('revoke execute on function host_move_switch from public')
    this.addSql(`grant execute on function host_move_switch to postern_app, ${gateRole}`)
  }
}
