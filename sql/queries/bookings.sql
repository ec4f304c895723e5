-- bookings.sql: the life of a booking, as the programs ask for it.

-- :name booking_quote :one :write
-- What a booking would meet: the day of $2, and the answer stored under the
-- Idempotency-Key.  Without one '' is looked for, which no key is: by a null the
-- join could be left out, so that a plan made anew each time would look cheaper
-- than the one that is kept.
select d.franchise_id, d.version::bigint, d.is_active, d.currency, d.time_zone,
       d.slot_minutes::bigint, d.lead_minutes::bigint, d.horizon_days::bigint,
       d.standard_rate, d.peak_hour_rate, d.open_label, d.close_label,
       d.cancel_hours, d.cancel_percent, d.cancel_fee,
       d.day, d.today, d.closed, d.open_at, d.close_at,
       d.starts, d.labels, d.end_labels, d.rates, d.peaks, d.left_over,
       d.lapsed::bigint, d.as_of, d.valid_until,
       k.fingerprint, k.answer, k.booking_id as answered, b.data_key as answered_key
  from bookings.quote($1::uuid, $2::timestamptz) as d
  left join bookings.idempotency_keys k on k.caller = coalesce($3::text, '')
       and k.key = coalesce($4::text, '')
  left join bookings.bookings b on b.id = k.booking_id

-- :name booking_place :do :write
select bookings.place($1::uuid, $2::uuid, $3::uuid, $4::bigint::integer,
       $5::timestamptz, $6::timestamptz, $7::bigint::integer,
       $8::text, $9::text, $10::bigint, $11::text, $12::uuid, $13::text, $14::timestamptz,
       $15::bytea, $16::text, $17::bigint[], $18::bigint[], $19::bigint,
       $20::uuid, $21::bytea[], $22::bytea,
       $23::uuid[], $24::uuid[], $25::bigint[], $26::bytea[],
       $27::text[], $28::text[], $29::uuid[], $30::text[], $31::bytea[], $32::timestamptz[],
       $33::text, $34::text, $35::bytea, $36::bytea, $37::bigint, $38::bytea, $39::bigint,
       $40::uuid)

-- :name booking_get :one :read
-- $2 and $3 narrow to the caller's own; $4, $5 ask for a stored answer too.
-- Paid and refunded are what is the booking's own, without what came by mistake.
select b.id, b.customer_id, b.franchise_id, b.booking_status, b.start_datetime, b.end_datetime,
       (b.total_amount * 100)::bigint as total_amount, b.currency, b.payment_status,
       b.reference_number, b.booking_code, b.child_count::bigint, b.hold_expires_at,
       b.version::bigint, b.data_key, b.line_items::text as line_items,
       b.cancel_hours, b.cancel_percent, (b.cancel_fee * 100)::bigint as cancel_fee,
       b.refund_cap_percent::bigint,
       ((b.paid_amount - m.others) * 100)::bigint as paid_amount,
       ((b.refunded_amount - m.returned) * 100)::bigint as refunded_amount,
       (b.refund_amount * 100)::bigint as refund_amount, b.cancellation_reason, b.cancelled_at,
       b.created_at, b.updated_at, b.qr_version::bigint, b.qr_code_url,
       v.checked_in_at, v.checked_in_by, v.checked_in_with, v.checked_out_at, v.checked_out_by,
       v.collected_by, v.override_reason,
       i.id as contact_id, i.name as contact_name, i.email as contact_email,
       i.phone as contact_phone, i.emergency_contact as contact_emergency,
       c.ids as child_ids, c.ages as child_ages, c.texts as child_texts,
       (b.start_datetime at time zone f.timezone)::date as local_day,
       (now() at time zone f.timezone)::date as local_today, f.timezone as time_zone,
       now() as as_of,
       p.id as change_id, p.start_datetime as change_start, p.end_datetime as change_end,
       p.child_count::bigint as change_children, (p.total_amount * 100)::bigint as change_total,
       p.expires_at as change_expires_at, p.created_at as change_created_at,
       (p.start_datetime at time zone f.timezone)::date as change_day,
       k.fingerprint, k.answer, k.booking_id as answered, kb.data_key as answered_key
  from bookings.bookings b
  join franchises.franchises f on f.id = b.franchise_id
  join bookings.customer_info i on i.booking_id = b.id
  left join bookings.visits v on v.booking_id = b.id
  left join bookings.pending_changes p on p.booking_id = b.id
 cross join lateral (
       select array_agg(c.id order by c.position) filter (where t.part = 1) as ids,
              array_agg(c.age order by c.position) filter (where t.part = 1) as ages,
              array_agg(t.text order by c.position, t.part) as texts
         from bookings.booking_children c
        cross join lateral (values (1, c.name), (2, c.special_needs), (3, c.allergies),
              (4, c.pickup_authorization), (5, c.special_instructions)) as t (part, text)
        where c.booking_id = b.id and not c.change) as c
 cross join lateral (
       select coalesce(sum(q.amount), 0) as others, coalesce(sum(q.refunded_amount), 0) as returned
         from payments.payments q
        where q.booking_id = b.id and q.payment_status = 'succeeded'
          and payments.was_of_others(q.id)) as m
  left join bookings.idempotency_keys k on k.caller = coalesce($4::text, '')
       and k.key = coalesce($5::text, '')
  left join bookings.bookings kb on kb.id = k.booking_id
 where b.id = $1::uuid
   and ($2::uuid is null or b.customer_id = $2)
   and ($3::uuid is null or b.franchise_id = $3)

-- :name booking_list :all :read
-- Newest first; a lapsed hold counts as expired.
select b.id, b.customer_id, b.franchise_id, b.booking_status, b.start_datetime, b.end_datetime,
       (b.total_amount * 100)::bigint as total_amount, b.currency, b.payment_status,
       b.reference_number, b.booking_code, b.child_count::bigint, b.hold_expires_at,
       b.version::bigint, (b.refund_amount * 100)::bigint as refund_amount, b.cancelled_at,
       b.created_at, b.updated_at, now() as as_of,
       p.id as change_id, p.start_datetime as change_start, p.end_datetime as change_end,
       p.child_count::bigint as change_children, (p.total_amount * 100)::bigint as change_total,
       p.expires_at as change_expires_at
  from bookings.bookings b
  left join bookings.pending_changes p on p.booking_id = b.id
 where b.customer_id = $1::uuid
   and ($2::uuid is null or b.franchise_id = $2)
   and ($3::text is null or $3 = case when b.booking_status = 'pending' and b.hold_expires_at <= now()
                                      then 'expired' else b.booking_status end)
   and ($4::date is null or b.start_datetime >= $4::date::timestamp at time zone 'UTC')
   and ($5::date is null or b.start_datetime < ($5::date + 1)::timestamp at time zone 'UTC')
   and ($6::timestamptz is null or (b.created_at, b.id) < ($6, $7::uuid))
 order by b.created_at desc, b.id desc
 limit $8::bigint

-- :name booking_change :do :write
select bookings.change($1::uuid, $2::uuid, $3::bigint::integer, $4::bigint::integer,
       $5::timestamptz, $6::timestamptz, $7::bigint::integer,
       $8::bigint, $9::text, $10::text, $11::text, $12::bigint,
       $13::bytea[], $14::bytea, $15::uuid[], $16::uuid[], $17::bigint[], $18::bytea[],
       $19::text[], $20::text[], $21::uuid[], $22::text[], $23::bytea[], $24::timestamptz[],
       $25::text, $26::text, $27::bytea, $28::bytea, $29::timestamptz, $30::uuid, $31::bigint,
       $32::uuid[], $33::uuid[], $34::bigint[])

-- :name booking_propose :do :write
select bookings.propose($1::uuid, $2::uuid, $3::bigint::integer, $4::bigint::integer,
       $5::uuid, $6::timestamptz, $7::timestamptz, $8::bigint::integer,
       $9::bigint, $10::text, $11::bigint, $12::timestamptz,
       $13::bytea[], $14::bytea, $15::uuid[], $16::uuid[], $17::bigint[], $18::bytea[], $19::uuid,
       $20::text[], $21::text[], $22::uuid[], $23::text[], $24::bytea[], $25::timestamptz[],
       $26::text, $27::text, $28::bytea, $29::bytea, $30::timestamptz)

-- :name booking_end_change :do :write
select bookings.end_change($1::uuid, $2::uuid, $3::bigint::integer, $4::uuid, $5::text,
       $6::text[], $7::text[], $8::uuid[], $9::text[], $10::bytea[], $11::timestamptz[],
       $12::text, $13::text, $14::bytea, $15::bytea, $16::timestamptz)

-- :name booking_change_get :one :read
-- What the change $2 of a booking says, beyond what booking_get tells of it.
select p.line_items::text as line_items, p.contact,
       c.ids as child_ids, c.ages as child_ages, c.texts as child_texts
  from bookings.pending_changes p
 cross join lateral (
       select array_agg(c.id order by c.position) filter (where t.part = 1) as ids,
              array_agg(c.age order by c.position) filter (where t.part = 1) as ages,
              array_agg(t.text order by c.position, t.part) as texts
         from bookings.booking_children c
        cross join lateral (values (1, c.name), (2, c.special_needs), (3, c.allergies),
              (4, c.pickup_authorization), (5, c.special_instructions)) as t (part, text)
        where c.booking_id = p.booking_id and c.change) as c
 where p.booking_id = $1::uuid and p.id = $2::uuid

-- :name booking_release :do :write
select bookings.release($1::uuid, $2::uuid, $3::bigint::integer, $4::text, $5::text,
       $6::bytea, $7::bigint,
       $8::text[], $9::text[], $10::uuid[], $11::text[], $12::bytea[], $13::timestamptz[],
       $14::text, $15::text, $16::bytea, $17::bytea, $18::timestamptz,
       $19::uuid[], $20::uuid[], $21::bigint[])

-- :name booking_remember :do :write
select bookings.remember($1::uuid, $2::text, $3::text, $4::bytea, $5::bytea)

-- :name booking_stands :one :read
-- Did a write whose answer was lost take effect?
select b.id, b.version::bigint, b.booking_status, b.event_sequence::bigint
  from bookings.bookings b
 where b.id = $1::uuid

-- :name booking_event_stands :one :read
-- Each write tells at least one event whose id was chosen before it was sent.
select exists (select from bookings.outbox o where o.event_id = $1::uuid) as stands

-- :name holds_lapsed :all :read
-- Holds of a franchise that lapsed but still keep places in a period; and, as
-- changes, what paid bookings were not changed to in time.  No booking is longer
-- than a day, which has 26 hours at most (where a clock goes back by two, as at
-- Antarctica/Troll): what began before is not read.
select b.id, false as change
  from bookings.bookings b
 where b.franchise_id = $1::uuid and (b.booking_status = 'pending') is true
   and b.hold_expires_at <= now()
   and b.start_datetime > $2::timestamptz - interval '26 hours'
   and b.start_datetime < $3::timestamptz and b.end_datetime > $2::timestamptz
 union
select h.booking_id, true
  from bookings.held_places h
  join bookings.pending_changes p on p.booking_id = h.booking_id
 where h.franchise_id = $1::uuid and p.expires_at <= now()
   and h.slot_start >= $2::timestamptz and h.slot_start < $3::timestamptz
 order by 2, 1
 limit 200

-- :name holds_lapsed_of :all :read
-- Holds and changes of a customer that lapsed but still keep its children in a
-- period.
select b.id, false as change
  from bookings.bookings b
 where b.customer_id = $1::uuid and b.booking_status = 'pending'
   and b.hold_expires_at <= now()
   and b.start_datetime < $3::timestamptz and b.end_datetime > $2::timestamptz
 union
select p.booking_id, true
  from bookings.bookings b
  join bookings.pending_changes p on p.booking_id = b.id
 where b.customer_id = $1::uuid and p.expires_at <= now()
   and p.start_datetime < $3::timestamptz and p.end_datetime > $2::timestamptz
 order by 2, 1
 limit 200
