-- payments.sql: attempts, refunds and the work they leave behind.

-- :name payment_find :one :read
-- By our id, Stripe's session, or Stripe's PaymentIntent.
select p.id, p.booking_id, p.stripe_payment_id, (p.amount * 100)::bigint as amount, p.currency,
       p.payment_method, p.payment_status, p.processed_at, p.created_at, p.updated_at,
       p.session_id, p.session_url, p.session_expires_at, p.failure_code,
       (p.refunded_amount * 100)::bigint as refunded_amount, p.stripe_account, p.version::bigint,
       p.change_id, p.change_end, payments.was_of_others(p.id) as of_others
  from payments.payments p
 where p.id = $1::uuid or p.session_id = $2::text or p.stripe_payment_id = $3::text
 limit 1

-- :name payment_list :all :read
-- The attempts at one booking, oldest first; of very many, all that hold money or
-- still may, and the newest of the others.
select p.id, p.booking_id, p.stripe_payment_id, (p.amount * 100)::bigint as amount, p.currency,
       p.payment_method, p.payment_status, p.processed_at, p.created_at, p.updated_at,
       p.session_id, p.session_url, p.session_expires_at, p.failure_code,
       (p.refunded_amount * 100)::bigint as refunded_amount, p.stripe_account, p.version::bigint,
       p.change_id, p.change_end, payments.was_of_others(p.id) as of_others
  from (select q.* from payments.payments q
         where q.booking_id = $1::uuid
         order by (q.payment_status in ('queued', 'open', 'requires_action', 'processing',
                                        'succeeded')) desc, q.created_at desc, q.id desc
         limit 100) as p
 order by p.created_at, p.id

-- :name refund_find :one :read
select r.id, r.payment_id, r.booking_id, r.stripe_refund_id, (r.amount * 100)::bigint as amount,
       r.currency, r.reason, r.refund_status, r.failure_reason, r.created_at, r.processed_at,
       r.version::bigint, r.key_turn::bigint, r.key_since, now() as as_of
  from payments.refunds r
 where r.id = $1::uuid or r.stripe_refund_id = $2::text
 limit 1

-- :name refund_list :all :read
select r.id, r.payment_id, r.booking_id, r.stripe_refund_id, (r.amount * 100)::bigint as amount,
       r.currency, r.reason, r.refund_status, r.failure_reason, r.created_at, r.processed_at,
       r.version::bigint, r.key_turn::bigint, r.key_since, now() as as_of
  from payments.refunds r
 where r.payment_id = $1::uuid
 order by r.created_at, r.id
 limit 100

-- :name payment_apply :do :write
select payments.apply($1::text::jsonb,
       $2::text[], $3::text[], $4::uuid[], $5::text[], $6::bytea[], $7::timestamptz[],
       $8::text, $9::text, $10::bytea, $11::bytea)

-- :name payment_keep_event :do :write
select payments.keep_event($1::text, $2::text, $3::text)

-- :name payment_tell_refunded :do :write
select payments.tell_refunded($1::text, $2::text, $3::text, $4::uuid)

-- :name answer_restate :do :write
select payments.restate_answer($1::text, $2::text, $3::uuid, $4::bytea)

-- ---- what an operator asks for -------------------------------------------------

-- :name payment_browse :all :read :late
-- Newest first.
select p.id, p.booking_id, p.payment_status::text, (p.amount * 100)::bigint as amount,
       (p.refunded_amount * 100)::bigint as refunded_amount, p.currency::text,
       p.payment_method::text, p.stripe_payment_id::text, p.failure_code::text, p.created_at
  from payments.payments p
 where ($1::text is null or p.payment_status = $1::text)
   and ($2::uuid is null or p.booking_id = $2::uuid)
   and ($3::timestamptz is null or p.created_at >= $3::timestamptz)
 order by p.created_at desc, p.id
 limit $4::bigint

-- :name payment_entries :all :read :late
-- The journal's lines about a payment and its refunds.
select j.kind, j.account, (j.amount * 100)::bigint as amount, j.currency::text, j.created_at
  from payments.journal j
  join payments.payments p on p.booking_id = j.booking_id
 where p.id = $1::uuid
   and (j.reference = p.id or j.reference in (select r.id from payments.refunds r
                                               where r.payment_id = p.id))
 order by j.id
 limit 1000

-- :name payment_due :all :read :late
-- The work that is still to be done about it.
select o.id, o.type, o.due_at, o.attempts::bigint, o.dead_at
  from payments.payments p
  join bookings.outbox o on o.booking_id = p.booking_id and o.topic = 'payments'
                        and o.sent_at is null
 where p.id = $1::uuid
   and (o.type = 'close' or o.facts ->> 'id' = p.id::text
        or o.facts ->> 'id' in (select r.id::text from payments.refunds r
                                 where r.payment_id = p.id))
 order by o.id
 limit 100

-- :name payment_retry :do :write :late
-- What is due later is due now, what is dead lives again.  A lease that holds
-- is left alone: somebody works on it.
update bookings.outbox o set due_at = now(), attempts = 0, dead_at = null
  from payments.payments p
 where p.id = $1::uuid and o.booking_id = p.booking_id and o.topic = 'payments'
   and o.sent_at is null
   and (o.type = 'close' or o.facts ->> 'id' = p.id::text
        or o.facts ->> 'id' in (select r.id::text from payments.refunds r
                                 where r.payment_id = p.id))

-- :name refunds_owed :all :read :late
-- What is owed because a refund failed, of a booking or of a payment that is not
-- its: the last that did.
select f.id, f.payment_id, f.booking_id, (o.owed * 100)::bigint as amount, f.currency::text,
       f.failure_reason::text
  from (select distinct on (w.booking_id, w.other) w.*
          from (select r.*, case when payments.was_of_others(r.payment_id) then r.payment_id end
                            as other
                  from payments.refunds r where r.refund_status = 'failed') as w
         order by w.booking_id, w.other, w.updated_at desc, w.id desc) as f
 cross join lateral (select payments.owed_of(f.booking_id, f.other) as owed) as o
 where o.owed > 0
 order by f.created_at, f.id
 limit 1000

-- :name refund_use_key :do :write
select payments.use_refund_key($1::uuid, $2::bigint::integer, $3::bigint::integer)

-- :name payment_disputes :all :read :late
-- What banks have said of a payment.
select d.stripe_dispute_id::text, d.dispute_status::text, (d.amount * 100)::bigint as amount,
       (d.held * 100)::bigint as held, d.currency::text, d.told_at
  from payments.disputes d
 where d.payment_id = $1::uuid
 order by d.created_at, d.stripe_dispute_id
 limit 100

-- :name dispute_tell :do :write
select payments.tell_dispute($1::text, $2::text, $3::text, $4::uuid, $5::bigint, $6::text,
                             $7::timestamptz)
