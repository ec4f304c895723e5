-- franchises.sql: what the programs ask about franchises and their days.

-- :name franchise_list :all :read
select f.id, f.name, f.address, f.city, f.postal_code, f.timezone as time_zone,
       f.max_capacity::bigint, (f.standard_rate * 100)::bigint as standard_rate,
       (f.peak_hour_rate * 100)::bigint as peak_hour_rate, f.currency,
       to_char(f.open_time, 'HH24:MI') as open_label, to_char(f.close_time, 'HH24:MI') as close_label,
       f.operating_days, f.slot_minutes::bigint, f.lead_minutes::bigint, f.horizon_days::bigint,
       f.cancel_hours, f.cancel_percent, (f.cancel_fee * 100)::bigint as cancel_fee,
       f.stripe_account::text, f.version::bigint
  from franchises.franchises f
 where f.is_active
   and ($1::text is null or lower(f.city) = lower($1))
   and ($2::text is null or lower(replace(f.postal_code, ' ', '')) = lower(replace($2, ' ', '')))
   and ($3::text is null or (f.name, f.id) > ($3, $4::uuid))
 order by f.name, f.id
 limit $5::bigint

-- :name franchise_get :one :read
-- With its local midnight: from then on other holidays are the next.
select f.id, f.name, f.address, f.city, f.postal_code, f.timezone as time_zone,
       f.max_capacity::bigint, (f.standard_rate * 100)::bigint as standard_rate,
       (f.peak_hour_rate * 100)::bigint as peak_hour_rate, f.currency,
       to_char(f.open_time, 'HH24:MI') as open_label, to_char(f.close_time, 'HH24:MI') as close_label,
       f.operating_days, f.slot_minutes::bigint, f.lead_minutes::bigint, f.horizon_days::bigint,
       f.cancel_hours, f.cancel_percent, (f.cancel_fee * 100)::bigint as cancel_fee,
       f.stripe_account::text, f.version::bigint, now() as as_of,
       franchises.local_instant(((now() at time zone f.timezone)::date + 1)::timestamp,
                                f.timezone, false) as valid_until
  from franchises.franchises f
 where f.id = $1::uuid and f.is_active

-- :name franchise_peaks :all :read
select p.franchise_id, p.weekdays, to_char(p.start_time, 'HH24:MI') as start_label,
       to_char(p.end_time, 'HH24:MI') as end_label
  from franchises.peak_windows p
 where p.franchise_id = any ($1::uuid[])
 order by p.franchise_id, p.start_time

-- :name franchise_closed :all :read
-- The next $2 of each.
select f.id as franchise_id, c.day, c.reason
  from franchises.franchises f
 cross join lateral (
       select c.day, c.reason
         from franchises.closed_days c
        where c.franchise_id = f.id and c.day >= (now() at time zone f.timezone)::date
        order by c.day
        limit $2::bigint) as c
 where f.id = any ($1::uuid[])
 order by f.id, c.day

-- :name franchise_day :one :read
-- One day of a franchise: by date, or today there when the date is null.
select d.franchise_id, d.version::bigint, d.is_active, d.currency, d.time_zone,
       d.slot_minutes::bigint, d.lead_minutes::bigint, d.horizon_days::bigint,
       d.standard_rate, d.peak_hour_rate, d.open_label, d.close_label,
       d.cancel_hours, d.cancel_percent, d.cancel_fee,
       d.day, d.today, d.closed, d.open_at, d.close_at,
       d.starts, d.labels, d.end_labels, d.rates, d.peaks, d.left_over,
       d.lapsed::bigint, d.as_of, d.valid_until
  from bookings.franchise_day($1::uuid, $2::date, null) as d
 where d.franchise_id is not null and d.is_active

-- :name franchise_days :all :read
-- Several days at once; $2 null: from today there.
select d.franchise_id, d.version::bigint, d.is_active, d.currency, d.time_zone,
       d.slot_minutes::bigint, d.lead_minutes::bigint, d.horizon_days::bigint,
       d.standard_rate, d.peak_hour_rate, d.open_label, d.close_label,
       d.cancel_hours, d.cancel_percent, d.cancel_fee,
       d.day, d.today, d.closed, d.open_at, d.close_at,
       d.starts, d.labels, d.end_labels, d.rates, d.peaks, d.left_over,
       d.lapsed::bigint, d.as_of, d.valid_until
  from franchises.franchises f
 cross join generate_series(0, $3::bigint - 1) as n
 cross join lateral bookings.franchise_day(f.id,
       coalesce($2::date, (now() at time zone f.timezone)::date) + n::integer, null) as d
 where f.id = $1::uuid and f.is_active
 order by d.day
