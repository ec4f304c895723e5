-- 0020_events_by_due.sql: the events that are due longest go first, a replay lets
-- those of the day pass, and a spoilt row stops none but itself; and what was sent
-- back at Stripe pays what it replaces, not what else is owed.

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
create or replace function bookings.outbox_take_events(p_limit integer, p_lease interval)
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

create or replace function bookings.outbox_claim_events(p_limit integer, p_lease interval)
returns table (id bigint, type text, booking_id uuid, event_id uuid, sequence integer,
    facts jsonb, sealed bytea, created_at timestamptz, data_key bytea, attempts integer,
    age interval, franchise_id uuid, days bigint[])
language sql security definer set search_path = pg_catalog, pg_temp as $$
    select t.id, t.type, t.booking_id, t.event_id, t.sequence, t.facts, t.sealed, t.created_at,
           t.data_key, t.attempts, t.age, t.franchise_id, t.days
      from bookings.outbox_take_events(p_limit, p_lease) as t
$$;

drop index bookings.idx_outbox_events;
create index idx_outbox_events on bookings.outbox (due_at, id)
    where topic = 'events' and sent_at is null and dead_at is null;

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
create or replace function payments.owed_of(p_booking uuid, p_other uuid)
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
