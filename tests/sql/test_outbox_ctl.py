"""test_outbox_ctl.py: bookingctl outbox: what waits, what is dead, what is sent
again; and verify once old rows are pruned."""

import json
import uuid

import pytest

FRANCHISE = "00000000-0000-4000-8000-000000000001"


class Box:
    """Bookings with events, without a program that makes them."""

    def __init__(self, world):
        self.world = world

    def ctl(self, *words, status=0):
        done = self.world.ctl("outbox", *words)
        assert done.returncode == status, (done.stdout, done.stderr)
        return done.stdout if status == 0 or done.stdout else done.stderr

    def booking(self, events=3):
        made = self.world.one(
            "insert into bookings.bookings (id, customer_id, franchise_id, booking_status,"
            " start_datetime, end_datetime, total_amount, payment_status, reference_number,"
            " booking_code, child_count, data_key, line_items, cancel_hours, cancel_percent,"
            " cancel_fee, email_hash, event_sequence) values (gen_random_uuid(),"
            " gen_random_uuid(), %s, 'cancelled', now(), now() + interval '1 hour', 0,"
            " 'not_required', gen_random_uuid(), %s, 1, '', '[]', '{}', '{}', 0, '', %s)"
            " returning id", (FRANCHISE, uuid.uuid4().hex, events))
        self.world.all(
            "insert into bookings.booking_children (id, booking_id, name, age, position,"
            " customer_id, child_key, period, active) select gen_random_uuid(), b.id, '', 5, 1,"
            " b.customer_id, gen_random_uuid(), tstzrange(b.start_datetime, b.end_datetime), false"
            " from bookings.bookings b where b.id = %s", (made,))
        for number in range(1, events + 1):
            self.row(made, sequence=number)
        return made

    def row(self, booking, topic="events", type="BookingCreated", sequence=None, **columns):
        columns = {"topic": topic, "type": type, "booking_id": booking, "sequence": sequence,
                   **columns}
        names = ", ".join(columns)
        marks = ", ".join(["%s"] * len(columns))
        return self.world.one(
            f"insert into bookings.outbox ({names}, event_id, facts) values ({marks},"
            f" gen_random_uuid(), '{{}}') returning id", tuple(columns.values()))

    def set(self, what, where="true"):
        self.world.all(f"update bookings.outbox set {what} where {where}")

    def stats(self, status=0):
        found = json.loads(self.ctl("stats", "--json", status=status))
        return {t["topic"]: t for t in found["topics"]}, found["table"]

    def list(self, *words, verb="list", status=0):
        return json.loads(self.ctl(verb, "--json", *words, status=status))["data"]


@pytest.fixture
def box(world):
    return Box(world)


def test_stats_tell_what_waits_is_in_hand_comes_later_fails_and_was_sent(box):
    empty, _ = box.stats()
    assert set(empty) == {"events", "payments", "documents", "bookings"}
    assert all(t["waiting"] == t["sent_last_hour"] == 0 and t["oldest_ms"] is None
               for t in empty.values())
    booking = box.booking(events=5)
    box.set("due_at = now() - interval '90 s'", "sequence = 1")
    box.set("claimed_until = now() + interval '1 minute'", "sequence = 2")
    box.set("due_at = now() + interval '1 hour', failing_since = now(), failure = 'x'",
            "sequence = 3")
    box.set("created_at = now() - interval '10 s', due_at = now() - interval '10 s',"
            " sent_at = now() - interval '9.5 s'", "sequence = 4")
    box.row(booking, "bookings", "expire")
    topics, table = box.stats()
    events = topics["events"]
    assert (events["waiting"], events["in_hand"], events["later"], events["failing"],
            events["dead"], events["sent_last_hour"], events["median_ms"], events["p99_ms"]) == (
        2, 1, 1, 1, 0, 1, 500, 500)
    assert 90000 <= events["oldest_ms"] < 150000
    assert topics["bookings"]["waiting"] == 1
    assert table["bytes"] > 0
    text = box.ctl("stats")
    assert "1 min" in text and "500 ms" in text and "KiB with its indexes" in text


def test_the_status_says_that_something_is_dead(box):
    booking = box.booking(events=2)
    assert box.list(verb="dead") == []
    box.set("dead_at = now(), failure = 'InvalidMessageContents', attempts = 6", "sequence = 1")
    topics, _ = box.stats(status=1)
    assert topics["events"]["dead"] == 1
    dead, = box.list(verb="dead", status=1)
    assert (dead["booking_id"], dead["sequence"], dead["failure"], dead["attempts"]) == (
        str(booking), 1, "InvalidMessageContents", 6)
    text = box.ctl("dead", status=1)
    assert f"booking {booking}  dead since " in text
    assert text.endswith(": InvalidMessageContents, refused 6 times\n")


def test_rows_are_listed_newest_first_and_filtered(box):
    first, second = box.booking(events=2), box.booking(events=1)
    box.row(first, "payments", "refund")
    box.set("sent_at = now()", "sequence = 2")
    box.set("due_at = now() + interval '1 hour'", "topic = 'payments'")
    rows = box.list()
    assert [r["id"] for r in rows] == sorted((r["id"] for r in rows), reverse=True)
    assert len(rows) == 4
    assert len(box.list("--booking", second)) == 1
    assert [r["type"] for r in box.list("--topic", "payments")] == ["refund"]
    assert [r["sequence"] for r in box.list("--state", "sent")] == [2]
    assert [r["type"] for r in box.list("--state", "later")] == ["refund"]
    assert len(box.list("--state", "waiting")) == 2
    assert len(box.list("--type", "BookingCreated", "--max", 2)) == 2
    box.ctl("list", "--topic", "weather", status=2)
    box.ctl("list", "--state", "gone", status=2)


def test_what_is_dead_is_tried_again_on_demand(box):
    booking, other = box.booking(events=1), box.booking(events=1)
    box.row(booking, "payments", "refund")
    box.set("dead_at = now(), attempts = 6, failing_since = now(), failure = 'x'")
    assert box.ctl("replay", "--dead", "--dry-run") == "3 rows would be tried again\n"
    assert len(box.list(verb="dead", status=1)) == 3
    assert box.ctl("replay", "--dead", "--topic", "payments") == "1 row tried again\n"
    assert box.ctl("replay", "--dead", "--booking", other) == "1 row tried again\n"
    assert box.ctl("replay", "--dead") == "1 row tried again\n"
    assert box.list(verb="dead") == []
    assert box.world.one("select count(*) from bookings.outbox where attempts = 0 and failure is"
                         " null and failing_since is null and due_at <= now()") == 3


def test_events_are_sent_again_by_booking_or_time_and_nothing_else_is(box):
    booking, other = box.booking(events=2), box.booking(events=2)
    box.row(booking, "payments", "refund", sent_at="now")
    box.set("sent_at = now(), created_at = '2026-01-10T12:00:00Z'", "topic = 'events'")
    box.set("created_at = '2026-01-11T12:00:00Z'", f"booking_id = '{other}'")
    ids = box.world.all("select id, event_id from bookings.outbox order by id")

    def unsent():
        return {r["booking_id"] for r in box.list("--state", "waiting")}
    assert box.ctl("replay", "--booking", booking, "--dry-run") == "2 events would be sent again\n"
    assert unsent() == set()
    assert box.ctl("replay", "--booking", booking) == "2 events sent again\n"
    assert unsent() == {str(booking)}
    box.set("sent_at = now()")
    assert box.ctl("replay", "--since", "2026-01-11T00:00:00Z", "--until",
                   "2026-01-12T00:00:00Z") == "2 events sent again\n"
    assert unsent() == {str(other)}
    assert box.world.all("select id, event_id from bookings.outbox order by id") == ids
    for wrong in ([], ["--topic", "events"], ["--dead", "--since", "2026-01-11T00:00:00Z"],
                  ["--dead", "--topic", "weather"]):
        assert "bookingctl: " in box.ctl("replay", *wrong, status=2)


def test_the_doctor_asks_whether_the_relay_runs_and_what_died(box):
    def said():
        done = box.world.ctl("doctor", "--json")
        return [(f["level"], f["detail"]) for f in json.loads(done.stdout)["data"]
                if f["what"] == "outbox"]
    booking = box.booking(events=2)
    (level, _), = said()
    assert level == "ok"
    box.set("due_at = now() - interval '2 minutes'", "sequence = 1")
    box.row(booking, "payments", "refund", dead_at="now")
    (_, dead), (_, waits) = sorted(said())
    assert dead == "1 of the rows of payments are dead: bookingctl outbox dead says why"
    assert waits.startswith("2 of the rows of events wait, the oldest for 12")
    assert "does booking-relay events run" in waits


def test_watching_says_it_again_and_ends(box):
    box.booking(events=2)
    text = box.ctl("watch", "--times", 2, "--every", 1)
    assert text.count("events") == 2 and text.count("median") == 2


def test_verify_bears_what_was_pruned_and_nothing_else_that_is_missing(box):
    old, new = box.booking(events=3), box.booking(events=3)
    assert box.world.ctl("verify").returncode == 0
    # The two oldest events of the old one were sent, long ago.
    box.world.all("update bookings.bookings set created_at = now() - interval '40 days'"
                  " where id = %s", (old,))
    box.set("sent_at = now() - interval '39 days', created_at = now() - interval '39 days'",
            f"booking_id = '{old}' and sequence < 3")
    assert box.world.one("select sent from bookings.prune(now(), now() - interval '30 days',"
                         " 100)") == 2
    assert box.world.ctl("verify").returncode == 0
    # A gap in the middle is one, and so is a row of the new one.
    box.world.all("delete from bookings.outbox where booking_id = %s and sequence = 1", (new,))
    done = box.world.ctl("verify")
    assert done.returncode == 1 and str(new) in done.stdout and str(old) not in done.stdout
