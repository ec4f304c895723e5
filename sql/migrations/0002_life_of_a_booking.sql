-- 0002_life_of_a_booking.sql: the functions that change places and state.
--
-- Each is one transaction of its own: the API calls it in one round trip.
-- Lock order, for the whole product: customer (advisory) -> booking row ->
-- slots by (franchise, start) -> children -> outbox.
--
-- Refusals are SQLSTATEs of class CB (src/store/refusal.c maps them):
--   CB001 fewer places are left than were asked for
--   CB002 the Idempotency-Key is being worked on
--   CB003 what the caller read has changed: read again
--   CB004 too many unpaid holds (DETAIL: epoch seconds of the earliest expiry)
--   CB006 the Idempotency-Key has an answer: read it

-- One booking's events, in order, and its due work; the arrays run in step, a
-- due time of null means now.  p_before is the number of events it had.
create function bookings.tell(p_booking uuid, p_before integer, p_topics text[], p_types text[],
    p_ids uuid[], p_facts text[], p_sealed bytea[], p_due timestamptz[])
returns void language plpgsql as $$ -- plpgsql: its plan is kept
begin
    insert into bookings.outbox (topic, type, booking_id, event_id, sequence, facts, sealed, due_at)
    select n.topic, n.type, p_booking, n.id,
           case when n.topic = 'events'
                then p_before + count(*) filter (where n.topic = 'events') over (order by n.i) end,
           n.facts::jsonb, n.sealed, coalesce(n.due, now())
      from unnest(p_topics, p_types, p_ids, p_facts, p_sealed, p_due) with ordinality
           as n (topic, type, id, facts, sealed, due, i)
     order by n.i;
end $$;

-- Take the Idempotency-Key for this transaction, or say why not.
create function bookings.take_key(p_caller text, p_key text)
returns void language plpgsql as $$
begin
    if p_key is null then
        return;
    end if;
    if not pg_try_advisory_xact_lock(hashtextextended(p_caller || chr(10) || p_key, 1)) then
        raise exception 'idempotency key in use' using errcode = 'CB002';
    end if;
    perform from bookings.idempotency_keys k where k.caller = p_caller and k.key = p_key;
    if found then
        raise exception 'idempotency key has an answer' using errcode = 'CB006';
    end if;
end $$;

-- Make ledger rows for these slots where there are none.
create function bookings.open_slots(p_franchise uuid, p_version integer,
    p_starts timestamptz[], p_minutes integer)
returns void language plpgsql as $$
declare
    room integer;
begin
    -- FOR SHARE: no change of the franchise's capacity or grid slips between.
    select f.max_capacity into room from franchises.franchises f
     where f.id = p_franchise and f.version = p_version for share;
    if not found then
        raise exception 'the franchise has changed' using errcode = 'CB003';
    end if;
    insert into franchises.slot_ledger (franchise_id, slot_start, slot_end, capacity)
    select p_franchise, s, s + make_interval(mins => p_minutes), room
      from unnest(p_starts) as s order by s
        on conflict do nothing;
end $$;

-- What a booking at p_at would meet: the day, and the answer stored under the
-- Idempotency-Key.  The slots' ledger rows are made here, in a commit before
-- the booking is placed, so that placing only ever locks rows that exist, in
-- order: two bookings cannot deadlock.
create function bookings.quote(p_franchise uuid, p_at timestamptz)
returns bookings.day language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
declare
    d bookings.day := bookings.franchise_day(p_franchise, null, p_at);
begin
    if d.missing > 0 and d.is_active and d.close_at > d.as_of
       and d.day <= d.today + d.horizon_days then
        perform bookings.open_slots(p_franchise, d.version, d.starts, d.slot_minutes);
    end if;
    return d;
end $$;

-- Move p_children places over the slots of one period: positive takes,
-- negative gives back.  Every slot row is locked in order first.
create function bookings.move_places(p_franchise uuid, p_from timestamptz, p_until timestamptz,
    p_minutes integer, p_children integer)
returns void language plpgsql as $$
declare
    moved interval;
begin
    with locked as materialized (
        select l.slot_start from franchises.slot_ledger l
         where l.franchise_id = p_franchise
           and l.slot_start >= p_from and l.slot_end <= p_until
           and l.slot_end = l.slot_start + make_interval(mins => p_minutes)
         order by l.slot_start for update
    ), done as (
        update franchises.slot_ledger l set booked = l.booked + p_children
          from locked k
         where l.franchise_id = p_franchise and l.slot_start = k.slot_start
           and l.booked + p_children between 0 and l.capacity
        returning l.slot_end - l.slot_start as length
    )
    select sum(length) into moved from done;
    -- Slots never overlap: as much time as was asked for is all of it.
    if moved is distinct from p_until - p_from then
        raise exception 'no room' using errcode = 'CB001';
    end if;
end $$;

-- p_change: they are those of a change that is not paid yet.
create function bookings.put_children(p_booking uuid, p_customer uuid, p_from timestamptz,
    p_until timestamptz, p_ids uuid[], p_keys uuid[], p_ages bigint[], p_texts bytea[],
    p_change boolean default false)
returns void language plpgsql as $$ -- plpgsql: its plan is kept
begin
    insert into bookings.booking_children (id, booking_id, name, age, special_needs, allergies,
           pickup_authorization, special_instructions, position, customer_id, child_key, period,
           change)
    select c.id, p_booking, p_texts[5 * c.i - 4], c.age, p_texts[5 * c.i - 3],
           p_texts[5 * c.i - 2], p_texts[5 * c.i - 1], p_texts[5 * c.i], c.i, p_customer,
           c.key, tstzrange(p_from, p_until), p_change
      from unnest(p_ids, p_keys, p_ages) with ordinality as c (id, key, age, i)
     order by c.key;
end $$;

-- Place a booking: locks, limits, places, rows, news and the stored answer.
create function bookings.place(
    p_id uuid, p_customer uuid, p_franchise uuid, p_version integer,
    p_from timestamptz, p_until timestamptz, p_minutes integer,
    p_status text, p_payment_status text, p_total bigint, p_currency text,
    p_reference uuid, p_code text, p_hold_expires timestamptz,
    p_data_key bytea, p_line_items text,
    p_cancel_hours bigint[], p_cancel_percent bigint[], p_cancel_fee bigint,
    p_contact_id uuid, p_contact bytea[], p_email_hash bytea,
    p_child_ids uuid[], p_child_keys uuid[], p_child_ages bigint[], p_child_texts bytea[],
    p_news_topics text[], p_news_types text[], p_news_ids uuid[], p_news_facts text[],
    p_news_sealed bytea[], p_news_due timestamptz[],
    p_caller text, p_key text, p_fingerprint bytea, p_answer bytea,
    p_holds_max bigint, p_address_hash bytea, p_address_max bigint, p_attempt uuid default null)
returns void language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
declare
    children integer := cardinality(p_child_ids);
    held record;
begin
    if p_status not in ('pending', 'confirmed') then
        raise exception 'no booking begins in that state' using errcode = '22023';
    end if;
    perform bookings.take_key(p_caller, p_key);

    -- A guest is counted by address and e-mail too; those locks come in the
    -- order of their numbers, after nothing else is held.
    if p_address_hash is null then
        perform pg_advisory_xact_lock(hashtextextended(p_customer::text, 2));
    else
        perform pg_advisory_xact_lock(k) from (
            select k from unnest(array[
                hashtextextended(p_customer::text, 2),
                hashtextextended(encode(p_address_hash, 'hex'), 3),
                hashtextextended(encode(p_email_hash, 'hex'), 4)]) as k order by k) as o;
    end if;

    if p_hold_expires is not null then
        -- "is true" keeps the index of all that are pending out of this.
        select count(*) as n, min(b.hold_expires_at) as first into held
          from bookings.bookings b
         where b.customer_id = p_customer and (b.booking_status = 'pending') is true
           and b.hold_expires_at > now();
        if held.n < p_holds_max and p_address_hash is not null then
            select count(*) + p_holds_max - p_address_max as n, min(b.hold_expires_at) as first into held
              from bookings.bookings b
             where b.guest_address_hash = p_address_hash and b.booking_status = 'pending'
               and b.hold_expires_at > now();
            if held.n < p_holds_max then
                select count(*) as n, min(b.hold_expires_at) as first into held
                  from bookings.bookings b
                 where b.email_hash = p_email_hash and b.guest_address_hash is not null
                   and (b.booking_status = 'pending') is true and b.hold_expires_at > now();
            end if;
        end if;
        if held.n >= p_holds_max then
            raise exception 'too many unpaid holds' using errcode = 'CB004',
                detail = ceil(extract(epoch from held.first))::bigint::text;
        end if;
    end if;

    perform from franchises.franchises f
      where f.id = p_franchise and f.version = p_version and f.is_active;
    if not found then
        raise exception 'the franchise has changed' using errcode = 'CB003';
    end if;

    perform bookings.move_places(p_franchise, p_from, p_until, p_minutes, children);

    insert into bookings.bookings (id, customer_id, franchise_id, booking_status, start_datetime,
        end_datetime, total_amount, currency, payment_status, reference_number, booking_code,
        child_count, hold_expires_at, data_key, line_items, cancel_hours, cancel_percent,
        cancel_fee, email_hash, guest_address_hash, event_sequence)
    values (p_id, p_customer, p_franchise, p_status, p_from, p_until, p_total / 100.0, p_currency,
        p_payment_status, p_reference, p_code, children, p_hold_expires, p_data_key,
        p_line_items::json, p_cancel_hours, p_cancel_percent, p_cancel_fee / 100.0, p_email_hash,
        p_address_hash, cardinality(array_positions(p_news_topics, 'events')));
    insert into bookings.customer_info (id, booking_id, name, email, phone, emergency_contact)
    values (p_contact_id, p_id, p_contact[1], p_contact[2], p_contact[3], p_contact[4]);
    perform bookings.put_children(p_id, p_customer, p_from, p_until,
        p_child_ids, p_child_keys, p_child_ages, p_child_texts);

    if p_attempt is not null then
        perform payments.put_attempt(p_attempt, p_id, p_total, p_currency, 'checkout', null);
    end if;

    perform bookings.tell(p_id, 0, p_news_topics, p_news_types, p_news_ids, p_news_facts,
        p_news_sealed, p_news_due);
    if p_key is not null then
        insert into bookings.idempotency_keys (caller, key, fingerprint, booking_id, answer)
        values (p_caller, p_key, p_fingerprint, p_id, p_answer);
    end if;
end $$;

-- Change a booking that still stands at p_version: its period, price, children
-- (null arrays: the same children) and contact (null: the same).
-- p_franchise_version is null when neither times nor places change.  p_at is
-- the time the stored answer tells: an answer and a later look agree.
--
-- A change that waits for its money is replaced by this one.  p_waived is what
-- a higher price asks for and nobody can charge; the refunds are for a lower.
create function bookings.change(
    p_id uuid, p_customer uuid, p_version integer, p_franchise_version integer,
    p_from timestamptz, p_until timestamptz, p_minutes integer,
    p_total bigint, p_line_items text, p_status text, p_payment_status text, p_refund_cap bigint,
    p_contact bytea[], p_email_hash bytea,
    p_child_ids uuid[], p_child_keys uuid[], p_child_ages bigint[], p_child_texts bytea[],
    p_news_topics text[], p_news_types text[], p_news_ids uuid[], p_news_facts text[],
    p_news_sealed bytea[], p_news_due timestamptz[],
    p_caller text, p_key text, p_fingerprint bytea, p_answer bytea, p_at timestamptz,
    p_attempt uuid default null, p_waived bigint default null,
    p_refund_ids uuid[] default '{}', p_refund_payments uuid[] default '{}',
    p_refund_amounts bigint[] default '{}')
returns void language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
declare
    b bookings.bookings;
    children integer;
    moves boolean;
    replaces boolean;
begin
    perform bookings.take_key(p_caller, p_key);
    perform pg_advisory_xact_lock(hashtextextended(p_customer::text, 2));
    select * into b from bookings.bookings
     where id = p_id and customer_id = p_customer and version = p_version for update;
    if not found or b.booking_status not in ('pending', 'confirmed') then
        raise exception 'the booking has changed' using errcode = 'CB003';
    end if;
    perform from franchises.franchises f
      where f.id = b.franchise_id and f.version = p_franchise_version;
    if p_franchise_version is not null and not found then
        raise exception 'the franchise has changed' using errcode = 'CB003';
    end if;
    if p_status not in (b.booking_status, 'confirmed') then
        raise exception 'a change does not lead to that state' using errcode = '22023';
    end if;
    children := coalesce(cardinality(p_child_ids), b.child_count);

    moves := (p_from, p_until, children) is distinct from
             (b.start_datetime, b.end_datetime, b.child_count::integer);
    replaces := exists (select from bookings.pending_changes c where c.booking_id = p_id);
    if moves or replaces then
        -- The slots of hours that stay as they are may be of another grid.
        perform bookings.shift_places(b, p_from, p_until, children,
            case when moves then p_minutes end, false);
    end if;
    if replaces then
        perform bookings.forget_change(p_id, 'replaced');
        perform payments.supersede(p_id);
    end if;

    update bookings.bookings set
        start_datetime = p_from, end_datetime = p_until, total_amount = p_total / 100.0,
        line_items = p_line_items::json, booking_status = p_status,
        payment_status = p_payment_status, refund_cap_percent = p_refund_cap,
        child_count = children, email_hash = coalesce(p_email_hash, email_hash),
        version = version + 1, updated_at = p_at,
        event_sequence = event_sequence + cardinality(array_positions(p_news_topics, 'events'))
     where id = p_id;
    if p_contact is not null then
        update bookings.customer_info set name = p_contact[1], email = p_contact[2],
               phone = p_contact[3], emergency_contact = p_contact[4]
         where booking_id = p_id;
    end if;
    if p_child_ids is not null then
        delete from bookings.booking_children where booking_id = p_id;
        perform bookings.put_children(p_id, b.customer_id, p_from, p_until,
            p_child_ids, p_child_keys, p_child_ages, p_child_texts);
    elsif (p_from, p_until) is distinct from (b.start_datetime, b.end_datetime) then
        update bookings.booking_children set period = tstzrange(p_from, p_until)
         where booking_id = p_id;
    end if;

    -- Another price: the unfinished payment is another one too.
    if p_attempt is not null then
        perform payments.supersede(p_id);
        perform payments.put_attempt(p_attempt, p_id, p_total, b.currency, 'checkout', null);
    end if;
    if p_waived > 0 then
        perform payments.put_entry('waiver', p_id, p_id, 'waivers', 'customers',
            p_waived / 100.0, b.currency);
    end if;
    if p_refund_ids <> '{}' then
        perform payments.put_refunds(p_id, p_refund_ids, p_refund_payments, p_refund_amounts,
            array_fill('price_down'::text, array[cardinality(p_refund_ids)]));
        perform payments.sum_up(p_id);
    end if;
    perform bookings.tell(p_id, b.event_sequence, p_news_topics, p_news_types, p_news_ids,
        p_news_facts, p_news_sealed, p_news_due);
    if p_key is not null then
        insert into bookings.idempotency_keys (caller, key, fingerprint, booking_id, answer)
        values (p_caller, p_key, p_fingerprint, p_id, p_answer);
    end if;
end $$;

-- End a booking that still stands at p_version (cancelled, expired): its
-- places, and those that a change of it holds, are free again, its children
-- may be elsewhere.
create function bookings.release(
    p_id uuid, p_customer uuid, p_version integer, p_status text, p_payment_status text,
    p_reason bytea, p_refund bigint,
    p_news_topics text[], p_news_types text[], p_news_ids uuid[], p_news_facts text[],
    p_news_sealed bytea[], p_news_due timestamptz[],
    p_caller text, p_key text, p_fingerprint bytea, p_answer bytea, p_at timestamptz,
    p_refund_ids uuid[] default '{}', p_refund_payments uuid[] default '{}',
    p_refund_amounts bigint[] default '{}')
returns void language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
declare
    b bookings.bookings;
begin
    perform bookings.take_key(p_caller, p_key);
    perform pg_advisory_xact_lock(hashtextextended(p_customer::text, 2));
    select * into b from bookings.bookings
     where id = p_id and customer_id = p_customer and version = p_version for update;
    if not found or b.booking_status not in ('pending', 'confirmed') then
        raise exception 'the booking has changed' using errcode = 'CB003';
    end if;
    if p_status not in ('cancelled', 'expired') then
        raise exception 'that state keeps its places' using errcode = '22023';
    end if;

    perform bookings.shift_places(b, null, null, 0, null, false);
    perform bookings.forget_change(p_id, 'dropped');

    update bookings.bookings set
        booking_status = p_status, payment_status = p_payment_status,
        cancellation_reason = p_reason, refund_amount = p_refund / 100.0,
        cancelled_at = case when p_status = 'cancelled' then p_at end,
        version = version + 1, updated_at = p_at,
        event_sequence = event_sequence + cardinality(array_positions(p_news_topics, 'events'))
     where id = p_id;
    update bookings.booking_children set active = false where booking_id = p_id;

    perform payments.put_refunds(p_id, p_refund_ids, p_refund_payments, p_refund_amounts,
        array_fill('cancelled'::text, array[cardinality(p_refund_ids)]));
    perform payments.supersede(p_id);
    perform payments.sum_up(p_id);

    perform bookings.tell(p_id, b.event_sequence, p_news_topics, p_news_types, p_news_ids,
        p_news_facts, p_news_sealed, p_news_due);
    if p_key is not null then
        insert into bookings.idempotency_keys (caller, key, fingerprint, booking_id, answer)
        values (p_caller, p_key, p_fingerprint, p_id, p_answer);
    end if;
end $$;

-- A repeat that changes nothing still owns its key: store the answer alone.
create function bookings.remember(p_booking uuid, p_caller text, p_key text, p_fingerprint bytea,
    p_answer bytea)
returns void language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
begin
    perform bookings.take_key(p_caller, p_key);
    insert into bookings.idempotency_keys (caller, key, fingerprint, booking_id, answer)
    values (p_caller, p_key, p_fingerprint, p_booking, p_answer);
end $$;
