"""faults: rules that say what is to go wrong, how, how often."""
import collections
import fnmatch
import random
import threading
import time

from .http import Cut

RULES_MAX = 100
MS_MAX = 600000
HANG_STEP_S = 0.2
FIELDS = {"match": str, "kind": str, "times": int, "probability": (int, float), "seed": int,
          "ms": int}


class Wrong(Exception):
    """The control endpoint was asked for what makes no sense."""


class Kind:
    """What can be said of the rules of one family.

    kinds  the words for `kind`
    ms     kind: how long, unless a rule says it (1000)
    more   fields of the family's own: name: (type, default)
    check  called with a rule that is made; raises Wrong
    """

    def __init__(self, kinds, ms=None, more=None, check=None):
        self.kinds, self.ms, self.more = kinds, ms or {}, more or {}
        self.check = check or (lambda rule: None)


class Rule:
    """match is a glob of what happens, in the family's own words.

    times        how often at most; None: always
    probability  drawn from a generator of the rule's own, seeded by seed
    ms           how long: a delay, the longest hang, and what else has a length
    """

    def __init__(self, name, family, given):
        types = {**FIELDS, **{field: kind for field, (kind, _) in family.more.items()}}
        for field, value in given.items():
            if field not in types or not isinstance(value, types[field]) or \
                    isinstance(value, bool) != (types[field] is bool):
                raise Wrong(f"a rule has no such field, or not of that type: {field}")
        if given.get("kind") not in family.kinds:
            raise Wrong(f"kind is one of {', '.join(family.kinds)}")
        self.name = name
        self.kind = given["kind"]
        self.match = given.get("match", "*")
        self.times = given.get("times")
        self.probability = given.get("probability", 1)
        self.seed = given.get("seed", 0)
        self.ms = given.get("ms", family.ms.get(self.kind, 1000))
        self.more = {field: given.get(field, default)
                     for field, (_, default) in family.more.items()}
        if not 0 <= self.probability <= 1 or not 0 <= self.ms <= MS_MAX or \
                (self.times is not None and self.times < 1):
            raise Wrong(f"probability 0..1, ms 0..{MS_MAX}, times from 1")
        family.check(self)
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
                "probability": self.probability, "seed": self.seed, "ms": self.ms, **self.more,
                "struck": self.struck}


class Faults:
    """The rules in force, in the order of their making: the first to strike holds."""

    def __init__(self, family):
        self.family = family
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
            rule = Rule(f"rule_{self.made + 1}", self.family, given)
            self.made += 1
            self.rules.append(rule)
            return rule

    def strike(self, what, fits=lambda rule: True):
        """The Rule that holds for what happens, if one does; of those that fit."""
        if not self.rules:
            return None
        with self.lock:
            for rule in self.rules:
                if fits(rule) and rule.strikes(what):
                    self.struck[rule.kind] += 1
                    return rule
        return None

    def wait(self, rule, request):
        """A delay: that long, or until the rules are lifted or the client left."""
        until = time.monotonic() + rule.ms / 1000
        lifted = self.round
        while self.round is lifted:
            left = until - time.monotonic()
            if left <= 0 or request.gone(min(left, HANG_STEP_S)):
                break

    def hang(self, rule, request):
        """The same, but nothing is answered then."""
        self.wait(rule, request)
        raise Cut()

    def show(self):
        with self.lock:
            return {"rules": [rule.show() for rule in self.rules],
                    "struck": {kind: self.struck[kind] for kind in self.family.kinds}}
