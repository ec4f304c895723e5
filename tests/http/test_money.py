"""What a cancellation pays back."""
import datetime

import pytest

from product import DEMO, instant, parse_instant


def ahead(hours):
    """A full or half hour so far away, and a quarter to three quarters of one more: it is
    so for the quarter of an hour to come, however slow the machine."""
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(
        hours=hours, minutes=45)
    return soon.replace(minute=soon.minute // 30 * 30, second=0, microsecond=0)


@pytest.fixture
def always_open(world):
    """Never closed, with the fee of the customer's own example."""
    return world.franchise(open_time="00:00", close_time="24:00", slot_minutes=30, cancel_fee=20)


def paid(world, me, house, hours, length=2, amount=None):
    start = ahead(hours)
    midnight = start.replace(hour=0, minute=0) + datetime.timedelta(days=1)
    body = world.booking(house)
    # Not over midnight: a stay lies within one day.
    body.update(start_datetime=instant(start), end_datetime=instant(min(
        start + datetime.timedelta(hours=length), midnight)))
    made = me.book(body).ok(201)
    world.pay(made["booking_id"], amount)
    return made["booking_id"]


def test_the_customers_own_example_pays_100_of_120_back(world):
    me = world.customer()
    made = me.book(world.booking(DEMO % 1)).ok(201)
    world.pay(made["booking_id"])
    quote = me.quote(made["booking_id"]).ok()
    assert {k: str(quote[k]) for k in ("paid_amount", "refunded_amount", "refund_percent",
                                       "cancellation_fee", "refund_amount", "hours_before")} == {
        "paid_amount": "120.00", "refunded_amount": "0.00", "refund_percent": "100",
        "cancellation_fee": "20.00", "refund_amount": "100.00", "hours_before": "48"}
    assert quote["policy"] == [{"hours_before": 48, "refund_percent": 100},
                               {"hours_before": 24, "refund_percent": 50}]
    gone = me.cancel(made["booking_id"], body={"reason": "Customer request",
                                               "expected_refund": 100.00}).ok()
    assert str(gone["refund_amount"]) == "100.00"
    facts, = world.sql("select facts from bookings.outbox where booking_id = %s and"
                       " type = 'BookingCancelled'", made["booking_id"])[0]
    assert facts["refund_amount"] == 100
    assert str(me.read(made["booking_id"])["refund_amount"]) == "100.00"


@pytest.mark.parametrize("hours, amount, percent, refund", [
    (48, "120.00", 100, "100.00"), (47, "120.00", 50, "40.00"), (24, "120.00", 50, "40.00"),
    (23, "120.00", 0, "0.00"), (1, "120.00", 0, "0.00"),
    (30, "30.00", 50, "0.00"),       # the fee eats it, and no more
    (72, "20.01", 100, "0.01"), (30, "99.99", 50, "29.99"),  # rounded down
])
def test_the_refund_is_a_share_less_the_fee(world, always_open, hours, amount, percent, refund):
    me = world.customer()
    booking = paid(world, me, always_open, hours, amount=amount)
    quote = me.quote(booking).ok()
    assert (quote["refund_percent"], str(quote["refund_amount"])) == (percent, refund)
    if percent:
        left = datetime.datetime.fromisoformat(quote["valid_until"].replace("Z", "+00:00"))
        start = me.read(booking)["start_datetime"]
        assert datetime.datetime.fromisoformat(start.replace("Z", "+00:00")) - left == \
            datetime.timedelta(hours=quote["hours_before"])
    else:
        assert quote["hours_before"] is None and quote["valid_until"] is None
    assert str(me.cancel(booking, params={"expected_refund": refund}).ok()["refund_amount"]) == refund


def test_what_was_paid_back_already_is_taken_off(world, always_open):
    me = world.customer()
    booking = paid(world, me, always_open, 100, amount=120)
    world.refund(booking, 70)
    quote = me.quote(booking).ok()
    assert (str(quote["refunded_amount"]), str(quote["refund_amount"])) == ("70.00", "30.00")


def test_a_refund_that_no_longer_holds_cancels_nothing(world, always_open):
    me = world.customer()
    booking = paid(world, me, always_open, 100, amount=120)
    before = world.counts()
    for sent in ({"body": {"expected_refund": 120}}, {"params": {"expected_refund": "99.99"}},
                 {"body": {"expected_refund": 0}}):
        refused = me.cancel(booking, **sent).problem(409, "refund_changed")
        assert "100.00 USD" in refused["detail"]
    assert world.counts() == before
    assert me.read(booking)["status"] == "confirmed"
    me.cancel(booking, body={"expected_refund": 100}).ok()


def test_a_move_away_does_not_win_back_a_lost_refund(world, always_open):
    me = world.customer()
    booking = paid(world, me, always_open, 30, length=1, amount=15)
    assert me.quote(booking).ok()["refund_percent"] == 50
    was = me.read(booking)
    stay = parse_instant(was["end_datetime"]) - parse_instant(was["start_datetime"])
    start = ahead(200).replace(hour=9)
    me.change(booking, {"start_datetime": instant(start),
                        "end_datetime": instant(start + stay)}).ok()
    assert me.quote(booking).ok()["refund_percent"] == 50


def test_an_unpaid_booking_pays_nothing_back(world, always_open):
    me = world.customer()
    made = me.book(world.booking(always_open)).ok(201)
    assert str(me.quote(made["booking_id"]).ok()["refund_amount"]) == "0.00"
    assert str(me.cancel(made["booking_id"], body={"expected_refund": 0.0}).ok()["refund_amount"]) == "0.00"


def test_a_cancelled_booking_has_no_quote(world, always_open):
    me = world.customer()
    made = me.book(world.booking(always_open)).ok(201)
    me.cancel(made["booking_id"]).ok()
    me.quote(made["booking_id"]).problem(409, "state_conflict")


def test_the_policy_is_the_one_of_the_day_it_was_booked(world):
    house = world.franchise(cancel_hours=[48], cancel_percent=[80], cancel_fee=0)
    me = world.customer()
    made = me.book(world.booking(house)).ok(201)
    world.pay(made["booking_id"])
    world.sql("update franchises.franchises set cancel_percent = '{10}', cancel_fee = 50,"
              " version = version + 1 where id = %s", house)
    world.forget()
    quote = me.quote(made["booking_id"]).ok()
    assert (quote["refund_percent"], str(quote["refund_amount"])) == (80, "96.00")
    franchise = me.get(f"/api/v1/franchises/{house}").ok()
    assert franchise["cancellation_policy"] == [{"hours_before": 48, "refund_percent": 10}]
