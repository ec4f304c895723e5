"""test_invariants.py: what Postgres itself keeps, whatever the programs do.

Everything here is done by the owner of the tables: no right is missing, the
rows themselves are refused."""

import uuid

import pytest

FRANCHISE = "00000000-0000-4000-8000-000000000001"

SLOT = ("insert into franchises.slot_ledger (franchise_id, slot_start, slot_end, capacity, booked) "
        "values (%s, %s, %s, %s, %s)")


def slot(start="2030-01-07 09:00Z", end="2030-01-07 10:00Z", capacity=5, booked=0,
         franchise=FRANCHISE):
    return (franchise, start, end, capacity, booked)


def make_booking(world, **values):
    """A booking that is fine but for what is given."""
    row = {
        "id": uuid.uuid4(), "customer_id": uuid.uuid4(), "franchise_id": FRANCHISE,
        "booking_status": "confirmed", "start_datetime": "2030-01-07 09:00Z",
        "end_datetime": "2030-01-07 10:00Z", "total_amount": 15, "payment_status": "paid",
        "reference_number": uuid.uuid4(), "booking_code": uuid.uuid4().hex[:8],
        "child_count": 1, "data_key": b"", "line_items": "[]", "cancel_hours": [],
        "cancel_percent": [], "cancel_fee": 0, "email_hash": b"", "paid_amount": 15,
    }
    row.update(values)
    names = ", ".join(row)
    return row["id"], (f"insert into bookings.bookings ({names}) values "
                       f"({', '.join(['%s'] * len(row))})", tuple(row.values()))


def put_booking(world, **values):
    booking, (statement, parameters) = make_booking(world, **values)
    world.all(statement, parameters)
    return booking


CHILD = ("insert into bookings.booking_children (id, booking_id, name, age, position, customer_id, "
         "child_key, period, active) values (gen_random_uuid(), %s, '', 5, %s, gen_random_uuid(), "
         "%s, tstzrange(%s, %s), %s)")


def test_a_slot_holds_no_more_than_its_capacity(world):
    world.refused("23514", SLOT, slot(capacity=5, booked=6))
    world.refused("23514", SLOT, slot(booked=-1))
    world.all(SLOT, slot(capacity=5, booked=5))
    diag = world.refused("23514", "update franchises.slot_ledger set booked = booked + 1")
    assert diag.constraint_name == "slot_ledger_not_oversold"
    world.refused("23514", "update franchises.slot_ledger set capacity = 4")
    assert world.one("select booked from franchises.slot_ledger") == 5


def test_no_minute_is_sold_in_two_slots(world):
    world.all(SLOT, slot())
    for start, end in (("09:30", "10:30"), ("08:30", "09:30"), ("09:15", "09:45"),
                       ("08:00", "11:00"), ("08:59", "09:01")):
        diag = world.refused("23P01", SLOT, slot(f"2030-01-07 {start}Z", f"2030-01-07 {end}Z"))
        assert diag.constraint_name == "slot_ledger_no_overlap"
    world.refused("23505", SLOT, slot())
    world.refused("23514", SLOT, slot("2030-01-07 12:00Z", "2030-01-07 12:00Z"))
    world.all(SLOT, slot("2030-01-07 10:00Z", "2030-01-07 11:00Z"))
    world.all(SLOT, slot(franchise="00000000-0000-4000-8000-000000000002"))
    assert world.one("select count(*) from franchises.slot_ledger") == 3


@pytest.mark.parametrize("values", [
    {"booking_status": "lost"},
    {"booking_status": ""},
    {"payment_status": "maybe"},
    {"refunded_amount": 15.01},
    {"paid_amount": -1, "refunded_amount": -1},
    {"refunded_amount": -0.01},
    {"total_amount": -0.01},
    {"child_count": 0},
    {"child_count": 11},
    {"end_datetime": "2030-01-07 09:00Z"},
    {"end_datetime": "2030-01-07 08:00Z"},
    {"booking_status": "pending", "hold_expires_at": None},
    {"refund_cap_percent": 101},
    {"refund_cap_percent": -1},
], ids=str)
def test_a_booking_that_makes_no_sense_is_refused(still, values):
    _, (statement, parameters) = make_booking(still, **values)
    still.refused("23514", statement, parameters)
    assert still.one("select count(*) from bookings.bookings") == 0


def test_a_refund_never_exceeds_what_was_paid(world):
    booking = put_booking(world, paid_amount=15, refunded_amount=15)
    world.refused("23514", "update bookings.bookings set refunded_amount = 15.01 where id = %s",
                  (booking,))
    world.refused("23514", "update bookings.bookings set paid_amount = 14.99 where id = %s",
                  (booking,))


def test_references_and_codes_are_given_once(world):
    reference = uuid.uuid4()
    put_booking(world, reference_number=reference, booking_code="K7QM-4TXA")
    for values in ({"reference_number": reference}, {"booking_code": "K7QM-4TXA"}):
        _, (statement, parameters) = make_booking(world, **values)
        world.refused("23505", statement, parameters)


def test_a_child_is_not_in_two_places(world):
    child = uuid.uuid4()
    first, second = put_booking(world), put_booking(world)
    nine, ten, eleven = (f"2030-01-07 {h}:00Z" for h in ("09", "10", "11"))
    world.all(CHILD, (first, 1, child, nine, ten, True))
    diag = world.refused("23P01", CHILD, (second, 1, child, "2030-01-07 09:30Z", eleven, True))
    assert diag.constraint_name == "booking_children_one_place"
    # Right after it, another child, or one whose booking ended: all fine.
    world.all(CHILD, (second, 1, child, ten, eleven, True))
    world.all(CHILD, (second, 2, uuid.uuid4(), nine, ten, True))
    world.all(CHILD, (second, 3, child, nine, ten, False))
    world.refused("23P01", "update bookings.booking_children set active = true "
                           "where booking_id = %s and position = 3", (second,))


def test_a_visit_is_one_ends_after_it_began_and_names_who_collected(world):
    booking = put_booking(world)
    put = ("insert into bookings.visits (booking_id, checked_in_at, checked_in_by, checked_in_with) "
           "values (%s, '2030-01-07 09:00Z', 'key:a', %s)")
    world.refused("23514", put, (booking, "face"))
    world.all(put, (booking, "qr"))
    world.refused("23505", put, (booking, "booking_code"))
    for wrong in ("checked_out_at = '2030-01-07 08:59Z', checked_out_by = 'key:a', collected_by = ''",
                  "checked_out_at = '2030-01-07 17:00Z', checked_out_by = 'key:a'",
                  "checked_out_at = '2030-01-07 17:00Z', collected_by = ''",
                  "checked_out_by = 'key:a'", "collected_by = ''", "override_reason = ''"):
        world.refused("23514", f"update bookings.visits set {wrong}")
    world.all("update bookings.visits set checked_out_at = '2030-01-07 17:00Z', "
              "checked_out_by = 'key:a', collected_by = '', override_reason = ''")
    world.refused("23514", "update bookings.bookings set qr_version = 0")


def test_a_childs_age_is_a_childs(world):
    booking = put_booking(world)
    for age in (-1, 18):
        world.refused("23514", CHILD.replace("'', 5,", f"'', {age},"),
                      (booking, 1, uuid.uuid4(), "2030-01-07 09:00Z", "2030-01-07 10:00Z", True))


def test_the_outbox_knows_its_topics_and_tells_an_event_once(world):
    put = ("insert into bookings.outbox (topic, type, booking_id, event_id, facts) "
           "values (%s, 'BookingCreated', gen_random_uuid(), %s, '{}')")
    event = uuid.uuid4()
    world.all(put, ("events", event))
    world.refused("23505", put, ("events", event))
    world.refused("23514", put, ("elsewhere", uuid.uuid4()))


def test_an_answer_is_stored_once_for_a_key(world):
    booking = put_booking(world)
    put = ("insert into bookings.idempotency_keys (caller, key, fingerprint, booking_id, answer) "
           "values (%s, %s, '', %s, '')")
    world.all(put, ("customer:a", "k", booking))
    world.refused("23505", put, ("customer:a", "k", booking))
    world.all(put, ("customer:b", "k", booking))


@pytest.mark.parametrize("change", [
    "max_capacity = 0", "max_capacity = -1", "standard_rate = -0.01",
    "close_time = open_time", "close_time = '07:00'", "operating_days = '{}'",
    "operating_days = '{0}'", "operating_days = '{8}'", "slot_minutes = 20",
    "standard_rate = 15.01, slot_minutes = 15", "cancel_hours = '{48}', cancel_percent = '{}'",
    "cancel_hours = '{48}', cancel_percent = '{101}'", "cancel_fee = -1", "currency = 'usd'",
    "horizon_days = 0", "lead_minutes = -1",
])
def test_a_franchise_that_makes_no_sense_is_refused(still, change):
    still.refused("23514", f"update franchises.franchises set {change} where id = %s",
                  (FRANCHISE,))


def test_a_key_is_stored_as_a_hash_and_of_a_known_kind(world):
    put = ("insert into access.api_keys (id, name, kind, secret_hash, scopes) "
           "values (%s, '', %s, %s, '{}')")
    world.refused("23514", put, ("abcdefghij", "secret", b"the secret itself"))
    world.refused("23514", put, ("abcdefghij", "open", b"x" * 32))
    world.refused("23514", put, ("ABC", "secret", b"x" * 32))
    world.all(put, ("abcdefghij", "secret", b"x" * 32))


def test_a_slot_that_another_grid_stands_in_is_full_and_not_for_sale(world):
    """As after a change of tzdata: the ledger would refuse it for ever."""
    day, = world.all("select ((now() at time zone 'UTC')::date + n)::text "
                     "from generate_series(7, 20) n where ((bookings.franchise_day(%s, "
                     "(now() at time zone 'UTC')::date + n, null)).closed is null) limit 1",
                     (FRANCHISE,))[0]
    left = ("select (d).left_over[array_position((d).labels, %s)] "
            "from (select bookings.franchise_day(%s, %s, null) as d) x")
    free = world.one(left, ("09:00", FRANCHISE, day))
    assert free > 0 and world.one(left, ("10:00", FRANCHISE, day)) == free
    world.all(SLOT, slot(f"{day} 10:30Z", f"{day} 11:30Z"))
    for label in ("10:00", "11:00"):
        assert world.one(left, (label, FRANCHISE, day)) == 0
    for label in ("09:00", "12:00"):
        assert world.one(left, (label, FRANCHISE, day)) == free
