-- 0003_franchises_are_kept.sql: the functions that set franchises up and change
-- them.  bookingctl runs them as the owner of the tables.
--
-- Lock order: the franchise's row, then its slots in order.  FOR NO KEY UPDATE
-- is enough to stop open_slots (FOR SHARE), and lets the foreign key of a
-- booking being placed pass: that one holds slots already, and would wait for
-- us while we wait for it.
--
-- Refusals (src/store/refusal.c maps them); the message names the rule:
--   CB003 the franchise has changed since it was read
--   CB005 there is no such franchise
--   CB010 the slots would move under bookings that stand
--   CB011 fewer places than are booked (DETAIL: the slots)
--   CB012 there is no such time zone, or it is an abbreviation
--   CB013 a slot's price does not divide exactly
--   CB014 bookings stand on the day
--   CB015 the day is over

-- A slot as people there read it.
create function franchises.slot_label(p_at timestamptz, p_zone text)
returns text language sql stable as $$
    select to_char(p_at at time zone p_zone, 'YYYY-MM-DD HH24:MI')
$$;

-- Refuse when a slot with bookings would not be one of the new day's.
-- p_moves: zone or length change, and no slot with bookings may be left at all.
create function franchises.refuse_to_move(p_id uuid, p_moves boolean, p_old_zone text,
    p_zone text, p_open time, p_close time, p_days integer[], p_minutes integer)
returns void language plpgsql as $$
declare
    bad record;
begin
    select l.slot_start, l.booked into bad
      from franchises.slot_ledger l
     where l.franchise_id = p_id and l.booked > 0 and l.slot_end > now()
       and (p_moves
            or not extract(isodow from l.slot_start at time zone p_zone)::integer = any (p_days)
            or not l.slot_start = any ((franchises.cut_day(p_zone,
                   (l.slot_start at time zone p_zone)::date, p_open, p_close, p_minutes)).starts))
     order by l.slot_start limit 1;
    if not found then
        return;
    end if;
    if p_moves then
        raise exception using errcode = 'CB010', message =
            'the time zone and the length of slots stay as they are while future bookings stand; '
            || 'the first is at ' || franchises.slot_label(bad.slot_start, p_old_zone);
    end if;
    raise exception using errcode = 'CB010', message =
        'bookings stand that would not fit the slots of the new hours; the first is at '
        || franchises.slot_label(bad.slot_start, p_old_zone);
end $$;

-- Give future slots their new capacity, or say which hold more than that.
create function franchises.resize_slots(p_id uuid, p_zone text, p_capacity integer)
returns void language plpgsql as $$
declare
    most integer;
    slots text;
begin
    select max(l.booked),
           string_agg(franchises.slot_label(l.slot_start, p_zone) || ' (' || l.booked || ')', ', '
                      order by l.slot_start)
      into most, slots
      from (select l.slot_start, l.booked from franchises.slot_ledger l
             where l.franchise_id = p_id and l.slot_end > now() and l.booked > p_capacity
             order by l.slot_start limit 20) as l;
    if most is not null then
        raise exception using errcode = 'CB011', detail = slots, message =
            'the capacity may not be below what is booked: ' || most || ' places';
    end if;
    update franchises.slot_ledger l set capacity = p_capacity
     where l.franchise_id = p_id and l.slot_end > now() and l.capacity <> p_capacity;
end $$;

-- Make a franchise (p_version null) or change the one that still stands at
-- p_version; gives the new version.  Rates and the fee in hundredths.
create function franchises.save(p_id uuid, p_version integer,
    p_name text, p_address text, p_city text, p_postal_code text,
    p_zone text, p_currency text, p_capacity integer, p_standard bigint, p_peak bigint,
    p_open time, p_close time, p_days integer[], p_minutes integer, p_lead integer,
    p_horizon integer, p_cancel_hours integer[], p_cancel_percent integer[], p_cancel_fee bigint,
    p_active boolean, p_peak_starts time[], p_peak_ends time[], p_peak_days text[])
returns integer language plpgsql as $$
declare
    f franchises.franchises;
    moves boolean;
begin
    if not exists (select from pg_timezone_names z where z.name = p_zone
                      and z.name !~ '^(posix|right)/' and z.name not in ('localtime', 'Factory')) then
        raise exception using errcode = 'CB012',
            message = 'there is no time zone ' || quote_ident(p_zone);
    end if;
    -- To Postgres CET, EST and their kin are fixed offsets before they are zones.
    if p_zone <> 'UTC' and exists (select from pg_timezone_abbrevs a
                                    where a.abbrev = upper(p_zone)) then
        raise exception using errcode = 'CB012', message =
            'the time zone ' || quote_ident(p_zone)
            || ' knows no summer time: name a place, such as Europe/London';
    end if;
    if (p_standard * p_minutes) % 60 <> 0 or (p_peak * p_minutes) % 60 <> 0 then
        raise exception 'the price of a slot does not divide exactly' using errcode = 'CB013';
    end if;

    if p_version is null then
        insert into franchises.franchises (id, name, address, city, postal_code, timezone, currency,
            max_capacity, standard_rate, peak_hour_rate, open_time, close_time, operating_days,
            slot_minutes, lead_minutes, horizon_days, cancel_hours, cancel_percent, cancel_fee,
            is_active)
        values (p_id, p_name, p_address, p_city, p_postal_code, p_zone, p_currency, p_capacity,
            p_standard / 100.0, p_peak / 100.0, p_open, p_close, p_days, p_minutes, p_lead,
            p_horizon, p_cancel_hours, p_cancel_percent, p_cancel_fee / 100.0, p_active);
    else
        select * into f from franchises.franchises where id = p_id for no key update;
        if not found then
            raise exception 'there is no such franchise' using errcode = 'CB005';
        elsif f.version <> p_version then
            raise exception 'the franchise has changed meanwhile' using errcode = 'CB003';
        end if;
        update franchises.franchises set name = p_name, address = p_address, city = p_city,
            postal_code = p_postal_code, timezone = p_zone, currency = p_currency,
            max_capacity = p_capacity, standard_rate = p_standard / 100.0,
            peak_hour_rate = p_peak / 100.0, open_time = p_open, close_time = p_close,
            operating_days = p_days, slot_minutes = p_minutes, lead_minutes = p_lead,
            horizon_days = p_horizon, cancel_hours = p_cancel_hours,
            cancel_percent = p_cancel_percent, cancel_fee = p_cancel_fee / 100.0,
            is_active = p_active, version = version + 1, updated_at = now()
         where id = p_id;

        moves := (p_zone, p_minutes) is distinct from (f.timezone, f.slot_minutes::integer);
        perform from franchises.slot_ledger l
          where l.franchise_id = p_id and l.slot_end > now() order by l.slot_start for update;
        if moves or (p_open, p_close, p_days) is distinct from
                    (f.open_time, f.close_time, f.operating_days) then
            perform franchises.refuse_to_move(p_id, moves, f.timezone, p_zone, p_open, p_close,
                p_days, p_minutes);
            -- Empty slots of the old grid would stand in the new one's way; and
            -- whoever is about to book one finds it gone, and reads again.
            delete from franchises.slot_ledger l
             where l.franchise_id = p_id and l.slot_end > now() and l.booked = 0;
        end if;
        if p_capacity <> f.max_capacity then
            perform franchises.resize_slots(p_id, p_zone, p_capacity);
        end if;
        delete from franchises.peak_windows where franchise_id = p_id;
    end if;

    insert into franchises.peak_windows (franchise_id, weekdays, start_time, end_time)
    select p_id, w.days::integer[], w.starts, w.ends
      from unnest(p_peak_starts, p_peak_ends, p_peak_days) as w (starts, ends, days);
    return coalesce(p_version, 0) + 1;
end $$;

-- Close a franchise on one local day on which nothing is booked.
create function franchises.close_day(p_id uuid, p_day date, p_reason text)
returns void language plpgsql as $$
declare
    f franchises.franchises;
    from_at timestamptz;
    until_at timestamptz;
    standing integer;
    lapsed integer;
begin
    select * into f from franchises.franchises where id = p_id for no key update;
    if not found then
        raise exception 'there is no such franchise' using errcode = 'CB005';
    elsif p_day < (now() at time zone f.timezone)::date then
        raise exception 'the day is over' using errcode = 'CB015';
    end if;
    from_at := franchises.local_instant(p_day, f.timezone, false);
    until_at := franchises.local_instant(p_day + 1, f.timezone, false);

    -- With its empty slots gone nobody can book the day who read it before.
    perform from franchises.slot_ledger l
      where l.franchise_id = p_id and l.slot_start >= from_at and l.slot_start < until_at
      order by l.slot_start for update;
    delete from franchises.slot_ledger l
     where l.franchise_id = p_id and l.slot_start >= from_at and l.slot_start < until_at
       and l.booked = 0;
    select count(*), count(*) filter (where b.hold_expires_at <= now()
                                        and b.booking_status = 'pending')
      into standing, lapsed
      from bookings.bookings b
     where b.franchise_id = p_id and b.start_datetime >= from_at and b.start_datetime < until_at
       and b.booking_status in ('pending', 'confirmed', 'checked_in');
    -- Nor may a change that waits for its money end on a closed day.
    select standing + count(*), lapsed + count(*) filter (where c.expires_at <= now())
      into standing, lapsed
      from bookings.pending_changes c
      join bookings.bookings b on b.id = c.booking_id
     where b.franchise_id = p_id and c.start_datetime >= from_at and c.start_datetime < until_at
       and not (b.start_datetime >= from_at and b.start_datetime < until_at);
    if standing > 0 then
        raise exception using errcode = 'CB014', message =
            'bookings stand on that day: ' || standing
            || case when lapsed > 0 then ', of which ' || lapsed || ' are holds that have lapsed'
                    else '' end;
    end if;

    insert into franchises.closed_days (franchise_id, day, reason) values (p_id, p_day, p_reason)
        on conflict (franchise_id, day) do update set reason = excluded.reason;
    update franchises.franchises set version = version + 1, updated_at = now() where id = p_id;
end $$;

-- Open it again; false when it was not closed.
create function franchises.open_day(p_id uuid, p_day date)
returns boolean language plpgsql as $$
declare
    was_closed boolean;
begin
    perform from franchises.franchises where id = p_id for no key update;
    if not found then
        raise exception 'there is no such franchise' using errcode = 'CB005';
    end if;
    delete from franchises.closed_days where franchise_id = p_id and day = p_day;
    was_closed := found;
    if was_closed then
        update franchises.franchises set version = version + 1, updated_at = now() where id = p_id;
    end if;
    return was_closed;
end $$;
