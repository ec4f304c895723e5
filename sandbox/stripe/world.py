"""world: everything the sandbox knows: accounts, their objects, the clock and
what is still to happen by it.

Whoever reads or changes it holds world.lock.
"""
import contextlib
import heapq
import itertools
import json
import random
import string
import threading
import time

from .errors import Refusal
from .params import API_VERSION

ALPHABET = string.ascii_letters + string.digits
KINDS = ["balance_transaction", "charge", "checkout.session", "dispute", "event",
         "payment_intent", "refund"]
ACCOUNTS_MAX = 200
NOBODY = {"id": None, "idempotency_key": None}


class Settings:
    """What the control endpoint may set; all durations by the sandbox's clock."""

    def __init__(self):
        self.books_s = 1        # until a charge has its balance transaction
        self.settle_s = 5       # until a bank answers: debits, refunds, disputes
        self.objects_max = 200000  # then creates are refused, aloud


class Table:
    """The objects of one kind in the order of their making."""

    def __init__(self):
        self.rows = []
        self.place = {}

    def add(self, row):
        self.place[row["id"]] = len(self.rows)
        self.rows.append(row)

    def get(self, name):
        place = self.place.get(name)
        return None if place is None else self.rows[place]


class Space:
    """The objects of one account; None is the platform's own."""

    def __init__(self, world, account):
        self.world = world
        self.account = account
        self.tables = {kind: Table() for kind in KINDS}
        self.sides = {}    # id: what Stripe knows and does not tell
        self.methods = {}  # pm_...: (name of the test method, intent that used it)
        self.replays = {}  # idempotency key: Replay

    def side(self, row):
        return self.sides.setdefault(row["id"], {})

    def get(self, kind, name):
        return self.tables[kind].get(name)

    def add(self, kind, row):
        self.world.made += 1
        self.tables[kind].add(row)
        return row


class World:
    def __init__(self, seed=None, public_url=""):
        self.lock = threading.RLock()
        self.settings = Settings()
        self.random = random.Random(seed)
        self.public_url = public_url
        self.cause = NOBODY
        self.on_event = lambda space, event_id, kind, text: None
        self.clear()

    def clear(self):
        with self.lock:
            self.offset = 0
            self.spaces = {}
            self.made = 0
            self.to_come = []
            self.turn = itertools.count()

    def now(self):
        return int(time.time() + self.offset)

    def space(self, account):
        space = self.spaces.get(account)
        if space is None:
            if len(self.spaces) >= ACCOUNTS_MAX:
                raise Refusal(500, "api_error", "The sandbox has no room for another account: "
                              "reset it", begun=False)
            space = self.spaces[account] = Space(self, account)
        return space

    def check_room(self):
        if self.made >= self.settings.objects_max:
            raise Refusal(500, "api_error", f"The sandbox holds {self.made} objects and takes "
                          "no more: reset it", begun=False)

    def name(self, prefix, length=24):
        return prefix + "".join(self.random.choices(ALPHABET, k=length))

    # ---- what is still to happen -----------------------------------------
    def after(self, seconds, act):
        """Calls act(), with the lock held, when that time has come."""
        heapq.heappush(self.to_come, (self.now() + seconds, next(self.turn), act))

    def catch_up(self):
        """Lets happen what is due; asked before each request and each second."""
        to_come = self.to_come
        if not to_come or to_come[0][0] > time.time() + self.offset:
            return
        with self.lock, self.acting(NOBODY):
            while self.to_come and self.to_come[0][0] <= self.now():
                heapq.heappop(self.to_come)[2]()

    def advance(self, seconds):
        """Moves the clock, step by step, so that each thing has its own time."""
        with self.lock:
            end = self.offset + seconds
            while self.to_come and self.to_come[0][0] <= time.time() + end:
                step = self.to_come[0][0] - time.time()
                self.offset = min(end, max(self.offset, step))
                with self.acting(NOBODY):
                    heapq.heappop(self.to_come)[2]()
            self.offset = end

    @contextlib.contextmanager
    def acting(self, cause):
        """Under the lock: whose request the events that come now belong to."""
        before, self.cause = self.cause, cause
        try:
            yield
        finally:
            self.cause = before

    # ---- events ----------------------------------------------------------
    def emit(self, space, kind, row, previous=None):
        event = {"id": self.name("evt_1"), "object": "event", "api_version": API_VERSION,
                 "created": self.now(), "data": {"object": row}, "livemode": False,
                 "pending_webhooks": 1, "request": self.cause, "type": kind}
        if previous:
            event["data"]["previous_attributes"] = previous
        if space.account:
            event["account"] = space.account
        text = json.dumps(event, indent=2)
        space.add("event", {"id": event["id"], "created": event["created"], "type": kind,
                            "text": text, "pending": 0})
        self.on_event(space, event["id"], kind, text)
