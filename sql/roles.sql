-- roles.sql: who may do what.  Run after the migrations, each time; safe to
-- repeat.  The roles themselves are made by whoever owns the server
-- (docs/operators.md); a role that is not there is passed over.

do $$
declare
    s text;
begin
    foreach s in array array['franchises', 'bookings', 'payments', 'access'] loop
        execute format('revoke all on schema %I from public', s);
        execute format('revoke all on all tables in schema %I from public', s);
        execute format('revoke all on all functions in schema %I from public', s);
    end loop;
    -- Nobody needs a temporary table, and a type or table there could stand in
    -- for one of ours.
    execute format('revoke temporary on database %I from public', current_database());

    if exists (select from pg_roles where rolname = 'booking_api') then
        grant usage on schema franchises, bookings, payments, access to booking_api;
        grant select on franchises.franchises, franchises.peak_windows, franchises.closed_days,
              franchises.slot_ledger, bookings.bookings, bookings.booking_children,
              bookings.customer_info, bookings.visits, bookings.idempotency_keys,
              bookings.pending_changes, bookings.held_places,
              access.api_keys to booking_api;
        grant select (event_id) on bookings.outbox to booking_api;
        grant select on payments.payments, payments.refunds to booking_api;
        -- Places, state and the outbox change through these alone.
        grant execute on function
              franchises.local_instant(timestamp, text, boolean),
              franchises.cut_day(text, date, time, time, integer),
              bookings.franchise_day(uuid, date, timestamptz),
              bookings.quote(uuid, timestamptz)
              to booking_api;
        for s in select p.oid::regprocedure::text from pg_proc p
                  join pg_namespace n on n.oid = p.pronamespace
                 where (n.nspname = 'bookings'
                   and p.proname in ('place', 'change', 'propose', 'end_change', 'release',
                                     'remember', 'check_in', 'check_out'))
                    or (n.nspname = 'payments'
                   and p.proname in ('apply', 'keep_event', 'restate_answer', 'tell_dispute',
                                     'tell_refunded', 'is_of_others', 'was_of_others',
                                     'use_refund_key')) loop
            execute format('grant execute on function %s to booking_api', s);
        end loop;
    end if;

    -- The relays finish what requests began: they read what a request reads, and
    -- change it by functions alone.  None may book, change or see an API key.
    if exists (select from pg_roles where rolname = 'booking_relay') then
        grant usage on schema franchises, bookings, payments, access to booking_relay;
        grant select on franchises.franchises, franchises.peak_windows, franchises.closed_days,
              franchises.slot_ledger, bookings.bookings, bookings.booking_children,
              bookings.customer_info, bookings.visits, bookings.idempotency_keys,
              bookings.pending_changes, bookings.held_places to booking_relay;
        grant select (event_id) on bookings.outbox to booking_relay;
        grant select on payments.payments, payments.refunds to booking_relay;
        grant execute on function
              franchises.local_instant(timestamp, text, boolean),
              franchises.cut_day(text, date, time, time, integer),
              bookings.franchise_day(uuid, date, timestamptz)
              to booking_relay;
        for s in select p.oid::regprocedure::text from pg_proc p
                  join pg_namespace n on n.oid = p.pronamespace
                 where (n.nspname = 'bookings'
                   and (p.proname in ('release', 'end_change', 'finish', 'prune', 'qr_stored')
                        or p.proname like 'outbox\_%'))
                    or (n.nspname = 'payments'
                   and p.proname in ('apply', 'keep_event', 'prune_events', 'is_of_others',
                                     'was_of_others', 'tell_dispute', 'use_refund_key')) loop
            execute format('grant execute on function %s to booking_relay', s);
        end loop;
    end if;
end $$;
