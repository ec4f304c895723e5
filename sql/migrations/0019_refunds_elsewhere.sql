-- 0019_refunds_elsewhere.sql: money that was sent back at Stripe itself, not by us,
-- becomes a refund here.
--
-- A pool of the release before goes on: what it asks of payments.apply means what
-- it meant.

-- A refund that Stripe made and nobody asked for here: in its dashboard, say.  It
-- is under way there or it is done; what is done is told and in the journal, in
-- the same commit.
create function payments.put_refund_made(p_booking uuid, p_refund jsonb, p_entries jsonb,
    p_types text[])
returns void language plpgsql as $$
declare
    p    payments.payments;
    done constant boolean := p_refund ->> 'status' = 'succeeded';
begin
    select * into p from payments.payments where id = (p_refund ->> 'payment')::uuid;
    if p.payment_status is distinct from 'succeeded' or p.stripe_payment_id is null
       or p_refund ->> 'reason' is distinct from 'staff'
       or coalesce(p_refund ->> 'stripe_id', '') = ''
       or coalesce(p_refund ->> 'status', '') not in ('pending', 'succeeded')
       or done and (array_position(p_types, 'RefundProcessed') is null
                    or not coalesce(p_entries, '[]') @> jsonb_build_array(jsonb_build_object(
                        'kind', 'refund', 'reference', p_refund -> 'id', 'debit', 'customers',
                        'credit', 'stripe', 'amount', p_refund -> 'amount',
                        'currency', p.currency))) then
        raise exception 'no refund is made that way' using errcode = '22023';
    end if;
    insert into payments.refunds (id, payment_id, booking_id, stripe_refund_id, amount, currency,
                                  reason, refund_status, processed_at)
    values ((p_refund ->> 'id')::uuid, p.id, p_booking, p_refund ->> 'stripe_id',
            (p_refund ->> 'amount')::bigint / 100.0, p.currency, 'staff',
            p_refund ->> 'status', case when done then now() end);
end $$;

/*
 * One decision about a booking's money, as one transaction.  The use case
 * decides from rows it read; versions say whether they still stand (CB003).
 *
 *   booking   {id, customer, version, status?, payment_status?,
 *              hold_expires_at? (null clears), retake?: minutes of a slot,
 *              change?: the id of the pending change that takes effect,
 *              change_expires_at?: until when it waits now}
 *   event     {id, type, object, payment?}: Stripe's; CB007 when it had effect
 *   payment   {id, version, status, intent?, session?, url?, session_expires_at?,
 *              failure?}
 *   attempt   {id, amount, currency, method, account?, change?}: a new one
 *   refunds   [{id, payment, amount, reason, status?, stripe_id?}]: new ones; with
 *              the last two one that Stripe made already
 *   refund    {id, version, status, stripe_id?, failure?}
 *   entries   [{kind, reference, debit, credit, amount, currency}]
 *
 * retake takes the places again, CB001 when they are not free any more.  With a
 * change whatever else is unfinished is superseded.
 */
create or replace function payments.apply(p_do jsonb,
    p_news_topics text[], p_news_types text[], p_news_ids uuid[], p_news_facts text[],
    p_news_sealed bytea[], p_news_due timestamptz[],
    p_caller text, p_key text, p_fingerprint bytea, p_answer bytea)
returns void language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
declare
    want jsonb := p_do -> 'booking';
    pay  jsonb := p_do -> 'payment';
    back jsonb := p_do -> 'refund';
    b    bookings.bookings;
    e    jsonb;
begin
    perform bookings.take_key(p_caller, p_key);
    perform pg_advisory_xact_lock(hashtextextended(want ->> 'customer', 2));
    select * into b from bookings.bookings
     where id = (want ->> 'id')::uuid and version = (want ->> 'version')::integer for update;
    if not found then
        raise exception 'the booking has changed' using errcode = 'CB003';
    end if;

    -- A decision confirms, and takes places again for that alone.
    if coalesce(want ->> 'status', 'confirmed') <> 'confirmed'
       or want ? 'status' and (b.booking_status not in ('pending', 'expired')
                               or array_position(p_news_types, 'BookingConfirmed') is null)
       or want ? 'retake' <> (want ? 'status' and b.booking_status = 'expired') then
        raise exception 'no decision about money does that' using errcode = '22023';
    end if;

    if p_do ? 'event' then
        insert into payments.stripe_events (stripe_event_id, type, object_id, payment_id)
        values (p_do #>> '{event,id}', p_do #>> '{event,type}', p_do #>> '{event,object}',
                (p_do #>> '{event,payment}')::uuid)
            on conflict do nothing;
        if not found then
            raise exception 'the event had its effect' using errcode = 'CB007';
        end if;
    end if;

    if want ? 'retake' then
        perform bookings.move_places(b.franchise_id, b.start_datetime, b.end_datetime,
            (want ->> 'retake')::integer, b.child_count::integer);
        update bookings.booking_children set active = true where booking_id = b.id;
    end if;

    if pay is not null then
        update payments.payments set
            payment_status = pay ->> 'status',
            stripe_payment_id = coalesce(pay ->> 'intent', stripe_payment_id),
            session_id = coalesce(pay ->> 'session', session_id),
            session_url = coalesce(pay ->> 'url', session_url),
            session_expires_at = coalesce((pay ->> 'session_expires_at')::timestamptz,
                                          session_expires_at),
            failure_code = coalesce(pay ->> 'failure', failure_code),
            processed_at = case when pay ->> 'status' in ('succeeded', 'failed', 'expired')
                                then coalesce(processed_at, now()) else processed_at end,
            updated_at = now(), version = version + 1
         where id = (pay ->> 'id')::uuid and booking_id = b.id
           and version = (pay ->> 'version')::integer;
        if not found then
            raise exception 'the payment has changed' using errcode = 'CB003';
        end if;
    end if;
    -- After the payment: what becomes of a change is written on its payments too.
    if want ? 'change' then
        if not exists (select from payments.payments p
                        where p.booking_id = b.id and p.payment_status = 'succeeded'
                          and p.change_id = (want ->> 'change')::uuid) then
            raise exception 'the change is not paid' using errcode = '22023';
        end if;
        perform bookings.apply_change(b, (want ->> 'change')::uuid);
        perform payments.supersede(b.id);
    elsif want ? 'change_expires_at' then
        update bookings.pending_changes
           set expires_at = (want ->> 'change_expires_at')::timestamptz
         where booking_id = b.id;
    end if;
    if p_do ? 'attempt' then
        perform payments.put_attempt((p_do #>> '{attempt,id}')::uuid, b.id,
            (p_do #>> '{attempt,amount}')::bigint, p_do #>> '{attempt,currency}',
            p_do #>> '{attempt,method}', p_do #>> '{attempt,account}',
            (p_do #>> '{attempt,change}')::uuid);
    end if;
    if back is not null then
        update payments.refunds set
            refund_status = back ->> 'status',
            stripe_refund_id = coalesce(back ->> 'stripe_id', stripe_refund_id),
            failure_reason = coalesce(back ->> 'failure', failure_reason),
            processed_at = case when back ->> 'status' in ('succeeded', 'failed')
                                then coalesce(processed_at, now()) else processed_at end,
            updated_at = now(), version = version + 1
         where id = (back ->> 'id')::uuid and booking_id = b.id
           and version = (back ->> 'version')::integer;
        if not found then
            raise exception 'the refund has changed' using errcode = 'CB003';
        end if;
    end if;
    for e in select * from jsonb_array_elements(coalesce(p_do -> 'refunds', '[]')) loop
        if e ?| array['status', 'stripe_id'] then
            perform payments.put_refund_made(b.id, e, p_do -> 'entries', p_news_types);
        else
            perform payments.put_refunds(b.id, array[(e ->> 'id')::uuid],
                array[(e ->> 'payment')::uuid], array[(e ->> 'amount')::bigint],
                array[e ->> 'reason']);
        end if;
    end loop;
    for e in select * from jsonb_array_elements(coalesce(p_do -> 'entries', '[]')) loop
        perform payments.put_entry(e ->> 'kind', b.id, (e ->> 'reference')::uuid,
            e ->> 'debit', e ->> 'credit', (e ->> 'amount')::bigint / 100.0, e ->> 'currency');
        if e ->> 'kind' = 'dispute' and p_do ? 'event' then
            perform payments.note_dispute(p_do #>> '{event,object}', p_do #>> '{event,type}',
                (e ->> 'reference')::uuid, b.id, (e ->> 'amount')::bigint / 100.0
                * case when e ->> 'debit' = 'disputes' then 1 else -1 end, e ->> 'currency');
        end if;
    end loop;

    update bookings.bookings set
        booking_status = coalesce(want ->> 'status', booking_status),
        payment_status = coalesce(want ->> 'payment_status', payment_status),
        hold_expires_at = case when want ? 'hold_expires_at'
                               then (want ->> 'hold_expires_at')::timestamptz
                               else hold_expires_at end,
        version = version + 1, updated_at = now(),
        event_sequence = event_sequence + cardinality(array_positions(p_news_topics, 'events'))
     where id = b.id;
    perform payments.sum_up(b.id);
    perform bookings.tell(b.id, b.event_sequence, p_news_topics, p_news_types, p_news_ids,
        p_news_facts, p_news_sealed, p_news_due);
    if p_key is not null then
        insert into bookings.idempotency_keys (caller, key, fingerprint, booking_id, answer)
        values (p_caller, p_key, p_fingerprint, b.id, p_answer);
    end if;
end $$;

-- Stripe says that money of a payment went back: kept once, and in the same commit
-- the work that reads later what did.  False: it was told before.  No booking is
-- locked: nothing of it changes yet.
create function payments.tell_refunded(p_event text, p_type text, p_object text, p_payment uuid)
returns boolean language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    p payments.payments;
begin
    if not payments.keep_event(p_event, p_type, p_object) then
        return false;
    end if;
    select * into strict p from payments.payments where id = p_payment;
    perform bookings.tell(p.booking_id, 0, array['payments'], array['refunds'],
        array[gen_random_uuid()], array[jsonb_build_object('id', p.id)::text],
        array[null]::bytea[], array[null]::timestamptz[]);
    return true;
end $$;
