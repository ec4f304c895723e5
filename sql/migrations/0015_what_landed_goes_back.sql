-- 0015_what_landed_goes_back.sql: money that lands on a cancelled booking and goes
-- back at once makes no other refund good.

/*
 * What is owed of a booking because refunds of it failed: of its own money, or of
 * one payment that is not its (late, paid twice: was_of_others).  What fails is
 * owed.  What staff or a cancellation sends while something is owed is that first
 * of all: a cancellation counts what failed as still there.  But what lands on a
 * cancelled booking and goes back in the same commit is that money alone.  What a
 * bank takes back is owed no more.  Never more is owed than is there.  What Stripe
 * says went back already (charge_already_refunded) somebody sent by its dashboard.
 */
create or replace function payments.owed_of(p_booking uuid, p_other uuid)
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
                and not exists (select from payments.journal j
                                 where j.booking_id = p_booking and j.reference = f.payment_id
                                   and j.kind = 'charge' and j.created_at = f.created_at)
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
