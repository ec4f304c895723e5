"""test_payments_direct.py: paying with a payment method at once, and giving
money back by hand, beside Stripe's sandbox."""

import hashlib
import pathlib
import secrets
import sys
import time
import uuid

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from live import V1, Request, day_in  # noqa: E402
from shop import VERSION, Shop, keyed  # noqa: E402

INTENTS = "POST /v1/payment_intents"
VISA = {"payment_method": "pm_card_visa"}
BANK = {"payment_method": "pm_card_authenticationRequired"}
# A connection that was kept and is cut is tried anew at once, a few times.
TIMES = 20
NO_FUNDS = {"payment_method": "pm_card_chargeDeclinedInsufficientFunds"}
# A page goes before a card is tried: by our word, or by Stripe's of its end, which comes first.
GIVEN_UP = [(word, "120.00", "0.00") for word in ("superseded", "expired")]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Its due work is done when a test says so."""
    shop = Shop(tmp_path_factory.mktemp("direct"), watch=False)
    try:
        yield shop.start()
    finally:
        shop.reset()


@pytest.fixture
def shop(shared):
    yield shared
    shared.sandbox.lift()
    shared.drain()
    shared.balanced()
    shared.run("verify")
    shared.stripe_agrees()


@pytest.fixture
def booked(shop):
    """(token, booking) of 120.00, which waits for its payment."""
    token = shop.token()
    return token, shop.book(token, shop.franchise(3), day_in(5), 9, 17)


def pay(shop, token, made, body=None, **headers):
    return shop.ask("POST", f"{V1}/bookings/{made['booking_id']}/payment",
                    token, body, **headers)


def key_of(shop, franchise=None, scopes=("payment:refund",)):
    name = "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz")
                   for _ in range(12))
    secret = secrets.token_urlsafe(32)
    shop.sql("insert into access.api_keys (id, name, kind, secret_hash, "
             "scopes, franchise_id) values (%s, 'desk', 'secret', %s, %s, %s)",
             name, hashlib.sha256(secret.encode()).digest(), list(scopes),
             franchise)
    return {"X-API-Key": f"cbk_{name}_{secret}"}


def refund(shop, payment, key, body=None, **headers):
    return shop.ask("POST", f"{V1}/payments/{payment['payment_id']}/refund",
                    None, body, **key, **headers)


def paid(shop, booked):
    """The payment of a booking that is paid at once."""
    answer = pay(shop, *booked, VISA)
    assert answer.status == 200, answer
    return answer.body


def intents(shop, made):
    return [i for i in shop.sandbox.objects("payment_intent").values()
            if i["metadata"].get("booking_id") == made["booking_id"]]


def open_sessions(shop, made):
    return [s for s in shop.sandbox.objects("checkout.session").values()
            if s["status"] == "open" and
            s["metadata"].get("booking_id") == made["booking_id"]]


# ---- a Checkout page ----------------------------------------------------------


def test_without_a_method_the_answer_is_the_open_page(shop, booked):
    token, made = booked
    answer = pay(shop, token, made)
    assert answer.status == 200 and answer.body["status"] == "open"
    assert answer.body["payment_url"] == made["payment_url"]
    assert answer.body["amount"] == 120 and answer.body["refunds"] == []
    again = shop.ask("POST", f"{V1}/payments", token,
                     {"booking_id": made["booking_id"]})
    assert again.status == 200
    assert again.body["payment_id"] == answer.body["payment_id"]
    assert len(open_sessions(shop, made)) == 1


def test_the_manage_link_pays_its_booking_and_no_stranger_does(shop, booked):
    _, made = booked
    manage = made["manage_url"].rpartition("#token=")[2]
    assert pay(shop, shop.token(), made).status == 404
    assert pay(shop, shop.token(), made, VISA).status == 404
    assert pay(shop, manage, made, VISA).body["booking_status"] == "confirmed"
    assert shop.ask("POST", f"{V1}/payments", manage, {
        "booking_id": made["booking_id"]}).status == 403


def test_while_stripe_is_away_the_answer_is_our_own_link(shop):
    token = shop.token()
    shop.sandbox.fault("POST /v1/checkout/sessions", "fail", times=2,
                       saved=False)
    made = shop.book(token, shop.franchise(1), day_in(5), 9, 17)
    key = keyed()
    answer = pay(shop, token, made, **key)
    assert answer.status == 202 and answer.body["status"] == "queued"
    assert answer.body["payment_url"].startswith(
        f"https://127.0.0.1:{shop.port}/pay/{made['booking_id']}?t=")
    replayed = pay(shop, token, made, **key)
    assert replayed.raw == answer.raw
    assert replayed.headers["Idempotency-Replayed"] == "true"
    assert pay(shop, token, made).status == 200
    assert shop.payments(made) == [("open", "120.00", "0.00")]


# ---- at once --------------------------------------------------------------------


def test_a_payment_method_pays_at_once_and_closes_the_page(shop, booked):
    token, made = booked
    assert len(open_sessions(shop, made)) == 1
    answer = pay(shop, token, made, VISA)
    assert answer.status == 200, answer
    assert answer.body["status"] == "succeeded"
    assert answer.body["booking_status"] == "confirmed"
    assert answer.body["amount"] == 120
    assert answer.body["payment_url"] is None
    assert answer.body["next_action"] is None
    assert open_sessions(shop, made) == []
    page, card = shop.payments(made)
    assert page in GIVEN_UP and card == ("succeeded", "120.00", "0.00")
    shop.sandbox.wait()
    assert shop.told(made, "BookingConfirmed", "PaymentProcessed") == (1, 1)
    again = pay(shop, token, made, VISA)
    assert (again.status, again.code) == (409, "state_conflict")
    assert pay(shop, token, made).code == "state_conflict"
    assert len(intents(shop, made)) == 1


def test_what_was_paid_on_the_page_already_is_not_charged_again(shop, booked):
    token, made = booked
    shop.sandbox.webhook_fault("checkout.session.completed", "withhold")
    shop.sandbox.webhook_fault("payment_intent.succeeded", "withhold")
    assert shop.sandbox.act(shop.session_of(made["payment_url"]),
                            action="pay", payment_method="pm_card_visa")
    answer = pay(shop, token, made, VISA)
    assert (answer.status, answer.code) == (409, "state_conflict")
    assert shop.read(token, made)["status"] == "confirmed"
    shop.sandbox.control("DELETE", "/webhooks/faults")
    shop.sandbox.control("POST", "/webhooks/release")
    shop.sandbox.wait()
    assert shop.payments(made) == [("succeeded", "120.00", "0.00")]
    assert shop.told(made, "BookingConfirmed", "PaymentProcessed") == (1, 1)


def test_a_declined_card_says_why_and_another_one_pays(shop, booked):
    token, made = booked
    key = keyed()
    answer = pay(shop, token, made, NO_FUNDS, **key)
    assert (answer.status, answer.code) == (402, "payment_declined")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body["decline_code"] == "insufficient_funds"
    assert "enough funds" in answer.body["detail"]
    now = shop.read(token, made)
    assert (now["status"], now["payment_status"]) == ("pending", "failed")
    # Declined under its key is declined, with another key it is another try.
    assert pay(shop, token, made, NO_FUNDS, **key).status == 402
    assert len(intents(shop, made)) == 1
    assert pay(shop, token, made, VISA).status == 200
    page, *cards = shop.payments(made)
    assert page in GIVEN_UP
    assert cards == [("failed", "120.00", "0.00"), ("succeeded", "120.00", "0.00")]


def test_what_stripe_refuses_whatever_the_card_is_not_the_cards_fault(shop):
    token = shop.token()
    # 0.16 in all: less than Stripe takes, whoever asks.
    made = shop.book(token, shop.franchise(1, rate="0.02"), day_in(5), 9, 17)
    answer = pay(shop, token, made, VISA)
    assert (answer.status, answer.code) == (402, "payment_declined")
    assert answer.body["decline_code"] == "refused_amount_too_small"
    assert "whatever the card" in answer.body["detail"], answer
    assert "declined" not in answer.body["detail"]
    assert shop.read(token, made)["status"] == "pending"
    shop.cancel(token, made)


@pytest.mark.parametrize("code, told", [("account_invalid", 402), ("testmode_charges_only", 402),
                                        ("payment_method_unactivated", 422)])
def test_an_account_that_may_not_charge_is_not_the_cards_fault_either(shop, booked, code, told):
    token, made = booked
    shop.sandbox.fault(INTENTS, "refuse", code=code, times=1)
    answer = pay(shop, token, made, VISA)
    assert answer.status == told, answer
    if told == 402:
        assert answer.body["decline_code"] == f"refused_{code}"
    assert pay(shop, token, made, VISA).body["status"] == "succeeded"


def test_money_for_a_payment_that_has_succeeded_is_not_taken_for_nothing(shop):
    """By no way of ours, but by our tags."""
    token, made = shop.paid_booking(shop.franchise(2), day_in(5), 9, 17)
    payment, intent = shop.sql("select id, stripe_payment_id from payments.payments where"
                               " booking_id = %s", made["booking_id"])[0]
    found = shop.sandbox.objects("payment_intent")[intent]
    event = {"id": f"evt_{uuid.uuid4().hex}", "object": "event", "api_version": VERSION,
             "type": "payment_intent.succeeded", "created": int(time.time()), "livemode": False,
             "data": {"object": {**found, "id": "pi_another"}}}
    answer = shop.webhook(event)
    assert (answer.status, answer.code) == (409, "conflict")
    event["data"]["object"]["id"] = intent
    assert shop.webhook(event).status == 200
    assert shop.payments(made) == [("succeeded", "120.00", "0.00")]


def test_after_a_decline_the_page_pays_too(shop, booked):
    token, made = booked
    assert pay(shop, token, made, NO_FUNDS).status == 402
    answer = pay(shop, token, made)
    assert answer.status == 200 and answer.body["status"] == "open"
    shop.pay(answer.body["payment_url"])
    assert shop.read(token, made)["status"] == "confirmed"


def test_a_stolen_card_is_simply_declined(shop, booked):
    answer = pay(shop, *booked, {
        "payment_method": "pm_card_visa_chargeDeclinedStolenCard"})
    assert answer.status == 402
    assert answer.body["decline_code"] == "generic_decline"
    assert "stolen" not in answer.raw.decode()


def test_what_is_no_payment_method_is_named(shop, booked):
    token, made = booked
    for method in ("card_visa", "pm_x/../y", "pm_"):
        answer = pay(shop, token, made, {"payment_method": method})
        assert answer.status == 422, answer
        assert answer.body["errors"][0]["pointer"] == "/payment_method"
    assert shop.payments(made) == [("open", "120.00", "0.00")]
    answer = pay(shop, token, made, {"payment_method": "pm_nobody_knows"})
    assert answer.status == 422
    assert answer.body["errors"][0]["pointer"] == "/payment_method"
    assert pay(shop, token, made, {**VISA, "amount": 1}).status == 422
    assert pay(shop, token, made, VISA).status == 200


def test_the_banks_question_is_handed_on_and_its_answer_confirms(shop, booked):
    token, made = booked
    key = keyed()
    answer = pay(shop, token, made, BANK, **key)
    assert answer.status == 200, answer
    assert answer.body["status"] == "requires_action"
    assert answer.body["booking_status"] == "pending"
    todo = answer.body["next_action"]
    assert todo["type"] == "redirect_to_url"
    assert todo["redirect_url"].startswith(shop.sandbox.url)
    assert todo["client_secret"].startswith("pi_")
    # The question again, not another payment.
    assert pay(shop, token, made, BANK, **key).body["next_action"] == todo
    intent, = intents(shop, made)
    assert shop.get(f"{V1}/payments/{answer.body['payment_id']}",
                    token).body["next_action"] is None
    shop.sandbox.control("POST", f"/payment_intents/{intent['id']}",
                         {"action": "authenticate"})
    shop.sandbox.wait()
    assert shop.read(token, made)["status"] == "confirmed"
    last = pay(shop, token, made, BANK, **key)
    assert last.body["status"] == "succeeded"
    assert pay(shop, token, made, BANK, **key).raw == last.raw


def test_a_question_left_open_gives_way_to_another_card(shop, booked):
    token, made = booked
    assert pay(shop, token, made, BANK).body["status"] == "requires_action"
    assert pay(shop, token, made, VISA).body["status"] == "succeeded"
    assert sorted(i["status"] for i in intents(shop, made)) == [
        "canceled", "succeeded"]


def test_a_question_left_open_gives_way_to_the_page(shop, booked):
    token, made = booked
    assert pay(shop, token, made, BANK).body["status"] == "requires_action"
    assert shop.link(token, made).status == 303
    assert [i["status"] for i in intents(shop, made)] == ["canceled"]


def test_a_cancelled_booking_takes_its_question_back(shop, booked):
    token, made = booked
    assert pay(shop, token, made, BANK).body["status"] == "requires_action"
    shop.cancel(token, made)
    shop.drain()
    assert [i["status"] for i in intents(shop, made)] == ["canceled"]
    assert shop.payments(made)[-1] == ("superseded", "120.00", "0.00")


# ---- under one key, and without an answer ---------------------------------------


def test_one_key_is_one_charge_and_one_answer(shop, booked):
    token, made = booked
    key = keyed()
    request = Request("POST", f"{V1}/bookings/{made['booking_id']}/payment",
                      token, VISA, **key)
    answers = shop.at_once([request] * 4)
    # 503: others of the pool were outside already; nothing was begun.
    assert {a.status for a in answers} <= {200, 202, 409, 503}, answers
    last = shop.ask("POST", request.path, token, VISA, **key)
    assert last.status == 200 and last.body["status"] == "succeeded"
    assert last.headers["Idempotency-Replayed"] == "true"
    assert shop.ask("POST", request.path, token, VISA, **key).raw == last.raw
    other = pay(shop, token, made, BANK, **key)
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    assert len(intents(shop, made)) == 1


def test_two_keys_at_once_charge_once(shop, booked):
    token, made = booked
    path = f"{V1}/bookings/{made['booking_id']}/payment"
    answers = shop.at_once([Request("POST", path, token, VISA, **keyed())
                            for _ in range(4)])
    statuses = [a.status for a in answers]
    assert statuses.count(200) + statuses.count(202) == 1, answers
    assert set(statuses) <= {200, 202, 409, 503}, answers
    shop.hurry("read")
    shop.work()
    assert shop.read(token, made)["status"] == "confirmed"
    assert len(intents(shop, made)) == 1


@pytest.mark.parametrize("kind", ["hang_after_effect", "drop_after_effect",
                                  "fail_after_effect"])
def test_an_answer_that_is_lost_is_processing_and_found_later(shop, booked,
                                                              kind):
    token, made = booked
    for name in ("payment_intent.*", "charge.*"):
        shop.sandbox.webhook_fault(name, "withhold")
    shop.sandbox.fault(INTENTS, kind, times=TIMES if "drop" in kind else 1)
    key = keyed()
    answer = pay(shop, token, made, VISA, **key)
    assert answer.status == 202, answer
    assert answer.body["status"] == "processing"
    assert shop.read(token, made)["status"] == "pending"
    # Nobody gets in between, with whatever key.
    assert pay(shop, token, made, VISA).status == 409
    shop.sandbox.lift()
    shop.hurry("read")
    shop.work()
    now = shop.read(token, made)
    assert (now["status"], now["payment_status"]) == ("confirmed", "paid")
    replayed = pay(shop, token, made, VISA, **key)
    assert replayed.status == 200 and replayed.body["status"] == "succeeded"
    shop.sandbox.control("POST", "/webhooks/release")
    shop.sandbox.wait()
    assert len(intents(shop, made)) == 1
    assert shop.told(made, "BookingConfirmed", "PaymentProcessed") == (1, 1)


def test_the_same_key_asks_again_where_the_answer_was_lost(shop, booked):
    token, made = booked
    shop.sandbox.fault(INTENTS, "drop", times=TIMES)
    key = keyed()
    assert pay(shop, token, made, VISA, **key).status == 202
    shop.sandbox.lift()
    answer = pay(shop, token, made, VISA, **key)
    assert answer.status == 200 and answer.body["status"] == "succeeded"
    assert len(intents(shop, made)) == 1


def test_what_stripe_failed_at_for_good_is_given_up_in_the_end(shop, booked):
    token, made = booked
    shop.sandbox.fault(INTENTS, "fail", times=1)
    key = keyed()
    answer = pay(shop, token, made, VISA, **key)
    assert answer.status == 202
    shop.hurry("read")
    shop.work()
    assert shop.payments(made)[-1][0] == "processing"
    shop.sql("update payments.payments set created_at = created_at - interval '3 minutes',"
             " updated_at = updated_at - interval '3 minutes' where id = %s",
             answer.body["payment_id"])
    shop.hurry("read")
    shop.work()
    told = pay(shop, token, made, VISA, **key)
    assert (told.status, told.body["decline_code"]) == (402, "no_answer")
    assert "nothing was charged" in told.body["detail"]
    assert pay(shop, token, made, VISA).status == 200
    assert intents(shop, made)[0]["status"] == "succeeded"


def test_stripes_list_is_believed_only_well_after_the_question(shop, booked):
    """Asked long after the customer paid: the list may not have it yet."""
    token, made = booked
    shop.sandbox.fault(INTENTS, "rate_limit", times=1)
    answer = pay(shop, token, made, VISA)
    assert (answer.status, answer.body["status"]) == (202, "queued")
    shop.sql("update payments.payments set created_at = created_at - interval '5 minutes',"
             " updated_at = created_at - interval '5 minutes' where id = %s",
             answer.body["payment_id"])

    def status():
        return shop.one("select payment_status from payments.payments where id = %s",
                        answer.body["payment_id"])
    shop.sandbox.fault(INTENTS, "fail", times=1)
    for _ in range(2):
        shop.hurry("read")
        shop.work()
        assert status() == "processing"
    assert shop.told(made, "PaymentFailed") == (0,)
    shop.sql("update payments.payments set updated_at = updated_at - interval '3 minutes'"
             " where id = %s", answer.body["payment_id"])
    shop.hurry("read")
    shop.work()
    assert status() == "failed"


def test_cancelled_with_the_answer_lost_it_goes_back(shop, booked):
    token, made = booked
    for name in ("payment_intent.*", "charge.*"):
        shop.sandbox.webhook_fault(name, "withhold")
    shop.sandbox.fault(INTENTS, "drop_after_effect", times=TIMES)
    answer = pay(shop, token, made, VISA)
    assert answer.status == 202
    shop.cancel(token, made)
    sent = len(shop.sandbox.requests(INTENTS))
    shop.sandbox.lift()
    shop.hurry("read")
    shop.work()
    # Looked for, not sent again.
    assert len(shop.sandbox.requests(INTENTS)) == sent
    shop.drain()
    assert shop.refunds(made) == [("cancelled", "succeeded", "120.00")]
    shop.sandbox.control("POST", "/webhooks/release")


def test_cancelled_before_it_was_sent_it_is_never_charged(shop, booked):
    token, made = booked
    shop.sandbox.fault(INTENTS, "drop", times=TIMES)
    answer = pay(shop, token, made, VISA)
    assert answer.status == 202
    shop.sandbox.lift()
    shop.cancel(token, made)
    shop.hurry("read")
    shop.work()
    shop.sql("update payments.payments set created_at = created_at - "
             "interval '3 minutes' where id = %s", answer.body["payment_id"])
    shop.hurry("read")
    shop.work()
    assert intents(shop, made) == []
    assert shop.one("select payment_status from payments.payments where id = %s",
                    answer.body["payment_id"]) == "superseded"


# ---- back ---------------------------------------------------------------------


def test_staff_give_back_a_part_and_then_the_rest(shop, booked):
    payment = paid(shop, booked)
    key = key_of(shop)
    part = refund(shop, payment, key, {"amount": 20.00})
    assert part.status == 201, part
    assert (part.body["amount"], part.body["status"],
            part.body["reason"]) == (20, "queued", "staff")
    for amount in (100.01, 0, 120):
        answer = refund(shop, payment, key, {"amount": amount})
        assert answer.status == 422, answer
        assert answer.body["errors"][0]["pointer"] == "/amount"
    rest = refund(shop, payment, key)
    assert rest.status == 201 and rest.body["amount"] == 100
    assert refund(shop, payment, key).code == "state_conflict"
    assert refund(shop, payment, key, {"amount": 0.01}).status == 422
    shop.drain()
    token, made = booked
    assert shop.refunds(made) == [("staff", "succeeded", "20.00"),
                                  ("staff", "succeeded", "100.00")]
    now = shop.read(token, made)
    assert (now["status"], now["payment_status"]) == ("confirmed", "refunded")
    shown = shop.get(f"{V1}/payments/{payment['payment_id']}", token).body
    assert [r["amount"] for r in shown["refunds"]] == [20, 100]


def test_refunds_at_once_stay_within_what_was_paid(shop, booked):
    payment = paid(shop, booked)
    key = key_of(shop)
    path = f"{V1}/payments/{payment['payment_id']}/refund"
    answers = shop.at_once([Request("POST", path, None, {"amount": 70.00},
                                    **key) for _ in range(4)])
    assert sorted(a.status for a in answers) == [201, 422, 422, 422], answers
    shop.drain()
    assert shop.refunds(booked[1]) == [("staff", "succeeded", "70.00")]


def test_a_refund_repeated_under_its_key_is_one(shop, booked):
    payment = paid(shop, booked)
    key = {**key_of(shop), **keyed()}
    first = refund(shop, payment, key, {"amount": 30.00})
    again = refund(shop, payment, key, {"amount": 30.00})
    assert first.status == again.status == 201 and first.raw == again.raw
    assert again.headers["Idempotency-Replayed"] == "true"
    assert refund(shop, payment, key, {"amount": 31.00}).code == \
        "idempotency_key_reused"
    shop.drain()
    assert shop.refunds(booked[1]) == [("staff", "succeeded", "30.00")]


def test_only_a_key_of_the_franchise_gives_money_back(shop, booked):
    token, made = booked
    payment = paid(shop, booked)
    path = f"{V1}/payments/{payment['payment_id']}/refund"
    other = key_of(shop, shop.franchise(1))
    assert refund(shop, payment, other).status == 404
    assert shop.ask("POST", path, token).status == 403
    assert refund(shop, payment, key_of(
        shop, scopes=("booking:create", "booking:update"))).status == 403
    assert refund(shop, {"payment_id": str(uuid.uuid4())},
                  key_of(shop)).status == 404
    assert shop.refunds(made) == []
    own = key_of(shop, shop.one(
        "select franchise_id from bookings.bookings where id = %s",
        made["booking_id"]))
    assert refund(shop, payment, own, {"amount": 1.50}).status == 201


def test_what_was_not_paid_is_not_refunded(shop, booked):
    payment = pay(shop, *booked).body
    answer = refund(shop, payment, key_of(shop), {"amount": 1.00})
    assert (answer.status, answer.code) == (409, "state_conflict")


# ---- the page while Stripe is away --------------------------------------------


def test_the_links_page_tries_again_by_itself_while_stripe_is_away(shop):
    token = shop.token()
    shop.sandbox.fault("POST /v1/checkout/sessions", "fail", times=2,
                       saved=False)
    made = shop.book(token, shop.franchise(1), day_in(5), 9, 17)
    url = shop.read(token, made)["payment_url"].partition(
        f":{shop.port}")[2]
    page = shop.get(url, Accept="text/html")
    assert page.status == 503 and int(page.headers["Retry-After"]) > 0
    assert 'http-equiv="refresh"' in page.raw.decode()
    assert shop.get(url, Accept="text/html").status == 303


def test_the_links_page_says_why_there_is_nothing_to_pay(shop, booked):
    token, made = booked
    url = shop.read(token, made)["payment_url"].partition(f":{shop.port}")[2]

    def told():
        page = shop.get(url, Accept="text/html")
        assert page.status == 409 and page.headers["Content-Type"].startswith("text/html")
        text = page.raw.decode()
        assert "<h1>There is nothing to pay</h1>" in text
        assert "refresh" not in text and "try again" not in text
        return text
    paid(shop, booked)
    assert "The booking is paid already." in told()
    shop.cancel(token, made)
    assert "The booking is cancelled." in told()
