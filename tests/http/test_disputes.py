"""test_disputes.py: what a customer's bank takes back, and gives again, is a row per
dispute and stands in the journal, in whatever order Stripe tells of it."""

import itertools
import json
import pathlib
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from live import day_in  # noqa: E402
from lossy import BIND, Lossy, on_a_road  # noqa: E402
from shop import Shop  # noqa: E402

# What Stripe says in the course of one, as (kind of event, state in it).
CREATED, TAKEN = ("created", "needs_response"), ("funds_withdrawn", "needs_response")
REVIEWED, GIVEN = ("updated", "under_review"), ("funds_reinstated", "won")
WON, LOST = ("closed", "won"), ("closed", "lost")
ASKED, ANSWERED = ("created", "warning_needs_response"), ("closed", "warning_closed")


class Cut(Lossy):
    """The next runs of a statement are cut off before Postgres hears of them."""

    cuts, left = b"", 0

    def cut(self, name, times):
        self.cuts, self.left = name.encode(), times

    def is_it(self, data):
        if self.left > 0 and data[:1] == BIND and data[5:].split(b"\0", 2)[1] == self.cuts:
            self.left -= 1
            raise OSError("cut")
        return super().is_it(data)


@pytest.fixture(scope="module")
def apart(tmp_path_factory):
    """A shop whose Stripe knows nothing of these disputes, and its way to Postgres."""
    shop = Shop(tmp_path_factory.mktemp("apart"), watch=False, API_WORKERS=2)
    with on_a_road(shop, Cut) as road:
        yield shop, road


@pytest.fixture
def shop(apart):
    shop, _ = apart
    yield shop
    shop.run("verify")


@pytest.fixture
def road(apart):
    return apart[1]


@pytest.fixture
def made(shop):
    """A booking of 45.00 that was paid."""
    return shop.paid_booking(shop.franchise(2), day_in(5), 9, 12)[1]


BEGAN = int(time.time()) - 100
NAMES = (f"dp_{n}" for n in itertools.count(1))


def word_of(shop, made, word, name, second=0, amount=4500, currency="usd"):
    """Stripe's word of a dispute, `second` seconds after the first of these."""
    kind, status = word
    intent = shop.one("select stripe_payment_id from payments.payments where booking_id = %s",
                      made["booking_id"])
    return {"id": f"evt_{uuid.uuid4().hex}", "object": "event", "api_version": "2026-10-28.endive",
            "type": f"charge.dispute.{kind}", "created": BEGAN + second, "livemode": False,
            "data": {"object": {
                "id": name, "object": "dispute", "amount": amount, "charge": "ch_1",
                "currency": currency, "created": BEGAN, "payment_intent": intent,
                "reason": "general", "status": status, "metadata": {},
                "balance_transactions": []}}}


def tell(shop, made, *words, **more):
    """Each word twice, with the time at which Stripe said it: its place among what
    it has to say; what the journal has in dispute then."""
    name = more.pop("name", None) or next(NAMES)
    for second, word in words:
        event = word_of(shop, made, word, name, second, **more)
        assert shop.webhook(event).status == shop.webhook(event).status == 200
    return standing(shop, made)


def standing(shop, made):
    return float(shop.one("select coalesce(sum(amount), 0) from payments.journal where"
                          " booking_id = %s and kind = 'dispute' and account = 'disputes'",
                          made["booking_id"]))


def entries(shop, made):
    return shop.one("select count(distinct entry_id) from payments.journal where"
                    " booking_id = %s and kind = 'dispute'", made["booking_id"])


@pytest.mark.parametrize("course, stands", [
    ((ASKED, ANSWERED), 0),                                # an inquiry moves no money
    ((CREATED,), 45), ((CREATED, WON), 0), ((CREATED, LOST), 45),
    ((ASKED, TAKEN), 45), ((ASKED, TAKEN, LOST), 45),      # an inquiry that grew
    ((ASKED, LOST), 45),
    ((CREATED, TAKEN, REVIEWED, GIVEN, WON), 0),
    ((CREATED, TAKEN, REVIEWED, LOST), 45),
    ((CREATED, LOST, WON), 0),                             # the bank thinks again
], ids=lambda value: "-".join(f"{k}={s}" for k, s in value) if isinstance(value, tuple) else None)
def test_a_dispute_stands_as_it_ended_in_whatever_order_it_is_told(shop, course, stands):
    told = list(enumerate(course))
    orders = list(itertools.permutations(told)) if len(told) < 4 else [told, told[::-1]]
    for order in orders:
        made = shop.paid_booking(shop.franchise(2), day_in(5), 9, 12)[1]
        assert tell(shop, made, *order) == stands, order
        assert entries(shop, made) in ((0, 2) if stands == 0 else (1,)), order


@pytest.mark.parametrize("end, stands", [(WON, 0), (LOST, 45)])
def test_words_of_one_second_do_not_undo_its_end(shop, made, end, stands):
    assert tell(shop, made, (0, end), (0, CREATED), (0, TAKEN)) == stands


def test_two_disputes_of_a_payment_are_two(shop, made):
    first, second = next(NAMES), next(NAMES)
    assert tell(shop, made, (0, CREATED), name=first, amount=1500) == 15
    assert tell(shop, made, (0, CREATED), name=second, amount=2000) == 35
    assert tell(shop, made, (1, LOST), name=second, amount=2000) == 35
    assert tell(shop, made, (1, WON), name=first, amount=1500) == 20


def test_a_dispute_that_takes_another_amount_is_entered_so(shop, made):
    name = next(NAMES)
    assert tell(shop, made, (0, CREATED), name=name, amount=4500) == 45
    assert tell(shop, made, (1, REVIEWED), name=name, amount=3000) == 30
    assert tell(shop, made, (2, WON), name=name, amount=3000) == 0


def test_a_dispute_in_another_currency_is_kept_and_not_entered(shop, made):
    assert tell(shop, made, (0, CREATED), currency="eur") == 0


def test_a_dispute_of_a_payment_that_is_none_of_ours_is_kept(shop, made):
    event = word_of(shop, made, CREATED, next(NAMES))
    event["data"]["object"]["payment_intent"] = "pi_of_another_shop"
    assert shop.webhook(event).status == 200
    assert standing(shop, made) == 0
    assert shop.one("select count(*) from payments.stripe_events where stripe_event_id = %s",
                    event["id"]) == 1


def test_a_dispute_that_came_before_its_payment_is_told_again(shop):
    token = shop.token()
    made = shop.book(token, shop.franchise(2), day_in(5), 9, 12)
    shop.sandbox.webhook_fault("*", "withhold")
    shop.pay(made["payment_url"])
    intent, = (i["id"] for i in shop.sandbox.objects("payment_intent").values()
               if i["metadata"].get("booking_id") == made["booking_id"])
    name, events = next(NAMES), []
    for second, word in enumerate((CREATED, TAKEN, LOST)):
        event = word_of(shop, made, word, name, second)
        event["data"]["object"]["payment_intent"] = intent
        events.append(event)
        assert shop.webhook(event).status == 200
    assert standing(shop, made) == 0
    shop.sandbox.lift()
    shop.sandbox.control("POST", "/webhooks/release")
    shop.sandbox.wait()
    assert shop.read(token, made)["status"] == "confirmed"
    # From Stripe's dashboard, once the payment is known.
    for event in (events[2], events[0], events[1], events[2]):
        assert shop.webhook(event).status == 200
        assert standing(shop, made) == 45
    assert entries(shop, made) == 1


def test_a_dispute_changes_nothing_about_the_booking(shop, made):
    before = shop.sql("select to_jsonb(b) from bookings.bookings b where id = %s",
                      made["booking_id"])
    tell(shop, made, (0, CREATED), (1, LOST))
    assert shop.sql("select to_jsonb(b) from bookings.bookings b where id = %s",
                    made["booking_id"]) == before


def test_a_dispute_that_was_not_stored_is_not_called_stored(shop, road, made):
    event = word_of(shop, made, CREATED, next(NAMES))
    road.cut("dispute_tell", 6)
    assert shop.webhook(event).status == 503
    assert standing(shop, made) == 0
    assert shop.webhook(event).status == 200
    assert standing(shop, made) == 45


def test_a_dispute_whose_answer_is_lost_is_entered_once(shop, road, made):
    event = word_of(shop, made, CREATED, next(NAMES))
    road.lose("dispute_tell")
    assert shop.webhook(event).status == 200
    assert road.lost == 1 and standing(shop, made) == 45 and entries(shop, made) == 1


def test_words_that_come_at_once_are_entered_once(shop, made):
    name = next(NAMES)
    words = [word_of(shop, made, w, name, n) for n, w in enumerate((CREATED, TAKEN, REVIEWED, WON))]
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda e: shop.webhook(e).status, words * 4))
    assert statuses == [200] * 16
    assert standing(shop, made) == 0


def test_postgres_keeps_an_ended_dispute_as_it_ended(shop, made):
    name = next(NAMES)
    tell(shop, made, (0, CREATED), (1, WON), name=name)
    with pytest.raises(psycopg2.Error, match="has ended"):
        shop.sql("update payments.disputes set dispute_status = 'open' where stripe_dispute_id = %s",
                 name)
    with pytest.raises(psycopg2.Error):
        shop.sql("delete from payments.disputes where stripe_dispute_id = %s", name)


def test_verify_finds_a_dispute_that_the_journal_does_not_know(apart):
    shop, _ = apart
    made = shop.paid_booking(shop.franchise(2), day_in(5), 9, 12)[1]
    name = next(NAMES)
    tell(shop, made, (0, CREATED), name=name)
    shop.sql("update payments.disputes set amount = 44 where stripe_dispute_id = %s", name)
    told = shop.run("verify", status=1)
    assert "journal_disputes" in told and made["booking_id"] in told
    shop.sql("update payments.disputes set amount = 45 where stripe_dispute_id = %s", name)
    shop.run("verify")


def test_payments_show_tells_of_it(shop, made):
    name = next(NAMES)
    tell(shop, made, (0, CREATED), name=name)
    payment = shop.one("select id from payments.payments where booking_id = %s", made["booking_id"])
    told = shop.run("payments", "show", str(payment))
    assert name in told and "open" in told
    shown, = json.loads(shop.run("payments", "show", "--json", str(payment)))["disputes"]
    assert (shown["dispute_id"], shown["status"], shown["amount"]) == (name, "open", 45)
