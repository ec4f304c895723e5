"""journal: what arrived, in the order in which it was taken, and when.

It is no queue: nothing is removed by a receive or a delete.  `at` is this
machine's own time, in seconds with microseconds, whatever the sandbox's clocks
were told: the delay since a commit can be measured by it.
"""
import collections
import time

KEPT = 100000
BYTES_MAX = 256 << 20  # of bodies; then the oldest entries go
LIMIT_MAX = 10000


class Journal:
    def __init__(self, world):
        self.world = world
        self.clear()

    def clear(self):
        self.entries = collections.deque()
        self.made = self.bytes = 0

    def add(self, kind, **facts):
        """Holding the lock."""
        self.made += 1
        self.entries.append({"seq": self.made, "at": round(time.time(), 6), "kind": kind, **facts})
        self.bytes += len(facts.get("body", ""))
        while len(self.entries) > KEPT or self.bytes > BYTES_MAX:
            self.bytes -= len(self.entries.popleft().get("body", ""))

    def select(self, after=0, queue=None, kind=None):
        return [entry for entry in self.entries
                if entry["seq"] > after and (queue is None or entry.get("queue") == queue) and
                (kind is None or entry["kind"] == kind)]

    def wait(self, count, timeout_s, **which):
        """The chosen entries, once there are so many, or it was long enough."""
        until = time.monotonic() + timeout_s
        with self.world.lock:
            while True:
                found = self.select(**which)
                left = until - time.monotonic()
                if len(found) >= count or left <= 0:
                    return found
                self.world.lock.wait(left)
