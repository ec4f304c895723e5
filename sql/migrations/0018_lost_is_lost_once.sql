-- 0018_lost_is_lost_once.sql: a word of a dispute that says what is known already
-- does not move the time at which it was lost.

/*
 * Stripe's word of a dispute, in hundredths: kept once, its effect on the journal
 * in the same commit.  A word that is older than the last has none, unless it is
 * its end; nor one that would undo an end, nor one that came before, unless
 * nothing was known of it then: it came before its payment was.  False: it came
 * before.  When it was lost (updated_at) is told once: owed_of goes by it.
 *
 * Lock order: the event, then the dispute.  No booking is locked: nothing of it
 * changes.
 */
create or replace function payments.tell_dispute(p_event text, p_type text, p_dispute text, p_payment uuid,
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
            updated_at = case when amount = p_amount / 100.0 and dispute_status = p_status
                              then updated_at else now() end
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
