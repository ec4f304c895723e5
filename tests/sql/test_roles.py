"""test_roles.py: what the programs' roles may do, and all they may not."""

import pytest

# What roles.sql grants the API, by name; everything else is refused.
API_READS = {
    "franchises.franchises", "franchises.peak_windows", "franchises.closed_days",
    "franchises.slot_ledger", "bookings.bookings", "bookings.booking_children",
    "bookings.customer_info", "bookings.visits", "bookings.idempotency_keys",
    "access.api_keys",
    "bookings.pending_changes", "bookings.held_places",
    "payments.payments", "payments.refunds",
}
API_CALLS = {
    "franchises.local_instant", "franchises.cut_day", "bookings.franchise_day",
    "bookings.quote", "bookings.place", "bookings.change", "bookings.release",
    "bookings.remember", "bookings.check_in", "bookings.check_out", "bookings.propose",
    "bookings.end_change",
    "payments.apply", "payments.keep_event", "payments.tell_dispute", "payments.restate_answer",
    "payments.is_of_others", "payments.was_of_others", "payments.use_refund_key",
    "payments.tell_refunded",
}
OURS = "n.nspname in ('franchises', 'bookings', 'payments', 'access', 'meta')"


def tables(world):
    return [row[0] for row in world.all(
        f"select n.nspname || '.' || c.relname from pg_class c "
        f"join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' and {OURS}")]


def test_the_api_reads_what_it_must_and_nothing_else(still):
    api = still.connect("booking_api")
    for table in tables(still):
        if table in API_READS:
            still.all(f"select * from {table} limit 1", connection=api)
        else:
            still.refused("42501", f"select * from {table} limit 1", connection=api)
    # Of the outbox it sees the ids of the events, to know what a lost commit did.
    still.all("select event_id from bookings.outbox limit 1", connection=api)
    still.refused("42501", "select facts from bookings.outbox", connection=api)


@pytest.mark.parametrize("role", ["booking_api", "booking_relay"])
def test_no_program_may_write_to_a_table(still, role):
    connection = still.connect(role)
    everything = tables(still)
    assert "franchises.slot_ledger" in everything and "bookings.outbox" in everything
    for table in everything:
        column = still.one(
            "select attname from pg_attribute where attrelid = %s::regclass and attnum = 2",
            (table,))
        still.refused("42501", f"insert into {table} default values",
                      connection=connection)
        still.refused("42501", f"update {table} set {column} = {column}",
                      connection=connection)
        still.refused("42501", f"delete from {table}", connection=connection)
        still.refused("42501", f"truncate {table} cascade", connection=connection)
        still.refused("42501", f"drop table {table} cascade", connection=connection)


def test_the_api_may_not_move_the_counter(still):
    api = still.connect("booking_api")
    for statement in (
            "update franchises.slot_ledger set booked = 0",
            "update franchises.slot_ledger set capacity = 1000",
            "select * from franchises.slot_ledger for update",
            "select bookings.move_places(null, now(), now(), 60, -1)",
            "select franchises.resize_slots(null, 'UTC', 1000)"):
        still.refused("42501", statement, connection=api)


RELAY_CALLS = {
    "franchises.local_instant", "franchises.cut_day", "bookings.franchise_day",
    "bookings.release", "bookings.end_change", "bookings.finish", "bookings.prune",
    "bookings.qr_stored",
    "bookings.outbox_claim", "bookings.outbox_claim_events", "bookings.outbox_sent",
    "bookings.outbox_put_off", "bookings.outbox_ask",
    "bookings.outbox_take", "bookings.outbox_take_events",
    "payments.apply", "payments.keep_event", "payments.tell_dispute", "payments.prune_events",
    "payments.is_of_others", "payments.was_of_others", "payments.use_refund_key",
}


def test_the_relay_sees_no_api_key_and_reads_the_outbox_by_claiming_alone(still):
    relay = still.connect("booking_relay")
    for table in tables(still):
        if table in API_READS - {"access.api_keys"}:
            still.all(f"select * from {table} limit 1", connection=relay)
        else:
            still.refused("42501", f"select * from {table} limit 1", connection=relay)
    still.refused("42501", "update bookings.outbox set sent_at = now()", connection=relay)
    still.all("select * from bookings.outbox_take_events(1, interval '1 second')",
              connection=relay)


def test_the_relay_may_call_what_is_granted_and_nothing_else(still):
    rows = still.all(
        f"select n.nspname || '.' || p.proname from pg_proc p "
        f"join pg_namespace n on n.oid = p.pronamespace where {OURS} "
        f"and has_function_privilege('booking_relay', p.oid, 'execute')")
    assert {name for name, in rows} == RELAY_CALLS


def test_the_relay_tells_no_event_on_its_own(still):
    relay = still.connect("booking_relay")
    still.refused("22023", "select bookings.outbox_ask('events', 'BookingCreated', "
                  "gen_random_uuid())", connection=relay)


def test_the_api_may_call_what_is_granted_and_nothing_else(still):
    rows = still.all(
        f"select p.oid, n.nspname || '.' || p.proname, "
        f"has_function_privilege('booking_api', p.oid, 'execute') from pg_proc p "
        f"join pg_namespace n on n.oid = p.pronamespace where {OURS}")
    assert len(rows) > 15
    may = {name for _, name, allowed in rows if allowed}
    assert may == API_CALLS


def test_the_public_may_do_nothing(still):
    still.server.run("create role passer_by login")
    try:
        stranger = still.connect("passer_by")
        for table in tables(still):
            still.refused("42501", f"select 1 from {table}", connection=stranger)
        rows = still.all(
            f"select has_function_privilege('passer_by', p.oid, 'execute') from pg_proc p "
            f"join pg_namespace n on n.oid = p.pronamespace where {OURS}")
        assert not any(row[0] for row in rows)
    finally:
        stranger.close()
        still.server.run("drop role passer_by")


def test_the_programs_may_not_make_anything(still):
    for role in ("booking_api", "booking_relay"):
        connection = still.connect(role)
        for schema in ("franchises", "bookings", "payments", "access", "meta", "public"):
            still.refused("42501", f"create table {schema}.mine (id integer)",
                          connection=connection)
        still.refused("42501", "create schema mine", connection=connection)


def test_functions_that_run_as_the_owner_fix_where_names_are_looked_up(still):
    loose = still.all(
        f"select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace "
        f"where {OURS} and p.prosecdef and not coalesce("
        f"'search_path=pg_catalog, pg_temp' = any (p.proconfig), false)")
    assert loose == []
