import { auditInput } from '../audit/audit-input.ts'

const names = auditInput.map(({ name }) => name)

/** Outcomes, reasons, and the audit inputs, each as an array: what the functions over columns take after the lane. */
export const columnParameters = ['p_outcome text[]', 'p_reason text[]', ...auditInput.map(({ name, type }) => `p_${name} ${type}[]`)].join(
  ', ',
)
export const columnNames = ['p_outcome', 'p_reason', ...auditInput.map(({ name }) => `p_${name}`)].join(', ')

const inputs = ['outcome', 'reason', ...names]
const fields = inputs.join(', ')
const arrays = inputs.map((name) => `p_${name}`).join(', ')
const value = (name: string): string => (name === 'at' ? 'r.at::timestamptz(3)' : `r.${name}`)

const one = (name: string): string => (name === 'at' ? 'p_at[1]::timestamptz(3)' : `p_${name}[1]`)
const oneRow = (seq: string): string => ['p_lane::smallint', seq, 'p_outcome[1]', 'p_reason[1]', ...names.map(one)].join(', ')

// The order of audit_canonical: lane, seq, outcome, reason, then the inputs.
const values = ['p_lane::smallint', 'r.seq', 'r.outcome', 'r.reason', ...names.map(value)].join(', ')

const aiNames =
  'id, agency_id, at, agent_id, policy_version_id, under_role, user_id, action, outcome, reason, patient_id, entity_type, entity_id, request_id'

// A row of its own takes two statements.
const single = `
    if v_total = 1 and p_agent_id[1] is null then
      update audit_head h set seq = h.seq + 1, hash = sha256(h.hash || audit_canonical(${oneRow('h.seq + 1')}))
      where h.agency_id = p_agency_id[1] and h.lane = p_lane returning h.agency_id, h.seq, h.hash into agency_id, seq, hash;
      if found then
        insert into audit_event (lane, seq, outcome, reason, ${names.join(', ')}, hash) values (${oneRow('seq')}, hash);
        return next;
        return;
      end if;
    end if;`

const takeHeads = `
    for attempt in 1..3 loop
      select array_agg(l.seq order by l.agency_id), array_agg(l.hash order by l.agency_id) into v_seqs, v_hashes from (
        select h.agency_id, h.seq, h.hash from audit_head h where h.agency_id = any (v_agencies) and h.lane = p_lane
        order by h.agency_id for no key update
      ) l;
      exit when cardinality(v_seqs) = cardinality(v_agencies);
      insert into audit_head (agency_id, lane, seq, hash)
      select a, p_lane, 0, decode(repeat('00', 32), 'hex') from unnest(v_agencies) a order by a on conflict do nothing;
    end loop;`

/**
 * Many events, one array per column, of one agency or many: one lock of the heads, one insert, and one new head each, every row linked
 * to the one before it in its agency. Rows of an agency stand together, and agencies in the order of their ids, so that two batches that
 * share a lane cannot wait for one another in a circle. Runs under the writer's role, whose session it makes: the agencies of these rows
 * and no others (`current_agencies`).
 */
export const appendColumns = `
  create or replace function audit_append_columns(p_lane int, ${columnParameters})
  returns table (agency_id uuid, seq bigint, hash bytea)
  language plpgsql volatile security invoker as $$
  #variable_conflict use_column
  declare
    x text; v_total int := cardinality(p_agency_id); v_agencies uuid[] := '{}'; v_of int[] := '{}'; v_at int := 0;
    v_seqs bigint[]; v_hashes bytea[]; v_row_seqs bigint[] := '{}'; v_rows bytea[]; v_row_hashes bytea[] := '{}';
  begin
    for k in 1..v_total loop
      if k = 1 or p_agency_id[k] > p_agency_id[k - 1] then
        v_agencies := v_agencies || p_agency_id[k];
        v_at := v_at + 1;
      elsif p_agency_id[k] < p_agency_id[k - 1] then
        raise exception 'agencies come in the order of their ids' using errcode = 'PT500';
      end if;
      v_of[k] := v_at;
    end loop;
    x := set_config('app.current_agencies', v_agencies::text, true);${single}${takeHeads}
    for k in 1..v_total loop
      v_seqs[v_of[k]] := v_seqs[v_of[k]] + 1;
      v_row_seqs[k] := v_seqs[v_of[k]];
    end loop;
    select array_agg(audit_canonical(${values}) order by r.n) into v_rows
    from unnest(${arrays}, v_row_seqs) with ordinality r(${fields}, seq, n);
    for k in 1..v_total loop
      v_hashes[v_of[k]] := sha256(v_hashes[v_of[k]] || v_rows[k]);
      v_row_hashes[k] := v_hashes[v_of[k]];
    end loop;
    insert into audit_event (lane, seq, outcome, reason, ${names.join(', ')}, hash)
    select ${values}, r.hash from unnest(${arrays}, v_row_seqs, v_row_hashes) r(${fields}, seq, hash);
    if array_length(array_remove(p_agent_id, null), 1) > 0 then
      insert into audit_ai_action (${aiNames}, executed_by)
      select ${aiNames.split(', ').map(value).join(', ')}, 'AI Agent under ' || coalesce(r.under_role, 'no') || ' authority'
      from unnest(${arrays}) r(${fields}) where r.agent_id is not null;
    end if;
    update audit_head h set seq = u.seq, hash = u.hash from unnest(v_agencies, v_seqs, v_hashes) u(agency_id, seq, hash)
    where h.agency_id = u.agency_id and h.lane = p_lane;
    return query select u.agency_id, u.seq, u.hash from unnest(v_agencies, v_seqs, v_hashes) u(agency_id, seq, hash);
  end $$`
