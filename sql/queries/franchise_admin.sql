-- franchise_admin.sql: what bookingctl asks and changes, as the owner.  All
-- are late: the API never runs them.

-- :name admin_franchise_list :all :read :late
select f.id, f.name, f.address, f.city, f.postal_code, f.timezone as time_zone, f.currency,
       f.max_capacity::bigint, (f.standard_rate * 100)::bigint as standard_rate,
       (f.peak_hour_rate * 100)::bigint as peak_hour_rate,
       to_char(f.open_time, 'HH24:MI') as open_label, to_char(f.close_time, 'HH24:MI') as close_label,
       f.operating_days, f.slot_minutes::bigint, f.lead_minutes::bigint, f.horizon_days::bigint,
       f.cancel_hours, f.cancel_percent, (f.cancel_fee * 100)::bigint as cancel_fee,
       f.stripe_account::text, f.is_active, f.version::bigint
  from franchises.franchises f
 where $1::uuid is null or f.id = $1
 order by f.name, f.id
 limit 10000

-- :name admin_franchise_save :one :write :late
-- The arrays of peak windows run in step; weekdays are array literals.
select franchises.put_account($1::uuid, franchises.save($1::uuid, $2::bigint::integer, $3::text, $4::text, $5::text, $6::text,
       $7::text, $8::text, $9::bigint::integer, $10::bigint, $11::bigint, $12::text::time,
       $13::text::time, $14::bigint[]::integer[], $15::bigint::integer, $16::bigint::integer,
       $17::bigint::integer, $18::bigint[]::integer[], $19::bigint[]::integer[], $20::bigint,
       $21::boolean, $22::text[]::time[], $23::text[]::time[], $24::text[]), $25::text)::bigint as version

-- :name admin_close_day :do :write :late
select franchises.close_day($1::uuid, $2::date, $3::text)

-- :name admin_open_day :one :write :late
select franchises.open_day($1::uuid, $2::date) as was_closed

-- :name admin_zones_missing :all :read :late
-- Franchises whose time zone this Postgres does not know, or takes for a
-- fixed offset (CET).
select f.id, f.name, f.timezone as time_zone
  from franchises.franchises f
 where not exists (select from pg_timezone_names z where z.name = f.timezone)
    or f.timezone <> 'UTC'
       and exists (select from pg_timezone_abbrevs a where a.abbrev = upper(f.timezone))
 order by f.name
 limit 100

-- :name admin_holds_lapsed :all :read :late
-- Holds that lapsed, that nobody has expired yet, and that still keep places;
-- and changes of paid bookings that do.
select b.id, false as change
  from bookings.bookings b
 where b.franchise_id = $1::uuid and b.booking_status = 'pending'
   and b.hold_expires_at <= now() and b.end_datetime > now()
 union
select p.booking_id, true
  from bookings.pending_changes p
  join bookings.bookings b on b.id = p.booking_id
 where b.franchise_id = $1::uuid and p.expires_at <= now() and p.end_datetime > now()
 order by 2, 1
 limit 1000
