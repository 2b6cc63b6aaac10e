/** Keeps what an account claims: its addresses under the current key of the index. Those under former keys the service adds. */
export const claimAddresses = `create or replace function provider_claim_addresses() returns trigger language plpgsql as $$
    begin
      if tg_op = 'UPDATE' and new.status <> 'deactivated'
        and (new.email_index, new.pending_email_index) is not distinct from (old.email_index, old.pending_email_index) then
        return null;
      end if;
      delete from provider_sign_in_address a where a.agency_id = new.agency_id and a.provider_id = new.id
        and (new.status = 'deactivated' or a.email_index not in (select e from unnest(array[new.email_index, new.pending_email_index]) e where e is not null));
      if new.status <> 'deactivated' then
        insert into provider_sign_in_address (agency_id, provider_id, email_index)
        select distinct new.agency_id, new.id, e from unnest(array[new.email_index, new.pending_email_index]) e
        where e is not null and not exists (
          select from provider_sign_in_address a where a.agency_id = new.agency_id and a.provider_id = new.id and a.email_index = e);
      end if;
      return null;
    end $$`

/**
 * One sign-in address belongs to one account of the whole platform, whether it is in use or still to be confirmed; who has it is nobody's to
 * learn. A deactivated account frees it.
 */
export const addressTable: readonly string[] = [
  `create table provider_sign_in_address (
    agency_id uuid not null,
    provider_id uuid not null,
    email_index bytea not null,
    primary key (agency_id, provider_id, email_index),
    constraint provider_sign_in_address_one unique (email_index),
    constraint provider_sign_in_address_provider foreign key (agency_id, provider_id) references provider_profile (agency_id, id)
  )`,
  claimAddresses,
  'create trigger provider_claim_first_addresses after insert on provider_profile for each row execute function provider_claim_addresses()',
  `create trigger provider_claim_addresses after update of email_index, pending_email_index, status on provider_profile
    for each row execute function provider_claim_addresses()`,
]
