"""queues: messages and how they wait, are given out, hidden and forgotten.

Times are world.now().  Whoever calls holds world.lock.
"""
import base64
import binascii
import itertools

from .attributes import Attributes
from .errors import SqsRefusal, invalid, invalid_value

DEDUPLICATION_S = 300
VISIBILITY_MAX_S = 43200
LOOSE_WINDOW = 20


class Message:
    """group, deduplication and sequence are None in a standard queue, the first
    unless it was given.  receipt counts the times it was given out: only the
    newest handle is worth anything."""

    def __init__(self, name, body, attributes, system, now, delay_s):
        self.name, self.body = name, body
        self.attributes, self.system = attributes, system
        self.group = self.deduplication = self.sequence = self.source_arn = None
        self.sent = now
        self.delayed_until = now + delay_s
        self.visible_at = 0     # in flight until then
        self.receipt = 0        # of all queues it was in
        self.received = 0       # of this one
        self.first_received = None
        self.size = 0

    def in_flight(self, now):
        return self.visible_at > now

    def delayed(self, now):
        return self.delayed_until > now


class Queue:
    def __init__(self, world, name, given, tags):
        self.world, self.name, self.tags = world, name, tags
        self.fifo = name.endswith(".fifo")
        self.attributes = Attributes(self, given)
        self.made = self.changed = world.now()
        self.messages = {}      # name of the message: Message, in the order of sending
        self.remembered = {}    # (scope, deduplication id): (until, what was answered)
        self.purged = None
        self.turn = itertools.count(world.random.getrandbits(40))
        self.mark = world.uuid()

    @property
    def arn(self):
        return self.world.queue_arn(self.name)

    def number(self, name):
        return int(self.attributes.get(name))

    def is_on(self, name):
        return self.attributes.get(name) == "true"

    # ---- coming ------------------------------------------------------------
    def scope(self, message):
        """Within what a deduplication id is one of its kind."""
        grouped = self.attributes.get("DeduplicationScope") == "messageGroup"
        return (message.group if grouped else None, message.deduplication)

    def add(self, message):
        """Takes it, unless it came before: (Message, came it before?)."""
        now = self.world.now()
        if self.fifo:
            until, before = self.remembered.get(self.scope(message), (0, None))
            if until > now:
                return before, True
            message.sequence = f"{next(self.turn):020d}"
            self.remembered[self.scope(message)] = (now + DEDUPLICATION_S, message)
        self.messages[message.name] = message
        self.world.stored += message.size
        return message, False

    # ---- going ---------------------------------------------------------------
    def remove(self, message):
        if self.messages.pop(message.name, None):
            self.world.stored -= message.size

    def tidy(self):
        now = self.world.now()
        oldest = now - self.number("MessageRetentionPeriod")
        for message in [m for m in self.messages.values() if m.sent <= oldest]:
            self.remove(message)
        for scope, (until, _) in list(self.remembered.items()):
            if until <= now:
                del self.remembered[scope]

    def purge(self):
        now = self.world.now()
        if self.purged is not None and now < self.purged + 60:
            raise SqsRefusal("PurgeQueueInProgress", "Only one PurgeQueue operation on "
                             f"{self.name} is allowed every 60 seconds.")
        self.purged = now
        self.clear()

    def clear(self):
        for message in list(self.messages.values()):
            self.remove(message)

    # ---- being given out -------------------------------------------------------
    def choose(self, count):
        """Up to so many that can be given out now."""
        return self.choose_fifo(count) if self.fifo else self.choose_standard(count)

    def choose_standard(self, count):
        now = self.world.now()
        loose = self.world.settings["standard_order"] == "loose"
        there = (m for m in self.messages.values() if not m.in_flight(now) and not m.delayed(now))
        first = list(itertools.islice(there, max(count, LOOSE_WINDOW) if loose else count))
        if loose:
            self.world.random.shuffle(first)
        return first[:count]

    def choose_fifo(self, count):
        """Of each group in order, up to the first that is in flight or delayed;
        one group's messages together."""
        now = self.world.now()
        groups, blocked = {}, set()
        for message in self.messages.values():
            if message.group in blocked:
                continue
            if message.in_flight(now) or message.delayed(now):
                blocked.add(message.group)
            else:
                groups.setdefault(message.group, []).append(message)
        return list(itertools.chain.from_iterable(groups.values()))[:count]

    def receive(self, count, visibility_s, kept_visible=False):
        """[(Message, handle)]; who was received too often goes to the dead letters."""
        now = self.world.now()
        self.tidy()
        if sum(m.in_flight(now) for m in self.messages.values()) >= \
                self.world.settings["in_flight_max"]:
            raise SqsRefusal("OverLimit", "Too many messages in flight for this queue.")
        dead, most = self.attributes.dead_letters()
        given = []
        while len(given) < count:
            chosen = self.choose(count - len(given))
            moved = [m for m in chosen if dead and m.received >= most]
            for message in moved:
                self.bury(message, dead)
            given += [self.give(m, now, visibility_s, kept_visible) for m in chosen
                      if m not in moved]
            if not moved:
                break
        return given

    def give(self, message, now, visibility_s, kept_visible):
        message.receipt += 1
        message.received += 1
        message.first_received = message.first_received or now
        if not kept_visible:
            message.visible_at = now + visibility_s
        text = f"{self.mark}/{message.name}/{message.receipt}/{self.world.random.getrandbits(64)}"
        return message, base64.b64encode(text.encode()).decode()

    def bury(self, message, queue):
        self.messages.pop(message.name)
        message.source_arn = self.arn
        message.visible_at = message.received = 0
        queue.messages[message.name] = message

    # ---- by its handle -----------------------------------------------------------
    def read_handle(self, handle):
        """(Message or None, is the handle its newest?)"""
        try:
            parts = base64.b64decode(handle, validate=True).decode().split("/")
            mark, name, receipt, _ = parts
            receipt = int(receipt)
        except (binascii.Error, ValueError):
            raise self.unknown_handle(handle) from None
        if mark != self.mark:
            raise self.unknown_handle(handle)
        message = self.messages.get(name)
        return message, message is not None and message.receipt == receipt

    def unknown_handle(self, handle):
        return SqsRefusal("ReceiptHandleIsInvalid", f"The input receipt handle "
                          f"\"{handle[:1024]}\" is not a valid receipt handle.")

    def expired_handle(self, handle):
        return invalid_value(handle, "ReceiptHandle", "The receipt handle has expired.")

    def delete(self, handle):
        """Deleting what is gone is no error; with an old handle it may well stay."""
        message, newest = self.read_handle(handle)
        if message is None:
            return
        if self.fifo and (not newest or not message.in_flight(self.world.now())):
            raise self.expired_handle(handle)
        if newest:
            self.remove(message)

    def change_visibility(self, handle, seconds):
        now = self.world.now()
        if not 0 <= seconds <= VISIBILITY_MAX_S:
            raise invalid_value(seconds, "VisibilityTimeout", f"VisibilityTimeout must be an "
                                f"integer between 0 and {VISIBILITY_MAX_S}.")
        message, newest = self.read_handle(handle)
        if message is None:
            raise invalid_value(handle, "ReceiptHandle", "Message does not exist or is not "
                                "available for visibility timeout change.")
        if self.fifo and (not newest or not message.in_flight(now)):
            raise self.expired_handle(handle)
        if not newest:
            raise SqsRefusal("MessageNotInflight", None)
        if message.first_received + VISIBILITY_MAX_S < now + seconds:
            raise invalid("Total VisibilityTimeout for the message is beyond the limit "
                          f"[{VISIBILITY_MAX_S} seconds]")
        message.visible_at = now + seconds

    # ---- being counted -------------------------------------------------------------
    def counts(self):
        now = self.world.now()
        in_flight = sum(m.in_flight(now) for m in self.messages.values())
        delayed = sum(m.delayed(now) for m in self.messages.values())
        return {"ApproximateNumberOfMessages": len(self.messages) - in_flight - delayed,
                "ApproximateNumberOfMessagesNotVisible": in_flight,
                "ApproximateNumberOfMessagesDelayed": delayed}

    def next_change(self):
        """When, if nothing arrives, something can be given out; or None."""
        now = self.world.now()
        times = [t for m in self.messages.values() for t in (m.visible_at, m.delayed_until)
                 if t > now]
        return min(times, default=None)
