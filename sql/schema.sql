-- schema.sql: the whole schema as it stands, to be read from top to bottom.
--
-- The migrations make it; this page shows what they come to, and tests/sql
-- proves that both are the same.  Who may do what stands in roles.sql.
--
-- What Postgres itself keeps, whatever the programs do:
--   * no slot holds more children than places, no minute is sold in two slots
--     (slot_ledger: a CHECK and an exclusion);
--   * no child is in two places at once (booking_children: an exclusion);
--   * nothing is refunded that was not paid, one payment of a booking at a time
--     is unfinished, the journal balances and is append-only; states are known
--     words;
--   * a change of a booking and its rows in the outbox are one commit: both
--     happen in the same function;
--   * of a booking one change at most waits for its money (pending_changes: its
--     primary key), and holds places that the ledger counts.
--
-- Lock order, for the whole product: customer (advisory) -> booking row ->
-- franchise row -> slots by (franchise, start) -> children -> outbox.  Whoever
-- changes a franchise locks it FOR NO KEY UPDATE, which the foreign key of a
-- booking being placed passes by.
--
-- The functions refuse with SQLSTATEs of class CB (src/store/refusal.c):
--   CB001 fewer places are left than were asked for
--   CB002 the Idempotency-Key is being worked on
--   CB003 what the caller read has changed: read again
--   CB004 too many unpaid holds (DETAIL: epoch seconds of the earliest expiry)
--   CB005 there is no such franchise
--   CB006 the Idempotency-Key has an answer: read it
--   CB007 the webhook had its effect
--   CB010 slots would move, or the currency change, under bookings that stand
--   CB011 fewer places than are booked (DETAIL: the slots)
--   CB012 there is no such time zone, or it is an abbreviation
--   CB013 a slot's price does not divide exactly
--   CB014 bookings stand on the day
--   CB015 the day is over

create extension if not exists btree_gist;

create schema franchises;
create schema bookings;
create schema access;

-- ---- franchises ------------------------------------------------------------

create table franchises.franchises (
    id             uuid primary key,
    name           varchar(100) not null,
    address        text not null,
    city           varchar(50) not null,
    postal_code    varchar(10) not null,
    max_capacity   integer not null check (max_capacity between 1 and 10000),
    standard_rate  numeric(8,2) not null check (standard_rate >= 0),
    peak_hour_rate numeric(8,2) not null check (peak_hour_rate >= 0),
    open_time      time not null,
    close_time     time not null,
    operating_days integer[] not null, -- ISO: 1 Monday .. 7 Sunday
    is_active      boolean not null default true,
    created_at     timestamptz not null default now(),
    -- beyond the seed
    currency       varchar(3) not null default 'USD' check (currency ~ '^[A-Z]{3}$'),
    timezone       text not null,
    slot_minutes   smallint not null default 60 check (slot_minutes in (15, 30, 60)),
    lead_minutes   integer not null default 0 check (lead_minutes between 0 and 43200),
    horizon_days   integer not null default 180 check (horizon_days between 1 and 730),
    cancel_hours   integer[] not null default '{48,24}',   -- at least so many hours before
    cancel_percent integer[] not null default '{100,50}',  -- ... so much is refunded
    cancel_fee     numeric(10,2) not null default 0 check (cancel_fee >= 0),
    version        integer not null default 1,
    updated_at     timestamptz not null default now(),
    stripe_account varchar(100),   -- connected to ours; null: our own
    constraint franchises_hours check (close_time > open_time),
    constraint franchises_operating_days check (
        cardinality(operating_days) between 1 and 7
        and operating_days <@ array[1,2,3,4,5,6,7]),
    constraint franchises_cancel_rules check (
        cardinality(cancel_hours) = cardinality(cancel_percent)
        and cardinality(cancel_hours) <= 10
        and 0 <= all (cancel_hours)
        and 0 <= all (cancel_percent) and 100 >= all (cancel_percent)),
    -- a slot's price must divide exactly
    constraint franchises_rates_divide check (
        (standard_rate * 100 * slot_minutes) % 60 = 0
        and (peak_hour_rate * 100 * slot_minutes) % 60 = 0),
    constraint franchises_stripe_account check (stripe_account ~ '^acct_[A-Za-z0-9_]+$')
);
create index idx_franchises_active on franchises.franchises (is_active);
create index idx_franchises_name on franchises.franchises (name, id);

create table franchises.peak_windows (
    franchise_id uuid not null references franchises.franchises,
    weekdays     integer[] not null check (
        cardinality(weekdays) between 1 and 7 and weekdays <@ array[1,2,3,4,5,6,7]),
    start_time   time not null,
    end_time     time not null,
    primary key (franchise_id, start_time, weekdays),
    check (end_time > start_time)
);

create table franchises.closed_days (
    franchise_id uuid not null references franchises.franchises,
    day          date not null,
    reason       text not null default '',
    primary key (franchise_id, day)
);

-- ---- places: what is sold, and never twice ---------------------------------

-- The capacity ledger: one row per franchise and slot.  The CHECK makes
-- overselling impossible whatever the application does; the exclusion keeps
-- the same minute from being sold in two rows after a change of the grid.
create table franchises.slot_ledger (
    franchise_id uuid not null references franchises.franchises,
    slot_start   timestamptz not null,
    slot_end     timestamptz not null,
    capacity     integer not null,
    booked       integer not null default 0,
    primary key (franchise_id, slot_start),
    constraint slot_ledger_not_oversold check (booked between 0 and capacity),
    constraint slot_ledger_forward check (slot_end > slot_start),
    constraint slot_ledger_no_overlap exclude using gist (
        franchise_id with =, tstzrange(slot_start, slot_end) with &&)
) with (fillfactor = 50);

-- ---- bookings: who comes when, and who may know it -------------------------

create table bookings.bookings (
    id               uuid primary key,
    customer_id      uuid not null,
    franchise_id     uuid not null references franchises.franchises,
    booking_status   varchar(20) not null check (booking_status in
        ('pending', 'confirmed', 'checked_in', 'completed', 'expired', 'cancelled', 'no_show')),
    start_datetime   timestamptz not null,
    end_datetime     timestamptz not null,
    total_amount     numeric(10,2) not null check (total_amount >= 0),
    currency         varchar(3) not null default 'USD',
    payment_status   varchar(20) not null check (payment_status in
        ('pending', 'queued', 'processing', 'paid', 'failed', 'partially_refunded',
         'refunded', 'not_required')),
    reference_number uuid not null,
    qr_code_url      varchar(500),
    created_at       timestamptz not null default now(),
    updated_at       timestamptz not null default now(),
    -- beyond the seed
    booking_code     text not null,
    child_count      smallint not null check (child_count between 1 and 10),
    hold_expires_at  timestamptz,
    version          integer not null default 1,
    event_sequence   integer not null default 0,
    data_key         bytea not null,   -- wrapped by the ring's key
    line_items       json not null,    -- ready to send; fixed when the price was
    cancel_hours     integer[] not null,
    cancel_percent   integer[] not null,
    cancel_fee       numeric(10,2) not null,
    refund_cap_percent smallint not null default 100 check (refund_cap_percent between 0 and 100),
    paid_amount      numeric(12,2) not null default 0 check (paid_amount >= 0),
    refunded_amount  numeric(12,2) not null default 0 check (refunded_amount >= 0),
    refund_amount    numeric(12,2),    -- promised by the cancellation
    cancellation_reason bytea,
    cancelled_at     timestamptz,
    email_hash       bytea not null,   -- keyed: look-up without the address
    guest_address_hash bytea,          -- guests only
    qr_version       integer not null default 1 check (qr_version >= 1), -- a higher one revokes
    constraint bookings_forward check (end_datetime > start_datetime),
    constraint bookings_refund_within_paid check (refunded_amount <= paid_amount),
    constraint bookings_hold check (booking_status <> 'pending' or hold_expires_at is not null)
);
create unique index idx_bookings_reference on bookings.bookings (reference_number);
create unique index bookings_booking_code_key on bookings.bookings (booking_code);
create index idx_bookings_franchise_date on bookings.bookings (franchise_id, start_datetime);
create index idx_bookings_status on bookings.bookings (booking_status);
create index idx_bookings_customer on bookings.bookings (customer_id, created_at, id);
create index idx_bookings_over on bookings.bookings (end_datetime)
    where booking_status in ('confirmed', 'checked_in');
create index idx_bookings_email on bookings.bookings (email_hash);
create index idx_bookings_guest_holds on bookings.bookings (guest_address_hash)
    where guest_address_hash is not null and booking_status = 'pending';

create table bookings.booking_children (
    id                   uuid primary key,
    booking_id           uuid not null references bookings.bookings,
    name                 bytea not null,
    age                  integer not null check (age between 0 and 17),
    special_needs        bytea,
    allergies            bytea,
    pickup_authorization bytea,
    special_instructions bytea,
    -- beyond the seed
    position             smallint not null,
    customer_id          uuid not null,
    child_key            uuid not null,  -- keyed hash of customer and name
    period               tstzrange not null,
    active               boolean not null default true,
    change               boolean not null default false, -- of a pending change
    constraint booking_children_one_place exclude using gist (
        child_key with =, period with &&, booking_id with <>) where (active)
);
create index idx_booking_children_booking on bookings.booking_children (booking_id);

create table bookings.customer_info (
    id                uuid primary key,
    booking_id        uuid not null unique references bookings.bookings,
    name              bytea not null,
    email             bytea not null,
    phone             bytea not null,
    emergency_contact bytea
);

-- ---- changes of paid bookings that wait for their money --------------------

-- A change to a higher price takes effect once the difference is paid.  Until
-- then the booking stands as it is, and what the change needs beyond that is
-- held: places, slot by slot, and its children, who are marked, and are nowhere
-- else meanwhile.  There is one a booking, while that is confirmed.

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

-- ---- what must follow a commit, and what was answered ----------------------

-- Whatever must reach the outside world after a commit, or must be done at a
-- later time, is a row here, written in that commit.  facts is open; personal
-- data lies in sealed, under the booking's key.
create table bookings.outbox (
    id           bigint generated always as identity primary key,
    topic        text not null check (topic in ('events', 'payments', 'documents', 'bookings')),
    type         text not null,
    booking_id   uuid not null,
    event_id     uuid not null unique,
    sequence     integer,             -- of the booking's events, gapless from 1
    facts        jsonb not null,
    sealed       bytea,
    due_at       timestamptz not null default now(),
    created_at   timestamptz not null default now(),
    sent_at      timestamptz,
    claimed_until timestamptz,          -- whoever works on it has it until then
    attempts     integer not null default 0, -- how often it was refused
    failing_since timestamptz,
    failure      text,                  -- why it is not sent yet: a code, never a text of others
    dead_at      timestamptz            -- nobody tries any more
) with (fillfactor = 70,                -- room for a claim beside its row
        autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
create index idx_outbox_unsent on bookings.outbox (topic, booking_id, id) where sent_at is null;
create index idx_outbox_due on bookings.outbox (topic, due_at) where sent_at is null;
create index idx_outbox_events on bookings.outbox (due_at, id)
    where topic = 'events' and sent_at is null and dead_at is null;
create index idx_outbox_sent on bookings.outbox (sent_at) where sent_at is not null; -- retention

-- Idempotency-Keys and the answers stored under them, in the effect's commit.
create table bookings.idempotency_keys (
    caller      text not null,
    key         text not null,
    fingerprint bytea not null,  -- keyed hash of method, path and body
    booking_id  uuid not null references bookings.bookings,
    answer      bytea not null,  -- sealed under the booking's key
    created_at  timestamptz not null default now(),
    primary key (caller, key)
);
create index idx_idempotency_keys_created on bookings.idempotency_keys (created_at);
create index idx_idempotency_keys_booking on bookings.idempotency_keys (booking_id);

-- ---- access: the keys of programs ------------------------------------------

create table access.api_keys (
    id           text primary key check (id ~ '^[a-z0-9]{8,16}$'),
    name         text not null,
    kind         text not null check (kind in ('publishable', 'secret')),
    secret_hash  bytea not null check (octet_length(secret_hash) = 32),
    scopes       text[] not null,
    franchise_id uuid references franchises.franchises,
    created_at   timestamptz not null default now(),
    expires_at   timestamptz,
    revoked_at   timestamptz
);

-- ---- a franchise's day: slots as instants, rates, places left --------------

-- The instant of a local time.  In a fold both readings exist and p_later says
-- which is meant; in a gap neither does, and the first instant after it is it.
create function franchises.local_instant(p_local timestamp, p_zone text, p_later boolean)
returns timestamptz language plpgsql stable as $$
declare
    utc    timestamptz := p_local at time zone 'UTC';
    before interval := ((utc - interval '1 day') at time zone p_zone)
                     - ((utc - interval '1 day') at time zone 'UTC');
    after  interval := ((utc + interval '1 day') at time zone p_zone)
                     - ((utc + interval '1 day') at time zone 'UTC');
    a timestamptz := utc - before;
    b timestamptz := utc - after;
    a_fits boolean;
    b_fits boolean;
    low timestamptz;
    high timestamptz;
    mid timestamptz;
begin
    if before = after and (a at time zone p_zone) = p_local then
        return a;
    end if;
    a_fits := (a at time zone p_zone) = p_local;
    b_fits := (b at time zone p_zone) = p_local;
    if a_fits and b_fits then
        return case when p_later then greatest(a, b) else least(a, b) end;
    elsif a_fits then
        return a;
    elsif b_fits then
        return b;
    end if;

    -- A gap: find the transition, the first instant that reads later.
    low := least(a, b) - interval '1 second';
    high := greatest(a, b) + interval '1 second';
    while high - low > interval '1 second' loop
        mid := date_trunc('second', low + (high - low) / 2);
        if (mid at time zone p_zone) > p_local then
            high := mid;
        else
            low := mid;
        end if;
    end loop;
    return high;
end $$;

-- The slots of one local day: cut in absolute time from the opening instant,
-- so that a day with a DST change loses none and sells none twice.  A tail
-- shorter than a slot is not sold.
create function franchises.cut_day(p_zone text, p_day date, p_open time, p_close time,
    p_minutes integer,
    out open_at timestamptz, out close_at timestamptz,
    out starts timestamptz[], out labels text[], out end_labels text[], out local_times time[])
language plpgsql stable as $$
declare
    step interval := make_interval(mins => p_minutes);
begin
    open_at := franchises.local_instant(p_day + p_open, p_zone, false);
    -- 24:00 is where the next day opens, and that is the earlier one.
    close_at := franchises.local_instant(p_day + p_close, p_zone, p_close < '24:00');
    select coalesce(array_agg(s order by s), '{}'),
           coalesce(array_agg(to_char(l, 'HH24:MI') order by s), '{}'),
           coalesce(array_agg(case when to_char(e, 'HH24:MI') = '00:00' then '24:00'
                                   else to_char(e, 'HH24:MI') end order by s), '{}'),
           coalesce(array_agg(l::time order by s), '{}')
      into starts, labels, end_labels, local_times
      from (select s, s at time zone p_zone as l, (s + step) at time zone p_zone as e
              from generate_series(open_at, close_at - step, step) as s) as cut;
end $$;

-- Everything about one franchise and one of its days, in one row: the rules,
-- the slots as instants with labels and rates, and the places left.  p_at
-- picks the day by an instant, p_day by its date; both null: today there.
--
-- left_over counts a lapsed hold's places as free: a hold that nobody has
-- expired yet never blocks; nor do places held by a change that has lapsed.
-- lapsed counts both.  valid_until is the next moment at which any of this
-- changes by the clock alone.
create type bookings.day as (
    franchise_id uuid, version integer, is_active boolean, currency text,
    time_zone text, slot_minutes integer, lead_minutes integer, horizon_days integer,
    max_capacity integer, standard_rate bigint, peak_hour_rate bigint,
    open_label text, close_label text,
    cancel_hours integer[], cancel_percent integer[], cancel_fee bigint,
    day date, today date, closed text, open_at timestamptz, close_at timestamptz,
    starts timestamptz[], labels text[], end_labels text[],
    rates bigint[], peaks boolean[], left_over integer[],
    missing integer, lapsed integer, as_of timestamptz, valid_until timestamptz
);

create function bookings.franchise_day(p_franchise uuid, p_day date, p_at timestamptz)
returns bookings.day language plpgsql stable as $$
declare
    d bookings.day;
    f franchises.franchises;
    cut record;
    peak_starts time[];
    peak_ends time[];
    changes integer;
begin
    select * into f from franchises.franchises where id = p_franchise;
    if not found then
        return null;
    end if;
    d.as_of := now();
    d.franchise_id := f.id;
    d.version := f.version;
    d.is_active := f.is_active;
    d.currency := f.currency;
    d.time_zone := f.timezone;
    d.slot_minutes := f.slot_minutes;
    d.lead_minutes := f.lead_minutes;
    d.horizon_days := f.horizon_days;
    d.max_capacity := f.max_capacity;
    d.standard_rate := f.standard_rate * 100;
    d.peak_hour_rate := f.peak_hour_rate * 100;
    d.open_label := to_char(f.open_time, 'HH24:MI');
    d.close_label := to_char(f.close_time, 'HH24:MI');
    d.cancel_hours := f.cancel_hours;
    d.cancel_percent := f.cancel_percent;
    d.cancel_fee := f.cancel_fee * 100;
    d.today := (d.as_of at time zone f.timezone)::date;
    d.day := coalesce(p_day, (coalesce(p_at, d.as_of) at time zone f.timezone)::date);
    d.valid_until := franchises.local_instant((d.today + 1)::timestamp, f.timezone, false);
    d.missing := 0;
    d.lapsed := 0;

    if not extract(isodow from d.day)::integer = any (f.operating_days) then
        d.closed := 'not_operating';
    elsif exists (select from franchises.closed_days c
                   where c.franchise_id = f.id and c.day = d.day) then
        d.closed := 'closed_day';
    end if;
    if d.closed is not null then
        d.starts := '{}'; d.labels := '{}'; d.end_labels := '{}';
        d.rates := '{}'; d.peaks := '{}'; d.left_over := '{}';
        return d;
    end if;

    select * into cut
      from franchises.cut_day(f.timezone, d.day, f.open_time, f.close_time, f.slot_minutes);
    d.open_at := cut.open_at;
    d.close_at := cut.close_at;
    d.starts := cut.starts;
    d.labels := cut.labels;
    d.end_labels := cut.end_labels;

    select array_agg(p.start_time), array_agg(p.end_time) into peak_starts, peak_ends
      from franchises.peak_windows p
     where p.franchise_id = f.id and extract(isodow from d.day)::integer = any (p.weekdays);
    select coalesce(array_agg(w.peak order by w.i), '{}'),
           coalesce(array_agg(case when w.peak then d.peak_hour_rate
                                   else d.standard_rate end order by w.i), '{}'),
           coalesce(array_agg(coalesce(l.capacity - l.booked, f.max_capacity) order by w.i), '{}'),
           count(*) filter (where l.slot_start is null),
           least(d.valid_until, min(w.s - make_interval(mins => f.lead_minutes))
               filter (where w.s > d.as_of + make_interval(mins => f.lead_minutes)))
      into d.peaks, d.rates, d.left_over, d.missing, d.valid_until
      from (select u.s, u.i, exists (
                select from unnest(peak_starts, peak_ends) as p (a, b)
                 where u.t >= p.a and u.t < p.b) as peak
              from unnest(cut.starts, cut.local_times) with ordinality as u (s, t, i)) as w
      -- The bounds keep the join to this day's rows.
      left join franchises.slot_ledger l on l.franchise_id = f.id and l.slot_start = w.s
           and l.slot_start >= d.open_at and l.slot_start < d.close_at;

    -- Where a row of another grid stands (tzdata changed; no slot is longer
    -- than an hour) the ledger has no room for this one.
    if d.missing > 0 and cardinality(d.starts) - d.missing < (
           select count(*) from franchises.slot_ledger o
            where o.franchise_id = f.id and o.slot_start > d.open_at - interval '1 hour'
              and o.slot_start < d.close_at and o.slot_end > d.open_at) then
        select array_agg(case when exists (
                   select from franchises.slot_ledger o
                    where o.franchise_id = f.id and o.slot_start <> u.s and o.slot_end > u.s
                      and o.slot_start > u.s - interval '1 hour'
                      and o.slot_start < u.s + make_interval(mins => f.slot_minutes))
                   then 0 else u.n end order by u.i)
          into d.left_over
          from unnest(d.starts, d.left_over) with ordinality as u (s, n, i);
    end if;

    -- A lapsed hold that nobody has expired yet does not block: count its
    -- places as free.  ("is true" keeps the index of all that are pending out.)
    select count(*) filter (where b.hold_expires_at <= d.as_of),
           least(d.valid_until, min(b.hold_expires_at) filter (where b.hold_expires_at > d.as_of))
      into d.lapsed, d.valid_until
      from bookings.bookings b
     where b.franchise_id = f.id and (b.booking_status = 'pending') is true
       and b.start_datetime >= d.open_at and b.start_datetime < d.close_at;
    if d.lapsed > 0 then
        select array_agg(d.left_over[u.i] + coalesce((
                   select sum(b.child_count)::integer from bookings.bookings b
                    where b.franchise_id = f.id and (b.booking_status = 'pending') is true
                      and b.hold_expires_at <= d.as_of and b.start_datetime >= d.open_at
                      and b.start_datetime <= u.s and b.end_datetime > u.s), 0) order by u.i)
          into d.left_over
          from unnest(d.starts) with ordinality as u (s, i);
    end if;

    -- The same of a paid booking's change that was not paid in time.
    select count(distinct h.booking_id) filter (where c.expires_at <= d.as_of),
           least(d.valid_until, min(c.expires_at) filter (where c.expires_at > d.as_of))
      into changes, d.valid_until
      from bookings.held_places h
      join bookings.pending_changes c on c.booking_id = h.booking_id
     where h.franchise_id = f.id and h.slot_start >= d.open_at and h.slot_start < d.close_at;
    if changes > 0 then
        d.lapsed := d.lapsed + changes;
        select array_agg(d.left_over[u.i] + coalesce((
                   select sum(h.places)::integer
                     from bookings.held_places h
                     join bookings.pending_changes c on c.booking_id = h.booking_id
                    where h.franchise_id = f.id and h.slot_start = u.s
                      and c.expires_at <= d.as_of), 0) order by u.i)
          into d.left_over
          from unnest(d.starts) with ordinality as u (s, i);
    end if;
    return d;
end $$;

-- ---- the life of a booking: placed, changed, released ----------------------

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

-- ---- changes that wait for their money: asked for, applied, over -------------

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

-- ---- franchises are kept: set up, changed, closed for a day ----------------

-- A slot as people there read it.
create function franchises.slot_label(p_at timestamptz, p_zone text)
returns text language sql stable as $$
    select to_char(p_at at time zone p_zone, 'YYYY-MM-DD HH24:MI')
$$;

-- Refuse when a slot with bookings would not be one of the new day's.
-- p_moves: zone or length change, and no slot with bookings may be left at all.
create function franchises.refuse_to_move(p_id uuid, p_moves boolean, p_old_zone text,
    p_zone text, p_open time, p_close time, p_days integer[], p_minutes integer)
returns void language plpgsql as $$
declare
    bad record;
begin
    select l.slot_start, l.booked into bad
      from franchises.slot_ledger l
     where l.franchise_id = p_id and l.booked > 0 and l.slot_end > now()
       and (p_moves
            or not extract(isodow from l.slot_start at time zone p_zone)::integer = any (p_days)
            or not l.slot_start = any ((franchises.cut_day(p_zone,
                   (l.slot_start at time zone p_zone)::date, p_open, p_close, p_minutes)).starts))
     order by l.slot_start limit 1;
    if not found then
        return;
    end if;
    if p_moves then
        raise exception using errcode = 'CB010', message =
            'the time zone and the length of slots stay as they are while future bookings stand; '
            || 'the first is at ' || franchises.slot_label(bad.slot_start, p_old_zone);
    end if;
    raise exception using errcode = 'CB010', message =
        'bookings stand that would not fit the slots of the new hours; the first is at '
        || franchises.slot_label(bad.slot_start, p_old_zone);
end $$;

-- Give future slots their new capacity, or say which hold more than that.
create function franchises.resize_slots(p_id uuid, p_zone text, p_capacity integer)
returns void language plpgsql as $$
declare
    most integer;
    slots text;
begin
    select max(l.booked),
           string_agg(franchises.slot_label(l.slot_start, p_zone) || ' (' || l.booked || ')', ', '
                      order by l.slot_start)
      into most, slots
      from (select l.slot_start, l.booked from franchises.slot_ledger l
             where l.franchise_id = p_id and l.slot_end > now() and l.booked > p_capacity
             order by l.slot_start limit 20) as l;
    if most is not null then
        raise exception using errcode = 'CB011', detail = slots, message =
            'the capacity may not be below what is booked: ' || most || ' places';
    end if;
    update franchises.slot_ledger l set capacity = p_capacity
     where l.franchise_id = p_id and l.slot_end > now() and l.capacity <> p_capacity;
end $$;

-- Make a franchise (p_version null) or change the one that still stands at
-- p_version; gives the new version.  Rates and the fee in hundredths.
create function franchises.save(p_id uuid, p_version integer,
    p_name text, p_address text, p_city text, p_postal_code text,
    p_zone text, p_currency text, p_capacity integer, p_standard bigint, p_peak bigint,
    p_open time, p_close time, p_days integer[], p_minutes integer, p_lead integer,
    p_horizon integer, p_cancel_hours integer[], p_cancel_percent integer[], p_cancel_fee bigint,
    p_active boolean, p_peak_starts time[], p_peak_ends time[], p_peak_days text[])
returns integer language plpgsql as $$
declare
    f franchises.franchises;
    moves boolean;
begin
    if not exists (select from pg_timezone_names z where z.name = p_zone
                      and z.name !~ '^(posix|right)/' and z.name not in ('localtime', 'Factory')) then
        raise exception using errcode = 'CB012',
            message = 'there is no time zone ' || quote_ident(p_zone);
    end if;
    -- To Postgres CET, EST and their kin are fixed offsets before they are zones.
    if p_zone <> 'UTC' and exists (select from pg_timezone_abbrevs a
                                    where a.abbrev = upper(p_zone)) then
        raise exception using errcode = 'CB012', message =
            'the time zone ' || quote_ident(p_zone)
            || ' knows no summer time: name a place, such as Europe/London';
    end if;
    if (p_standard * p_minutes) % 60 <> 0 or (p_peak * p_minutes) % 60 <> 0 then
        raise exception 'the price of a slot does not divide exactly' using errcode = 'CB013';
    end if;

    if p_version is null then
        insert into franchises.franchises (id, name, address, city, postal_code, timezone, currency,
            max_capacity, standard_rate, peak_hour_rate, open_time, close_time, operating_days,
            slot_minutes, lead_minutes, horizon_days, cancel_hours, cancel_percent, cancel_fee,
            is_active)
        values (p_id, p_name, p_address, p_city, p_postal_code, p_zone, p_currency, p_capacity,
            p_standard / 100.0, p_peak / 100.0, p_open, p_close, p_days, p_minutes, p_lead,
            p_horizon, p_cancel_hours, p_cancel_percent, p_cancel_fee / 100.0, p_active);
    else
        select * into f from franchises.franchises where id = p_id for no key update;
        if not found then
            raise exception 'there is no such franchise' using errcode = 'CB005';
        elsif f.version <> p_version then
            raise exception 'the franchise has changed meanwhile' using errcode = 'CB003';
        end if;
        update franchises.franchises set name = p_name, address = p_address, city = p_city,
            postal_code = p_postal_code, timezone = p_zone, currency = p_currency,
            max_capacity = p_capacity, standard_rate = p_standard / 100.0,
            peak_hour_rate = p_peak / 100.0, open_time = p_open, close_time = p_close,
            operating_days = p_days, slot_minutes = p_minutes, lead_minutes = p_lead,
            horizon_days = p_horizon, cancel_hours = p_cancel_hours,
            cancel_percent = p_cancel_percent, cancel_fee = p_cancel_fee / 100.0,
            is_active = p_active, version = version + 1, updated_at = now()
         where id = p_id;

        moves := (p_zone, p_minutes) is distinct from (f.timezone, f.slot_minutes::integer);
        perform from franchises.slot_ledger l
          where l.franchise_id = p_id and l.slot_end > now() order by l.slot_start for update;
        if moves or (p_open, p_close, p_days) is distinct from
                    (f.open_time, f.close_time, f.operating_days) then
            perform franchises.refuse_to_move(p_id, moves, f.timezone, p_zone, p_open, p_close,
                p_days, p_minutes);
            -- Empty slots of the old grid would stand in the new one's way; and
            -- whoever is about to book one finds it gone, and reads again.
            delete from franchises.slot_ledger l
             where l.franchise_id = p_id and l.slot_end > now() and l.booked = 0;
        end if;
        if p_capacity <> f.max_capacity then
            perform franchises.resize_slots(p_id, p_zone, p_capacity);
        end if;
        delete from franchises.peak_windows where franchise_id = p_id;
    end if;

    insert into franchises.peak_windows (franchise_id, weekdays, start_time, end_time)
    select p_id, w.days::integer[], w.starts, w.ends
      from unnest(p_peak_starts, p_peak_ends, p_peak_days) as w (starts, ends, days);
    return coalesce(p_version, 0) + 1;
end $$;

-- The account of a franchise that was just saved, at p_version: absent is as
-- before, empty is none.  It never goes by itself: what was paid keeps the account
-- it was paid on.
create function franchises.put_account(p_id uuid, p_version integer, p_account text)
returns integer language plpgsql as $$
begin
    update franchises.franchises set stripe_account = nullif(p_account, '')
     where id = p_id and version = p_version and p_account is not null;
    return p_version;
end $$;

-- A booking keeps the currency it was made in.  Another one at its franchise
-- would price its changes in units that are not its own, whoever asks, so the
-- table itself refuses.  Locks: the franchise's row, then its slots in order.
create function franchises.currency_stays() returns trigger language plpgsql as $$
declare
    first timestamptz;
begin
    perform from franchises.slot_ledger l
      where l.franchise_id = new.id and l.slot_end > now() order by l.slot_start for update;
    select min(l.slot_start) into first from franchises.slot_ledger l
     where l.franchise_id = new.id and l.slot_end > now() and l.booked > 0;
    if first is not null then
        raise exception using errcode = 'CB010', message =
            'the currency stays as it is while future bookings stand; the first is at '
            || franchises.slot_label(first, old.timezone);
    end if;
    -- Whoever is about to book at the old price finds its slot gone, and reads
    -- again.
    delete from franchises.slot_ledger l
     where l.franchise_id = new.id and l.slot_end > now();
    return null;
end $$;

create trigger currency_stays after update of currency on franchises.franchises
    for each row when (old.currency is distinct from new.currency)
    execute function franchises.currency_stays();

-- Close a franchise on one local day on which nothing is booked.
create function franchises.close_day(p_id uuid, p_day date, p_reason text)
returns void language plpgsql as $$
declare
    f franchises.franchises;
    from_at timestamptz;
    until_at timestamptz;
    standing integer;
    lapsed integer;
begin
    select * into f from franchises.franchises where id = p_id for no key update;
    if not found then
        raise exception 'there is no such franchise' using errcode = 'CB005';
    elsif p_day < (now() at time zone f.timezone)::date then
        raise exception 'the day is over' using errcode = 'CB015';
    end if;
    from_at := franchises.local_instant(p_day, f.timezone, false);
    until_at := franchises.local_instant(p_day + 1, f.timezone, false);

    -- With its empty slots gone nobody can book the day who read it before.
    perform from franchises.slot_ledger l
      where l.franchise_id = p_id and l.slot_start >= from_at and l.slot_start < until_at
      order by l.slot_start for update;
    delete from franchises.slot_ledger l
     where l.franchise_id = p_id and l.slot_start >= from_at and l.slot_start < until_at
       and l.booked = 0;
    select count(*), count(*) filter (where b.hold_expires_at <= now()
                                        and b.booking_status = 'pending')
      into standing, lapsed
      from bookings.bookings b
     where b.franchise_id = p_id and b.start_datetime >= from_at and b.start_datetime < until_at
       and b.booking_status in ('pending', 'confirmed', 'checked_in');
    -- Nor may a change that waits for its money end on a closed day.
    select standing + count(*), lapsed + count(*) filter (where c.expires_at <= now())
      into standing, lapsed
      from bookings.pending_changes c
      join bookings.bookings b on b.id = c.booking_id
     where b.franchise_id = p_id and c.start_datetime >= from_at and c.start_datetime < until_at
       and not (b.start_datetime >= from_at and b.start_datetime < until_at);
    if standing > 0 then
        raise exception using errcode = 'CB014', message =
            'bookings stand on that day: ' || standing
            || case when lapsed > 0 then ', of which ' || lapsed || ' are holds that have lapsed'
                    else '' end;
    end if;

    insert into franchises.closed_days (franchise_id, day, reason) values (p_id, p_day, p_reason)
        on conflict (franchise_id, day) do update set reason = excluded.reason;
    update franchises.franchises set version = version + 1, updated_at = now() where id = p_id;
end $$;

-- Open it again; false when it was not closed.
create function franchises.open_day(p_id uuid, p_day date)
returns boolean language plpgsql as $$
declare
    was_closed boolean;
begin
    perform from franchises.franchises where id = p_id for no key update;
    if not found then
        raise exception 'there is no such franchise' using errcode = 'CB005';
    end if;
    delete from franchises.closed_days where franchise_id = p_id and day = p_day;
    was_closed := found;
    if was_closed then
        update franchises.franchises set version = version + 1, updated_at = now() where id = p_id;
    end if;
    return was_closed;
end $$;

-- ---- payments: attempts, refunds, Stripe's events, the journal ---------------

create schema payments;

create table payments.payments (
    id                uuid primary key,
    booking_id        uuid not null references bookings.bookings,
    stripe_payment_id varchar(100) unique,      -- the PaymentIntent, once known
    amount            numeric(10,2) not null check (amount > 0),
    currency          varchar(3) not null default 'USD',
    payment_method    varchar(50) not null,     -- 'checkout' or pm_...
    payment_status    varchar(20) not null check (payment_status in
        ('queued', 'open', 'requires_action', 'processing', 'succeeded', 'failed',
         'expired', 'superseded')),
    processed_at      timestamptz,
    created_at        timestamptz not null default now(),
    -- beyond the seed
    session_id        varchar(100) unique,
    session_url       text,
    session_expires_at timestamptz,
    failure_code      varchar(100),
    refunded_amount   numeric(10,2) not null default 0,
    stripe_account    varchar(100),
    updated_at        timestamptz not null default now(),
    version           integer not null default 1,
    change_id         uuid,        -- the change it is for; null: the booking itself
    change_end        varchar(20), -- what became of that; null: nothing yet
    constraint payments_change_end check (change_end is null
        or change_end in ('applied', 'replaced', 'dropped') and change_id is not null),
    constraint payments_refund_within_paid check (
        refunded_amount >= 0 and refunded_amount <= amount
        and (refunded_amount = 0 or payment_status = 'succeeded'))
);
create index idx_payments_booking on payments.payments (booking_id, created_at);
-- One unfinished payment a booking, whoever asks for it.
create unique index payments_one_unfinished on payments.payments (booking_id)
    where payment_status in ('queued', 'open', 'requires_action', 'processing');

create table payments.refunds (
    id               uuid primary key,
    payment_id       uuid not null references payments.payments,
    booking_id       uuid not null references bookings.bookings,
    stripe_refund_id varchar(100) unique,
    amount           numeric(10,2) not null check (amount > 0),
    currency         varchar(3) not null,
    reason           text not null check (reason in
        ('cancelled', 'late', 'duplicate', 'superseded', 'price_down', 'staff')),
    refund_status    varchar(20) not null default 'queued' check (refund_status in
        ('queued', 'pending', 'succeeded', 'failed')),
    failure_reason   varchar(100),
    created_at       timestamptz not null default now(),
    updated_at       timestamptz not null default now(),
    processed_at     timestamptz,
    version          integer not null default 1,
    key_turn         smallint not null default 0,  -- of its Idempotency-Keys
    key_since        timestamptz not null default now()
);
create index idx_refunds_payment on payments.refunds (payment_id);
create index idx_refunds_booking on payments.refunds (booking_id);

-- Each event of Stripe's takes effect once.
create table payments.stripe_events (
    stripe_event_id text primary key,
    type            text not null,
    object_id       text not null,
    payment_id      uuid,
    received_at     timestamptz not null default now()
);
create index idx_stripe_events_received on payments.stripe_events (received_at); -- retention

-- Double entry, append only: the lines of an entry sum to nothing per currency.
create table payments.journal (
    id         bigint generated always as identity primary key,
    entry_id   uuid not null,
    kind       text not null check (kind in ('charge', 'refund', 'refund_failed', 'fee', 'dispute', 'waiver')),
    booking_id uuid not null references bookings.bookings,
    reference  uuid not null,  -- the payment or refund
    account    text not null check (account in ('stripe', 'customers', 'fees', 'disputes', 'waivers')),
    amount     numeric(12,2) not null check (amount <> 0),
    currency   varchar(3) not null,
    created_at timestamptz not null default now()
);
create index idx_journal_entry on payments.journal (entry_id);
create index idx_journal_booking on payments.journal (booking_id);

-- What Stripe kept of each movement on our balance with it: entered in the
-- journal once, when Stripe tells it; movements come later than charges.
create table payments.stripe_fees (
    balance_transaction text primary key,
    booking_id uuid not null references bookings.bookings,
    reference  uuid not null,  -- the payment or refund
    fee        numeric(12,2),  -- null until told
    currency   varchar(3),     -- the balance's: not always the payment's
    created_at timestamptz not null default now(),
    constraint stripe_fees_told check ((fee is null) = (currency is null))
);
create index idx_stripe_fees_booking on payments.stripe_fees (booking_id);

-- What a run of bookingctl reconcile has seen at Stripe so far; its own notes.
create unlogged table payments.reconcile_seen (
    run     uuid not null,
    object  text not null,
    seen_at timestamptz not null default now(),
    primary key (run, object)
);

-- It runs at the commit, as whoever commits: hence as its owner.
create function payments.journal_balances() returns trigger language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
begin
    if exists (select from payments.journal j where j.entry_id = new.entry_id
                group by j.currency having sum(j.amount) <> 0) then
        raise exception 'journal entry % does not balance', new.entry_id
            using errcode = '23514', constraint = 'journal_balances';
    end if;
    return null;
end $$;
create constraint trigger journal_balances after insert on payments.journal
    deferrable initially deferred for each row execute function payments.journal_balances();

create function payments.journal_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'the journal is append-only' using errcode = '23514',
        constraint = 'journal_append_only';
end $$;
create trigger journal_append_only before update or delete or truncate on payments.journal
    for each statement execute function payments.journal_is_append_only();

-- ---- functions ---------------------------------------------------------------

-- Money that came too late, twice, or for another price was never the booking's:
-- that it goes back neither makes the booking refunded nor lessens what is due.
create function payments.is_of_others(p_reason text)
returns boolean language sql immutable as $$
    select p_reason in ('late', 'duplicate', 'superseded')
$$;

-- What goes back of such a payment is not the booking's either, whoever sends it.
create function payments.was_of_others(p_payment uuid)
returns boolean language sql stable as $$
    select exists (select from payments.refunds r
                    where r.payment_id = p_payment and payments.is_of_others(r.reason))
$$;

-- A refund is owed from its row on; what failed is owed no less, but no longer
-- on its way.  Everything that is summed up elsewhere is summed here.
create function payments.sum_up(p_booking uuid)
returns void language plpgsql as $$
begin
    update payments.payments p set refunded_amount = s.refunded
      from (select q.id, coalesce(sum(r.amount) filter (where r.refund_status <> 'failed'), 0) as refunded
              from payments.payments q
              left join payments.refunds r on r.payment_id = q.id
             where q.booking_id = p_booking group by q.id) as s
     where p.id = s.id and p.refunded_amount <> s.refunded;
    update bookings.bookings b
       set paid_amount = p.paid, refunded_amount = p.refunded,
           payment_status = case
               when p.due > 0 and p.due >= p.paid - p.others then 'refunded'
               when p.due > 0 then 'partially_refunded'
               when p.paid > 0 and p.refunded >= p.paid
                    and b.booking_status in ('expired', 'cancelled') then 'refunded'
               when b.payment_status in ('refunded', 'partially_refunded') then 'paid'
               else b.payment_status end
      from (select coalesce(sum(q.amount) filter (where q.payment_status = 'succeeded'), 0) as paid,
                   coalesce(sum(q.refunded_amount), 0) as refunded,
                   coalesce(sum(q.amount) filter (where q.payment_status = 'succeeded'
                                                    and o.of_others), 0) as others,
                   coalesce(sum(q.refunded_amount) filter (where not o.of_others), 0) as due
              from payments.payments q
             cross join lateral (select payments.was_of_others(q.id) as of_others) as o
             where q.booking_id = p_booking) as p
     where b.id = p_booking;
end $$;

-- A queued attempt to pay a booking, or (p_change) what a change of it costs, on
-- the account that its franchise has now.
create function payments.put_attempt(p_id uuid, p_booking uuid, p_amount bigint,
    p_currency text, p_method text, p_account text, p_change uuid default null)
returns void language plpgsql as $$
begin
    insert into payments.payments (id, booking_id, amount, currency, payment_method,
        payment_status, stripe_account, change_id)
    select p_id, p_booking, p_amount / 100.0, p_currency, p_method, 'queued',
           coalesce(p_account, f.stripe_account), p_change
      from bookings.bookings b join franchises.franchises f on f.id = b.franchise_id
     where b.id = p_booking;
end $$;

-- What is not finished and no longer wanted.  Its session may still be paid:
-- that money is sent back when it lands.
create function payments.supersede(p_booking uuid)
returns void language plpgsql as $$
begin
    update payments.payments
       set payment_status = 'superseded', updated_at = now(), version = version + 1
     where booking_id = p_booking
       and payment_status in ('queued', 'open', 'requires_action', 'processing');
end $$;

-- Once a booking is confirmed, by whatever, no other attempt to pay it is wanted.
-- The one that confirmed it has succeeded by then.
create function bookings.confirmed_once() returns trigger language plpgsql as $$
begin
    perform payments.supersede(new.id);
    return null;
end $$;
create trigger confirmed_once after update of booking_status on bookings.bookings
    for each row when (new.booking_status = 'confirmed' and old.booking_status <> 'confirmed')
    execute function bookings.confirmed_once();

create function payments.put_refunds(p_booking uuid, p_ids uuid[], p_payments uuid[],
    p_amounts bigint[], p_reasons text[])
returns void language plpgsql as $$
begin
    insert into payments.refunds (id, payment_id, booking_id, amount, currency, reason)
    select r.id, r.payment, p_booking, r.amount / 100.0, p.currency, r.reason
      from unnest(p_ids, p_payments, p_amounts, p_reasons) as r (id, payment, amount, reason)
      join payments.payments p on p.id = r.payment;
end $$;

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

create function payments.put_entry(p_kind text, p_booking uuid, p_reference uuid,
    p_debit text, p_credit text, p_amount numeric, p_currency text)
returns void language plpgsql as $$
declare
    entry uuid := gen_random_uuid();
begin
    insert into payments.journal (entry_id, kind, booking_id, reference, account, amount, currency)
    values (entry, p_kind, p_booking, p_reference, p_debit, p_amount, p_currency),
           (entry, p_kind, p_booking, p_reference, p_credit, -p_amount, p_currency);
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
create function payments.apply(p_do jsonb,
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

-- An event that changes nothing is kept all the same, once.
create function payments.keep_event(p_id text, p_type text, p_object text)
returns boolean language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into payments.stripe_events (stripe_event_id, type, object_id)
    values (p_id, p_type, p_object) on conflict do nothing;
    return found;
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

-- The answer stored under a key, once Stripe's part of it is known.
create function payments.restate_answer(p_caller text, p_key text, p_booking uuid, p_answer bytea)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    update bookings.idempotency_keys set answer = p_answer
     where caller = p_caller and key = p_key and booking_id = p_booking;
end $$;

-- ---- visits: the QR code, who came, who went home with whom --------------------

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

-- ---- the relays: claimed by lease, marked, put off, forgotten ------------------
--
-- Nothing is open during a call outside: a claim commits at once, and ends by
-- itself when whoever had it is gone.  attempts counts refusals of the row
-- itself, never outages.

-- Due work of a topic, the longest due first.  Here and below a few rows are
-- taken from the head of an index, however many wait behind them; a plan made
-- for all of them, or for a table that was empty then, costs a hundred times as
-- much, so none but this one is allowed.
create function bookings.outbox_take(p_topic text, p_limit integer, p_lease interval)
returns table (id bigint, type text, booking_id uuid, facts jsonb, attempts integer, age interval,
    lease timestamptz)
language sql security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off
set enable_mergejoin = off as $$
    with due as materialized (
        select d.id from bookings.outbox d
         where d.topic = p_topic and d.sent_at is null and d.dead_at is null
           and d.due_at <= now() and (d.claimed_until is null or d.claimed_until < now())
         order by d.due_at, d.id limit p_limit for update skip locked)
    update bookings.outbox o set claimed_until = now() + p_lease
      from due where o.id = due.id
    returning o.id, o.type, o.booking_id, o.facts, o.attempts,
              now() - coalesce(o.failing_since, now()), o.claimed_until
$$;

/*
 * What a text says as an instant; null where that is none.  A row that was spoilt
 * must not end the claim of all others with it: it is refused, and dead, alone.
 */
create function bookings.instant_of(p_text text)
returns timestamptz language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
    at timestamptz;
begin
    if p_text is null then
        return null;
    end if;
    at := p_text::timestamptz;
    -- At the ends of what Postgres can tell it has no day in some time zones.
    return case when at >= '0001-01-02' and at < '9999-12-31' then at end;
exception when data_exception then
    return null;
end $$;

/*
 * Events in order: of each booking only the oldest that is not sent, whether
 * it is due, in somebody's hands or dead.  Rows of a booking are inserted under
 * its lock, so that of two the one with the lower id was committed first.  Of all
 * bookings' first those that are due longest.
 *
 * days are the days of the franchise whose cached values the event's commit
 * made stale, counted from 1970-01-01.
 */
create function bookings.outbox_take_events(p_limit integer, p_lease interval)
returns table (id bigint, type text, booking_id uuid, event_id uuid, sequence integer,
    facts jsonb, sealed bytea, created_at timestamptz, data_key bytea, attempts integer,
    age interval, franchise_id uuid, days bigint[], lease timestamptz)
language sql security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off
set enable_mergejoin = off as $$
    with due as materialized (
        select d.id from bookings.outbox d
         where d.topic = 'events' and d.sent_at is null and d.dead_at is null
           and d.due_at <= now() and (d.claimed_until is null or d.claimed_until < now())
           and not exists (select from bookings.outbox p
                            where p.topic = 'events' and p.sent_at is null
                              and p.booking_id = d.booking_id and p.id < d.id)
         order by d.due_at, d.id limit p_limit for update of d skip locked
    ), mine as (
        update bookings.outbox o set claimed_until = now() + p_lease
          from due where o.id = due.id
        returning o.*
    )
    select o.id, o.type, o.booking_id, o.event_id, o.sequence, o.facts, o.sealed, o.created_at,
           b.data_key, o.attempts, now() - coalesce(o.failing_since, now()), b.franchise_id,
           case when o.facts ?| array['retaken', 'held_start_datetime'] or o.type in
                ('BookingCreated', 'BookingModified', 'BookingCancelled', 'BookingExpired') then (
               select array_agg(distinct (t.at at time zone f.timezone)::date - date '1970-01-01')
                 from (values (bookings.instant_of(o.facts ->> 'start_datetime')),
                              (bookings.instant_of(o.facts ->> 'was_start_datetime')),
                              (bookings.instant_of(o.facts ->> 'held_start_datetime'))) as t (at)
                where t.at is not null) end,
           o.claimed_until
      from mine o
      join bookings.bookings b on b.id = o.booking_id
      join franchises.franchises f on f.id = b.franchise_id
     order by o.id
$$;

-- Sent is sent, whoever says so and whatever became of the row meanwhile: it is
-- not dead either, if another gave it up.
create function bookings.outbox_sent(p_ids bigint[])
returns void language sql security definer set search_path = pg_catalog, pg_temp as $$
    update bookings.outbox set sent_at = clock_timestamp(), claimed_until = null,
           failing_since = null, failure = null, dead_at = null
     where id = any (p_ids) and sent_at is null
$$;

/*
 * Put rows off, each by its delay, if they are still held by the lease they
 * were taken with; the arrays run in step.  outcome is
 *   soon     nothing is wrong, look again then
 *   outage   the outside is not to be had: given up after p_patience of it
 *   refused  the row itself is: given up after p_retries more tries
 * Gives how many were given up.
 */
create function bookings.outbox_put_off(p_ids bigint[], p_leases timestamptz[],
    p_delays bigint[], p_outcomes text[], p_failures text[], p_retries integer,
    p_patience interval)
returns bigint language sql security definer set search_path = pg_catalog, pg_temp as $$
    with put_off as (
    update bookings.outbox o
       set claimed_until = null,
           due_at = now() + make_interval(secs => w.delay / 1000.0),
           attempts = o.attempts + (w.outcome = 'refused')::integer,
           failing_since = case when w.outcome <> 'soon' then coalesce(o.failing_since, now()) end,
           failure = case when w.outcome <> 'soon' then w.failure end,
           dead_at = case when w.outcome = 'refused' and o.attempts >= p_retries
                            or w.outcome = 'outage' and o.failing_since < now() - p_patience
                          then now() end
      from unnest(p_ids, p_leases, p_delays, p_outcomes, p_failures)
           as w (id, lease, delay, outcome, failure)
     where o.id = w.id and o.claimed_until = w.lease and o.sent_at is null
    returning o.dead_at
    ) select count(dead_at) from put_off
$$;

-- The same for the relays of the previous release, which know no leases: the next
-- one drops these three.
create function bookings.outbox_claim(p_topic text, p_limit integer, p_lease interval)
returns table (id bigint, type text, booking_id uuid, facts jsonb, attempts integer, age interval)
language sql security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off
set enable_mergejoin = off as $$
    with due as materialized (
        select d.id from bookings.outbox d
         where d.topic = p_topic and d.sent_at is null and d.dead_at is null
           and d.due_at <= now() and (d.claimed_until is null or d.claimed_until < now())
         order by d.due_at, d.id limit p_limit for update skip locked)
    update bookings.outbox o set claimed_until = now() + p_lease
      from due where o.id = due.id
    returning o.id, o.type, o.booking_id, o.facts, o.attempts,
              now() - coalesce(o.failing_since, now())
$$;

create function bookings.outbox_claim_events(p_limit integer, p_lease interval)
returns table (id bigint, type text, booking_id uuid, event_id uuid, sequence integer,
    facts jsonb, sealed bytea, created_at timestamptz, data_key bytea, attempts integer,
    age interval, franchise_id uuid, days bigint[])
language sql security definer set search_path = pg_catalog, pg_temp as $$
    select t.id, t.type, t.booking_id, t.event_id, t.sequence, t.facts, t.sealed, t.created_at,
           t.data_key, t.attempts, t.age, t.franchise_id, t.days
      from bookings.outbox_take_events(p_limit, p_lease) as t
$$;

create function bookings.outbox_put_off(p_ids bigint[], p_delays bigint[], p_outcomes text[],
    p_failures text[], p_retries integer, p_patience interval)
returns bigint language sql security definer set search_path = pg_catalog, pg_temp as $$
    with put_off as (
    update bookings.outbox o
       set claimed_until = null,
           due_at = now() + make_interval(secs => w.delay / 1000.0),
           attempts = o.attempts + (w.outcome = 'refused')::integer,
           failing_since = case when w.outcome <> 'soon' then coalesce(o.failing_since, now()) end,
           failure = case when w.outcome <> 'soon' then w.failure end,
           dead_at = case when w.outcome = 'refused' and o.attempts >= p_retries
                            or w.outcome = 'outage' and o.failing_since < now() - p_patience
                          then now() end
      from unnest(p_ids, p_delays, p_outcomes, p_failures) as w (id, delay, outcome, failure)
     where o.id = w.id and o.sent_at is null
    returning o.dead_at
    ) select count(dead_at) from put_off
$$;

-- Ask another topic for work on a booking, unless it has been asked already.
create function bookings.outbox_ask(p_topic text, p_type text, p_booking uuid)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if p_topic = 'events' then
        raise exception 'an event is told with its change' using errcode = '22023';
    end if;
    if not exists (select from bookings.outbox o
                    where o.topic = p_topic and o.type = p_type and o.booking_id = p_booking
                      and o.sent_at is null and o.dead_at is null) then
        perform bookings.tell(p_booking, 0, array[p_topic], array[p_type],
            array[gen_random_uuid()], array['{}'], array[null::bytea], array[null::timestamptz]);
    end if;
end $$;

-- ---- what is over ------------------------------------------------------------

-- Until when the outbox has been emptied of what was sent.  Of bookings made
-- until `uncounted` some may be gone that nobody counted.
create table bookings.pruned (
    one   boolean primary key default true check (one),
    until timestamptz not null,
    uncounted timestamptz default now()
);

-- How many events of a booking are no longer in the outbox.  Those that stay
-- need not be its last: one that was sent again stays longer than what was told
-- after it.  A row a booking at most, small beside the booking's own, and kept
-- as long: without it a lost event could not be told from a forgotten one.
create table bookings.pruned_events (
    booking_id uuid primary key,
    events     integer not null check (events > 0)
);

-- Forget stored answers and sent rows older than these, so many at most; gives
-- how many went.  A dead row is not sent, and stays.
create function bookings.prune(p_answers_before timestamptz,
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

-- Forget Stripe's events that came before, so many at most; gives how many went.
create function payments.prune_events(p_before timestamptz, p_limit integer)
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

-- A booking whose time is over: checked_in becomes completed, and confirmed
-- no_show, in the state it was read in.
create function bookings.finish(p_id uuid, p_customer uuid, p_version integer, p_from text,
    p_status text,
    p_news_topics text[], p_news_types text[], p_news_ids uuid[], p_news_facts text[],
    p_news_sealed bytea[], p_news_due timestamptz[])
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    b bookings.bookings;
begin
    perform pg_advisory_xact_lock(hashtextextended(p_customer::text, 2));
    select * into b from bookings.bookings
     where id = p_id and customer_id = p_customer and version = p_version
       and booking_status = p_from for update;
    if not found then
        raise exception 'the booking has changed' using errcode = 'CB003';
    end if;
    if (p_from, p_status) not in (('checked_in', 'completed'), ('confirmed', 'no_show')) then
        raise exception 'a booking does not end that way' using errcode = '22023';
    end if;
    perform bookings.abandon_change(b, 'dropped');
    update bookings.bookings set booking_status = p_status, version = version + 1,
           updated_at = now(),
           event_sequence = event_sequence + cardinality(array_positions(p_news_topics, 'events'))
     where id = p_id;
    perform payments.supersede(p_id);
    perform bookings.tell(p_id, b.event_sequence, p_news_topics, p_news_types, p_news_ids,
        p_news_facts, p_news_sealed, p_news_due);
end $$;

-- A dispute is a row: Stripe tells of one in any order, and a payment may have several.
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
 * before.  When it was lost (updated_at) is told once: owed_of goes by it.
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
 * of all: a cancellation counts what failed as still there.  But what lands on a
 * cancelled booking and goes back in the same commit is that money alone.  What a
 * bank takes back is owed no more.  Never more is owed than is there.  What Stripe
 * says went back already (charge_already_refunded) somebody sent by its dashboard:
 * once that is entered after it, it pays this, and nothing else.
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
                and not exists (select from payments.journal j
                                 where j.booking_id = p_booking and j.reference = f.payment_id
                                   and j.kind = 'charge' and j.created_at = f.created_at)
              union all
             select f.updated_at, f.amount
               from payments.refunds f join theirs t on t.id = f.payment_id
              where f.refund_status = 'failed'
                and (f.failure_reason is distinct from 'charge_already_refunded'
                     or exists (select from payments.refunds s
                                 where s.payment_id = f.payment_id and s.reason = 'staff'
                                   and s.created_at > f.updated_at))
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

-- A hold ends with the hours it is for, at the latest, also when they move.
create function bookings.hold_within_hours() returns trigger language plpgsql as $$
begin
    new.hold_expires_at := least(new.hold_expires_at, new.end_datetime);
    return new;
end $$;
create trigger hold_within_hours before insert or update of hold_expires_at, end_datetime
    on bookings.bookings for each row
    when (new.hold_expires_at > new.end_datetime)
    execute function bookings.hold_within_hours();
