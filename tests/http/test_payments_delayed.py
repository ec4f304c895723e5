"""test_payments_delayed.py: money that is under way for days, as with a debit of a
bank account, and what Stripe says meanwhile.  Our own pages take cards alone: the
pages here are asked for as ours are, but for that."""

import concurrent.futures
import copy
import pathlib
import sys
import urllib.parse
import uuid

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from live import V1, at, day_in, until  # noqa: E402
from shop import Shop  # noqa: E402

EVENTS = ("BookingConfirmed", "PaymentProcessed", "PaymentFailed",
          "RefundProcessed")
INTENTS = "POST /v1/payment_intents"
TIMES = 20  # as in test_payments_direct.py
SOON, LATER = "checkout.session.completed", "payment_intent.processing"
PAID = ("checkout.session.async_payment_succeeded", "payment_intent.succeeded")
BOUNCED = "checkout.session.async_payment_failed"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Its due work is done when a test says so, and so is its bank's."""
    shop = Shop(tmp_path_factory.mktemp("delayed"), watch=False, STRIPE_TIMEOUT_MS=8000)
    try:
        shop.start()
        shop.sandbox.control("POST", "/settings", {"settle_s": 86400})
        yield shop
    finally:
        shop.reset()


@pytest.fixture
def shop(shared):
    yield shared
    shared.sandbox.lift()
    shared.sandbox.control("POST", "/webhooks/release")
    shared.drain()
    shared.books()


def tags(shop, made, at="metadata"):
    payment = shop.one("select id from payments.payments where booking_id = %s order by "
                       "created_at desc limit 1", made["booking_id"])
    return {f"{at}[booking_id]": made["booking_id"], f"{at}[payment_id]": str(payment)}


def debit_page(shop, made):
    """The id of a page for the same that takes debits too, in place of the booking's."""
    session = shop.sandbox.api("/v1/checkout/sessions", {
        "mode": "payment", "success_url": "https://127.0.0.1/paid",
        "allowed_payment_method_types[0]": "us_bank_account",
        "allowed_payment_method_types[1]": "card",
        "line_items[0][quantity]": 1, "line_items[0][price_data][currency]": "usd",
        "line_items[0][price_data][unit_amount]": 12000,
        "line_items[0][price_data][product_data][name]": "Child care",
        **tags(shop, made), **tags(shop, made, "payment_intent_data[metadata]")})
    assert shop.sql("update payments.payments set session_id = %s, session_url = %s where "
                    "booking_id = %s", session["id"], session["url"], made["booking_id"]) == 1
    # The end of a page that is not the booking's is kept, and ends nothing.
    assert shop.sandbox.act(shop.session_of(made["payment_url"]), action="expire")
    shop.sandbox.wait()
    assert shop.payments(made) == [("open", "120.00", "0.00")]
    return session["id"]


@pytest.fixture
def booked(shop):
    """(token, booking of 120.00, its page)."""
    token = shop.token()
    made = shop.book(token, shop.franchise(1), day_in(5), 9, 17)
    return token, made, debit_page(shop, made)


def withhold(shop, *types):
    for name in types:
        shop.sandbox.webhook_fault(name, "withhold")


def debit(shop, page, method="pm_usBankAccount_success"):
    """The customer gives an account; the intent."""
    told = shop.sandbox.act(page, action="pay", payment_method=method)
    assert (told["session"]["status"], told["session"]["payment_status"]) == (
        "complete", "unpaid")
    shop.sandbox.wait()
    return told["payment_intent"]["id"]


def bank_says(shop, intent, action):
    shop.sandbox.control("POST", f"/payment_intents/{intent}", {"action": action})
    shop.sandbox.wait()


def read_now(shop):
    shop.hurry("read")
    return shop.work()


def is_under_way(shop, token, made):
    now = shop.read(token, made)
    assert (now["status"], now["payment_status"]) == ("pending", "processing")
    assert shop.payments(made) == [("processing", "120.00", "0.00")]
    assert shop.told(made, *EVENTS) == (0, 0, 0, 0)
    # Nobody pays a second time meanwhile.
    assert shop.link(token, made).status == 409
    again = shop.ask("POST", f"{V1}/bookings/{made['booking_id']}/payment", token,
                     {"payment_method": "pm_card_visa"})
    assert (again.status, again.code) == (409, "state_conflict")
    assert len(shop.payments(made)) == 1


def kept(shop, event):
    return shop.one("select count(*) from payments.stripe_events where stripe_event_id = %s",
                    event["id"])


# ---- on a page ---------------------------------------------------------------------


@pytest.mark.parametrize("lost", [SOON, LATER])
@pytest.mark.parametrize("late", PAID)
def test_a_debit_confirms_once_when_it_arrives_whichever_word_is_lost(shop, booked, lost, late):
    token, made, page = booked
    withhold(shop, lost, late)
    intent = debit(shop, page)
    is_under_way(shop, token, made)
    read_now(shop)
    is_under_way(shop, token, made)
    bank_says(shop, intent, "settle")
    now = shop.read(token, made)
    assert (now["status"], now["payment_status"]) == ("confirmed", "paid")
    assert shop.told(made, *EVENTS) == (1, 1, 0, 0)
    # What comes late changes nothing.
    shop.sandbox.lift()
    shop.sandbox.control("POST", "/webhooks/release")
    shop.sandbox.wait()
    assert shop.payments(made) == [("succeeded", "120.00", "0.00")]
    assert shop.told(made, *EVENTS) == (1, 1, 0, 0)
    assert shop.booked(made["franchise_id"]) == {(day_in(5), h): 1 for h in range(9, 17)}


def test_a_debit_that_bounces_leaves_the_booking_to_be_paid_otherwise(shop, booked):
    token, made, page = booked
    intent = debit(shop, page)
    bank_says(shop, intent, "bounce")
    now = shop.read(token, made)
    assert (now["status"], now["payment_status"]) == ("pending", "failed")
    assert shop.payments(made) == [("failed", "120.00", "0.00")]
    assert shop.told(made, *EVENTS) == (0, 0, 1, 0)
    assert shop.booked(made["franchise_id"]) == {(day_in(5), h): 1 for h in range(9, 17)}
    link = shop.link(token, made)
    assert link.status == 303
    shop.pay(link.headers["Location"])
    assert shop.read(token, made)["status"] == "confirmed"
    assert shop.told(made, *EVENTS) == (1, 1, 1, 0)


def test_a_debit_that_bounced_unheard_is_found_by_reading(shop, booked):
    token, made, page = booked
    intent = debit(shop, page)
    withhold(shop, BOUNCED, "payment_intent.payment_failed")
    bank_says(shop, intent, "bounce")
    is_under_way(shop, token, made)
    read_now(shop)
    assert shop.payments(made) == [("failed", "120.00", "0.00")]
    assert shop.read(token, made)["payment_status"] == "failed"
    assert shop.one("select failure_code from payments.payments where booking_id = %s",
                    made["booking_id"]) == "insufficient_funds"
    assert shop.told(made, *EVENTS) == (0, 0, 1, 0)
    shop.pay(shop.link(token, made).headers["Location"])
    assert shop.read(token, made)["status"] == "confirmed"
    # And nobody asks for it any more.
    assert not shop.one("select count(*) from bookings.outbox where topic = 'payments' and type "
                        "= 'read' and sent_at is null and facts ->> 'id' = (select id::text from "
                        "payments.payments where booking_id = %s and payment_status = 'failed')",
                        made["booking_id"])


def test_while_the_debits_intent_cannot_be_read_it_stays_under_way(shop, booked):
    token, made, page = booked
    intent = debit(shop, page)
    withhold(shop, BOUNCED, "payment_intent.payment_failed")
    bank_says(shop, intent, "bounce")
    shop.sandbox.fault("GET /v1/payment_intents/*", "fail")
    read_now(shop)
    shop.sandbox.lift()
    is_under_way(shop, token, made)


def test_a_debit_that_arrives_after_the_places_went_goes_back(shop, booked):
    token, made, page = booked
    intent = debit(shop, page)
    shop.lapse(made)
    other = shop.token()
    taken = shop.book(other, made["franchise_id"], day_in(5), 9, 17)
    bank_says(shop, intent, "settle")
    assert shop.refunds(made) == [("late", "queued", "120.00")]
    shop.work()
    # Back to an account takes days, too; the reading finds it as it is.
    assert shop.refunds(made) == [("late", "pending", "120.00")]
    assert shop.told(made, *EVENTS) == (0, 1, 0, 0)
    shop.hurry("refund")
    shop.work()
    assert shop.refunds(made) == [("late", "pending", "120.00")]
    refund = shop.one("select stripe_refund_id from payments.refunds where booking_id = %s",
                      made["booking_id"])
    shop.sandbox.control("POST", f"/refunds/{refund}", {"status": "succeeded"})
    shop.sandbox.wait()
    assert shop.refunds(made) == [("late", "succeeded", "120.00")]
    assert shop.read(token, made)["status"] == "expired"
    assert shop.read(other, taken)["status"] == "pending"
    assert shop.told(made, *EVENTS) == (0, 1, 0, 1)
    assert len([r for r in shop.sandbox.objects("refund").values()
                if r["payment_intent"] == intent]) == 1


def test_an_id_that_had_its_effect_has_no_other(shop, booked):
    token, made, page = booked
    debit(shop, page)
    event, = [e for e in shop.sandbox.objects("event").values() if e["type"] == SOON and
              e["data"]["object"]["id"] == page]
    assert kept(shop, event) == 1
    other = copy.deepcopy(event)
    other["data"]["object"]["payment_status"] = "paid"
    assert shop.webhook(other).status == 200
    is_under_way(shop, token, made)
    shop.cancel(token, made)


# ---- at once ---------------------------------------------------------------------------


def is_waited_for(shop, made):
    """The page went first: given up, or ended by Stripe's word of it, whichever came first."""
    page, debit = sorted(shop.payments(made), key=lambda p: p[0] == "processing")
    assert page[0] in ("superseded", "expired")
    assert debit == ("processing", "120.00", "0.00")


def test_a_debit_whose_answer_was_lost_is_searched_for_and_waited_for(shop):
    token = shop.token()
    made = shop.book(token, shop.franchise(1), day_in(5), 9, 17)
    path = f"{V1}/bookings/{made['booking_id']}/payment"
    withhold(shop, "payment_intent.*", "charge.*")
    shop.sandbox.fault(INTENTS, "drop", times=TIMES)
    assert shop.ask("POST", path, token, {"payment_method": "pm_card_visa"}).status == 202
    shop.sandbox.lift()
    mine = tags(shop, made)
    withhold(shop, "payment_intent.*", "charge.*")
    # Under the very key, but for other parameters: Stripe takes it for nothing else.
    intent = shop.sandbox.api("/v1/payment_intents", {
        "amount": 12000, "currency": "usd", "confirm": "true",
        "payment_method": "pm_usBankAccount_success", "return_url": "https://127.0.0.1/paid",
        "allowed_payment_method_types[0]": "us_bank_account", **mine},
        key=f"pay:{mine['metadata[payment_id]']}:intent")
    assert intent["status"] == "processing"
    # Stripe's list cannot be had: nothing is known, and nothing given up.
    shop.sandbox.fault("GET /v1/charges", "fail")
    shop.sql("update payments.payments set created_at = created_at - interval '3 minutes' where "
             "id = %s", mine["metadata[payment_id]"])
    read_now(shop)
    is_waited_for(shop, made)
    shop.sandbox.control("DELETE", "/faults")
    shop.sandbox.fault("GET /v1/payment_intents/*", "fail", times=1)
    for _ in range(2):
        read_now(shop)
        is_waited_for(shop, made)
        assert shop.read(token, made)["status"] == "pending"
    assert len([i for i in shop.sandbox.objects("payment_intent").values()
                if i["metadata"].get("booking_id") == made["booking_id"]]) == 1
    bank_says(shop, intent["id"], "settle")
    read_now(shop)
    assert shop.read(token, made)["status"] == "confirmed"
    assert shop.told(made, *EVENTS) == (1, 1, 0, 0)


# ---- a page that comes too late --------------------------------------------------------


@pytest.mark.parametrize("instead", ["cancel", "change"])
def test_a_page_that_stripe_makes_for_what_was_given_up_meanwhile_is_closed(shop, instead):
    token = shop.token()
    shop.sandbox.fault("POST /v1/checkout/sessions", "drop")
    made = shop.book(token, shop.franchise(1), day_in(5), 9, 17)
    assert made["payment_status"] == "queued"
    shop.sandbox.lift()
    delays = shop.sandbox.control("GET", "/counts")["faults"].get("delay", 0)
    shop.sandbox.fault("POST /v1/checkout/sessions", "delay", times=1, ms=4000)
    url = urllib.parse.urlsplit(shop.read(token, made)["payment_url"])
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        opening = threads.submit(shop.get, f"{url.path}?{url.query}")
        until(lambda: shop.sandbox.control("GET", "/counts")["faults"].get("delay", 0) > delays,
              "a page that is being made")
        if instead == "cancel":
            shop.cancel(token, made)
        else:
            changed = shop.change(token, made, end_datetime=at(day_in(5), 16))
            assert changed.status == 200, changed
        opened = opening.result()
    assert opened.status != 303, opened.headers["Location"]
    shop.drain()
    # Nobody can pay on it: what is open is the page of what was asked for instead.
    sessions = [s for s in shop.sandbox.objects("checkout.session").values()
                if s["metadata"].get("booking_id") == made["booking_id"]]
    assert sessions, "it was made"
    assert [(s["status"], s["amount_total"]) for s in sessions if s["status"] != "expired"] == (
        [] if instead == "cancel" else [("open", 10500)])
    assert shop.read(token, made)["status"] == (
        "cancelled" if instead == "cancel" else "pending")


# ---- what is said of refunds -----------------------------------------------------------


@pytest.fixture
def owed(shop):
    """(token, a cancelled booking, its refund at Stripe, which takes its time): the answer
    was lost, and Stripe's list could not be had."""
    token = shop.token()
    made = shop.book(token, shop.franchise(1), day_in(5), 9, 17)
    shop.pay(made["payment_url"], "pm_card_pendingRefund")
    shop.cancel(token, made)
    withhold(shop, "*refund*")
    shop.sandbox.fault("POST /v1/refunds", "fail_after_effect", times=1)
    shop.sandbox.fault("GET /v1/refunds", "fail", times=1)
    shop.work()
    assert shop.refunds(made) == [("cancelled", "queued", "120.00")]
    shop.sandbox.control("DELETE", "/webhooks/faults")
    refund, = [r for r in shop.sandbox.objects("refund").values()
               if r["metadata"].get("booking_id") == made["booking_id"]]
    assert refund["status"] == "pending"
    yield token, made, refund["id"]
    shop.sandbox.control("POST", f"/refunds/{refund['id']}", {"status": "succeeded"}, (200, 400))


def words_of(shop, refund, kind="refund.updated"):
    return [e for e in shop.sandbox.objects("event").values()
            if e["type"] == kind and e["data"]["object"]["id"] == refund]


def test_a_word_of_a_pending_refund_tells_us_that_it_was_made(shop, owed):
    token, made, refund = owed
    shop.sandbox.control("POST", f"/refunds/{refund}", {"reference": "74830000001"})
    shop.sandbox.wait()
    assert shop.refunds(made) == [("cancelled", "pending", "120.00")]
    assert shop.one("select stripe_refund_id from payments.refunds where booking_id = %s",
                    made["booking_id"]) == refund
    assert shop.told(made, *EVENTS) == (1, 1, 0, 0)
    # From now on it is read, not made; also when Stripe has no answer at first.
    asked = len(shop.sandbox.requests("POST /v1/refunds"))
    shop.sandbox.fault(f"GET /v1/refunds/{refund}", "fail", times=1)
    for _ in range(2):
        shop.hurry("refund")
        shop.work()
        assert shop.refunds(made) == [("cancelled", "pending", "120.00")]
    assert len(shop.sandbox.requests("POST /v1/refunds")) == asked
    shop.sandbox.control("POST", f"/refunds/{refund}", {"status": "succeeded"})
    shop.sandbox.wait()
    assert shop.refunds(made) == [("cancelled", "succeeded", "120.00")]
    assert shop.told(made, *EVENTS) == (1, 1, 0, 1)
    assert words_of(shop, refund) and all(kept(shop, e) for e in words_of(shop, refund))


def days_ago(shop, made):
    """When it was asked for; Stripe forgets keys after a day.  Five minutes into the
    time of a key, when what the last one has done is on Stripe's list."""
    assert shop.sql("update payments.refunds set created_at = now() - interval '2 days 5 minutes'"
                    " where booking_id = %s", made["booking_id"]) == 1


def refund_now(shop):
    shop.hurry("refund")
    shop.work()


def test_a_refund_whose_key_may_be_forgotten_is_looked_for_before_it_is_made(shop, owed):
    _, made, refund = owed
    days_ago(shop, made)
    asked = len(shop.sandbox.requests("POST /v1/refunds"))
    shop.sandbox.fault("GET /v1/refunds", "fail", times=1)
    refund_now(shop)
    # Nobody knows whether it was made: so it is not made.
    assert shop.refunds(made) == [("cancelled", "queued", "120.00")]
    refund_now(shop)
    assert shop.refunds(made) == [("cancelled", "pending", "120.00")]
    assert len(shop.sandbox.requests("POST /v1/refunds")) == asked
    shop.sandbox.control("POST", f"/refunds/{refund}", {"status": "succeeded"})
    shop.sandbox.wait()
    assert shop.refunds(made) == [("cancelled", "succeeded", "120.00")]


def test_a_refund_that_never_reached_stripe_is_made_days_later(shop):
    token = shop.token()
    made = shop.book(token, shop.franchise(1), day_in(5), 9, 17)
    shop.pay(made["payment_url"])
    shop.cancel(token, made)
    shop.sandbox.fault("POST /v1/refunds", "drop")
    shop.work()
    shop.sandbox.lift()
    assert shop.refunds(made) == [("cancelled", "queued", "120.00")]
    days_ago(shop, made)
    refund_now(shop)
    assert shop.refunds(made) == [("cancelled", "succeeded", "120.00")]
    assert shop.read(token, made)["payment_status"] == "refunded"


def test_a_refund_that_wants_something_of_the_customer_is_not_over(shop, owed):
    token, made, refund = owed
    shop.sandbox.control("POST", f"/refunds/{refund}", {"reference": "74830000002"})
    shop.sandbox.wait()
    event = copy.deepcopy(words_of(shop, refund)[0])
    event["id"] = f"evt_{uuid.uuid4().hex}"
    event["data"]["object"]["status"] = "requires_action"
    assert shop.webhook(event).status == 200
    assert kept(shop, event) == 1
    assert shop.refunds(made) == [("cancelled", "pending", "120.00")]
    assert shop.told(made, *EVENTS) == (1, 1, 0, 0)


def test_a_refund_that_is_none_of_ours_is_kept(shop, owed):
    token, made, refund = owed
    event = copy.deepcopy(words_of(shop, refund, "refund.created")[0])
    event.update(id=f"evt_{uuid.uuid4().hex}", type="refund.updated")
    event["data"]["object"].update(id="re_other", metadata={}, status="succeeded")
    assert shop.webhook(event).status == 200
    assert kept(shop, event) == 1
    assert shop.refunds(made) == [("cancelled", "queued", "120.00")]
    assert shop.told(made, *EVENTS) == (1, 1, 0, 0)


def test_a_refund_taken_back_is_owed_again(shop, owed):
    token, made, refund = owed
    shop.sandbox.control("POST", f"/refunds/{refund}", {"status": "canceled"})
    shop.sandbox.wait()
    assert shop.refunds(made) == [("cancelled", "failed", "120.00")]
    assert shop.told(made, *EVENTS) == (1, 1, 0, 0)
