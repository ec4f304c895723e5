"""test_relay.py: booking-relay, the real program, beside a real instance: it
shares, it stops, it is killed, and what was committed arrives all the same."""

import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import time
import uuid

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from consumer import Consumer, consume  # noqa: E402
from live import (Live, Load, Request, V1, alive, booking_body, day_in,  # noqa: E402
                  until)
from relays import BUILD, Relay, in_order, read_events  # noqa: E402


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    live = Live(tmp_path_factory.mktemp("relay"), HOLDS_MAX=1000000, API_WORKERS=4)
    try:
        yield live.start()
    finally:
        live.reset()


@pytest.fixture
def live(shared):
    for name in ("pg", "redis", "api"):  # whatever the last test left
        shared.ctl(name, "start", shared.dir)
    shared.healthy()
    shared.sql("update bookings.outbox set sent_at = now() where sent_at is null")
    yield shared
    shared.balanced()


@pytest.fixture
def relays(live, tmp_path):
    """relays(topic, setting=...): started, and ended with the test."""
    made = []
    tmp_path.chmod(0o755)

    def make(topic="events", **settings):
        number = len(made)
        relay = Relay(live.env, topic, tmp_path / f"relay-{number}.log",
                      **{"EVENTS_FILE": tmp_path / "events.jsonl", **settings})
        made.append(relay)
        return relay
    make.file = tmp_path / "events.jsonl"
    yield make
    for relay in made:
        relay.stop(signal.SIGKILL)


def both_run(*pair):
    """One alone may have done it all before the other knows what a signal means."""
    for relay in pair:
        until(lambda: relay.runs(), "a relay that runs")


def waiting(live, topic="events"):
    return live.one("select count(*) from bookings.outbox where topic = %s and"
                    " sent_at is null and due_at <= now()", topic)


def drained(live, topic="events", seconds=30):
    until(lambda: waiting(live, topic) == 0, f"an empty outbox of {topic}", seconds)


def life(live, franchise, token, day, hour, cancel=True):
    """A booking, changed and cancelled: three events."""
    made = live.book(token, franchise, day, hour, hour + 1)
    path = f"{V1}/bookings/{made['booking_id']}"
    answer = live.ask("PUT", path, token, {"customer_info": {"name": "Jim Doe"}})
    assert answer.status == 200, answer
    if cancel:
        assert live.ask("DELETE", path, token).status == 200
    return made["booking_id"]


def test_an_event_arrives_soon_after_its_commit_and_once(live, relays):
    relay = relays(RELAY_POLL_MS=10000).start()
    until(relay.runs, "a relay that runs")
    franchise, token = live.franchise(50), live.token()
    made = [life(live, franchise, token, day_in(10), hour) for hour in range(5)]
    drained(live)
    events = read_events(relays.file)
    assert len(events) == 15 and in_order(events)
    for booking in made:
        mine = [e for e in events if e["aggregate_id"] == booking]
        assert [e["event_type"] for e in mine] == [
            "BookingCreated", "BookingModified", "BookingCancelled"]
        assert [e["sequence"] for e in mine] == [1, 2, 3]
    # Told by a hint, not found by a poll: much sooner than a poll would be.
    lags = live.sql("select extract(epoch from sent_at - created_at) from bookings.outbox"
                    " where topic = 'events' and booking_id = any(%s::uuid[])", made)
    assert sorted(float(lag) for lag, in lags)[7] < 5
    assert relay.stop() == 0
    assert relay.lines("relay_stopped_as_told")


def test_two_relays_share_the_work_and_keep_the_order(live, relays):
    franchise, token = live.franchise(50), live.token()
    for hour in range(12):
        life(live, franchise, token, day_in(11), hour)
    first, second = relays(LOG_LEVEL="debug").start(), relays(LOG_LEVEL="debug").start()
    drained(live)
    both_run(first, second)
    assert first.stop() == second.stop() == 0
    events = read_events(relays.file)
    assert len(events) == 36 and in_order(events)
    assert len({e["event_id"] for e in events}) == 36
    done = [sum(line["done"] for line in relay.lines("relay_turn")) for relay in (first, second)]
    assert sum(done) == 36


def test_killed_at_any_moment_it_loses_nothing_and_repeats_a_batch_at_most(live, relays):
    franchise, token = live.franchise(500), live.token()
    dice = random.Random(7)
    kills = 0
    with Load(live, [booker(live, franchise, live.token(), hour) for hour in range(3)]) as load:
        relay = relays(RELAY_LEASE_S=3).start()
        for _ in range(12):
            load.more(6)
            time.sleep(dice.random() * 0.05)  # a moment nobody chose
            assert relay.stop(signal.SIGKILL) == -signal.SIGKILL
            kills += 1
            relay.start()
        load.more(10)
    drained(live)
    assert relay.stop() == 0
    events = read_events(relays.file)
    told = {(str(i), n) for i, n in live.sql(
        "select event_id, sequence from bookings.outbox where topic = 'events' and booking_id in"
        " (select id from bookings.bookings where franchise_id = %s)", franchise)}
    assert {(e["event_id"], e["sequence"]) for e in events} == told and len(told) > 50
    assert in_order(events)
    assert len(events) - len(told) <= 50 * kills

    # Whoever receives them by the book gets each once, in order.
    got = []
    dice.shuffle(events)
    assert consume(events + events[:20], Consumer(got.append)) == []
    assert len(got) == len(told) and in_order(got)


def booker(live, franchise, token, lane):
    """A customer whose child comes for an hour, day after day."""
    state = {"day": 20, "hour": lane * 8}

    def ask(client):
        state["hour"] += 1
        if state["hour"] >= lane * 8 + 8:
            state["day"], state["hour"] = state["day"] + 1, lane * 8
        request = Request("POST", f"{V1}/bookings", token, booking_body(
            franchise, day_in(state["day"]), state["hour"], state["hour"] + 1))
        return request, client.ask(request)
    return ask


def test_it_finds_what_nobody_told_it_of(live, relays):
    """Without Redis, and with a Redis that comes back."""
    franchise, token = live.franchise(50), live.token()
    live.ctl("redis", "stop", live.dir)
    relay = relays(RELAY_POLL_MS=400).start()
    life(live, franchise, token, day_in(12), 1)
    drained(live)
    live.ctl("redis", "start", live.dir)
    life(live, franchise, token, day_in(12), 2)
    drained(live)
    assert relay.stop() == 0
    assert len(read_events(relays.file)) == 6


def test_a_redis_that_it_met_first_is_believed_later(live, relays):
    """Nobody had made it start afresh yet; that must not be for ever."""
    franchise, token = live.franchise(50), live.token()
    life(live, franchise, token, day_in(12), 3)
    live.redis("FLUSHALL")
    relay = relays().start()
    drained(live)
    # Whoever commits now dies before Redis hears of it: no receipt is left.
    os.kill(relay.process.pid, signal.SIGSTOP)
    life(live, franchise, token, day_in(12), 4, cancel=False)
    assert live.redis("DEL", *live.redis("--scan", "--pattern", "forgot:*").split())
    os.kill(relay.process.pid, signal.SIGCONT)
    drained(live)
    assert live.redis("--scan", "--pattern", "forgot:*").count("forgot:") == 2
    assert relay.stop() == 0


def test_a_postgres_that_goes_is_waited_for(live, relays):
    franchise, token = live.franchise(50), live.token()
    relay = relays().start()
    until(lambda: relay.lines("relay_started"), "a relay that runs")
    live.ctl("pg", "stop", live.dir)
    until(lambda: relay.lines("relay_failed"), "a complaint")
    assert alive(relay.process.pid)
    live.ctl("pg", "start", live.dir)
    live.healthy()
    life(live, franchise, token, day_in(13), 1)
    drained(live)
    until(lambda: relay.lines("relay_recovered"), "word that it is over")
    assert relay.stop() == 0
    # One line about it, not one a try.
    assert len(relay.lines("relay_failed")) <= 2


def test_an_outage_of_the_place_of_events_ends_with_nothing_lost(live, relays, tmp_path):
    franchise, token = live.franchise(50), live.token()
    away = tmp_path / "away"
    relay = relays(EVENTS_FILE=away / "events.jsonl", LOG_LEVEL="debug").start()
    made = [life(live, franchise, token, day_in(14), hour) for hour in range(4)]
    until(lambda: relay.lines("relay_outage"), "a complaint")
    # It tries again, with longer and longer waits, and believes in no recovery.
    until(lambda: sum(line["outage"] > 0 for line in relay.lines("relay_turn")) >= 5, "tries")
    assert not relay.lines("relay_recovered") and len(relay.lines("relay_outage")) == 1
    assert waiting(live) >= 1
    assert live.one("select max(attempts) from bookings.outbox where topic = 'events'") == 0
    away.mkdir(mode=0o755)
    drained(live)
    assert relay.lines("relay_recovered")
    assert relay.stop() == 0
    events = read_events(away / "events.jsonl")
    assert {e["aggregate_id"] for e in events} == set(made)
    assert len(events) == 12 and in_order(events)
    assert (away / "events.jsonl").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("poison", [
    [], *({"start_datetime": at} for at in ("garbage", 5, "infinity", "2026-13-45T00:00:00Z", None,
                                            "300000-01-01T00:00:00Z",
                                            "4714-11-24 00:00:00+00 BC"))])
def test_a_poisoned_event_blocks_its_own_booking_alone(live, relays, poison):
    franchise, token = live.franchise(50), live.token()
    bad = life(live, franchise, token, day_in(15), 1)
    live.sql("update bookings.outbox set facts = %s where booking_id = %s and sequence = 1"
             " and topic = 'events'", json.dumps(poison), bad)
    good = [life(live, franchise, token, day_in(15), hour) for hour in range(2, 6)]
    # West of UTC the first instants that Postgres knows are of no day.
    live.sql("update franchises.franchises set timezone = 'America/Denver' where id = %s", franchise)
    relay = relays(RELAY_BACKOFF_MS=10, RELAY_BACKOFF_MAX_MS=20, RELAY_RETRIES=2).start()
    until(lambda: relay.lines("outbox_dead"), "a death")
    until(lambda: len(read_events(relays.file)) == 12, "the others' events")
    dead = relay.lines("outbox_dead")
    assert dead[0]["rows"] == 1 and dead[0]["level"] == "error"
    assert dead[0]["next"] == "bookingctl outbox dead"
    assert {e["aggregate_id"] for e in read_events(relays.file)} == set(good)
    assert live.one("select attempts from bookings.outbox where dead_at is not null") == 3
    # Its facts made whole, it goes on where it stopped.
    live.sql("update bookings.outbox set dead_at = null, due_at = now(), facts = (select facts"
             " from bookings.outbox o where o.booking_id = %s and sequence = 2) where"
             " dead_at is not null", bad)
    until(lambda: len(read_events(relays.file)) == 15, "its own events")
    assert relay.stop() == 0
    assert in_order(read_events(relays.file))


def test_a_day_that_is_none_ends_neither_relay_nor_pool(live, relays):
    """What a row holds goes into keys of the cache, and into the memory that the
    relays share with the pool: nobody is to read an impossible day there."""
    franchise, token = live.franchise(50), live.token()
    made = life(live, franchise, token, day_in(15), 12)
    live.sql("update bookings.outbox set facts = facts || '{\"held_start_datetime\":"
             " \"0001-01-01T00:00:00+14\"}' where booking_id = %s and topic = 'events'", made)
    # Without a receipt it forgets once more.
    live.redis("DEL", *live.redis("--scan", "--pattern", "forgot:*").split())
    workers = live.workers()
    relay = relays().start()
    until(lambda: relay.process.poll() is not None or waiting(live) == 0, "its events")
    assert relay.stop() == 0
    assert [e["aggregate_id"] for e in read_events(relays.file)] == [made] * 3
    assert live.redis("--scan", "--pattern", "forgot:*").count("forgot:") == 3
    answer = live.ask("GET", f"{V1}/availability/{franchise}?date={day_in(15)}")
    assert answer.status == 200, answer
    assert live.workers() == workers


def test_a_relay_without_a_key_of_the_ring_waits_for_it_and_says_so(live, relays):
    """The pool has rotated, and a relay of another host has not yet."""
    franchise, token = live.franchise(50), live.token()
    made = [life(live, franchise, token, day_in(15), hour) for hour in range(7, 10)]
    ring = live.env["ENCRYPTION_KEYS"]
    behind = relays(ENCRYPTION_KEYS="77:" + "A" * 43, RELAY_BACKOFF_MS=10,
                    RELAY_BACKOFF_MAX_MS=20, RELAY_RETRIES=1).start()
    until(lambda: behind.lines("relay_stopped"), "an alarm")
    line = behind.lines("relay_stopped")[0]
    assert line["level"] == "error" and "which the ring does not have" in line["why"]
    until(lambda: live.one("select count(failing_since) = 3 and now() - max(failing_since) >"
                           " interval '0.5 s' from bookings.outbox where topic = 'events' and"
                           " sent_at is null"), "many tries of each booking's first")
    assert live.sql("select attempts, dead_at, failure from bookings.outbox where topic ="
                    " 'events' and sent_at is null and failing_since is not null") == [
        (0, None, "key_absent")] * 3
    assert not behind.lines("outbox_dead") and not behind.lines("outbox_refused")
    assert read_events(relays.file) == []
    # Whoever has the key sends them meanwhile; so does it, once it has.
    assert behind.stop() == 0
    behind.settings["ENCRYPTION_KEYS"] = f"77:{'A' * 43},{ring}"
    behind.start()
    drained(live)
    assert behind.stop() == 0
    events = read_events(relays.file)
    assert {e["aggregate_id"] for e in events} == set(made)
    assert len(events) == 9 and in_order(events)


def test_keys_are_rotated_in_two_steps_and_no_event_waits(live, relays):
    """As docs/operators.md says: the new key second everywhere, then first."""
    franchise, token = live.franchise(50), live.token()
    old = live.env["ENCRYPTION_KEYS"]
    extra = live.home / "env.extra"
    before, relay = extra.read_text(), relays(RELAY_BACKOFF_MS=10)
    try:
        made = [life(live, franchise, token, day_in(16), 7)]
        for ring in (f"{old},9:{'A' * 43}", f"9:{'A' * 43},{old}"):
            extra.write_text(f"{before}ENCRYPTION_KEYS={ring}\n")
            # The pool first, and the relay a step behind it.
            live.ctl("api", "restart", live.dir)
            live.healthy()
            relay.start()
            made.append(life(live, franchise, token, day_in(16), 8 + len(made)))
            drained(live)
            assert relay.stop() == 0
            relay.settings["ENCRYPTION_KEYS"] = ring
    finally:
        extra.write_text(before)
        live.ctl("api", "restart", live.dir)
        live.healthy()
    events = read_events(relays.file)
    assert len(events) == 9 and {e["aggregate_id"] for e in events} == set(made)
    assert not relay.lines("relay_stopped") and not relay.lines("outbox_refused")
    # Without the new key the pool cannot read the last one: for a while, it says.
    answer = live.ask("GET", f"{V1}/bookings/{made[-1]}", token)
    assert (answer.status, answer.code) == (503, "service_unavailable")


def test_a_hold_is_expired_by_the_relay_of_bookings(live, relays):
    franchise, token = live.franchise(50), live.token()
    made = live.book(token, franchise, day_in(16), 9, 10)
    relay = relays("bookings").start()
    until(lambda: relay.lines("relay_started"), "a relay that runs")
    live.sql("update bookings.bookings set hold_expires_at = now() - interval '1 s'"
             " where id = %s", made["booking_id"])
    live.sql("update bookings.outbox set due_at = now() where booking_id = %s and"
             " type = 'expire'", made["booking_id"])
    until(lambda: live.one("select booking_status from bookings.bookings where id = %s",
                           made["booking_id"]) == "expired", "its expiry")
    assert live.booked(franchise) == {}
    assert relay.stop() == 0


# ---- the process ------------------------------------------------------------------


def test_systemd_is_told_that_it_runs_and_lives_and_goes(live, relays, tmp_path):
    path = f"/tmp/notify-{uuid.uuid4().hex[:12]}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(path)
        try:
            notify.settimeout(20)
            relay = relays(NOTIFY_SOCKET=path, WATCHDOG_USEC=200000).start()
            said = [notify.recv(4096).decode()]
            while sum("WATCHDOG=1" in word for word in said) < 4:
                said.append(notify.recv(4096).decode())
            assert any(word.startswith("READY=1") for word in said)
            assert relay.process.poll() is None
            relay.process.send_signal(signal.SIGTERM)
            while "STOPPING=1" not in said:
                said.append(notify.recv(4096).decode())
            assert relay.stop(0) == 0
        finally:
            os.unlink(path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_ends_it_in_peace(live, relays, number):
    relay = relays().start()
    until(lambda: relay.lines("relay_started"), "a relay that runs")
    assert relay.stop(number) == 0


def test_once_does_what_is_due_and_ends(live, relays):
    franchise, token = live.franchise(50), live.token()
    life(live, franchise, token, day_in(17), 1)
    relays().once()
    assert len(read_events(relays.file)) == 3


@pytest.mark.parametrize("words, status, says", [
    ([], 64, "it takes one topic"), (["weather"], 64, "it takes one topic"),
    (["events", "events"], 64, "it takes one topic"), (["--what"], 64, "--help"),
    (["--help"], 0, "Usage: booking-relay"), (["--version"], 0, "booking-relay "),
])
def test_the_command_line_is_answered(words, status, says):
    done = subprocess.run([BUILD / "booking-relay", *words], capture_output=True, text=True,
                          env={}, timeout=30)
    assert done.returncode == status
    assert says in done.stdout + done.stderr


@pytest.mark.parametrize("topic, without, says", [
    ("events", "DATABASE_URL", "DATABASE_URL"),
    ("events", "ENCRYPTION_KEYS", "ENCRYPTION_KEYS"),
    ("bookings", "SESSION_SECRET", "SESSION_SECRET"),
    ("bookings", "PUBLIC_URL", "PUBLIC_URL"),
    ("payments", "STRIPE_SECRET_KEY", "STRIPE_SECRET_KEY"),
])
def test_a_setting_that_is_missing_stops_the_start_with_a_sentence(live, relays, topic, without,
                                                                    says):
    relay = relays(topic)
    relay.settings.pop(without, None)
    relay.start()
    assert relay.process.wait(30) == 78
    assert says in relay.log.read_text()


def test_the_relay_of_events_needs_no_secret_but_the_key_ring(live, relays):
    franchise, token = live.franchise(50), live.token()
    life(live, franchise, token, day_in(18), 1)
    relay = relays()
    for name in ("JWT_SECRET", "SESSION_SECRET", "LOOKUP_SECRET", "STRIPE_SECRET_KEY",
                 "PUBLIC_URL"):
        relay.settings.pop(name, None)
    relay.once()
    assert len(read_events(relays.file)) == 3


def test_no_name_or_address_is_in_its_log(live, relays):
    franchise, token = live.franchise(50), live.token()
    life(live, franchise, token, day_in(19), 1)
    relay = relays(LOG_LEVEL="debug")
    relay.once()
    text = relay.log.read_text()
    assert "relay_turn" in text
    for word in ("John", "Jim", "Doe", "Alice", "example.com", "+1234567890"):
        assert word not in text
    assert json.loads(text.splitlines()[0])["program"] == "booking-relay"
