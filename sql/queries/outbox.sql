-- outbox.sql: what the relays ask, and what an operator does about it.

-- :name outbox_claim :all :write
select c.id, c.type, c.booking_id, c.facts::text as facts, c.attempts::bigint,
       (extract(epoch from c.age) * 1000)::bigint as age_ms, c.lease
  from bookings.outbox_take($1::text, $2::bigint::integer,
       make_interval(secs => $3::bigint)) as c
 order by c.id

-- :name outbox_claim_events :all :write
select c.id, c.type, c.booking_id, c.event_id, c.sequence::bigint, c.facts::text as facts, c.sealed,
       c.created_at, c.data_key, c.attempts::bigint,
       (extract(epoch from c.age) * 1000)::bigint as age_ms, c.franchise_id, c.days, c.lease
  from bookings.outbox_take_events($1::bigint::integer, make_interval(secs => $2::bigint)) as c

-- :name outbox_sent :do :write
select bookings.outbox_sent($1::bigint[])

-- :name outbox_put_off :one :write
-- $2 the leases they were claimed with, $6 retries and $7 seconds of patience;
-- how many were given up.
select bookings.outbox_put_off($1::bigint[], $2::timestamptz[], $3::bigint[], $4::text[],
       $5::text[], $6::bigint::integer, make_interval(secs => $7::bigint)) as given_up

-- :name outbox_ask :do :write
select bookings.outbox_ask($1::text, $2::text, $3::uuid)

-- :name outbox_prune :one :write
select p.answers, p.sent
  from bookings.prune(now() - make_interval(secs => $1::bigint),
       now() - make_interval(secs => $2::bigint), $3::bigint::integer) as p

-- :name stripe_events_prune :one :write
select payments.prune_events(now() - make_interval(secs => $1::bigint),
       $2::bigint::integer) as events

-- :name bookings_over :all :read
-- Bookings whose time is over and that nobody has ended: at $1 seconds after
-- the end when the children came, at once when they did not.  That they have
-- ended at all is said apart: the index is read up to now, not to its end.  $3
-- are passed over: the oldest, which would not end a moment ago.
select b.id
  from bookings.bookings b
 where b.booking_status in ('confirmed', 'checked_in')
   and b.end_datetime <= now()
   and b.end_datetime <= now() - case when b.booking_status = 'checked_in'
                                      then make_interval(secs => $1::bigint)
                                      else interval '0' end
 order by b.end_datetime, b.id
 limit $2::bigint offset $3::bigint

-- :name booking_finish :do :write
select bookings.finish($1::uuid, $2::uuid, $3::bigint::integer, $4::text, $5::text,
       $6::text[], $7::text[], $8::uuid[], $9::text[], $10::bytea[], $11::timestamptz[])

-- ---- what an operator asks for and does -----------------------------------------

-- :name outbox_stats :all :read :late
-- Each topic: what is due and waits, what is in hands, due later, fails, is
-- dead; how long the oldest has waited; what was sent in the last hour, and how
-- long that took from its due time, half of it and all but a hundredth.
select t.topic,
       count(*) filter (where o.sent_at is null and o.dead_at is null and o.due_at <= now()
                          and o.claimed_until is null or o.claimed_until <= now()
                          and o.sent_at is null and o.dead_at is null) as waiting,
       count(*) filter (where o.sent_at is null and o.claimed_until > now()) as in_hand,
       count(*) filter (where o.sent_at is null and o.dead_at is null and o.due_at > now()
                          and o.claimed_until is null) as later,
       count(*) filter (where o.sent_at is null and o.dead_at is null
                          and o.failing_since is not null) as failing,
       count(*) filter (where o.dead_at is not null) as dead,
       (extract(epoch from now() - min(o.due_at) filter (where o.sent_at is null
                          and o.dead_at is null and o.due_at <= now())) * 1000)::bigint as oldest_ms,
       count(*) filter (where o.sent_at > now() - interval '1 hour') as sent,
       (1000 * percentile_cont(0.5) within group (order by extract(epoch from
           o.sent_at - greatest(o.due_at, o.created_at)))
           filter (where o.sent_at > now() - interval '1 hour'))::bigint as half_ms,
       (1000 * percentile_cont(0.99) within group (order by extract(epoch from
           o.sent_at - greatest(o.due_at, o.created_at)))
           filter (where o.sent_at > now() - interval '1 hour'))::bigint as most_ms
  from unnest(array['events', 'payments', 'documents', 'bookings']) with ordinality as t (topic, i)
  left join bookings.outbox o on o.topic = t.topic
       and (o.sent_at is null or o.sent_at > now() - interval '1 hour')
 group by t.topic, t.i
 order by t.i

-- :name outbox_size :one :read :late
select pg_total_relation_size('bookings.outbox') as bytes,
       greatest(c.reltuples, 0)::bigint as rows,
       coalesce(s.n_dead_tup, 0) as dead_rows
  from pg_class c
  left join pg_stat_all_tables s on s.relid = c.oid
 where c.oid = 'bookings.outbox'::regclass

-- :name outbox_browse :all :read :late
-- Newest first.  $4 is the state: waiting, later, sent or dead; null: any.
select o.id, o.topic, o.type, o.booking_id, o.event_id, o.sequence::bigint, o.created_at, o.due_at,
       o.sent_at, o.attempts::bigint, o.failing_since, o.failure, o.dead_at
  from bookings.outbox o
 where ($1::text is null or o.topic = $1::text)
   and ($2::text is null or o.type = $2::text)
   and ($3::uuid is null or o.booking_id = $3::uuid)
   and ($4::text is null
        or $4::text = case when o.sent_at is not null then 'sent' when o.dead_at is not null then 'dead'
                           when o.due_at > now() then 'later' else 'waiting' end)
 order by o.id desc
 limit $5::bigint

-- :name outbox_revive :one :write :late
-- Dead rows live again, each try before them.
with revived as (
    update bookings.outbox o set dead_at = null, attempts = 0, failing_since = null, failure = null,
           due_at = now(), claimed_until = null
     where o.dead_at is not null and o.sent_at is null
       and ($1::text is null or o.topic = $1::text)
       and ($2::uuid is null or o.booking_id = $2::uuid)
       and not $3::boolean
    returning 1
)
select case when $3::boolean then (
           select count(*) from bookings.outbox o
            where o.dead_at is not null and o.sent_at is null
              and ($1::text is null or o.topic = $1::text)
              and ($2::uuid is null or o.booking_id = $2::uuid))
       else (select count(*) from revived) end as rows

-- :name outbox_replay :one :write :late
-- Events that were sent are sent again, under the same event_id, but not sooner
-- than $5 seconds after they were, and 500 of them a second, so that those of the
-- day find their way between; $4: only say how many.
with chosen as materialized (
    select o.id, row_number() over (order by o.id) - 1 as place
      from bookings.outbox o
     where o.topic = 'events' and o.sent_at is not null
       and ($1::uuid is null or o.booking_id = $1::uuid)
       and ($2::timestamptz is null or o.created_at >= $2::timestamptz)
       and ($3::timestamptz is null or o.created_at < $3::timestamptz)
), replayed as (
    update bookings.outbox o set sent_at = null, attempts = 0, claimed_until = null,
           due_at = greatest(now(), o.sent_at + make_interval(secs => $5::bigint))
                    + make_interval(secs => c.place / 500.0)
      from chosen c
     where o.id = c.id and o.sent_at is not null and not $4::boolean
    returning 1
)
select case when $4::boolean then (select count(*) from chosen)
       else (select count(*) from replayed) end as rows
