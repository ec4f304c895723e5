"""test_payments_ctl.py: bookingctl payments list, show and retry, what verify says
of money, and what doctor says of Stripe."""

import json
import uuid

import pytest

from test_reconcile import shop, stripe  # noqa: F401  fixtures

NOBODY = "00000000-0000-4000-8000-00000000dead"


def listed(shop, *words):
    return json.loads(shop.ctl("payments", "list", "--json", *words))["data"]


def put_work(shop, booking, payment, due="1 hour", dead=False, kind="read"):
    return shop.world.one(
        "insert into bookings.outbox (topic, type, booking_id, event_id, facts, due_at, attempts,"
        " dead_at) values ('payments', %s, %s, gen_random_uuid(), jsonb_build_object('id', %s::text),"
        " now() + %s::interval, 5, case when %s then now() end) returning id",
        (kind, booking, payment, due, dead))


def test_payments_are_listed_newest_first_and_filtered(shop):
    first = shop.paid(1000)
    second = shop.paid(2000)
    shop.world.all("update payments.payments set created_at = now() - interval '3 days'"
                   " where id = %s", (first[1],))
    assert [p["payment_id"] for p in listed(shop)] == [str(second[1]), str(first[1])]
    one, = listed(shop, "--booking", first[0])
    assert (one["amount"], one["status"], one["stripe_payment_id"]) == (
        10, "succeeded", first[2]["id"])
    assert listed(shop, "--status", "queued") == []
    assert len(listed(shop, "--status", "succeeded")) == 2
    yesterday = shop.world.one("select ((now() at time zone 'UTC')::date - 1)::text")
    assert [p["payment_id"] for p in listed(shop, "--since", yesterday)] == [str(second[1])]
    assert len(listed(shop, "--max", "1")) == 1
    assert f"{second[1]}  booking {second[0]}  succeeded       20.00 USD" in \
        shop.ctl("payments", "list")
    shop.ctl("payments", "list", "--status", "paid", status=2)


def test_a_payment_is_shown_with_all_that_hangs_on_it(shop):
    paid = shop.paid()
    refund, made = shop.refunded(paid)
    put_work(shop, paid[0], refund, kind="refund")
    shown = json.loads(shop.ctl("payments", "show", paid[1], "--json"))
    assert (shown["amount"], shown["refunded_amount"]) == (120, 50)
    assert [(r["refund_id"], r["stripe_refund_id"], r["status"]) for r in shown["refunds"]] == [
        (str(refund), made["id"], "succeeded")]
    assert sorted((j["kind"], j["account"], j["amount"]) for j in shown["journal"]) == [
        ("charge", "customers", -120), ("charge", "stripe", 120),
        ("refund", "customers", 50), ("refund", "stripe", -50)]
    assert [(d["type"], d["attempts"], d["dead_at"]) for d in shown["due"]] == [("refund", 5, None)]
    text = shop.ctl("payments", "show", paid[1])
    assert f"refund       {refund} {made['id']} succeeded 50.00 USD (staff)" in text
    shop.ctl("payments", "show", NOBODY, status=1)


@pytest.mark.parametrize("dead", [False, True])
def test_a_retry_makes_due_work_due_now_and_nothing_else(shop, dead):
    booking, payment, _ = shop.paid()
    other, another, _ = shop.paid()
    mine = put_work(shop, booking, payment, dead=dead)
    theirs = put_work(shop, other, another, dead=dead)
    done = put_work(shop, booking, payment)
    shop.world.all("update bookings.outbox set sent_at = now() where id = %s", (done,))
    before = shop.world.all("select * from bookings.outbox where id = any(%s)", ([theirs, done],))
    assert shop.ctl("payments", "retry", payment) == "1 row due now\n"
    assert shop.world.one("select due_at <= now() and dead_at is null and attempts = 0"
                          " from bookings.outbox where id = %s", (mine,))
    assert shop.world.all("select * from bookings.outbox where id = any(%s)",
                          ([theirs, done],)) == before


def test_a_retry_with_nothing_to_do_says_so(shop):
    _, payment, _ = shop.paid()
    shop.ctl("payments", "retry", payment, status=1)
    shop.ctl("payments", "retry", NOBODY, status=1)


def test_a_lease_that_holds_is_left_alone(shop):
    booking, payment, _ = shop.paid()
    mine = put_work(shop, booking, payment)
    shop.world.all("update bookings.outbox set claimed_until = now() + interval '1 minute'"
                   " where id = %s", (mine,))
    shop.ctl("payments", "retry", payment)
    assert shop.world.one("select claimed_until > now() from bookings.outbox where id = %s", (mine,))


def test_a_failed_refund_is_owed_until_another_makes_it_good(shop):
    paid = shop.paid()
    refund, _ = shop.refunded(paid)
    shop.world.all("update payments.refunds set refund_status = 'failed',"
                   " failure_reason = 'expired_or_canceled_card' where id = %s", (refund,))
    shop.world.all("select payments.put_entry('refund_failed', %s, %s, 'stripe', 'customers', 50,"
                   " 'USD')", (paid[0], refund))
    shop.world.all("select payments.sum_up(%s)", (paid[0],))
    told = json.loads(shop.world.ctl("verify", "--json", **shop.settings).stdout)
    assert shop.money() == []
    owed, = told["owed"]
    assert str(refund) in owed and "50.00 USD" in owed and "expired_or_canceled_card" in owed
    shop.refunded(paid)
    assert json.loads(shop.world.ctl("verify", "--json", **shop.settings).stdout)["owed"] == []


def test_verify_finds_sums_that_are_not_those_of_the_rows(shop):
    booking, payment, _ = shop.paid()
    shop.world.all("update bookings.bookings set paid_amount = 119 where id = %s", (booking,))
    (kind, detail), = shop.money()
    assert kind == "money" and str(booking) in detail and "119.00 paid" in detail
    shop.world.all("select payments.sum_up(%s)", (booking,))
    shop.world.all("update payments.payments set refunded_amount = 1 where id = %s", (payment,))
    assert [kind for kind, _ in shop.money()] == ["money"]


def test_verify_finds_two_payments_under_way(shop):
    booking, _, _ = shop.paid()
    shop.world.all("drop index payments.payments_one_unfinished")
    for _ in range(2):
        shop.world.all("select payments.put_attempt(%s, %s, 100, 'USD', 'checkout', null)",
                       (uuid.uuid4(), booking))
    assert [kind for kind, _ in shop.money()] == ["unfinished"]


def test_the_doctor_asks_stripe(shop, tmp_path):
    there = {"RUNTIME_DIR": str(tmp_path), "STRIPE_WEBHOOK_SECRETS": "whsec_abcdefgh"}

    def told(**settings):
        done = shop.world.ctl("doctor", "--json", **{**shop.settings, **there, **settings})
        assert done.returncode in (0, 1, 69, 78), done.stderr
        return done.returncode, {f["what"]: (f["level"], f["detail"])
                                 for f in json.loads(done.stdout)["data"]}

    _, well = told()
    assert well["stripe"][0] == "ok" and well["stripe"][1].endswith("mode test")
    status, refused = told(STRIPE_SECRET_KEY="sk_test_wrong_one")
    assert status == 78 and refused["stripe"][0] == "FAIL"
    status, away = told(STRIPE_URL="http://127.0.0.1:9")
    assert status == 69 and away["stripe"][0] == "FAIL"
    _, none = told(STRIPE_SECRET_KEY="")
    assert none["stripe"][0] == "WARN" and "nobody can pay" in none["stripe"][1]
    for found in (well, refused, away, none):
        assert "sk_test" not in str(found)


def test_money_goes_back_but_never_more_than_is_left(shop):
    booking, payment, _ = shop.paid()
    assert shop.ctl("payments", "refund", payment, "--amount", "20").endswith(
        " of 20.00 USD is due\n")
    assert shop.ctl("payments", "refund", payment, "--amount", "100.01", status=1) == ""
    assert shop.ctl("payments", "refund", payment).endswith(" of 100.00 USD is due\n")
    for words in ((payment,), (payment, "--amount", "0.01"), (NOBODY,)):
        shop.ctl("payments", "refund", *words, status=1)
    shop.ctl("payments", "refund", payment, "--amount", "0", status=2)
    rows = shop.world.all("select id::text, amount, reason, refund_status from payments.refunds"
                          " where payment_id = %s order by created_at", (payment,))
    assert [(str(a), why, state) for _, a, why, state in rows] == [
        ("20.00", "staff", "queued"), ("100.00", "staff", "queued")]
    due = shop.world.all("select facts ->> 'id' from bookings.outbox where topic = 'payments'"
                         " and type = 'refund' and booking_id = %s order by id", (booking,))
    assert [d for d, in due] == [r[0] for r in rows]
    assert shop.world.one("select refunded_amount = 120 and payment_status = 'refunded'"
                          " from bookings.bookings where id = %s", (booking,))
    assert shop.money() == []


def test_yen_go_back_whole_and_only_what_was_paid_goes_back(shop):
    _, payment, _ = shop.paid(5000, "jpy")
    shop.ctl("payments", "refund", payment, "--amount", "10.50", status=1)
    assert shop.ctl("payments", "refund", payment, "--amount", "10").endswith("10.00 JPY is due\n")
    _, failed, _ = shop.paid()
    shop.world.all("update payments.payments set payment_status = 'failed' where id = %s", (failed,))
    shop.ctl("payments", "refund", failed, status=1)
    assert shop.world.one("select count(*) from payments.refunds") == 1
