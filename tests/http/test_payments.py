"""test_payments.py: money in and out beside Stripe's sandbox: what is paid too
late, twice, for something else, or while the other side fails.  After each
test our books, the journal and Stripe's agree."""

import os
import pathlib
import signal
import sys
import threading
import uuid

import psycopg2
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from live import V1, Client, Request, at, booking_body, day_in  # noqa: E402
from shop import Shop, keyed, until  # noqa: E402

SESSIONS, REFUNDS = "POST /v1/checkout/sessions", "POST /v1/refunds"
EVENTS = ("BookingConfirmed", "PaymentProcessed", "PaymentFailed",
          "RefundProcessed")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Its due work is done when a test says so."""
    shop = Shop(tmp_path_factory.mktemp("payments"), watch=False)
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


def quarrel(shop):
    """(A booking of 120.00, its first session's page, its third's): the price
    went down and up again, and nobody has closed the first yet."""
    token, day = shop.token(), day_in(2)
    made = shop.book(token, shop.franchise(3), day, 0, 8)
    half = shop.change(token, made, end_datetime=at(day, 4)).body
    assert half["total_amount"] == 60
    whole = shop.change(token, made, end_datetime=at(day, 8)).body
    assert whole["total_amount"] == 120
    return token, made, made["payment_url"], whole["payment_url"]


# ---- in time, too late, twice ------------------------------------------------


def test_a_declined_card_is_not_the_end_and_paying_confirms_once(shop):
    token = shop.token()
    made = shop.book(token, shop.franchise(1), day_in(5), 9, 17)
    assert (made["status"], made["payment_status"]) == ("pending", "pending")
    shop.decline(made["payment_url"])
    assert shop.read(token, made)["status"] == "pending"
    shop.pay(made["payment_url"])
    now = shop.read(token, made)
    assert (now["status"], now["payment_status"]) == ("confirmed", "paid")
    assert now["hold_expires_at"] is None and now["payment_url"] is None
    assert shop.payments(made) == [("succeeded", "120.00", "0.00")]
    assert shop.told(made, *EVENTS) == (1, 1, 0, 0)


def test_an_abandoned_page_leaves_the_link_that_opens_another(shop):
    token = shop.token()
    made = shop.book(token, shop.franchise(1), day_in(5), 9, 17)
    assert shop.link(token, made).headers["Location"] == made["payment_url"]
    shop.sandbox.act(shop.session_of(made["payment_url"]), action="expire")
    shop.sandbox.wait()
    assert shop.payments(made) == [("expired", "120.00", "0.00")]
    answer = shop.link(token, made)
    assert answer.status == 303
    assert answer.headers["Location"] != made["payment_url"]
    shop.pay(answer.headers["Location"])
    assert shop.read(token, made)["status"] == "confirmed"


def test_the_link_gives_a_fresh_page_when_the_last_is_about_to_end(shop):
    token = shop.token()
    made = shop.book(token, shop.franchise(1), day_in(5), 9, 17)
    shop.sql("update payments.payments set session_expires_at = now() + "
             "interval '1 minute' where booking_id = %s", made["booking_id"])
    answer = shop.link(token, made)
    assert answer.status == 303, answer
    assert answer.headers["Location"] != made["payment_url"]
    assert not shop.sandbox.act(shop.session_of(made["payment_url"]),
                                action="pay"), "the old page takes money"
    shop.pay(answer.headers["Location"])
    assert shop.read(token, made)["status"] == "confirmed"


def test_paid_after_the_hold_but_before_anybody_took_the_places(shop):
    token = shop.token()
    made = shop.book(token, shop.franchise(1), day_in(5), 9, 17)
    shop.lapse(made)
    assert shop.read(token, made)["status"] == "expired"
    shop.pay(made["payment_url"])
    assert shop.read(token, made)["status"] == "confirmed"
    assert shop.told(made, *EVENTS) == (1, 1, 0, 0)


def expired(shop, token=None, **kinds):
    """(token, an expired booking of the only place, who took it after)."""
    token, house = token or shop.token(), shop.franchise(1)
    made = shop.book(token, house, day_in(5), 9, 17, **kinds)
    shop.lapse(made)
    other = shop.token()
    taken = shop.book(other, house, day_in(5), 9, 17)
    assert shop.one("select booking_status from bookings.bookings where "
                    "id = %s", made["booking_id"]) == "expired"
    return token, made, other, taken


def test_paid_after_the_hold_expired_with_places_free_is_confirmed(shop):
    token, made, other, taken = expired(shop)
    shop.cancel(other, taken)
    shop.pay(made["payment_url"])
    now = shop.read(token, made)
    assert (now["status"], now["payment_status"]) == ("confirmed", "paid")
    assert shop.refunds(made) == []
    assert shop.told(made, *EVENTS) == (1, 1, 0, 0)
    # The place is taken again.
    refused = shop.ask("POST", f"{V1}/bookings", shop.token(), booking_body(
        made["franchise_id"], day_in(5), 9, 17))
    assert (refused.status, refused.code) == (409, "capacity_exceeded")


def test_paid_after_the_hold_expired_with_no_places_is_refunded_in_full(shop):
    token, made, other, taken = expired(shop)
    shop.pay(made["payment_url"])
    assert shop.refunds(made) == [("late", "queued", "120.00")]
    shop.drain()
    assert shop.refunds(made) == [("late", "succeeded", "120.00")]
    now = shop.read(token, made)
    assert (now["status"], now["payment_status"]) == ("expired", "refunded")
    assert shop.told(made, *EVENTS) == (0, 1, 0, 1)
    assert shop.read(other, taken)["status"] == "pending"


def test_late_money_for_a_child_that_is_elsewhere_now_is_refunded(shop):
    token, made, other, taken = expired(shop, child="Ada")
    shop.cancel(other, taken)
    again = shop.book(token, shop.franchise(1), day_in(5), 9, 17, child="Ada")
    shop.pay(made["payment_url"])
    shop.drain()
    assert shop.read(token, made)["status"] == "expired"
    assert shop.refunds(made) == [("late", "succeeded", "120.00")]
    assert shop.read(token, again)["status"] == "pending"
    assert shop.booked(made["franchise_id"]) == {}


def test_late_money_for_a_time_that_has_begun_is_refunded(shop):
    token, made, other, taken = expired(shop)
    shop.cancel(other, taken)
    shop.sql("update bookings.bookings set start_datetime = start_datetime - "
             "interval '6 days', end_datetime = end_datetime - interval "
             "'6 days' where id = %s", made["booking_id"])
    shop.sql("update bookings.booking_children c set period = tstzrange("
             "b.start_datetime, b.end_datetime) from bookings.bookings b "
             "where b.id = c.booking_id and b.id = %s", made["booking_id"])
    shop.pay(made["payment_url"])
    shop.drain()
    assert shop.refunds(made) == [("late", "succeeded", "120.00")]
    assert shop.read(token, made)["status"] == "expired"


def test_paid_twice_by_two_sessions_the_second_is_refunded(shop):
    token, made, first, third = quarrel(shop)
    shop.pay(first)
    assert shop.read(token, made)["status"] == "confirmed"
    shop.pay(third)
    shop.drain()
    assert shop.payments(made) == [("succeeded", "120.00", "0.00"),
                                   ("superseded", "60.00", "0.00"),
                                   ("succeeded", "120.00", "120.00")]
    assert shop.refunds(made) == [("duplicate", "succeeded", "120.00")]
    now = shop.read(token, made)
    assert (now["status"], now["payment_status"]) == ("confirmed", "paid")
    assert shop.told(made, *EVENTS) == (1, 2, 0, 1)


def test_what_was_paid_twice_does_not_lessen_a_later_refund(shop):
    token, made, first, third = quarrel(shop)
    shop.pay(first)
    shop.pay(third)
    shop.drain()
    quote = shop.get(f"{V1}/bookings/{made['booking_id']}/cancellation-quote",
                     token).body
    assert quote["refund_amount"] == 60  # half, a day or two before
    assert shop.cancel(token, made)["refund_amount"] == 60
    shop.drain()
    assert shop.refunds(made) == [("duplicate", "succeeded", "120.00"),
                                  ("cancelled", "succeeded", "60.00")]
    assert shop.read(token, made)["payment_status"] == "partially_refunded"


def test_two_pages_paid_at_the_same_moment_confirm_once(shop):
    token, made, first, third = quarrel(shop)
    threads = [threading.Thread(target=shop.sandbox.act, args=(
        shop.session_of(url),), kwargs={"action": "pay"})
        for url in (first, third)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shop.sandbox.wait()
    shop.drain()
    assert shop.read(token, made)["status"] == "confirmed"
    assert shop.refunds(made) == [("duplicate", "succeeded", "120.00")]
    assert shop.told(made, *EVENTS) == (1, 2, 0, 1)


# ---- something else happens while the customer pays ----------------------------


def test_cancelled_while_paying_the_money_goes_back_when_it_lands(shop):
    token = shop.token()
    made = shop.book(token, shop.franchise(1), day_in(5), 9, 17)
    assert shop.cancel(token, made)["refund_amount"] == 0
    shop.pay(made["payment_url"])
    shop.drain()
    now = shop.read(token, made)
    assert (now["status"], now["payment_status"]) == ("cancelled", "refunded")
    assert shop.refunds(made) == [("cancelled", "succeeded", "120.00")]
    assert shop.told(made, *EVENTS) == (0, 1, 0, 1)
    assert shop.booked(made["franchise_id"]) == {}


def test_a_cancelled_bookings_page_is_closed(shop):
    token = shop.token()
    made = shop.book(token, shop.franchise(1), day_in(5), 9, 17)
    shop.cancel(token, made)
    shop.work()
    assert not shop.sandbox.act(shop.session_of(made["payment_url"]),
                                action="pay")
    assert shop.payments(made)[0][1:] == ("120.00", "0.00")
    assert shop.told(made, *EVENTS) == (0, 0, 0, 0)


def test_changed_while_paying_the_old_price_goes_back(shop):
    token, day = shop.token(), day_in(5)
    made = shop.book(token, shop.franchise(1), day, 9, 17)
    new = shop.change(token, made, end_datetime=at(day, 13)).body
    shop.pay(made["payment_url"])
    now = shop.read(token, made)
    assert now["status"] == "pending", "confirmed by another price"
    shop.drain()
    assert shop.refunds(made) == [("superseded", "succeeded", "120.00")]
    shop.pay(new["payment_url"])
    now = shop.read(token, made)
    assert (now["status"], now["payment_status"]) == ("confirmed", "paid")
    assert shop.payments(made) == [("succeeded", "120.00", "120.00"),
                                   ("succeeded", "60.00", "0.00")]
    assert shop.cancel(token, made)["refund_amount"] == 60
    shop.drain()


def test_an_expired_bookings_page_is_closed_before_it_is_paid(shop):
    _, made, _, _ = expired(shop)
    shop.work()
    assert not shop.sandbox.act(shop.session_of(made["payment_url"]),
                                action="pay")
    assert shop.told(made, *EVENTS) == (0, 0, 0, 0)


def test_with_stripe_away_an_expired_booking_frees_its_places_all_the_same(
        shop):
    shop.sandbox.fault("POST /v1/checkout/sessions/*", "drop", times=2)
    token, made, _, taken = expired(shop)
    shop.work()
    assert taken["status"] == "pending"
    shop.pay(made["payment_url"])  # it could not be closed
    shop.drain()
    assert shop.refunds(made) == [("late", "succeeded", "120.00")]


def test_a_webhook_that_never_comes_is_made_good_by_reading(shop):
    shop.sandbox.webhook_fault("*", "withhold")
    token = shop.token()
    made = shop.book(token, shop.franchise(1), day_in(5), 9, 17)
    shop.sandbox.act(shop.session_of(made["payment_url"]), action="pay")
    assert shop.read(token, made)["status"] == "pending"
    shop.hurry("read")
    shop.work()
    assert shop.read(token, made)["status"] == "confirmed"
    # And what comes after all changes nothing.
    shop.sandbox.lift()
    shop.sandbox.control("POST", "/webhooks/release")
    shop.sandbox.wait()
    assert shop.told(made, *EVENTS) == (1, 1, 0, 0)


# ---- refunds ---------------------------------------------------------------------


def test_postgres_refuses_refunds_above_what_was_paid(shop):
    token, made = shop.paid_booking(shop.franchise(1), day_in(5), 9, 17)
    payment = shop.one("select id from payments.payments where booking_id = %s",
                       made["booking_id"])
    wanted = ("select payments.put_refunds(%s, array[%s]::uuid[], "
              "array[%s]::uuid[], array[%s]::bigint[], array['staff']), "
              "payments.sum_up(%s)")
    for amounts in ([12001], [12000, 1], [6000, 6001]):
        with pytest.raises(psycopg2.errors.CheckViolation):
            with shop.cursor() as cursor:
                for amount in amounts:
                    cursor.execute(wanted, (
                        made["booking_id"], str(uuid.uuid4()), payment, amount,
                        made["booking_id"]))
    assert shop.refunds(made) == []
    with pytest.raises(psycopg2.errors.CheckViolation):
        shop.sql("update payments.payments set refunded_amount = 120.01 "
                 "where id = %s", payment)


def test_cancelled_twice_at_once_is_refunded_once(shop):
    token, made = shop.paid_booking(shop.franchise(1), day_in(5), 9, 17)
    answers = shop.at_once([Request(
        "DELETE", f"{V1}/bookings/{made['booking_id']}", token)
        for _ in range(4)])
    assert {a.status for a in answers} == {200}
    assert {a.body["refund_amount"] for a in answers} == {120}
    shop.drain()
    assert shop.refunds(made) == [("cancelled", "succeeded", "120.00")]


def test_two_who_work_at_once_refund_once(shop):
    made = []
    house = shop.franchise(8)
    for child in range(8):
        token, booking = shop.paid_booking(house, day_in(5), 9, 17)
        shop.cancel(token, booking)
        made.append(booking)
    threads = [threading.Thread(target=shop.work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shop.sandbox.wait()
    for booking in made:
        assert shop.refunds(booking) == [("cancelled", "succeeded", "120.00")]


def test_a_refund_that_is_pending_and_then_fails_is_still_owed(shop):
    token = shop.token()
    made = shop.book(token, shop.franchise(1), day_in(5), 9, 17)
    shop.pay(made["payment_url"], "pm_card_pendingRefund")
    shop.cancel(token, made)
    shop.work()
    assert shop.refunds(made) == [("cancelled", "pending", "120.00")]
    assert shop.told(made, "RefundProcessed") == (0,)
    refund = shop.one("select stripe_refund_id from payments.refunds where "
                      "booking_id = %s", made["booking_id"])
    shop.sandbox.control("POST", f"/refunds/{refund}", {"status": "failed"})
    shop.sandbox.wait()
    assert shop.refunds(made) == [("cancelled", "failed", "120.00")]
    assert shop.payments(made) == [("succeeded", "120.00", "0.00")]
    now = shop.read(token, made)
    assert (now["status"], now["payment_status"]) == ("cancelled", "paid")
    payment = shop.one("select id from payments.payments where booking_id = %s",
                       made["booking_id"])
    shown = shop.get(f"{V1}/payments/{payment}", token).body
    assert [(r["status"], r["amount"]) for r in shown["refunds"]] == [
        ("failed", 120)]
    assert shown["refunds"][0]["failure_reason"]
    assert shop.told(made, "RefundProcessed") == (0,)


def test_a_refund_that_the_bank_sends_back_is_entered_back(shop):
    token = shop.token()
    made = shop.book(token, shop.franchise(1), day_in(5), 9, 17)
    shop.pay(made["payment_url"], "pm_card_refundFail")
    shop.cancel(token, made)
    shop.drain()
    shop.sandbox.control("POST", "/clock", {"advance_s": 60})
    shop.sandbox.wait()
    assert shop.refunds(made) == [("cancelled", "failed", "120.00")]
    assert shop.sql("select kind, amount::text from payments.journal where "
                    "booking_id = %s and account = 'stripe' order by id",
                    made["booking_id"]) == [
        ("charge", "120.00"), ("refund", "-120.00"),
        ("refund_failed", "120.00")]


def test_half_is_refunded_a_day_before(shop):
    token, made = shop.paid_booking(shop.franchise(1), day_in(2), 0, 8)
    assert shop.cancel(token, made)["refund_amount"] == 60
    shop.drain()
    assert shop.refunds(made) == [("cancelled", "succeeded", "60.00")]
    assert shop.payments(made) == [("succeeded", "120.00", "60.00")]
    assert shop.read(token, made)["payment_status"] == "partially_refunded"


def test_a_franchise_in_yen_pays_and_gets_back_whole_yen(shop):
    house = shop.franchise(1, rate="1500")
    shop.sql("update franchises.franchises set currency = 'JPY' where id = %s",
             house)
    token = shop.token()
    made = shop.book(token, house, day_in(2), 0, 8)
    assert (made["total_amount"], made["currency"]) == (12000, "JPY")
    told = shop.pay(made["payment_url"])
    assert (told["session"]["amount_total"], told["session"]["currency"]) == (
        12000, "jpy")
    assert shop.cancel(token, made)["refund_amount"] == 6000
    shop.drain()
    assert shop.refunds(made) == [("cancelled", "succeeded", "6000.00")]
    (refund,) = [r for r in shop.sandbox.objects("refund").values()
                 if r["metadata"]["booking_id"] == made["booking_id"]]
    assert (refund["amount"], refund["currency"]) == (6000, "jpy")


# ---- answers that do not come ------------------------------------------------------


@pytest.mark.parametrize("kind", ["fail_after_effect", "drop_after_effect",
                                  "hang_after_effect", "garbage"])
def test_a_session_whose_answer_was_lost_is_found_again(shop, kind):
    more = {"saved": False} if kind == "fail_after_effect" else {}
    shop.sandbox.fault(SESSIONS, kind, times=1, **more)
    token = shop.token()
    made = shop.book(token, shop.franchise(1), day_in(5), 9, 17)
    # On a kept connection a cut one is tried again at once, with its key.
    assert made["payment_status"] == "queued" or kind == "drop_after_effect"
    shop.hurry("session")
    shop.work()
    answer = shop.link(token, made)
    assert answer.status == 303, answer
    mine = [s for s in shop.sandbox.objects("checkout.session").values()
            if s["metadata"]["booking_id"] == made["booking_id"]]
    assert [s["url"] for s in mine] == [answer.headers["Location"]]
    shop.pay(answer.headers["Location"])
    assert shop.read(token, made)["status"] == "confirmed"


def test_a_failure_that_stripe_repeats_ends_with_another_key(shop):
    shop.sandbox.fault(SESSIONS, "fail_after_effect", times=1)
    token = shop.token()
    made = shop.book(token, shop.franchise(1), day_in(5), 9, 17)
    orphan, = [s for s in shop.sandbox.objects("checkout.session").values()
               if s["metadata"]["booking_id"] == made["booking_id"]]
    shop.hurry("session")
    shop.work()
    assert shop.payments(made) == [("queued", "120.00", "0.00")]
    # A minute later.
    shop.sql("update payments.payments set created_at = created_at - interval "
             "'1 minute' where booking_id = %s", made["booking_id"])
    shop.hurry("session")
    shop.work()
    url = shop.link(token, made).headers["Location"]
    assert orphan["id"] not in url
    # The one that nobody knows of ends, and that means nothing.
    assert shop.sandbox.act(orphan["id"], action="expire")
    shop.sandbox.wait()
    assert shop.payments(made) == [("open", "120.00", "0.00")]
    shop.pay(url)
    assert shop.read(token, made)["status"] == "confirmed"


@pytest.mark.parametrize("kind", ["fail_after_effect", "drop_after_effect",
                                  "hang_after_effect", "garbage"])
def test_a_refund_whose_answer_was_lost_is_made_once_and_known(shop, kind):
    token, made = shop.paid_booking(shop.franchise(1), day_in(2), 0, 8)
    shop.sandbox.webhook_fault("*refund*", "withhold")
    shop.sandbox.fault(REFUNDS, kind, times=1)
    shop.cancel(token, made)
    shop.drain()
    assert shop.refunds(made) == [("cancelled", "succeeded", "60.00")]
    shop.sandbox.lift()
    shop.sandbox.control("POST", "/webhooks/release")
    shop.sandbox.wait()
    assert shop.told(made, *EVENTS) == (1, 1, 0, 1)


def test_killed_between_stripes_refund_and_our_commit_it_is_made_once(shop):
    token, made = shop.paid_booking(shop.franchise(1), day_in(2), 0, 8)
    shop.sandbox.webhook_fault("*refund*", "withhold")
    shop.sandbox.fault(REFUNDS, "hang_after_effect", times=1)
    shop.cancel(token, made)
    shop.start_worker()
    until(lambda: [r for r in shop.sandbox.objects("refund").values()
                   if r["metadata"]["booking_id"] == made["booking_id"]],
          "the refund at Stripe")
    shop.stop_worker(signal.SIGKILL)
    assert shop.refunds(made) == [("cancelled", "queued", "60.00")]
    shop.sandbox.lift()
    shop.drain()
    assert shop.refunds(made) == [("cancelled", "succeeded", "60.00")]
    shop.sandbox.control("POST", "/webhooks/release")
    shop.sandbox.wait()
    assert shop.told(made, *EVENTS) == (1, 1, 0, 1)


@pytest.mark.kills_workers
def test_killed_between_stripes_session_and_our_commit_it_is_opened_once(shop):
    shop.sandbox.fault(SESSIONS, "hang_after_effect", times=1)
    token, key = shop.token(), keyed()
    request = Request("POST", f"{V1}/bookings", token, booking_body(
        shop.franchise(1), day_in(5), 9, 17), **{
            name.replace("-", "_"): value for name, value in key.items()})
    before = len(shop.sandbox.objects("checkout.session"))
    client = Client(shop)
    client.connect()
    client.send(request)
    until(lambda: len(shop.sandbox.objects("checkout.session")) > before,
          "the session at Stripe")
    for worker in shop.workers():
        os.kill(worker, signal.SIGKILL)
    assert client.receive().status == 503
    shop.sandbox.lift()
    again = until(lambda: (lambda a: a if a.status == 201 else None)(
        shop.again(request)), "workers again")
    assert again.headers["Idempotency-Replayed"] == "true"
    made = again.body
    assert made["payment_status"] == "queued"
    assert f"/pay/{made['booking_id']}?t=" in made["payment_url"]
    shop.hurry("session")
    shop.work()
    url = shop.link(token, made).headers["Location"]
    assert len(shop.sandbox.objects("checkout.session")) == before + 1
    shop.pay(url)
    assert shop.read(token, made)["status"] == "confirmed"
