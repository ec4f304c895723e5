-- 0012_disputes.sql: a dispute is a row.
--
-- The journal alone knew how much of a payment is in dispute, not of which
-- dispute.  Stripe tells of one in any order, and a payment may have several: what
-- is told late must not undo an end, nor one dispute settle another.

create table payments.disputes (
    stripe_dispute_id varchar(100) primary key,
    payment_id        uuid not null references payments.payments,
    booking_id        uuid not null references bookings.bookings,
    amount            numeric(10,2) not null check (amount > 0),
    currency          varchar(3) not null,
    dispute_status    varchar(20) not null check (dispute_status in
        ('inquiry', 'open', 'won', 'lost', 'closed')),
    -- What Stripe took from the balance for it, and has not given back.
    held              numeric(10,2) not null generated always as
        (case when dispute_status in ('open', 'lost') then amount else 0 end) stored,
    told_at           timestamptz not null,  -- when Stripe said so
    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now()
);
create index idx_disputes_payment on payments.disputes (payment_id);

create function payments.is_end_of_dispute(p_status text)
returns boolean language sql immutable as $$ select p_status in ('won', 'lost', 'closed') $$;

create function payments.disputes_are_kept() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then
        raise exception 'disputes are kept';
    end if;
    if payments.is_end_of_dispute(old.dispute_status)
       and not payments.is_end_of_dispute(new.dispute_status) then
        raise exception 'the dispute has ended: % stays', old.dispute_status;
    end if;
    return new;
end $$;
create trigger disputes_are_kept before update or delete on payments.disputes
    for each row execute function payments.disputes_are_kept();

/*
 * Stripe's word of a dispute, in hundredths: kept once, its effect on the journal
 * in the same commit.  A word that is older than the last has none, unless it is
 * its end; nor one that would undo an end, nor one that came before, unless
 * nothing was known of it then: it came before its payment was.  False: it came
 * before.
 *
 * Lock order: the event, then the dispute.  No booking is locked: nothing of it
 * changes.
 */
create function payments.tell_dispute(p_event text, p_type text, p_dispute text, p_payment uuid,
    p_amount bigint, p_status text, p_told_at timestamptz)
returns boolean language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    fresh constant boolean := payments.keep_event(p_event, p_type, p_dispute);
    p   payments.payments;
    was payments.disputes;
    now_held numeric;
    more numeric;
begin
    select * into strict p from payments.payments where id = p_payment;
    insert into payments.disputes (stripe_dispute_id, payment_id, booking_id, amount, currency,
                                   dispute_status, told_at)
    values (p_dispute, p.id, p.booking_id, p_amount / 100.0, p.currency, p_status, p_told_at)
        on conflict do nothing
    returning held into more;
    if not found then
        select * into strict was from payments.disputes
         where stripe_dispute_id = p_dispute for update;
        if (case when payments.is_end_of_dispute(was.dispute_status)
                      = payments.is_end_of_dispute(p_status)
                 then p_told_at < was.told_at or not fresh and p_told_at = was.told_at
                 else payments.is_end_of_dispute(was.dispute_status) end) then
            return fresh;
        end if;
        update payments.disputes set
            amount = p_amount / 100.0, dispute_status = p_status, told_at = p_told_at,
            updated_at = now()
         where stripe_dispute_id = p_dispute
        returning held into now_held;
        more := now_held - was.held;
    end if;
    if more > 0 then
        perform payments.put_entry('dispute', p.booking_id, p.id, 'disputes', 'stripe', more,
                                   p.currency);
    elsif more < 0 then
        perform payments.put_entry('dispute', p.booking_id, p.id, 'stripe', 'disputes', -more,
                                   p.currency);
    end if;
    return fresh;
end $$;

-- The release before tells of a dispute by an entry of the journal alone
-- (payments.apply): its row follows.  The next release drops it.
create function payments.note_dispute(p_dispute text, p_type text, p_payment uuid, p_booking uuid,
    p_more numeric, p_currency text)
returns void language sql as $$
    insert into payments.disputes as d (stripe_dispute_id, payment_id, booking_id, amount, currency,
                                        dispute_status, told_at)
    values (p_dispute, p_payment, p_booking, abs(p_more), p_currency,
            case when p_more < 0 then 'won'
                 when p_type = 'charge.dispute.closed' then 'lost' else 'open' end, '-infinity')
        on conflict (stripe_dispute_id) do update set
            dispute_status = case when d.held + p_more <= 0 then 'won'
                                  when p_type = 'charge.dispute.closed' then 'lost' else 'open' end,
            amount = case when d.held + p_more > 0 then d.held + p_more else d.amount end,
            updated_at = now()
$$;

-- What the journal knows: each of its entries was written in the commit of the
-- event that it is of.  One that was lost after it had been entered has an event
-- and no entry.  When Stripe said so is not known: whatever it says is newer.
insert into payments.disputes (stripe_dispute_id, payment_id, booking_id, amount, currency,
                               dispute_status, told_at)
select e.object_id, j.reference, j.booking_id, max(abs(j.amount)), j.currency,
       case when sum(j.amount) <= 0 then 'won'
            when exists (select from payments.stripe_events c where c.object_id = e.object_id
                            and c.type = 'charge.dispute.closed') then 'lost' else 'open' end,
       '-infinity'
  from payments.journal j
  join payments.stripe_events e on e.received_at = j.created_at and e.type like 'charge.dispute.%'
 where j.kind = 'dispute' and j.account = 'disputes'
 group by e.object_id, j.reference, j.booking_id, j.currency;

drop function payments.in_dispute(uuid, uuid);
