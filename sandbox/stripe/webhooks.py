"""webhooks: sends signed events to the one endpoint, again and again until it
takes them, and wrongly where a rule says so."""
import collections
import hashlib
import heapq
import hmac
import http.client
import itertools
import ssl
import threading
import time
import urllib.parse

from common.faults import Faults, Wrong

from .faults import WEBHOOKS

THREADS = 4
KEPT_TRIES = 1000
ANSWER_MAX = 65536


class Endpoint:
    """Where events go; None as url: nowhere."""

    def __init__(self):
        self.url = None
        self.secrets = []
        self.events = ["*"]
        self.ca = None           # file of the certificates that are trusted
        self.context = None
        self.timeout_s = 10
        self.backoff_s = 1       # doubled at each try
        self.backoff_max_s = 60
        self.tries_max = 15

    def set(self, given):
        kinds = {"url": (str, type(None)), "secrets": list, "events": list,
                 "ca": (str, type(None)), "timeout_s": (int, float), "backoff_s": (int, float),
                 "backoff_max_s": (int, float), "tries_max": int}
        for name, value in given.items():
            if name not in kinds or not isinstance(value, kinds[name]) or value is True:
                raise Wrong(f"webhooks have no such setting, or not of that type: {name}")
        if given.get("url"):
            parts = urllib.parse.urlsplit(given["url"])
            host = parts.hostname or ""
            if parts.scheme not in ("http", "https") or not (
                    host in ("localhost", "::1") or host.startswith("127.")):
                raise Wrong("webhooks go to http(s) on this machine alone")
        if not given.get("secrets", self.secrets) and given.get("url", self.url):
            raise Wrong("webhooks want at least one secret")
        try:
            context = ssl.create_default_context(cafile=given.get("ca", self.ca))
        except OSError as e:
            raise Wrong(f"ca: {e}") from None
        for name, value in given.items():
            setattr(self, name, value)
        self.context = context

    def wants(self, kind):
        return self.url is not None and ("*" in self.events or kind in self.events)

    def show(self):
        return {name: getattr(self, name) for name in (
            "url", "events", "timeout_s", "backoff_s", "backoff_max_s", "tries_max")}


class Delivery:
    def __init__(self, space, event_id, kind, text):
        self.space, self.event_id, self.kind = space, event_id, kind
        self.body = text.encode()
        self.tries = 0
        self.spoil = None     # "tamper" or "stale": of the first try only
        self.copy = False     # a duplicate that the event does not wait for


class Sender:
    def __init__(self, world):
        self.world = world
        self.endpoint = Endpoint()
        self.faults = Faults(WEBHOOKS)
        self.changed = threading.Condition()
        self.turn = itertools.count()
        self.clear()
        self.threads = [threading.Thread(target=self.work, daemon=True) for _ in range(THREADS)]
        for thread in self.threads:
            thread.start()

    def clear(self):
        with self.changed:
            self.due = []         # (when, turn, Delivery)
            self.held = []        # (until when, Delivery): for the next event to pass
            self.withheld = []
            self.busy = 0
            self.round = object()
            self.tried = collections.deque(maxlen=KEPT_TRIES)
            self.counts = collections.Counter()
            self.changed.notify_all()

    # ---- in ----------------------------------------------------------------
    def take(self, space, event_id, kind, text):
        """A new event; called with the world's lock held."""
        if not self.endpoint.wants(kind):
            return
        space.get("event", event_id)["pending"] = 1
        delivery = Delivery(space, event_id, kind, text)
        rule = self.faults.strike(kind)
        with self.changed:
            self.counts["events"] += 1
            now = time.monotonic()
            if rule is None:
                self.push(now, delivery)
            elif rule.kind == "delay":
                self.push(now + rule.ms / 1000, delivery)
            elif rule.kind == "withhold":
                self.withheld.append(delivery)
            elif rule.kind == "reorder":
                self.held.append((now + rule.ms / 1000, delivery))
            elif rule.kind == "duplicate":
                again = Delivery(space, event_id, kind, text)
                again.copy = True
                self.push(now, delivery)
                self.push(now + rule.ms / 1000, again)
            else:
                delivery.spoil = rule.kind
                self.push(now, delivery)
            self.changed.notify()

    def push(self, when, delivery):
        heapq.heappush(self.due, (when, next(self.turn), delivery))

    def release(self):
        """Sends what was withheld; answers how many."""
        with self.changed:
            count = len(self.withheld)
            for delivery in self.withheld:
                self.push(time.monotonic(), delivery)
            self.withheld = []
            self.changed.notify_all()
            return count

    def resend(self, space, row):
        with self.changed:
            again = Delivery(space, row["id"], row["type"], row["text"])
            again.copy = row["pending"] == 0
            self.push(time.monotonic(), again)
            self.changed.notify()

    # ---- out ---------------------------------------------------------------
    def next(self):
        """The next delivery that is due, with the round it belongs to."""
        with self.changed:
            while True:
                now = time.monotonic()
                for item in [h for h in self.held if h[0] <= now]:
                    self.held.remove(item)
                    self.push(now, item[1])
                if self.due and self.due[0][0] <= now:
                    self.busy += 1
                    return heapq.heappop(self.due)[2], self.round
                soonest = min([d[0] for d in self.due[:1]] + [h[0] for h in self.held],
                              default=None)
                self.changed.wait(None if soonest is None else soonest - now)

    def work(self):
        while True:
            delivery, round_ = self.next()
            try:
                status = self.post(delivery)
            except (OSError, http.client.HTTPException, ValueError) as e:
                status = type(e).__name__
            ok = isinstance(status, int) and 200 <= status < 300
            if ok and not delivery.copy and not delivery.spoil:
                with self.world.lock:
                    row = delivery.space.get("event", delivery.event_id)
                    row["pending"] = 0
            with self.changed:
                if round_ is self.round:
                    self.after(delivery, status, ok)

    def after(self, delivery, status, ok):
        """What a try's answer means; with self.changed held."""
        self.busy -= 1
        delivery.tries += 1
        self.tried.append({"event": delivery.event_id, "type": delivery.kind,
                           "try": delivery.tries, "status": status, "spoiled": delivery.spoil,
                           "copy": delivery.copy})
        now = time.monotonic()
        if delivery.spoil:
            self.counts[delivery.spoil + ("_accepted" if ok else "_refused")] += 1
            delivery.spoil = None
            self.push(now + self.endpoint.backoff_s, delivery)
        elif ok:
            self.counts["delivered"] += 1
            for _, other in self.held:
                self.push(now, other)
            self.held = []
        else:
            self.counts["failed_tries"] += 1
            if delivery.tries >= self.endpoint.tries_max:
                self.counts["given_up"] += 1
            else:
                wait = min(self.endpoint.backoff_s * 2 ** (delivery.tries - 1),
                           self.endpoint.backoff_max_s)
                self.push(now + wait, delivery)
        self.changed.notify_all()

    def post(self, delivery):
        endpoint = self.endpoint
        if endpoint.url is None:
            raise ValueError("there is no endpoint any more")
        parts = urllib.parse.urlsplit(endpoint.url)
        if parts.scheme == "https":
            connection = http.client.HTTPSConnection(
                parts.hostname, parts.port, timeout=endpoint.timeout_s, context=endpoint.context)
        else:
            connection = http.client.HTTPConnection(parts.hostname, parts.port,
                                                    timeout=endpoint.timeout_s)
        at = int(time.time()) - (3600 if delivery.spoil == "stale" else 0)
        body = delivery.body
        header = signature(endpoint.secrets, at, body)
        if delivery.spoil == "tamper":
            body = body.replace(b'"livemode": false', b'"livemode": true')
        try:
            connection.request("POST", (parts.path or "/") +
                               (f"?{parts.query}" if parts.query else ""), body, {
                "Content-Type": "application/json; charset=utf-8", "Accept": "*/*",
                "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
                "Stripe-Signature": header})
            answer = connection.getresponse()
            answer.read(ANSWER_MAX)
            return answer.status
        finally:
            connection.close()

    # ---- what is told --------------------------------------------------------
    def wait_idle(self, timeout_s):
        """Until all is delivered that is not withheld; False if that takes longer."""
        with self.changed:
            return self.changed.wait_for(
                lambda: not self.due and not self.held and not self.busy, timeout_s)

    def show(self):
        with self.changed:
            return {"endpoint": self.endpoint.show(), "counts": dict(self.counts),
                    "queued": len(self.due) + self.busy, "held": len(self.held),
                    "withheld": [d.event_id for d in self.withheld],
                    "tries": list(self.tried), "faults": self.faults.show()}


def signature(secrets, at, body):
    """Stripe-Signature: one v1 for each secret, as while a secret is rolled."""
    signed = f"{at}.".encode() + body
    marks = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    return f"t={at}," + ",".join(f"v1={mark}" for mark in marks)
