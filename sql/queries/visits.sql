-- visits.sql: codes at the desk, who came, who went home, and who is expected.

-- :name ticket_find :one :read
-- Whose code it is: by the reference a QR code carries, or by the short code.
select b.id, b.franchise_id, b.qr_version::bigint
  from bookings.bookings b
 where b.reference_number = $1::uuid or b.booking_code = $2::text

-- :name visit_check_in :do :write
select bookings.check_in($1::uuid, $2::uuid, $3::bigint::integer, $4::text, $5::text,
       $6::timestamptz,
       $7::text[], $8::text[], $9::uuid[], $10::text[], $11::bytea[], $12::timestamptz[],
       $13::text, $14::text, $15::bytea, $16::bytea)

-- :name visit_check_out :do :write
select bookings.check_out($1::uuid, $2::uuid, $3::bigint::integer, $4::text, $5::timestamptz,
       $6::bytea, $7::bytea,
       $8::text[], $9::text[], $10::uuid[], $11::text[], $12::bytea[], $13::timestamptz[],
       $14::text, $15::text, $16::bytea, $17::bytea)

-- :name roster_day :one :read
-- One franchise's day ($2; null: today there) in numbers of children.  Who has
-- not come and whose time is over is missing, whether a relay has said so or
-- not.  Who came yesterday and is still there is of today too: a house may be
-- open past midnight.  capacity is the current slot's; $3 narrows to the
-- caller's own.
select f.id, f.timezone as time_zone, d.day, now() as as_of,
       o.expected::bigint, o.present::bigint, o.collected::bigint, o.no_show::bigint,
       coalesce(l.capacity, f.max_capacity)::bigint as capacity
  from franchises.franchises f
 cross join lateral (
       select (now() at time zone f.timezone)::date as today,
              coalesce($2::date, (now() at time zone f.timezone)::date) as day) as d
  left join franchises.slot_ledger l on l.franchise_id = f.id and d.day = d.today
       and l.slot_start <= now() and l.slot_end > now()
       and l.slot_start > now() - interval '1 hour' -- no slot is longer
 cross join lateral (
       select coalesce(sum(b.child_count) filter (
                  where b.booking_status = 'confirmed' and b.end_datetime > now()), 0) as expected,
              coalesce(sum(b.child_count) filter (
                  where v.booking_id is not null and v.checked_out_at is null), 0) as present,
              coalesce(sum(b.child_count) filter (where v.checked_out_at is not null), 0) as collected,
              coalesce(sum(b.child_count) filter (
                  where b.booking_status = 'no_show'
                     or b.booking_status = 'confirmed' and b.end_datetime <= now()), 0) as no_show
         from bookings.bookings b
         left join bookings.visits v on v.booking_id = b.id
        where b.franchise_id = f.id
          and b.booking_status in ('confirmed', 'checked_in', 'completed', 'no_show')
          and b.start_datetime >= (d.day - 2)::timestamp at time zone 'UTC'
          and b.start_datetime < (d.day + 2)::timestamp at time zone 'UTC'
          and ((b.start_datetime at time zone f.timezone)::date = d.day
               or b.booking_status = 'checked_in' and d.day = d.today
                  and (b.start_datetime at time zone f.timezone)::date = d.day - 1)) as o
 where f.id = $1::uuid and ($3::uuid is null or f.id = $3)

-- :name roster_list :all :read
-- Who comes on day $2, in order; behind ($3, $4) when they are given.  Today's
-- begins with those who are still there from yesterday.
select b.id, b.booking_status, b.booking_code, b.start_datetime, b.end_datetime,
       b.child_count::bigint, b.data_key,
       to_char(b.start_datetime at time zone f.timezone, 'HH24:MI') as start_label,
       case when (b.end_datetime at time zone f.timezone)::date
                   > (b.start_datetime at time zone f.timezone)::date then '24:00'
            else to_char(b.end_datetime at time zone f.timezone, 'HH24:MI') end as end_label,
       v.checked_in_at, v.checked_out_at,
       i.id as contact_id, i.name as contact_name, i.email as contact_email,
       i.phone as contact_phone, i.emergency_contact as contact_emergency,
       c.ids as child_ids, c.ages as child_ages, c.texts as child_texts, now() as as_of
  from bookings.bookings b
  join franchises.franchises f on f.id = b.franchise_id
  join bookings.customer_info i on i.booking_id = b.id
  left join bookings.visits v on v.booking_id = b.id
 cross join lateral (
       select array_agg(c.id order by c.position) filter (where t.part = 1) as ids,
              array_agg(c.age order by c.position) filter (where t.part = 1) as ages,
              array_agg(t.text order by c.position, t.part) as texts
         from bookings.booking_children c
        cross join lateral (values (1, c.name), (2, c.special_needs), (3, c.allergies),
              (4, c.pickup_authorization), (5, c.special_instructions)) as t (part, text)
        where c.booking_id = b.id and not c.change) as c
 where b.franchise_id = $1::uuid
   and b.booking_status in ('confirmed', 'checked_in', 'completed', 'no_show')
   and b.start_datetime >= ($2::date - 2)::timestamp at time zone 'UTC'
   and b.start_datetime < ($2::date + 2)::timestamp at time zone 'UTC'
   and ((b.start_datetime at time zone f.timezone)::date = $2
        or b.booking_status = 'checked_in'
           and $2 = (now() at time zone f.timezone)::date
           and (b.start_datetime at time zone f.timezone)::date = $2 - 1)
   and ($3::timestamptz is null or (b.start_datetime, b.id) > ($3, $4::uuid))
 order by b.start_datetime, b.id
 limit $5::bigint

-- :name ticket_revoke :one :write :late
select bookings.revoke_qr($1::uuid, $2::text)::bigint as version

-- :name qr_stored :do :write
select bookings.qr_stored($1::uuid, $2::bigint::integer, $3::text)
