"""test_abuse.py: the API's role in wrong hands: it may call a few functions,
with whatever it likes, and still cannot oversell or become the owner."""

import json
import uuid

import psycopg2
import pytest

FRANCHISE = "00000000-0000-4000-8000-000000000001"  # slots of 60 minutes, in UTC
LEDGER = "select count(*) from franchises.slot_ledger where booked > 0"
BOOKINGS = "select count(*) from bookings.bookings"


@pytest.fixture
def api(world):
    """The API's connection, and the next working day with its slots made."""
    world.api = world.connect("booking_api")
    world.day = world.one("select (now() at time zone 'UTC')::date + 7")
    while world.one("select (d).closed is not null from bookings.franchise_day(%s, %s, null) d",
                    (FRANCHISE, world.day)):
        world.day = world.one("select %s + 1", (world.day,))
    world.all("select bookings.quote(%s, %s::date + '12:00'::time)", (FRANCHISE, world.day),
              connection=world.api)
    return world


def call(world, function, **values):
    names = ", ".join(f"{name} => {value}" for name, value in values.items())
    return f"select bookings.{function}({names})"


NEWS = {
    "p_news_topics": "'{}'", "p_news_types": "'{}'", "p_news_ids": "'{}'", "p_news_facts": "'{}'",
    "p_news_sealed": "'{}'", "p_news_due": "'{}'", "p_caller": "null", "p_key": "null",
    "p_fingerprint": "null", "p_answer": "null",
}


def place(world, start="10:00", end="11:00", **values):
    row = {
        "p_id": f"'{uuid.uuid4()}'", "p_customer": f"'{uuid.uuid4()}'",
        "p_franchise": f"'{FRANCHISE}'",
        "p_version": f"(select version from franchises.franchises where id = '{FRANCHISE}')",
        "p_from": f"'{world.day} {start}Z'", "p_until": f"'{world.day} {end}Z'",
        "p_minutes": "60", "p_status": "'pending'", "p_payment_status": "'pending'",
        "p_total": "1500", "p_currency": "'USD'", "p_reference": f"'{uuid.uuid4()}'",
        "p_code": f"'{uuid.uuid4().hex[:8]}'", "p_hold_expires": "now() + interval '35 minutes'",
        "p_data_key": "'\\x00'", "p_line_items": "'[]'", "p_cancel_hours": "'{}'",
        "p_cancel_percent": "'{}'", "p_cancel_fee": "0", "p_contact_id": f"'{uuid.uuid4()}'",
        "p_contact": "array['\\x01', '\\x01', '\\x01', null]::bytea[]", "p_email_hash": "'\\x00'",
        "p_child_ids": f"array['{uuid.uuid4()}']::uuid[]",
        "p_child_keys": f"array['{uuid.uuid4()}']::uuid[]", "p_child_ages": "'{5}'",
        "p_child_texts": "array['\\x01', null, null, null, null]::bytea[]",
        "p_holds_max": "5", "p_address_hash": "null", "p_address_max": "3", **NEWS,
    }
    row.update(values)
    return row["p_id"], row["p_customer"], call(world, "place", **row)


def change(world, booking, customer, start="10:00", end="11:00", **values):
    row = {
        "p_id": booking, "p_customer": customer, "p_version": "1", "p_franchise_version": "null",
        "p_from": f"'{world.day} {start}Z'", "p_until": f"'{world.day} {end}Z'",
        "p_minutes": "60", "p_total": "1500", "p_line_items": "'[]'", "p_status": "'pending'",
        "p_payment_status": "'pending'", "p_refund_cap": "100", "p_contact": "null",
        "p_email_hash": "null", "p_child_ids": "null", "p_child_keys": "null",
        "p_child_ages": "null", "p_child_texts": "null", "p_at": "now()", **NEWS,
    }
    row.update(values)
    return call(world, "change", **row)


def release(world, booking, customer, **values):
    row = {
        "p_id": booking, "p_customer": customer, "p_version": "1", "p_status": "'cancelled'",
        "p_payment_status": "'not_required'", "p_reason": "null", "p_refund": "null", "p_at": "now()",
        **NEWS,
    }
    row.update(values)
    return call(world, "release", **row)


# What is asked for, and what of it a careless count would take for whole slots.
ASKEW = [
    ("10:00", "11:00", 100),  # a length longer than the period: no slot at all
    ("10:10", "10:50", 60),   # between two starts
    ("10:10", "11:10", 60),   # one start, but two slots
    ("10:30", "11:30", 60),
    ("10:00", "11:30", 60),   # one and a half
    ("10:00", "11:00", 30),   # of another grid
    ("11:00", "10:00", 60),   # backwards
    ("10:00", "10:00", 60),   # nothing
    ("02:00", "03:00", 60),   # at night, where no slot was ever made
]


@pytest.mark.parametrize("start, end, minutes", ASKEW)
def test_no_booking_stands_without_places_for_all_its_time(api, start, end, minutes):
    _, _, statement = place(api, start, end, p_minutes=minutes)
    api.refused("CB001", statement, connection=api.api)
    assert api.one(BOOKINGS) == 0 and api.one(LEDGER) == 0


@pytest.mark.parametrize("start, end, minutes", ASKEW)
def test_no_booking_moves_to_where_it_has_no_places(api, start, end, minutes):
    booking, customer, statement = place(api, "15:00", "16:00")
    api.all(statement, connection=api.api)
    api.refused("CB001", change(api, booking, customer, start, end, p_minutes=minutes),
                connection=api.api)
    assert api.one("select to_char(start_datetime, 'HH24:MI') from bookings.bookings") == "15:00"
    assert api.one(LEDGER) == 1


def test_a_booking_begins_and_ends_in_no_state_but_the_right_ones(api):
    for state in ("cancelled", "expired", "completed", "checked_in", "no_show"):
        api.refused("22023", place(api, p_status=f"'{state}'")[2], connection=api.api)
    booking, customer, statement = place(api)
    api.all(statement, connection=api.api)
    for state in ("pending", "confirmed", "checked_in", "completed", "no_show"):
        api.refused("22023", release(api, booking, customer, p_status=f"'{state}'"),
                    connection=api.api)
    for state in ("cancelled", "expired", "checked_in", "completed", "no_show"):
        api.refused("22023", change(api, booking, customer, p_status=f"'{state}'"),
                    connection=api.api)
    assert api.one(LEDGER) == 1


def test_a_booking_that_has_ended_does_not_come_back(api):
    booking, customer, statement = place(api)
    api.all(statement, connection=api.api)
    api.all(release(api, booking, customer), connection=api.api)
    assert api.one(LEDGER) == 0
    api.refused("CB003", change(api, booking, customer, p_version="2", p_status="'confirmed'"),
                connection=api.api)
    api.refused("CB003", release(api, booking, customer, p_version="2"), connection=api.api)
    assert api.one("select booking_status from bookings.bookings") == "cancelled"


def test_a_booking_is_changed_under_its_own_customers_lock_only(api):
    booking, customer, statement = place(api)
    api.all(statement, connection=api.api)
    other = f"'{uuid.uuid4()}'"
    api.refused("CB003", change(api, booking, other, "12:00", "13:00"), connection=api.api)
    api.refused("CB003", release(api, booking, other), connection=api.api)
    api.all(change(api, booking, customer, "12:00", "13:00"), connection=api.api)
    assert api.one(LEDGER) == 1


def visit(function, booking, customer, version, **values):
    row = {"p_id": booking, "p_customer": customer, "p_version": str(version), "p_by": "'key:a'",
           "p_at": "now()", **values, **NEWS}
    return call(None, function, **row)


def test_nobody_comes_before_the_day_unpaid_or_twice_nor_goes_who_never_came(api):
    booking, customer, statement = place(api)
    api.all(statement, connection=api.api)
    came = {"p_with": "'qr'"}
    gone = {"p_collected_by": "'\\x00'", "p_reason": "null"}
    other = f"'{uuid.uuid4()}'"

    def refused(function, version, who=customer, **values):
        api.refused("CB003", visit(function, booking, who, version, **values), connection=api.api)
    refused("check_in", 1, **came)  # unpaid
    refused("check_out", 1, **gone)
    api.all("update bookings.bookings set booking_status = 'confirmed'")
    refused("check_in", 1, **came)  # a week too early
    api.all("update bookings.bookings set start_datetime = date_trunc('day', now()), "
            "end_datetime = now()")
    refused("check_in", 1, **came)  # over
    api.all("update bookings.bookings set end_datetime = date_trunc('day', now()) + '1 day'")
    refused("check_in", 1, other, **came)
    refused("check_in", 2, **came)
    refused("check_out", 1, **gone)
    api.all(visit("check_in", booking, customer, 1, **came), connection=api.api)
    refused("check_in", 1, **came)
    refused("check_in", 2, **came)
    refused("check_out", 2, other, **gone)
    api.all(visit("check_out", booking, customer, 2, **gone), connection=api.api)
    refused("check_out", 3, **gone)
    assert api.all("select booking_status, version from bookings.bookings") == [("completed", 3)]
    assert api.one("select count(*) from bookings.visits") == 1


def test_the_api_revokes_no_code(api):
    api.refused("42501", "select bookings.revoke_qr(gen_random_uuid(), 'me')", connection=api.api)


# ---- money ---------------------------------------------------------------------------


def decide(booking, customer, version=1, types=(), rest=None, **what):
    """payments.apply: one decision about a booking's money."""
    do = {"booking": {"id": booking.strip("'"), "customer": customer.strip("'"),
                      "version": version, **what}, **(rest or {})}
    return ("select payments.apply(%s, %s, %s, %s::uuid[], %s, %s, %s, null, null, null, null)",
            (json.dumps(do), ["events"] * len(types), list(types),
             [uuid.uuid4() for _ in types], ["{}"] * len(types), [None] * len(types),
             [None] * len(types)))


def booked(api, start="10:00", paid=False):
    """(its id, its customer, its payment) of 15.00, as the programs make one."""
    booking, customer, statement = place(api, start, f"{int(start[:2]) + 1}:00")
    api.all(statement, connection=api.api)
    payment = uuid.uuid4()
    api.all(*decide(booking, customer, rest={"attempt": {
        "id": str(payment), "amount": 1500, "currency": "USD", "method": "checkout"}}),
        connection=api.api)
    if paid:
        number = api.one("select version from payments.payments where id = %s", (payment,))
        api.all(*decide(booking, customer, 2, ["BookingConfirmed"], {"payment": {
            "id": str(payment), "version": number, "status": "succeeded", "intent": f"pi_{payment}"}},
            status="confirmed", payment_status="paid"), connection=api.api)
    return booking, customer, payment


@pytest.mark.parametrize("role", ["booking_api", "booking_relay"])
def test_nobody_sends_back_money_of_another_booking(api, role):
    mine, theirs = booked(api, "10:00"), booked(api, "13:00", paid=True)
    connection = api.connect(role)
    back = {"refunds": [{"id": str(uuid.uuid4()), "payment": str(theirs[2]), "amount": 1500,
                         "reason": "late"}]}
    diag = api.refused("23503", *decide(*mine[:2], 2, rest=back), connection=connection)
    assert diag.constraint_name == "refunds_of_its_booking"
    more = {"p_refund_ids": f"array['{uuid.uuid4()}']::uuid[]",
            "p_refund_payments": f"array['{theirs[2]}']::uuid[]", "p_refund_amounts": "'{1500}'"}
    api.refused("23503", release(api, *mine[:2], p_version="2", **more), connection=connection)
    if role == "booking_api":
        api.refused("23503", change(api, *mine[:2], p_version="2", **more), connection=connection)
    # Nor more of one than was paid.
    twice = {"refunds": [{"id": str(uuid.uuid4()), "payment": str(theirs[2]), "amount": 1500,
                          "reason": "staff"} for _ in range(2)]}
    api.refused("23514", *decide(*theirs[:2], 3, rest=twice), connection=connection)
    assert api.one("select count(*) from payments.refunds") == 0


def made_elsewhere(payment, amount=1500, told=True, entry=(), **values):
    """What apply is asked for when Stripe sent money back by itself: (types, the rest)."""
    refund = {"id": str(uuid.uuid4()), "payment": str(payment), "amount": amount, "reason": "staff",
              "status": "succeeded", "stripe_id": f"re_{uuid.uuid4()}", **values}
    refund = {name: value for name, value in refund.items() if value is not None}
    lines = {"kind": "refund", "reference": refund["id"], "debit": "customers", "credit": "stripe",
             "amount": amount, "currency": "USD", **dict(entry)}
    return (["RefundProcessed"] if told else [],
            {"refunds": [refund], "entries": [] if entry is None else [lines]})


@pytest.mark.parametrize("role", ["booking_api", "booking_relay"])
def test_nobody_calls_money_sent_back_by_stripe_but_as_stripe_tells_it(api, role):
    mine, theirs = booked(api, "10:00"), booked(api, "13:00", paid=True)
    connection = api.connect(role)

    def refused(code, whose, version, **more):
        types, rest = made_elsewhere(**more)
        return api.refused(code, *decide(*whose[:2], version, types, rest), connection=connection)
    paid = {"payment": theirs[2]}
    for wrong in ({"stripe_id": None}, {"stripe_id": ""}, {"status": None}, {"status": "queued"},
                  {"status": "failed"}, {"reason": "late"}, {"reason": "cancelled"},
                  {"reason": None}, {"told": False}, {"amount": 1, "entry": {"amount": 2}},
                  {"entry": {"kind": "fee"}}, {"entry": {"debit": "fees"}},
                  {"entry": {"credit": "fees"}}, {"entry": {"currency": "EUR"}},
                  {"entry": {"reference": str(theirs[2])}}, {"payment": uuid.uuid4()},
                  {"payment": mine[2]}):
        refused("22023", mine if "payment" in wrong else theirs, 2 if "payment" in wrong else 3,
                **{**paid, **wrong})
    diag = refused("23503", mine, 2, **paid)
    assert diag.constraint_name == "refunds_of_its_booking"
    diag = refused("23514", theirs, 3, **paid, amount=1501)
    assert diag.constraint_name == "payments_refund_within_paid"
    assert api.one("select count(*) from payments.refunds") == 0

    types, rest = made_elsewhere(theirs[2], 1000, stripe_id="re_1")
    api.all(*decide(*theirs[:2], 3, types, rest), connection=connection)
    refused("23505", theirs, 4, **paid, amount=1, stripe_id="re_1")
    assert api.all("select refund_status, amount, stripe_refund_id, reason, processed_at is not null"
                   " from payments.refunds") == [("succeeded", 10, "re_1", "staff", True)]
    assert api.one("select refunded_amount from payments.payments where id = %s", (theirs[2],)) == 10


def test_the_relay_tells_no_webhook_and_the_api_tells_each_once(api):
    _, _, payment = booked(api, paid=True)
    tell = "select payments.tell_refunded('evt_1', 'charge.refunded', 'ch_1', %s)"
    api.refused("42501", tell, (payment,), connection=api.connect("booking_relay"))
    rows = "select topic, type, facts ->> 'id' from bookings.outbox where type = 'refunds'"
    assert [api.one(tell, (payment,), connection=api.api) for _ in range(2)] == [True, False]
    assert api.all(rows) == [("payments", "refunds", str(payment))]
    # What is nobody's leaves no trace: it may be somebody's when it is told again.
    api.refused("P0002", tell.replace("evt_1", "evt_2"), (uuid.uuid4(),), connection=api.api)
    assert api.one("select count(*) from payments.stripe_events where stripe_event_id = 'evt_2'") == 0


@pytest.mark.parametrize("role", ["booking_api", "booking_relay"])
def test_nobody_moves_the_counter_by_way_of_money(api, role):
    booking, customer, _ = booked(api, paid=True)
    connection = api.connect(role)
    places = "select sum(booked) from franchises.slot_ledger"
    for what in ({"retake": 60}, {"retake": 60, "status": "confirmed"}):
        api.refused("22023", *decide(booking, customer, 3, ["BookingConfirmed"], **what),
                    connection=connection)
    waits, whose, _ = booked(api, "14:00")
    api.refused("22023", *decide(waits, whose, 2, retake=60), connection=connection)
    assert api.one(places) == 2


@pytest.mark.parametrize("role", ["booking_api", "booking_relay"])
def test_nobody_changes_a_state_by_way_of_money_but_to_confirm_what_is_paid(api, role):
    booking, customer, payment = booked(api)
    connection = api.connect(role)
    for state in ("cancelled", "expired", "completed", "checked_in", "no_show", "pending"):
        api.refused("22023", *decide(booking, customer, 2, ["BookingConfirmed"], status=state),
                    connection=connection)
    diag = api.refused("23514", *decide(booking, customer, 2, ["BookingConfirmed"],
                                        status="confirmed"), connection=connection)
    assert diag.constraint_name == "confirmed_is_paid"
    number = api.one("select version from payments.payments where id = %s", (payment,))
    paid = {"payment": {"id": str(payment), "version": number, "status": "succeeded"}}
    api.refused("22023", *decide(booking, customer, 2, [], paid, status="confirmed"),
                connection=connection)  # nobody would hear of it
    api.all(*decide(booking, customer, 2, ["BookingConfirmed"], paid, status="confirmed"),
            connection=connection)
    assert api.one("select booking_status from bookings.bookings") == "confirmed"


def test_nobody_books_or_changes_to_what_is_confirmed_and_not_paid(api):
    diag = api.refused("23514", place(api, p_status="'confirmed'")[2], connection=api.api)
    assert diag.constraint_name == "confirmed_is_paid"
    booking, customer, statement = place(api)
    api.all(statement, connection=api.api)
    api.refused("23514", change(api, booking, customer, p_status="'confirmed'"),
                connection=api.api)
    api.all(change(api, booking, customer, p_status="'confirmed'", p_total="0"),
            connection=api.api)
    api.all(place(api, "12:00", "13:00", p_status="'confirmed'", p_total="0")[2],
            connection=api.api)


def test_nobody_forgets_what_is_promised_to_be_known(api):
    relay = api.connect("booking_relay")
    booking, _, _ = booked(api, paid=True)
    api.all(f"insert into bookings.idempotency_keys (caller, key, fingerprint, booking_id, answer)"
            f" values ('jwt:a', 'k', '', {booking}, '')")
    api.all("select payments.keep_event('evt_1', 'any', 'obj')", connection=relay)
    api.all("update bookings.outbox set sent_at = now()")
    rows = "select (select count(*) from bookings.idempotency_keys)," \
        " (select count(*) from payments.stripe_events), (select count(*) from bookings.outbox)"
    before = api.one(rows)
    assert min(before) > 0
    api.all("select * from bookings.prune(now() + interval '1 day', now() + interval '1 day', 1000)",
            connection=relay)
    api.all("select payments.prune_events(now() + interval '1 day', 1000)", connection=relay)
    assert api.one(rows) == before


TRAP = """
create function pg_temp.trap(v pg_catalog.text) returns pg_catalog.bool language plpgsql as $$
begin
    raise exception 'runs as %', current_user using errcode = 'ZZ999';
end $$;
create domain pg_temp.text as pg_catalog.text check (pg_temp.trap(value));
"""


def test_no_program_may_make_temporary_things(server, migrated):
    for role in ("booking_api", "booking_relay"):
        connection = server.connect(migrated, role)
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            connection.cursor().execute("create temporary table mine (id integer)")
        connection.close()


def test_no_temporary_type_stands_in_for_one_of_the_servers(api):
    """A copied database lets everybody make one, as any does that roles.sql
    was not run in."""
    api.all(TRAP, connection=api.api)
    api.all(place(api)[2], connection=api.api)
    assert api.one(LEDGER) == 1
