-- payments.sql: attempts, refunds and the work they leave behind.

-- :name payment_find :one :read
-- By our id, Stripe's session, or Stripe's PaymentIntent.
select p.id, p.booking_id, p.stripe_payment_id, (p.amount * 100)::bigint as amount, p.currency,
       p.payment_method, p.payment_status, p.processed_at, p.created_at, p.updated_at,
       p.session_id, p.session_url, p.session_expires_at, p.failure_code,
       (p.refunded_amount * 100)::bigint as refunded_amount, p.stripe_account, p.version::bigint
  from payments.payments p
 where p.id = $1::uuid or p.session_id = $2::text or p.stripe_payment_id = $3::text
 limit 1

-- :name payment_list :all :read
-- All attempts at one booking, oldest first.
select p.id, p.booking_id, p.stripe_payment_id, (p.amount * 100)::bigint as amount, p.currency,
       p.payment_method, p.payment_status, p.processed_at, p.created_at, p.updated_at,
       p.session_id, p.session_url, p.session_expires_at, p.failure_code,
       (p.refunded_amount * 100)::bigint as refunded_amount, p.stripe_account, p.version::bigint
  from payments.payments p
 where p.booking_id = $1::uuid
 order by p.created_at, p.id
 limit 100

-- :name refund_find :one :read
select r.id, r.payment_id, r.booking_id, r.stripe_refund_id, (r.amount * 100)::bigint as amount,
       r.currency, r.reason, r.refund_status, r.failure_reason, r.created_at, r.processed_at,
       r.version::bigint
  from payments.refunds r
 where r.id = $1::uuid or r.stripe_refund_id = $2::text
 limit 1

-- :name refund_list :all :read
select r.id, r.payment_id, r.booking_id, r.stripe_refund_id, (r.amount * 100)::bigint as amount,
       r.currency, r.reason, r.refund_status, r.failure_reason, r.created_at, r.processed_at,
       r.version::bigint
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

-- :name answer_restate :do :write
select payments.restate_answer($1::text, $2::text, $3::uuid, $4::bytea)

-- :name work_claim :all :write
select c.id, c.type, c.booking_id, c.facts::text as facts, c.attempts::bigint
  from bookings.claim_due($1::text, $2::bigint::integer, make_interval(secs => $3::bigint)) as c
 order by c.id

-- :name work_done :do :write
select bookings.work_done($1::bigint)

-- :name work_later :do :write
select bookings.work_later($1::bigint, make_interval(secs => $2::bigint / 1000.0), $3::boolean,
       $4::bigint::integer)
