"""faults: rules that say which request, or which webhook, is to go wrong how."""
import collections
import fnmatch
import random
import threading

REQUEST_KINDS = ["delay", "drop", "drop_after_effect", "fail", "fail_after_effect", "garbage",
                 "hang", "hang_after_effect", "rate_limit"]
WEBHOOK_KINDS = ["delay", "duplicate", "reorder", "stale", "tamper", "withhold"]
RULES_MAX = 100
MS_MAX = 600000
MS = {"hang": 30000, "hang_after_effect": 30000, "reorder": 5000, "duplicate": 0}
FIELDS = {"match": str, "kind": str, "times": int, "probability": (int, float), "seed": int,
          "ms": int, "saved": bool}


class Wrong(Exception):
    """The control endpoint was asked for what makes no sense."""


class Rule:
    """match is "METHOD /path/glob" (METHOD may be *) or the glob of an event type.

    times        how often at most; None: always
    probability  drawn from a generator of the rule's own, seeded by seed
    ms           how long: a delay, the longest hang, the longest wait of a
                 webhook for the next to pass it, the time until a duplicate
    saved        does the idempotency key keep a failure, as with Stripe?
    """

    def __init__(self, name, kinds, given):
        for field, value in given.items():
            if field not in FIELDS or not isinstance(value, FIELDS[field]) or \
                    isinstance(value, bool) != (FIELDS[field] is bool):
                raise Wrong(f"a rule has no such field, or not of that type: {field}")
        if given.get("kind") not in kinds:
            raise Wrong(f"kind is one of {', '.join(kinds)}")
        self.name = name
        self.kind = given["kind"]
        self.match = given.get("match", "*")
        self.times = given.get("times")
        self.probability = given.get("probability", 1)
        self.seed = given.get("seed", 0)
        self.ms = given.get("ms", MS.get(self.kind, 1000))
        self.saved = given.get("saved", True)
        if not 0 <= self.probability <= 1 or not 0 <= self.ms <= MS_MAX or \
                (self.times is not None and self.times < 1):
            raise Wrong(f"probability 0..1, ms 0..{MS_MAX}, times from 1")
        self.random = random.Random(self.seed)
        self.struck = 0

    def strikes(self, what):
        if self.times is not None and self.struck >= self.times:
            return False
        if not fnmatch.fnmatchcase(what, self.match) or self.random.random() >= self.probability:
            return False
        self.struck += 1
        return True

    def show(self):
        return {"id": self.name, "match": self.match, "kind": self.kind, "times": self.times,
                "probability": self.probability, "seed": self.seed, "ms": self.ms,
                "saved": self.saved, "struck": self.struck}


class Faults:
    """The rules in force, in the order of their making: the first to strike holds."""

    def __init__(self, kinds):
        self.kinds = kinds
        self.lock = threading.Lock()
        self.clear()

    def clear(self, counters=True):
        with self.lock:
            self.rules = []
            self.round = object()  # who waits in a fault sees that it was lifted
            if counters:
                self.struck = collections.Counter()
                self.made = 0

    def add(self, given):
        with self.lock:
            if len(self.rules) >= RULES_MAX:
                raise Wrong(f"at most {RULES_MAX} rules")
            self.made += 1
            rule = Rule(f"rule_{self.made}", self.kinds, given)
            self.rules.append(rule)
            return rule

    def strike(self, what):
        if not self.rules:
            return None
        with self.lock:
            for rule in self.rules:
                if rule.strikes(what):
                    self.struck[rule.kind] += 1
                    return rule
        return None

    def show(self):
        with self.lock:
            return {"rules": [rule.show() for rule in self.rules],
                    "struck": {kind: self.struck[kind] for kind in self.kinds}}
