-- verify.sql: do the books balance?  One more than is told of each says that
-- there are more (BOOKS_KIND_MAX).

-- :name verify_counts :one :read :late
select (select count(*) from franchises.slot_ledger) as slots,
       (select count(*) from bookings.bookings) as bookings

-- :name verify_ledger :all :read :late
-- Slots whose counter differs from the bookings that stand on them, and the
-- places that changes hold there.
select l.franchise_id, l.slot_start, l.booked::bigint, l.capacity::bigint,
       (coalesce(s.children, 0) + coalesce(h.places, 0))::bigint as children
  from franchises.slot_ledger l
  left join lateral (
       select sum(b.child_count) as children
         from bookings.bookings b
        where b.franchise_id = l.franchise_id
          and b.booking_status in ('pending', 'confirmed', 'checked_in', 'completed', 'no_show')
          and b.start_datetime <= l.slot_start and b.end_datetime > l.slot_start) as s on true
  left join lateral (
       select sum(t.places) as places
         from bookings.held_places t
        where t.franchise_id = l.franchise_id and t.slot_start = l.slot_start) as h on true
 where l.booked <> coalesce(s.children, 0) + coalesce(h.places, 0)
 order by l.franchise_id, l.slot_start
 limit 1001

-- :name verify_uncovered :all :read :late
-- Standing bookings some of whose time has no ledger row.  That a slot begins
-- before the end is said apart: the index is read for the booking's time alone.
select b.id, b.franchise_id, b.start_datetime, b.end_datetime,
       (extract(epoch from b.end_datetime - b.start_datetime) / 60)::bigint as minutes,
       coalesce(s.minutes, 0)::bigint as covered
  from bookings.bookings b
  left join lateral (
       select sum(extract(epoch from l.slot_end - l.slot_start) / 60) as minutes
         from franchises.slot_ledger l
        where l.franchise_id = b.franchise_id
          and l.slot_start >= b.start_datetime and l.slot_start < b.end_datetime
          and l.slot_end <= b.end_datetime) as s on true
 where b.booking_status in ('pending', 'confirmed', 'checked_in', 'completed', 'no_show')
   and extract(epoch from b.end_datetime - b.start_datetime) / 60 <> coalesce(s.minutes, 0)
 order by b.id
 limit 1001

-- :name verify_events :all :read :late
-- Bookings whose events are not numbered 1..n without a gap, but for those that
-- were pruned.  Of a booking that is older than their count they were the first.
-- The outbox is summed up first: whatever is believed of the small tables, no
-- plan goes through it once a booking.
with told as materialized (
    select o.booking_id, count(*) as events, count(distinct o.sequence) as numbers,
           min(o.sequence) as first_event, max(o.sequence) as last_event
      from bookings.outbox o
     where o.topic = 'events'
     group by o.booking_id
), counted as materialized (
    select b.id, b.event_sequence::bigint as event_sequence, coalesce(t.events, 0) as events,
           coalesce(t.numbers, 0) as numbers, coalesce(t.first_event, 1) as first_event,
           coalesce(t.last_event, 0)::bigint as last_event, coalesce(g.events, 0) as pruned,
           (b.created_at <= (select p.uncounted from bookings.pruned p)) is true as older
      from bookings.bookings b
      left join told t on t.booking_id = b.id
      left join bookings.pruned_events g on g.booking_id = b.id
)
select c.id, c.event_sequence, c.events, c.last_event
  from counted c
 where c.events <> c.numbers or c.last_event > c.event_sequence
    or case when not c.older then c.events + c.pruned <> c.event_sequence
            when c.pruned = 0 and c.events > 0
            then c.last_event <> c.event_sequence
                 or c.events <> c.last_event - c.first_event + 1
            else c.events + c.pruned > c.event_sequence end
 order by c.id
 limit 1001

-- :name verify_children :all :read :late
-- Bookings whose children rows differ from what the booking says.
select b.id, b.child_count::bigint, count(c.id)::bigint as children,
       count(c.id) filter (where c.active)::bigint as active, b.booking_status
  from bookings.bookings b
  left join bookings.booking_children c on c.booking_id = b.id and not c.change
 group by b.id
having count(c.id) <> b.child_count
    or count(c.id) filter (where c.active) <> case when b.booking_status in
       ('expired', 'cancelled') then 0 else b.child_count end
    or count(c.id) filter (where c.period is distinct from
       tstzrange(b.start_datetime, b.end_datetime)) > 0
 order by b.id
 limit 1001

-- :name verify_changes :all :read :late
-- Changes that wait for their money and should not, or hold other places or
-- children than they say; and what is held for a change that is not there.
select b.id, p.id as change_id, b.booking_status,
       case when b.booking_status <> 'confirmed' then 'the booking is not confirmed any more'
            when p.total_amount <= b.total_amount then 'the price is not higher'
            when h.wrong > 0 then 'other places are held'
            when c.wrong > 0 then 'the children are others'
            else 'the payment is for something else' end as wrong
  from bookings.pending_changes p
  join bookings.bookings b on b.id = p.booking_id
 cross join lateral (
       select count(*) filter (where coalesce(t.places, 0) <> greatest(
                  case when l.slot_start >= p.start_datetime and l.slot_start < p.end_datetime
                       then p.child_count else 0 end
                - case when l.slot_start >= b.start_datetime and l.slot_start < b.end_datetime
                       then b.child_count else 0 end, 0))
              + (p.end_datetime - p.start_datetime is distinct from
                 sum(l.slot_end - l.slot_start) filter (where l.slot_start >= p.start_datetime
                                                          and l.slot_end <= p.end_datetime))::integer
              + (count(t.places) <> (select count(*) from bookings.held_places a
                                      where a.booking_id = b.id))::integer as wrong
         from franchises.slot_ledger l
         left join bookings.held_places t on t.booking_id = b.id and t.slot_start = l.slot_start
        where l.franchise_id = b.franchise_id
          and (l.slot_start >= p.start_datetime and l.slot_start < p.end_datetime
               or l.slot_start >= b.start_datetime and l.slot_start < b.end_datetime)) as h
 cross join lateral (
       select (count(*) <> p.child_count)::integer + count(*) filter (where not k.active
                  or k.period is distinct from tstzrange(p.start_datetime, p.end_datetime)) as wrong
         from bookings.booking_children k
        where k.booking_id = b.id and k.change) as c
 cross join lateral (
       select count(*) as wrong from payments.payments y
        where y.booking_id = b.id
          and (y.payment_status in ('queued', 'open', 'requires_action', 'processing')
               and (y.change_id is distinct from p.id or y.amount <> p.total_amount - b.total_amount)
               or y.change_id = p.id and y.change_end is not null)) as m
 where b.booking_status <> 'confirmed' or p.total_amount <= b.total_amount
    or h.wrong > 0 or c.wrong > 0 or m.wrong > 0
 union all
select k.booking_id, null, b.booking_status, 'children are left over'
  from bookings.booking_children k
  join bookings.bookings b on b.id = k.booking_id
 where k.change and not exists (select from bookings.pending_changes p
                                 where p.booking_id = k.booking_id)
 union all
select y.booking_id, y.change_id, b.booking_status, 'a payment is left over'
  from payments.payments y
  join bookings.bookings b on b.id = y.booking_id
 where y.change_id is not null and y.change_end is null
   and not exists (select from bookings.pending_changes p where p.id = y.change_id)
 order by 1
 limit 1001

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
 limit 1001

-- :name verify_journal :all :read :late
-- Bookings whose journal differs from their payments, refunds, disputes and fees;
-- and (journal_accounts) those with lines on accounts that are not of their kind,
-- or of a kind whose lines do not sum to nothing.
with rows as (
    select 'journal_charges' as kind, p.booking_id, p.currency, sum(p.amount) as amount
      from payments.payments p where p.payment_status = 'succeeded' group by 2, 3
     union all
    select 'journal_refunds', r.booking_id, r.currency, -sum(r.amount)
      from payments.refunds r where r.refund_status = 'succeeded' group by 2, 3
     union all
    select 'journal_fees', f.booking_id, f.currency, -sum(f.fee)
      from payments.stripe_fees f where f.fee is not null group by 2, 3
     union all
    select 'journal_disputes', d.booking_id, d.currency, -sum(d.held)
      from payments.disputes d group by 2, 3
), entries as (
    select case j.kind when 'charge' then 'journal_charges' when 'fee' then 'journal_fees'
                       when 'dispute' then 'journal_disputes' else 'journal_refunds' end as kind,
           j.booking_id, j.currency, sum(j.amount) as amount
      from payments.journal j
     where j.account = 'stripe'
       and j.kind in ('charge', 'refund', 'refund_failed', 'fee', 'dispute')
     group by 1, 2, 3
), kinds as (
    select j.booking_id, j.currency, j.kind, sum(j.amount) as over,
           sum(abs(j.amount)) filter (where j.account not in ('stripe', 'customers')
               and (j.kind, j.account) not in (('fee', 'fees'), ('dispute', 'disputes'),
                                               ('waiver', 'waivers'))
               or j.account = 'customers' and j.kind in ('fee', 'dispute')
               or j.account = 'stripe' and j.kind = 'waiver') as strange
      from payments.journal j
     group by 1, 2, 3
)
select kind, booking_id, (coalesce(r.amount, 0) * 100)::bigint as rows,
       (coalesce(e.amount, 0) * 100)::bigint as journal, currency::text
  from rows r full join entries e using (kind, booking_id, currency)
 where coalesce(r.amount, 0) <> coalesce(e.amount, 0)
 union all
select 'journal_accounts', k.booking_id, 0,
       (sum(coalesce(nullif(k.strange, 0), k.over)) * 100)::bigint, k.currency::text
  from kinds k
 where k.over <> 0 or k.strange is not null
 group by k.booking_id, k.currency
 order by booking_id, kind
 limit 1001

-- :name verify_unfinished :all :read :late
-- Bookings with more than one unfinished payment.
select p.booking_id as id, count(*) as unfinished
  from payments.payments p
 where p.payment_status in ('queued', 'open', 'requires_action', 'processing')
 group by p.booking_id
having count(*) > 1
 order by p.booking_id
 limit 1001

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
 limit 1001
