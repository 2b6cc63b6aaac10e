import { gateRole } from '../sql/roles.ts'

/** A function of the gate's role: `alone` in a transaction of its own, or within a domain transaction, whose role it gives back. */
const gateFunction = (name: string, parameters: string, returns: string, use: 'alone' | 'within', body: string): string => {
  const enter = [
    ...(use === 'alone' ? [`perform set_config('app.current_agency', p_agency::text, true);`] : []),
    `perform set_config('role', '${gateRole}', true);`,
  ].join(' ')
  const leave = use === 'within' ? `perform set_config('role', acting, true);` : ''
  return `create function ${name}(p_agency uuid${parameters === '' ? '' : `, ${parameters}`}) ${returns} language plpgsql volatile security invoker as $$
    declare acting text := current_setting('role');
    begin ${enter} ${body} ${leave} end $$`
}

const withinRoles = 'postern_write, postern_admin'
const rowGone = `raise exception 'the object is gone' using errcode = '40001'`

interface Callable {
  readonly name: string
  readonly ddl: string
  readonly callers: string
}

const alone = (name: string, parameters: string, returns: string, body: string): Callable => ({
  name,
  ddl: gateFunction(name, parameters, returns, 'alone', body),
  callers: 'postern_app',
})

const within = (name: string, parameters: string, returns: string, body: string): Callable => ({
  name,
  ddl: gateFunction(name, parameters, returns, 'within', body),
  callers: withinRoles,
})

const ofDocuments: readonly Callable[] = [
  // The newest key of an owner that the present key-encryption key wrapped.
  alone('host_document_key_of', 'p_owner uuid, p_wrapped_by text, out id uuid, out wrapped bytea', '', `
    select k.id, k.wrapped into id, wrapped from host_document_key k
    where k.agency_id = p_agency and k.owner_id = p_owner and k.wrapped_by = p_wrapped_by order by k.id desc limit 1;`),
  alone('host_document_intend', 'p_object text, p_due timestamptz', 'returns void', `
    insert into host_document_removal (agency_id, object_key, due_at) values (p_agency, p_object, p_due);`),
  within('host_document_store', `p_object text, p_owner uuid, p_key uuid, p_wrapped_by text, p_wrapped bytea, p_type text, p_size int,
    p_sha256 bytea, p_scan text, p_at timestamptz`, 'returns void', `
    delete from host_document_removal r where r.agency_id = p_agency and r.object_key = p_object;
    if not found then ${rowGone}; end if;
    insert into host_document_key (agency_id, id, owner_id, wrapped_by, wrapped, created_at)
    values (p_agency, p_key, p_owner, p_wrapped_by, p_wrapped, p_at) on conflict do nothing;
    insert into host_document (agency_id, object_key, owner_id, key_id, content_type, size_bytes, sha256, scan, stored_at)
    values (p_agency, p_object, p_owner, p_key, p_type, p_size, p_sha256, p_scan, p_at);`),
  within('host_document_release', 'p_object text, p_at timestamptz', 'returns void', `
    delete from host_document d where d.agency_id = p_agency and d.object_key = p_object;
    if found then insert into host_document_removal (agency_id, object_key, due_at) values (p_agency, p_object, p_at); end if;`),
  alone('host_document_find', 'p_object text, out owner_id uuid, out content_type text, out size_bytes int, out key_id uuid, out wrapped bytea', '', `
    select d.owner_id, d.content_type, d.size_bytes, k.id, k.wrapped into owner_id, content_type, size_bytes, key_id, wrapped
    from host_document d left join host_document_key k on k.agency_id = d.agency_id and k.id = d.key_id
    where d.agency_id = p_agency and d.object_key = p_object;`),
  alone('host_document_due', 'p_at timestamptz, p_limit int, out objects text[]', '', `
    select array_agg(r.object_key) into objects from (
      select d.object_key from host_document_removal d where d.agency_id = p_agency and d.due_at <= p_at order by d.due_at limit p_limit
    ) r;`),
  alone('host_document_removed', 'p_objects text[]', 'returns void', `
    delete from host_document_removal r where r.agency_id = p_agency and r.object_key = any (p_objects);`),
] // prettier-ignore

/** An upload's rows go, and its parts are due. */
const dropUpload = (where: string): string => `
  insert into host_document_removal (agency_id, object_key, due_at)
  select p.agency_id, p.object_key, p_at from host_upload u join host_upload_part p on p.agency_id = u.agency_id and p.upload_id = u.id
  where u.agency_id = p_agency and ${where} on conflict do nothing;
  delete from host_upload u where u.agency_id = p_agency and ${where};`

const own = 'u.user_id = p_user and u.id = p_id'

const ofUploads: readonly Callable[] = [
  // One after another for one user, so that two at once cannot share the last of the quota.
  within('host_upload_create', `p_user text, p_id uuid, p_size int, p_described bytea, p_wrapped bytea, p_at timestamptz, p_expires timestamptz,
    p_most int, p_most_bytes bigint, out admitted boolean`, '', `
    perform pg_advisory_xact_lock(hashtextextended('host_upload:' || p_agency || ':' || p_user, 0));
    select count(*) < p_most and coalesce(sum(u.size_bytes), 0) + p_size <= p_most_bytes into admitted
    from host_upload u where u.agency_id = p_agency and u.user_id = p_user and u.expires_at > p_at;
    if admitted then
      insert into host_upload (agency_id, id, user_id, size_bytes, described, wrapped, created_at, expires_at)
      values (p_agency, p_id, p_user, p_size, p_described, p_wrapped, p_at, p_expires);
    end if;`),
  alone('host_upload_find', `p_user text, p_id uuid, p_at timestamptz, out size_bytes int, out received int, out described bytea, out wrapped bytea,
    out expires_at timestamptz, out parts jsonb`, '', `
    select u.size_bytes, coalesce(s.received, 0), u.described, u.wrapped, u.expires_at, coalesce(s.parts, '[]')
    into size_bytes, received, described, wrapped, expires_at, parts
    from host_upload u left join lateral (
      select sum(p.size_bytes)::int as received, jsonb_agg(p.object_key order by p.start_byte) as parts
      from host_upload_part p where p.agency_id = u.agency_id and p.upload_id = u.id
    ) s on true
    where u.agency_id = p_agency and ${own} and u.expires_at > p_at;`),
  // The primary key decides between two that continue at the same byte.
  within('host_upload_append', `p_user text, p_id uuid, p_start int, p_size int, p_object text, p_at timestamptz, out appended boolean`, '', `
    delete from host_document_removal r where r.agency_id = p_agency and r.object_key = p_object;
    if not found then ${rowGone}; end if;
    perform 1 from host_upload u where u.agency_id = p_agency and ${own} and u.expires_at > p_at for update;
    insert into host_upload_part (agency_id, upload_id, start_byte, size_bytes, object_key)
    select p_agency, p_id, p_start, p_size, p_object from host_upload u
    where u.agency_id = p_agency and ${own} and u.expires_at > p_at and u.size_bytes >= p_start + p_size
      and p_start = (select coalesce(sum(p.size_bytes), 0) from host_upload_part p where p.agency_id = p_agency and p.upload_id = p_id)
    on conflict do nothing;
    appended := found;`),
  within('host_upload_discard', 'p_user text, p_id uuid, p_at timestamptz, out discarded boolean', '', `${dropUpload(own)} discarded := found;`),
  alone('host_upload_expire', 'p_at timestamptz, p_limit int', 'returns void', dropUpload(`u.id = any (array(
    select e.id from host_upload e where e.agency_id = p_agency and e.expires_at <= p_at order by e.expires_at limit p_limit))`)),
] // prettier-ignore

/** Creates the functions and lets their callers call them. */
export const documentFunctions: readonly string[] = [...ofDocuments, ...ofUploads].flatMap(({ name, ddl, callers }) => [
  ddl,
  `revoke execute on function ${name} from public`,
  `grant execute on function ${name} to ${callers}, ${gateRole}`,
])
