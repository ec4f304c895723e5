"""test_changes.py: a paid booking becomes dearer or cheaper, beside Stripe's
sandbox: what is due, what is held until it is paid, what comes back, and what
becomes of money that comes for a change that is over.  After each test our
books, the journal and Stripe's agree."""

import base64
import json
import os
import pathlib
import signal
import sys
import time
import uuid

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from live import (V1, Client, Request, at, booking_body,  # noqa: E402
                  day_in)
from lossy import on_a_road  # noqa: E402
from relays import Relay  # noqa: E402
from shop import Shop, keyed, until  # noqa: E402
from test_payments_direct import key_of  # noqa: E402

SESSIONS, INTENTS = "POST /v1/checkout/sessions", "POST /v1/payment_intents"
EVENTS = ("BookingModified", "PaymentProcessed", "PaymentFailed",
          "RefundProcessed")
VISA = {"payment_method": "pm_card_visa"}
BANK = {"payment_method": "pm_card_authenticationRequired"}
NO_FUNDS = {"payment_method": "pm_card_chargeDeclinedInsufficientFunds"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Its due work is done when a test says so."""
    shop = Shop(tmp_path_factory.mktemp("changes"), watch=False)
    try:
        yield shop.start()
    finally:
        shop.reset()


@pytest.fixture
def shop(shared):
    before = shared.deadlocks()
    yield shared
    shared.sandbox.lift()
    shared.drain()
    shared.books()
    assert shared.deadlocks() == before


def path_of(made):
    return f"{V1}/bookings/{made['booking_id']}"


def ask(shop, token, made, day=None, first=None, last=None, status=200, headers=None,
        **body):
    """PUT; the answer's body."""
    if first is not None:
        body["start_datetime"] = at(day, first)
    if last is not None:
        body["end_datetime"] = at(day, last)
    answer = shop.ask("PUT", path_of(made), token, body, **(headers or {}))
    assert answer.status == status, answer
    return answer.body


def waits(shop, made):
    """Of the change: (total, expires in seconds), or None."""
    rows = shop.sql("select total_amount, extract(epoch from expires_at - "
                    "now())::float from bookings.pending_changes where "
                    "booking_id = %s", made["booking_id"])
    return rows[0] if rows else None


def held(shop, made):
    """Places held beyond the booking's own, by hour."""
    return {start.hour: places for start, places in shop.sql(
        "select slot_start at time zone 'UTC', places from "
        "bookings.held_places where booking_id = %s", made["booking_id"])}


def page(shop, token, made):
    """The Checkout page our own link leads to."""
    answer = shop.link(token, made)
    assert answer.status == 303, answer
    return answer.headers["Location"]


def pay_now(shop, token, made, body, **headers):
    return shop.ask("POST", path_of(made) + "/payment", token, body, **headers)


def dearer(shop, days=5, capacity=1, hours=(9, 10, 11), **kinds):
    """(token, a paid booking of an hour, a change to two that waits)."""
    first, last, longer = hours
    day = day_in(days)
    token, made = shop.paid_booking(shop.franchise(capacity), day, first, last,
                                    **kinds)
    return token, made, ask(shop, token, made, day, last=longer)


def drop(shop, tmp_path):
    """The relay of bookings, once."""
    shop.sql("update bookings.outbox set due_at = now(), claimed_until = null "
             "where topic = 'bookings' and sent_at is null")
    Relay(shop.env, "bookings", tmp_path / f"relay-{uuid.uuid4().hex}.log").once()


def move(shop, made, seconds):
    """The booking, its change and their places, in time."""
    whose, by = made["booking_id"], f"make_interval(secs => {seconds})"
    with shop.cursor() as cursor:
        # The foreign key of places that are held would have them stay.
        cursor.execute("set local session_replication_role = replica")
        for table, name in (("bookings", "id"), ("pending_changes",
                                                 "booking_id")):
            cursor.execute(
                f"update bookings.{table} set start_datetime = start_datetime "
                f"+ {by}, end_datetime = end_datetime + {by} where {name} = %s",
                (whose,))
        cursor.execute("update bookings.booking_children set period = tstzrange"
                       f"(lower(period) + {by}, upper(period) + {by}) where "
                       "booking_id = %s", (whose,))
        cursor.execute("update bookings.held_places set slot_start = slot_start "
                       f"+ {by} where booking_id = %s", (whose,))
        cursor.execute("update franchises.slot_ledger set slot_start = "
                       f"slot_start + {by}, slot_end = slot_end + {by} where "
                       "franchise_id = %s", (made["franchise_id"],))


def other_wants(shop, made, day, first, last, **kinds):
    return shop.ask("POST", f"{V1}/bookings", shop.token(), booking_body(
        made["franchise_id"], day, first, last, **kinds))


# ---- dearer: asked for, paid, applied ------------------------------------------


def test_a_dearer_change_waits_and_the_booking_stands(shop):
    day, house = day_in(5), shop.franchise(2)
    token, made = shop.paid_booking(house, day, 9, 17)
    before = shop.read(token, made)
    etag = shop.get(path_of(made), token).headers["ETag"]
    assert before["pending_change"] is None
    assert (before["paid_amount"], before["refunded_amount"]) == (120, 0)

    answer = shop.ask("PUT", path_of(made), token, {
        "end_datetime": at(day, 18)}, If_Match=etag)
    assert answer.status == 200 and answer.headers["ETag"] != etag
    now = answer.body
    told = now["pending_change"]
    assert (told["start_datetime"], told["end_datetime"]) == (
        at(day, 9), at(day, 18))
    assert (told["total_amount"], told["amount_due"], told["child_count"]) == (
        135, 15, 1)
    assert told["payment_url"] == now["payment_url"]
    assert f"/pay/{made['booking_id']}?t=" in told["payment_url"]
    assert now["payment_required"] is True
    same = ("status", "payment_status", "start_datetime", "end_datetime",
            "total_amount", "child_count", "children", "line_items",
            "hold_expires_at", "paid_amount", "refunded_amount")
    assert {k: now[k] for k in same} == {k: before[k] for k in same}
    assert shop.read(token, made) == now
    listed, = [b for b in shop.get(f"{V1}/bookings", token).body["data"]
               if b["booking_id"] == made["booking_id"]]
    assert listed["pending_change"] == told and listed["payment_required"]

    total, seconds = waits(shop, made)
    assert total == 135 and 2040 < seconds <= 2100
    assert held(shop, made) == {17: 1}
    assert shop.booked(house) == {(day, h): 1 for h in range(9, 18)}
    assert shop.payments(made) == [("succeeded", "120.00", "0.00"),
                                   ("queued", "15.00", "0.00")]
    # No event before it takes effect.
    assert shop.told(made, *EVENTS) == (0, 1, 0, 0)


def test_paid_it_takes_effect_all_at_once(shop):
    day, house = day_in(5), shop.franchise(2)
    token, made = shop.paid_booking(house, day, 9, 17)
    ask(shop, token, made, day_in(6), 10, 18, children=[
        {"name": "Alice Doe", "age": 5}, {"name": "Ben Doe", "age": 3,
                                          "allergies": "Nuts"}],
        customer_info={"phone": "+4412345678"})
    now = shop.read(token, made)
    assert [c["name"] for c in now["children"]] == ["Alice Doe"]
    assert now["customer_info"]["phone"] == "+1234567890"
    assert now["pending_change"]["amount_due"] == 120
    assert held(shop, made) == {h: 2 for h in range(10, 18)}
    url = page(shop, token, made)
    etag = shop.get(path_of(made), token).headers["ETag"]
    told = shop.pay(url)
    assert told["session"]["amount_total"] == 12000

    answer = shop.get(path_of(made), token)
    now = answer.body
    assert answer.headers["ETag"] != etag
    assert (now["start_datetime"], now["end_datetime"]) == (
        at(day_in(6), 10), at(day_in(6), 18))
    assert (now["status"], now["payment_status"], now["total_amount"]) == (
        "confirmed", "paid", 240)
    assert (now["paid_amount"], now["refunded_amount"]) == (240, 0)
    assert [(c["name"], c.get("allergies")) for c in now["children"]] == [
        ("Alice Doe", None), ("Ben Doe", "Nuts")]
    assert now["customer_info"]["phone"] == "+4412345678"
    assert now["customer_info"]["name"] == "John Doe"
    assert sum(line["amount"] for line in now["line_items"]) == 240
    assert now["pending_change"] is None and now["payment_url"] is None
    assert shop.booked(house) == {(day_in(6), h): 2 for h in range(10, 18)}
    assert waits(shop, made) is None and held(shop, made) == {}
    assert shop.told(made, *EVENTS) == (1, 2, 0, 0)
    facts = shop.one("select facts from bookings.outbox where booking_id = %s "
                     "and type = 'BookingModified'", made["booking_id"])
    assert facts["start_datetime"] == at(day_in(6), 10)
    assert facts["was_start_datetime"] == at(day, 9)
    assert (facts["total_amount"], facts["child_count"]) == (240, 2)
    # The old hours are the child's and everybody's again.
    assert other_wants(shop, made, day, 9, 17).status == 201
    assert shop.ask("POST", f"{V1}/bookings", token, booking_body(
        house, day, 9, 17)).status == 201


def test_a_payment_method_pays_the_difference_at_once(shop):
    token, made, _ = dearer(shop)
    key = keyed()
    answer = pay_now(shop, token, made, VISA, **key)
    assert answer.status == 200, answer
    assert (answer.body["status"], answer.body["amount"],
            answer.body["booking_status"]) == ("succeeded", 15, "confirmed")
    now = shop.read(token, made)
    assert (now["total_amount"], now["payment_status"]) == (30, "paid")
    assert pay_now(shop, token, made, VISA, **key).raw == answer.raw
    again = pay_now(shop, token, made, VISA)
    assert (again.status, again.code) == (409, "state_conflict")
    assert shop.payments(made) == [("succeeded", "15.00", "0.00"),
                                   ("superseded", "15.00", "0.00"),
                                   ("succeeded", "15.00", "0.00")]
    shop.sandbox.wait()
    assert shop.told(made, *EVENTS) == (1, 2, 0, 0)


def test_the_bank_may_ask_and_the_booking_stands_meanwhile(shop):
    token, made, _ = dearer(shop)
    answer = pay_now(shop, token, made, BANK)
    assert answer.body["status"] == "requires_action", answer
    now = shop.read(token, made)
    assert (now["status"], now["payment_status"], now["total_amount"]) == (
        "confirmed", "paid", 15)
    intent, = [i for i in shop.sandbox.objects("payment_intent").values()
               if i["metadata"].get("payment_id") ==
               answer.body["payment_id"]]
    shop.sandbox.control("POST", f"/payment_intents/{intent['id']}",
                         {"action": "authenticate"})
    shop.sandbox.wait()
    assert shop.read(token, made)["total_amount"] == 30


def test_a_declined_card_leaves_the_booking_paid_and_the_change_waiting(shop):
    token, made, asked = dearer(shop)
    answer = pay_now(shop, token, made, NO_FUNDS)
    assert (answer.status, answer.code) == (402, "payment_declined")
    now = shop.read(token, made)
    assert (now["status"], now["payment_status"]) == ("confirmed", "paid")
    assert now["pending_change"]["amount_due"] == 15
    assert now["total_amount"] == asked["total_amount"] == 15
    assert shop.told(made, *EVENTS) == (0, 1, 1, 0)
    shop.pay(page(shop, token, made))
    assert shop.read(token, made)["total_amount"] == 30


def test_an_abandoned_page_leaves_the_link_that_opens_another(shop):
    token, made, _ = dearer(shop)
    url = page(shop, token, made)
    assert page(shop, token, made) == url
    assert shop.read(token, made)["payment_status"] == "paid"
    shop.sandbox.act(shop.session_of(url), action="expire")
    shop.sandbox.wait()
    assert shop.read(token, made)["payment_status"] == "paid"
    other = page(shop, token, made)
    assert other != url
    shop.pay(other)
    assert shop.read(token, made)["total_amount"] == 30
    assert shop.told(made, *EVENTS) == (1, 2, 0, 0)


def test_care_that_was_free_is_paid_for_once_it_is_not(shop):
    day, house, token = day_in(5), shop.franchise(2, rate="0"), shop.token()
    shop.sql("update franchises.franchises set peak_hour_rate = 20 where id = %s",
             house)
    shop.sql("insert into franchises.peak_windows values (%s, "
             "'{1,2,3,4,5,6,7}', '12:00', '14:00')", house)
    made = shop.book(token, house, day, 9, 10)
    assert (made["status"], made["payment_status"]) == (
        "confirmed", "not_required")
    now = ask(shop, token, made, day, 11, 13)
    assert (now["payment_status"], now["total_amount"]) == ("not_required", 0)
    assert now["pending_change"]["amount_due"] == 20
    shop.pay(page(shop, token, made))
    now = shop.read(token, made)
    assert (now["status"], now["payment_status"], now["total_amount"],
            now["paid_amount"]) == ("confirmed", "paid", 20, 20)
    # And free again: all of it comes back.
    assert ask(shop, token, made, day, 9, 10)["payment_status"] == "refunded"
    shop.drain()
    assert shop.refunds(made) == [("price_down", "succeeded", "20.00")]


def test_yen_are_asked_for_and_given_back_whole(shop):
    house, day = shop.franchise(1, rate="1501"), day_in(2)
    shop.sql("update franchises.franchises set currency = 'JPY' where id = %s",
             house)
    token, made = shop.paid_booking(house, day, 0, 2)
    now = ask(shop, token, made, day, last=3)
    assert now["pending_change"]["amount_due"] == 1501
    told = shop.pay(page(shop, token, made))
    assert (told["session"]["amount_total"], told["session"]["currency"]) == (
        1501, "jpy")
    assert shop.read(token, made)["total_amount"] == 4503
    # Half of 1501 is 750, and no half yen.
    assert ask(shop, token, made, day, last=2)["refunded_amount"] == 750
    assert shop.cancel(token, made)["refund_amount"] == 2251 - 750
    shop.drain()
    # The newest payment first, then the other one.
    assert sorted(shop.refunds(made)) == [
        ("cancelled", "succeeded", "750.00"),
        ("cancelled", "succeeded", "751.00"),
        ("price_down", "succeeded", "750.00")]


def test_a_price_in_another_currency_is_no_price_of_the_booking(shop):
    house, day = shop.franchise(2), day_in(5)
    token, made = shop.paid_booking(house, day, 9, 12)
    hold_token = shop.token()
    hold = shop.book(hold_token, house, day, 9, 12)
    with shop.cursor() as cursor:
        # What Postgres refuses, and an older release has let pass.
        cursor.execute("set local session_replication_role = replica")
        cursor.execute("update franchises.franchises set currency = 'JPY', standard_rate = 1500, "
                       "peak_hour_rate = 1500, version = version + 1 where id = %s", (house,))
    shop.redis("flushall")
    for whose, booking in ((token, made), (hold_token, hold)):
        for last in (11, 13):
            told = ask(shop, whose, booking, day, last=last, status=409)
            assert told["code"] == "state_conflict" and "currency" in told["detail"]
        assert shop.read(whose, booking)["total_amount"] == 45
    # What costs nothing more is none of the currency's business.
    child = {"name": "Alice Roe", "age": 6}
    assert ask(shop, token, made, children=[child])["children"][0]["name"] == "Alice Roe"
    assert shop.refunds(made) == [] and waits(shop, made) is None
    assert shop.cancel(token, made)["refund_amount"] == 45
    shop.cancel(hold_token, hold)


def test_an_amount_that_stripe_cannot_take_fails_as_a_row_and_stops_nobody(shop, tmp_path):
    def price(made, currency, amount):
        shop.sql("update bookings.bookings set currency = %s, total_amount = %s where id = %s",
                 currency, amount, made["booking_id"])
        shop.sql("update payments.payments set currency = %s, amount = %s where booking_id = %s",
                 currency, amount, made["booking_id"])

    day = day_in(5)
    token, other = shop.paid_booking(shop.franchise(1), day, 9, 12)
    shop.sandbox.fault(SESSIONS, "fail", saved=False)
    bad_token = shop.token()
    bad = shop.book(bad_token, shop.franchise(1), day, 9, 12)
    assert bad["payment_status"] == "queued"
    shop.sandbox.lift()
    shop.forget_outage()
    # No franchise can ask for it any more: half a yen.
    price(bad, "JPY", 45.50)
    shop.cancel(token, other)
    shop.sql("update bookings.outbox set due_at = now() - interval '1 hour' where topic = "
             "'payments' and booking_id = %s and type = 'session' and sent_at is null",
             bad["booking_id"])
    log = tmp_path / "relay.log"
    Relay(shop.env, "payments", log).once()
    assert shop.refunds(other) == [("cancelled", "succeeded", "45.00")]
    tries, why = shop.sql("select attempts, failure from bookings.outbox where topic = "
                          "'payments' and booking_id = %s and type = 'session' and sent_at is "
                          "null", bad["booking_id"])[0]
    # Its next try is due at random within half a second, perhaps at once.
    assert 1 <= tries <= 4 and why == "refused"
    assert '"outbox_refused"' in log.read_text()
    before = shop.workers()
    assert shop.link(bad_token, bad).status == 500
    assert shop.workers() == before
    price(bad, "USD", 45)
    shop.cancel(bad_token, bad)


def test_the_manage_link_goes_with_its_booking_and_ends_30_days_after_it(shop):
    token, made = shop.paid_booking(shop.franchise(2), day_in(5), 9, 10)
    manage = made["manage_url"].rpartition("#token=")[2]
    ask(shop, manage, made, day_in(100), 9, 10)

    def days_after_its_end(days):
        end = shop.one("select extract(epoch from end_datetime - now())::bigint from "
                       "bookings.bookings where id = %s", made["booking_id"])
        move(shop, made, -(end // 3600 * 3600) - days * 86400)
        shop.redis("flushall")

    # Moved on and on, it may be far from where it was made: years, not days.
    claims = json.loads(base64.urlsafe_b64decode(manage.split(".")[1] + "=="))
    assert claims["exp"] > time.time() + 5 * 365 * 86400
    assert shop.get(path_of(made), manage).status == 200
    days_after_its_end(30)
    assert shop.get(path_of(made), manage).status == 200
    days_after_its_end(31)
    payment = shop.one("select id from payments.payments where booking_id = %s",
                       made["booking_id"])
    late = [shop.get(path_of(made), manage), shop.get(path_of(made) + "/qr", manage),
            shop.get(path_of(made) + "/cancellation-quote", manage),
            shop.ask("PUT", path_of(made), manage, {"end_datetime": at(day_in(5), 11)}, **keyed()),
            shop.ask("DELETE", path_of(made), manage, **keyed()),
            shop.ask("POST", path_of(made) + "/payment", manage, VISA, **keyed()),
            shop.get(f"{V1}/payments/{payment}", manage)]
    assert {(a.status, a.code) for a in late} == {(401, "invalid_credentials")}, late
    assert shop.get(path_of(made), token).status == 200


def test_what_is_below_stripes_minimum_is_waived_and_never_paid_out(shop):
    house, day = shop.franchise(2), day_in(5)
    shop.sql("update franchises.franchises set peak_hour_rate = 15.40 where id "
             "= %s", house)
    shop.sql("insert into franchises.peak_windows values (%s, "
             "'{1,2,3,4,5,6,7}', '12:00', '14:00')", house)
    token, made = shop.paid_booking(house, day, 9, 10)
    for _ in range(3):
        now = ask(shop, token, made, day, 12, 13)
        assert now["pending_change"] is None
        assert (now["total_amount"], now["paid_amount"]) == (15.40, 15)
        now = ask(shop, token, made, day, 9, 10)
        assert (now["total_amount"], now["refunded_amount"]) == (15, 0)
    assert shop.refunds(made) == []
    assert shop.payments(made) == [("succeeded", "15.00", "0.00")]
    assert shop.sql("select account, sum(amount)::text from payments.journal "
                    "where booking_id = %s and kind = 'waiver' group by 1 "
                    "order by 1", made["booking_id"]) == [
        ("customers", "-1.20"), ("waivers", "1.20")]
    # Fifty cents are asked for.
    shop.sql("update franchises.franchises set peak_hour_rate = 15.50, version "
             "= version + 1 where id = %s", house)
    assert ask(shop, token, made, day, 12, 13)["pending_change"][
        "amount_due"] == 0.5
    assert shop.cancel(token, made)["refund_amount"] == 15


# ---- what is held until it is paid ----------------------------------------------


def test_only_the_difference_is_held(shop):
    day, house = day_in(5), shop.franchise(4)
    token, made = shop.paid_booking(house, day, 9, 12)
    # Two children instead of one, an hour later: 10 and 11 have one already.
    ask(shop, token, made, day, 10, 13, children=[
        {"name": "Alice Doe", "age": 5}, {"name": "Ben Doe", "age": 3}])
    assert held(shop, made) == {10: 1, 11: 1, 12: 2}
    taken = {hour: n for (_, hour), n in shop.booked(house).items()}
    assert taken == {9: 1, 10: 2, 11: 2, 12: 2}
    seen = {s["start_datetime"]: s["available_capacity"] for s in shop.get(
        f"{V1}/availability/{house}?date={day}").body["available_slots"]}
    assert [seen[at(day, h)] for h in (8, 9, 10, 11, 12)] == [4, 3, 2, 2, 2]
    shop.pay(page(shop, token, made))
    taken = {hour: n for (_, hour), n in shop.booked(house).items()}
    assert taken == {10: 2, 11: 2, 12: 2}


def test_places_that_are_held_are_not_sold(shop):
    token, made, _ = dearer(shop)
    refused = other_wants(shop, made, day_in(5), 10, 11)
    assert (refused.status, refused.code) == (409, "capacity_exceeded")
    assert other_wants(shop, made, day_in(5), 11, 12).status == 201
    shop.pay(page(shop, token, made))
    assert shop.read(token, made)["total_amount"] == 30


def test_there_must_be_room_and_nothing_is_held_without(shop):
    day, house = day_in(5), shop.franchise(1)
    token, made = shop.paid_booking(house, day, 9, 10)
    shop.book(shop.token(), house, day, 11, 12)
    answer = shop.ask("PUT", path_of(made), token, {
        "end_datetime": at(day, 12)})
    assert (answer.status, answer.code) == (409, "capacity_exceeded")
    assert [s["start_datetime"] for s in answer.body["full_slots"]] == [
        at(day, 11)]
    assert waits(shop, made) is None
    assert shop.booked(house) == {(day, 9): 1, (day, 11): 1}
    assert shop.payments(made) == [("succeeded", "15.00", "0.00")]


def test_a_child_that_a_change_waits_with_is_nowhere_else(shop):
    day, house = day_in(5), shop.franchise(5)
    token, made = shop.paid_booking(house, day, 9, 10, child="Ada")
    ask(shop, token, made, day, last=11, children=[
        {"name": "Ada", "age": 5}, {"name": "Ben", "age": 3}])
    for child, hours in (("Ben", (9, 10)), ("Ada", (10, 11)), ("Ben", (10, 11))):
        refused = shop.ask("POST", f"{V1}/bookings", token, booking_body(
            shop.franchise(1), day, *hours, child=child))
        assert (refused.status, refused.code) == (409, "child_already_booked")
    # Nor can it be asked for where it is already.
    shop.book(token, shop.franchise(1), day, 12, 13, child="Ben")
    answer = shop.ask("PUT", path_of(made), token, {
        "end_datetime": at(day, 13), "children": [{"name": "Ben", "age": 3}]})
    assert (answer.status, answer.code) == (409, "child_already_booked")
    # That left the first change as it was.
    assert shop.read(token, made)["pending_change"]["amount_due"] == 45
    shop.pay(page(shop, token, made))
    assert len(shop.read(token, made)["children"]) == 2


def test_a_lapsed_change_is_not_shown_and_blocks_nobody(shop):
    day = day_in(5)
    token, made, _ = dearer(shop, child="Ada")
    link = shop.read(token, made)["payment_url"].partition(f":{shop.port}")[2]
    assert page(shop, token, made)
    etag = shop.get(path_of(made), token).headers["ETag"]
    shop.lapse_change(made)
    now = shop.read(token, made)
    assert now["pending_change"] is None and now["payment_url"] is None
    assert now["payment_required"] is False and now["status"] == "confirmed"
    listed = shop.get(f"{V1}/bookings", token).body["data"]
    assert [b["pending_change"] for b in listed] == [None]
    assert shop.get(link).status == 409
    assert pay_now(shop, token, made, VISA).code == "state_conflict"
    seen = {s["start_datetime"]: s["available_capacity"] for s in shop.get(
        f"{V1}/availability/{made['franchise_id']}?date={day}"
        ).body["available_slots"]}
    assert (seen[at(day, 9)], seen[at(day, 10)]) == (0, 1)
    # The child first, elsewhere; then the place.
    shop.book(token, shop.franchise(1), day, 10, 11, child="Ada")
    assert waits(shop, made) is None
    assert shop.get(path_of(made), token).headers["ETag"] != etag
    assert other_wants(shop, made, day, 10, 11).status == 201
    assert shop.told(made, *EVENTS) == (0, 1, 0, 0)


def test_a_change_takes_the_places_of_a_lapsed_change(shop):
    day, house = day_in(5), shop.franchise(1)
    mine, first = shop.paid_booking(house, day, 9, 10)
    yours, second = shop.paid_booking(house, day, 11, 12)
    ask(shop, mine, first, day, last=11)
    refused = shop.ask("PUT", path_of(second), yours,
                       {"start_datetime": at(day, 10)})
    assert refused.code == "capacity_exceeded"
    shop.lapse_change(first)
    assert ask(shop, yours, second, day, 10)["pending_change"]
    assert waits(shop, first) is None and held(shop, second) == {10: 1}
    # Its own lapsed change does not stand in its way either.
    shop.lapse_change(second)
    assert ask(shop, yours, second, day, 10)["pending_change"]["amount_due"] == 15
    assert held(shop, second) == {10: 1}


def test_it_waits_no_longer_than_until_it_begins(shop):
    token, made, _ = dearer(shop)
    # Its session would keep it for 35 minutes.
    shop.sql("update bookings.pending_changes set created_at = created_at - "
             "interval '1 hour 50 minutes' where booking_id = %s",
             made["booking_id"])
    page(shop, token, made)
    assert 2000 < waits(shop, made)[1] <= 2100, "more than two hours in all"
    shop.sql("update bookings.pending_changes set created_at = now(), "
             "expires_at = now() + interval '1 minute' where booking_id = %s",
             made["booking_id"])
    shop.sql("update payments.payments set session_expires_at = now() where "
             "booking_id = %s and payment_status = 'open'", made["booking_id"])
    page(shop, token, made)
    assert 2000 < waits(shop, made)[1] <= 31 * 60 + 4 * 60 + 30
    assert shop.one("select count(*) from bookings.outbox where booking_id = %s"
                    " and topic = 'bookings' and type = 'drop_change' and due_at"
                    " > now() + interval '30 minutes'", made["booking_id"]) >= 2


# ---- raced -----------------------------------------------------------------------


def test_the_last_place_of_the_new_hour_goes_to_exactly_one(shop):
    day, token, rivals = day_in(6), shop.token(), 6
    house = shop.franchise(rivals)
    made = [shop.paid_booking(house, day, 9, 10) for _ in range(rivals)]
    # One place is left at 10.
    for _ in range(rivals - 1):
        shop.book(shop.token(), house, day, 10, 11)
    requests = [Request("PUT", path_of(b), t, {"end_datetime": at(day, 11)})
                for t, b in made]
    requests += [Request("POST", f"{V1}/bookings", token, booking_body(
        house, day, 10, 11, child=f"Child {n}")) for n in range(3)]
    answers = shop.at_once(requests)
    won = [a for a in answers if a.status in (200, 201)]
    assert len(won) == 1, answers
    assert {a.code for a in answers if a not in won} == {"capacity_exceeded"}
    assert shop.booked(house)[(day, 10)] == rivals
    for (t, b), answer in zip(made, answers):
        assert (shop.read(t, b)["pending_change"] is not None) == (
            answer.status == 200)


def test_of_two_changes_under_one_etag_exactly_one_waits(shop):
    day, house = day_in(6), shop.franchise(3)
    for _ in range(4):
        token, made = shop.paid_booking(house, day, 9, 10)
        etag = shop.get(path_of(made), token).headers["ETag"]
        answers = shop.at_once([Request(
            "PUT", path_of(made), token, {"end_datetime": at(day, last)},
            If_Match=etag) for last in (11, 12)])
        assert sorted(a.status for a in answers) == [200, 412], answers
        done, = [a for a in answers if a.status == 200]
        assert shop.read(token, made)["pending_change"] == \
            done.body["pending_change"]
        assert len(shop.payments(made)) == 2
        shop.cancel(token, made)


def test_changes_and_payments_at_once_take_effect_once(shop):
    """The page is paid while the customer asks for something else."""
    day, house = day_in(6), shop.franchise(20)
    for round_ in range(6):
        token, made = shop.paid_booking(house, day, 9, 10)
        ask(shop, token, made, day, last=11)
        session = shop.session_of(page(shop, token, made))
        other = Request("PUT", path_of(made), token, {
            "end_datetime": at(day, 12)}) if round_ % 2 else \
            Request("DELETE", path_of(made), token)
        client = Client(shop)
        client.connect()
        client.send(other)
        shop.sandbox.act(session, action="pay")
        answer = client.receive()
        client.close()
        assert answer.status == 200, answer
        shop.sandbox.wait()
        shop.drain()
        now = shop.read(token, made)
        told = shop.told(made, "BookingModified")[0]
        assert told in (0, 1)
        if round_ % 2:
            # Applied first, or replaced first.
            assert now["total_amount"] == (30 if told else 15)
            assert now["pending_change"]["total_amount"] == 45
            assert now["pending_change"]["amount_due"] == (15 if told else 30)
        else:
            assert now["status"] == "cancelled"
            assert now["refunded_amount"] == 30


# ---- money for a change that is over, or twice --------------------------------------


def test_paid_after_it_lapsed_but_before_anybody_took_its_places(shop):
    token, made, _ = dearer(shop)
    url = page(shop, token, made)
    shop.lapse_change(made)
    assert shop.read(token, made)["pending_change"] is None
    shop.pay(url)
    now = shop.read(token, made)
    assert (now["total_amount"], now["payment_status"]) == (30, "paid")
    assert shop.refunds(made) == []
    assert shop.told(made, *EVENTS) == (1, 2, 0, 0)
    refused = other_wants(shop, made, day_in(5), 10, 11)
    assert refused.code == "capacity_exceeded"


def test_paid_after_another_took_its_places_it_goes_back(shop):
    token, made, _ = dearer(shop)
    url = page(shop, token, made)
    shop.lapse_change(made)
    assert other_wants(shop, made, day_in(5), 10, 11).status == 201
    shop.pay(url)
    shop.drain()
    now = shop.read(token, made)
    assert (now["status"], now["payment_status"], now["total_amount"]) == (
        "confirmed", "paid", 15)
    assert (now["paid_amount"], now["refunded_amount"]) == (15, 0)
    assert shop.refunds(made) == [("late", "succeeded", "15.00")]
    assert shop.told(made, *EVENTS) == (0, 2, 0, 1)


def test_paid_after_it_was_dropped_it_goes_back_though_places_are_free(
        shop, tmp_path):
    token, made, _ = dearer(shop)
    shop.lapse_change(made)
    drop(shop, tmp_path)  # no page was open: nobody has to be asked
    assert waits(shop, made) is None
    assert shop.booked(made["franchise_id"]) == {(day_in(5), 9): 1}
    token, made, _ = dearer(shop)
    url = page(shop, token, made)
    shop.lapse_change(made)
    # While Stripe does not answer it is kept five minutes, and no longer.
    drop(shop, tmp_path)
    assert waits(shop, made)
    shop.sql("update bookings.pending_changes set expires_at = now() - interval"
             " '301 seconds' where booking_id = %s", made["booking_id"])
    drop(shop, tmp_path)
    assert waits(shop, made) is None
    shop.pay(url)
    shop.drain()
    assert shop.refunds(made) == [("late", "succeeded", "15.00")]
    assert shop.read(token, made)["total_amount"] == 15


def test_the_page_is_closed_before_a_lapsed_change_is_dropped(shop, tmp_path):
    token, made, _ = dearer(shop)
    url = page(shop, token, made)
    shop.lapse_change(made)
    drop(shop, tmp_path)
    shop.work()  # Stripe's relay was asked
    assert not shop.sandbox.act(shop.session_of(url), action="pay")
    drop(shop, tmp_path)
    assert waits(shop, made) is None
    # Paid at that very moment, it takes effect instead.
    token, made, _ = dearer(shop)
    url = page(shop, token, made)
    shop.lapse_change(made)
    drop(shop, tmp_path)
    shop.sandbox.webhook_fault("*", "withhold")
    assert shop.sandbox.act(shop.session_of(url), action="pay")
    shop.work()
    assert shop.read(token, made)["total_amount"] == 30
    shop.sandbox.lift()
    shop.sandbox.control("POST", "/webhooks/release")


def test_paid_when_the_time_has_begun_it_goes_back(shop):
    token, made, _ = dearer(shop)
    url = page(shop, token, made)
    shop.sql("update bookings.bookings set start_datetime = start_datetime - "
             "interval '6 days', end_datetime = end_datetime - interval "
             "'6 days' where id = %s", made["booking_id"])
    shop.sql("update bookings.pending_changes set expires_at = now() where "
             "booking_id = %s", made["booking_id"])
    shop.pay(url)
    assert shop.refunds(made) == [("late", "queued", "15.00")]
    # Put right again, for the books.
    shop.sql("update bookings.bookings set start_datetime = start_datetime + "
             "interval '6 days', end_datetime = end_datetime + interval "
             "'6 days' where id = %s", made["booking_id"])
    assert shop.read(token, made)["total_amount"] == 15


def test_the_page_of_a_replaced_change_is_closed_and_its_money_goes_back(shop):
    day = day_in(5)
    token, made, _ = dearer(shop, capacity=3)
    first = page(shop, token, made)
    now = ask(shop, token, made, day, last=12)
    assert now["pending_change"]["amount_due"] == 30
    assert held(shop, made) == {10: 1, 11: 1}
    assert shop.payments(made)[1:] == [("superseded", "15.00", "0.00"),
                                       ("queued", "30.00", "0.00")]
    shop.pay(first)  # nobody has closed it yet
    now = shop.read(token, made)
    assert now["total_amount"] == 15, "changed by another price"
    assert now["pending_change"]["amount_due"] == 30
    shop.drain()
    assert shop.refunds(made) == [("superseded", "succeeded", "15.00")]
    shop.pay(page(shop, token, made))
    now = shop.read(token, made)
    assert (now["total_amount"], now["paid_amount"], now["refunded_amount"]) == (
        45, 45, 0)
    # The other way round the page is closed in time.
    ask(shop, token, made, day, last=13)
    second = page(shop, token, made)
    ask(shop, token, made, day, last=14)
    shop.work()
    assert not shop.sandbox.act(shop.session_of(second), action="pay")


def test_the_same_hours_asked_for_again_are_another_change(shop):
    """Its first page is not good for the third."""
    day = day_in(5)
    token, made, _ = dearer(shop, capacity=3)
    first = page(shop, token, made)
    ask(shop, token, made, day, last=12)
    ask(shop, token, made, day, last=11)
    third = page(shop, token, made)
    shop.pay(first)
    assert shop.read(token, made)["total_amount"] == 15
    shop.pay(third)
    assert shop.read(token, made)["total_amount"] == 30
    shop.drain()
    assert shop.refunds(made) == [("superseded", "succeeded", "15.00")]
    assert shop.told(made, *EVENTS) == (1, 3, 0, 1)


def test_two_pages_of_one_change_that_are_both_paid_apply_it_once(shop):
    token, made, _ = dearer(shop)
    first = page(shop, token, made)
    # As if Stripe had said that it is closed, when it was not.
    shop.sql("update payments.payments set payment_status = 'superseded', "
             "version = version + 1 where booking_id = %s and payment_status = "
             "'open'", made["booking_id"])
    second = page(shop, token, made)
    assert first != second
    shop.pay(first)
    assert shop.read(token, made)["total_amount"] == 30
    # The other one is given up in the same commit, and closed.
    assert shop.payments(made)[-1] == ("superseded", "15.00", "0.00")
    shop.pay(second)
    shop.drain()
    assert shop.refunds(made) == [("duplicate", "succeeded", "15.00")]
    now = shop.read(token, made)
    assert (now["total_amount"], now["paid_amount"]) == (30, 30)
    assert shop.told(made, *EVENTS) == (1, 3, 0, 1)


def test_what_was_paid_on_the_page_already_is_not_charged_again(shop):
    token, made, _ = dearer(shop)
    url = page(shop, token, made)
    shop.sandbox.webhook_fault("*", "withhold")
    assert shop.sandbox.act(shop.session_of(url), action="pay")
    answer = pay_now(shop, token, made, VISA)
    assert (answer.status, answer.code) == (409, "state_conflict")
    assert shop.read(token, made)["total_amount"] == 30
    shop.sandbox.lift()
    shop.sandbox.control("POST", "/webhooks/release")
    shop.sandbox.wait()
    assert shop.told(made, *EVENTS) == (1, 2, 0, 0)


def test_cancelled_while_the_difference_is_paid_all_of_it_goes_back(shop):
    day = day_in(5)
    token, made, _ = dearer(shop)
    url = page(shop, token, made)
    assert shop.cancel(token, made)["refund_amount"] == 15
    assert shop.booked(made["franchise_id"]) == {}
    assert waits(shop, made) is None
    assert shop.payments(made)[1:] == [("superseded", "15.00", "0.00")]
    shop.pay(url)
    shop.drain()
    assert sorted(shop.refunds(made)) == [("cancelled", "succeeded", "15.00")] * 2
    now = shop.read(token, made)
    assert (now["status"], now["payment_status"]) == ("cancelled", "refunded")
    assert other_wants(shop, made, day, 9, 11).status == 201
    # In time, the page is closed.
    token, made, _ = dearer(shop)
    url = page(shop, token, made)
    shop.cancel(token, made)
    shop.work()
    assert not shop.sandbox.act(shop.session_of(url), action="pay")


def test_a_booking_that_is_over_takes_its_change_with_it(shop, tmp_path):
    token, made, _ = dearer(shop)
    url = page(shop, token, made)
    move(shop, made, -7 * 86400)
    shop.sql("update bookings.pending_changes set expires_at = now() where "
             "booking_id = %s", made["booking_id"])
    Relay(shop.env, "bookings", tmp_path / "relay.log").once()
    assert shop.read(token, made)["status"] == "no_show"
    assert waits(shop, made) is None
    assert sum(shop.booked(made["franchise_id"]).values()) == 1
    shop.pay(url)
    shop.drain()
    assert shop.refunds(made) == [("late", "succeeded", "15.00")]


def test_whoever_is_here_is_not_moved_any_more(shop):
    """Checked in while the change still waits."""
    token, made, _ = dearer(shop)
    url = page(shop, token, made)
    # Within the same day for the franchise, which has UTC.
    until(lambda: time.time() % 86400 < 86400 - 60, "a minute left of today", 90)
    now = time.time()
    starts = shop.one("select extract(epoch from start_datetime)::float from "
                      "bookings.bookings where id = %s", made["booking_id"])
    move(shop, made, now + 20 - starts)
    assert shop.read(token, made)["pending_change"] is not None
    desk = key_of(shop, made["franchise_id"], ("checkin:write",))
    # Staff see the child that is booked, not twice.
    roster = shop.ask("GET", f"{V1}/franchises/{made['franchise_id']}/roster",
                      **desk)
    assert roster.status == 200, roster
    listed, = roster.body["data"]
    assert [c["name"] for c in listed["children"]] == ["Alice Doe"]
    answer = shop.ask("POST", f"{V1}/checkins", None, {
        "booking_code": made["booking_code"]}, **desk)
    assert answer.status == 201, answer
    assert waits(shop, made) is None
    assert sum(shop.booked(made["franchise_id"]).values()) == 1
    now = shop.read(token, made)
    assert (now["status"], now["pending_change"], now["payment_url"]) == (
        "checked_in", None, None)
    shop.pay(url)
    shop.drain()
    assert shop.refunds(made) == [("late", "succeeded", "15.00")]
    assert shop.read(token, made)["total_amount"] == 15


# ---- asked for again, given up ----------------------------------------------------


def test_the_same_change_asked_for_again_is_the_same(shop):
    day = day_in(5)
    token, made, asked = dearer(shop)
    etag = shop.get(path_of(made), token).headers["ETag"]
    old = '"1"'
    for body in ({"end_datetime": at(day, 11)},
                 {"start_datetime": at(day, 9), "end_datetime": at(day, 11)}):
        answer = shop.ask("PUT", path_of(made), token, body, If_Match=old)
        assert answer.status == 200, answer
        assert answer.headers["ETag"] == etag and answer.body == asked
    assert shop.payments(made)[1:] == [("queued", "15.00", "0.00")]
    # Another child, or another telephone: another change.
    now = ask(shop, token, made, day, last=11, customer_info={
        "phone": "+4412345678"})
    assert now["pending_change"]["amount_due"] == 15
    assert len(shop.payments(made)) == 3
    shop.pay(page(shop, token, made))
    assert shop.read(token, made)["customer_info"]["phone"] == "+4412345678"


def test_asking_for_what_stands_gives_the_change_up(shop):
    day = day_in(5)
    token, made, _ = dearer(shop)
    url = page(shop, token, made)
    etag = shop.get(path_of(made), token).headers["ETag"]
    stale = shop.ask("PUT", path_of(made), token, {
        "end_datetime": at(day, 10)}, If_Match='"1"')
    assert stale.status == 412 and waits(shop, made)
    key = keyed()
    answer = shop.ask("PUT", path_of(made), token, {
        "end_datetime": at(day, 10)}, If_Match=etag, **key)
    assert answer.status == 200, answer
    assert answer.body["pending_change"] is None
    assert answer.body["payment_url"] is None
    assert answer.body == shop.read(token, made)
    assert waits(shop, made) is None
    assert shop.booked(made["franchise_id"]) == {(day, 9): 1}
    # Sent again it is answered the same, with its key and without.
    again = shop.ask("PUT", path_of(made), token, {
        "end_datetime": at(day, 10)}, If_Match=etag, **key)
    assert again.raw == answer.raw
    assert again.headers["Idempotency-Replayed"] == "true"
    assert shop.ask("PUT", path_of(made), token, {
        "end_datetime": at(day, 10)}, If_Match=etag).body == answer.body
    shop.pay(url)
    shop.drain()
    assert shop.refunds(made) == [("superseded", "succeeded", "15.00")]
    assert shop.told(made, *EVENTS) == (0, 2, 0, 1)


def test_a_change_that_costs_no_more_replaces_the_one_that_waits(shop):
    day = day_in(5)
    token, made, _ = dearer(shop)
    url = page(shop, token, made)
    now = ask(shop, token, made, day, customer_info={"phone": "+4412345678"})
    assert now["pending_change"] is None
    assert (now["total_amount"], now["customer_info"]["phone"]) == (
        15, "+4412345678")
    assert shop.booked(made["franchise_id"]) == {(day, 9): 1}
    # Moved as a whole, into the hour that was held.
    ask(shop, token, made, day, last=11)
    now = ask(shop, token, made, day, 10, 11)
    assert now["pending_change"] is None and now["total_amount"] == 15
    assert shop.booked(made["franchise_id"]) == {(day, 10): 1}
    shop.pay(url)
    shop.drain()
    assert shop.refunds(made) == [("superseded", "succeeded", "15.00")]


def test_one_key_is_one_change_and_one_answer(shop):
    day, key = day_in(5), keyed()
    token, made = shop.paid_booking(shop.franchise(2), day, 9, 10)
    request = Request("PUT", path_of(made), token, {
        "end_datetime": at(day, 11)}, **key)
    answers = shop.at_once([request] * 6)
    assert {a.status for a in answers} <= {200, 409}, answers
    first = [a for a in answers if a.status == 200]
    assert first and len({a.raw for a in first}) == 1
    page(shop, token, made)
    again = shop.again(request)
    assert again.raw == first[0].raw
    assert again.headers["Idempotency-Replayed"] == "true"
    other = shop.ask("PUT", path_of(made), token, {
        "end_datetime": at(day, 12)}, **key)
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    assert len(shop.payments(made)) == 2


def test_what_the_clock_alone_has_changed_is_no_304(shop):
    day = day_in(5)
    hold_token = shop.token()
    hold = shop.book(hold_token, shop.franchise(1), day, 9, 10)
    token, made, now = dearer(shop)
    assert now["pending_change"]

    def read(whose, booking, etag):
        return shop.get(path_of(booking), whose, If_None_Match=etag)

    before = [shop.get(path_of(b), t).headers["ETag"] for t, b in ((hold_token, hold),
                                                                   (token, made))]
    assert read(hold_token, hold, before[0]).status == read(token, made, before[1]).status == 304
    shop.lapse(hold)
    shop.lapse_change(made)
    expired, dropped = read(hold_token, hold, before[0]), read(token, made, before[1])
    assert (expired.status, expired.body["status"]) == (200, "expired")
    assert (dropped.status, dropped.body["pending_change"]) == (200, None)
    # That is a state of its own, and no version of its own: nobody changed anything.
    for whose, booking, answer, old in ((hold_token, hold, expired, before[0]),
                                        (token, made, dropped, before[1])):
        etag = answer.headers["ETag"]
        assert etag != old and read(whose, booking, etag).status == 304
    for etag in (before[1], dropped.headers["ETag"]):
        ask(shop, token, made, headers={"If_Match": etag},
            customer_info={"phone": "+1 555 0100 777"})
        shop.sql("update bookings.bookings set version = version - 1 where id = %s",
                 made["booking_id"])
    ask(shop, token, made, status=412, headers={"If_Match": '"1.lapsed"'},
        customer_info={"phone": "+1 555 0100 778"})


def test_every_step_of_a_change_is_another_version(shop):
    day = day_in(5)
    token, made = shop.paid_booking(shop.franchise(3), day, 9, 10)

    def etag():
        return shop.get(path_of(made), token).headers["ETag"]
    seen = [etag()]
    for step in (lambda: ask(shop, token, made, day, last=11),
                 lambda: ask(shop, token, made, day, last=12),
                 lambda: page(shop, token, made),
                 lambda: ask(shop, token, made, day, last=10),
                 lambda: ask(shop, token, made, day, last=11),
                 lambda: shop.pay(page(shop, token, made)),
                 lambda: ask(shop, token, made, day, last=10)):
        step()
        seen.append(etag())
    assert len(set(seen)) == len(seen), seen


# ---- Stripe away, workers killed ---------------------------------------------------


def test_a_webhook_that_never_comes_is_made_good_by_reading(shop):
    token, made, _ = dearer(shop)
    url = page(shop, token, made)
    shop.sandbox.webhook_fault("*", "withhold")
    assert shop.sandbox.act(shop.session_of(url), action="pay")
    assert shop.read(token, made)["total_amount"] == 15
    shop.hurry("read")
    shop.work()
    assert shop.read(token, made)["total_amount"] == 30
    # And what comes after all changes nothing.
    shop.sandbox.lift()
    shop.sandbox.control("POST", "/webhooks/release")
    shop.sandbox.wait()
    assert shop.told(made, *EVENTS) == (1, 2, 0, 0)


def test_with_stripe_away_a_change_is_asked_for_and_paid_later(shop):
    token, made = shop.paid_booking(shop.franchise(1), day_in(5), 9, 10)
    shop.sandbox.fault(SESSIONS, "fail", saved=False, times=3)
    asked = len(shop.sandbox.requests(SESSIONS))
    now = ask(shop, token, made, day_in(5), last=11)
    assert len(shop.sandbox.requests(SESSIONS)) == asked, "Stripe was asked"
    shop.sql("update bookings.pending_changes set expires_at = now() + interval"
             " '2 minutes' where booking_id = %s", made["booking_id"])
    shop.hurry("session")
    shop.work()
    assert shop.payments(made)[1:] == [("queued", "15.00", "0.00")]
    # Its time runs from the first page on, not longer than two hours.
    assert waits(shop, made)[1] > 2000
    shop.sandbox.lift()
    shop.hurry("session")
    shop.work()
    assert shop.payments(made)[1:] == [("open", "15.00", "0.00")]
    now = shop.read(token, made)
    assert (now["payment_status"], now["total_amount"]) == ("paid", 15)
    shop.pay(page(shop, token, made))
    assert shop.read(token, made)["total_amount"] == 30


@pytest.mark.parametrize("kind", ["hang_after_effect", "drop_after_effect",
                                  "fail_after_effect"])
def test_a_charge_whose_answer_was_lost_is_found_and_applied_once(shop, kind):
    token, made, _ = dearer(shop)
    shop.sandbox.webhook_fault("*", "withhold")
    shop.sandbox.fault(INTENTS, kind, times=20 if "drop" in kind else 1)
    answer = pay_now(shop, token, made, VISA)
    assert (answer.status, answer.body["status"]) == (202, "processing")
    now = shop.read(token, made)
    assert (now["payment_status"], now["total_amount"]) == ("paid", 15)
    assert pay_now(shop, token, made, VISA).status == 409
    shop.sandbox.lift()
    shop.hurry("read")
    shop.work()
    assert shop.read(token, made)["total_amount"] == 30
    shop.sandbox.control("POST", "/webhooks/release")
    shop.sandbox.wait()
    assert shop.told(made, *EVENTS) == (1, 2, 0, 0)


def test_a_charge_whose_answer_was_lost_and_whose_change_was_replaced(shop):
    day = day_in(5)
    token, made, _ = dearer(shop, capacity=2)
    shop.sandbox.webhook_fault("*", "withhold")
    shop.sandbox.fault(INTENTS, "drop_after_effect", times=20)
    assert pay_now(shop, token, made, VISA).status == 202
    ask(shop, token, made, day, last=12)
    sent = len(shop.sandbox.requests(INTENTS))
    shop.sandbox.lift()
    shop.hurry("read")
    shop.work()
    # Looked for, not sent again.
    assert len(shop.sandbox.requests(INTENTS)) == sent
    shop.drain()
    assert shop.refunds(made) == [("superseded", "succeeded", "15.00")]
    shop.sandbox.control("POST", "/webhooks/release")
    shop.pay(page(shop, token, made))
    assert shop.read(token, made)["total_amount"] == 45


@pytest.mark.kills_workers
@pytest.mark.parametrize("match", [SESSIONS, INTENTS])
def test_killed_between_stripes_answer_and_our_commit(shop, match):
    token, made, _ = dearer(shop)
    shop.sandbox.webhook_fault("*", "withhold")
    shop.sandbox.fault(match, "hang_after_effect", times=1)
    kind = "checkout.session" if match == SESSIONS else "payment_intent"
    before = len(shop.sandbox.objects(kind))
    if match == SESSIONS:
        link = shop.read(token, made)["payment_url"].partition(
            f":{shop.port}")[2]
        request = Request("GET", link)
    else:
        request = Request("POST", path_of(made) + "/payment", token, VISA)
    # All that takes time comes before: it does not wait long for Stripe.
    workers, client = shop.workers(), Client(shop)
    client.connect()
    client.send(request)
    until(lambda: len(shop.sandbox.objects(kind)) > before, "it at Stripe")
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    assert client.receive().status == 503
    shop.sandbox.lift()
    shop.healthy()
    now = shop.read(token, made)
    assert (now["payment_status"], now["total_amount"]) == ("paid", 15)
    shop.hurry("session", "read")
    shop.work()
    if match == SESSIONS:
        shop.pay(page(shop, token, made))
    assert shop.read(token, made)["total_amount"] == 30
    assert len(shop.sandbox.objects(kind)) == before + 1
    shop.sandbox.control("POST", "/webhooks/release")
    shop.sandbox.wait()
    assert shop.told(made, *EVENTS) == (1, 2, 0, 0)


@pytest.mark.kills_workers
@pytest.mark.parametrize("last", [11, 10], ids=["dearer", "cheaper"])
def test_a_change_whose_worker_is_killed_is_found_under_its_key(shop, last):
    """It may have been done, or not: in the end it is done once."""
    day, house = day_in(5), shop.franchise(2)
    token, made = shop.paid_booking(house, day, 9, 10 if last == 11 else 11)
    request = Request("PUT", path_of(made), token, {
        "end_datetime": at(day, last)}, **keyed())
    answers = []
    for _ in range(3):
        client = Client(shop)
        client.connect()
        client.send(request)
        for worker in shop.workers():
            os.kill(worker, signal.SIGKILL)
        try:
            answers.append(client.receive())
        finally:
            client.close()
        shop.healthy()
    final = shop.again(request)
    assert final.status == 200, final
    assert {a.raw for a in answers if a.status == 200} <= {final.raw}
    if last == 11:
        assert len(shop.payments(made)) == 2
        assert shop.read(token, made)["pending_change"]["amount_due"] == 15
    else:
        assert shop.refunds(made) == [("price_down", "queued", "15.00")]
        assert shop.told(made, "BookingModified") == (1,)


# ---- answers of Postgres that are lost ----------------------------------------------


@pytest.fixture(scope="module")
def lossy(tmp_path_factory):
    """(shop, the road to Postgres on which its pool's answers can be lost)."""
    shop = Shop(tmp_path_factory.mktemp("lossy"), watch=False, API_WORKERS=1)
    with on_a_road(shop) as road:
        yield shop, road
        shop.drain()
        shop.books()


@pytest.mark.parametrize("key", [True, False], ids=["key", "no_key"])
def test_a_change_whose_answer_is_lost_is_looked_for_and_made_once(lossy, key):
    shop, road = lossy
    day, house = day_in(5), shop.franchise(3)
    token, made = shop.paid_booking(house, day, 9, 10)
    steps = [("booking_propose", 11), ("booking_propose", 12),
             ("booking_end_change", 10), ("booking_propose", 11)]
    for number, (statement, last) in enumerate(steps):
        headers = keyed() if key else {}
        etag = shop.get(path_of(made), token).headers["ETag"]
        road.lose(statement)
        answer = shop.ask("PUT", path_of(made), token, {
            "end_datetime": at(day, last)}, If_Match=etag, **headers)
        assert road.lost == 1
        assert answer.status == 200, answer
        assert int(answer.headers["ETag"].strip('"')) == \
            int(etag.strip('"')) + 1, "done twice"
        assert answer.body == shop.read(token, made)
        change = answer.body["pending_change"]
        assert change is None if last == 10 else (
            change["end_datetime"] == at(day, last))
        if key:
            again = shop.ask("PUT", path_of(made), token, {
                "end_datetime": at(day, last)}, If_Match=etag, **headers)
            assert again.headers["Idempotency-Replayed"] == "true"
            assert again.body["pending_change"] == change
    assert len(shop.payments(made)) == 4
    # The money lands, and the answer to that is lost.
    url = page(shop, token, made)
    road.lose("payment_apply")
    shop.pay(url)
    assert road.lost == 1
    assert shop.read(token, made)["total_amount"] == 30
    # Cheaper again: one refund.
    road.lose("booking_change")
    assert ask(shop, token, made, day, last=10, headers=keyed() if key else {})[
        "refunded_amount"] == 15
    assert road.lost == 1
    shop.drain()
    assert shop.refunds(made) == [("price_down", "succeeded", "15.00")]
    assert shop.told(made, *EVENTS) == (2, 2, 0, 1)
    # And a lapsed change that another drops on its way.
    ask(shop, token, made, day, last=11)
    for _ in range(2):
        shop.book(shop.token(), house, day, 10, 11)
    shop.lapse_change(made)
    road.lose("booking_end_change")
    assert other_wants(shop, made, day, 10, 11).status == 201
    assert road.lost == 1 and waits(shop, made) is None
    assert shop.booked(house)[(day, 10)] == 3


# ---- cheaper -----------------------------------------------------------------------


@pytest.mark.parametrize("days, back", [(5, 15), (2, 7.5), (1, 0)])
def test_a_cheaper_change_takes_effect_at_once_and_pays_its_share(shop, days,
                                                                  back):
    day, house, key = day_in(days), shop.franchise(1), keyed()
    # Tomorrow's first hours are less than a day away.
    token, made = shop.paid_booking(house, day, 0, 3)
    answer = shop.ask("PUT", path_of(made), token, {
        "end_datetime": at(day, 2)}, **key)
    assert answer.status == 200, answer
    now = answer.body
    assert (now["status"], now["total_amount"]) == ("confirmed", 30)
    assert (now["paid_amount"], now["refunded_amount"]) == (45, back)
    assert now["payment_status"] == ("partially_refunded" if back else "paid")
    assert now["pending_change"] is None and now["payment_url"] is None
    assert shop.read(token, made) == now
    assert shop.refunds(made) == (
        [("price_down", "queued", f"{back:.2f}")] if back else [])
    assert shop.booked(house) == {(day, 0): 1, (day, 1): 1}
    assert shop.ask("PUT", path_of(made), token, {
        "end_datetime": at(day, 2)}, **key).raw == answer.raw
    shop.drain()
    assert shop.told(made, *EVENTS) == (1, 1, 0, 1 if back else 0)
    quote = shop.get(path_of(made) + "/cancellation-quote", token).body
    # In all it is what cancelling at first would have given.
    percent = {5: 1, 2: .5, 1: 0}[days]
    assert quote["refund_amount"] == 45 * percent - back
    gone = shop.ask("DELETE", path_of(made), token, {
        "expected_refund": quote["refund_amount"]})
    assert gone.status == 200, gone
    shop.drain()
    assert sum(float(amount) for _, _, amount in shop.refunds(made)) == \
        45 * percent


def with_fee(shop, fee):
    house = shop.franchise(2)
    shop.sql("update franchises.franchises set cancel_fee = %s where id = %s",
             fee, house)
    return house


def test_the_fee_is_taken_once_and_not_evaded_by_shrinking(shop):
    day = day_in(5)
    token, made = shop.paid_booking(with_fee(shop, 20), day, 9, 17)
    assert ask(shop, token, made, day, last=16)["refunded_amount"] == 15
    quote = shop.get(path_of(made) + "/cancellation-quote", token).body
    assert quote["refund_amount"] == 85
    # To an hour: what cancelling gives, and no more.
    assert ask(shop, token, made, day, last=10)["refunded_amount"] == 100
    assert shop.cancel(token, made)["refund_amount"] == 0
    shop.drain()
    assert shop.refunds(made) == [("price_down", "succeeded", "15.00"),
                                  ("price_down", "succeeded", "85.00")]


def test_what_was_paid_in_parts_goes_back_newest_first(shop):
    """Ten payments, more than a handful."""
    day, house = day_in(5), shop.franchise(1)
    token, made = shop.paid_booking(house, day, 0, 1)
    for last in range(2, 12):
        ask(shop, token, made, day, last=last)
        assert pay_now(shop, token, made, VISA).status == 200
    assert shop.read(token, made)["paid_amount"] == 165
    now = ask(shop, token, made, day, last=9)
    assert now["refunded_amount"] == 30
    paid = [p for p in shop.payments(made) if p[0] == "succeeded"]
    assert [p[2] for p in paid] == ["0.00"] * 9 + ["15.00"] * 2
    shop.drain()
    quote = shop.get(path_of(made) + "/cancellation-quote", token).body
    assert (quote["paid_amount"], quote["refunded_amount"],
            quote["refund_amount"]) == (165, 30, 135)
    assert shop.cancel(token, made)["refund_amount"] == 135
    shop.drain()
    assert {p[2] for p in shop.payments(made) if p[0] == "succeeded"} == {
        "15.00"}
    assert shop.read(token, made)["payment_status"] == "refunded"


def test_moving_away_does_not_improve_the_tier(shop):
    day = day_in(2)  # half comes back
    token, made = shop.paid_booking(shop.franchise(1), day, 0, 4)
    # Dearer and far away: the tier of the moment it was asked for.
    ask(shop, token, made, day_in(20), 0, 6)
    quote = shop.get(path_of(made) + "/cancellation-quote", token).body
    assert (quote["refund_percent"], quote["refund_amount"]) == (50, 30)
    shop.pay(page(shop, token, made))
    quote = shop.get(path_of(made) + "/cancellation-quote", token).body
    assert (quote["refund_percent"], quote["refund_amount"]) == (50, 45)
    # Cheaper, from there: half of the difference.
    assert ask(shop, token, made, day_in(20), last=2)["refunded_amount"] == 30
    assert shop.cancel(token, made)["refund_amount"] == 15
    shop.drain()


def test_an_equal_price_moves_no_money(shop):
    day = day_in(5)
    token, made = shop.paid_booking(shop.franchise(1), day, 9, 10)
    now = ask(shop, token, made, day_in(6), 12, 13)
    assert (now["total_amount"], now["paid_amount"], now["refunded_amount"]) == (
        15, 15, 0)
    assert now["pending_change"] is None
    assert shop.payments(made) == [("succeeded", "15.00", "0.00")]
    assert shop.told(made, *EVENTS) == (1, 1, 0, 0)


def test_cheaper_and_cancelled_at_once_pay_back_what_the_rule_says(shop):
    day, house = day_in(5), with_fee(shop, 20)
    shop.sql("update franchises.franchises set max_capacity = 20 where id = %s",
             house)
    for _ in range(6):
        token, made = shop.paid_booking(house, day, 9, 17)
        answers = shop.at_once([
            Request("PUT", path_of(made), token, {"end_datetime": at(day, 12)}),
            Request("PUT", path_of(made), token, {"end_datetime": at(day, 10)}),
            Request("DELETE", path_of(made), token)])
        assert answers[2].status == 200, answers
        assert {a.status for a in answers[:2]} <= {200, 409}, answers
        shop.drain()
        assert sum(float(a) for _, _, a in shop.refunds(made)) == 100
        assert shop.read(token, made)["status"] == "cancelled"
    assert shop.booked(house) == {}


# ---- the franchise -----------------------------------------------------------------


def test_a_day_is_not_closed_while_a_change_to_it_waits(shop):
    day, house = day_in(8), shop.franchise(1)
    token, made = shop.paid_booking(house, day_in(7), 9, 10)
    ask(shop, token, made, day, 9, 11)
    shop.run("franchise", "close-day", house, str(day), status=1)
    assert waits(shop, made)
    # One that has lapsed does not keep it open.
    shop.lapse_change(made)
    shop.run("franchise", "close-day", house, str(day))
    assert waits(shop, made) is None
    assert shop.read(token, made)["start_datetime"] == at(day_in(7), 9)
