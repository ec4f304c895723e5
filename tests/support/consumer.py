"""consumer.py: the receiver's side of docs/events.md: repeats are passed over,
what comes too early waits until what is missing has come."""


class Consumer:
    """apply(event) is called once for each event, in the order of its booking.
    keeps: what comes too early is kept here, else it is left in the queue."""

    def __init__(self, apply, keeps=False):
        self.apply = apply
        self.keeps = keeps
        self.applied = {}  # booking: the highest sequence that was applied
        self.kept = {}     # (booking, sequence): what came too early

    def receive(self, event):
        """True: delete the message; False: leave it, it comes again."""
        booking, number = event["aggregate_id"], event["sequence"]
        last = self.applied.get(booking, 0)
        if number <= last:
            return True
        if number > last + 1:
            if self.keeps:
                self.kept[booking, number] = event
            return self.keeps
        while event:
            self.apply(event)
            self.applied[booking] = number
            number += 1
            event = self.kept.pop((booking, number), None)
        return True


def consume(messages, consumer, fifo=False):
    """A queue that shows what was not deleted again, a FIFO one nothing of a
    booking behind it; gives what stays for good because something before it
    never came."""
    waiting = list(messages)
    while waiting:
        left, blocked = [], set()
        for message in waiting:
            if message["aggregate_id"] in blocked or not consumer.receive(message):
                left.append(message)
                if fifo:
                    blocked.add(message["aggregate_id"])
        if len(left) == len(waiting):
            return left
        waiting = left
    return []
