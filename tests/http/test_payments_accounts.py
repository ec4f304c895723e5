"""test_payments_accounts.py: a franchise with an account of its own at Stripe,
connected to ours: its money is there, from the first page to the last refund."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from live import V1, at, day_in  # noqa: E402
from shop import Shop  # noqa: E402

THEIRS, OTHERS = "acct_1Theirs", "acct_1Others"
VISA = {"payment_method": "pm_card_visa"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    shop = Shop(tmp_path_factory.mktemp("accounts"), watch=False)
    try:
        yield shop.start()
    finally:
        shop.reset()


@pytest.fixture
def shop(whole):
    yield whole
    whole.sandbox.lift()
    whole.drain()
    whole.books()


@pytest.fixture
def house(shop):
    made = shop.franchise(3)
    connect(shop, made, THEIRS)
    return made


def connect(shop, house, account):
    shop.run("franchise", "set", house, "--stripe-account", account)


def held(shop, account, kind):
    """What that account has, by the booking that its metadata name."""
    tables = shop.sandbox.control("GET", "/state")["accounts"].get(account, {})
    return {row["metadata"].get("booking_id"): row for row in tables.get(kind, ())}


def accounts(shop, made):
    return [a for (a,) in shop.sql("select stripe_account from payments.payments where"
                                   " booking_id = %s order by created_at", made["booking_id"])]


def test_a_booking_is_paid_changed_and_sent_back_on_its_franchises_account(shop, house):
    token, made = shop.paid_booking(house, day_in(5), 9, 17)
    shop.change(token, made, end_datetime=at(day_in(5), 19))
    shop.pay(shop.link(token, made).headers["Location"])
    shop.change(token, made, end_datetime=at(day_in(5), 18))
    shop.drain()
    assert shop.cancel(token, made)["refund_amount"] == 135
    shop.drain()
    assert accounts(shop, made) == [THEIRS] * 2
    for kind in ("payment_intent", "refund"):
        assert made["booking_id"] in held(shop, THEIRS, kind)
        assert made["booking_id"] not in held(shop, "platform", kind)
    assert sum(float(a) for _, status, a in shop.refunds(made) if status == "succeeded") == 150
    assert shop.told(made, "PaymentProcessed", "RefundProcessed", "BookingConfirmed") == (2, 3, 1)


def test_a_card_is_charged_at_once_on_its_franchises_account(shop, house):
    token = shop.token()
    made = shop.book(token, house, day_in(5), 9, 17)
    answer = shop.ask("POST", f"{V1}/bookings/{made['booking_id']}/payment", token, VISA)
    assert (answer.status, answer.body["status"]) == (200, "succeeded")
    assert held(shop, THEIRS, "payment_intent")[made["booking_id"]]["amount"] == 12000
    # A browser that makes the method has to name the account to Stripe's script.
    assert shop.get(f"{V1}/franchises/{house}").body["stripe_account"] == THEIRS


def test_what_was_paid_goes_back_from_where_it_is(shop, house):
    token, made = shop.paid_booking(house, day_in(5), 9, 17)
    connect(shop, house, OTHERS)
    shop.change(token, made, end_datetime=at(day_in(5), 19))
    shop.pay(shop.link(token, made).headers["Location"])
    connect(shop, house, "none")
    assert shop.cancel(token, made)["refund_amount"] == 150
    shop.drain()
    assert accounts(shop, made) == [THEIRS, OTHERS]
    assert held(shop, THEIRS, "refund")[made["booking_id"]]["amount"] == 12000
    assert held(shop, OTHERS, "refund")[made["booking_id"]]["amount"] == 3000


def test_a_card_is_charged_where_its_franchise_is_paid_by_now(shop, house):
    """The page was made on another account, and is closed there."""
    token = shop.token()
    made = shop.book(token, house, day_in(5), 9, 17)
    connect(shop, house, OTHERS)
    answer = shop.ask("POST", f"{V1}/bookings/{made['booking_id']}/payment", token, VISA)
    assert (answer.status, answer.body["status"]) == (200, "succeeded")
    assert accounts(shop, made) == [THEIRS, OTHERS]
    assert held(shop, OTHERS, "payment_intent")[made["booking_id"]]["amount"] == 12000
    assert made["booking_id"] not in held(shop, THEIRS, "payment_intent")
    assert held(shop, THEIRS, "checkout.session")[made["booking_id"]]["status"] == "expired"
    assert shop.cancel(token, made)["refund_amount"] == 120
    shop.drain()
    assert held(shop, OTHERS, "refund")[made["booking_id"]]["amount"] == 12000


@pytest.mark.parametrize("whose", [OTHERS, None, THEIRS])
def test_no_account_pays_for_another(shop, house, whose):
    """Whoever has an account can give his own payments the tags of ours."""
    token = shop.token()
    made = shop.book(token, house, day_in(5), 9, 17)
    session = shop.session_of(made["payment_url"])
    shop.sandbox.webhook_fault("*", "withhold", times=100)
    shop.sandbox.act(session, action="pay", payment_method="pm_card_visa")
    told, = [e for e in shop.sandbox.objects("event").values()
             if e["type"] == "checkout.session.completed" and e["data"]["object"]["id"] == session]
    assert told["account"] == THEIRS
    if whose:
        told["account"] = whose
    else:
        del told["account"]
    assert shop.webhook({**told, "id": f"evt_of_{whose}"}).status == 200
    assert shop.read(token, made)["status"] == ("confirmed" if whose == THEIRS else "pending")
    shop.sandbox.control("POST", "/webhooks/release")
