-- 0008_money_made_good.sql: whose money a payment is, and what is wanted no more.
--
-- Money that came too late, twice, or for another price was never the booking's.
-- What goes back of it is not the booking's either, whoever sends it: staff, too,
-- when the bank returned the refund that we made by ourselves.
create function payments.was_of_others(p_payment uuid)
returns boolean language sql stable as $$
    select exists (select from payments.refunds r
                    where r.payment_id = p_payment and payments.is_of_others(r.reason))
$$;

create or replace function payments.sum_up(p_booking uuid)
returns void language plpgsql as $$
begin
    update payments.payments p set refunded_amount = s.refunded
      from (select q.id, coalesce(sum(r.amount) filter (where r.refund_status <> 'failed'), 0) as refunded
              from payments.payments q
              left join payments.refunds r on r.payment_id = q.id
             where q.booking_id = p_booking group by q.id) as s
     where p.id = s.id and p.refunded_amount <> s.refunded;
    update bookings.bookings b
       set paid_amount = p.paid, refunded_amount = p.refunded,
           payment_status = case
               when p.due > 0 and p.due >= p.paid - p.others then 'refunded'
               when p.due > 0 then 'partially_refunded'
               when p.paid > 0 and p.refunded >= p.paid
                    and b.booking_status in ('expired', 'cancelled') then 'refunded'
               when b.payment_status in ('refunded', 'partially_refunded') then 'paid'
               else b.payment_status end
      from (select coalesce(sum(q.amount) filter (where q.payment_status = 'succeeded'), 0) as paid,
                   coalesce(sum(q.refunded_amount), 0) as refunded,
                   coalesce(sum(q.amount) filter (where q.payment_status = 'succeeded'
                                                    and o.of_others), 0) as others,
                   coalesce(sum(q.refunded_amount) filter (where not o.of_others), 0) as due
              from payments.payments q
             cross join lateral (select payments.was_of_others(q.id) as of_others) as o
             where q.booking_id = p_booking) as p
     where b.id = p_booking;
end $$;

-- Once a booking is confirmed, by whatever, no other attempt to pay it is wanted.
-- The one that confirmed it has succeeded by then.
create function bookings.confirmed_once() returns trigger language plpgsql as $$
begin
    perform payments.supersede(new.id);
    return null;
end $$;
create trigger confirmed_once after update of booking_status on bookings.bookings
    for each row when (new.booking_status = 'confirmed' and old.booking_status <> 'confirmed')
    execute function bookings.confirmed_once();

-- How much of a payment the journal says is in dispute: hundredths.
create function payments.in_dispute(p_booking uuid, p_payment uuid)
returns bigint language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select (coalesce(sum(j.amount), 0) * 100)::bigint
      from payments.journal j
     where j.booking_id = p_booking and j.reference = p_payment and j.kind = 'dispute'
       and j.account = 'disputes'
$$;

-- A hold ends with the hours it is for, at the latest, also when they move.
create function bookings.hold_within_hours() returns trigger language plpgsql as $$
begin
    new.hold_expires_at := least(new.hold_expires_at, new.end_datetime);
    return new;
end $$;
create trigger hold_within_hours before insert or update of hold_expires_at, end_datetime
    on bookings.bookings for each row
    when (new.hold_expires_at > new.end_datetime)
    execute function bookings.hold_within_hours();

-- Bookings that read refunded by money that was never theirs.
do $$
declare
    b record;
begin
    for b in select k.id, k.payment_status from bookings.bookings k
              where exists (select from payments.refunds r
                             where r.booking_id = k.id and r.reason = 'staff'
                               and payments.was_of_others(r.payment_id)) for update loop
        perform payments.sum_up(b.id);
        update bookings.bookings set version = version + 1, updated_at = now()
         where id = b.id and payment_status <> b.payment_status;
    end loop;
end $$;
