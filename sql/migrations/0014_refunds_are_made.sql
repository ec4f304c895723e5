-- 0014_refunds_are_made.sql: under which key a refund is asked for, and what of
-- refunds is owed.
--
-- Stripe keeps a failure of its own under the Idempotency-Key: a refund that met
-- one needs another.  It gets it once the failure is all that the last key ever
-- gives, and Stripe's list, read well after, does not have the refund.

alter table payments.refunds
    add column key_turn  smallint not null default 0,  -- of its Idempotency-Keys
    add column key_since timestamptz not null default now();

-- The key under which a refund is asked for next, and since when: whoever has
-- asked under p_turn says which.
create function payments.use_refund_key(p_refund uuid, p_turn integer, p_next integer)
returns void language sql security definer set search_path = pg_catalog, pg_temp as $$
    update payments.refunds set key_turn = p_next, key_since = now()
     where id = p_refund and key_turn = p_turn and refund_status = 'queued'
$$;

/*
 * What is owed of a booking because refunds of it failed: of its own money, or of
 * one payment that is not its (late, paid twice: was_of_others).  What fails is
 * owed.  What staff or a cancellation sends while something is owed is that first
 * of all: a cancellation counts what failed as still there.  So is what a bank
 * takes back.  Never more is owed than is there.  What Stripe says went back
 * already (charge_already_refunded) somebody sent by its dashboard.
 */
create function payments.owed_of(p_booking uuid, p_other uuid)
returns numeric language plpgsql stable as $$
declare
    r    record;
    owed numeric := 0;
    here numeric;
begin
    for r in with theirs as materialized (
                 select p.id from payments.payments p
                  where p.booking_id = p_booking and p.payment_status = 'succeeded'
                    and case when p_other is null then not payments.was_of_others(p.id)
                             else p.id = p_other end)
             select f.created_at as at, -f.amount as more
               from payments.refunds f join theirs t on t.id = f.payment_id
              where f.reason in ('staff', 'cancelled')
              union all
             select f.updated_at, f.amount
               from payments.refunds f join theirs t on t.id = f.payment_id
              where f.refund_status = 'failed'
                and f.failure_reason is distinct from 'charge_already_refunded'
              union all
             select d.updated_at, -d.held
               from payments.disputes d join theirs t on t.id = d.payment_id
              where d.dispute_status = 'lost'
              order by 1, 2 loop
        owed := greatest(owed + r.more, 0);
    end loop;
    select sum(p.amount - p.refunded_amount - coalesce((select sum(d.held) from payments.disputes d
                where d.payment_id = p.id and d.dispute_status = 'lost'), 0))
      into here from payments.payments p
     where p.booking_id = p_booking and p.payment_status = 'succeeded'
       and case when p_other is null then not payments.was_of_others(p.id) else p.id = p_other end;
    return greatest(least(owed, here), 0);
end $$;
