"""test_races.py: many who want the same thing at the same moment, through
nginx and real workers.  After each, the books balance and no two transactions
have deadlocked."""

import pathlib
import sys
import uuid

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from live import (Live, Load, Request, V1, at, booking_body,  # noqa: E402
                  day_in)

HOLDS_MAX = 5


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    live = Live(tmp_path_factory.mktemp("races"), HOLDS_MAX=HOLDS_MAX)
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
    failed = [e for e in shared.events("request") if e["status"] >= 500]
    assert failed == []


def create(token, *args, child="Alice Doe", **headers):
    return Request("POST", f"{V1}/bookings", token,
                   booking_body(*args, child=child), **headers)


def change(token, booking, day, first, last, **headers):
    return Request("PUT", f"{V1}/bookings/{booking['booking_id']}", token,
                   {"start_datetime": at(day, first),
                    "end_datetime": at(day, last)}, **headers)


def cancel(token, booking):
    return Request("DELETE", f"{V1}/bookings/{booking['booking_id']}", token)


def sort_out(answers, *statuses):
    """By status; nothing else may have come."""
    found = {status: [] for status in statuses}
    for answer in answers:
        assert answer.status in found, answer
        found[answer.status].append(answer)
    return [found[status] for status in statuses]


def rows_of(live, franchise):
    return live.one("select count(*) from bookings.bookings "
                    "where franchise_id = %s", franchise)


# ---- the last places --------------------------------------------------------

@pytest.mark.parametrize("places", [1, 7, 20])
def test_of_64_who_want_the_last_places_exactly_as_many_get_one(live, places):
    franchise, day = live.franchise(places), day_in(10)
    # All of them want 12:00-13:00; else they begin and end all over the day.
    spans = [(12 - i % 4, 13 + i // 4 % 4) for i in range(64)]
    answers = live.at_once([create(live.token(), franchise, day, *span)
                            for span in spans])
    made, refused = sort_out(answers, 201, 409)

    assert len(made) == places and len(refused) == 64 - places
    assert len({a.body["booking_id"] for a in made}) == places
    assert rows_of(live, franchise) == places
    assert live.booked(franchise)[(day, 12)] == places
    for answer in refused:
        assert answer.code == "capacity_exceeded"
        full = [s["start_datetime"] for s in answer.body["full_slots"]]
        assert at(day, 12) in full
    # Nobody's place went to waste, and none is shown as free.
    seen = live.get(f"{V1}/availability/{franchise}?date={day}").body
    free = {s["start_datetime"]: s["available_capacity"]
            for s in seen["available_slots"]}
    for hour in range(24):
        taken = live.booked(franchise).get((day, hour), 0)
        assert free[at(day, hour)] == places - taken


def test_those_of_many_days_do_not_stand_in_each_others_way(live):
    franchise = live.franchise(2)
    days = [day_in(20 + i) for i in range(16)]
    # First slots of sixteen days at once: their ledger rows do not exist yet.
    answers = live.at_once([create(live.token(), franchise, day, 8, 18)
                            for day in days for _ in range(4)])
    made, refused = sort_out(answers, 201, 409)
    assert len(made) == 32 and len(refused) == 32
    assert set(live.booked(franchise).values()) == {2}


# ---- change against change --------------------------------------------------

def test_a_change_and_a_cancellation_at_once_end_cancelled(live):
    franchise, day = live.franchise(20), day_in(11)
    tokens = [live.token() for _ in range(16)]
    bookings = [live.book(token, franchise, day, 9, 12) for token in tokens]
    requests = []
    for i, (token, booking) in enumerate(zip(tokens, bookings)):
        pair = [change(token, booking, day, 11, 15), cancel(token, booking)]
        requests += pair if i % 2 else pair[::-1]
    answers = live.at_once(requests)

    for request, answer in zip(requests, answers):
        if request.method == "DELETE":
            assert answer.status == 200, answer
        elif answer.status != 200:
            assert answer.status == 409 and answer.code == "state_conflict"
    assert live.booked(franchise) == {}
    for token, booking in zip(tokens, bookings):
        seen = live.get(f"{V1}/bookings/{booking['booking_id']}", token).body
        assert seen["status"] == "cancelled"
        told = [t for (t,) in live.sql(
            "select type from bookings.outbox where booking_id = %s and "
            "topic = 'events' order by sequence", booking["booking_id"])]
        assert told in (["BookingCreated", "BookingCancelled"],
                        ["BookingCreated", "BookingModified",
                         "BookingCancelled"])


def test_two_that_swap_their_places_do_not_wait_for_each_other(live):
    franchise = live.franchise(2)
    tokens = [live.token() for _ in range(16)]
    days = [day_in(30 + i) for i in range(8)]
    pairs = []
    for i, day in enumerate(days):
        mine, yours = tokens[2 * i:2 * i + 2]
        pairs.append((live.book(mine, franchise, day, 9, 13),
                      live.book(yours, franchise, day, 11, 15)))
    for swap in range(4):
        spans = [(9, 13), (11, 15)][::1 if swap % 2 else -1]
        requests = []
        for i, (first, second) in enumerate(pairs):
            requests.append(change(tokens[2 * i], first, days[i], *spans[0]))
            requests.append(change(tokens[2 * i + 1], second, days[i],
                                   *spans[1]))
        sort_out(live.at_once(requests), 200)
    for day in days:
        taken = [live.booked(franchise).get((day, h), 0) for h in range(8, 16)]
        assert taken == [0, 1, 1, 2, 2, 1, 1, 0]


def test_a_swap_of_the_only_places_is_refused_to_both(live):
    franchise, day = live.franchise(1), day_in(12)
    mine, yours = live.token(), live.token()
    first = live.book(mine, franchise, day, 9, 11)
    second = live.book(yours, franchise, day, 11, 13)
    before = live.booked(franchise)
    for _ in range(5):
        answers = live.at_once([change(mine, first, day, 11, 13),
                                change(yours, second, day, 9, 11)])
        assert [a.status for a in answers] == [409, 409]
        assert {a.code for a in answers} == {"capacity_exceeded"}
    assert live.booked(franchise) == before


def test_of_changes_under_one_etag_exactly_one_takes_effect(live):
    franchise, day, token = live.franchise(9), day_in(13), live.token()
    booking = live.book(token, franchise, day, 0, 1)
    path = f"{V1}/bookings/{booking['booking_id']}"
    etag = live.get(path, token).headers["ETag"]
    answers = live.at_once([change(token, booking, day, h, h + 2, If_Match=etag)
                            for h in range(1, 17)])
    done, late = sort_out(answers, 200, 412)
    assert len(done) == 1 and len(late) == 15
    assert live.get(path, token).body["start_datetime"] == \
        done[0].body["start_datetime"]


# ---- the same wish twice ----------------------------------------------------

@pytest.mark.parametrize("round_", range(4))
def test_one_key_sixteen_times_at_once_makes_one_booking(live, round_):
    franchise, token = live.franchise(20), live.token()
    request = create(token, franchise, day_in(14), 9, 12,
                     Idempotency_Key=str(uuid.uuid4()))
    answers = live.at_once([request] * 16)
    made, busy = sort_out(answers, 201, 409)

    assert sum(not a.headers["Idempotency-Replayed"] for a in made) == 1
    assert len({a.raw for a in made}) == 1
    for answer in busy:
        assert answer.code == "idempotency_key_in_use"
        assert int(answer.headers["Retry-After"]) >= 1
    again = live.at_once([request] * 3)
    assert {a.raw for a in again} == {made[0].raw}
    assert all(a.headers["Idempotency-Replayed"] == "true" for a in again)
    assert rows_of(live, franchise) == 1


def test_one_key_for_sixteen_cancellations_tells_one_event(live):
    franchise, day, token = live.franchise(3), day_in(14), live.token()
    booking = live.book(token, franchise, day, 9, 12)
    request = Request("DELETE", f"{V1}/bookings/{booking['booking_id']}", token,
                      Idempotency_Key=str(uuid.uuid4()))
    done, busy = sort_out(live.at_once([request] * 16), 200, 409)
    assert done and all(a.code == "idempotency_key_in_use" for a in busy)
    assert len({a.raw for a in done}) == 1
    assert live.one("select count(*) from bookings.outbox where booking_id = "
                    "%s and type = 'BookingCancelled'",
                    booking["booking_id"]) == 1
    assert live.booked(franchise) == {}


def test_of_twenty_holds_at_once_a_customer_gets_five(live):
    franchise, token = live.franchise(20), live.token()
    answers = live.at_once([create(token, franchise, day_in(15 + i), 9, 10)
                            for i in range(20)])
    made, refused = sort_out(answers, 201, 429)
    assert len(made) == HOLDS_MAX
    for answer in refused:
        assert answer.code == "too_many_holds"
        # Both ends of the 35 minutes are rounded away from each other.
        assert 1 <= int(answer.headers["Retry-After"]) <= 2101
    assert sum(live.booked(franchise).values()) == HOLDS_MAX


def test_a_child_wanted_in_two_places_at_once_is_in_one(live):
    here, there = live.franchise(20), live.franchise(20)
    tokens = [live.token() for _ in range(16)]
    day = day_in(16)
    requests = []
    for token in tokens:
        requests += [create(token, here, day, 9, 12, child="Zoë Doe"),
                     create(token, there, day, 11, 14, child=" zoË  DOE ")]
    answers = live.at_once(requests)
    for pair in zip(answers[::2], answers[1::2]):
        made, refused = sort_out(pair, 201, 409)
        assert len(made) == len(refused) == 1
        assert refused[0].code == "child_already_booked"
    assert live.booked(here).get((day, 11), 0) + \
        live.booked(there).get((day, 11), 0) == 16


# ---- lapsed holds -----------------------------------------------------------

def lapse(live, franchise):
    live.sql("update bookings.bookings set hold_expires_at = "
             "now() - interval '1 second' where franchise_id = %s and "
             "booking_status = 'pending'", franchise)


def test_places_of_lapsed_holds_are_given_away_once(live):
    franchise, day = live.franchise(4), day_in(17)
    for i in range(4):
        live.book(live.token(), franchise, day, 8 + i, 14)
    lapse(live, franchise)
    answers = live.at_once([create(live.token(), franchise, day, 10 + i % 3, 13)
                            for i in range(32)])
    made, refused = sort_out(answers, 201, 409)
    assert len(made) == 4 and len(refused) == 28
    assert {a.code for a in refused} == {"capacity_exceeded"}
    states = dict(live.sql("select booking_status, count(*) from "
                           "bookings.bookings where franchise_id = %s "
                           "group by 1", franchise))
    assert states == {"expired": 4, "pending": 4}
    assert live.one("select count(*) from bookings.outbox o join "
                    "bookings.bookings b on b.id = o.booking_id where "
                    "franchise_id = %s and type = 'BookingExpired'",
                    franchise) == 4


def test_a_lapsed_hold_is_expired_or_cancelled_and_never_both(live):
    franchise, day = live.franchise(2), day_in(18)
    for hour in range(6):
        tokens = [live.token(), live.token()]
        held = [live.book(t, franchise, day, 3 * hour, 3 * hour + 3)
                for t in tokens]
        lapse(live, franchise)
        requests = [create(live.token(), franchise, day, 3 * hour, 3 * hour + 3)
                    for _ in range(8)]
        requests[3:3] = [cancel(t, b) for t, b in zip(tokens, held)]
        answers = live.at_once(requests)
        made, _, _ = sort_out([a for r, a in zip(requests, answers)
                               if r.method == "POST"], 201, 409, 200)
        assert len(made) == 2
        sort_out([a for r, a in zip(requests, answers)
                  if r.method == "DELETE"], 200, 409)


# ---- everything at once -----------------------------------------------------

def test_readers_never_see_more_places_than_there_are(live):
    franchise, day = live.franchise(6), day_in(19)
    path = f"{V1}/availability/{franchise}?date={day}"

    def look(client):
        request = Request("GET", path)
        return request, client.ask(request)

    with Load(live, [look] * 2) as readers:
        for _ in range(5):
            tokens = [live.token() for _ in range(12)]
            answers = live.at_once([create(t, franchise, day, 9, 12)
                                    for t in tokens])
            made, _ = sort_out(answers, 201, 409)
            assert len(made) == 6
            seen = live.get(path).body["available_slots"]
            assert {s["start_datetime"]: s["available_capacity"]
                    for s in seen}[at(day, 10)] == 0
            sort_out(live.at_once([
                cancel(t, a.body) for t, a in zip(tokens, answers)
                if a.status == 201]), 200)
            seen = live.get(path).body["available_slots"]
            assert {s["available_capacity"] for s in seen} == {6}
        readers.more(10)
    assert readers.others(200) == []
    for _, answer in readers.done:
        for slot in answer.body["available_slots"]:
            assert 0 <= slot["available_capacity"] <= 6
