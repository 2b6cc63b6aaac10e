import { Migration } from '@mikro-orm/migrations'
import { gateRole } from '../sql/roles.ts'

/** `host_open` for a transaction that only reads: consent is asked, and the key is looked up and not claimed. */
const look = `
create function host_look(
  p_role text, p_consent_patient uuid, p_consent_scope text, p_agency uuid, p_user text, p_operation text, p_key text, p_fingerprint bytea,
  p_audit uuid, p_at timestamptz, p_expires timestamptz, out outcome text, out status smallint, out response bytea
) language plpgsql volatile security invoker as $$
declare x text; k record;
begin
  x := set_config('role', '${gateRole}', true);
  outcome := 'open';
  if p_consent_scope is not null and consent_decision(p_agency, p_consent_patient, p_consent_scope, p_at) is null then
    outcome := 'CONSENT_REQUIRED';
    return;
  end if;
  if p_key is not null then
    select s.fingerprint, s.status, s.response into k from host_idempotency_key s
    where s.agency_id = p_agency and s.user_id = p_user and s.operation = p_operation and s.key = p_key and s.expires_at > p_at;
    if found then
      if k.fingerprint is distinct from p_fingerprint then
        outcome := 'key-reused';
        return;
      elsif k.status is not null then
        outcome := 'replayed';
        status := k.status;
        response := k.response;
        return;
      end if;
    end if;
  end if;
  x := set_config('role', p_role, true);
end $$`

/** Whose patient the caller's own draft is of, and whether that patient permits; no row tells where there is no such draft. */
const ownDraft = `
create function host_own_draft(
  p_role text, p_agency uuid, p_author text, p_draft uuid, p_scope text, p_at timestamptz, out patient uuid, out permitted boolean
) language plpgsql volatile security invoker as $$
declare x text;
begin
  x := set_config('role', 'postern_read', true);
  patient := own_draft_patient(p_agency, p_author, p_draft);
  x := set_config('role', '${gateRole}', true);
  permitted := patient is not null and consent_decision(p_agency, patient, p_scope, p_at) is not null;
  x := set_config('role', p_role, true);
end $$`

/** What opens a transaction that only reads, and the question behind the port `own-draft`. */
export class Advise extends Migration {
  override up(): void {
    for (const ddl of [look, ownDraft]) this.addSql(ddl)
    for (const name of ['host_look', 'host_own_draft']) {
      this.addSql(`revoke execute on function ${name} from public`)
      this.addSql(
        `grant execute on function ${name} to postern_app, ${gateRole}, postern_read, postern_draft, postern_advise, postern_write, postern_admin`,
      )
    }
  }
}
