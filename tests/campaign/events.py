#!/usr/bin/python3
"""events.py: customers book, change and cancel while the relays of events are
killed, their connections cut and the queue fails at random.  Once the faults are
over every event has arrived, and those of each booking in order.

	tests/campaign/events.py [--events 5000] [--kills 200] [--clients 8]
	    [--queue fifo|standard] [--seed N]
	tests/campaign/events.py --outage SECONDS [...]: instead of that the queue is
	    away so long, while customers go on

The seed decides where faults strike; the order in which the machine runs things
is its own.  SEED in the environment is taken too.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import signal
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from aws_place import AwsPlace  # noqa: E402
from consumer import Consumer, consume  # noqa: E402
from live import V1, Client, Live, Request, booking_body, day_in, until  # noqa: E402
from relays import Relay, check_event, in_order  # noqa: E402

SEND = "sqs:SendMessageBatch"
FAULTS = [
    ("throttle", 0.04, {}),
    ("fail", 0.03, {}),
    ("fail_after_effect", 0.03, {}),
    ("unavailable", 0.02, {}),
    ("partial", 0.06, {"entries": [0, 3]}),
    ("omit_entry", 0.03, {"entries": [1]}),
    ("wrong_md5", 0.02, {}),
    ("drop", 0.03, {}),
    ("drop_after_effect", 0.03, {}),
    ("hang_after_effect", 0.01, {"ms": 1500}),
    ("garbage", 0.02, {}),
    ("delay", 0.05, {"ms": 40}),
]
RELAYS = 2
PACE_S = 0.2  # between two bookings of a customer while the queue is away


class Campaign:
    def __init__(self, live, queue, seed, events, kills, clients, outage_s=0):
        self.live, self.queue, self.seed = live, queue, seed
        self.events, self.kills, self.clients = events, kills, clients
        self.outage_s = outage_s
        self.did = collections.Counter()
        self.failed = []
        self.over = threading.Event()
        self.relays = []

    def told(self):
        return self.live.one("select count(*) from bookings.outbox where topic = 'events'")

    # ---- customers ---------------------------------------------------------------

    def customer(self, number):
        """A child's hour, day after day: booked, changed, perhaps cancelled."""
        draw = random.Random(f"{self.seed}.{number}")
        client, token = Client(self.live), self.live.token()
        turn = 0
        try:
            while not self.over.is_set():
                day, hour = day_in(5 + turn // 20), turn % 20
                turn += 1
                made = client.ask(Request("POST", f"{V1}/bookings", token, booking_body(
                    self.house, day, hour, hour + 1, child=f"Child {number}")))
                assert made.status == 201, made
                path = f"{V1}/bookings/{made.body['booking_id']}"
                self.did["booked"] += 1
                if draw.random() < 0.7:
                    changed = client.ask(Request("PUT", path, token, {
                        "customer_info": {"name": f"John {turn}"}}))
                    assert changed.status == 200, changed
                    self.did["changed"] += 1
                if draw.random() < 0.9:
                    assert client.ask(Request("DELETE", path, token)).status == 200
                    self.did["cancelled"] += 1
                if self.outage_s:
                    self.over.wait(PACE_S)
        except BaseException as e:
            self.failed.append(e)
            self.over.set()
        finally:
            client.close()

    # ---- what goes wrong -----------------------------------------------------------

    def break_once(self, draw):
        lot = draw.random()
        if lot < 0.75:
            relay = draw.choice(self.relays)
            relay.stop(signal.SIGKILL)
            relay.start()
            self.did["relay killed"] += 1
        elif lot < 0.95:
            self.did["connection to Postgres cut"] += self.live.one(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity"
                " where application_name like 'booking-relay%%'")
        else:
            self.live.ctl("redis", "kill", self.live.dir)
            self.live.ctl("redis", "start", self.live.dir)
            self.did["Redis killed"] += 1

    def broken_enough(self):
        return self.did["relay killed"] + self.did["connection to Postgres cut"] >= self.kills

    def run(self):
        self.house = self.live.franchise(1000)
        if self.outage_s:
            self.relays = [Relay(self.live.env, "events", self.live.folder / f"relay-{n}.log").start()
                           for n in range(RELAYS)]
        else:
            for n, (kind, chance, more) in enumerate(FAULTS):
                self.queue.fault(SEND, kind, probability=chance, seed=self.seed + n, **more)
            self.relays = [self.relay(n) for n in range(RELAYS)]
        threads = [threading.Thread(target=self.customer, args=(n,)) for n in range(self.clients)]
        for thread in threads:
            thread.start()
        draw = random.Random(f"{self.seed}.breaker")
        try:
            if self.outage_s:
                self.stay_away()
            while not self.failed and not self.outage_s and not (
                    self.broken_enough() and self.told() >= self.events):
                time.sleep(draw.uniform(0.02, 0.3))
                self.break_once(draw)
        finally:
            self.over.set()
            for thread in threads:
                thread.join()
        if self.failed:
            raise self.failed[0]
        self.settle()

    def stay_away(self):
        """The queue, while customers go on: before, meanwhile and after."""
        until(lambda: self.queue.arrived(), "a first event")
        self.queue.fault(SEND, "unavailable")
        self.over.wait(self.outage_s)
        self.did["waiting at its end"] = self.live.one(
            "select count(*) from bookings.outbox where topic = 'events' and sent_at is null")
        self.did["relay's lines about it"] = sum(
            len(relay.lines("relay_outage")) for relay in self.relays)
        self.struck = self.queue.lift()
        lifted = time.monotonic()
        until(lambda: self.live.one(
            "select count(*) from bookings.outbox where topic = 'events' and sent_at is null"
            " and created_at < now() - interval '2 s'") == 0, "an outbox without old events", 180)
        self.did["seconds until all was sent"] = round(time.monotonic() - lifted)

    def relay(self, number):
        return Relay(self.live.env, "events", self.live.folder / f"relay-{number}.log",
                     RELAY_LEASE_S=3, RELAY_BACKOFF_MS=50, SQS_TIMEOUT_MS=1000).start()

    def settle(self):
        """The faults are over: what was committed has arrived."""
        struck = self.queue.lift()
        self.struck = self.struck if self.outage_s else struck
        until(lambda: self.live.one("select count(*) from bookings.outbox where topic = 'events'"
                                    " and sent_at is null") == 0, "an empty outbox", 180)
        for relay in self.relays:
            assert relay.stop() == 0
        self.live.balanced()
        self.judge()

    def judge(self):
        entries = self.queue.arrived()
        events = [json.loads(entry["body"]) for entry in entries]
        for event in events:
            check_event(event)
        told = {str(i) for i, in self.live.sql(
            "select event_id from bookings.outbox where topic = 'events'")}
        self.arrived = {e["event_id"] for e in events}
        assert self.arrived == told, (len(self.arrived), len(told))
        assert in_order(events), "a booking's events arrived out of order"
        self.duplicates = len(events) - len(told)
        self.kept_away = sum(1 for entry in entries if entry["duplicate"])
        got = []
        assert consume(events, Consumer(got.append)) == []
        assert len(got) == len(told)

    def report(self):
        return "\n".join([
            "done: " + ", ".join(f"{name} {n}" for name, n in sorted(self.did.items())),
            "the queue failed: " + ", ".join(f"{name} {n}" for name, n in sorted(self.struck.items())),
            f"{len(self.arrived)} events, each at least once, each booking's in order; "
            f"{self.duplicates} arrived again, {self.kept_away} of which the queue knew by their id"])


def campaign(folder, seed, events, kills, clients, queue="standard", outage_s=0, say=print):
    what = f"away for {outage_s} s" if outage_s else f"{events} events, {kills} kills and cuts"
    say(f"seed {seed}, {what}, {clients} clients, {queue} queue")
    live = Live(folder, {"INSTANCE_AWS": "sandbox", "INSTANCE_QUEUE": queue},
                HOLDS_MAX=1000000, API_WORKERS=4)
    started = time.monotonic()
    run = None
    try:
        live.start()
        run = Campaign(live, AwsPlace(live), seed, events, kills, clients, outage_s)
        run.run()
        say(run.report())
        say(f"all events arrived after {time.monotonic() - started:.0f} s")
        return run
    finally:
        for relay in run.relays if run else ():
            relay.stop(signal.SIGKILL)
        live.reset()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=5000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--outage", type=int, default=0, metavar="SECONDS")
    parser.add_argument("--queue", choices=("fifo", "standard"), default="standard")
    parser.add_argument("--seed", type=int, default=int(
        os.environ.get("SEED") or random.SystemRandom().randrange(10**6)))
    options = parser.parse_args()
    os.environ.setdefault("INSTANCE_FSYNC", "off")
    with tempfile.TemporaryDirectory(prefix="campaign.") as folder:
        os.chmod(folder, 0o755)
        campaign(pathlib.Path(folder), options.seed, options.events, options.kills,
                 options.clients, options.queue, options.outage)


if __name__ == "__main__":
    main()
