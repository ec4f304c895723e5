-- 0010_outbox_leases.sql: a claim is told its lease and put off by it alone;
-- what retention takes is counted.
--
-- A relay that stood still past its lease ended the claim of the next one, so
-- that a third sent what the second was sending.  The claims now tell until
-- when the row is theirs, and that instant is the lease's token: nobody else
-- was ever given the same.
--
-- outbox_claim, outbox_claim_events and the outbox_put_off without leases are
-- for the relays of the previous release alone; the next one drops them.

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
 * Events in order: of each booking only the oldest that is not sent, whether
 * it is due, in somebody's hands or dead.  Rows of a booking are inserted under
 * its lock, so that of two the one with the lower id was committed first.
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
         order by d.id limit p_limit for update of d skip locked
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
                 from (values ((o.facts ->> 'start_datetime')::timestamptz),
                              ((o.facts ->> 'was_start_datetime')::timestamptz),
                              ((o.facts ->> 'held_start_datetime')::timestamptz)) as t (at)
                where t.at is not null) end,
           o.claimed_until
      from mine o
      join bookings.bookings b on b.id = o.booking_id
      join franchises.franchises f on f.id = b.franchise_id
     order by o.id
$$;

-- Sent is sent, whoever says so and whatever became of the row meanwhile: it is
-- not dead either, if another gave it up.
create or replace function bookings.outbox_sent(p_ids bigint[])
returns void language sql security definer set search_path = pg_catalog, pg_temp as $$
    update bookings.outbox set sent_at = clock_timestamp(), claimed_until = null,
           failing_since = null, failure = null, dead_at = null
     where id = any (p_ids) and sent_at is null
$$;

update bookings.outbox set dead_at = null where dead_at is not null and sent_at is not null;

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

-- ---- what is over ------------------------------------------------------------

-- How many events of a booking are no longer in the outbox.  Those that stay
-- need not be its last: one that was sent again stays longer than what was told
-- after it.
create table bookings.pruned_events (
    booking_id uuid primary key,
    events     integer not null check (events > 0)
);

-- Of bookings made until then some may be gone that nobody counted.
alter table bookings.pruned add column uncounted timestamptz default now();

-- Forget stored answers and sent rows older than these, so many at most; gives
-- how many went.  A dead row is not sent, and stays.
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
         where i.created_at < p_answers_before
         order by i.created_at limit p_limit for update skip locked) as old
     where k.caller = old.caller and k.key = old.key;
    get diagnostics answers = row_count;

    with old as materialized (
        select o.id from bookings.outbox o
         where o.sent_at is not null and o.sent_at < p_sent_before
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
