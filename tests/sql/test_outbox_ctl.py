"""test_outbox_ctl.py: bookingctl outbox: what waits, what is dead, what is sent
again; whose a row is; and verify once old rows are pruned."""

import concurrent.futures
import datetime
import json
import time
import uuid

import pytest

FRANCHISE = "00000000-0000-4000-8000-000000000001"


class Box:
    """Bookings with events, without a program that makes them."""

    def __init__(self, world):
        self.world = world

    def ctl(self, *words, status=0, **settings):
        done = self.world.ctl("outbox", *words, **settings)
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
    for wrong in ([], ["--since", "2026-01-12T00:00:00Z", "--until", "2026-01-11T00:00:00Z"],
                  ["--topic", "events"], ["--dead", "--since", "2026-01-11T00:00:00Z"],
                  ["--dead", "--topic", "weather"]):
        assert "bookingctl: " in box.ctl("replay", *wrong, status=2)


def take(box, lease="1 minute"):
    """What a relay of events gets: [(id, lease)]."""
    return box.world.all("select id, lease from bookings.outbox_take_events(50, %s::interval)",
                         (lease,))


def put_off(box, row, outcome="outage"):
    return box.world.one(
        "select bookings.outbox_put_off(array[%s]::bigint[], array[%s]::timestamptz[],"
        " array[0]::bigint[], array[%s], array['timeout'], 0, interval '1 day')",
        (*row, outcome))


@pytest.mark.parametrize("outcome", ["soon", "outage", "refused"])
def test_a_relay_past_its_lease_puts_nothing_off_that_is_anothers(box, outcome):
    booking = box.booking(events=1)
    first, = take(box)
    box.set("claimed_until = now() - interval '1 s'")  # it stood still for so long
    late = (first[0], box.world.one("select claimed_until from bookings.outbox"))
    second, = take(box)
    assert second[0] == first[0] and second[1] > late[1]
    for stale in (first, late):
        assert put_off(box, stale, outcome) == 0
        assert take(box) == [], "a third has it while the second is sending it"
    # The second's word holds, and ends its own lease with it.
    assert put_off(box, second, outcome) == (outcome == "refused")
    assert box.world.one("select claimed_until from bookings.outbox") is None
    # Given up or not, the first has no say in it any more.
    before = box.world.all("select * from bookings.outbox where booking_id = %s", (booking,))
    assert put_off(box, first, "soon") == put_off(box, second, "soon") == 0
    assert box.world.all("select * from bookings.outbox where booking_id = %s",
                         (booking,)) == before


def test_nobody_else_has_the_lease_of_a_row_even_if_all_die_at_once(box):
    box.booking(events=1)
    leases = []
    for lease in ("1 second", "60 seconds", "1 second"):
        (row,) = take(box, lease)
        leases.append(row[1])
        box.set("claimed_until = now() - interval '1 s'")
    assert len(set(leases)) == 3


def test_what_was_sent_is_not_dead_whoever_gave_it_up(box):
    box.booking(events=1)
    first, = take(box)
    box.set("claimed_until = now() - interval '1 s'")
    second, = take(box)
    assert put_off(box, second, "refused") == 1  # no try is left
    assert len(box.list(verb="dead", status=1)) == 1
    box.world.all("select bookings.outbox_sent(array[%s]::bigint[])", (first[0],))
    assert box.list(verb="dead") == []
    topics, _ = box.stats()
    assert (topics["events"]["dead"], topics["events"]["sent_last_hour"]) == (0, 1)


def test_the_relays_of_the_previous_release_are_served_beside_the_new_ones(box):
    """They know no lease: what they claim they alone have, all the same."""
    booking = box.booking(events=1)
    box.row(booking, "payments", "refund")
    relay = box.world.connect("booking_relay")
    event, = box.world.all("select id from bookings.outbox_claim_events(50, interval '1 minute')",
                           connection=relay)
    due, = box.world.all("select id from bookings.outbox_claim('payments', 50,"
                         " interval '1 minute')", connection=relay)
    assert take(box) == []
    for row in (event, due):
        assert box.world.all(
            "select bookings.outbox_put_off(array[%s]::bigint[], array[0]::bigint[],"
            " array['outage'], array['timeout'], 5, interval '1 day')", row,
            connection=relay) == [(0,)]
    assert [row[0] for row in take(box)] == [event[0]]


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


def test_watching_outlasts_a_postgres_that_goes_and_comes(box, tmp_path):
    """That is when somebody looks; but one that was never there ends it."""
    way = tmp_path / "way"
    url = box.world.server.url(box.world.name).replace(box.world.server.host, str(way))
    words = ("watch", "--times", 8, "--every", 1)
    assert "Postgres" in box.ctl(*words, status=69, DATABASE_ADMIN_URL=url)

    way.symlink_to(box.world.server.host)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        watch = pool.submit(box.world.ctl, "outbox", *words, DATABASE_ADMIN_URL=url)
        time.sleep(2)
        way.unlink()
        time.sleep(2.5)
        way.symlink_to(box.world.server.host)
        done = watch.result()
    assert done.returncode == 0, done
    away = done.stderr.count("bookingctl: Postgres")
    assert away >= 1 and done.stdout.count("median") + away == 8, done


@pytest.mark.parametrize("queue", ["", "booking-events", "booking-events.fifo"])
def test_a_replay_waits_until_a_fifo_queue_takes_it_for_no_repeat(box, queue):
    """It would be taken and not delivered, and counted as sent."""
    settings = {"SQS_QUEUE_URL": f"https://sqs.eu-west-1.amazonaws.com/1/{queue}"} if queue else {}
    booking = box.booking()
    box.set("sent_at = now() - interval '10 minutes'", "sequence = 1")
    box.set("sent_at = now() - interval '1 minute'", "sequence = 2")
    told = box.ctl("replay", "--booking", booking, **settings)
    waits = box.world.all("select round(extract(epoch from due_at - now())) from bookings.outbox"
                          " where sequence < 3 and sent_at is null order by sequence")
    assert told.startswith("2 events sent again\n")
    assert ("five minutes" in told) == queue.endswith(".fifo")
    first, second = (int(wait) for wait, in waits)
    assert first <= 0
    assert 240 <= second <= 260 if queue.endswith(".fifo") else second <= 0


def test_a_replay_of_many_lets_the_events_of_the_day_pass(box):
    """It is spread, and what is due longest goes first, whichever row is older."""
    booking, other = box.booking(events=0), box.booking(events=0)
    for number in range(1, 1002):
        box.row(booking, sequence=number, sent_at="now")
    assert box.ctl("replay", "--booking", booking) == "1001 events sent again\n"
    spread = box.world.one("select extract(epoch from max(due_at) - min(due_at)) from bookings.outbox")
    assert float(spread) == 2
    # Each its own booking, so that no order of theirs keeps them back.
    box.world.all("alter table bookings.outbox disable trigger user")
    box.world.all("update bookings.outbox set booking_id = %s where sequence = 1001", (other,))
    fresh = box.row(box.booking(events=0), sequence=1)
    box.set("due_at = now() - interval '1 minute'", f"id = {fresh}")
    box.set("due_at = now() - interval '1 second'", f"booking_id = '{other}'")
    first = box.world.all("select id from bookings.outbox_take_events(1, interval '1 minute')")
    assert first == [(fresh,)]
    then, = box.world.all("select booking_id from bookings.outbox_take_events(1, interval '1 minute')")
    assert then == (other,)


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


def prune(box, limit=100):
    return box.world.one("select sent from bookings.prune(now(), now() - interval '30 days', %s)",
                         (limit,))


def test_verify_bears_a_replay_of_the_middle_before_and_after_retention(box):
    old = box.booking(events=4)
    box.world.all("update bookings.bookings set created_at = now() - interval '31 days'")
    box.set("created_at = now() - interval '31 days' + sequence * interval '1 minute',"
            " sent_at = now() - interval '31 days' + sequence * interval '1 minute'")
    times = box.world.all("select created_at from bookings.outbox order by sequence")
    since, until = (times[i][0].astimezone(datetime.timezone.utc).isoformat() for i in (1, 2))
    assert box.ctl("replay", "--since", since, "--until", until) == "1 event sent again\n"
    # The rest is pruned, around one that waits, ...
    assert prune(box, 2) == 2
    assert box.world.ctl("verify").returncode == 0
    assert (prune(box), prune(box)) == (1, 0)
    assert box.world.all("select sequence from bookings.outbox") == [(2,)]
    assert box.world.ctl("verify").returncode == 0
    # ... that was sent again, and that is gone, too.
    box.set("sent_at = now() - interval '1 day'")
    assert prune(box) == 0 and box.world.ctl("verify").returncode == 0
    box.set("sent_at = now() - interval '31 days'")
    assert prune(box) == 1 and box.world.ctl("verify").returncode == 0
    assert box.world.all("select events from bookings.pruned_events where booking_id = %s",
                         (old,)) == [(4,)]


def test_verify_finds_a_lost_event_among_those_that_were_pruned(box):
    some, all_gone = box.booking(events=4), box.booking(events=2)
    box.world.all("update bookings.bookings set created_at = now() - interval '31 days'")
    box.set("sent_at = now() - interval '31 days', created_at = now() - interval '31 days'",
            f"sequence < 3 and booking_id = '{some}' or sequence = 1")
    assert prune(box) == 3
    assert box.world.ctl("verify").returncode == 0
    box.world.all("delete from bookings.outbox where sequence = 4 or sequence = 2")
    done = box.world.ctl("verify")
    assert done.returncode == 1
    assert str(some) in done.stdout and str(all_gone) in done.stdout


def test_an_event_told_twice_is_found(box):
    box.booking(events=3)
    box.set("sequence = 2", "sequence = 3")
    assert box.world.ctl("verify").returncode == 1


def test_verify_bears_what_was_pruned_before_anybody_counted(box):
    """By the release before: the oldest first, or all."""
    some, all_gone, holed = (box.booking(events=4) for _ in range(3))
    box.world.all("update bookings.bookings set created_at = now() - interval '40 days'")
    box.world.all("insert into bookings.pruned (until) values (now() - interval '35 days')")
    box.world.all("delete from bookings.outbox where booking_id = %s or sequence < 3"
                  " and booking_id = %s", (all_gone, some))
    assert box.world.ctl("verify").returncode == 0
    # What is counted from now on adds to it.
    box.set("sent_at = now() - interval '31 days'", f"booking_id = '{some}' and sequence = 3")
    assert prune(box) == 1
    assert box.world.ctl("verify").returncode == 0
    box.world.all("delete from bookings.outbox where sequence = 2 and booking_id = %s", (holed,))
    done = box.world.ctl("verify")
    assert done.returncode == 1 and str(holed) in done.stdout
    assert str(some) not in done.stdout and str(all_gone) not in done.stdout
