"""world: everything the sandbox knows: queues, buckets, keys, the journal, and
two clocks.

Whoever reads or changes it holds world.lock, a condition that is notified
whenever something arrived or time was moved.

wall()  the time by which signatures and credentials are judged
now()   the time by which messages wait, expire and are forgotten: it can be
        moved forward, wall() cannot
"""
import random
import threading
import time
import uuid

from common.faults import Wrong

from . import ACCOUNT
from .credentials import Keys
from .journal import Journal

SKEW_MAX_S = 366 * 86400


def whole(low, high):
    return lambda value: type(value) is int and low <= value <= high


def one_of(*words):
    return lambda value: value in words


def yes_or_no(value):
    return isinstance(value, bool)


def text_or_none(value):
    return value is None or isinstance(value, str) and 0 < len(value) <= 200


# name: (what holds until something else is set, what may be set, in words)
SETTINGS = {
    "invalid_characters": ("refuse", one_of("refuse", "replace"), "refuse or replace"),
    "standard_order": ("loose", one_of("loose", "kept"), "loose or kept"),
    "unsigned_payload": (False, yes_or_no, "true or false"),
    "skew_s": (0, whole(-SKEW_MAX_S, SKEW_MAX_S), f"-{SKEW_MAX_S}..{SKEW_MAX_S}"),
    "credentials_lifetime_s": (3600, whole(1, 43200), "1..43200"),
    "ecs_token": (None, text_or_none, "a text, or null for none"),
    "in_flight_max": (120000, whole(1, 120000), "1..120000"),
    "messages_max": (100000, whole(1, 1000000), "1..1000000"),
    "bytes_max": (256 << 20, whole(1, 4 << 30), f"1..{4 << 30}"),
}


class World:
    def __init__(self, region, keys, make=lambda world: None, seed=None):
        """make(world): makes the queues and buckets that a reset leaves."""
        self.lock = threading.Condition(threading.RLock())
        self.region = region
        self.public_url = ""
        self.random = random.Random(seed)
        self.settings = {name: value for name, (value, _, _) in SETTINGS.items()}
        self.keys = Keys(self, keys)
        self.journal = Journal(self)
        self.waiting = 0       # long polls
        self.make = make
        self.clear()

    def clear(self):
        with self.lock:
            self.offset = 0
            self.queues = {}
            self.deleted = {}  # name: when
            self.buckets = {}
            self.stored = 0    # bytes of messages and objects
            self.journal.clear()
            self.keys.clear()
            self.make(self)
            self.lock.notify_all()

    def set(self, given):
        with self.lock:
            for name, value in given.items():
                if name not in SETTINGS or not SETTINGS[name][1](value):
                    words = SETTINGS[name][2] if name in SETTINGS else "none of the settings"
                    raise Wrong(f"{name} is {words}")
            self.settings.update(given)
            self.lock.notify_all()
            return dict(self.settings)

    # ---- time --------------------------------------------------------------
    def wall(self):
        return time.time() + self.settings["skew_s"]

    def now(self):
        return time.time() + self.offset

    def advance(self, seconds):
        with self.lock:
            self.offset += seconds
            self.tidy()
            self.lock.notify_all()

    def tidy(self):
        """Forgets what has had its time."""
        with self.lock:
            for queue in self.queues.values():
                queue.tidy()
            for name, when in list(self.deleted.items()):
                if when + 60 <= self.now():
                    del self.deleted[name]

    # ---- names --------------------------------------------------------------
    def uuid(self):
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def token(self, alphabet, length):
        return "".join(self.random.choices(alphabet, k=length))

    def queue_url(self, name):
        return f"{self.public_url}/{ACCOUNT}/{name}"

    def queue_arn(self, name):
        return f"arn:aws:sqs:{self.region}:{ACCOUNT}:{name}"
