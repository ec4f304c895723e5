"""test_made_good.py: money that is owed stays owed until it went back, and none is
taken that nobody should pay: beside Stripe's sandbox, whose books must agree."""

import pathlib
import sys
import time
import uuid

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from live import V1, at, booking_body, day_in  # noqa: E402
from shop import Shop  # noqa: E402
from test_changes import ask, move, path_of, shared, shop  # noqa: E402,F401


def quarrel(shop):
    """(token, a booking of 120.00, its first session's page, its third's): the
    price went down and up again, and nobody has closed the first yet."""
    token, day = shop.token(), day_in(5)
    made = shop.book(token, shop.franchise(3), day, 0, 8)
    shop.change(token, made, end_datetime=at(day, 4))
    whole = shop.change(token, made, end_datetime=at(day, 8)).body
    return token, made, made["payment_url"], whole["payment_url"]


def quote(shop, token, made):
    """(paid, gone back, what a cancellation would give), as the API tells."""
    told = shop.get(path_of(made) + "/cancellation-quote", token).body
    return told["paid_amount"], told["refunded_amount"], told["refund_amount"]


def bank_returns_it(shop, made):
    """What was sent back of it comes again: the card's account is closed."""
    shop.drain()
    for refund, in shop.sql("select stripe_refund_id from payments.refunds where booking_id = %s"
                            " and refund_status = 'succeeded'", made["booking_id"]):
        shop.sandbox.control("POST", f"/refunds/{refund}", {"status": "failed"})
    shop.sandbox.wait()


def paid_twice(shop, right_first=True):
    """(token, a booking of 120.00 that was paid twice; the bank returned the
    refund of the second)."""
    token, made, first, last = quarrel(shop)
    pages = (last, first) if right_first else (first, last)
    shop.pay(pages[0])
    shop.pay(pages[1])
    bank_returns_it(shop, made)
    assert shop.refunds(made) == [("duplicate", "failed", "120.00")]
    return token, made


# ---- what is owed ---------------------------------------------------------------------

def test_what_staff_sends_back_of_a_second_payment_is_not_the_bookings(shop):
    token, made = paid_twice(shop)
    assert quote(shop, token, made) == (120, 0, 120)
    second = shop.one("select payment_id from payments.refunds where booking_id = %s",
                      made["booking_id"])
    shop.run("payments", "refund", str(second))
    shop.sandbox.lift()
    now = shop.read(token, made)
    assert (now["status"], now["payment_status"], now["paid_amount"], now["refunded_amount"]) == (
        "confirmed", "paid", 120, 0)
    assert quote(shop, token, made) == (120, 0, 120)
    assert shop.cancel(token, made)["refund_amount"] == 120


@pytest.mark.parametrize("right_first", [True, False])
def test_a_cancellation_leaves_the_second_payment_owed(shop, right_first):
    token, made = paid_twice(shop, right_first)
    assert shop.cancel(token, made)["refund_amount"] == 120
    shop.drain()
    assert ("cancelled", "succeeded", "120.00") in shop.refunds(made)
    told = shop.run("verify", status=None)
    assert made["booking_id"] in told and "120.00" in told


def test_a_refund_that_failed_is_not_made_good_by_one_for_something_else(shop):
    token, day = shop.token(), day_in(5)
    made = shop.book(token, shop.franchise(1), day, 9, 13)
    shop.pay(made["payment_url"])
    ask(shop, token, made, day, last=12)
    bank_returns_it(shop, made)
    assert shop.refunds(made) == [("price_down", "failed", "15.00")]
    owed = shop.run("verify", status=None)
    assert made["booking_id"] in owed
    ask(shop, token, made, day, last=11)
    assert shop.run("verify", status=None).count(made["booking_id"]) == owed.count(
        made["booking_id"])


def test_a_cancellation_before_a_refund_failed_does_not_make_it_good(shop):
    token, day = shop.token(), day_in(5)
    made = shop.book(token, shop.franchise(1), day, 9, 13)
    shop.pay(made["payment_url"])
    ask(shop, token, made, day, last=12)
    assert shop.cancel(token, made)["refund_amount"] == 45  # besides the 15
    shop.drain()
    refund = shop.one("select stripe_refund_id from payments.refunds where booking_id = %s and"
                      " reason = 'price_down'", made["booking_id"])
    shop.sandbox.control("POST", f"/refunds/{refund}", {"status": "failed"})
    shop.sandbox.wait()
    assert ("price_down", "failed", "15.00") in shop.refunds(made)
    told = shop.run("verify", status=None)
    assert made["booking_id"] in told and "15.00" in told
    # Staff sends it again: now it is good.
    payment = shop.one("select id from payments.payments where booking_id = %s and"
                       " payment_status = 'succeeded'", made["booking_id"])
    shop.run("payments", "refund", str(payment))
    assert made["booking_id"] not in shop.run("verify", status=None)


# ---- what must not be taken --------------------------------------------------------------

def quarter(shop):
    """A booking of a quarter of an hour, not paid yet."""
    house, token, day = shop.franchise(2, rate="20.00"), shop.token(), day_in(5)
    shop.sql("update franchises.franchises set slot_minutes = 15 where id = %s", house)
    made = shop.ask("POST", f"{V1}/bookings", token, {
        **booking_body(house, day, 9, 10), "end_datetime": f"{day}T09:15:00Z"})
    assert made.status == 201, made
    return token, made.body


def is_over(shop, made):
    """As if its time had passed, its hold not yet."""
    move(shop, made, shop.one(
        "select extract(epoch from now() - end_datetime)::int - 60 from bookings.bookings"
        " where id = %s", made["booking_id"]))


def test_a_hold_ends_with_the_booking_at_the_latest(shop):
    house, token = shop.franchise(2, rate="20.00"), shop.token()
    shop.sql("update franchises.franchises set slot_minutes = 15, open_time = '00:00',"
             " close_time = '24:00', lead_minutes = 0 where id = %s", house)
    # A minute away at least: it does not begin before it is booked.
    start, = shop.sql("select date_bin('15 minutes', now() + interval '1 minute',"
                      " timestamptz '2020-01-01') + interval '15 minutes'")[0]
    end = start.timestamp() + 900
    wanted = {"start_datetime": start.strftime("%Y-%m-%dT%H:%M:%SZ"),
              "end_datetime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end))}
    made = shop.ask("POST", f"{V1}/bookings", token, {
        **booking_body(house, day_in(0), 9, 10), **wanted})
    assert made.status == 201, made
    assert made.body["hold_expires_at"] <= wanted["end_datetime"]


def test_no_hold_can_be_written_beyond_its_booking(shop):
    _, made = quarter(shop)
    before = shop.one("select end_datetime from bookings.bookings where id = %s",
                      made["booking_id"])
    shop.sql("update bookings.bookings set hold_expires_at = end_datetime + interval '1 hour'"
             " where id = %s", made["booking_id"])
    assert shop.one("select hold_expires_at from bookings.bookings where id = %s",
                    made["booking_id"]) == before


def test_nothing_is_taken_for_hours_that_are_over(shop):
    token, made = quarter(shop)
    is_over(shop, made)
    link = shop.link(token, made)
    assert link.status != 303 and b"over" in link.raw
    direct = shop.ask("POST", path_of(made) + "/payment", token, {"payment_method": "pm_card_visa"})
    assert direct.status == 409, direct
    # A page that stands open still takes it: it goes back.
    shop.pay(made["payment_url"])
    shop.drain()
    assert shop.refunds(made) == [("late", "succeeded", "5.00")]
    assert shop.read(token, made)["status"] != "confirmed"


def test_a_page_is_closed_when_its_booking_is_free_by_now(shop):
    day, house, token = day_in(5), shop.franchise(2, rate="0"), shop.token()
    shop.sql("update franchises.franchises set peak_hour_rate = 20 where id = %s", house)
    shop.sql("insert into franchises.peak_windows values (%s, '{1,2,3,4,5,6,7}', '12:00',"
             " '14:00')", house)
    made = shop.book(token, house, day, 12, 13)
    assert ask(shop, token, made, day, 9, 10)["status"] == "confirmed"
    assert shop.one("select payment_status from payments.payments where booking_id = %s",
                    made["booking_id"]) == "superseded"
    shop.drain()
    page = shop.sandbox.objects("checkout.session")[shop.session_of(made["payment_url"])]
    assert page["status"] == "expired"


def test_the_other_page_is_closed_when_an_old_one_was_paid(shop):
    token, made, first, last = quarrel(shop)
    shop.pay(first)
    assert shop.read(token, made)["status"] == "confirmed"
    shop.drain()
    assert shop.sandbox.objects("checkout.session")[shop.session_of(last)]["status"] == "expired"
    assert shop.refunds(made) == []


def test_late_money_takes_the_places_of_a_hold_that_lapsed_too(shop):
    house, day, token = shop.franchise(1), day_in(5), shop.token()
    made = shop.book(token, house, day, 9, 10)
    shop.lapse(made)
    other = shop.book(shop.token(), house, day, 9, 10)
    shop.lapse(other)
    shop.pay(made["payment_url"])
    assert shop.read(token, made)["status"] == "confirmed"
    assert shop.refunds(made) == []
    shop.sandbox.lift()
    shop.drain()
