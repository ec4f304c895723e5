-- 0009_currency_stays.sql: a franchise's currency does not change under bookings.
--
-- A booking keeps the currency it was made in.  Another one at its franchise
-- would price its changes in units that are not its own, whoever asks, so the
-- table itself refuses: with the sentence of bookingctl, and to any release.

-- Lock order as in 0003: the franchise's row, which is changed by now, then its
-- slots in order.
--
-- Refusals: CB010, as when slots would move under bookings that stand.
create function franchises.currency_stays() returns trigger language plpgsql as $$
declare
    first timestamptz;
begin
    perform from franchises.slot_ledger l
      where l.franchise_id = new.id and l.slot_end > now() order by l.slot_start for update;
    select min(l.slot_start) into first from franchises.slot_ledger l
     where l.franchise_id = new.id and l.slot_end > now() and l.booked > 0;
    if first is not null then
        raise exception using errcode = 'CB010', message =
            'the currency stays as it is while future bookings stand; the first is at '
            || franchises.slot_label(first, old.timezone);
    end if;
    -- Whoever is about to book at the old price finds its slot gone, and reads
    -- again.
    delete from franchises.slot_ledger l
     where l.franchise_id = new.id and l.slot_end > now();
    return null;
end $$;

create trigger currency_stays after update of currency on franchises.franchises
    for each row when (old.currency is distinct from new.currency)
    execute function franchises.currency_stays();
