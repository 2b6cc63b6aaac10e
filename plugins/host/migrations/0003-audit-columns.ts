import { auditInput } from '../audit/audit-input.ts'

const parameters = auditInput.map(({ name, type }) => `p_${name} ${type}[]`).join(', ')
const names = auditInput.map(({ name }) => name)
const arrays = names.map((name) => `p_${name}`).join(', ')

// The order of audit_canonical: lane, seq, outcome, reason, then the inputs.
const values = ['p_lane::smallint', 'v_seq', 'r.outcome', 'r.reason', ...names.map((name) => (name === 'at' ? 'v_at' : `r.${name}`))].join(
  ', ',
)

const flush = `
        update audit_head h set seq = v_seq, hash = v_hash where h.agency_id = v_agency and h.lane = p_lane;
        agency_id := v_agency;
        seq := v_seq;
        hash := v_hash;
        return next;`

/**
 * Many events, one array per column: the head of each chain is read and written once per run of an agency, and every row is linked to
 * the one before it. Rows of an agency stand together, and agencies in the order of their ids, so that two batches that share a lane
 * cannot wait for one another in a circle. Runs under the writer's role; sets `app.current_agency` itself.
 */
export const appendColumns = `
  create function audit_append_columns(p_lane int, p_outcome text[], p_reason text[], ${parameters})
  returns table (agency_id uuid, seq bigint, hash bytea)
  language plpgsql volatile security invoker as $$
  #variable_conflict use_column
  declare x text; r record; v_agency uuid; v_seq bigint; v_hash bytea; v_at timestamptz(3);
  begin
    for r in select * from unnest(p_outcome, p_reason, ${arrays}) as t(outcome, reason, ${names.join(', ')})
    loop
      if r.agency_id is distinct from v_agency then
        if v_agency is not null then${flush}
        end if;
        v_agency := r.agency_id;
        x := set_config('app.current_agency', v_agency::text, true);
        loop
          select h.seq, h.hash into v_seq, v_hash from audit_head h where h.agency_id = v_agency and h.lane = p_lane for no key update;
          exit when found;
          insert into audit_head (agency_id, lane, seq, hash) values (v_agency, p_lane, 0, decode(repeat('00', 32), 'hex')) on conflict do nothing;
        end loop;
      end if;
      v_seq := v_seq + 1;
      v_at := r.at;
      v_hash := sha256(v_hash || audit_canonical(${values}));
      insert into audit_event (lane, seq, outcome, reason, ${names.join(', ')}, hash) values (${values}, v_hash);
      if r.agent_id is not null then
        insert into audit_ai_action (id, agency_id, at, agent_id, policy_version_id, under_role, user_id, action, outcome, reason, patient_id, entity_type, entity_id, request_id, executed_by)
        values (r.id, r.agency_id, v_at, r.agent_id, r.policy_version_id, r.under_role, r.user_id, r.action, r.outcome, r.reason, r.patient_id, r.entity_type, r.entity_id, r.request_id,
          'AI Agent under ' || coalesce(r.under_role, 'no') || ' authority');
      end if;
    end loop;
    if v_agency is not null then${flush}
    end if;
  end $$`
