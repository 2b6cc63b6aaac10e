/**
 * No transition that is not listed, none into activity without approved and unexpired documents, and nothing of a deactivated account
 * changes but its marks. The day is that of the change: time comes from the service.
 */
export const profileGuard = `create or replace function provider_profile_guard() returns trigger language plpgsql as $$
    begin
      if new.version not in (old.version, old.version + 1) then
        raise exception 'a provider goes from version to version' using errcode = 'PT409';
      end if;
      if new.status <> old.status then
        if not coalesce(case old.status
          when 'draft' then new.status = 'active'
          when 'active' then new.status in ('suspended', 'deactivated')
          when 'suspended' then new.status in ('active', 'deactivated')
        end, false) then
          raise exception 'a provider cannot go from % to %', old.status, new.status using errcode = 'PT409';
        end if;
        if new.status_change_id = old.status_change_id then
          raise exception 'a status changes with its history' using errcode = 'PT409';
        end if;
        if new.status = 'active' and (select count(distinct d.type) from provider_document d
          where d.agency_id = new.agency_id and d.provider_id = new.id and d.verification_status = 'approved'
            and d.expiration_date > (new.updated_at at time zone 'UTC')::date) < 3 then
          raise exception 'a provider is active with three approved and unexpired documents' using errcode = 'PT409';
        end if;
      elsif old.status = 'deactivated' and
        (to_jsonb(new) - 'deletable_since') is distinct from
        (to_jsonb(old) - 'deletable_since') then
        raise exception 'a deactivated provider stays as it is' using errcode = 'PT409';
      end if;
      return new;
    end $$`

export const lifecycleGuards: readonly string[] = [
  profileGuard,
  'create trigger provider_profile_guard before update on provider_profile for each row execute function provider_profile_guard()',
  `create function provider_profile_begin() returns trigger language plpgsql as $$
    begin
      if new.status <> 'draft' then
        raise exception 'a provider begins as a draft' using errcode = 'PT409';
      end if;
      return new;
    end $$`,
  'create trigger provider_profile_begin before insert on provider_profile for each row execute function provider_profile_begin()',
]
