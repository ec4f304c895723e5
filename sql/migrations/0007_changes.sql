-- 0007_changes.sql: a change of a paid booking that waits for its money.
--
-- A change to a higher price takes effect once the difference is paid.  Until
-- then the booking stands as it is, and what the change needs beyond that is
-- held: places, slot by slot, and its children, who are marked, and are nowhere
-- else meanwhile.  There is one a booking, while that is confirmed.  When it has
-- lapsed it blocks nobody: whoever needs its places drops it first.
--
-- Lock order as everywhere: customer -> booking row -> slots -> children ->
-- payments -> outbox.  Rows of this file are changed under the booking's lock.

create table bookings.pending_changes (
    booking_id       uuid primary key references bookings.bookings,
    id               uuid not null unique, -- payments of the difference name it
    start_datetime   timestamptz not null,
    end_datetime     timestamptz not null,
    child_count      smallint not null check (child_count between 1 and 10),
    total_amount     numeric(10,2) not null check (total_amount > 0),
    line_items       json not null,
    refund_cap_percent smallint not null check (refund_cap_percent between 0 and 100),
    contact          bytea[],              -- sealed as in customer_info; null: the same
    email_hash       bytea,
    expires_at       timestamptz not null,
    created_at       timestamptz not null,
    constraint pending_changes_forward check (end_datetime > start_datetime),
    constraint pending_changes_contact check (
        (contact is null) = (email_hash is null) and cardinality(contact) = 4)
);

-- What it holds beyond the booking's own places; slot_ledger.booked counts them.
create table bookings.held_places (
    booking_id   uuid not null references bookings.pending_changes,
    franchise_id uuid not null,
    slot_start   timestamptz not null,
    places       smallint not null check (places > 0),
    primary key (booking_id, slot_start),
    foreign key (franchise_id, slot_start) references franchises.slot_ledger
);
create index idx_held_places_slot on bookings.held_places (franchise_id, slot_start);

-- Of a pending change; active, so that they are nowhere else.
alter table bookings.booking_children add column change boolean not null default false;

-- The change a payment is for (null: the booking itself), and what became of it
-- (null: nothing yet).
alter table payments.payments
    add column change_id uuid,
    add column change_end varchar(20),
    add constraint payments_change_end check (change_end is null
        or change_end in ('applied', 'replaced', 'dropped') and change_id is not null);

/*
 * Move the places of a booking and of the change it may have, in one statement
 * that locks every slot in order first.  The booking comes to stand at p_from
 * to p_until (nulls: nowhere) with p_children; with p_keeps it stays where it is,
 * and only what it would need on top is taken.  What the change held is
 * given back.  CB001 when there is no room, or no slot.
 */
create function bookings.shift_places(b bookings.bookings, p_from timestamptz, p_until timestamptz,
    p_children integer, p_minutes integer, p_keeps boolean)
returns void language plpgsql as $$
declare
    c record; -- the change that gives back
    found_time interval;
    wanted bigint;
    moved bigint;
begin
    select p.start_datetime, p.end_datetime into c
      from bookings.pending_changes p where p.booking_id = b.id;
    with slots as materialized (
        select l.slot_start, l.slot_end - l.slot_start as length,
               coalesce(l.slot_start >= p_from and l.slot_end <= p_until
                   and (p_minutes is null
                        or l.slot_end = l.slot_start + make_interval(mins => p_minutes)), false) as in_new,
               l.slot_start >= b.start_datetime and l.slot_start < b.end_datetime as in_old
          from franchises.slot_ledger l
         where l.franchise_id = b.franchise_id
           and (l.slot_start >= p_from and l.slot_start < p_until
                or l.slot_start >= b.start_datetime and l.slot_start < b.end_datetime
                or l.slot_start >= c.start_datetime and l.slot_start < c.end_datetime)
         order by l.slot_start for update
    ), shifts as (
        select s.slot_start, s.length, s.in_new,
               case when p_keeps
                    then greatest(n.taken - n.given, 0) else n.taken - n.given end
               - coalesce(h.places, 0) as places
          from slots s
         cross join lateral (
               select case when s.in_new then p_children else 0 end as taken,
                      case when s.in_old then b.child_count else 0 end as given) as n
          left join bookings.held_places h on h.booking_id = b.id and h.slot_start = s.slot_start
    ), done as (
        update franchises.slot_ledger l set booked = l.booked + s.places
          from shifts s
         where l.franchise_id = b.franchise_id and l.slot_start = s.slot_start
           and s.places <> 0 and l.booked + s.places between 0 and l.capacity
        returning 1
    )
    select (select sum(s.length) filter (where s.in_new) from shifts s),
           (select count(*) from shifts s where s.places <> 0),
           (select count(*) from done)
      into found_time, wanted, moved;
    -- Slots never overlap: as much time as was asked for is all of it.
    if moved <> wanted or found_time is distinct from p_until - p_from then
        raise exception 'no room' using errcode = 'CB001';
    end if;
end $$;

-- The change of a booking is over; its places have been given back or taken
-- over.  p_how is 'applied', 'replaced' or 'dropped', and is kept for money that
-- comes later; one that had lapsed is dropped, whoever replaced it.
create function bookings.forget_change(p_booking uuid, p_how text)
returns void language plpgsql as $$
declare
    c record;
begin
    select p.id, p.expires_at <= now() as lapsed into c
      from bookings.pending_changes p where p.booking_id = p_booking;
    if not found then
        return;
    end if;
    delete from bookings.booking_children where booking_id = p_booking and change;
    delete from bookings.held_places where booking_id = p_booking;
    delete from bookings.pending_changes where booking_id = p_booking;
    update payments.payments
       set change_end = case when p_how = 'replaced' and c.lapsed then 'dropped' else p_how end,
           updated_at = now(), version = version + 1
     where booking_id = p_booking and change_id = c.id;
end $$;

-- Whoever takes a booking out of the state 'confirmed', or its change away,
-- begins with this, under the booking's lock: a change that is there gives its
-- places back, and its payment is no longer wanted.
create function bookings.abandon_change(b bookings.bookings, p_how text)
returns void language plpgsql as $$
begin
    if exists (select from bookings.pending_changes c where c.booking_id = b.id) then
        perform bookings.shift_places(b, null, null, 0, null, true);
        perform bookings.forget_change(b.id, p_how);
        perform payments.supersede(b.id);
    end if;
end $$;

-- It is paid: the booking becomes what the change says.
create function bookings.apply_change(b bookings.bookings, p_change uuid)
returns void language plpgsql as $$
declare
    c record;
begin
    select * into c from bookings.pending_changes p where p.booking_id = b.id and p.id = p_change;
    if not found or b.booking_status <> 'confirmed' then
        raise exception 'the change is over' using errcode = 'CB003';
    end if;
    perform bookings.shift_places(b, c.start_datetime, c.end_datetime, c.child_count, null, false);
    delete from bookings.booking_children where booking_id = b.id and not change;
    update bookings.booking_children set change = false where booking_id = b.id;
    if c.contact is not null then
        update bookings.customer_info set name = c.contact[1], email = c.contact[2],
               phone = c.contact[3], emergency_contact = c.contact[4]
         where booking_id = b.id;
    end if;
    update bookings.bookings set
        start_datetime = c.start_datetime, end_datetime = c.end_datetime,
        child_count = c.child_count, total_amount = c.total_amount, line_items = c.line_items,
        refund_cap_percent = least(refund_cap_percent, c.refund_cap_percent),
        email_hash = coalesce(c.email_hash, email_hash)
     where id = b.id;
    perform bookings.forget_change(b.id, 'applied');
end $$;

-- Ask for a change of a paid booking that still stands at p_version, to the
-- higher price p_total: it waits until p_expires for p_attempt to be paid, and
-- replaces one that waits already.  Its children are always given; a null
-- contact is the same.  No event is told before it takes effect.
create function bookings.propose(
    p_id uuid, p_customer uuid, p_version integer, p_franchise_version integer,
    p_change uuid, p_from timestamptz, p_until timestamptz, p_minutes integer,
    p_total bigint, p_line_items text, p_refund_cap bigint, p_expires timestamptz,
    p_contact bytea[], p_email_hash bytea,
    p_child_ids uuid[], p_child_keys uuid[], p_child_ages bigint[], p_child_texts bytea[],
    p_attempt uuid,
    p_news_topics text[], p_news_types text[], p_news_ids uuid[], p_news_facts text[],
    p_news_sealed bytea[], p_news_due timestamptz[],
    p_caller text, p_key text, p_fingerprint bytea, p_answer bytea, p_at timestamptz)
returns void language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
declare
    b bookings.bookings;
    children integer := cardinality(p_child_ids);
    due bigint;
begin
    perform bookings.take_key(p_caller, p_key);
    perform pg_advisory_xact_lock(hashtextextended(p_customer::text, 2));
    select * into b from bookings.bookings
     where id = p_id and customer_id = p_customer and version = p_version for update;
    if not found or b.booking_status <> 'confirmed' then
        raise exception 'the booking has changed' using errcode = 'CB003';
    end if;
    perform from franchises.franchises f
      where f.id = b.franchise_id and f.version = p_franchise_version;
    if not found then
        raise exception 'the franchise has changed' using errcode = 'CB003';
    end if;
    due := p_total - b.total_amount * 100;
    if due <= 0 or p_expires > least(p_from, b.start_datetime) or 'events' = any (p_news_topics) then
        raise exception 'no change that waits for money' using errcode = '22023';
    end if;

    perform bookings.shift_places(b, p_from, p_until, children, p_minutes, true);
    perform bookings.forget_change(p_id, 'replaced');
    insert into bookings.pending_changes (booking_id, id, start_datetime, end_datetime, child_count,
        total_amount, line_items, refund_cap_percent, contact, email_hash, expires_at, created_at)
    values (p_id, p_change, p_from, p_until, children, p_total / 100.0, p_line_items::json,
        p_refund_cap, p_contact, p_email_hash, p_expires, p_at);
    insert into bookings.held_places (booking_id, franchise_id, slot_start, places)
    select p_id, b.franchise_id, l.slot_start, n.places
      from franchises.slot_ledger l
     cross join lateral (select children - case when l.slot_start >= b.start_datetime
            and l.slot_start < b.end_datetime then b.child_count else 0 end as places) as n
     where l.franchise_id = b.franchise_id and l.slot_start >= p_from and l.slot_start < p_until
       and n.places > 0;
    perform bookings.put_children(p_id, b.customer_id, p_from, p_until,
        p_child_ids, p_child_keys, p_child_ages, p_child_texts, true);

    perform payments.supersede(p_id);
    perform payments.put_attempt(p_attempt, p_id, due, b.currency, 'checkout', null, p_change);
    update bookings.bookings set version = version + 1, updated_at = p_at where id = p_id;
    perform bookings.tell(p_id, b.event_sequence, p_news_topics, p_news_types, p_news_ids,
        p_news_facts, p_news_sealed, p_news_due);
    if p_key is not null then
        insert into bookings.idempotency_keys (caller, key, fingerprint, booking_id, answer)
        values (p_caller, p_key, p_fingerprint, p_id, p_answer);
    end if;
end $$;

-- Take that change away, while the booking still stands at p_version: the
-- customer withdrew it ('replaced'), or it has lapsed ('dropped').
create function bookings.end_change(p_id uuid, p_customer uuid, p_version integer, p_change uuid,
    p_how text,
    p_news_topics text[], p_news_types text[], p_news_ids uuid[], p_news_facts text[],
    p_news_sealed bytea[], p_news_due timestamptz[],
    p_caller text, p_key text, p_fingerprint bytea, p_answer bytea, p_at timestamptz)
returns void language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
declare
    b bookings.bookings;
begin
    perform bookings.take_key(p_caller, p_key);
    perform pg_advisory_xact_lock(hashtextextended(p_customer::text, 2));
    select * into b from bookings.bookings
     where id = p_id and customer_id = p_customer and version = p_version for update;
    if not found then
        raise exception 'the booking has changed' using errcode = 'CB003';
    end if;
    perform from bookings.pending_changes c
      where c.booking_id = p_id and c.id = p_change
        and (c.expires_at <= now() or p_how = 'replaced');
    if not found then
        raise exception 'the change is over, or has not lapsed' using errcode = 'CB003';
    elsif 'events' = any (p_news_topics) then
        raise exception 'a change that ends is no event' using errcode = '22023';
    end if;

    perform bookings.abandon_change(b, p_how);
    update bookings.bookings set version = version + 1, updated_at = p_at where id = p_id;
    perform bookings.tell(p_id, b.event_sequence, p_news_topics, p_news_types, p_news_ids,
        p_news_facts, p_news_sealed, p_news_due);
    if p_key is not null then
        insert into bookings.idempotency_keys (caller, key, fingerprint, booking_id, answer)
        values (p_caller, p_key, p_fingerprint, p_id, p_answer);
    end if;
end $$;
