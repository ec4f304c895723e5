"""shop.py: an instance that takes money: the product, Stripe's sandbox, and a
`bookingctl payments work --watch` beside them; and the books of both."""

import hashlib
import hmac
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import time
import urllib.parse
import uuid

from live import ROOT, V1, Client, Live, Request, booking_body, until

BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build"))
VERSION = json.loads((ROOT / "sandbox" / "stripe" / "params.json").read_text())[
    "api_version"]
KEY, SECRETS = "sk_test_shop", ["whsec_shop_old", "whsec_shop_new"]
WEBHOOK = f"{V1}/webhooks/stripe"
UNFINISHED = ("queued", "open", "requires_action", "processing")
# What can be done now; "read" is due when a session's time is over.
WORK = ("session", "refund", "refunds", "close")
# Currencies whose unit is Stripe's unit.
NO_DECIMALS = {"JPY"}


def signature(body, secret=SECRETS[0], at=None, scheme="v1"):
    at = int(time.time()) if at is None else at
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},{scheme}={mac.hexdigest()}"


class Sandbox:
    """Stripe's stand-in, on a port of its own."""

    def __init__(self, log):
        env = {**os.environ, "STRIPE_SANDBOX_KEY": KEY,
               "STRIPE_SANDBOX_WEBHOOK_SECRET": SECRETS[0]}
        self.log = log.open("ab")
        self.process = subprocess.Popen(
            [ROOT / "sandbox" / "stripe-sandbox", "--listen", "127.0.0.1:0"],
            env=env, stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.url = self.process.stdout.readline().strip().rpartition(" ")[2]
        self.port = urllib.parse.urlsplit(self.url).port

    def tell(self, url, certificate):
        """Where webhooks go to."""
        self.control("POST", "/webhooks", {
            "url": url, "ca": str(certificate), "backoff_s": 0.05,
            "backoff_max_s": 0.5})

    def stop(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        self.process.wait(20)
        self.process.stdout.close()
        self.log.close()

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def api(self, path, params, key=None):
        """A POST of Stripe's API, as if the product had sent it; `params` as
        Stripe writes them."""
        headers = {"Authorization": f"Bearer {KEY}", "Stripe-Version": VERSION,
                   "Content-Type": "application/x-www-form-urlencoded"}
        if key:
            headers["Idempotency-Key"] = key
        status, raw = self.ask("POST", path, urllib.parse.urlencode(params),
                               **headers)
        assert status == 200, raw
        return json.loads(raw)

    def control(self, method, path, given=None, statuses=(200,)):
        body = None if given is None else json.dumps(given)
        status, raw = self.ask(method, "/_control" + path, body,
                               **{"Content-Type": "application/json"})
        assert status in statuses, raw
        return json.loads(raw)

    def fault(self, match, kind, **more):
        return self.control("POST", "/faults", {"match": match, "kind": kind,
                                                **more})

    def webhook_fault(self, match, kind, **more):
        return self.control("POST", "/webhooks/faults",
                            {"match": match, "kind": kind, **more})

    def lift(self):
        self.control("DELETE", "/faults")
        self.control("DELETE", "/webhooks/faults")

    def wait(self):
        assert self.control("POST", "/webhooks/wait", {"timeout_s": 30})["idle"]

    def objects(self, kind):
        """By id, of all accounts."""
        found = {}
        for tables in self.control("GET", "/state")["accounts"].values():
            for row in tables.get(kind, ()):
                found[row["id"]] = row
        return found

    def requests(self, prefix):
        """(method and path) of what it was asked for."""
        return [r for r in self.control("GET", "/requests")["requests"]
                if f"{r['method']} {r['path']}".startswith(prefix)]

    def act(self, session, **given):
        """What the customer does on the page; False when it is too late."""
        answer = self.control("POST", f"/sessions/{session}", given, (200, 400))
        return "session" in answer and answer


class Shop(Live):
    """Settings as of Live.  `watch` False: due work waits for work()."""

    def __init__(self, folder, watch=True, **settings):
        super().__init__(folder, **{"API_WORKERS": 4, **settings})
        self.watch, self.sandbox, self.worker = watch, None, None

    def start(self):
        self.sandbox = Sandbox(self.folder / "sandbox.log")
        self.settings = {"STRIPE_SECRET_KEY": KEY,
                         "STRIPE_WEBHOOK_SECRETS": ", ".join(SECRETS),
                         "STRIPE_URL": self.sandbox.url,
                         "STRIPE_TIMEOUT_MS": 1500, **self.settings}
        super().start()
        self.sandbox.tell(f"https://127.0.0.1:{self.port}{WEBHOOK}",
                          self.home / "tls" / "cert.pem")
        if self.watch:
            self.start_worker()
        return self

    def reset(self):
        if self.sandbox:
            # Answers that hang would keep workers busy.
            self.sandbox.lift()
        self.stop_worker()
        if self.sandbox:
            self.sandbox.stop()
        super().reset()

    # ---- due work -----------------------------------------------------------

    def program(self):
        return {"PATH": os.environ["PATH"], **self.env, **{
            name: os.environ[name] for name in
            ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")
            if name in os.environ}}

    def start_worker(self):
        with (self.folder / "worker.log").open("ab") as log:
            self.worker = subprocess.Popen(
                [BUILD / "bookingctl", "payments", "work", "--watch"],
                env=self.program(), stdin=subprocess.DEVNULL, stdout=log,
                stderr=log)

    def stop_worker(self, number=signal.SIGTERM):
        if self.worker is not None:
            self.worker.send_signal(number)
            self.worker.wait(30)
            self.worker = None

    def run(self, *words, status=0):
        done = subprocess.run([BUILD / "bookingctl", *words],
                              env=self.program(), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120)
        assert status is None or done.returncode == status, done
        return done.stdout

    def work(self):
        """What is due, once."""
        return self.run("payments", "work")

    def hurry(self, *types):
        """No backing off, and nobody's lease: it is due now."""
        self.sql("update bookings.outbox set due_at = now(), claimed_until = "
                 "null where topic = 'payments' and sent_at is null and "
                 "dead_at is null and type = any(%s)", list(types))

    def drained(self):
        return not self.sql(
            "select 1 from bookings.outbox o where topic = 'payments' and "
            "sent_at is null and dead_at is null and type = any(%s) limit 1",
            list(WORK))

    def drain(self, seconds=60):
        """Until nothing is left to do and all webhooks are told."""
        self.sandbox.wait()
        end = time.monotonic() + seconds
        while not self.drained():
            self.hurry(*WORK)
            if self.worker is None:
                self.work()
            else:
                time.sleep(0.05)
            assert time.monotonic() < end, self.sql(
                "select * from bookings.outbox where topic = 'payments' and "
                "sent_at is null and dead_at is null")
        self.sandbox.wait()

    def forget_outage(self):
        """What the breaker remembers lies in shared memory."""
        watched = self.worker is not None
        self.stop_worker()
        self.ctl("api", "stop", self.dir)
        (self.home / "run" / "shared").unlink()
        self.ctl("api", "start", self.dir)
        if watched:
            self.start_worker()
        self.healthy()

    # ---- customers ----------------------------------------------------------

    def session_of(self, url):
        assert url.startswith(self.sandbox.url + "/c/pay/"), url
        return re.sub(r"[?#].*", "", url.rpartition("/")[2])

    def pay(self, url, method="pm_card_visa"):
        """On Stripe's page, and its webhooks told."""
        answer = self.sandbox.act(self.session_of(url), action="pay",
                                  payment_method=method)
        assert answer, f"too late to pay {url}"
        self.sandbox.wait()
        return answer

    def decline(self, url):
        return self.pay(url, "pm_card_visa_chargeDeclined")

    def read(self, token, made):
        answer = self.get(f"{V1}/bookings/{made['booking_id']}", token)
        assert answer.status == 200, answer
        return answer.body

    def cancel(self, token, made, **headers):
        answer = self.ask("DELETE", f"{V1}/bookings/{made['booking_id']}",
                          token, **headers)
        assert answer.status == 200, answer
        return answer.body

    def change(self, token, made, **body):
        return self.ask("PUT", f"{V1}/bookings/{made['booking_id']}", token,
                        body)

    def link(self, token, made):
        """What our own pay link answers, as the booking's owner is shown it."""
        url = urllib.parse.urlsplit(self.read(token, made)["payment_url"])
        assert url.path == f"/pay/{made['booking_id']}"
        return self.get(f"{url.path}?{url.query}")

    def wait_until(self, token, made, seconds=60, **wanted):
        """The booking, once it reads so."""
        def so():
            now = self.read(token, made)
            return now if all(now[k] == v for k, v in wanted.items()) else None
        return until(so, wanted, seconds)

    def paid_booking(self, franchise, day, first, last, token=None, **kinds):
        """(token, booking), paid and confirmed."""
        token = token or self.token()
        made = self.book(token, franchise, day, first, last, **kinds)
        self.pay(made["payment_url"])
        assert self.read(token, made)["status"] == "confirmed"
        return token, made

    def lapse(self, made):
        """The hold's time is over."""
        self.sql("update bookings.bookings set hold_expires_at = now() - "
                 "interval '1 second' where id = %s", made["booking_id"])
        self.redis("flushall")

    def lapse_change(self, made):
        """Nobody has paid for the change in time."""
        assert self.sql("update bookings.pending_changes set expires_at = "
                        "now() - interval '1 second' where booking_id = %s",
                        made["booking_id"]) == 1
        self.redis("flushall")

    def webhook(self, body, header=None, **headers):
        """One delivery; `body` an event, or bytes."""
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        request = Request("POST", WEBHOOK, **headers)
        request.body = body
        request.headers["Content-Type"] = "application/json"
        if header is not False:
            request.headers["Stripe-Signature"] = header or signature(body)
        client = Client(self)
        try:
            return client.ask(request)
        finally:
            client.close()

    # ---- rows ---------------------------------------------------------------

    def payments(self, made):
        """[(status, amount, refunded)], oldest first."""
        return [(s, f"{a:.2f}", f"{r:.2f}") for s, a, r in self.sql(
            "select payment_status, amount, refunded_amount from "
            "payments.payments where booking_id = %s order by created_at, id",
            made["booking_id"])]

    def refunds(self, made):
        """[(reason, status, amount)], oldest first."""
        return [(why, s, f"{a:.2f}") for why, s, a in self.sql(
            "select reason, refund_status, amount from payments.refunds "
            "where booking_id = %s order by created_at, id",
            made["booking_id"])]

    def told(self, made, *types):
        """How often each of these events was told of the booking."""
        rows = dict(self.sql(
            "select type, count(*) from bookings.outbox where topic = "
            "'events' and booking_id = %s group by type", made["booking_id"]))
        return tuple(rows.get(name, 0) for name in types)

    # ---- the books ----------------------------------------------------------

    # Each finds what must not be.
    WRONG = {
        "an entry of the journal does not balance": """
            select entry_id from payments.journal
             group by entry_id, currency having sum(amount) <> 0""",
        "the journal is not what was paid less what was refunded": """
            select b.id, j.held, p.paid, r.refunded
              from bookings.bookings b
              left join lateral (
                   select coalesce(sum(amount), 0) as held
                     from payments.journal where booking_id = b.id
                      and account = 'stripe'
                      and kind in ('charge', 'refund', 'refund_failed')) j on true
              left join lateral (
                   select coalesce(sum(amount), 0) as paid
                     from payments.payments where booking_id = b.id
                      and payment_status = 'succeeded') p on true
              left join lateral (
                   select coalesce(sum(amount), 0) as refunded
                     from payments.refunds where booking_id = b.id
                      and refund_status = 'succeeded') r on true
             where j.held <> p.paid - r.refunded""",
        "a payment's refunds are not what it says": """
            select p.id, p.refunded_amount, r.refunded, p.amount
              from payments.payments p left join lateral (
                   select coalesce(sum(amount), 0) as refunded
                     from payments.refunds where payment_id = p.id
                      and refund_status <> 'failed') r on true
             where p.refunded_amount <> r.refunded or r.refunded > p.amount
                or (r.refunded > 0 and p.payment_status <> 'succeeded')""",
        "a booking does not say what its payments do": """
            select b.id, b.paid_amount, b.refunded_amount, p.paid, p.refunded
              from bookings.bookings b left join lateral (
                   select coalesce(sum(amount) filter (where payment_status =
                              'succeeded'), 0) as paid,
                          coalesce(sum(refunded_amount), 0) as refunded
                     from payments.payments where booking_id = b.id) p on true
             where b.paid_amount <> p.paid or b.refunded_amount <> p.refunded""",
        "more than one unfinished payment": """
            select booking_id from payments.payments
             where payment_status in ('queued', 'open', 'requires_action',
                   'processing')
             group by booking_id having count(*) > 1""",
        # What it costs, and what its price has fallen since it was paid:
        # whether that went back is for the policy to say.
        "a confirmed booking holds less than it costs, or more": """
            select b.id, b.booking_status, b.total_amount, p.paid, r.others,
                   w.waived, f.fallen, r.fallen
              from bookings.bookings b
              left join lateral (
                   select coalesce(sum(amount), 0) as paid
                     from payments.payments where booking_id = b.id
                      and payment_status = 'succeeded') p on true
              left join lateral (
                   select coalesce(sum(amount) filter (where reason <>
                              'price_down'), 0) as others,
                          coalesce(sum(amount) filter (where reason =
                              'price_down'), 0) as fallen
                     from payments.refunds where booking_id = b.id) r on true
              left join lateral (
                   select coalesce(sum(amount), 0) as waived
                     from payments.journal where booking_id = b.id
                      and account = 'waivers') w on true
              left join lateral (
                   select coalesce(sum(greatest(e.was - e.now, 0)), 0) as fallen
                     from (select o.type, o.sequence,
                                  (o.facts ->> 'total_amount')::numeric as now,
                                  lag((o.facts ->> 'total_amount')::numeric)
                                      over (order by o.sequence) as was
                             from bookings.outbox o where o.topic = 'events'
                              and o.booking_id = b.id
                              and o.facts ? 'total_amount') e
                    where e.type = 'BookingModified' and e.sequence > (
                          select min(c.sequence) from bookings.outbox c
                           where c.topic = 'events' and c.booking_id = b.id
                             and c.type = 'BookingConfirmed')) f on true
             where b.booking_status in ('confirmed', 'checked_in',
                   'completed', 'no_show')
               and (p.paid - r.others + w.waived <> b.total_amount + f.fallen
                    or r.fallen > f.fallen
                    or p.paid - r.others - r.fallen + w.waived <
                       b.total_amount)""",
        "money is kept of a booking that does not stand": """
            select b.id, b.booking_status, p.id from bookings.bookings b
              join payments.payments p on p.booking_id = b.id
               and p.payment_status = 'succeeded'
             where b.booking_status in ('pending', 'expired', 'cancelled')
               and not exists (select from payments.refunds r
                                where r.payment_id = p.id)
               and not (b.booking_status = 'cancelled' and
                        b.refund_amount is not null and b.refund_amount <
                        (select sum(q.amount) from payments.payments q
                          where q.booking_id = b.id
                            and q.payment_status = 'succeeded'))""",
        "a cancelled booking got back less than it was promised": """
            select b.id, b.refund_amount, r.refunded from bookings.bookings b
              left join lateral (
                   select coalesce(sum(amount), 0) as refunded
                     from payments.refunds where booking_id = b.id) r on true
             where b.booking_status = 'cancelled'
               and r.refunded < b.refund_amount""",
        "money and its events are not in step": """
            select p.id, e.type, e.count from payments.payments p
             cross join lateral (
                   select 'PaymentProcessed' as type, count(*) as count
                     from bookings.outbox o where o.topic = 'events'
                      and o.type = 'PaymentProcessed'
                      and o.booking_id = p.booking_id
                      and o.facts ->> 'payment_id' = p.id::text) e
             where e.count <> (p.payment_status = 'succeeded')::int
             union all
            select r.id, e.type, e.count from payments.refunds r
             cross join lateral (
                   select 'RefundProcessed' as type, count(*) as count
                     from bookings.outbox o where o.topic = 'events'
                      and o.type = 'RefundProcessed'
                      and o.booking_id = r.booking_id
                      and o.facts ->> 'refund_id' = r.id::text) e
             where (r.refund_status = 'succeeded' and e.count <> 1)
                or (r.refund_status in ('queued', 'pending') and e.count <> 0)
                or e.count > 1""",
        "a booking was confirmed twice, or without an event": """
            select b.id, b.booking_status, e.count from bookings.bookings b
              left join lateral (
                   select count(*) as count from bookings.outbox o
                    where o.topic = 'events' and o.booking_id = b.id
                      and o.type = 'BookingConfirmed') e on true
             where e.count > 1
                or (b.booking_status = 'confirmed' and e.count <> 1)
                or (b.booking_status in ('pending', 'expired') and
                    e.count <> 0)""",
        "a QR code's image is asked for when a booking is confirmed, once": """
            select b.id, e.confirmed, e.images from bookings.bookings b
             cross join lateral (
                   select count(*) filter (where o.topic = 'events' and
                              o.type = 'BookingConfirmed') as confirmed,
                          count(*) filter (where o.topic = 'documents' and
                              o.type = 'qr') as images
                     from bookings.outbox o where o.booking_id = b.id) e
             where e.confirmed <> e.images""",
        "work is dead": """
            select id, type, booking_id from bookings.outbox
             where topic = 'payments' and dead_at is not null""",
    }

    def books(self):
        """Every account of the money agrees with every other."""
        self.sandbox.wait()
        self.balanced()
        self.run("verify")
        self.run("reconcile")
        for what, query in self.WRONG.items():
            found = self.sql(query)
            assert not found, f"{what}: {found[:10]}"
        self.stripe_agrees()

    def stripe_agrees(self):
        ours = {str(i): (status, units(a, c), intent, units(r, c))
                for i, status, a, c, intent, r in self.sql(
                    "select id, payment_status, amount, currency, "
                    "stripe_payment_id, refunded_amount from "
                    "payments.payments")}
        theirs = {}
        for intent in self.sandbox.objects("payment_intent").values():
            if intent["status"] == "succeeded":
                mine = intent["metadata"].get("payment_id")
                assert mine in ours, f"Stripe alone knows {intent['id']}"
                # The same attempt paid twice would be money nobody sees.
                assert mine not in theirs, f"{mine} was charged twice"
                theirs[mine] = (intent["amount_received"], intent["id"])
        for name, (status, amount, intent, _) in ours.items():
            if status == "succeeded":
                assert theirs.get(name) == (amount, intent), (
                    name, theirs.get(name), amount, intent)
            else:
                assert name not in theirs, f"{name} is {status}, but paid"

        rows = {str(i): (status, units(a, c), stripe)
                for i, status, a, c, stripe in self.sql(
                    "select id, refund_status, amount, currency, "
                    "stripe_refund_id from payments.refunds")}
        known = {stripe: name for name, (_, _, stripe) in rows.items()}
        seen = {}
        for refund in self.sandbox.objects("refund").values():
            # Of those that were made elsewhere we know Stripe's id alone.
            mine = known.get(refund["id"], refund["metadata"].get("refund_id"))
            assert mine in rows, f"Stripe alone knows {refund['id']}"
            assert mine not in seen, f"{mine} was refunded twice"
            # Taken back or bounced, the money is here again.
            status = "failed" if refund["status"] == "canceled" else refund["status"]
            seen[mine] = (status, refund["amount"], refund["id"])
        for name, (status, amount, stripe) in rows.items():
            if status == "queued":
                assert name not in seen, f"{name} is queued, but sent"
            else:
                assert seen.get(name) == (status, amount, stripe), (
                    name, seen.get(name), status, amount, stripe)


def units(amount, currency):
    """As Stripe counts."""
    return int(amount if currency in NO_DECIMALS else amount * 100)


def keyed(key=None):
    return {"Idempotency-Key": key or str(uuid.uuid4())}


__all__ = ["Shop", "Sandbox", "Request", "WEBHOOK", "SECRETS", "signature",
           "booking_body", "keyed", "units", "until"]
