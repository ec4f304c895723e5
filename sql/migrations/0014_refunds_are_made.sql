-- 0014_refunds_are_made.sql: under which key a refund is asked for, and what of
-- refunds is owed.
--
-- Stripe keeps a failure of its own under the Idempotency-Key: a refund that met
-- one needs another.  It gets it once the failure is all that the last key ever
-- gives, and Stripe's list, read well after, does not have the refund.

alter table payments.refunds
    add column key_turn  smallint not null default 0,  -- of its Idempotency-Keys
    add column key_since timestamptz not null default now();

create function payments.next_refund_key(p_refund uuid, p_turn integer)
returns void language sql security definer set search_path = pg_catalog, pg_temp as $$
    update payments.refunds set key_turn = key_turn + 1, key_since = now()
     where id = p_refund and key_turn = p_turn and refund_status = 'queued'
$$;

/*
 * What is owed of a payment because refunds of it failed.  Each that fails is
 * owed besides, but one by staff, who send again what is owed.  What staff sends
 * after that makes it good, and what a cancellation does, which counts what
 * failed as still there.  Never more than is there: what a bank has taken back
 * the customer has.
 */
create function payments.owed_of(p_payment uuid)
returns numeric language plpgsql stable as $$
declare
    r    record;
    owed numeric := 0;
    here numeric;
begin
    for r in select f.amount, f.reason, f.refund_status = 'failed' as failed
               from payments.refunds f where f.payment_id = p_payment
              order by case when f.refund_status = 'failed' then f.updated_at
                            else f.created_at end, f.id loop
        if r.failed then
            owed := case when r.reason = 'staff' then greatest(owed, r.amount)
                         else owed + r.amount end;
        elsif r.reason in ('staff', 'cancelled') then
            owed := greatest(owed - r.amount, 0);
        end if;
    end loop;
    select p.amount - p.refunded_amount - coalesce((select sum(d.held) from payments.disputes d
             where d.payment_id = p.id and d.dispute_status = 'lost'), 0)
      into here from payments.payments p where p.id = p_payment;
    return greatest(least(owed, here), 0);
end $$;
