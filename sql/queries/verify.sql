-- verify.sql: do the books balance?

-- :name verify_counts :one :read :late
select (select count(*) from franchises.slot_ledger) as slots,
       (select count(*) from bookings.bookings) as bookings

-- :name verify_ledger :all :read :late
-- Slots whose counter differs from the bookings that stand on them.
select l.franchise_id, l.slot_start, l.booked::bigint, l.capacity::bigint,
       coalesce(s.children, 0)::bigint as children
  from franchises.slot_ledger l
  left join lateral (
       select sum(b.child_count) as children
         from bookings.bookings b
        where b.franchise_id = l.franchise_id
          and b.booking_status in ('pending', 'confirmed', 'checked_in', 'completed', 'no_show')
          and b.start_datetime <= l.slot_start and b.end_datetime > l.slot_start) as s on true
 where l.booked <> coalesce(s.children, 0)
 order by l.franchise_id, l.slot_start
 limit 1000

-- :name verify_uncovered :all :read :late
-- Standing bookings some of whose time has no ledger row.
select b.id, b.franchise_id, b.start_datetime, b.end_datetime,
       (extract(epoch from b.end_datetime - b.start_datetime) / 60)::bigint as minutes,
       coalesce(s.minutes, 0)::bigint as covered
  from bookings.bookings b
  left join lateral (
       select sum(extract(epoch from l.slot_end - l.slot_start) / 60) as minutes
         from franchises.slot_ledger l
        where l.franchise_id = b.franchise_id
          and l.slot_start >= b.start_datetime and l.slot_end <= b.end_datetime) as s on true
 where b.booking_status in ('pending', 'confirmed', 'checked_in', 'completed', 'no_show')
   and extract(epoch from b.end_datetime - b.start_datetime) / 60 <> coalesce(s.minutes, 0)
 order by b.id
 limit 1000

-- :name verify_events :all :read :late
-- Bookings whose events are not numbered 1..n without a gap.  What was sent
-- long ago has been pruned, the oldest first.
select b.id, b.event_sequence::bigint, count(o.id)::bigint as events,
       coalesce(max(o.sequence), 0)::bigint as last_event
  from bookings.bookings b
  left join bookings.outbox o on o.booking_id = b.id and o.topic = 'events'
  left join bookings.pruned p on true
 group by b.id, p.until
having case when count(o.id) = 0 and b.created_at <= p.until then false
            else coalesce(max(o.sequence), 0) <> b.event_sequence
                 or count(o.id) <> coalesce(max(o.sequence) - min(o.sequence) + 1, 0)
                 or coalesce(min(o.sequence), 1) <> 1 and (b.created_at <= p.until) is not true end
 order by b.id
 limit 1000

-- :name verify_children :all :read :late
-- Bookings whose children rows differ from what the booking says.
select b.id, b.child_count::bigint, count(c.id)::bigint as children,
       count(c.id) filter (where c.active)::bigint as active, b.booking_status
  from bookings.bookings b
  left join bookings.booking_children c on c.booking_id = b.id
 group by b.id
having count(c.id) <> b.child_count
    or count(c.id) filter (where c.active) <> case when b.booking_status in
       ('expired', 'cancelled') then 0 else b.child_count end
    or count(c.id) filter (where c.period is distinct from
       tstzrange(b.start_datetime, b.end_datetime)) > 0
 order by b.id
 limit 1000

-- :name verify_money :all :read :late
-- Bookings whose sums differ from their payments and refunds.
select b.id, (b.paid_amount * 100)::bigint as paid_amount,
       (b.refunded_amount * 100)::bigint as refunded_amount,
       (coalesce(s.paid, 0) * 100)::bigint as paid, (coalesce(r.refunded, 0) * 100)::bigint as refunded,
       (coalesce(s.refunded, 0) * 100)::bigint as shares, b.currency::text
  from bookings.bookings b
  left join (select p.booking_id,
                    sum(p.amount) filter (where p.payment_status = 'succeeded') as paid,
                    sum(p.refunded_amount) as refunded
               from payments.payments p group by p.booking_id) as s on s.booking_id = b.id
  left join (select r.booking_id, sum(r.amount) as refunded
               from payments.refunds r where r.refund_status <> 'failed'
              group by r.booking_id) as r on r.booking_id = b.id
 where b.paid_amount <> coalesce(s.paid, 0) or b.refunded_amount <> coalesce(s.refunded, 0)
    or coalesce(s.refunded, 0) <> coalesce(r.refunded, 0)
 order by b.id
 limit 1000

-- :name verify_journal :all :read :late
-- Bookings whose journal differs from their payments, refunds and fees.
with rows as (
    select 'journal_charges' as kind, p.booking_id, p.currency, sum(p.amount) as amount
      from payments.payments p where p.payment_status = 'succeeded' group by 2, 3
     union all
    select 'journal_refunds', r.booking_id, r.currency, -sum(r.amount)
      from payments.refunds r where r.refund_status = 'succeeded' group by 2, 3
     union all
    select 'journal_fees', f.booking_id, f.currency, -sum(f.fee)
      from payments.stripe_fees f where f.fee is not null group by 2, 3
), entries as (
    select case j.kind when 'charge' then 'journal_charges' when 'fee' then 'journal_fees'
                       else 'journal_refunds' end as kind,
           j.booking_id, j.currency, sum(j.amount) as amount
      from payments.journal j
     where j.account = 'stripe' and j.kind in ('charge', 'refund', 'refund_failed', 'fee')
     group by 1, 2, 3
)
select kind, booking_id, (coalesce(r.amount, 0) * 100)::bigint as rows,
       (coalesce(e.amount, 0) * 100)::bigint as journal, currency::text
  from rows r full join entries e using (kind, booking_id, currency)
 where coalesce(r.amount, 0) <> coalesce(e.amount, 0)
 order by booking_id, kind
 limit 1000

-- :name verify_unfinished :all :read :late
-- Bookings with more than one unfinished payment.
select p.booking_id as id, count(*) as unfinished
  from payments.payments p
 where p.payment_status in ('queued', 'open', 'requires_action', 'processing')
 group by p.booking_id
having count(*) > 1
 order by p.booking_id
 limit 1000

-- :name verify_visits :all :read :late
-- Bookings whose state is not what their visit says: who was checked in has
-- one, nobody else does, and who was collected is completed.
select b.id, b.booking_status::text, v.booking_id is not null as visited,
       v.checked_out_at is not null as collected
  from bookings.bookings b
  left join bookings.visits v on v.booking_id = b.id
 where (v.booking_id is not null) <> (b.booking_status in ('checked_in', 'completed'))
    or v.checked_out_at is not null and b.booking_status <> 'completed'
 order by b.id
 limit 1000
