"""test_visit_races.py: two desks, a customer and an operator who want one booking
at the same moment, through nginx and real workers."""
import hashlib
import pathlib
import secrets
import sys
import threading
import uuid

import pytest

from product import World

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from live import Live, Request, V1, day_in, until  # noqa: E402
from relays import Relay, in_order, read_events  # noqa: E402

PLACES = 64


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    live = Live(tmp_path_factory.mktemp("visits"))
    try:
        yield live.start()
    finally:
        live.reset()


@pytest.fixture
def live(shared):
    before = shared.deadlocks()
    yield shared
    assert shared.deadlocks() == before
    shared.balanced()
    assert [e for e in shared.events("request") if e["status"] >= 500] == []


def key_of(live, franchise):
    """A staff key, its row made here."""
    name, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    live.sql("insert into access.api_keys (id, name, kind, secret_hash, scopes, franchise_id)"
             " values (%s, 'desk', 'secret', %s, '{checkin:write}', %s)", name,
             hashlib.sha256(secret.encode()).digest(), franchise)
    return f"cbk_{name}_{secret}"


def expected(live, franchise):
    """A booking that is confirmed and for today: its owner, itself, its code."""
    token = live.token()
    made = live.book(token, franchise, day_in(10), 9, 12)
    until(lambda: live.one("select (now() at time zone 'UTC')::time < '23:59'"),
          "a minute left of today", 90)
    live.sql(World.MOVE % uuid.UUID(made["booking_id"]))
    told = live.get(f"{V1}/bookings/{made['booking_id']}/qr", token, Accept="application/json")
    assert told.status == 200, told
    return token, made, told.body["url"]


def scan(key, qr, **headers):
    return Request("POST", f"{V1}/checkins", None, {"qr": qr}, X_API_Key=key, **headers)


def collect(key, made, who):
    return Request("POST", f"{V1}/bookings/{made['booking_id']}/checkout", None,
                   {"collected_by": who, "override": True, "reason": "test"}, X_API_Key=key)


def told(live, made):
    return [t for (t,) in live.sql("select type from bookings.outbox where booking_id = %s and"
                                   " topic = 'events' order by sequence", made["booking_id"])]


def free(live):
    return live.franchise(PLACES, rate="0.00")


def test_of_sixteen_desks_that_scan_at_once_exactly_one_checks_in(live):
    house = free(live)
    keys = [key_of(live, house) for _ in range(16)]
    for _ in range(4):
        _, made, qr = expected(live, house)
        answers = live.at_once([scan(key, qr) for key in keys])
        done = [a for a in answers if a.status == 201]
        assert len(done) == 1, answers
        assert {a.code for a in answers if a.status != 201} == {"already_checked_in"}
        assert told(live, made).count("BookingCheckedIn") == 1
        assert live.one("select count(*) from bookings.visits where booking_id = %s",
                        made["booking_id"]) == 1


def test_one_desk_that_scans_sixteen_times_at_once_checks_in_once(live):
    house = free(live)
    key = key_of(live, house)
    _, made, qr = expected(live, house)
    answers = live.at_once([scan(key, qr) for _ in range(16)])
    assert sorted(a.status for a in answers) == [200] * 15 + [201]
    assert all(a.body["already"] == (a.status == 200) for a in answers)
    assert told(live, made).count("BookingCheckedIn") == 1


def test_one_idempotency_key_gives_one_answer_to_all(live):
    house = free(live)
    key = key_of(live, house)
    _, made, qr = expected(live, house)
    request = scan(key, qr, Idempotency_Key=str(uuid.uuid4()))
    answers = live.at_once([request] * 16)
    done = [a for a in answers if a.status == 201]
    assert done and {a.code for a in answers if a.status != 201} <= {"idempotency_key_in_use"}
    assert len({a.raw for a in done}) == 1
    assert sum(not a.headers["Idempotency-Replayed"] for a in done) == 1
    assert told(live, made).count("BookingCheckedIn") == 1


def test_a_booking_is_checked_in_or_cancelled_and_never_both(live):
    house = free(live)
    key = key_of(live, house)
    for first in (0, 1) * 8:
        token, made, qr = expected(live, house)
        pair = [scan(key, qr), Request("DELETE", f"{V1}/bookings/{made['booking_id']}", token)]
        answers = live.at_once(pair[::-1] if first else pair)
        came, gone = answers[::-1] if first else answers
        state = live.one("select booking_status from bookings.bookings where id = %s",
                         made["booking_id"])
        if came.status == 201:
            assert (gone.status, gone.code, state) == (409, "state_conflict", "checked_in")
            assert told(live, made)[-1] == "BookingCheckedIn"
        else:
            assert (came.status, came.code) == (409, "cancelled"), came
            assert (gone.status, state) == (200, "cancelled")
            assert told(live, made)[-1] == "BookingCancelled"


def test_a_change_comes_before_the_check_in_or_not_at_all(live):
    house = free(live)
    key = key_of(live, house)
    for first in (0, 1) * 8:
        token, made, qr = expected(live, house)
        path = f"{V1}/bookings/{made['booking_id']}"
        pair = [scan(key, qr), Request("PUT", path, token, {"customer_info": {"name": "Jim Doe"}})]
        answers = live.at_once(pair[::-1] if first else pair)
        came, changed = answers[::-1] if first else answers
        assert came.status == 201, came  # it is decided anew, and stands
        kept = live.get(path, token).body["customer_info"]["name"]
        if changed.status == 200:
            assert kept == "Jim Doe" and came.body["customer"]["name"] == "Jim Doe"
            assert told(live, made)[-2:] == ["BookingModified", "BookingCheckedIn"]
        else:
            assert (changed.status, changed.code) == (409, "state_conflict")
            assert kept != "Jim Doe" and "BookingModified" not in told(live, made)


def test_children_are_handed_to_one_of_two_at_once(live):
    house = free(live)
    keys = [key_of(live, house), key_of(live, house)]
    for _ in range(8):
        token, made, qr = expected(live, house)
        assert live.at_once([scan(keys[0], qr)])[0].status == 201
        answers = live.at_once([collect(keys[0], made, "Ann Doe"), collect(keys[1], made, "Bob Doe")])
        done = [a for a in answers if a.status == 200]
        assert len(done) == 1, answers
        assert {a.code for a in answers if a.status != 200} == {"already_collected"}
        assert told(live, made).count("BookingCompleted") == 1


def test_a_code_is_used_or_revoked_and_never_both(live):
    house = free(live)
    key = key_of(live, house)
    for _ in range(8):
        _, made, qr = expected(live, house)
        result = []
        operator = threading.Thread(target=lambda: result.append(live.one(
            "select bookings.revoke_qr(%s, 'race')", made["booking_id"])))
        operator.start()
        came, = live.at_once([scan(key, qr)])
        operator.join(20)
        if came.status == 201:
            assert result == [0]
        else:
            assert (came.status, came.code, result) == (409, "revoked", [2])


def test_the_world_is_told_of_a_visit_in_the_words_of_its_schemas(live, tmp_path):
    house = free(live)
    key = key_of(live, house)
    _, made, qr = expected(live, house)
    came, = live.at_once([scan(key, qr)])
    gone, = live.at_once([collect(key, made, "Ann Doe")])
    assert (came.status, gone.status) == (201, 200)
    Relay(live.env, "events", tmp_path / "relay.log",
          EVENTS_FILE=tmp_path / "events.jsonl").once()
    events = [e for e in read_events(tmp_path / "events.jsonl")
              if e["aggregate_id"] == made["booking_id"]]
    assert in_order(events)
    assert [e["event_type"] for e in events] == [
        "BookingCreated", "BookingConfirmed", "BookingCheckedIn", "BookingCompleted"]
    assert events[2]["data"]["checked_in_at"] == came.body["checked_in_at"]
    assert "checked_out_at" not in events[2]["data"]
    assert events[3]["data"]["checked_in_at"] == came.body["checked_in_at"]
    assert events[3]["data"]["checked_out_at"] == gone.body["checked_out_at"]
    assert not any("Ann" in str(e) for e in events)
