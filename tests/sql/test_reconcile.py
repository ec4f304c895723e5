"""test_reconcile.py: bookingctl reconcile and payments, with the sandbox in
Stripe's place: what agrees is left in peace, what was planted is found."""

import base64
import json
import pathlib
import sys
import uuid

import pytest

from test_invariants import put_booking

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "sandbox"))

from stripe_sandbox import KEY, Sandbox  # noqa: E402

SECRETS = [base64.urlsafe_b64encode(bytes(range(n, n + 32))).decode().rstrip("=")
           for n in range(4)]


class Shop:
    """A database and a Stripe that agree, until a test plants a difference."""

    def __init__(self, world, stripe):
        self.world, self.stripe = world, stripe
        self.settings = {
            "DATABASE_URL": world.server.url(world.name), "PUBLIC_URL": "https://127.0.0.1:1",
            "JWT_SECRET": SECRETS[0], "SESSION_SECRET": SECRETS[1], "LOOKUP_SECRET": SECRETS[2],
            "ENCRYPTION_KEYS": f"1:{SECRETS[3]}", "STRIPE_SECRET_KEY": KEY,
            "STRIPE_URL": f"http://127.0.0.1:{stripe.port}"}

    def ctl(self, *words, status=0, **settings):
        done = self.world.ctl(*words, **{**self.settings, **settings})
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return done.stdout

    def reconcile(self, *words, status=0, **settings):
        """What it says of the differences: [(kind, ...)], and all it said."""
        told = json.loads(self.ctl("reconcile", "--json", *words, status=status, **settings))
        return [d["kind"] for d in told["differences"]], told

    def paid(self, amount=12000, currency="usd", **more):
        """A booking that was paid, here and there: (booking, payment, intent)."""
        total, code = amount / (1 if currency == "jpy" else 100), currency.upper()
        booking = put_booking(self.world, total_amount=total, paid_amount=0, currency=code)
        self.world.all("insert into bookings.customer_info values (gen_random_uuid(), %s, '', '', '')",
                       (booking,))
        payment = uuid.uuid4()
        intent = self.stripe.paid(amount=amount, currency=currency, **{
            "metadata[booking_id]": str(booking), "metadata[payment_id]": str(payment), **more})
        self.world.all("select payments.put_attempt(%s, %s, %s, %s, 'checkout', null)",
                       (payment, booking, int(total * 100), code))
        self.world.all("update payments.payments set payment_status = 'succeeded',"
                       " stripe_payment_id = %s, processed_at = now() where id = %s",
                       (intent["id"], payment))
        self.world.all("select payments.put_entry('charge', %s, %s, 'stripe', 'customers', %s, %s)",
                       (booking, payment, total, code))
        self.world.all("select payments.sum_up(%s)", (booking,))
        return booking, payment, intent

    def refunded(self, paid, amount=5000, state="succeeded"):
        booking, payment, intent = paid
        made = self.stripe.refund(intent, amount=amount).json
        refund = uuid.uuid4()
        self.world.all("select payments.put_refunds(%s, %s::uuid[], %s::uuid[], %s, %s)",
                       (booking, [refund], [payment], [amount], ["staff"]))
        self.world.all("update payments.refunds set refund_status = %s, stripe_refund_id = %s,"
                       " processed_at = now() where id = %s", (state, made["id"], refund))
        self.world.all("select payments.put_entry('refund', %s, %s, 'customers', 'stripe', %s, 'USD')",
                       (booking, refund, amount / 100))
        self.world.all("select payments.sum_up(%s)", (booking,))
        return refund, made

    def money(self):
        """What verify finds wrong with money; slots and children are planted
        by nobody here."""
        done = self.world.ctl("verify", "--json", **self.settings)
        return [(d["kind"], d["detail"]) for d in json.loads(done.stdout)["differences"]
                if d["kind"] not in ("uncovered", "children")]

    def booked(self):
        """Let Stripe book what it took."""
        self.stripe.control("POST", "/clock", {"advance_s": 10})

    def fees(self):
        return self.world.one("select coalesce(sum(amount), 0) from payments.journal"
                              " where kind = 'fee' and account = 'fees'")

    def alter(self, statement, *parameters):
        """As nobody but the owner of the server could: no trigger looks."""
        self.world.server.run("alter table payments.journal disable trigger all",
                              self.world.name)
        try:
            self.world.all(statement, parameters)
        finally:
            self.world.server.run("alter table payments.journal enable trigger all",
                                  self.world.name)


@pytest.fixture(scope="module")
def stripe():
    sandbox = Sandbox()
    yield sandbox
    assert sandbox.stop() == 0


@pytest.fixture
def shop(world, stripe):
    stripe.control("POST", "/reset")
    return Shop(world, stripe)


def test_what_agrees_is_left_in_peace(shop):
    shop.refunded(shop.paid())
    shop.paid(5000, "jpy")
    shop.stripe.pay("pm_card_chargeDeclined")
    shop.booked()
    kinds, told = shop.reconcile()
    assert kinds == [] and told["complete"]
    assert (told["charges"], told["refunds"]) == (2, 1)
    text = shop.ctl("reconcile")
    assert text.startswith("Stripe = payments = journal: 2 charges, 1 refunds")
    assert shop.money() == []


def test_nothing_at_all_agrees(shop):
    kinds, told = shop.reconcile()
    assert kinds == [] and (told["charges"], told["movements"]) == (0, 0)


def test_every_page_is_read(shop):
    for _ in range(101):
        shop.paid(1500)
    shop.booked()
    kinds, told = shop.reconcile()
    assert kinds == [] and told["charges"] == 101 and told["fees_entered"] == 101


def test_a_fee_is_entered_once(shop):
    # Not yet booked however busy the machine is; then its clock goes 10 s on.
    shop.stripe.control("POST", "/settings", {"books_s": 9})
    booking, _, _ = shop.paid()
    early, told = shop.reconcile()
    assert early == [] and told["fees_entered"] == 0
    shop.booked()
    kinds, told = shop.reconcile("--dry-run")
    assert kinds == [] and told["fees_entered"] == 0 and shop.fees() == 0
    kinds, told = shop.reconcile()
    assert kinds == [] and told["fees_entered"] == 1
    fee = shop.fees()
    assert str(fee) == "3.78"  # 2.9 % of 120.00 and 0.30
    kinds, told = shop.reconcile()
    assert kinds == [] and told["fees_entered"] == 0 and shop.fees() == fee
    assert shop.world.one("select count(*) from payments.journal where kind = 'fee'"
                          " and booking_id = %s", (booking,)) == 2
    assert shop.money() == []


def test_a_charge_nobody_here_knows_is_found(shop):
    shop.paid()
    alien = shop.stripe.paid(amount=777)
    kinds, told = shop.reconcile(status=1)
    assert kinds == ["unknown_charge"]
    found = told["differences"][0]
    assert found["stripe_id"] == alien["latest_charge"]
    assert (found["at_stripe"], found["here"], found["booking_id"]) == (7.77, None, None)


def test_a_payment_that_stripe_does_not_know_is_found(shop):
    booking, payment, _ = shop.paid()
    shop.paid()
    shop.world.all("update payments.payments set stripe_payment_id = 'pi_nobodys' where id = %s",
                   (payment,))
    kinds, told = shop.reconcile(status=1)
    # Its own charge is then nobody's.
    assert sorted(kinds) == ["missing_charge", "unknown_charge"]
    found, = [d for d in told["differences"] if d["kind"] == "missing_charge"]
    assert (found["booking_id"], found["our_id"]) == (str(booking), str(payment))
    assert (found["at_stripe"], found["here"]) == (None, 120)
    line, = [s for s in shop.ctl("reconcile", status=1).splitlines() if s.startswith("missing")]
    assert line == (f"missing_charge: booking {booking}, ours {payment}, Stripe's pi_nobodys: "
                    "nothing there, 120.00 here USD")


def test_another_amount_is_found(shop):
    booking, payment, _ = shop.paid()
    shop.world.all("update payments.payments set amount = 110 where id = %s", (payment,))
    kinds, told = shop.reconcile(status=1)
    assert kinds == ["charge_amount", "journal_charges"]
    assert [(d["at_stripe"], d["here"]) for d in told["differences"]] == [(120, 110), (110, 120)]
    assert [kind for kind, _ in shop.money()] == ["money", "journal_charges"]
    assert all(str(booking) in detail for _, detail in shop.money())


def test_another_currency_is_found(shop):
    _, payment, _ = shop.paid()
    shop.world.all("update payments.payments set currency = 'EUR' where id = %s", (payment,))
    kinds, told = shop.reconcile(status=1)
    assert kinds[0] == "charge_amount" and told["differences"][0]["note"] == "here in EUR"


def test_a_missing_entry_of_the_journal_is_found(shop):
    shop.paid()
    booking, _, _ = shop.paid()
    shop.alter("delete from payments.journal where booking_id = %s", booking)
    kinds, told = shop.reconcile(status=1)
    assert kinds == ["journal_charges"]
    assert told["differences"][0]["booking_id"] == str(booking)


@pytest.mark.parametrize("lines", [
    [("charge", "customers", 50), ("charge", "fees", -50)],
    [("dispute", "disputes", 50), ("dispute", "customers", -50)],
    [("fee", "customers", 50), ("charge", "customers", -50)],
    [("waiver", "customers", 50), ("charge", "customers", -50)]])
def test_a_balanced_entry_on_other_accounts_is_found(shop, lines):
    booking, payment, _ = shop.paid()
    assert shop.reconcile()[0] == [] and shop.money() == []
    shop.world.all("insert into payments.journal (entry_id, kind, booking_id, reference, account,"
                   " amount, currency) values (%s, %s, %s, %s, %s, %s, 'USD'),"
                   " (%s, %s, %s, %s, %s, %s, 'USD')", [value for kind, account, amount in lines
                   for value in (uuid.UUID(int=1), kind, booking, payment, account, amount)])
    kinds, told = shop.reconcile(status=1)
    assert kinds == ["journal_accounts"]
    assert told["differences"][0]["booking_id"] == str(booking)
    assert [kind for kind, _ in shop.money()] == ["journal_accounts"]


def test_a_payment_that_vanished_is_found(shop):
    booking, payment, _ = shop.paid()
    shop.world.all("delete from payments.payments where id = %s", (payment,))
    kinds, _ = shop.reconcile(status=1)
    assert sorted(kinds) == ["journal_charges", "unknown_charge"]
    assert [kind for kind, _ in shop.money()] == ["money", "journal_charges"]
    assert all(str(booking) in detail for _, detail in shop.money())


def test_a_charge_whose_payment_did_not_succeed_here_is_found(shop):
    _, payment, _ = shop.paid()
    shop.world.all("update payments.payments set payment_status = 'failed' where id = %s",
                   (payment,))
    kinds, told = shop.reconcile(status=1)
    assert kinds == ["charge_status", "journal_charges"]
    assert told["differences"][0]["note"] == "here it is failed"


def test_a_refund_made_behind_our_back_is_found(shop):
    _, _, intent = shop.paid()
    shop.stripe.refund(intent, amount=1000)
    kinds, told = shop.reconcile(status=1)
    assert kinds == ["charge_refunds", "unknown_refund"]
    assert [(d["at_stripe"], d["here"]) for d in told["differences"]] == [(10, 0), (10, None)]


def test_a_refund_made_behind_our_back_that_we_were_told_of_agrees(shop):
    booking, payment, intent = shop.paid()
    made = shop.stripe.refund(intent, amount=1000).json
    refund = uuid.uuid4()
    customer, version = shop.world.one("select customer_id, version from bookings.bookings"
                                       " where id = %s", (booking,))
    shop.world.all("select payments.apply(%s, '{events}', '{RefundProcessed}', %s::uuid[], array['{}'],"
                   " array[null]::bytea[], array[null]::timestamptz[], null, null, null, null)", (json.dumps({
        "booking": {"id": str(booking), "customer": str(customer), "version": version},
        "refunds": [{"id": str(refund), "payment": str(payment), "amount": 1000, "reason": "staff",
                     "status": "succeeded", "stripe_id": made["id"]}],
        "entries": [{"kind": "refund", "reference": str(refund), "debit": "customers",
                     "credit": "stripe", "amount": 1000, "currency": "USD"}]}), [uuid.uuid4()]))
    kinds, told = shop.reconcile()
    assert kinds == [] and told["refunds"] == 1
    assert shop.money() == []


def test_a_refund_that_failed_there_but_not_here_is_found(shop):
    refund, made = shop.refunded(shop.paid())
    shop.stripe.control("POST", f"/refunds/{made['id']}", {"status": "failed"})
    kinds, told = shop.reconcile(status=1)
    assert kinds == ["charge_refunds", "refund_status"]
    found = told["differences"][1]
    assert (found["our_id"], found["note"]) == (str(refund),
                                                "failed at Stripe, succeeded here")


def test_a_refund_that_stripe_does_not_know_is_found(shop):
    refund, _ = shop.refunded(shop.paid())
    shop.world.all("update payments.refunds set stripe_refund_id = 're_nobodys' where id = %s",
                   (refund,))
    kinds, _ = shop.reconcile(status=1)
    assert sorted(kinds) == ["missing_refund", "unknown_refund"]


def test_a_refund_of_another_amount_is_found(shop):
    refund, _ = shop.refunded(shop.paid())
    shop.world.all("update payments.refunds set amount = 49 where id = %s", (refund,))
    kinds, _ = shop.reconcile(status=1)
    assert kinds == ["charge_refunds", "refund_amount", "journal_refunds"]


def test_a_dispute_is_held_against_the_journal(shop):
    booking, payment, intent = shop.paid()
    shop.stripe.control("POST", f"/charges/{intent['latest_charge']}/dispute", {})
    shop.booked()
    kinds, _ = shop.reconcile(status=1)
    assert kinds == ["dispute"]
    dispute = shop.stripe.read("/v1/disputes")["data"][0]["id"]
    shop.world.all("select payments.tell_dispute('evt_1', 'charge.dispute.created', %s, %s, 12000,"
                   " 'open', now())", (dispute, payment))
    assert shop.reconcile()[0] == []
    assert str(shop.fees()) == "18.78"  # the dispute's 15.00, too
    shop.stripe.control("POST", f"/disputes/{dispute}", {"status": "won"})
    kinds, told = shop.reconcile(status=1)
    assert kinds == ["dispute"]
    assert [(d["at_stripe"], d["here"]) for d in told["differences"]] == [(0, 120)]


def test_another_fee_than_was_entered_is_found(shop):
    shop.paid()
    shop.booked()
    shop.reconcile()
    shop.world.all("update payments.stripe_fees set fee = 1")
    assert shop.reconcile(status=1)[0] == ["fee", "journal_fees"]


def test_what_began_before_since_and_ended_after_it_is_asked_for(shop):
    """On none of Stripe's pages of these days: its state, then its amount."""
    tomorrow = shop.world.one("select ((now() at time zone 'UTC')::date + 1)::text")
    paid = shop.paid()
    refund, made = shop.refunded(paid)
    shop.world.all("update payments.payments set processed_at = now() + interval '2 days'")
    shop.world.all("update payments.refunds set processed_at = now() + interval '2 days'")
    assert shop.reconcile("--since", tomorrow)[0] == []

    shop.stripe.control("POST", f"/refunds/{made['id']}", {"status": "failed"})
    _, told = shop.reconcile("--since", tomorrow, status=1)
    assert [(d["kind"], d["note"]) for d in told["differences"]] == [
        ("refund_status", "failed at Stripe, succeeded here")]
    shop.world.all("update payments.refunds set refund_status = 'failed'")
    shop.world.all("select payments.put_entry('refund_failed', %s, %s, 'stripe', 'customers', 50, 'USD')",
                   (paid[0], refund))
    assert shop.reconcile("--since", tomorrow)[0] == []

    shop.world.all("update payments.payments set amount = 119")
    shop.alter("update payments.journal set amount = sign(amount) * 119 where kind = 'charge'")
    _, told = shop.reconcile("--since", tomorrow, status=1)
    assert [(d["kind"], d["at_stripe"], d["here"]) for d in told["differences"]] == [
        ("charge_amount", 120, 119)]

    # An intent that is known and was never paid.
    intent = shop.stripe.api("POST", "/v1/payment_intents", {"amount": 11900, "currency": "usd"}).json["id"]
    shop.world.all("update payments.payments set stripe_payment_id = %s", (intent,))
    _, told = shop.reconcile("--since", tomorrow, status=1)
    assert [(d["kind"], d["at_stripe"], d["note"]) for d in told["differences"]] == [
        ("charge_status", 0, "requires_payment_method at Stripe, succeeded here")]


def test_an_old_refund_that_came_back_since_is_found(shop):
    """Nobody heard of it, and it was made days before."""
    refund, made = shop.refunded(shop.paid())
    shop.stripe.control("POST", "/clock", {"advance_s": 3 * 86400})
    since = shop.world.one("select ((now() at time zone 'UTC')::date + 2)::text")
    assert shop.reconcile("--since", since)[0] == []
    shop.stripe.control("POST", f"/refunds/{made['id']}", {"status": "failed"})
    for _ in range(2):
        _, told = shop.reconcile("--since", since, status=1)
        assert [(d["kind"], d["our_id"], d["note"]) for d in told["differences"]] == [
            ("refund_status", str(refund), "failed at Stripe, succeeded here")]
    assert shop.reconcile(status=1)[0].count("refund_status") == 1


def test_since_leaves_out_what_is_older(shop):
    shop.paid()
    tomorrow = shop.world.one("select (now() at time zone 'UTC')::date::text")
    assert shop.reconcile("--since", tomorrow)[1]["charges"] == 1
    later = shop.world.one("select ((now() at time zone 'UTC')::date + 1)::text")
    kinds, told = shop.reconcile("--since", later)
    assert kinds == [] and told["charges"] == 0


def test_without_stripe_the_answer_is_69(shop):
    shop.paid()
    for settings in ({"STRIPE_SECRET_KEY": ""}, {"STRIPE_SECRET_KEY": "sk_test_wrong_one"},
                     {"STRIPE_URL": "http://127.0.0.1:9"}):
        told = json.loads(shop.ctl("reconcile", "--json", status=69, **settings))
        assert not told["complete"] and told["differences"] == []
    assert shop.fees() == 0


def test_an_account_that_is_connected_no_more_hides_no_other(shop):
    _, gone, _ = shop.paid()
    shop.world.all("update payments.payments set stripe_account = 'acct-gone' where id = %s", (gone,))
    for account in (None, "acct_zLast"):
        _, payment, _ = shop.paid()
        shop.world.all("update payments.payments set amount = 119, stripe_account = %s where id = %s",
                       (account, payment))
    done = shop.world.ctl("reconcile", "--json", **shop.settings)
    told = json.loads(done.stdout)
    assert done.returncode == 69 and not told["complete"] and "acct-gone" in done.stderr, done
    assert sorted(d["kind"] for d in told["differences"]) == [
        "charge_amount", "charge_amount", "journal_charges", "journal_charges"]


def test_an_account_that_is_connected_no_more_hides_no_outage_of_another(shop):
    for account, intent in (("acct-gone", "pi_gone"), ("acct_zLast", "pi_last")):
        _, payment, _ = shop.paid()
        shop.world.all("update payments.payments set stripe_account = %s, stripe_payment_id = %s"
                       " where id = %s", (account, intent, payment))
    shop.stripe.control("POST", "/faults", {"match": "GET /v1/payment_intents/pi_last",
                                            "kind": "fail", "times": 100})
    done = shop.world.ctl("reconcile", **shop.settings)
    assert done.returncode == 69 and "status 500" in done.stderr, done


def test_what_one_payment_owes_another_of_the_booking_may_pay(shop):
    """The cancellation of a booking counts what came back of any of its payments."""
    booking, first, _ = shop.paid()
    second = uuid.uuid4()
    shop.world.all("select payments.put_attempt(%s, %s, 5000, 'USD', 'checkout', null)",
                   (second, booking))
    shop.world.all("update payments.payments set payment_status = 'succeeded', processed_at = now(),"
                   " stripe_payment_id = 'pi_second' where id = %s", (second,))

    def refund(payment, amount, reason, status="succeeded"):
        made = uuid.uuid4()
        shop.world.all("select payments.put_refunds(%s, %s::uuid[], %s::uuid[], %s, %s)",
                       (booking, [made], [payment], [amount], [reason]))
        shop.world.all("update payments.refunds set refund_status = %s, updated_at = clock_timestamp()"
                       " where id = %s", (status, made))
        shop.world.all("select payments.sum_up(%s)", (booking,))

    def owed(other=None):
        return float(shop.world.one("select payments.owed_of(%s, %s)", (booking, other)))

    refund(first, 3000, "staff", "failed")
    assert owed() == 30
    refund(second, 5000, "cancelled")
    assert owed() == 0
    refund(first, 12000, "cancelled", "failed")
    assert owed() == 120
    # Money that is not the booking's is owed by itself.
    third = uuid.uuid4()
    shop.world.all("select payments.put_attempt(%s, %s, 7000, 'USD', 'checkout', null)",
                   (third, booking))
    shop.world.all("update payments.payments set payment_status = 'succeeded', processed_at = now(),"
                   " stripe_payment_id = 'pi_third' where id = %s", (third,))
    refund(third, 7000, "duplicate", "failed")
    assert (owed(), owed(third)) == (120, 70)
    told = shop.ctl("verify", status=1)
    assert "120.00" in told and "70.00" in told
