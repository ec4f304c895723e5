"""test_refunds_refused.py: a refund that Stripe will not make, or failed at, is not
called made: it is tried where it can be, else it is owed, and staff can send it."""

import pathlib
import re
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from live import at, day_in  # noqa: E402
from relays import Relay  # noqa: E402
from shop import Shop  # noqa: E402

REFUNDS = "POST /v1/refunds"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    shop = Shop(tmp_path_factory.mktemp("refused"), watch=False)
    try:
        yield shop.start()
    finally:
        shop.reset()


@pytest.fixture
def shop(whole):
    yield whole
    whole.sandbox.lift()
    whole.drain()


@pytest.fixture
def paid(shop):
    """(token, a booking of 120.00 that was paid)."""
    return shop.paid_booking(shop.franchise(2), day_in(5), 9, 17)


def payment_of(shop, made):
    return str(shop.one("select id from payments.payments where booking_id = %s and"
                        " payment_status = 'succeeded'", made["booking_id"]))


def disputed(shop, made):
    """Its charge is; Stripe then sends nothing back.  The dispute's id."""
    intent = shop.one("select stripe_payment_id from payments.payments where booking_id = %s",
                      made["booking_id"])
    charge = shop.sandbox.objects("payment_intent")[intent]["latest_charge"]
    made = shop.sandbox.control("POST", f"/charges/{charge}/dispute")
    shop.sandbox.wait()
    return made["id"]


def work(shop, times=1):
    told = []
    for _ in range(times):
        shop.hurry("refund", "refunds")
        told.append(shop.run("payments", "work", status=None))
    return told


def test_a_refund_that_stripe_refuses_is_owed_and_staff_can_send_it(shop, paid):
    token, made = paid
    dispute = disputed(shop, made)
    assert shop.cancel(token, made)["refund_amount"] == 120
    work(shop, 2)
    assert shop.refunds(made) == [("cancelled", "failed", "120.00")]
    now = shop.read(token, made)
    assert (now["status"], now["refunded_amount"]) == ("cancelled", 0)
    assert now["payment_status"] != "refunded"
    told = shop.run("verify")
    assert made["booking_id"] in told and "120.00" in told and "charge_disputed" in told
    # It is settled: nothing is due or dead, and Stripe is not asked in circles.
    asked = len(shop.sandbox.requests(REFUNDS))
    work(shop)
    assert len(shop.sandbox.requests(REFUNDS)) == asked
    assert shop.one("select count(*) from bookings.outbox where booking_id = %s and topic ="
                    " 'payments' and type = 'refund' and sent_at is null", made["booking_id"]) == 0

    shop.sandbox.control("POST", f"/disputes/{dispute}", {"status": "won"})
    shop.sandbox.wait()
    shop.run("payments", "refund", payment_of(shop, made))
    work(shop)
    assert shop.refunds(made) == [("cancelled", "failed", "120.00"), ("staff", "succeeded", "120.00")]
    assert shop.told(made, "RefundProcessed") == (1,)
    now = shop.read(token, made)
    assert (now["payment_status"], now["refunded_amount"]) == ("refunded", 120)
    assert made["booking_id"] not in shop.run("verify", status=None)


def ages(shop, made, minutes):
    """It is that long since it was first asked for under the key of now."""
    shop.sql("update payments.refunds set key_since = now() - make_interval(mins => %s),"
             " created_at = least(created_at, now() - make_interval(mins => %s))"
             " where booking_id = %s", minutes, minutes, made["booking_id"])


def sent(shop, made):
    """What Stripe sent back of it."""
    return [r["amount"] for r in shop.sandbox.objects("refund").values()
            if r["metadata"].get("booking_id") == made["booking_id"]]


def keys(shop, made):
    """Under which keys it was asked for."""
    return {r["idempotency_key"] for r in shop.sandbox.requests(REFUNDS)
            if r["params"].get("metadata", {}).get("booking_id") == made["booking_id"]}


def test_a_refund_that_failed_inside_stripe_is_made_under_another_key(shop, paid):
    token, made = paid
    shop.sandbox.fault(REFUNDS, "fail", times=1)  # kept under the key, and given again
    shop.cancel(token, made)
    for minutes in (0, 1, 2):  # not before it must be on the list
        ages(shop, made, minutes)
        work(shop, 2)
        assert shop.refunds(made) == [("cancelled", "queued", "120.00")]
    assert len(keys(shop, made)) == 1
    ages(shop, made, 4)
    work(shop, 2)
    assert shop.refunds(made) == [("cancelled", "succeeded", "120.00")]
    assert len(keys(shop, made)) == 2 and sent(shop, made) == [12000]
    shop.sandbox.wait()
    assert shop.told(made, "RefundProcessed") == (1,)


def test_a_refund_that_nobody_answers_keeps_its_key(shop, paid):
    """It may be made yet: only a failure that is kept is the end of a key."""
    token, made = paid
    shop.sandbox.fault(REFUNDS, "drop")
    shop.cancel(token, made)
    for minutes in (0, 10, 60 * 11):
        ages(shop, made, minutes)
        work(shop)
    assert len(keys(shop, made)) == 1 and sent(shop, made) == []
    shop.sandbox.lift()
    work(shop)
    assert shop.refunds(made) == [("cancelled", "succeeded", "120.00")]
    assert len(keys(shop, made)) == 1 and sent(shop, made) == [12000]


@pytest.mark.parametrize("minutes", [0, 4, 60 * 30])
@pytest.mark.parametrize("kind", ["fail_after_effect", "drop_after_effect"])
def test_a_refund_that_was_made_all_the_same_is_not_made_again(shop, paid, kind, minutes):
    token, made = paid
    shop.sandbox.webhook_fault("*", "withhold")
    shop.sandbox.fault(REFUNDS, kind, times=1)
    shop.sandbox.fault("GET /v1/refunds", "fail", times=1)  # nor seen at once
    shop.cancel(token, made)
    work(shop)
    assert shop.refunds(made) == [("cancelled", "queued", "120.00")]
    ages(shop, made, minutes)
    work(shop, 2)
    assert shop.refunds(made) == [("cancelled", "succeeded", "120.00")]
    assert sent(shop, made) == [12000]


def test_a_refund_waits_for_money_on_the_balance(shop, paid):
    token, made = paid
    shop.sandbox.fault(REFUNDS, "refuse", code="balance_insufficient")
    shop.cancel(token, made)
    for minutes in (0, 4, 4):
        ages(shop, made, minutes)
        work(shop)
        assert shop.refunds(made) == [("cancelled", "queued", "120.00")]
    shop.sandbox.lift()
    ages(shop, made, 4)
    work(shop, 2)
    assert shop.refunds(made) == [("cancelled", "succeeded", "120.00")]
    assert sent(shop, made) == [12000]


def test_a_refund_during_a_long_outage_is_made_when_it_ends(shop, paid):
    token, made = paid
    shop.sandbox.fault(REFUNDS, "fail")
    shop.cancel(token, made)
    for _ in range(12):
        ages(shop, made, 4)
        work(shop)
    assert sent(shop, made) == [] and 3 < len(keys(shop, made)) <= 12
    shop.sandbox.lift()
    ages(shop, made, 4)
    work(shop, 2)
    assert shop.refunds(made) == [("cancelled", "succeeded", "120.00")]
    assert sent(shop, made) == [12000]


def test_what_a_refund_is_refused_for_may_be_mended_for_a_few_tries(shop, paid):
    token, made = paid
    shop.sandbox.fault(REFUNDS, "refuse", code="a_new_code", saved=False)
    shop.cancel(token, made)
    work(shop)
    assert shop.refunds(made) == [("cancelled", "queued", "120.00")]
    last_try(shop, made)
    assert shop.refunds(made) == [("cancelled", "failed", "120.00")]
    assert shop.one("select count(*) from bookings.outbox where booking_id = %s and"
                    " (dead_at is not null or type = 'refund' and sent_at is null)",
                    made["booking_id"]) == 0
    assert "a_new_code" in shop.run("verify")
    shop.sandbox.lift()
    shop.run("payments", "refund", payment_of(shop, made))
    work(shop)
    assert made["booking_id"] not in shop.run("verify")


def last_try(shop, made):
    """RELAY_RETRIES are used up.  How many a run takes is chance: the next is due at
    random, perhaps at once."""
    shop.sql("update bookings.outbox set attempts = 5 where booking_id = %s and type = 'refund'",
             made["booking_id"])
    work(shop)


def owed(shop, made):
    """What verify says is owed of it."""
    lines = [line for line in shop.run("verify").splitlines() if made["booking_id"] in line]
    return [re.search(r"(\d+\.\d\d) [A-Z]{3}", line)[1] for line in lines]


def test_what_was_refused_twice_is_owed_once(shop, paid):
    token, made = paid
    dispute = disputed(shop, made)
    shop.cancel(token, made)
    work(shop, 2)
    assert owed(shop, made) == ["120.00"]
    shop.run("payments", "refund", payment_of(shop, made))  # too early
    work(shop, 2)
    assert shop.refunds(made) == [("cancelled", "failed", "120.00"), ("staff", "failed", "120.00")]
    assert owed(shop, made) == ["120.00"]
    shop.sandbox.control("POST", f"/disputes/{dispute}", {"status": "won"})
    shop.sandbox.wait()
    shop.run("payments", "refund", payment_of(shop, made), "--amount", "50.00")
    work(shop)
    assert owed(shop, made) == ["70.00"]
    shop.run("payments", "refund", payment_of(shop, made))
    work(shop)
    assert owed(shop, made) == []


def test_what_the_bank_has_taken_back_is_owed_no_more(shop, paid):
    token, made = paid
    dispute = disputed(shop, made)
    shop.cancel(token, made)
    work(shop, 2)
    assert owed(shop, made) == ["120.00"]
    shop.sandbox.control("POST", f"/disputes/{dispute}", {"status": "lost"})
    shop.sandbox.wait()
    assert owed(shop, made) == []


def staff_sends(shop, made, amount):
    shop.run("payments", "refund", payment_of(shop, made), "--amount", amount)
    work(shop)


def bank_returns(shop, made, *amounts):
    """Refunds of these amounts come back: the card's account is closed."""
    for amount in amounts:
        for refund in shop.sandbox.objects("refund").values():
            if refund["metadata"].get("booking_id") == made["booking_id"] and \
                    refund["amount"] == amount:
                shop.sandbox.control("POST", f"/refunds/{refund['id']}", {"status": "failed"})
        shop.sandbox.wait()


def test_what_comes_back_of_several_refunds_is_owed_together(shop, paid):
    token, made = paid
    staff_sends(shop, made, "30.00")
    staff_sends(shop, made, "20.00")
    bank_returns(shop, made, 3000)
    assert owed(shop, made) == ["30.00"]
    bank_returns(shop, made, 2000)
    assert owed(shop, made) == ["50.00"]
    assert shop.cancel(token, made)["refund_amount"] == 120  # what came back is there
    work(shop)
    assert owed(shop, made) == []
    bank_returns(shop, made, 12000)
    assert owed(shop, made) == ["120.00"]


def test_what_comes_back_of_goodwill_and_cancellation_is_all_that_was_paid(shop, paid):
    token, made = paid
    staff_sends(shop, made, "30.00")
    assert shop.cancel(token, made)["refund_amount"] == 90
    work(shop)
    bank_returns(shop, made, 9000, 3000)
    assert owed(shop, made) == ["120.00"]


def test_what_lands_after_a_cancellation_makes_no_other_refund_good(shop, paid):
    token, made = paid
    change = shop.change(token, made, end_datetime=at(day_in(5), 19))
    assert change.body["pending_change"]["amount_due"] == 30
    page = shop.link(token, made).headers["Location"]
    shop.sandbox.fault("POST /v1/checkout/sessions/*", "refuse", code="lock_timeout", times=100)
    assert shop.cancel(token, made)["refund_amount"] == 120
    work(shop)
    bank_returns(shop, made, 12000)
    assert owed(shop, made) == ["120.00"]
    shop.pay(page)
    work(shop)
    assert shop.refunds(made) == [("cancelled", "failed", "120.00"),
                                  ("cancelled", "succeeded", "30.00")]
    assert owed(shop, made) == ["120.00"]
    bank_returns(shop, made, 3000)
    assert owed(shop, made) == ["150.00"]


@pytest.mark.parametrize("goodwill", ["stands", "comes back"])
def test_however_goodwill_went_a_cancellation_by_half_leaves_half(shop, paid, goodwill):
    token, made = paid
    shop.sql("update bookings.bookings set cancel_hours = '{0}', cancel_percent = '{50}',"
             " cancel_fee = 0 where id = %s", made["booking_id"])
    staff_sends(shop, made, "30.00")
    if goodwill == "comes back":
        bank_returns(shop, made, 3000)
    told = shop.cancel(token, made)["refund_amount"]
    work(shop)
    bank_returns(shop, made, int(told * 100))
    has = sum(float(a) for _, status, a in shop.refunds(made) if status == "succeeded")
    assert has + sum(map(float, owed(shop, made))) == 60


def test_what_the_bank_has_taken_back_in_part_is_owed_no_more(shop, paid):
    token, made = paid
    shop.sql("update bookings.bookings set cancel_hours = '{0}', cancel_percent = '{50}',"
             " cancel_fee = 0 where id = %s", made["booking_id"])
    assert shop.cancel(token, made)["refund_amount"] == 60
    work(shop)
    bank_returns(shop, made, 6000)
    assert owed(shop, made) == ["60.00"]
    intent = shop.one("select stripe_payment_id from payments.payments where booking_id = %s",
                      made["booking_id"])
    charge = shop.sandbox.objects("payment_intent")[intent]["latest_charge"]
    dispute = shop.sandbox.control("POST", f"/charges/{charge}/dispute", {"amount": 6000})["id"]
    shop.sandbox.wait()
    assert owed(shop, made) == ["60.00"]  # nobody knows yet
    shop.sandbox.control("POST", f"/disputes/{dispute}", {"status": "lost"})
    shop.sandbox.wait()
    assert owed(shop, made) == []


def test_what_was_lost_before_a_refund_failed_does_not_pay_for_it(shop, paid):
    """However often, and late, Stripe tells of that dispute."""
    _, made = paid
    intent = shop.one("select stripe_payment_id from payments.payments where booking_id = %s",
                      made["booking_id"])
    charge = shop.sandbox.objects("payment_intent")[intent]["latest_charge"]
    dispute = shop.sandbox.control("POST", f"/charges/{charge}/dispute", {"amount": 6000})["id"]
    shop.sandbox.control("POST", f"/disputes/{dispute}", {"status": "lost"})
    shop.sandbox.wait()
    staff_sends(shop, made, "60.00")
    bank_returns(shop, made, 6000)
    assert shop.refunds(made) == [("staff", "failed", "60.00")] and owed(shop, made) == ["60.00"]
    closed = [e for e in shop.sandbox.objects("event").values()
              if e["type"] == "charge.dispute.closed" and e["data"]["object"]["id"] == dispute]
    assert shop.webhook({**closed[0], "id": "evt_late_word",
                         "type": "charge.dispute.updated"}).status == 200
    assert owed(shop, made) == ["60.00"]


def test_what_somebody_sent_back_by_the_dashboard_is_not_owed(shop, paid):
    token, made = paid
    intent = shop.one("select stripe_payment_id from payments.payments where booking_id = %s",
                      made["booking_id"])
    shop.sandbox.webhook_fault("*", "withhold")
    shop.sandbox.api("/v1/refunds", {"payment_intent": intent})
    shop.cancel(token, made)
    work(shop, 2)  # and what was sent is read then, though no webhook told of it
    assert shop.refunds(made) == [("cancelled", "failed", "120.00"), ("staff", "succeeded", "120.00")]
    assert owed(shop, made) == []


def test_a_charge_that_stripe_does_not_know_is_owed_in_the_end(shop, paid):
    token, made = paid
    shop.sandbox.fault(REFUNDS, "refuse", code="resource_missing")
    shop.cancel(token, made)
    work(shop)
    assert shop.refunds(made) == [("cancelled", "queued", "120.00")]
    last_try(shop, made)
    assert shop.refunds(made) == [("cancelled", "failed", "120.00")]
    assert owed(shop, made) == ["120.00"]


def test_since_when_a_refund_waits_is_not_forgotten_with_its_key(shop, paid):
    token, made = paid
    shop.sandbox.fault(REFUNDS, "refuse", code="balance_insufficient")
    shop.cancel(token, made)
    work(shop, 2)
    since = "select failing_since from bookings.outbox where booking_id = %s and type = 'refund'"
    began = shop.one(since, made["booking_id"])
    for _ in range(3):
        ages(shop, made, 4)
        work(shop)
        assert shop.one(since, made["booking_id"]) == began
    assert len(keys(shop, made)) > 1
    shop.sandbox.lift()
    ages(shop, made, 4)
    work(shop, 2)
    assert sent(shop, made) == [12000]


def test_a_key_that_was_not_answered_a_moment_ago_is_not_given_up(shop, paid):
    """It may have been made then, though a failure is kept; Stripe's list is late."""
    token, made = paid
    shop.sandbox.webhook_fault("*", "withhold")
    shop.run("payments", "refund", payment_of(shop, made), "--amount", "50.00")
    shop.sandbox.fault(REFUNDS, "drop")
    work(shop)
    ages(shop, made, 4)
    work(shop)  # no answer again: now is what counts
    shop.sandbox.control("DELETE", "/faults")
    shop.sandbox.fault(REFUNDS, "fail", times=1)
    work(shop, 3)
    assert len(keys(shop, made)) == 1
    ages(shop, made, 4)
    work(shop, 2)
    assert len(keys(shop, made)) == 2 and sent(shop, made) == [5000]


def test_the_relay_names_what_stripe_refuses_a_page_for(shop):
    token = shop.token()
    made = shop.book(token, shop.franchise(1, rate="0.02"), day_in(7), 9, 17)
    shop.hurry("session")
    log = shop.folder / "relay-payments.log"
    Relay(shop.env, "payments", log).once()
    assert "amount_too_small" in log.read_text()
    assert "ask the franchise" not in log.read_text()  # that is for the customer
    shop.cancel(token, made)


def test_late_money_of_a_franchise_that_is_off_goes_back(shop):
    token, other = shop.token(), shop.token()
    house, day = shop.franchise(1), day_in(5)
    told = shop.book(token, house, day, 9, 17)
    silent = shop.book(token, shop.franchise(1), day, 9, 17, child="Bob Doe")
    for made in (told, silent):
        shop.lapse(made)
        shop.cancel(other, shop.book(other, made["franchise_id"], day, 9, 17))
        assert shop.one("select booking_status from bookings.bookings where id = %s",
                        made["booking_id"]) == "expired"
    shop.sql("update franchises.franchises set is_active = false where id in (%s, %s)",
             told["franchise_id"], silent["franchise_id"])
    shop.pay(told["payment_url"])
    shop.sandbox.webhook_fault("*", "withhold")
    shop.pay(silent["payment_url"])
    shop.hurry("read", "close")
    shop.work()
    for made in (told, silent):
        work(shop)
        assert shop.refunds(made) == [("late", "succeeded", "120.00")]
        assert shop.read(token, made)["status"] == "expired"
