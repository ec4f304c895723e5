"""test_refunds_elsewhere.py: money that a franchise's owner sends back in Stripe's own
dashboard is known here: the booking, the journal and the world are told of it, once."""

import pathlib
import re
import sys
import threading
import urllib.parse

import pytest
import redis

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from live import V1, at, day_in, until  # noqa: E402
from shop import KEY, VERSION, Shop  # noqa: E402

REFUNDS = "POST /v1/refunds"
OURS, THEIRS = None, "acct_1Theirs"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    shop = Shop(tmp_path_factory.mktemp("elsewhere"), watch=False)
    try:
        yield shop.start()
    finally:
        shop.reset()


@pytest.fixture
def shop(whole):
    """Whatever happened: in the end Stripe, rows and journal agree, and nothing is left
    undone."""
    yield whole
    whole.sandbox.lift()
    whole.drain()
    whole.run("verify")
    told = whole.run("reconcile", status=None)
    assert "Stripe = payments = journal" in told, told
    for what in ("the journal is not what was paid less what was refunded",
                 "a payment's refunds are not what it says",
                 "a booking does not say what its payments do",
                 "money and its events are not in step", "work is dead"):
        assert not whole.sql(whole.WRONG[what]), what


@pytest.fixture
def paid(shop):
    """(token, a booking of 120.00 that was paid)."""
    return shop.paid_booking(shop.franchise(3), day_in(5), 9, 17)


def intent_of(shop, made):
    """Of the attempt that was paid, also when nobody has told us yet."""
    found, = [i["id"] for i in shop.sandbox.objects("payment_intent").values()
              if i["metadata"].get("booking_id") == made["booking_id"]
              and i["status"] == "succeeded"]
    return found


def dashboard(shop, made, units=None, account=OURS, **more):
    """What its owner sends back there; all that is left, or so much.  The refund."""
    given = {"payment_intent": intent_of(shop, made), **more}
    if units is not None:
        given["amount"] = units
    status, raw = shop.sandbox.ask("POST", "/v1/refunds", urllib.parse.urlencode(given), **{
        "Authorization": f"Bearer {KEY}", "Stripe-Version": VERSION,
        "Content-Type": "application/x-www-form-urlencoded",
        **({"Stripe-Account": account} if account else {})})
    assert status == 200, raw
    shop.sandbox.wait()
    return [r for r in shop.sandbox.objects("refund").values()][-1]["id"]


def work(shop, *types, times=1):
    for _ in range(times):
        shop.hurry(*(types or ("refund", "refunds")))
        shop.run("payments", "work", status=None)


def event(shop, kind, named=None):
    """The last that Stripe has sent of that kind."""
    return [e for e in shop.sandbox.objects("event").values() if e["type"] == kind
            and (named is None or named(e["data"]["object"]))][-1]


def quote(shop, token, made):
    return shop.get(f"{V1}/bookings/{made['booking_id']}/cancellation-quote", token).body


def owed(shop, made):
    """What verify says is owed of it."""
    lines = [line for line in shop.run("verify").splitlines() if made["booking_id"] in line]
    return [re.search(r"(\d+\.\d\d) [A-Z]{3}", line)[1] for line in lines]


def entries(shop, made):
    return shop.one("select count(distinct entry_id) from payments.journal where booking_id = %s"
                    " and kind = 'refund'", made["booking_id"])


# ---- what it becomes -------------------------------------------------------------------


def test_all_that_was_sent_back_there_has_gone_back_here(shop, paid):
    token, made = paid
    version = shop.get(f"{V1}/bookings/{made['booking_id']}", token).headers["ETag"]
    refund = dashboard(shop, made)
    assert shop.refunds(made) == []  # the webhook asks nobody
    assert shop.get(f"{V1}/bookings/{made['booking_id']}", token).headers["ETag"] == version
    work(shop)
    assert shop.refunds(made) == [("staff", "succeeded", "120.00")]
    assert shop.payments(made) == [("succeeded", "120.00", "120.00")]
    assert shop.told(made, "RefundProcessed", "PaymentProcessed") == (1, 1)
    now = shop.read(token, made)
    assert (now["status"], now["payment_status"], now["refunded_amount"]) == (
        "confirmed", "refunded", 120)
    payment = shop.one("select payment_id from payments.refunds where stripe_refund_id = %s", refund)
    shown = shop.run("payments", "show", payment)
    assert refund in shown and "staff" in shown
    facts = shop.one("select facts from bookings.outbox where booking_id = %s and type ="
                     " 'RefundProcessed'", made["booking_id"])
    assert (facts["amount"], facts["currency"], facts["reason"]) == (120, "USD", "staff")
    assert entries(shop, made) == 1 and owed(shop, made) == []


def test_a_part_of_it_is_a_part_and_so_is_the_next(shop, paid):
    token, made = paid
    dashboard(shop, made, 3000)
    work(shop)
    now = shop.read(token, made)
    assert (now["payment_status"], now["refunded_amount"]) == ("partially_refunded", 30)
    dashboard(shop, made, 2000)
    dashboard(shop, made, 1000)  # two at once
    work(shop)
    assert shop.refunds(made) == [("staff", "succeeded", f"{a}.00") for a in (30, 20, 10)]
    assert shop.told(made, "RefundProcessed") == (3,)
    assert shop.read(token, made)["refunded_amount"] == 60


def test_a_cancellation_counts_what_went_back_there(shop, paid):
    token, made = paid
    dashboard(shop, made, 3000)
    work(shop)
    assert quote(shop, token, made)["refund_amount"] == 90
    assert shop.cancel(token, made)["refund_amount"] == 90
    work(shop)
    assert shop.refunds(made) == [("staff", "succeeded", "30.00"), ("cancelled", "succeeded", "90.00")]
    now = shop.read(token, made)
    assert (now["payment_status"], now["refunded_amount"]) == ("refunded", 120)


def test_nothing_is_left_to_cancel_for_when_all_went_back_there(shop, paid):
    token, made = paid
    dashboard(shop, made)
    work(shop)
    assert quote(shop, token, made)["refund_amount"] == 0
    assert shop.cancel(token, made)["refund_amount"] == 0
    work(shop)
    assert shop.refunds(made) == [("staff", "succeeded", "120.00")]


def test_the_relay_is_told_at_once(shop, paid):
    _, made = paid
    shop.sandbox.webhook_fault("*", "withhold")
    dashboard(shop, made, 3000)
    with redis.Redis(unix_socket_path=str(shop.home / "run/redis.sock")) as heard, \
            heard.pubsub(ignore_subscribe_messages=True) as hints:
        hints.subscribe("booking:outbox")
        hints.get_message(timeout=5)
        assert shop.webhook(event(shop, "charge.refunded")).status == 200
        assert hints.get_message(timeout=5)["data"] == b"p"
    shop.sandbox.control("POST", "/webhooks/release")
    shop.sandbox.wait()
    work(shop)
    assert shop.refunds(made) == [("staff", "succeeded", "30.00")]


# ---- once, in whatever order --------------------------------------------------------------


def test_told_twice_it_went_back_once(shop, paid):
    _, made = paid
    shop.sandbox.webhook_fault("*", "duplicate")
    dashboard(shop, made, 3000)
    told = event(shop, "charge.refunded")
    for again in (told, told, {**told, "id": "evt_another_word"}):
        assert shop.webhook(again).status == 200
        work(shop)
    assert shop.webhook({**told, "id": "evt_late_word"}).status == 200
    work(shop, times=2)
    assert shop.refunds(made) == [("staff", "succeeded", "30.00")]
    assert shop.told(made, "RefundProcessed") == (1,) and entries(shop, made) == 1
    assert shop.one("select count(*) from payments.stripe_events where stripe_event_id = %s",
                    told["id"]) == 1


def test_several_at_work_enter_it_once(shop, paid):
    _, made = paid
    shop.sandbox.webhook_fault("*", "withhold")
    dashboard(shop, made, 3000)
    dashboard(shop, made, 2000)
    told = event(shop, "charge.refunded")
    shop.sandbox.fault("GET /v1/refunds", "delay", ms=1000)
    each = []
    for i in range(4):  # a row each, and they ask before one of them has written
        assert shop.webhook({**told, "id": f"evt_at_once_{i}_{made['booking_id']}"}).status == 200
        each.append(threading.Thread(target=shop.run, args=("payments", "work")))
        each[-1].start()
        until(lambda: shop.one("select count(*) from bookings.outbox where booking_id = %s and type ="
                               " 'refunds' and (claimed_until is not null or sent_at is not null)",
                               made["booking_id"]) > i, "its row is claimed")
    for thread in each:
        thread.join()
    assert shop.one("select max(attempts) from bookings.outbox where booking_id = %s and type ="
                    " 'refunds'", made["booking_id"]) == 0  # and who came second met no wall
    work(shop, times=2)
    assert sorted(shop.refunds(made)) == [("staff", "succeeded", "20.00"),
                                          ("staff", "succeeded", "30.00")]
    assert shop.told(made, "RefundProcessed") == (2,) and entries(shop, made) == 2


def test_told_before_the_payment_it_comes_after_it(shop):
    token = shop.token()
    made = shop.book(token, shop.franchise(3), day_in(5), 9, 17)
    shop.sandbox.webhook_fault("*", "withhold")
    shop.pay(made["payment_url"])
    dashboard(shop, made, 3000)
    assert shop.payments(made) == [("open", "120.00", "0.00")]
    assert shop.webhook(event(shop, "charge.refunded")).status == 200
    work(shop)
    assert shop.payments(made) == [("succeeded", "120.00", "30.00")]
    assert shop.refunds(made) == [("staff", "succeeded", "30.00")]
    shop.sandbox.control("POST", "/webhooks/release")
    shop.sandbox.lift()
    shop.drain()
    now = shop.read(token, made)
    assert (now["status"], now["refunded_amount"]) == ("confirmed", 30)
    assert shop.told(made, "PaymentProcessed", "BookingConfirmed", "RefundProcessed") == (1, 1, 1)


def test_when_stripe_cannot_be_asked_it_is_read_later(shop, paid):
    _, made = paid
    dashboard(shop, made, 3000)
    shop.sandbox.fault("GET /v1/refunds", "fail", times=2)
    work(shop)
    assert shop.refunds(made) == []
    work(shop, times=3)
    assert shop.refunds(made) == [("staff", "succeeded", "30.00")]


# ---- beside refunds of ours ---------------------------------------------------------------


@pytest.mark.parametrize("kind", ["fail_after_effect", "drop_after_effect"])
def test_one_of_ours_without_an_answer_is_no_strangers(shop, paid, kind):
    token, made = paid
    shop.sandbox.fault(REFUNDS, kind, times=1)
    shop.sandbox.fault("GET /v1/refunds", "fail", times=1)  # nor seen at once
    shop.sandbox.webhook_fault("*", "withhold")
    payment = shop.one("select id from payments.payments where booking_id = %s", made["booking_id"])
    shop.run("payments", "refund", str(payment), "--amount", "50.00")
    work(shop, "refund")
    assert shop.refunds(made) == [("staff", "queued", "50.00")]
    dashboard(shop, made, 3000)
    assert shop.webhook(event(shop, "charge.refunded")).status == 200
    shop.hurry("refunds")  # the lease of the other row stays
    shop.run("payments", "work", status=None)
    both = [("staff", "succeeded", "50.00"), ("staff", "succeeded", "30.00")]
    assert shop.refunds(made) == both
    work(shop, times=2)
    shop.sandbox.control("POST", "/webhooks/release")
    shop.sandbox.wait()
    work(shop, times=2)
    assert shop.refunds(made) == both
    assert shop.told(made, "RefundProcessed") == (2,) and entries(shop, made) == 2
    assert len(shop.sandbox.requests(REFUNDS)) >= 2
    assert shop.read(token, made)["refunded_amount"] == 80


def test_one_of_ours_is_told_by_the_charge_alone(shop, paid):
    """Its own answer lost, and no other webhook came."""
    token, made = paid
    shop.sandbox.fault(REFUNDS, "drop_after_effect", times=1)
    shop.sandbox.fault("GET /v1/refunds", "fail", times=1)
    shop.sandbox.webhook_fault("*", "withhold")
    shop.cancel(token, made)
    work(shop, "refund")
    assert shop.webhook(event(shop, "charge.refunded")).status == 200
    shop.hurry("refunds")
    shop.run("payments", "work", status=None)
    assert shop.refunds(made) == [("cancelled", "succeeded", "120.00")]
    assert shop.told(made, "RefundProcessed") == (1,)


def test_metadata_of_ours_on_anothers_refund_prove_nothing(shop, paid):
    token, made = paid
    payment = shop.one("select id from payments.payments where booking_id = %s", made["booking_id"])
    shop.run("payments", "refund", str(payment), "--amount", "50.00")
    work(shop)
    mine = shop.one("select id from payments.refunds where booking_id = %s", made["booking_id"])
    other, theirs = shop.paid_booking(shop.franchise(3), day_in(5), 9, 17)
    for whose in (made, theirs):
        dashboard(shop, whose, 2000, **{"metadata[refund_id]": str(mine)})
        work(shop)
    assert shop.refunds(made) == [("staff", "succeeded", "50.00"), ("staff", "succeeded", "20.00")]
    assert shop.refunds(theirs) == [("staff", "succeeded", "20.00")]


def test_metadata_of_one_of_ours_that_waits_prove_nothing_of_another_payment(shop, paid):
    token, made = paid
    payment = shop.one("select id from payments.payments where booking_id = %s", made["booking_id"])
    shop.run("payments", "refund", payment, "--amount", "50.00")
    mine = shop.one("select id from payments.refunds where booking_id = %s", made["booking_id"])
    other, theirs = shop.paid_booking(shop.franchise(3), day_in(5), 9, 17)
    refund = dashboard(shop, theirs, 2000, **{"metadata[refund_id]": mine})
    told = event(shop, "refund.created", lambda o: o["id"] == refund)
    assert shop.webhook({**told, "type": "refund.updated", "id": f"evt_{mine}"}).status == 200
    assert shop.refunds(made) == [("staff", "queued", "50.00")]
    work(shop)
    assert shop.refunds(made) == [("staff", "succeeded", "50.00")]
    assert shop.refunds(theirs) == [("staff", "succeeded", "20.00")]


def test_all_sent_back_there_before_a_cancellations_own(shop, paid):
    token, made = paid
    assert shop.cancel(token, made)["refund_amount"] == 120
    dashboard(shop, made)
    shop.hurry("refunds")
    shop.sql("update bookings.outbox set due_at = now() + interval '1 hour' where booking_id = %s"
             " and type = 'refund'", made["booking_id"])
    shop.run("payments", "work")
    # Ours may be under way: what is written never is more than was paid.  Nobody polls:
    # the end of ours leaves the same work again.
    assert shop.refunds(made) == [("cancelled", "queued", "120.00")]
    assert shop.one("select count(*) from bookings.outbox where booking_id = %s and type = 'refunds'"
                    " and sent_at is null", made["booking_id"]) == 0
    work(shop, times=3)
    assert shop.refunds(made) == [("cancelled", "failed", "120.00"), ("staff", "succeeded", "120.00")]
    assert shop.told(made, "RefundProcessed") == (1,) and owed(shop, made) == []
    now = shop.read(token, made)
    assert (now["status"], now["payment_status"], now["refunded_amount"]) == (
        "cancelled", "refunded", 120)


def test_a_part_sent_back_there_before_a_cancellations_own_leaves_the_rest_owed(shop, paid):
    token, made = paid
    assert shop.cancel(token, made)["refund_amount"] == 120
    dashboard(shop, made, 5000)
    work(shop)
    assert shop.refunds(made) == [("cancelled", "queued", "120.00")]
    shop.sql("update bookings.outbox set attempts = 5 where booking_id = %s and type = 'refund'",
             made["booking_id"])
    work(shop, times=3)
    assert shop.refunds(made) == [("cancelled", "failed", "120.00"), ("staff", "succeeded", "50.00")]
    assert owed(shop, made) == ["70.00"]
    payment = shop.one("select id from payments.payments where booking_id = %s", made["booking_id"])
    shop.run("payments", "refund", str(payment))
    work(shop)
    assert owed(shop, made) == [] and shop.read(token, made)["refunded_amount"] == 120


def test_what_replaces_ours_of_one_payment_pays_nothing_of_another(shop, paid):
    token, made = paid
    shop.change(token, made, end_datetime=at(day_in(5), 19))
    shop.pay(shop.link(token, made).headers["Location"])
    shop.drain()
    first, second = [i for i, in shop.sql(
        "select stripe_payment_id from payments.payments where booking_id = %s order by created_at",
        made["booking_id"])]
    assert shop.cancel(token, made)["refund_amount"] == 150
    for intent, units in ((first, 12000), (second, 1000)):
        shop.sandbox.api("/v1/refunds", {"payment_intent": intent, "amount": units})
    shop.sandbox.wait()
    # Both of ours are refused before one of theirs is entered.
    shop.sql("update bookings.outbox set attempts = 5 where booking_id = %s and type = 'refund'",
             made["booking_id"])
    work(shop, "refund")
    work(shop, times=3)
    assert sorted(shop.refunds(made)) == [
        ("cancelled", "failed", "120.00"), ("cancelled", "failed", "30.00"),
        ("staff", "succeeded", "10.00"), ("staff", "succeeded", "120.00")]
    assert owed(shop, made) == ["20.00"]


def test_what_fits_beside_ours_is_entered_at_once(shop, paid):
    token, made = paid
    shop.sql("update bookings.bookings set cancel_hours = '{0}', cancel_percent = '{50}',"
             " cancel_fee = 0 where id = %s", made["booking_id"])
    assert shop.cancel(token, made)["refund_amount"] == 60
    dashboard(shop, made, 2000)
    work(shop, times=2)
    assert sorted(shop.refunds(made)) == [("cancelled", "succeeded", "60.00"),
                                          ("staff", "succeeded", "20.00")]


# ---- that wait, and fail ------------------------------------------------------------------


def pending(shop):
    """(token, a booking paid by a card whose refunds wait)."""
    token = shop.token()
    made = shop.book(token, shop.franchise(3), day_in(5), 9, 17)
    shop.pay(made["payment_url"], "pm_card_pendingRefund")
    shop.sandbox.control("POST", "/settings", {"settle_s": 3600})
    return token, made


def ends(shop, refund, status):
    shop.sandbox.control("POST", f"/refunds/{refund}", {"status": status})
    shop.sandbox.wait()


@pytest.mark.parametrize("end", ["succeeded", "failed"])
def test_one_that_waits_is_settled_when_its_end_is_told(shop, end):
    token, made = pending(shop)
    refund = dashboard(shop, made, 3000)
    work(shop, "refunds")
    assert shop.refunds(made) == [("staff", "pending", "30.00")]
    assert shop.told(made, "RefundProcessed") == (0,) and entries(shop, made) == 0
    assert quote(shop, token, made)["refund_amount"] == 90
    ends(shop, refund, end)
    work(shop, times=2)
    assert shop.refunds(made) == [("staff", end, "30.00")]
    good = end == "succeeded"
    assert shop.told(made, "RefundProcessed") == (int(good),)
    assert shop.read(token, made)["refunded_amount"] == (30 if good else 0)
    assert owed(shop, made) == ([] if good else ["30.00"])  # as any of staff's that fails
    if not good:
        assert shop.cancel(token, made)["refund_amount"] == 120
        work(shop)
        ends(shop, list(shop.sandbox.objects("refund"))[-1], "succeeded")
        assert owed(shop, made) == []


def test_the_end_of_one_that_waits_is_read_when_nobody_tells_it(shop):
    _, made = pending(shop)
    refund = dashboard(shop, made, 3000)
    work(shop, "refunds")
    shop.sandbox.webhook_fault("*", "withhold")
    shop.sandbox.control("POST", f"/refunds/{refund}", {"status": "succeeded"})
    work(shop, "refund")
    assert shop.refunds(made) == [("staff", "succeeded", "30.00")]
    assert shop.told(made, "RefundProcessed") == (1,)
    shop.sandbox.control("POST", "/webhooks/release")
    shop.sandbox.wait()


def test_its_end_told_before_it_was_read_is_not_lost(shop):
    _, made = pending(shop)
    shop.sandbox.webhook_fault("*", "withhold")
    refund = dashboard(shop, made, 3000)
    shop.sandbox.control("POST", f"/refunds/{refund}", {"status": "succeeded"})
    assert shop.webhook(event(shop, "refund.updated")).status == 200
    work(shop, "refunds")
    assert shop.refunds(made) == [("staff", "succeeded", "30.00")]
    assert shop.webhook(event(shop, "charge.refunded")).status == 200
    work(shop, times=2)
    assert shop.refunds(made) == [("staff", "succeeded", "30.00")]
    assert shop.told(made, "RefundProcessed") == (1,)


def test_one_that_failed_before_anybody_knew_of_it_is_nothing(shop):
    token, made = pending(shop)
    shop.sandbox.webhook_fault("*", "withhold")
    refund = dashboard(shop, made, 3000)
    shop.sandbox.control("POST", f"/refunds/{refund}", {"status": "failed"})
    shop.sandbox.control("POST", "/webhooks/release")
    shop.sandbox.wait()
    work(shop, times=2)
    assert shop.refunds(made) == [] and owed(shop, made) == []
    assert shop.read(token, made)["refunded_amount"] == 0


def test_one_that_the_bank_sends_back_later_is_owed(shop, paid):
    token, made = paid
    refund = dashboard(shop, made, 3000)
    work(shop)
    ends(shop, refund, "failed")
    work(shop, times=2)
    assert shop.refunds(made) == [("staff", "failed", "30.00")]
    assert owed(shop, made) == ["30.00"] and shop.read(token, made)["refunded_amount"] == 0


# ---- whose it is ----------------------------------------------------------------------------


@pytest.fixture
def house(shop):
    made = shop.franchise(3)
    shop.run("franchise", "set", made, "--stripe-account", THEIRS)
    return made


def test_on_a_franchises_own_account(shop, house):
    token, made = shop.paid_booking(house, day_in(5), 9, 17)
    dashboard(shop, made, 3000, THEIRS)
    work(shop)
    assert shop.refunds(made) == [("staff", "succeeded", "30.00")]
    assert quote(shop, token, made)["refund_amount"] == 90


@pytest.mark.parametrize("whose", ["acct_1Others", OURS])
def test_what_another_account_tells_is_kept_and_changes_nothing(shop, house, whose):
    _, made = shop.paid_booking(house, day_in(5), 9, 17)
    shop.sandbox.webhook_fault("*", "withhold")
    dashboard(shop, made, 3000, THEIRS)
    for kind in ("charge.refunded", "refund.updated"):
        told = {**event(shop, "charge.refunded"), "id": f"evt_{kind}_{whose}"}
        if kind == "refund.updated":
            told.update(type=kind, data=event(shop, "refund.created")["data"])
        if whose:
            told["account"] = whose
        else:
            del told["account"]
        assert shop.webhook(told).status == 200
        assert shop.one("select count(*) from payments.stripe_events where stripe_event_id = %s",
                        told["id"]) == 1
    work(shop)
    assert shop.refunds(made) == []
    assert shop.one("select count(*) from bookings.outbox where booking_id = %s and type = 'refunds'",
                    made["booking_id"]) == 0
    shop.sandbox.control("POST", "/webhooks/release")
    shop.sandbox.wait()
    work(shop)
    assert shop.refunds(made) == [("staff", "succeeded", "30.00")]


def test_of_a_payment_nobody_here_knows_it_is_kept(shop, paid):
    _, made = paid
    shop.sandbox.webhook_fault("*", "withhold")
    dashboard(shop, made, 3000)
    told = event(shop, "charge.refunded")
    stranger = {**told, "id": "evt_of_a_stranger", "data": {"object": {
        **told["data"]["object"], "payment_intent": "pi_nobodys", "metadata": {}}}}
    assert shop.webhook(stranger).status == 200
    assert shop.one("select count(*) from payments.stripe_events where stripe_event_id = %s",
                    stranger["id"]) == 1
    work(shop)
    assert shop.refunds(made) == []
    shop.sandbox.control("POST", "/webhooks/release")
    shop.sandbox.wait()


def test_in_a_currency_without_decimals(shop):
    house = shop.franchise(3, rate="1500")
    shop.sql("update franchises.franchises set currency = 'JPY' where id = %s", house)
    token, made = shop.paid_booking(house, day_in(5), 9, 17)
    dashboard(shop, made, 3000)
    work(shop)
    assert shop.refunds(made) == [("staff", "succeeded", "3000.00")]
    assert quote(shop, token, made)["refund_amount"] == 9000
    dashboard(shop, made)
    work(shop)
    assert shop.read(token, made)["refunded_amount"] == 12000


def test_of_money_that_came_too_late(shop):
    """It was never the booking's: what goes back of it is not, either."""
    token = shop.token()
    made = shop.book(token, shop.franchise(1), day_in(5), 9, 17)
    shop.lapse(made)
    other, first = shop.paid_booking(made["franchise_id"], day_in(5), 9, 17, child="Bob Doe")
    shop.pay(made["payment_url"])
    assert shop.refunds(made) == [("late", "queued", "120.00")]
    dashboard(shop, made)
    work(shop, times=3)
    assert shop.refunds(made) == [("late", "failed", "120.00"), ("staff", "succeeded", "120.00")]
    assert shop.told(made, "RefundProcessed") == (1,) and owed(shop, made) == []


def test_done_again_after_a_kill_it_finds_itself_done(shop, paid):
    _, made = paid
    dashboard(shop, made, 3000)
    work(shop)
    assert shop.sql("update bookings.outbox set sent_at = null, due_at = now(), claimed_until = now()"
                    " - interval '1 second' where booking_id = %s and type = 'refunds'",
                    made["booking_id"]) == 1
    shop.run("payments", "work")
    assert shop.refunds(made) == [("staff", "succeeded", "30.00")]
    assert shop.told(made, "RefundProcessed") == (1,)
