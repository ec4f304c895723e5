"""Answers of Postgres that are lost: what was done is found and told; where it
cannot be looked up, nobody is told that it failed."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from live import V1, Request, at, booking_body, day_in  # noqa: E402
from lossy import on_a_road  # noqa: E402
from shop import Shop, keyed  # noqa: E402
from test_visit_races import collect, expected, key_of, scan  # noqa: E402


@pytest.fixture(scope="module")
def lossy(tmp_path_factory):
    """(shop, the road to Postgres on which its pool's answers can be lost)."""
    shop = Shop(tmp_path_factory.mktemp("lost"), watch=False, API_WORKERS=1,
                REDIS_TIMEOUT_MS=1000)
    with on_a_road(shop) as road:
        yield shop, road
        shop.drain()
        shop.books()
        shop.balanced()


def path_of(made):
    return f"{V1}/bookings/{made['booking_id']}"


def unknown(answer):
    """Neither done nor failed: the caller is to ask again."""
    assert answer.status == 503 and answer.code == "outcome_unknown", answer
    assert int(answer.headers["Retry-After"]) >= 1
    detail = answer.body["detail"].lower()
    assert "fail" not in detail, detail
    return answer


# ---- a booking is made ---------------------------------------------------------------


@pytest.mark.parametrize("key", [True, False], ids=["key", "no_key"])
def test_a_booking_whose_answer_is_lost_is_found_and_told_as_it_stands(lossy, key):
    shop, road = lossy
    day, house, token = day_in(6), shop.franchise(3), shop.token()
    headers = keyed() if key else {}
    road.lose("booking_place")
    answer = shop.ask("POST", f"{V1}/bookings", token, booking_body(house, day, 9, 11), **headers)
    assert road.lost == 1
    assert answer.status == 201, answer
    made = answer.body
    assert made["manage_url"]
    (one,) = shop.get(f"{V1}/bookings", token).body["data"]
    assert (one["booking_id"], one["booking_code"]) == (made["booking_id"], made["booking_code"])
    assert shop.booked(house) == {(day, 9): 1, (day, 10): 1}
    assert shop.told(made, "BookingCreated") == (1,)
    if key:
        again = shop.ask("POST", f"{V1}/bookings", token, booking_body(house, day, 9, 11),
                         **headers)
        assert again.headers["Idempotency-Replayed"] == "true"
        assert again.body["booking_id"] == made["booking_id"]


def test_a_booking_that_cannot_be_looked_up_is_not_said_to_have_failed(lossy):
    shop, road = lossy
    day, house, token = day_in(6), shop.franchise(3), shop.token()
    headers, body = keyed(), booking_body(house, day, 9, 11)
    road.lose("booking_place", closed=True)
    try:
        unknown(shop.ask("POST", f"{V1}/bookings", token, body, **headers))
    finally:
        road.open()
    again = shop.again(Request("POST", f"{V1}/bookings", token, body, **headers))
    assert again.status == 201 and again.headers["Idempotency-Replayed"] == "true"
    assert shop.booked(house) == {(day, 9): 1, (day, 10): 1}
    assert shop.told(again.body, "BookingCreated") == (1,)


# ---- a booking is cancelled ------------------------------------------------------------


@pytest.mark.parametrize("key", [True, False], ids=["key", "no_key"])
@pytest.mark.parametrize("paid", [True, False], ids=["paid", "unpaid"])
@pytest.mark.parametrize("refund", [True, False], ids=["expected", "any"])
def test_a_cancellation_whose_answer_is_lost_is_found_and_made_once(lossy, key, paid, refund):
    shop, road = lossy
    day, house = day_in(6), shop.franchise(3)
    if paid:
        token, made = shop.paid_booking(house, day, 9, 11)
    else:
        token = shop.token()
        made = shop.book(token, house, day, 9, 11)
    headers = keyed() if key else {}
    body = {"reason": "Ill", **({"expected_refund": 30 if paid else 0} if refund else {})}
    etag = shop.get(path_of(made), token).headers["ETag"]
    road.lose("booking_release")
    answer = shop.ask("DELETE", path_of(made), token, body, If_Match=etag, **headers)
    assert road.lost == 1
    assert answer.status == 200, answer
    gone = answer.body
    assert (gone["status"], gone["refund_amount"], gone["cancellation_reason"]) == (
        "cancelled", 30 if paid else 0, "Ill")
    assert int(answer.headers["ETag"].strip('"').split(".")[0]) == \
        int(etag.strip('"').split(".")[0]) + 1, "done twice"
    assert shop.booked(house) == {}
    assert shop.told(made, "BookingCancelled") == (1,)
    assert len(shop.refunds(made)) == int(paid)
    # Twice is no error, and no second time.
    again = shop.ask("DELETE", path_of(made), token, body, **headers)
    assert again.status == 200 and again.body["refund_amount"] == gone["refund_amount"]
    assert bool(again.headers["Idempotency-Replayed"]) == key
    shop.drain()
    assert shop.told(made, "BookingCancelled", "RefundProcessed") == (1, int(paid))
    assert shop.refunds(made) == ([("cancelled", "succeeded", "30.00")] if paid else [])


@pytest.mark.parametrize("key", [True, False], ids=["key", "no_key"])
def test_a_cancellation_that_cannot_be_looked_up_is_not_said_to_have_failed(lossy, key):
    shop, road = lossy
    day, house, headers = day_in(6), shop.franchise(3), keyed() if key else {}
    token, made = shop.paid_booking(house, day, 9, 11)
    road.lose("booking_release", closed=True)
    try:
        unknown(shop.ask("DELETE", path_of(made), token, {"expected_refund": 30}, **headers))
    finally:
        road.open()
    assert shop.one("select booking_status from bookings.bookings where id = %s",
                    made["booking_id"]) == "cancelled"
    again = shop.again(Request("DELETE", path_of(made), token, {"expected_refund": 30}, **headers))
    assert again.status == 200 and again.body["refund_amount"] == 30
    shop.drain()
    assert shop.told(made, "BookingCancelled", "RefundProcessed") == (1, 1)


# ---- a booking is changed -----------------------------------------------------------------


def test_a_change_that_cannot_be_looked_up_is_not_said_to_have_failed(lossy):
    shop, road = lossy
    day, house, token = day_in(6), shop.franchise(3), shop.token()
    made = shop.book(token, house, day, 9, 11)
    body, headers = {"end_datetime": at(day, 10)}, keyed()
    road.lose("booking_change", closed=True)
    try:
        unknown(shop.ask("PUT", path_of(made), token, body, **headers))
    finally:
        road.open()
    again = shop.again(Request("PUT", path_of(made), token, body, **headers))
    assert again.status == 200 and again.headers["Idempotency-Replayed"] == "true"
    assert shop.booked(house) == {(day, 9): 1}
    assert shop.told(made, "BookingModified") == (1,)


# ---- a booking is paid ---------------------------------------------------------------------

# What the pool commits when a booking with an open page is paid at once: the page's
# end, the attempt before Stripe hears of it, and what Stripe has answered.
COMMITS = [1, 2, 3]


def pay(shop, token, made, **headers):
    return shop.ask("POST", path_of(made) + "/payment", token,
                    {"payment_method": "pm_card_visa"}, **headers)


def end(shop, page):
    """Stripe ends it."""
    shop.sandbox.api(f"/v1/checkout/sessions/{shop.session_of(page)}/expire", {})
    shop.sandbox.wait()


def is_paid_once(shop, token, made):
    shop.sandbox.wait()
    shop.hurry("read", "close")
    shop.work()
    now = shop.read(token, made)
    assert (now["status"], now["payment_status"]) == ("confirmed", "paid")
    assert sum(i["amount_received"] for i in shop.sandbox.objects("payment_intent").values()
               if i["metadata"].get("booking_id") == made["booking_id"]) == 3000
    assert shop.told(made, "BookingConfirmed", "PaymentProcessed") == (1, 1)


@pytest.mark.parametrize("nth", COMMITS)
@pytest.mark.parametrize("key", [True, False], ids=["key", "no_key"])
def test_a_payment_whose_answer_is_lost_is_made_once_and_told(lossy, key, nth):
    shop, road = lossy
    token, headers = shop.token(), keyed() if key else {}
    made = shop.book(token, shop.franchise(3), day_in(6), 9, 11)
    shop.sandbox.webhook_fault("*", "withhold")
    road.lose("payment_apply", nth=nth)
    answer = pay(shop, token, made, **headers)
    assert road.lost == 1
    assert (answer.status, answer.body["status"]) == (200, "succeeded"), answer
    shop.sandbox.lift()
    shop.sandbox.control("POST", "/webhooks/release")
    is_paid_once(shop, token, made)
    if key:
        again = pay(shop, token, made, **headers)
        assert again.body["payment_id"] == answer.body["payment_id"]
        assert again.headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("nth", COMMITS)
def test_a_payment_that_cannot_be_looked_up_is_not_said_to_have_failed(lossy, nth):
    shop, road = lossy
    token, headers = shop.token(), keyed()
    made = shop.book(token, shop.franchise(3), day_in(6), 9, 11)
    shop.sandbox.webhook_fault("*", "withhold")
    road.lose("payment_apply", closed=True, nth=nth)
    try:
        answer = pay(shop, token, made, **headers)
        assert road.lost == 1
        # Before Stripe heard of it nothing is uncertain but whether there is an attempt.
        if nth == 1:
            assert answer.status == 503 and int(answer.headers["Retry-After"]) >= 1, answer
        else:
            unknown(answer)
    finally:
        road.open()
    again = shop.again(Request("POST", path_of(made) + "/payment", token,
                               {"payment_method": "pm_card_visa"}, **headers))
    assert (again.status, again.body["status"]) == (200, "succeeded"), again
    shop.sandbox.lift()
    shop.sandbox.control("POST", "/webhooks/release")
    is_paid_once(shop, token, made)


def test_a_page_whose_answer_is_lost_is_opened_once(lossy):
    shop, road = lossy
    token = shop.token()
    made = shop.book(token, shop.franchise(3), day_in(6), 9, 11)
    end(shop, made["payment_url"])
    for nth in (1, 2):  # the attempt, and the page it has
        headers = keyed()
        road.lose("payment_apply", nth=nth)
        answer = shop.ask("POST", path_of(made) + "/payment", token, {}, **headers)
        assert road.lost == 1
        assert (answer.status, answer.body["status"]) == (200, "open"), answer
        again = shop.ask("POST", path_of(made) + "/payment", token, {}, **headers)
        assert again.body == answer.body
        end(shop, answer.body["payment_url"])
    assert [s for s, _, _ in shop.payments(made)] == ["expired"] * 3
    shop.cancel(token, made)


# ---- at the desk --------------------------------------------------------------------------


def test_a_visit_that_cannot_be_looked_up_is_not_said_to_have_failed(lossy):
    shop, road = lossy
    house = shop.franchise(3, rate="0.00")
    desk = key_of(shop, house)
    _, made, qr = expected(shop, house)
    for statement, asked, status in (("visit_check_in", scan(desk, qr), 200),
                                     ("visit_check_out", collect(desk, made, "Aunt May"), 200)):
        road.lose(statement, closed=True)
        try:
            (answer,) = shop.at_once([asked])
            unknown(answer)
        finally:
            road.open()
        again = shop.again(asked)
        assert again.status == status and again.body["already"] is True, again
    assert shop.told(made, "BookingCheckedIn", "BookingCompleted") == (1, 1)


# ---- money was sent back at Stripe -----------------------------------------------------


def test_a_webhook_whose_answer_is_lost_leaves_its_work_once(lossy):
    shop, road = lossy
    token, made = shop.paid_booking(shop.franchise(3), day_in(6), 9, 11)
    intent = shop.one("select stripe_payment_id from payments.payments where booking_id = %s",
                      made["booking_id"])
    road.lose("payment_tell_refunded")
    shop.sandbox.api("/v1/refunds", {"payment_intent": intent})
    shop.sandbox.wait()
    assert road.lost == 1
    assert shop.one("select count(*) from bookings.outbox where booking_id = %s and type = 'refunds'",
                    made["booking_id"]) == 1
    shop.drain()
    assert shop.refunds(made) == [("staff", "succeeded", "30.00")]
    assert shop.told(made, "RefundProcessed") == (1,)
    assert shop.cancel(token, made)["refund_amount"] == 0
