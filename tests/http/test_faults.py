"""test_faults.py: Redis and Postgres stop, hang and die under load, workers
are killed and replaced.  Every answer is right or a clean 503 that says when
to come back; afterwards nothing is lost, nothing is doubled, nothing is stale."""

import os
import pathlib
import signal
import subprocess
import sys
import threading
import uuid

import psycopg2
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from live import (Client, Live, Load, Request, V1, alive, children,  # noqa: E402
                  booking_body, day_in, until)

PLACES = 5000
REDIS_MS = 1000  # long enough to catch a worker that waits for Redis


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    live = Live(tmp_path_factory.mktemp("faults"), REDIS_TIMEOUT_MS=REDIS_MS,
                API_WORKERS=4)
    try:
        yield live.start()
    finally:
        live.reset()


@pytest.fixture
def live(shared):
    for name in ("pg", "redis", "api"):  # whatever the last test left
        shared.ctl(name, "start", shared.dir)
    shared.healthy()
    yield shared
    shared.balanced()


def clean(answer):
    """A refusal that says when to come back."""
    return (answer.status == 503 and int(answer.headers["Retry-After"]) >= 1
            and answer.headers["Content-Type"] == "application/problem+json"
            and "code" in answer.body)


class Crowd:
    """Books and reads one hour of one franchise.  A reader knows how many
    bookings were finished before it asked and how many had begun when it was
    answered: what it sees lies between, or it saw something stale."""

    def __init__(self, live, keys=False):
        self.live, self.keys = live, keys
        self.franchise, self.day = live.franchise(PLACES), day_in(20)
        self.read = Request(
            "GET", f"{V1}/availability/{self.franchise}?date={self.day}")
        self.lock = threading.Lock()
        self.begun = self.finished = self.reads = 0
        self.stale, self.customers, self.made = [], [], {}

    def request(self):
        customer = str(uuid.uuid4())
        headers = {"Idempotency_Key": customer} if self.keys else {}
        with self.lock:
            self.customers.append(customer)
        request = Request(
            "POST", f"{V1}/bookings", self.live.token(customer),
            booking_body(self.franchise, self.day, 12, 13), **headers)
        request.customer = customer
        return request

    def write(self, client):
        request = self.request()
        with self.lock:
            self.begun += 1
        answer = client.ask(request)
        with self.lock:
            if answer.status == 201:
                self.finished += 1
                self.made[request.customer] = answer.body["booking_id"]
        return request, answer

    def look(self, client):
        with self.lock:
            finished = self.finished
        answer = client.ask(self.read)
        with self.lock:
            begun = self.begun
        if answer.status == 200:
            free = self.free(answer)
            self.reads += 1
            if not PLACES - begun <= free <= PLACES - finished:
                self.stale.append((PLACES - begun, free, PLACES - finished))
        return self.read, answer

    @staticmethod
    def free(answer):
        return next(s["available_capacity"]
                    for s in answer.body["available_slots"]
                    if s["start_time"] == "12:00")

    def load(self, writers=3, readers=3):
        return Load(self.live, [self.write] * writers + [self.look] * readers)

    def check(self):
        """Nothing lost, nothing doubled, nothing stale."""
        live = self.live
        rows = live.sql("select customer_id::text, id::text from "
                        "bookings.bookings where franchise_id = %s",
                        self.franchise)
        assert len(rows) == len(dict(rows)), "a booking was doubled"
        there = dict(rows)
        for customer, booking in self.made.items():
            assert there.get(customer) == booking, "a booking was lost"
        assert self.stale == []
        assert live.booked(self.franchise).get((self.day, 12), 0) == len(rows)
        seen = live.ask("GET", self.read.path)
        assert self.free(seen) == PLACES - len(rows)
        return there


def hits(live):
    """Availability answered from the cache alone."""
    return [e for e in live.events("request") if e["pg_trips"] == 0
            and e["redis_trips"] == 1 and e["status"] == 200
            and "availability" in e["route"]]


def cached_again(live, crowd):
    def hit():
        before = len(hits(live))
        live.ask("GET", crowd.read.path)
        return len(hits(live)) > before
    until(hit, "an answer from the cache")
    crowd.check()


# ---- Redis ------------------------------------------------------------------

def test_a_redis_that_hangs_or_dies_changes_no_answer(live):
    crowd = Crowd(live)
    with crowd.load() as load:
        load.more(60)
        redis = live.pid("redis")
        os.kill(redis, signal.SIGSTOP)
        load.more(120)
        os.kill(redis, signal.SIGCONT)
        load.more(60)
        live.ctl("redis", "kill", live.dir)
        load.more(120)
        live.ctl("redis", "start", live.dir)
        load.more(60)
    assert load.others(200, 201) == []
    assert max(a.seconds for _, a in load.done) < 5
    assert crowd.reads > 60
    cached_again(live, crowd)


def test_a_redis_that_hung_through_a_booking_does_not_serve_the_old_value(live):
    crowd, others, client = Crowd(live), Crowd(live), Client(live)
    for _ in range(2):
        cached_again(live, crowd)
        redis = live.pid("redis")
        os.kill(redis, signal.SIGSTOP)
        try:
            # Each worker waits for Redis once, and leaves it alone then: of
            # the booking after these Redis is not even told.
            held = live.at_once([others.request() for _ in range(8)])
            assert {a.status for a in held} == {201}
            _, answer = crowd.write(client)
            assert answer.status == 201
            assert crowd.look(client)[1].status == 200
        finally:
            os.kill(redis, signal.SIGCONT)
        # By whichever worker, at once and after it was mended.
        for _ in range(12):
            assert crowd.look(client)[1].status == 200
    cached_again(live, crowd)
    client.close()


def elsewhere(live, folder, *words):
    """bookingctl franchise, where it does not see the pool's memory: as on another host."""
    return subprocess.Popen(
        [live.home / "app/bin/bookingctl", "franchise", *words], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], **live.env, "RUNTIME_DIR": str(folder)})


def reprice(live, house, rate, folder):
    return elsewhere(live, folder, "set", house, "--standard-rate", rate, "--peak-rate", rate)


def test_an_operators_change_is_not_hidden_behind_a_redis_that_hung(live, tmp_path):
    house, day = live.franchise(5), day_in(9)

    def rates():
        told = (live.get(f"{V1}/franchises/{house}"),
                live.get(f"{V1}/availability/{house}?date={day}"))
        return {answer.body["pricing"]["standard_rate"] for answer in told}

    assert rates() == {15}
    os.kill(live.pid("redis"), signal.SIGSTOP)
    try:
        ctl = reprice(live, house, "30", tmp_path)
        _, told = ctl.communicate(timeout=60)
        assert ctl.returncode == 69 and "the change is made" in told and "once more" in told, told
        assert live.one("select standard_rate from franchises.franchises where id = %s", house) == 30
        # The next one comes while it hangs, and waits for it.
        ctl = reprice(live, house, "45", tmp_path)
        until(lambda: live.one("select standard_rate from franchises.franchises where id = %s",
                               house) == 45, "the change")
    finally:
        os.kill(live.pid("redis"), signal.SIGCONT)
    _, told = ctl.communicate(timeout=60)
    assert ctl.returncode == 0, told
    until(lambda: rates() == {45}, "the new price")


def test_a_day_that_was_closed_while_redis_hung_is_closed_when_it_is_closed_once_more(
        live, tmp_path):
    house, day = live.franchise(5), day_in(9)

    def hours():
        return live.get(f"{V1}/availability/{house}?date={day}").body["operating_hours"]

    assert hours()
    os.kill(live.pid("redis"), signal.SIGSTOP)
    try:
        ctl = elsewhere(live, tmp_path, "close-day", house, str(day))
        _, told = ctl.communicate(timeout=60)
        assert ctl.returncode == 69 and "the change is made" in told and "once more" in told, told
    finally:
        os.kill(live.pid("redis"), signal.SIGCONT)
    ctl = elsewhere(live, tmp_path, "close-day", house, str(day))
    _, told = ctl.communicate(timeout=60)
    assert ctl.returncode == 0, told
    until(lambda: not hours(), "a closed day")


def test_a_franchise_that_is_added_while_redis_hangs_is_not_asked_for_again(live, tmp_path):
    # Nothing was known of it, so nothing old can be told; a second try would be a second one.
    os.kill(live.pid("redis"), signal.SIGSTOP)
    try:
        ctl = elsewhere(live, tmp_path, "add", "--name", "Hung", "--address", "1 Main Street",
                        "--city", "Springfield", "--postal-code", "12345", "--timezone",
                        "America/New_York", "--capacity", "5", "--standard-rate", "15",
                        "--open", "08:00", "--close", "18:00")
        shown, told = ctl.communicate(timeout=60)
    finally:
        os.kill(live.pid("redis"), signal.SIGCONT)
    assert ctl.returncode == 0 and "once more" not in told, told
    house = live.one("select id::text from franchises.franchises where name = 'Hung'")
    assert house in shown


def test_a_flushed_redis_changes_no_answer(live):
    crowd = Crowd(live)
    with crowd.load() as load:
        for _ in range(5):
            load.more(30)
            live.redis("FLUSHALL")
    assert load.others(200, 201) == []
    cached_again(live, crowd)


# ---- Postgres ---------------------------------------------------------------

@pytest.mark.parametrize("mode", ["fast", "immediate"])
@pytest.mark.parametrize("keys", [True, False], ids=["keys", "no-keys"])
def test_a_postgres_restarted_under_load_loses_and_doubles_nothing(live, mode,
                                                                  keys):
    crowd = Crowd(live, keys)
    with crowd.load() as load:
        load.more(60)
        for _ in range(2):
            live.ctl("pg", "restart", live.dir, mode)
            load.more(60)
        until(lambda: len(load.answered(201)) > 20, "bookings")
    assert load.lost() == []
    bad = load.others(200, 201)
    assert all(clean(a) for a in bad), [a for a in bad if not clean(a)]
    until(lambda: live.get("/health").status == 200, "a healthy instance")
    there = crowd.check()

    for request, answer in load.answered(503):
        if request.method != "POST":
            continue
        customer = request.customer
        if answer.code != "outcome_unknown":
            assert customer not in there, answer
        if not keys:
            continue
        again = live.again(request)
        assert again.status == 201
        # What was done is told, not done again.
        assert bool(again.headers["Idempotency-Replayed"]) == (
            customer in there)
        crowd.made[customer] = again.body["booking_id"]
    if keys:
        assert len(crowd.check()) == len(crowd.customers)


# ---- workers ----------------------------------------------------------------

def test_settings_that_somebody_gave_the_role_change_nothing(live):
    """A role may set its own defaults, so whoever had it for a moment may."""
    house, day = live.franchise(5), day_in(21)
    with psycopg2.connect(live.env["DATABASE_URL"]) as stolen:
        with stolen.cursor() as cursor:
            for setting in ("default_transaction_read_only = on", "datestyle = 'German, DMY'",
                            "default_transaction_isolation = 'serializable'",
                            "bytea_output = 'escape'", "timezone = 'Asia/Tokyo'",
                            "search_path = 'public'", "intervalstyle = 'iso_8601'",
                            "idle_session_timeout = '1ms'", "statement_timeout = '1ms'"):
                cursor.execute(f"alter role current_user set {setting}")
    stolen.close()
    try:
        live.ctl("api", "restart", live.dir)
        live.healthy()
        token = live.token()
        made = live.book(token, house, day, 9, 10)
        assert live.get(f"{V1}/bookings/{made['booking_id']}", token).body["start_datetime"] == \
            made["start_datetime"]
        gone = live.ask("DELETE", f"{V1}/bookings/{made['booking_id']}", token)
        assert gone.status == 200, gone
    finally:
        with live.cursor() as cursor:
            cursor.execute("alter role booking_api reset all")
        live.ctl("api", "restart", live.dir)
        live.healthy()


def test_a_worker_killed_between_commit_and_answer_has_made_its_booking(live):
    crowd, reader = Crowd(live, keys=True), Client(live)
    until(lambda: crowd.look(reader) and hits(live), "a cached value")
    redis, client, workers = live.pid("redis"), Client(live), live.workers()
    client.connect()
    os.kill(redis, signal.SIGSTOP)
    try:
        # It commits, and then waits for Redis to forget the old value; no
        # longer than REDIS_MS, so that all that takes time is done before.
        request = crowd.request()
        with live.cursor() as cursor:
            def committed():
                cursor.execute("select from bookings.bookings where "
                               "customer_id = %s", [request.customer])
                return cursor.rowcount
            client.send(request)
            until(committed, "a commit")
            (worker,) = live.busy(workers)
            os.kill(worker, signal.SIGKILL)
        answer = client.receive()
    finally:
        os.kill(redis, signal.SIGCONT)
    assert clean(answer)
    until(lambda: not alive(worker) and len(live.workers()) == 4, "another")

    # Nor is the old value served that it did not live to see forgotten.
    crowd.begun = crowd.finished = 1
    for _ in range(8):
        assert crowd.look(reader)[1].status == 200
    (there,) = crowd.check().values()
    again = live.again(request)
    assert again.status == 201
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.body["booking_id"] == there
    cached_again(live, crowd)
    client.close()
    reader.close()


def test_killed_workers_take_nothing_but_their_own_requests_along(live):
    crowd = Crowd(live, keys=True)
    killed = []
    with crowd.load() as load:
        load.more(40)
        for _ in range(6):
            busy = until(live.busy, "a busy worker")
            os.kill(busy[0], signal.SIGKILL)
            killed.append(busy[0])
            until(lambda: not alive(busy[0]), "its end")
            load.more(30)
        until(lambda: len(live.workers()) == 4, "four workers")
    bad = load.others(200, 201)
    assert len(bad) <= len(killed)
    assert load.lost() == [] and all(clean(a) for a in bad)
    assert not set(killed) & set(live.workers())
    for request, _ in load.answered(503):
        if request.method == "POST":
            again = live.again(request)
            assert again.status == 201
            crowd.made[request.customer] = again.body["booking_id"]
    assert len(crowd.check()) == len(crowd.customers)


def test_rolling_restarts_under_load_fail_no_request(live):
    crowd = Crowd(live)
    with crowd.load() as load:
        for _ in range(2):
            load.more(40)
            before = set(live.workers())
            pool = live.pid("api")  # it stays the same across its re-exec
            live.ctl("api", "reload", live.dir)
            until(lambda: len(children(pool)) == 4
                  and not before & set(children(pool)), "new workers")
        load.more(40)
    assert load.others(200, 201) == []
    assert len(load.done) >= 120
    crowd.check()


def test_a_stop_under_load_finishes_what_is_in_hand(live):
    crowd, held = Crowd(live), Crowd(live)
    client, pid = Client(live), live.pid("api")
    assert held.write(client)[1].status == 201  # there is a ledger row
    stops = len(live.events("pool_stop"))
    with crowd.load() as load:
        load.more(60)
        with live.cursor() as cursor:
            # One booking is in the middle of its transaction.
            cursor.execute("select from franchises.slot_ledger where "
                           "franchise_id = %s for update", [held.franchise])
            cursor.execute("select pg_backend_pid()")
            (mine,), = cursor.fetchall()
            client.send(held.request())
            # For us: those of the crowd wait for each other all the time.
            until(lambda: live.one(
                "select count(*) from pg_stat_activity where %s = "
                "any(pg_blocking_pids(pid))", mine), "a wait")
            os.kill(pid, signal.SIGTERM)
            until(lambda: len(live.events("pool_stop")) > stops, "pool_stop")
        assert client.receive().status == 201
        until(lambda: not alive(pid), "the end of the pool")
        load.more(20)
    assert load.lost() == []
    bad = load.others(200, 201)
    assert bad and all(clean(a) for a in bad)
    assert not live.events("worker_killed")
    live.ctl("api", "start", live.dir)
    # Whatever was committed was also answered.
    assert set(crowd.check()) == set(crowd.made)
    client.close()
