import { tenantTable } from '../../../host/define-context.ts'

const photo = `
create table provider_photo (
  agency_id uuid not null,
  provider_id uuid not null,
  object_key text not null constraint provider_photo_object_key check (length(object_key) between 1 and 80),
  content_type text not null constraint provider_photo_content_type check (content_type in ('image/jpeg', 'image/png')),
  size_bytes int not null constraint provider_photo_size check (size_bytes between 1 and 5242880),
  sha256 text not null constraint provider_photo_sha256 check (sha256 ~ '^[0-9a-f]{64}$'),
  uploaded_at timestamptz(3) not null,
  uploaded_by text not null constraint provider_photo_uploaded_by check (length(uploaded_by) between 1 and 255),
  audit_id uuid not null,
  primary key (agency_id, provider_id),
  constraint provider_photo_one_object unique (agency_id, object_key),
  constraint provider_photo_provider foreign key (agency_id, provider_id) references provider_profile (agency_id, id)
)`

/**
 * What everybody may read of featured providers, and nothing else of them: the clinic's contact, never the provider's own. The agency
 * stands here for those who write; the public is not granted that column.
 * @see FR-015 FR-018, Privacy Rule 1
 */
const featured = `
create table provider_featured (
  agency_id uuid not null,
  id uuid not null,
  display_name text not null,
  specialty text not null,
  clinic_name text not null,
  city text not null,
  country text not null,
  clinic_phone text not null,
  clinic_email text,
  search_text text collate "C" not null,
  photo_object_key text,
  photo_content_type text,
  photo_sha256 text,
  updated_at timestamptz(3) not null,
  primary key (agency_id, id),
  constraint provider_featured_id unique (id),
  constraint provider_featured_provider foreign key (agency_id, id) references provider_profile (agency_id, id)
)`

/** Kept by the change itself, so that no change of status, name or photo can forget it. */
const publication = [
  `create function provider_publish(p_agency uuid, p_provider uuid) returns void language plpgsql volatile security invoker as $$
    begin
      delete from provider_featured f where f.agency_id = p_agency and f.id = p_provider;
      insert into provider_featured (agency_id, id, display_name, specialty, clinic_name, city, country, clinic_phone, clinic_email, search_text,
        photo_object_key, photo_content_type, photo_sha256, updated_at)
      select p.agency_id, p.id, 'Dr. ' || p.first_name || ' ' || p.last_name, p.specialty, p.clinic_name, p.clinic_city, p.clinic_country,
        p.clinic_phone, p.clinic_email, p.search_text, o.object_key, o.content_type, o.sha256, p.updated_at
      from provider_profile p left join provider_photo o on o.agency_id = p.agency_id and o.provider_id = p.id
      where p.agency_id = p_agency and p.id = p_provider and p.status = 'active' and p.featured;
    end $$`,
  'revoke execute on function provider_publish from public',
  'grant execute on function provider_publish to postern_admin',
  `create function provider_publish_profile() returns trigger language plpgsql as $$
    begin
      if (old.status = 'active' and old.featured) or (new.status = 'active' and new.featured) then
        perform provider_publish(new.agency_id, new.id);
      end if;
      return null;
    end $$`,
  `create trigger provider_publish_profile after update of status, featured, first_name, last_name, specialty, clinic_name, clinic_city,
    clinic_country, clinic_phone, clinic_email on provider_profile for each row execute function provider_publish_profile()`,
  `create function provider_publish_photo() returns trigger language plpgsql as $$
    begin
      perform provider_publish(coalesce(new.agency_id, old.agency_id), coalesce(new.provider_id, old.provider_id));
      return null;
    end $$`,
  `create trigger provider_publish_photo after insert or update or delete on provider_photo
    for each row execute function provider_publish_photo()`,
]

const published = [
  'id', 'display_name', 'specialty', 'clinic_name', 'city', 'country', 'clinic_phone', 'clinic_email', 'search_text', 'photo_object_key',
  'photo_content_type', 'photo_sha256', 'updated_at',
] // prettier-ignore

export const publicTables: readonly string[] = [
  photo,
  featured,
  ...publication,
  ...tenantTable({ table: 'provider_photo', grants: { read: ['select'], admin: ['select', 'insert', 'update', 'delete'] } }),
  ...tenantTable({ table: 'provider_featured', grants: { admin: ['select', 'insert', 'delete'] }, published }),
]
