"""test_plans.py: what is asked again and again reads what it needs, however much
stands beside it."""

import datetime
import re

from conftest import SQL

FRANCHISE = "00000000-0000-4000-8000-000000000001"
MANY = 5000


def statement(name, *values):
    """The text of sql/queries' statement, its parameters written in."""
    for path in sorted((SQL / "queries").glob("*.sql")):
        named = re.split(r"^-- :name (\w+).*$", path.read_text(), flags=re.M)[1:]
        text = dict(zip(named[::2], named[1::2])).get(name)
        if text:
            return re.sub(r"\$(\d+)", lambda m: f"'{values[int(m[1]) - 1]}'", text)
    raise KeyError(name)


def rows_read(plan):
    """Rows that were fetched, kept or not, by all there is to the plan."""
    own = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
    return plan["Actual Loops"] * own + sum(rows_read(p) for p in plan.get("Plans", []))


def fill(world, status, start):
    """Bookings of an hour; `start` is SQL that may name n, the number of each."""
    world.all(
        "insert into bookings.bookings (id, customer_id, franchise_id, booking_status,"
        " start_datetime, end_datetime, total_amount, payment_status, reference_number,"
        " booking_code, child_count, data_key, line_items, cancel_hours, cancel_percent,"
        " cancel_fee, email_hash) select gen_random_uuid(), gen_random_uuid(), %s, %s, s,"
        " s + interval '1 hour', 0, 'not_required', gen_random_uuid(), gen_random_uuid(), 1, '',"
        " '[]', '{}', '{}', 0, '' from generate_series(1, %s) n, lateral (select"
        f" {start} as s) as starts", (FRANCHISE, status, MANY))


def one_of_them(world, change):
    """Change one, and tell which."""
    changed = world.one(f"update bookings.bookings set {change} where id ="
                        " (select min(id::text)::uuid from bookings.bookings) returning id")
    world.all("analyze bookings.bookings")
    return changed


def read_for(world, asked):
    (plan,), = world.all("explain (analyze, format json) " + asked)
    return rows_read(plan[0]["Plan"])


def test_looking_for_bookings_that_are_over_reads_none_that_are_to_come(world):
    fill(world, "confirmed", "now() + interval '1 day'")
    over = one_of_them(world, "start_datetime = now() - interval '2 hours',"
                       " end_datetime = now() - interval '1 hour'")
    asked = statement("bookings_over", 14400, 50, 0)
    assert [row[0] for row in world.all(asked)] == [over]
    assert read_for(world, asked) < 20


def test_looking_for_lapsed_holds_of_an_hour_reads_no_history(world):
    fill(world, "completed", "date_trunc('hour', now()) - n * interval '1 hour'")
    start = world.one("select date_trunc('hour', now()) + interval '1 day'")
    lapsed = one_of_them(world, f"booking_status = 'pending', start_datetime = '{start}',"
                         f" end_datetime = '{start}'::timestamptz + interval '1 hour',"
                         " hold_expires_at = now() - interval '1 minute'")
    asked = statement("holds_lapsed", FRANCHISE, start, start + datetime.timedelta(hours=1))
    assert [row[0] for row in world.all(asked)] == [lapsed]
    assert read_for(world, asked) < 100
    # It may have begun as long ago as a day lasts.
    at_its_end = start + datetime.timedelta(hours=24)
    world.all(f"update bookings.bookings set end_datetime = '{at_its_end}' where id = '{lapsed}'")
    asked = statement("holds_lapsed", FRANCHISE, at_its_end - datetime.timedelta(hours=1), at_its_end)
    assert [row[0] for row in world.all(asked)] == [lapsed]


def test_the_proof_that_bookings_are_covered_reads_for_each_its_own_slots(world):
    fill(world, "confirmed", "date_trunc('hour', now()) + n * interval '1 hour'")
    world.all("insert into franchises.slot_ledger (franchise_id, slot_start, slot_end, capacity,"
              " booked) select franchise_id, start_datetime, end_datetime, 5, 1"
              " from bookings.bookings")
    world.all("analyze franchises.slot_ledger")
    one_of_them(world, "version = version")
    asked = statement("verify_uncovered")
    assert world.all(asked) == []
    assert read_for(world, asked) < 10 * MANY


def test_claiming_events_reads_none_that_are_not_due_or_are_dead(world):
    """A replay of many days must not slow the events that are made meanwhile."""
    world.all(
        "insert into bookings.outbox (topic, type, booking_id, sequence, event_id, facts, due_at,"
        " dead_at) select 'events', 'BookingCreated', gen_random_uuid(), 1, gen_random_uuid(), '{}',"
        " now() + (n %% 2) * interval '1 hour', case when n %% 2 = 0 then now() end"
        " from generate_series(1, %s) n", (2 * MANY,))
    fill(world, "cancelled", "now() - interval '1 day'")
    made = world.one("insert into bookings.outbox (topic, type, booking_id, sequence, event_id, facts)"
                     " select 'events', 'BookingCreated', id, 1, gen_random_uuid(), '{}'"
                     " from bookings.bookings limit 1 returning id")
    world.all("analyze bookings.outbox")
    # What a function reads is in no plan, but in the transaction's own counts.
    mine = world.connect()
    world.all("begin", connection=mine)
    assert world.all("select id from bookings.outbox_take_events(50, interval '1 minute')",
                     connection=mine) == [(made,)]
    (fetched,), = world.all("select idx_tup_fetch + seq_tup_read from pg_stat_xact_user_tables"
                            " where relid = 'bookings.outbox'::regclass", connection=mine)
    world.all("commit", connection=mine)
    assert 0 < fetched < 20
