"""control: what tests and tools may tell this sandbox, and ask it."""
from common import control
from common.control import WAIT_MAX_S, Missing, advance_of, seconds_of
from common.faults import Wrong

from .attributes import COUNTED, SETTABLE
from .journal import LIMIT_MAX


class Control(control.Control):
    def __init__(self, world, gateway):
        self.world, self.gateway = world, gateway

    # ---- what is there -------------------------------------------------------
    def state(self, given):
        with self.world.lock:
            self.world.tidy()
            return {"now": self.world.now(), "queues": {
                name: self.told_queue(queue) for name, queue in self.world.queues.items()},
                "buckets": {name: {key: told_object(found) for key, found in bucket.items()}
                            for name, bucket in self.world.buckets.items()}}

    def told_queue(self, queue):
        now = self.world.now()
        return {"url": self.world.queue_url(queue.name), "fifo": queue.fifo,
                "attributes": {name: value for name, value in queue.attributes.show(
                    ["All"]).items() if name in SETTABLE | COUNTED},
                "messages": [told_message(message, now) for message in queue.messages.values()]}

    def counts(self, given):
        with self.world.lock:
            self.world.tidy()
            return {"now": self.world.now(), "offset_s": self.world.offset,
                    "stored_bytes": self.world.stored, "waiting": self.world.waiting,
                    "queues": {name: {**queue.counts(), "remembered": len(queue.remembered)}
                               for name, queue in self.world.queues.items()},
                    "buckets": {name: len(bucket) for name, bucket in self.world.buckets.items()},
                    "journal": self.world.journal.made, "credentials": self.world.keys.served,
                    "faults": self.gateway.faults.show()["struck"]}

    def requests(self, given):
        return {"requests": list(self.gateway.requests)}

    def journal(self, given):
        with self.world.lock:
            return {"made": self.world.journal.made,
                    "entries": self.world.journal.select()[-LIMIT_MAX:]}

    def ask_journal(self, given):
        """after (a seq), queue, kind; count and timeout_s: waits for so many."""
        which = {name: given[name] for name in ("queue", "kind") if name in given}
        after, count = given.get("after", 0), given.get("count", 0)
        if type(after) is not int or type(count) is not int or \
                set(given) - {"queue", "kind", "after", "count", "timeout_s"}:
            raise Wrong("after and count are whole numbers; queue, kind and timeout_s are the rest")
        found = self.world.journal.wait(count, seconds_of(given, "timeout_s", 0, WAIT_MAX_S),
                                        after=after, **which)
        return {"made": self.world.journal.made, "entries": found[:LIMIT_MAX]}

    def reset(self, given):
        """All but the settings; the queues and buckets of the command line are
        made again."""
        with self.world.lock:
            self.world.clear()
            self.gateway.clear()
            self.gateway.faults.clear()
        return {}

    # ---- what is to go wrong ---------------------------------------------------
    def faults(self, given):
        return self.gateway.faults.show()

    def add_fault(self, given):
        return self.gateway.faults.add(given).show()

    def lift_faults(self, given):
        self.gateway.faults.clear(counters=False)
        return self.gateway.faults.show()

    # ---- time, settings, credentials ---------------------------------------------
    def clock(self, given):
        self.world.advance(advance_of(given))
        return {"now": self.world.now()}

    def settings(self, given):
        return self.world.set(given)

    def credentials(self, given):
        return self.world.keys.show()

    def rotate(self, given):
        self.world.keys.rotate()
        return self.world.keys.show()

    def expire(self, given):
        self.world.keys.expire()
        return self.world.keys.show()

    def bucket(self, given, name):
        """An object's headers, by key: what a HeadObject would tell."""
        with self.world.lock:
            if name not in self.world.buckets:
                raise Missing(f"no bucket {name}")
            return {"objects": {key: told_object(found)
                                for key, found in self.world.buckets[name].items()}}


def told_message(message, now):
    return {"message_id": message.name, "body": message.body, "group": message.group,
            "deduplication_id": message.deduplication, "sequence_number": message.sequence,
            "sent": message.sent, "received": message.received,
            "in_flight": message.in_flight(now), "delayed": message.delayed(now)}


def told_object(found):
    return {"size": len(found.data), "etag": found.etag, "modified": found.modified,
            "headers": found.headers}


Control.routes = {
    "GET /": Control.index,
    "GET /state": Control.state,
    "GET /counts": Control.counts,
    "GET /requests": Control.requests,
    "GET /journal": Control.journal,
    "POST /journal": Control.ask_journal,
    "GET /buckets/{id}": Control.bucket,
    "POST /reset": Control.reset,
    "GET /faults": Control.faults,
    "POST /faults": Control.add_fault,
    "DELETE /faults": Control.lift_faults,
    "POST /clock": Control.clock,
    "GET /settings": Control.settings,
    "POST /settings": Control.settings,
    "GET /credentials": Control.credentials,
    "POST /credentials/rotate": Control.rotate,
    "POST /credentials/expire": Control.expire,
}
