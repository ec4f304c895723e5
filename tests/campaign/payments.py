#!/usr/bin/python3
"""payments.py: customers who book, pay, decline, walk away, make their bookings
dearer and cheaper before and after they have paid, cancel, and let holds and
changes lapse, while Stripe, its webhooks and our workers fail at random.  Once
the faults are over and the work is done, all books must agree.

	tests/campaign/payments.py [--bookings 2400] [--clients 16] [--seed N]

The seed decides what each customer does and where faults strike; the order in
which the machine runs them is its own.  SEED in the environment is taken too.
"""

import argparse
import collections
import http.client
import os
import pathlib
import random
import signal
import sys
import tempfile
import threading
import time
from datetime import date

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from live import V1, Client, Request, at, booking_body, day_in  # noqa: E402
from relays import Relay  # noqa: E402
from shop import Shop, keyed, until  # noqa: E402

LOST = (OSError, http.client.HTTPException)
TRIES_MAX = 40  # of who opens his pay link
ANSWER_S = 60  # that long a request is sent again, however slow the machine
PATIENCE_S = 2  # of a customer who waits for the webhook
# What Stripe keeps under a key for a day (a saved 500 that did nothing) would
# be owed for a day: here such a failure is one of before Stripe's own code.
FAULTS = [
    ("POST /v1/*", "fail", 0.03, {"saved": False}),
    ("POST /v1/*", "fail_after_effect", 0.03, {}),
    ("POST /v1/*", "drop", 0.02, {}),
    ("POST /v1/*", "drop_after_effect", 0.02, {}),
    ("POST /v1/*", "hang_after_effect", 0.003, {"ms": 2000}),
    ("POST /v1/*", "garbage", 0.02, {}),
    ("*", "rate_limit", 0.02, {}),
    ("*", "delay", 0.05, {"ms": 50}),
]
WEBHOOK_FAULTS = [
    ("*", "duplicate", 0.1, {}),
    ("*", "reorder", 0.1, {"ms": 500}),
    ("*", "delay", 0.1, {"ms": 200}),
    ("*", "tamper", 0.05, {}),
    ("*", "stale", 0.05, {}),
    ("*", "withhold", 0.03, {}),
]
CARDS = ["pm_card_visa"] * 12 + ["pm_card_mastercard", "pm_card_pendingRefund",
                                 "pm_card_refundFail"]


class Customer:
    """One client: a kept connection, and a mind of its own."""

    def __init__(self, campaign, number):
        self.campaign, self.shop = campaign, campaign.shop
        self.random = random.Random(f"{campaign.seed}.{number}")
        self.client = Client(self.shop)
        self.did = campaign.did

    def ask(self, method, path, token, body=None):
        """Sent again under its key until it is answered."""
        request = Request(method, path, token, body, **{
            name.replace("-", "_"): value for name, value in keyed().items()})
        if method == "GET":
            request.headers.pop("Idempotency-Key")
        end = time.monotonic() + ANSWER_S
        while time.monotonic() < end:
            try:
                answer = self.client.ask(request)
            except LOST:
                self.did["connection lost"] += 1
            else:
                self.did[f"answered {answer.status}"] += 1
                # payments_unavailable: Stripe is what is missing.
                busy = answer.headers["Retry-After"] and (
                    answer.status == 409 or answer.status == 503 and
                    answer.code != "payments_unavailable")
                if not busy:
                    return answer
            time.sleep(0.05)
        raise AssertionError(f"no answer: {method} {path}")

    def book(self):
        shop, draw = self.shop, self.random
        token = shop.token()
        first = draw.randrange(0, 20)
        body = booking_body(draw.choice(self.campaign.houses),
                            day_in(draw.choice([1, 2, 3, 5])), first,
                            first + draw.randint(1, 4))
        answer = self.ask("POST", f"{V1}/bookings", token, body)
        if answer.status == 201:
            self.did["booked"] += 1
            self.live(token, answer.body, body)
        else:
            assert answer.status in (409, 422), answer
            self.did["refused: " + answer.code] += 1

    # What becomes of a booking, and of one that is paid.
    ACTS = ["pay", "pay", "pay", "decline", "cancel", "change", "lapse", "link",
            "pay twice", "pay at once", "end page"]
    PAID_ACTS = ["change", "change", "change", "change", "pay", "pay",
                 "pay at once", "pay twice", "decline", "lapse", "give up",
                 "end page", "link", "cancel"]

    def live(self, token, made, body):
        """Several things, in any order."""
        urls = [made["payment_url"]]
        for _ in range(self.random.randint(0, 4)):
            self.do(self.random.choice(self.ACTS), token, made, body, urls)
        if self.random.random() < 0.6 and self.paid(token, made, body, urls):
            for _ in range(self.random.randint(2, 9)):
                self.do(self.random.choice(self.PAID_ACTS), token, made, body,
                        urls)

    def paid(self, token, made, body, urls):
        """Paid now, and known to be, unless that takes too long."""
        end = time.monotonic() + PATIENCE_S
        self.pay(token, made, body, urls)
        while (status := self.read(token, made)["status"]) == "pending" and \
                time.monotonic() < end:
            time.sleep(0.05)
        return status == "confirmed"

    def do(self, act, token, made, body, urls):
        self.did[act] += 1
        getattr(self, act.replace(" ", "_"))(token, made, body, urls)

    def read(self, token, made):
        return self.ask("GET", f"{V1}/bookings/{made['booking_id']}",
                        token).body

    def page(self, urls, **given):
        """The newest page, or, of many, any: people keep tabs open."""
        pages = [u for u in urls if "/c/pay/" in u]
        if pages:
            url = pages[-1] if self.random.random() < 0.7 else \
                self.random.choice(pages)
            self.shop.sandbox.act(self.shop.session_of(url), **given)

    def pay(self, token, made, body, urls):
        if not any("/c/pay/" in url for url in urls):
            self.link(token, made, body, urls)
        self.page(urls, action="pay",
                  payment_method=self.random.choice(CARDS))

    def pay_twice(self, token, made, body, urls):
        self.pay(token, made, body, urls)
        for url in urls:
            self.page([url], action="pay", payment_method="pm_card_visa")

    def decline(self, token, made, body, urls):
        self.page(urls, action="pay",
                  payment_method="pm_card_visa_chargeDeclined")

    def end_page(self, token, made, body, urls):
        self.page(urls, action="expire")

    def link(self, token, made, body, urls):
        """The pay link, until it leads somewhere: it may be told to wait."""
        link = self.read(token, made)["payment_url"]
        if not link:
            return
        for _ in range(TRIES_MAX):
            try:
                answer = self.client.ask(Request("GET", link.partition(
                    f":{self.shop.port}")[2]))
            except LOST:
                self.did["connection lost"] += 1
                continue
            self.did[f"link answered {answer.status}"] += 1
            if answer.status == 303:
                urls.append(answer.headers["Location"])
            if answer.status != 503:
                return
            time.sleep(0.1)

    def cancel(self, token, made, body, urls):
        answer = self.ask("DELETE", f"{V1}/bookings/{made['booking_id']}",
                          token)
        assert answer.status in (200, 409), answer

    def put(self, token, made, wanted):
        answer = self.ask("PUT", f"{V1}/bookings/{made['booking_id']}", token,
                          wanted)
        assert answer.status in (200, 409, 422), answer
        return answer

    def change(self, token, made, body, urls):
        """Other hours of the same day, or of another; one child, or two."""
        draw = self.random
        day = date.fromisoformat(body["start_datetime"][:10])
        if draw.random() < 0.2:
            day = day_in(draw.choice([1, 2, 3, 5]))
        first = int(body["start_datetime"][11:13])
        if draw.random() < 0.5:
            first = draw.randrange(0, 20)
        length = draw.randint(1, 4)
        if draw.random() < 0.4:  # the same stay at another hour
            length = int(body["end_datetime"][11:13]) - int(
                body["start_datetime"][11:13])
        wanted = {"start_datetime": at(day, first),
                  "end_datetime": at(day, first + length)}
        if draw.random() < 0.2:
            wanted["children"] = [{"name": "Alice Doe", "age": 5}] + [
                {"name": "Ben Doe", "age": 3}] * draw.randint(0, 1)
        if draw.random() < 0.1:
            wanted["customer_info"] = {"phone": f"+44{draw.randrange(10**8)}"}
        answer = self.put(token, made, wanted)
        if answer.status != 200:
            self.did["change refused: " + answer.code] += 1
            return
        now = answer.body
        if now["status"] == "pending":
            self.did["changed, unpaid"] += 1
            if now["payment_url"]:
                urls.append(now["payment_url"])
        elif now["pending_change"]:
            self.did["change waits"] += 1
            if draw.random() < 0.7:
                self.link(token, made, body, urls)
            if draw.random() < 0.5:
                self.pay(token, made, body, urls)
        else:
            self.did["changed, paid"] += 1

    def give_up(self, token, made, body, urls):
        """Asks for what stands."""
        shown = self.read(token, made)
        if shown["pending_change"]:
            answer = self.put(token, made, {
                "start_datetime": shown["start_datetime"],
                "end_datetime": shown["end_datetime"]})
            self.did[f"given up: {answer.status}"] += 1

    def pay_at_once(self, token, made, body, urls):
        answer = self.ask("POST", f"{V1}/bookings/{made['booking_id']}/payment",
                          token, {"payment_method": self.random.choice(
                              CARDS + ["pm_card_visa_chargeDeclined"])})
        assert answer.status in (200, 202, 402, 409, 503), answer

    def lapse(self, token, made, body, urls):
        """The hold, or the change; often the relay comes at once."""
        self.shop.sql("update bookings.bookings set hold_expires_at = now() - "
                      "interval '1 second' where id = %s and booking_status = "
                      "'pending'", made["booking_id"])
        if self.shop.sql("update bookings.pending_changes set expires_at = "
                         "now() - interval '1 second' where booking_id = %s",
                         made["booking_id"]):
            self.did["change lapsed"] += 1


class Campaign:
    def __init__(self, shop, seed, bookings, clients):
        self.shop, self.seed = shop, seed
        self.clients = clients
        self.did = collections.Counter()
        self.left = bookings
        self.lock = threading.Lock()
        self.failed = []
        self.over = threading.Event()

    def another(self):
        with self.lock:
            if self.left <= 0 or self.failed:
                return False
            self.left -= 1
            return True

    def run_customer(self, number):
        customer = Customer(self, number)
        try:
            while self.another():
                customer.book()
        except BaseException as e:
            self.failed.append(e)
        finally:
            customer.client.close()

    def break_things(self):
        """Processes are killed; what is due is due at once."""
        draw = random.Random(f"{self.seed}.breaker")
        while not self.over.wait(draw.uniform(0.3, 1.5)):
            self.shop.hurry("session", "refund", "close", "read")
            if draw.random() < 0.4:
                self.shop.stop_worker(signal.SIGKILL)
                self.did["worker of payments killed"] += 1
                self.shop.start_worker()
            if draw.random() < 0.3:
                self.shop.sql("update bookings.outbox set due_at = now() where "
                              "topic = 'bookings' and sent_at is null")
                self.relay.once()
            if draw.random() < 0.2:
                worker = draw.choice(self.shop.workers() or [0])
                if worker:
                    try:
                        os.kill(worker, signal.SIGKILL)
                        self.did["worker of the API killed"] += 1
                    except ProcessLookupError:
                        continue

    def run_breaker(self):
        try:
            self.break_things()
        except BaseException as e:
            self.failed.append(e)

    def run(self):
        shop = self.shop
        # Room for most, so that some find none.
        room = max(3, self.left // 120)
        self.houses = [shop.franchise(room) for _ in range(3)]
        self.houses.append(shop.franchise(room, rate="1500"))
        shop.sql("update franchises.franchises set currency = 'JPY' where "
                 "id = %s", self.houses[-1])
        # Differences that nobody can charge, and a fee.
        shop.sql("update franchises.franchises set peak_hour_rate = 15.20, "
                 "cancel_fee = 10 where id = %s", self.houses[1])
        shop.sql("insert into franchises.peak_windows values (%s, "
                 "'{1,2,3,4,5,6,7}', '08:00', '12:00')", self.houses[1])
        self.relay = Relay(shop.env, "bookings", shop.folder / "relay.log")
        for n, (match, kind, chance, more) in enumerate(FAULTS):
            shop.sandbox.fault(match, kind, probability=chance,
                               seed=self.seed + n, **more)
        for n, (match, kind, chance, more) in enumerate(WEBHOOK_FAULTS):
            shop.sandbox.webhook_fault(match, kind, probability=chance,
                                       seed=self.seed + n, **more)
        threads = [threading.Thread(target=self.run_customer, args=(n,))
                   for n in range(self.clients)]
        breaker = threading.Thread(target=self.run_breaker)
        breaker.start()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.over.set()
        breaker.join()
        self.struck = shop.sandbox.control("GET", "/counts")
        if self.failed:
            raise self.failed[0]
        self.settle()

    def settle(self):
        """The faults are over: what is left is done, and all books agree."""
        shop = self.shop
        shop.sandbox.lift()
        shop.sandbox.control("POST", "/webhooks/release")
        shop.sandbox.wait()
        shop.forget_outage()  # the breaker's half minute
        # Keys of a minute that a saved 500 lies under.
        shop.sql("update payments.payments set created_at = created_at - "
                 "interval '2 minutes' where payment_status = 'queued'")
        shop.hurry("read")
        shop.drain(seconds=120)
        # Refunds that banks take their time for, pages nobody closed.
        shop.sandbox.control("POST", "/clock", {"advance_s": 3600})
        shop.sandbox.wait()
        shop.hurry("read")
        shop.drain(seconds=120)
        self.relay.once()
        shop.drain(seconds=120)
        until(lambda: not shop.sql(
            "select 1 from bookings.outbox where topic = 'payments' and "
            "sent_at is null and dead_at is null and due_at <= now() limit 1"),
            "nothing due", 60)
        shop.drain(seconds=120)
        shop.books()

    def report(self):
        shop, rows = self.shop, []
        for title, found in (
                ("Stripe failed", self.struck["faults"]),
                ("webhooks went wrong", self.struck["webhook_faults"]),
                ("done", dict(self.did)),
                ("bookings", dict(shop.sql("select booking_status, count(*) "
                                           "from bookings.bookings group by 1"))),
                ("payments", dict(shop.sql("select payment_status, count(*) "
                                           "from payments.payments group by 1"))),
                ("attempts at changes", {f"{end}, {status}": n for end, status, n in
                                         shop.sql(
                    "select coalesce(change_end, 'waits'), payment_status, "
                    "count(*) from payments.payments where change_id is not "
                    "null group by 1, 2")}),
                ("waivers", {"entries": shop.one(
                    "select count(*) from payments.journal where account = "
                    "'waivers'")}),
                ("refunds", {f"{why}, {status}": n for why, status, n in
                             shop.sql("select reason, refund_status, count(*) "
                                      "from payments.refunds group by 1, 2")})):
            rows.append(f"{title}: " + ", ".join(
                f"{name} {n}" for name, n in sorted(found.items())))
        return "\n".join(rows)


def campaign(folder, seed, bookings, clients, say=print):
    say(f"seed {seed}, {bookings} bookings, {clients} clients")
    shop = Shop(folder, STRIPE_TIMEOUT_MS=1000, API_WORKERS=12)
    started = time.monotonic()
    try:
        run = Campaign(shop.start(), seed, bookings, clients)
        run.run()
        say(run.report())
        say(f"all books agree after {time.monotonic() - started:.0f} s")
        return run
    finally:
        shop.reset()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bookings", type=int, default=2400)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seed", type=int, default=int(
        os.environ.get("SEED") or random.SystemRandom().randrange(10**6)))
    options = parser.parse_args()
    os.environ.setdefault("INSTANCE_FSYNC", "off")
    with tempfile.TemporaryDirectory(prefix="campaign.") as folder:
        campaign(pathlib.Path(folder), options.seed, options.bookings,
                 options.clients)


if __name__ == "__main__":
    main()
