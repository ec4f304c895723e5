-- 0001_base.sql: franchises, places, bookings, children, outbox, keys.
--
-- The seed's tables and column names are kept; columns that hold ciphertext
-- keep their names and are bytea.  Whatever changes places, money or state
-- goes through the functions below, which the API's role may execute; it may
-- not write to the tables themselves.

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
        and (peak_hour_rate * 100 * slot_minutes) % 60 = 0)
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

-- ---- bookings --------------------------------------------------------------

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
    paid_amount      numeric(10,2) not null default 0 check (paid_amount >= 0),
    refunded_amount  numeric(10,2) not null default 0 check (refunded_amount >= 0),
    refund_amount    numeric(10,2),    -- promised by the cancellation
    cancellation_reason bytea,
    cancelled_at     timestamptz,
    email_hash       bytea not null,   -- keyed: look-up without the address
    guest_address_hash bytea,          -- guests only
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
create index idx_outbox_events on bookings.outbox (id) where topic = 'events' and sent_at is null;
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

-- ---- access ----------------------------------------------------------------

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

-- ---- a franchise's day -------------------------------------------------------

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
