import { Migration } from '@mikro-orm/migrations'
import { auditInput } from '../audit/index.ts'
import { auditWriterRole, gateRole } from '../sql/roles.ts'

const claimKey = `
create function host_claim_key(
  p_agency uuid, p_user text, p_operation text, p_key text, p_fingerprint bytea, p_status smallint, p_response bytea, p_audit uuid,
  p_at timestamptz, p_expires timestamptz, out outcome text, out status smallint, out response bytea
) language plpgsql volatile security invoker as $$
declare k record;
begin
  for attempt in 1..3 loop
    insert into host_idempotency_key (agency_id, user_id, operation, key, fingerprint, status, response, audit_id, created_at, expires_at)
    values (p_agency, p_user, p_operation, p_key, p_fingerprint, p_status, p_response, p_audit, p_at, p_expires)
    on conflict do nothing;
    if found then
      outcome := 'claimed';
      -- One claim in sixteen sweeps, so that expired rows go without a job and without a cost on each write.
      if get_byte(uuid_send(p_audit), 15) < 16 then
        perform host_sweep_keys(p_agency, p_at);
      end if;
      return;
    end if;
    select s.fingerprint, s.status, s.response, s.expires_at into k from host_idempotency_key s
    where s.agency_id = p_agency and s.user_id = p_user and s.operation = p_operation and s.key = p_key;
    continue when not found;
    if k.expires_at <= p_at then
      delete from host_idempotency_key s
      where s.agency_id = p_agency and s.user_id = p_user and s.operation = p_operation and s.key = p_key and s.expires_at <= p_at;
      continue;
    end if;
    if k.fingerprint is distinct from p_fingerprint then
      outcome := 'key-reused';
    elsif k.status is null then
      outcome := 'in-flight';
    else
      outcome := 'replayed';
      status := k.status;
      response := k.response;
    end if;
    return;
  end loop;
  outcome := 'in-flight';
end $$`

/** Removes a few expired keys of an agency; rows that another transaction holds are passed over. */
const sweepKeys = `
create function host_sweep_keys(p_agency uuid, p_at timestamptz) returns void language plpgsql volatile security invoker as $$
declare
  expired cursor for
    select from host_idempotency_key s where s.agency_id = p_agency and s.expires_at <= p_at order by s.expires_at limit 48 for update skip locked;
begin
  for e in expired loop
    delete from host_idempotency_key where current of expired;
  end loop;
end $$`

const openTransaction = `
create function host_open(
  p_role text, p_consent_patient uuid, p_consent_scope text, p_agency uuid, p_user text, p_operation text, p_key text, p_fingerprint bytea,
  p_audit uuid, p_at timestamptz, p_expires timestamptz, out outcome text, out status smallint, out response bytea
) language plpgsql volatile security invoker as $$
declare x text; c record;
begin
  x := set_config('role', '${gateRole}', true);
  outcome := 'open';
  if p_consent_scope is not null and consent_decision(p_agency, p_consent_patient, p_consent_scope, p_at) is null then
    outcome := 'CONSENT_REQUIRED';
    return;
  end if;
  if p_key is not null then
    select k.outcome, k.status, k.response into c
    from host_claim_key(p_agency, p_user, p_operation, p_key, p_fingerprint, null, null, p_audit, p_at, p_expires) k;
    if c.outcome <> 'claimed' then
      outcome := c.outcome;
      status := c.status;
      response := c.response;
      return;
    end if;
  end if;
  x := set_config('role', p_role, true);
end $$`

const parameters = auditInput.map(({ name, type }) => `p_${name} ${type}`).join(', ')
const values = auditInput.map(({ name }) => `p_${name}`).join(', ')

const closeTransaction = `
create function host_close(
  p_lane int, p_outcome text, p_reason text, p_key_user text, p_key_operation text, p_key text, p_status smallint, p_response bytea,
  ${parameters}, out seq bigint, out hash bytea
) language plpgsql volatile security invoker as $$
declare x text;
begin
  if p_key is not null and p_outcome = 'success' then
    x := set_config('role', '${gateRole}', true);
    update host_idempotency_key k set status = p_status, response = p_response
    where k.agency_id = p_agency_id and k.user_id = p_key_user and k.operation = p_key_operation and k.key = p_key;
  end if;
  x := set_config('role', '${auditWriterRole}', true);
  select h.seq, h.hash into seq, hash from audit_append(p_lane, p_outcome, p_reason, ${values}) h;
end $$`

/** The host's gates in SQL: the idempotency key, and what opens and closes a domain transaction. */
export class Gates extends Migration {
  override up(): void {
    for (const ddl of [sweepKeys, claimKey, openTransaction, closeTransaction]) this.addSql(ddl)
    // The owner adds agencies, each in that agency's own context; row security binds it like everyone.
    this.addSql(`create policy host_agency_owner on host_agency to current_user
      using (id = (select current_agency())) with check (id = (select current_agency()))`)
    for (const name of ['host_sweep_keys', 'host_claim_key', 'host_open', 'host_close']) {
      this.addSql(`revoke execute on function ${name} from public`)
      this.addSql(
        `grant execute on function ${name} to postern_app, ${gateRole}, postern_read, postern_draft, postern_advise, postern_write, postern_admin`,
      )
    }
  }
}
