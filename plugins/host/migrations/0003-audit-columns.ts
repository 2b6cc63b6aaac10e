import { auditInput } from '../audit/audit-input.ts'

const names = auditInput.map(({ name }) => name)

/** Outcomes, reasons, and the audit inputs, each as an array: what the functions over columns take after the lane. */
export const columnParameters = ['p_outcome text[]', 'p_reason text[]', ...auditInput.map(({ name, type }) => `p_${name} ${type}[]`)].join(
  ', ',
)
export const columnNames = ['p_outcome', 'p_reason', ...auditInput.map(({ name }) => `p_${name}`)].join(', ')

const slices = ['outcome', 'reason', ...names].map((name) => `p_${name}[v_from:v_to]`).join(', ')
const fields = ['outcome', 'reason', ...names].join(', ')
const value = (name: string): string => (name === 'at' ? 'r.at::timestamptz(3)' : `r.${name}`)

const one = (name: string): string => (name === 'at' ? 'p_at[v_from]::timestamptz(3)' : `p_${name}[v_from]`)
const oneRow = (seq: string): string => ['p_lane::smallint', seq, 'p_outcome[v_from]', 'p_reason[v_from]', ...names.map(one)].join(', ')

// The order of audit_canonical: lane, seq, outcome, reason, then the inputs.
const values = ['p_lane::smallint', 'v_seq + r.n', 'r.outcome', 'r.reason', ...names.map(value)].join(', ')

const aiNames =
  'id, agency_id, at, agent_id, policy_version_id, under_role, user_id, action, outcome, reason, patient_id, entity_type, entity_id, request_id'

/**
 * Many events, one array per column: for each agency one lock, one insert and one new head, every row linked to the one before it.
 * Rows of an agency stand together, and agencies in the order of their ids, so that two batches that share a lane cannot wait for one
 * another in a circle. Runs under the writer's role; sets `app.current_agency` itself.
 */
export const appendColumns = `
  create function audit_append_columns(p_lane int, ${columnParameters})
  returns table (agency_id uuid, seq bigint, hash bytea)
  language plpgsql volatile security invoker as $$
  #variable_conflict use_column
  declare
    x text; v_from int := 1; v_to int; v_total int := cardinality(p_agency_id); v_agency uuid; v_seq bigint; v_hash bytea;
    v_row bytea; v_rows bytea[]; v_hashes bytea[];
  begin
    while v_from <= v_total loop
      v_agency := p_agency_id[v_from];
      v_to := v_from;
      while v_to < v_total and p_agency_id[v_to + 1] = v_agency loop
        v_to := v_to + 1;
      end loop;
      x := set_config('app.current_agency', v_agency::text, true);
      if v_to = v_from and p_agent_id[v_from] is null then
        -- A row of its own takes two statements.
        update audit_head h set seq = h.seq + 1, hash = sha256(h.hash || audit_canonical(${oneRow('h.seq + 1')}))
        where h.agency_id = v_agency and h.lane = p_lane returning h.seq, h.hash into v_seq, v_hash;
        if found then
          insert into audit_event (lane, seq, outcome, reason, ${names.join(', ')}, hash) values (${oneRow('v_seq')}, v_hash);
          agency_id := v_agency;
          seq := v_seq;
          hash := v_hash;
          return next;
          v_from := v_to + 1;
          continue;
        end if;
      end if;
      loop
        select h.seq, h.hash into v_seq, v_hash from audit_head h where h.agency_id = v_agency and h.lane = p_lane for no key update;
        exit when found;
        insert into audit_head (agency_id, lane, seq, hash) values (v_agency, p_lane, 0, decode(repeat('00', 32), 'hex')) on conflict do nothing;
      end loop;
      select array_agg(audit_canonical(${values}) order by r.n) into v_rows from unnest(${slices}) with ordinality r(${fields}, n);
      v_hashes := '{}';
      foreach v_row in array v_rows loop
        v_hash := sha256(v_hash || v_row);
        v_hashes := v_hashes || v_hash;
      end loop;
      insert into audit_event (lane, seq, outcome, reason, ${names.join(', ')}, hash)
      select ${values}, r.hash from unnest(${slices}, v_hashes) with ordinality r(${fields}, hash, n);
      if array_length(array_remove(p_agent_id[v_from:v_to], null), 1) > 0 then
        insert into audit_ai_action (${aiNames}, executed_by)
        select ${aiNames.split(', ').map(value).join(', ')}, 'AI Agent under ' || coalesce(r.under_role, 'no') || ' authority'
        from unnest(${slices}) r(${fields}) where r.agent_id is not null;
      end if;
      agency_id := v_agency;
      seq := v_seq + v_to - v_from + 1;
      hash := v_hash;
      update audit_head h set seq = v_seq + v_to - v_from + 1, hash = v_hash where h.agency_id = v_agency and h.lane = p_lane;
      return next;
      v_from := v_to + 1;
    end loop;
  end $$`
