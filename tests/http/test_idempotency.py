"""Idempotency-Key: a request sent again is not done again."""
import concurrent.futures
import os
import signal
import uuid

import pytest

from product import at, until


def keyed(key=None):
    return {"Idempotency-Key": key or str(uuid.uuid4())}


def replayed(answer):
    return answer.headers.get("Idempotency-Replayed") == "true"


def test_the_same_key_gives_the_same_answer(world):
    me = world.customer()
    body = world.booking()
    key = keyed()
    first = me.book(body, headers=key).ok(201)
    before = world.counts()
    again = me.book(body, headers=key).ok(201)
    assert not replayed(first) and replayed(again)
    assert again.body == first.body
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Location"] == first.headers["Location"]
    assert world.counts() == before
    quoted = me.book(body, headers=keyed('"' + key["Idempotency-Key"] + '"')).ok(201)
    assert replayed(quoted)


def test_the_answer_stays_what_it_was_when_the_booking_has_moved_on(world):
    me = world.customer()
    body = world.booking()
    key = keyed()
    first = me.book(body, headers=key).ok(201)
    me.cancel(first["booking_id"]).ok()
    assert me.book(body, headers=key).ok(201).body == first.body
    assert me.read(first["booking_id"])["status"] == "cancelled"


def test_another_body_under_the_same_key_is_refused(world):
    me = world.customer()
    body = world.booking()
    key = keyed()
    me.book(body, headers=key).ok(201)
    before = world.counts()
    body["child_info"]["age"] = 6
    me.book(body, headers=key).problem(422, "idempotency_key_reused")
    made = me.bookings()["data"][0]["booking_id"]
    me.cancel(made, headers=key).problem(422, "idempotency_key_reused")
    assert world.counts() == before


def test_a_change_and_a_cancellation_are_repeated_too(world):
    me = world.customer()
    day = world.new_day()
    made = me.book(world.booking(day=day)).ok(201)
    wanted = {"start_datetime": at(day, 10), "end_datetime": at(day, 12)}
    key = keyed()
    changed = me.change(made["booking_id"], wanted, headers=key).ok()
    back = me.change(made["booking_id"], {"start_datetime": at(day, 9)}).ok()
    again = me.change(made["booking_id"], wanted, headers=key).ok()
    assert replayed(again) and again.body == changed.body
    assert me.read(made["booking_id"]).etag == back.etag, "the repeat changed something"
    key = keyed()
    gone = me.cancel(made["booking_id"], headers=key, params={"reason": "ill"}).ok()
    again = me.cancel(made["booking_id"], headers=key, params={"reason": "ill"}).ok()
    assert replayed(again) and again.body == gone.body
    me.cancel(made["booking_id"], headers=key, params={"reason": "well"}).problem(
        422, "idempotency_key_reused")


def test_a_refusal_is_not_stored(world):
    house = world.franchise(max_capacity=1)
    day = world.new_day()
    other = world.customer()
    first = other.book(world.booking(house, day)).ok(201)
    me = world.customer()
    body = world.booking(house, day)
    key = keyed()
    me.book(body, headers=key).problem(409, "capacity_exceeded")
    other.cancel(first["booking_id"]).ok()
    made = me.book(body, headers=key).ok(201)
    assert not replayed(made)


def test_another_callers_key_is_another_key(world):
    key = keyed()
    body = world.booking()
    first = world.customer().book(body, headers=key).ok(201)
    second = world.customer().book(body, headers=key).ok(201)
    assert not replayed(second) and second["booking_id"] != first["booking_id"]


def test_while_the_first_is_under_way_the_second_is_told_to_wait(world):
    me = world.customer()
    body = world.booking()
    key = keyed()
    lock = f"customer:{me.sub}\n{key['Idempotency-Key']}"
    world.sql("select pg_advisory_lock(hashtextextended(%s, 1))", lock)
    try:
        before = world.counts()
        busy = me.book(body, headers=key).problem(409, "idempotency_key_in_use")
        assert int(busy.headers["Retry-After"]) >= 1
        assert world.counts() == before
    finally:
        world.sql("select pg_advisory_unlock(hashtextextended(%s, 1))", lock)
    me.book(body, headers=key).ok(201)


def test_twice_at_once_is_once(world):
    me = world.customer()
    body = world.booking()
    key = keyed()
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: me.book(body, headers=key), range(8)))
    made = {a["booking_id"] for a in answers if a.status == 201}
    assert len(made) == 1
    for answer in answers:
        if answer.status != 201:
            answer.problem(409, "idempotency_key_in_use")
    assert world.one("select count(*) from bookings.bookings where customer_id = %s", me.sub) == 1
    assert me.book(body, headers=key).ok(201)["booking_id"] in made


@pytest.mark.kills_workers
def test_a_worker_killed_between_commit_and_answer_loses_nothing(world):
    me = world.customer()
    body = world.booking()
    key = keyed()
    # The day's places are there: only the booking itself is still to be written.
    world.customer().book({**world.booking(), "start_datetime": body["start_datetime"],
                           "end_datetime": body["end_datetime"]}).ok(201)
    world.expect(r'"event":"worker_exit"')
    with world.commits_wait(), concurrent.futures.ThreadPoolExecutor(1) as threads:
        asked = threads.submit(me.book, body, headers=key)
        until(lambda: world.root_sql("select pid from pg_stat_activity where wait_event = 'SyncRep'"
                                     " and application_name = 'booking-api'"), "the commit")
        for worker in world.workers():
            os.kill(worker, signal.SIGKILL)
        lost = asked.result()
    lost.problem(503, "service_unavailable")
    until(lambda: world.one("select count(*) from bookings.bookings where customer_id = %s", me.sub),
          "the booking of the killed worker")
    again = until(lambda: (lambda a: a if a.status == 201 else None)(me.book(body, headers=key)),
                  "workers again")
    assert replayed(again), "it was done a second time"
    assert world.one("select count(*) from bookings.bookings where customer_id = %s", me.sub) == 1
    assert me.read(again["booking_id"]).ok()["children"] == [body["child_info"]]


def test_a_stored_answer_is_not_readable(world):
    me = world.customer()
    key = keyed()
    made = me.book(world.booking(), headers=key).ok(201)
    stored = bytes(world.one("select answer from bookings.idempotency_keys where key = %s",
                             key["Idempotency-Key"]))
    assert made["reference_number"].encode() not in stored
    assert made["manage_url"].encode()[-40:] not in stored


@pytest.mark.parametrize("key", ["", '""', '"open', 'a b', 'a"b', "x" * 256, '"' + "x" * 256 + '"',
                                 '"bad\\escape"', "caf\u00e9", '"a" "b"', "a,b", '"a", "b"'])
def test_a_key_that_is_none_is_refused(world, key):
    before = world.counts()
    answer = world.customer().book(world.booking(), headers={"Idempotency-Key": key.encode()})
    answer.blames("Idempotency-Key", "format", 400, "bad_request")
    assert world.counts() == before


@pytest.mark.parametrize("key", ["x" * 255, "a", '"with space, and \\"quotes\\" and \\\\"', "!#$%&'()*+-./:;<=>?@[]^_`{|}~"])
def test_any_printable_key_will_do(world, key):
    me = world.customer()
    body = world.booking()
    first = me.book(body, headers={"Idempotency-Key": key}).ok(201)
    again = me.book(body, headers={"Idempotency-Key": key}).ok(201)
    assert replayed(again) and again.body == first.body


def test_reads_take_no_notice_of_a_key(world):
    me = world.customer()
    assert not replayed(me.get("/api/v1/bookings", headers=keyed()).ok())
