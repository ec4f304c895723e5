-- 0006_relay.sql: the outbox as the relays see it: claimed by lease, marked,
-- put off, forgotten.
--
-- Nothing is open during a call outside: a claim commits at once, and ends by
-- itself when whoever had it is gone.  attempts counts refusals of the row
-- itself, never outages.

-- Due work of a topic, the longest due first.  Here and below a few rows are
-- taken from the head of an index, however many wait behind them; a plan made
-- for all of them, or for a table that was empty then, costs a hundred times as
-- much, so none but this one is allowed.
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

/*
 * Events in order: of each booking only the oldest that is not sent, whether
 * it is due, in somebody's hands or dead.  Rows of a booking are inserted under
 * its lock, so that of two the one with the lower id was committed first.
 *
 * days are the days of the franchise whose cached values the event's commit
 * made stale, counted from 1970-01-01.
 */
create function bookings.outbox_claim_events(p_limit integer, p_lease interval)
returns table (id bigint, type text, booking_id uuid, event_id uuid, sequence integer,
    facts jsonb, sealed bytea, created_at timestamptz, data_key bytea, attempts integer,
    age interval, franchise_id uuid, days bigint[])
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
                where t.at is not null) end
      from mine o
      join bookings.bookings b on b.id = o.booking_id
      join franchises.franchises f on f.id = b.franchise_id
     order by o.id
$$;

create function bookings.outbox_sent(p_ids bigint[])
returns void language sql security definer set search_path = pg_catalog, pg_temp as $$
    update bookings.outbox set sent_at = clock_timestamp(), claimed_until = null,
           failing_since = null, failure = null
     where id = any (p_ids) and sent_at is null
$$;

/*
 * Put rows off, each by its delay; the arrays run in step.  outcome is
 *   soon     nothing is wrong, look again then
 *   outage   the outside is not to be had: given up after p_patience of it
 *   refused  the row itself is: given up after p_retries more tries
 * Gives how many were given up.
 */
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

-- Until when the outbox has been emptied of what was sent.
create table bookings.pruned (
    one   boolean primary key default true check (one),
    until timestamptz not null
);

-- Forget stored answers and sent rows older than these, so many at most; gives
-- how many went.  A dead row is not sent, and stays.
create function bookings.prune(p_answers_before timestamptz, p_sent_before timestamptz,
    p_limit integer)
returns table (answers bigint, sent bigint) language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
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
        returning o.created_at
    )
    select count(*), max(d.created_at) into sent, gone from dropped d;
    if sent > 0 then
        insert into bookings.pruned (until) values (gone)
            on conflict (one) do update set until = excluded.until
                where pruned.until < excluded.until;
    end if;
    return next;
end $$;

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
