"""consumer.py: the receiver's side of docs/events.md: repeats are passed over,
what comes too early is left until what is missing has come."""


class Consumer:
    """apply(event) is called once for each event, in the order of its booking."""

    def __init__(self, apply):
        self.apply = apply
        self.applied = {}  # booking: the highest sequence that was applied

    def receive(self, event):
        """True: delete the message; False: leave it, it comes again."""
        booking, number = event["aggregate_id"], event["sequence"]
        last = self.applied.get(booking, 0)
        if number <= last:
            return True
        if number > last + 1:
            return False
        self.apply(event)
        self.applied[booking] = number
        return True


def consume(messages, consumer):
    """A queue that shows what was not deleted again; gives what stays for good
    because something before it never came."""
    waiting = list(messages)
    while waiting:
        left = [m for m in waiting if not consumer.receive(m)]
        if len(left) == len(waiting):
            return left
        waiting = left
    return []
