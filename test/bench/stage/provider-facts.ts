/** Past the service: what must be found in the database after it has answered. */

/** Changes of status of an agency's providers that the audit trail has with time, administrator and, where one is given, the reason. */
export const changedSql = `
  select count(*)::int as n from provider_status_change c
  join audit_event e on e.agency_id = c.agency_id and e.id = c.audit_id
  where c.agency_id = $1 and c.provider_id = any ($2::uuid[]) and c.previous_status is not null
    and e.outcome = 'success' and e.action in ('activateProvider', 'suspendProvider', 'reactivateProvider') and e.entity_id = c.provider_id::text
    and e.user_id = c.changed_by and abs(extract(epoch from e.at - c.changed_at)) < 1
    and (c.previous_status = 'draft' or c.reason ~ '^Change [0-9]+ of the provider')`

/** Approved licences of active providers that expire in thirty days. */
export const dueSql = `
  insert into provider_document (agency_id, id, provider_id, type, version, verification_status, expiration_date, filename, content_type,
    size_bytes, sha256, object_key, scan, uploaded_at, uploaded_by, verified_at, verified_by, verified_audit_id, audit_id)
  select p.agency_id, gen_random_uuid(), p.id, 'medical_license', 1, 'approved', (now() at time zone 'UTC')::date + 30, 'due.pdf', 'application/pdf', 10,
    repeat('ab', 32), gen_random_uuid()::text, 'not-scanned', now() - interval '1 year', 'bench', now(), 'bench', gen_random_uuid(), gen_random_uuid()
  from provider_profile p where p.agency_id = $1 and p.status = 'active' and p.created_by = 'bench' order by p.id limit $2`

/** Of those, which were told of once: one line of the reminder, and one notification of administrators. */
export const remindedSql = `
  select count(*)::int as n from provider_document d
  where d.agency_id = $1 and d.filename = 'due.pdf'
    and (select array_agg(r.threshold) from provider_reminder r where r.agency_id = d.agency_id and r.document_id = d.id) = array[30::smallint]
    and (select count(*) from provider_notification n where n.agency_id = d.agency_id and n.kind = 'document-expiring'
      and n.facts ->> 'documentId' = d.id::text) = 1`
