-- 0005_visits.sql: the QR code of a booking, and the visit it is for: when the
-- children came, when and by whom they were collected.
--
-- Lock order as everywhere: customer -> booking row -> slots -> visit -> outbox.

-- A QR code is signed with this number; a higher one revokes what was signed
-- with a lower.
alter table bookings.bookings add column qr_version integer not null default 1
    check (qr_version >= 1);

-- The one visit of a booking.  Who came and who went home is recorded once;
-- *_by is who recorded it, as in idempotency_keys.caller.
create table bookings.visits (
    booking_id      uuid primary key references bookings.bookings,
    checked_in_at   timestamptz not null,
    checked_in_by   text not null,
    checked_in_with text not null check (checked_in_with in ('qr', 'booking_code')),
    checked_out_at  timestamptz,
    checked_out_by  text,
    collected_by    bytea,   -- whose hand the children went home in
    override_reason bytea,   -- why, though that name was on no list
    constraint visits_forward check (checked_out_at >= checked_in_at),
    constraint visits_collected check (
        (checked_out_at is null) = (checked_out_by is null)
        and (checked_out_at is null) = (collected_by is null)
        and (override_reason is null or checked_out_at is not null))
);

-- Which codes were revoked, when, and by which administrator.
create table bookings.qr_revocations (
    booking_id uuid not null references bookings.bookings,
    qr_version integer not null, -- that no longer holds
    revoked_at timestamptz not null default now(),
    revoked_by text not null,
    primary key (booking_id, qr_version)
);

-- The children of a confirmed booking that still stands at p_version are here.
-- Once, and only on its day, as the franchise's clocks have it.  A change that
-- waits for its money goes: who is here is not moved any more.
create function bookings.check_in(
    p_id uuid, p_customer uuid, p_version integer, p_by text, p_with text, p_at timestamptz,
    p_news_topics text[], p_news_types text[], p_news_ids uuid[], p_news_facts text[],
    p_news_sealed bytea[], p_news_due timestamptz[],
    p_caller text, p_key text, p_fingerprint bytea, p_answer bytea)
returns void language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
declare
    b bookings.bookings;
begin
    perform bookings.take_key(p_caller, p_key);
    perform pg_advisory_xact_lock(hashtextextended(p_customer::text, 2));
    select * into b from bookings.bookings
     where id = p_id and customer_id = p_customer and version = p_version
       and booking_status = 'confirmed' and end_datetime > now() for update;
    if not found then
        raise exception 'the booking has changed' using errcode = 'CB003';
    end if;
    perform from franchises.franchises f
      where f.id = b.franchise_id
        and (now() at time zone f.timezone)::date = (b.start_datetime at time zone f.timezone)::date;
    if not found then
        raise exception 'another day has begun' using errcode = 'CB003';
    end if;

    perform bookings.abandon_change(b, 'dropped');
    insert into bookings.visits (booking_id, checked_in_at, checked_in_by, checked_in_with)
    values (p_id, p_at, p_by, p_with);
    update bookings.bookings set booking_status = 'checked_in', version = version + 1,
           updated_at = p_at,
           event_sequence = event_sequence + cardinality(array_positions(p_news_topics, 'events'))
     where id = p_id;
    perform bookings.tell(p_id, b.event_sequence, p_news_topics, p_news_types, p_news_ids,
        p_news_facts, p_news_sealed, p_news_due);
    if p_key is not null then
        insert into bookings.idempotency_keys (caller, key, fingerprint, booking_id, answer)
        values (p_caller, p_key, p_fingerprint, p_id, p_answer);
    end if;
end $$;

-- Its children have gone home: once.  A booking that ended by itself, because
-- nobody had recorded that in time, only gets the record.
create function bookings.check_out(
    p_id uuid, p_customer uuid, p_version integer, p_by text, p_at timestamptz,
    p_collected_by bytea, p_reason bytea,
    p_news_topics text[], p_news_types text[], p_news_ids uuid[], p_news_facts text[],
    p_news_sealed bytea[], p_news_due timestamptz[],
    p_caller text, p_key text, p_fingerprint bytea, p_answer bytea)
returns void language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
declare
    b bookings.bookings;
begin
    perform bookings.take_key(p_caller, p_key);
    perform pg_advisory_xact_lock(hashtextextended(p_customer::text, 2));
    select * into b from bookings.bookings
     where id = p_id and customer_id = p_customer and version = p_version
       and booking_status in ('checked_in', 'completed') for update;
    if not found then
        raise exception 'the booking has changed' using errcode = 'CB003';
    end if;
    update bookings.visits set checked_out_at = p_at, checked_out_by = p_by,
           collected_by = p_collected_by, override_reason = p_reason
     where booking_id = p_id and checked_out_at is null;
    if not found then
        raise exception 'the visit has changed' using errcode = 'CB003';
    end if;

    update bookings.bookings set booking_status = 'completed', version = version + 1,
           updated_at = p_at,
           event_sequence = event_sequence + cardinality(array_positions(p_news_topics, 'events'))
     where id = p_id;
    perform payments.supersede(p_id);
    perform bookings.tell(p_id, b.event_sequence, p_news_topics, p_news_types, p_news_ids,
        p_news_facts, p_news_sealed, p_news_due);
    if p_key is not null then
        insert into bookings.idempotency_keys (caller, key, fingerprint, booking_id, answer)
        values (p_caller, p_key, p_fingerprint, p_id, p_answer);
    end if;
end $$;

-- A picture of the code with that number is stored there.  Nothing that people
-- decided on has changed, so the version stays.
create function bookings.qr_stored(p_id uuid, p_number integer, p_url text)
returns void language sql security definer
set search_path = pg_catalog, pg_temp as $$
    update bookings.bookings set qr_code_url = p_url
     where id = p_id and qr_version = p_number and qr_code_url is distinct from p_url;
$$;

-- No code of the booking that was shown until now holds any more.  An image of
-- it is drawn anew.  Gives the new number; none when there is no such booking,
-- 0 when it stands no longer.
create function bookings.revoke_qr(p_id uuid, p_by text)
returns integer language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
declare
    customer uuid := (select b.customer_id from bookings.bookings b where b.id = p_id);
    b bookings.bookings;
begin
    perform pg_advisory_xact_lock(hashtextextended(customer::text, 2));
    select * into b from bookings.bookings where id = p_id for update;
    if not found then
        return null;
    end if;
    if b.booking_status not in ('pending', 'confirmed') then
        return 0;
    end if;
    insert into bookings.qr_revocations (booking_id, qr_version, revoked_by)
    values (p_id, b.qr_version, p_by);
    update bookings.bookings set qr_version = qr_version + 1, qr_code_url = null,
           version = version + 1, updated_at = now()
     where id = p_id;
    if b.booking_status = 'confirmed' then
        perform bookings.tell(p_id, b.event_sequence, array['documents'], array['qr'],
            array[gen_random_uuid()], array['{}'], array[null::bytea], array[null::timestamptz]);
    end if;
    return b.qr_version + 1;
end $$;
