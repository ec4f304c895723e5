"""test_pending_changes.py: changes that wait for their money, as Postgres keeps
them: what is refused, what is held, and that the ledger always knows."""

import json
import random
import re
import uuid

import psycopg2
import pytest

from conftest import SQL
from test_abuse import ASKEW, BOOKINGS, FRANCHISE, LEDGER, NEWS, call, change, place, release

VERIFY = dict(zip(*(iter(re.split(r"^-- :name (\w+).*$", (
    SQL / "queries" / "verify.sql").read_text(), flags=re.M)[1:]),) * 2))


@pytest.fixture
def api(world):
    """The API's connection, and a day of slots; as in test_abuse."""
    world.api = world.connect("booking_api")
    world.day = world.one("select (now() at time zone 'UTC')::date + 7")
    while world.one("select (d).closed is not null from bookings.franchise_day(%s, %s, null) d",
                    (FRANCHISE, world.day)):
        world.day = world.one("select %s + 1", (world.day,))
    world.all("select bookings.quote(%s, %s::date + '12:00'::time)", (FRANCHISE, world.day),
              connection=world.api)
    return world


def confirmed(world, start="10:00", end="11:00"):
    """(booking, customer) as SQL texts; it is paid, as far as anybody can tell."""
    booking, customer, statement = place(world, start, end)
    world.all(statement, connection=world.api)
    world.all(f"update bookings.bookings set booking_status = 'confirmed', payment_status = 'paid',"
              f" total_amount = 15, paid_amount = 15 where id = {booking}")
    world.all("insert into payments.payments (id, booking_id, amount, payment_method,"
              f" payment_status) values (gen_random_uuid(), {booking}, 15, 'checkout', 'succeeded')")
    return booking, customer


def propose(world, booking, customer, start="10:00", end="12:00", children=1, **values):
    row = {
        "p_id": booking, "p_customer": customer,
        "p_version": f"(select version from bookings.bookings where id = {booking})",
        "p_franchise_version": f"(select version from franchises.franchises where id = '{FRANCHISE}')",
        "p_change": f"'{uuid.uuid4()}'", "p_from": f"'{world.day} {start}Z'",
        "p_until": f"'{world.day} {end}Z'", "p_minutes": "60", "p_total": "3000",
        "p_line_items": "'[]'", "p_refund_cap": "100", "p_expires": "now() + interval '35 minutes'",
        "p_contact": "null", "p_email_hash": "null",
        "p_child_ids": "array[" + ", ".join(f"'{uuid.uuid4()}'" for _ in range(children)) + "]::uuid[]",
        "p_child_keys": "array[" + ", ".join(f"'{uuid.uuid4()}'" for _ in range(children)) + "]::uuid[]",
        "p_child_ages": f"array_fill(5::bigint, array[{children}])",
        "p_child_texts": "array[" + ", ".join(["'\\x01', null, null, null, null"] * children) +
                         "]::bytea[]",
        "p_attempt": f"'{uuid.uuid4()}'", "p_at": "now()", **NEWS,
    }
    row.update(values)
    return call(world, "propose", **row)


def end(world, booking, customer, how="replaced", **values):
    row = {
        "p_id": booking, "p_customer": customer,
        "p_version": f"(select version from bookings.bookings where id = {booking})",
        "p_change": f"(select id from bookings.pending_changes where booking_id = {booking})",
        "p_how": f"'{how}'", "p_at": "now()", **NEWS,
    }
    row.update(values)
    return call(world, "end_change", **row)


def taken(world):
    return dict(world.all("select to_char(slot_start at time zone 'UTC', 'HH24:MI'), booked from"
                          " franchises.slot_ledger where booked > 0"))


def balanced(world):
    for name in ("verify_ledger", "verify_uncovered", "verify_children", "verify_changes",
                 "verify_unfinished"):
        assert world.all(VERIFY[name]) == [], name


def test_a_change_that_waits_holds_what_it_needs_beyond_the_booking(api):
    booking, customer = confirmed(api)
    api.all(propose(api, booking, customer, children=2), connection=api.api)
    assert taken(api) == {"10:00": 2, "11:00": 2}
    assert api.one("select count(*) from bookings.outbox where topic = 'events'") == 0
    assert api.one("select amount from payments.payments where change_id is not null") == 15
    balanced(api)
    # Another in its place, in one statement.
    api.all(propose(api, booking, customer, "11:00", "13:00"), connection=api.api)
    assert taken(api) == {"10:00": 1, "11:00": 1, "12:00": 1}
    assert api.all("select payment_status, change_end from payments.payments where change_id is"
                   " not null order by change_end nulls last") == [
        ("superseded", "replaced"), ("queued", None)]
    balanced(api)
    api.all(end(api, booking, customer), connection=api.api)
    assert taken(api) == {"10:00": 1}
    assert api.one("select count(*) from bookings.booking_children") == 1
    balanced(api)


@pytest.mark.parametrize("start, end_, minutes", ASKEW)
def test_no_change_waits_without_places_for_all_its_time(api, start, end_, minutes):
    booking, customer = confirmed(api, "15:00", "16:00")
    api.refused("CB001", propose(api, booking, customer, start, end_, p_minutes=minutes),
                connection=api.api)
    assert taken(api) == {"15:00": 1}
    assert api.one("select count(*) from bookings.pending_changes") == 0


def test_a_change_asks_for_more_in_time_and_tells_nothing(api):
    booking, customer = confirmed(api)
    for values in ({"p_total": "1500"}, {"p_total": "1400"},
                   {"p_expires": f"'{api.day} 10:00:01Z'"},
                   {"p_news_topics": "'{events}'", "p_news_types": "'{BookingModified}'",
                    "p_news_ids": "array[gen_random_uuid()]", "p_news_facts": "'{\"{}\"}'",
                    "p_news_sealed": "'{null}'", "p_news_due": "'{null}'"}):
        api.refused("22023", propose(api, booking, customer, **values), connection=api.api)
    for values in ({"p_version": "7"}, {"p_customer": f"'{uuid.uuid4()}'"},
                   {"p_franchise_version": "7"}):
        api.refused("CB003", propose(api, booking, customer, **values), connection=api.api)
    api.all(f"update bookings.bookings set booking_status = 'checked_in' where id = {booking}")
    api.refused("CB003", propose(api, booking, customer), connection=api.api)
    assert api.one(LEDGER) == 1 and api.one(BOOKINGS) == 1


def test_a_change_is_dropped_when_it_has_lapsed_and_not_before(api):
    booking, customer = confirmed(api)
    api.all(propose(api, booking, customer), connection=api.api)
    api.refused("CB003", end(api, booking, customer, "dropped"), connection=api.api)
    api.refused("CB003", end(api, booking, customer, p_change=f"'{uuid.uuid4()}'"),
                connection=api.api)
    api.all("update bookings.pending_changes set expires_at = now()")
    # The relay may do that, and no more.
    relay = api.connect("booking_relay")
    api.refused("42501", propose(api, booking, customer), connection=relay)
    api.all(end(api, booking, customer, "dropped"), connection=relay)
    assert api.one("select change_end from payments.payments where change_id is not null") == "dropped"
    assert taken(api) == {"10:00": 1}
    # Replaced after it had lapsed it was dropped all the same.
    api.all(propose(api, booking, customer), connection=api.api)
    api.all("update bookings.pending_changes set expires_at = now()")
    api.all(propose(api, booking, customer), connection=api.api)
    assert api.one("select count(*) from payments.payments where change_end = 'dropped'") == 2
    balanced(api)


@pytest.mark.parametrize("values", [
    "end_datetime = start_datetime", "child_count = 0", "child_count = 11", "total_amount = 0",
    "refund_cap_percent = 101", "refund_cap_percent = -1", "contact = '{}'",
    "contact = array['\\x01']::bytea[], email_hash = '\\x01'", "email_hash = '\\x01'",
    "expires_at = null",
])
def test_a_change_that_makes_no_sense_is_refused(api, values):
    booking, customer = confirmed(api)
    api.all(propose(api, booking, customer), connection=api.api)
    api.refused("23502" if "null" in values else "23514",
                f"update bookings.pending_changes set {values}")


def test_what_is_held_is_held_of_a_slot_and_for_a_change(api):
    booking, customer = confirmed(api)
    api.all(propose(api, booking, customer), connection=api.api)
    api.refused("23514", "update bookings.held_places set places = 0")
    api.refused("23503", "update bookings.held_places set slot_start = slot_start + interval '1 s'")
    api.refused("23503", "update bookings.held_places set booking_id = gen_random_uuid()")
    api.refused("23503", "delete from bookings.pending_changes")
    api.refused("23503", "delete from franchises.slot_ledger where booked > 0")
    api.refused("23505", "insert into bookings.pending_changes select * from bookings.pending_changes")
    api.refused("23514", "update payments.payments set change_end = 'applied' where change_id is null")
    api.refused("23514", "update payments.payments set change_end = 'lost'")


TAMPERED = [
    ("update bookings.bookings set booking_status = 'checked_in'", "is not confirmed any more"),
    ("update bookings.bookings set total_amount = 30", "the price is not higher"),
    ("delete from bookings.held_places", "other places are held"),
    ("update bookings.held_places set places = places + 1", "other places are held"),
    ("update bookings.pending_changes set end_datetime = end_datetime + interval '1 hour'",
     "other places are held"),
    ("update bookings.booking_children set active = false where change", "the children are others"),
    ("delete from bookings.booking_children where change", "the children are others"),
    ("update bookings.pending_changes set child_count = 2", "other places are held"),
    ("update payments.payments set amount = 14 where change_id is not null",
     "the payment is for something else"),
    ("update payments.payments set change_id = null where change_id is not null",
     "the payment is for something else"),
    ("delete from bookings.held_places; delete from bookings.pending_changes",
     "children are left over"),
    ("delete from bookings.held_places; delete from bookings.booking_children where change;"
     " delete from bookings.pending_changes", "a payment is left over"),
]


@pytest.mark.parametrize("tampering, sentence", TAMPERED)
def test_verify_finds_what_is_wrong_with_a_change(api, tampering, sentence):
    booking, customer = confirmed(api)
    api.all(propose(api, booking, customer), connection=api.api)
    kinds = {d["kind"] for d in json.loads(api.ctl("verify", "--json").stdout)["differences"]}
    assert "changes" not in kinds
    api.all(tampering)
    found = [d["detail"] for d in json.loads(api.ctl("verify", "--json").stdout)["differences"]
             if d["kind"] == "changes"]
    assert len(found) >= 1 and sentence in " ".join(found)
    assert booking.strip("'") in found[0]


def applied(decision):
    return ("select payments.apply(%s, '{}', '{}', '{}', '{}', '{}', '{}', null, null, null, null)",
            (json.dumps(decision),))


def test_whatever_happens_to_changes_the_ledger_knows(api):
    """Six bookings of a franchise with few places: asked for, given up, lapsed,
    paid, moved, cancelled, in any order."""
    dice = random.Random(5)
    api.all("update franchises.franchises set max_capacity = 6 where id = %s", (FRANCHISE,))
    api.all("update franchises.slot_ledger set capacity = 6")
    hours = [f"{h:02}:00" for h in range(8, 19)]
    standing = [confirmed(api, *hours[i % 4:i % 4 + 2]) for i in range(6)]
    did = {"refused": 0}
    for step in range(240):
        booking, customer = standing[dice.randrange(6)]
        first = dice.randrange(9)
        span = hours[first], hours[dice.randrange(first + 1, 11)]
        what = dice.choice(["propose"] * 4 + ["end", "lapse", "apply", "apply", "change", "release"])
        waits = api.all(f"select id, expires_at <= now() from bookings.pending_changes"
                        f" where booking_id = {booking}")
        try:
            if what == "propose":
                api.all(propose(api, booking, customer, *span, children=dice.randint(1, 3),
                                p_total=f"(select total_amount * 100 + 1500 from bookings.bookings"
                                        f" where id = {booking})::bigint"), connection=api.api)
            elif what == "end" and waits:
                api.all(end(api, booking, customer), connection=api.api)
            elif what == "lapse" and waits:
                api.all(f"update bookings.pending_changes set expires_at = now()"
                        f" where booking_id = {booking}")
                api.all(end(api, booking, customer, "dropped"), connection=api.api)
            elif what == "apply" and waits:
                version = api.one(f"select version from bookings.bookings where id = {booking}")
                decision = {"booking": {
                    "id": booking.strip("'"), "customer": customer.strip("'"),
                    "version": version, "change": str(waits[0][0])}}
                api.refused("22023", *applied(decision), connection=api.api)  # not paid
                payment, number = api.one("select id, version from payments.payments where"
                                          " change_id = %s", (waits[0][0],))
                api.all(*applied({**decision, "payment": {
                    "id": str(payment), "version": number, "status": "succeeded"}}),
                        connection=api.api)
            elif what == "change":
                api.all(change(api, booking, customer, *span, p_status="'confirmed'",
                               p_version=f"(select version from bookings.bookings where id = {booking})",
                               p_franchise_version=f"(select version from franchises.franchises"
                                                   f" where id = '{FRANCHISE}')",
                               p_total=f"(select total_amount * 100 from bookings.bookings"
                                       f" where id = {booking})::bigint"), connection=api.api)
            elif what == "release" and dice.random() < 0.3:
                api.all(release(api, booking, customer, p_version=f"(select version from"
                                f" bookings.bookings where id = {booking})"), connection=api.api)
                standing[standing.index((booking, customer))] = confirmed(api, *hours[:2])
            else:
                continue
            did[what] = did.get(what, 0) + 1
        except psycopg2.Error as error:
            assert error.pgcode == "CB001", error
            did["refused"] += 1
        balanced(api)
        assert api.one("select count(*) from franchises.slot_ledger where booked > 6") == 0
    assert all(did.get(what, 0) > 3 for what in
               ("propose", "end", "lapse", "apply", "change", "refused")), did
