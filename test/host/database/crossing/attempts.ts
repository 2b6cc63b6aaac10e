import pg from 'pg'
import { marksOf } from './seed.ts'

/** One statement that a session of the runtime login tries. */
export interface Attempt {
  readonly what: string
  /** The role that is entered; none: the login itself. */
  readonly role: string | null
  /** Settings of the transaction, in order; the agency of the session is one of them. */
  readonly settings: Readonly<Record<string, string>>
  /** `read`: its rows are looked at. `write`: its rows are counted. */
  readonly kind: 'read' | 'write'
  readonly sql: string
  /** What is looked for in the rows that come back: the other agency's values unless told. */
  readonly marks?: string
}

export interface Outcome {
  /** SQLSTATE of the refusal; null where nothing was refused. */
  readonly code: string | null
  readonly constraint: string | null
  /** Rows that came back or were touched. */
  readonly rows: number
  /** Did anything of the other agency come back? */
  readonly foreign: boolean
}

/**
 * Tries them one by one on the server, each in a subtransaction of its own that is taken back, or (`keep`) is left in the transaction
 * for the caller to look at. One round trip, since there are thousands.
 */
const block = (attempts: readonly Attempt[], keep: boolean): string => `
  do $attempts$
  declare a jsonb; s record; seen text; n int; code text; violated text; outcomes text[] := '{}';
  begin
    for a in select * from jsonb_array_elements(${pg.escapeLiteral(JSON.stringify(attempts))}::jsonb) loop
      seen := '';
      n := 0;
      code := null;
      violated := null;
      begin
        for s in select key, value from jsonb_each_text(a -> 'settings') loop
          perform set_config(s.key, s.value, true);
        end loop;
        if a ->> 'role' is not null then
          perform set_config('role', a ->> 'role', true);
        end if;
        if a ->> 'kind' = 'read' then
          execute format('select coalesce(string_agg(to_jsonb(q)::text, '' ''), ''''), count(*) from (%s) q', a ->> 'sql') into seen, n;
        else
          execute a ->> 'sql';
          get diagnostics n = row_count;
        end if;
        set constraints all immediate;
        if ${!keep} then
          raise exception using errcode = 'PT000';
        end if;
      exception when others then
        get stacked diagnostics code = returned_sqlstate, violated = constraint_name;
        code := nullif(code, 'PT000');
      end;
      outcomes := outcomes || json_build_object('code', code, 'constraint', nullif(violated, ''), 'rows', n, 'foreign', seen ~ coalesce(a ->> 'marks', '${marksOf(2)}'))::text;
    end loop;
    perform set_config('attempts.outcomes', '[' || array_to_string(outcomes, ',') || ']', true);
  end $attempts$`

/** Runs them in the transaction that is open on the connection. */
export const tryWithin = async (client: pg.Client, attempts: readonly Attempt[], keep = false): Promise<Outcome[]> => {
  await client.query(block(attempts, keep))
  const { rows } = await client.query<{ outcomes: Outcome[] }>("select current_setting('attempts.outcomes')::json as outcomes")
  return rows[0]!.outcomes
}

/** Runs them in a transaction that is rolled back. */
export const tryAll = async (client: pg.Client, attempts: readonly Attempt[]): Promise<Outcome[]> => {
  await client.query('begin read write')
  try {
    return await tryWithin(client, attempts)
  } finally {
    await client.query('rollback')
  }
}

interface CopyQuery {
  callback(error: Error | null): void
  handleCopyData(message: { readonly chunk: Buffer }): void
}

/** What a `COPY` gives, or the SQLSTATE of its refusal, in the transaction that is open. It cannot be asked for within a block. */
export const copied = (client: pg.Client, copy: string): Promise<string> =>
  new Promise((resolve) => {
    let text = ''
    const statement = Object.assign(new pg.Query(copy), {
      handleCopyData: ({ chunk }) => void (text += chunk.toString()),
      callback: (error) => resolve(error ? String((error as { code?: string }).code) : text),
    } satisfies CopyQuery)
    client.query(statement)
  })
