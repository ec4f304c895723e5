-- 0013_whoever_asks.sql: what no use case does is refused, whoever asks.
--
-- The programs' roles change money and state by functions alone; these said less
-- than the rules do.  In wrong hands one could send another booking's money back,
-- take places twice, confirm what nobody paid, or have forgotten what was needed.

-- Money that goes back is the booking's whose it was.
create unique index payments_of_a_booking on payments.payments (id, booking_id);
alter table payments.refunds add constraint refunds_of_its_booking
    foreign key (payment_id, booking_id) references payments.payments (id, booking_id);
alter table payments.disputes add constraint disputes_of_its_booking
    foreign key (payment_id, booking_id) references payments.payments (id, booking_id);

-- What is confirmed is paid, or free.  A rule for the programs: who owns the table
-- could drop it as well.
create function bookings.confirmed_is_paid() returns trigger language plpgsql as $$
begin
    if not pg_has_role(session_user, (select c.relowner from pg_class c where c.oid = tg_relid),
                       'member')
       and new.total_amount > (select coalesce(sum(p.amount), 0) from payments.payments p
                            where p.booking_id = new.id and p.payment_status = 'succeeded') then
        raise exception 'it is not paid' using errcode = '23514', constraint = 'confirmed_is_paid';
    end if;
    return null;
end $$;
create trigger confirmed_is_paid after insert on bookings.bookings
    for each row when (new.booking_status = 'confirmed' and new.total_amount > 0)
    execute function bookings.confirmed_is_paid();
create trigger confirmed_becomes_paid after update of booking_status on bookings.bookings
    for each row when (new.booking_status = 'confirmed' and new.total_amount > 0
                       and old.booking_status <> 'confirmed')
    execute function bookings.confirmed_is_paid();

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
        perform payments.put_refunds(b.id, array[(e ->> 'id')::uuid], array[(e ->> 'payment')::uuid],
            array[(e ->> 'amount')::bigint], array[e ->> 'reason']);
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

-- What is promised to be kept is kept, also from whoever asks for less.
create or replace function bookings.prune(p_answers_before timestamptz,
    p_sent_before timestamptz, p_limit integer)
returns table (answers bigint, sent bigint) language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off
set enable_mergejoin = off as $$
declare
    gone timestamptz;
begin
    delete from bookings.idempotency_keys k using (
        select i.caller, i.key from bookings.idempotency_keys i
         where i.created_at < least(p_answers_before, now() - interval '1 day')
         order by i.created_at limit p_limit for update skip locked) as old
     where k.caller = old.caller and k.key = old.key;
    get diagnostics answers = row_count;

    with old as materialized (
        select o.id from bookings.outbox o
         where o.sent_at is not null and o.sent_at < least(p_sent_before, now() - interval '1 minute')
         order by o.sent_at limit p_limit for update skip locked
    ), dropped as (
        delete from bookings.outbox o using old where o.id = old.id
        returning o.topic, o.booking_id, o.created_at
    ), counted as (
        insert into bookings.pruned_events as e (booking_id, events)
        select d.booking_id, count(*) from dropped d where d.topic = 'events'
         group by d.booking_id order by d.booking_id -- lest two wait for each other
            on conflict (booking_id) do update set events = e.events + excluded.events
    )
    select count(*), max(d.created_at) into sent, gone from dropped d;
    if sent > 0 then
        insert into bookings.pruned (until, uncounted) values (gone, null)
            on conflict (one) do update set until = excluded.until
                where pruned.until < excluded.until;
    end if;
    return next;
end $$;

create or replace function payments.prune_events(p_before timestamptz, p_limit integer)
returns bigint language sql security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off
set enable_mergejoin = off as $$
    with old as materialized (
        select e.stripe_event_id from payments.stripe_events e
         where e.received_at < least(p_before, now() - interval '30 days')
         order by e.received_at limit p_limit for update skip locked
    ), gone as (
        delete from payments.stripe_events e using old
         where e.stripe_event_id = old.stripe_event_id
        returning 1
    )
    select count(*) from gone
$$;
