"""test_plans.py: what is asked again and again reads what it needs, however much
stands beside it."""

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


def test_looking_for_bookings_that_are_over_reads_none_that_are_to_come(world):
    world.all(
        "insert into bookings.bookings (id, customer_id, franchise_id, booking_status,"
        " start_datetime, end_datetime, total_amount, payment_status, reference_number,"
        " booking_code, child_count, data_key, line_items, cancel_hours, cancel_percent,"
        " cancel_fee, email_hash) select gen_random_uuid(), gen_random_uuid(), %s, 'confirmed',"
        " now() + interval '1 day', now() + interval '25 hours', 0, 'not_required',"
        " gen_random_uuid(), gen_random_uuid(), 1, '', '[]', '{}', '{}', 0, ''"
        " from generate_series(1, %s)", (FRANCHISE, MANY))
    over = world.one(
        "update bookings.bookings set start_datetime = now() - interval '2 hours',"
        " end_datetime = now() - interval '1 hour' where id = (select min(id::text)::uuid"
        " from bookings.bookings) returning id")
    world.all("analyze bookings.bookings")
    asked = statement("bookings_over", 14400, 50, 0)
    assert [row[0] for row in world.all(asked)] == [over]
    (plan,), = world.all("explain (analyze, format json) " + asked)
    assert rows_read(plan[0]["Plan"]) < 20
