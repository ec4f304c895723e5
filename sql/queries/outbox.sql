-- outbox.sql: what the relays ask, and what an operator does about it.

-- :name outbox_claim :all :write
select c.id, c.type, c.booking_id, c.facts::text as facts, c.attempts::bigint,
       (extract(epoch from c.age) * 1000)::bigint as age_ms
  from bookings.outbox_claim($1::text, $2::bigint::integer,
       make_interval(secs => $3::bigint)) as c
 order by c.id

-- :name outbox_claim_events :all :write
select c.id, c.type, c.booking_id, c.event_id, c.sequence::bigint, c.facts::text as facts, c.sealed,
       c.created_at, c.data_key, c.attempts::bigint,
       (extract(epoch from c.age) * 1000)::bigint as age_ms, c.franchise_id, c.days
  from bookings.outbox_claim_events($1::bigint::integer, make_interval(secs => $2::bigint)) as c

-- :name outbox_sent :do :write
select bookings.outbox_sent($1::bigint[])

-- :name outbox_put_off :one :write
-- $5 retries and $6 seconds of patience; how many were given up.
select bookings.outbox_put_off($1::bigint[], $2::bigint[], $3::text[], $4::text[],
       $5::bigint::integer, make_interval(secs => $6::bigint)) as given_up

-- :name outbox_ask :do :write
select bookings.outbox_ask($1::text, $2::text, $3::uuid)

-- :name outbox_prune :one :write
select p.answers, p.sent
  from bookings.prune(now() - make_interval(secs => $1::bigint),
       now() - make_interval(secs => $2::bigint), $3::bigint::integer) as p

-- :name bookings_over :all :read
-- Bookings whose time is over and that nobody has ended: at $1 seconds after
-- the end when the children came, at once when they did not.
select b.id
  from bookings.bookings b
 where b.booking_status in ('confirmed', 'checked_in')
   and b.end_datetime <= now() - case when b.booking_status = 'checked_in'
                                      then make_interval(secs => $1::bigint)
                                      else interval '0' end
 order by b.end_datetime
 limit $2::bigint

-- :name booking_finish :do :write
select bookings.finish($1::uuid, $2::uuid, $3::bigint::integer, $4::text, $5::text,
       $6::text[], $7::text[], $8::uuid[], $9::text[], $10::bytea[], $11::timestamptz[])
