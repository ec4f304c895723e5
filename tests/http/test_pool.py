"""test_pool.py: the supervisor and its workers, spoken to as nginx does.

Needs no Postgres: a pool without one serves all the same.  BOOKING_API names
the program (default: booking-api in BUILD)."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import seats  # noqa: E402
from fcgi_client import (ABORT, PARAMS, FcgiClient, ask,  # noqa: E402
                         request_pairs)

BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build"))
PROGRAM = os.environ.get("BOOKING_API", str(BUILD / "booking-api"))
HANG_MS = 3000  # where that is what is tested


def until(holds, what, seconds=60):
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(0.01)


def let_pass(seconds):
    """Only for what must not happen meanwhile."""
    time.sleep(seconds)


class Pool:
    def __init__(self, folder, program=PROGRAM, workers=3, listener=None,
                 **env):
        self.folder = folder
        self.socket = folder / "api.sock"
        self.log_path = folder / "log"
        self.env = {
            "PATH": os.environ["PATH"],
            # Nobody is there; what a pool does does not depend on it.
            "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
            "REDIS_URL": "redis://127.0.0.1:1/0",
            "PUBLIC_URL": "https://booking.example.com",
            "JWT_SECRET": "a" * 32, "SESSION_SECRET": "b" * 32,
            "LOOKUP_SECRET": "c" * 32,
            "ENCRYPTION_KEYS": "1:" + "A" * 43,
            "RUNTIME_DIR": str(folder), "API_SOCKET": str(self.socket),
            # A worker whom a busy machine keeps waiting must not look hung.
            "API_HANG_MS": "60000", "REQUEST_DEADLINE_MS": "1000",
            "DB_STATEMENT_TIMEOUT_MS": "500", "DB_LOCK_TIMEOUT_MS": "200",
            "LOG_LEVEL": "debug",
        }
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]
        self.env.update(env)
        self.argv = [str(program), "--workers", str(workers)]
        self.listener = listener
        self.process = None

    def start(self):
        """Start, without waiting for anything."""
        argv, fds, put = self.argv, (), None
        if self.listener is not None:
            argv = ["/bin/sh", "-c",
                    'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"', "sh"] + argv
            fds = (3,)

            def put():
                os.dup2(self.listener.fileno(), 3)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                argv, env=self.env, stderr=log, stdin=subprocess.DEVNULL,
                pass_fds=fds, preexec_fn=put)
        return self

    def up(self):
        self.start()
        until(lambda: self.events("pool_ready") or self.process.poll()
              is not None, "pool_ready")
        assert self.process.poll() is None, self.log()
        return self

    def log(self):
        return self.log_path.read_text()

    def events(self, event):
        found = []
        for line in self.log().splitlines():
            if line.startswith("{") and line.endswith("}"):
                entry = json.loads(line)
                if entry["event"] == event:
                    found.append(entry)
        return found

    def children(self):
        pid = self.process.pid
        path = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
        return sorted(int(p) for p in path.read_text().split())

    def busy(self):
        """The workers that hold a request."""
        shared = (self.folder / "shared").read_bytes()
        return seats.busy(shared, self.children())

    def signal(self, number):
        self.process.send_signal(number)

    def ends(self, seconds=30):
        return self.process.wait(timeout=seconds)

    def down(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@pytest.fixture
def make(tmp_path):
    made = []

    def one(**options):
        made.append(Pool(tmp_path, **options))
        return made[-1]
    yield one
    for pool in made:
        pool.down()


class Held(FcgiClient):
    """A worker in the middle of a request: half of its body was sent."""

    def __init__(self, pool):
        super().__init__(pool.socket)
        self.begin()
        self.params(request_pairs("POST", "/api/v1/bookings", 10))
        self.body(b"01234", end=False)
        until(pool.busy, "a busy worker")
        (self.worker,) = pool.busy()

    def finish(self):
        self.body(b"56789")
        return self.answer()


def state(pid):
    """A letter of ps(1); Z when it is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return "Z"
    return text.rpartition(")")[2].split()[0]


def alive(pid):
    return state(pid) != "Z"


# ---- requests, good and bad -------------------------------------------------

def test_a_request_is_answered_in_full_and_logged_once_without_its_path(make):
    pool = make().up()
    answer = ask(pool.socket, uri="/health/live")
    assert answer.status == 200 and answer.ended
    assert int(answer.headers["content-length"]) == len(answer.body)

    ask(pool.socket, uri="/api/v1/franchises/canary-in-the-path")
    until(lambda: len(pool.events("request")) == 2, "two lines")
    assert "canary" not in pool.log()
    assert "192.0.2.1" not in pool.log()
    line = pool.events("request")[0]
    for name in ("request_id", "trace_id", "method", "route", "status", "code",
                 "us", "pg_us", "pg_trips", "redis_us", "redis_trips",
                 "bytes"):
        assert name in line
    assert line["method"] == "GET" and line["status"] == 200


def test_a_connection_is_closed_even_when_nginx_asks_to_keep_it(make):
    pool = make().up()
    with FcgiClient(pool.socket) as client:
        client.begin(keep=True)
        client.params(request_pairs("GET", "/health/live"))
        client.body(b"")
        assert client.answer().status == 200  # reads to the end of file


@pytest.mark.parametrize("said,sent,end", [
    (10, b"01234", True), (10, b"", True), (5, b"0123456789", True),
    (10, b"01234", False)])
def test_a_body_of_another_length_is_refused(make, said, sent, end):
    pool = make().up()
    with FcgiClient(pool.socket) as client:
        client.begin()
        client.params(request_pairs("POST", "/api/v1/bookings", said))
        client.body(sent, end=end)
        if not end:
            client.socket.shutdown(socket.SHUT_WR)
        assert client.answer().status == 400


def test_an_aborted_request_does_no_work(make):
    pool = make().up()
    with Held(pool) as client:
        client.record(ABORT)
        client.socket.shutdown(socket.SHUT_WR)
        assert client.answer().status in (None, 400)
    assert ask(pool.socket).status == 200
    assert not [e for e in pool.events("request")
                if e["status"] not in (200, 400)]


def test_params_without_a_method_are_dropped_without_an_answer(make):
    pool = make().up()
    with FcgiClient(pool.socket) as client:
        client.begin()
        client.params([("DOCUMENT_URI", "/health/live")])
        client.body_if_read(b"")
        assert client.answer().status is None
    until(lambda: pool.events("dropped"), "a dropped line")
    assert not pool.events("request")
    assert ask(pool.socket).status == 200


def test_params_that_break_off_are_dropped(make):
    pool = make().up()
    with FcgiClient(pool.socket) as client:
        client.begin()
        client.record(PARAMS, b"\x0e\x03REQUEST_METHODGET"[:9])
        client.socket.shutdown(socket.SHUT_WR)
        assert client.answer().status is None
    assert ask(pool.socket).status == 200
    until(lambda: pool.events("request"), "the line of the good one")
    assert len(pool.events("request")) == 1


@pytest.mark.parametrize("name", [
    "AUTHORIZATION", "X_API_KEY", "IDEMPOTENCY_KEY", "IF_MATCH", "HOST",
    "CONTENT_TYPE", "X_CUSTOMER_ID", "X_REQUEST_ID"])
def test_a_header_that_decides_may_not_come_twice(make, name):
    pool = make().up()
    twice = [("HTTP_" + name, "1"), ("HTTP_" + name, "2")]
    answer = ask(pool.socket, "POST", "/api/v1/bookings", b"{}", twice)
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"


def test_too_many_headers_and_too_long_bodies_have_their_own_answers(make):
    pool = make().up()
    many = [(f"HTTP_X_{i}", "v") for i in range(101)]
    assert ask(pool.socket, headers=many).status == 431
    body = b"x" * (256 * 1024 + 1)
    assert ask(pool.socket, "POST", "/api/v1/bookings", body).status == 413
    body = b"x" * (900 * 1024)
    assert ask(pool.socket, "POST", "/api/v1/bookings", body).status == 413
    assert ask(pool.socket, uri="/a\nb").status == 400
    assert ask(pool.socket, uri="/\udcff").status == 400


def test_params_that_abort_libfcgi_cost_one_worker_and_no_later_request(make):
    pool = make(workers=2).up()
    before = pool.children()
    with FcgiClient(pool.socket) as client:
        client.begin()
        client.record(PARAMS, struct.pack(">II", 0xfffffffe, 0x80000002)
                      + b"x" * 32)
        client.socket.shutdown(socket.SHUT_WR)
        assert client.answer().status is None
    until(lambda: pool.events("worker_exit"), "the death of one worker")
    assert ask(pool.socket).status == 200
    until(lambda: len(pool.children()) == 2, "two workers")
    assert len(set(before) & set(pool.children())) == 1
    assert len(pool.events("worker_exit")) == 1


# ---- workers that die or hang -----------------------------------------------

def test_a_killed_worker_is_replaced_at_once(make):
    pool = make().up()
    victim = pool.children()[0]
    os.kill(victim, signal.SIGKILL)
    until(lambda: len(pool.children()) == 3 and victim not in pool.children(),
          "a new worker", seconds=20)
    assert ask(pool.socket).status == 200
    assert pool.events("worker_exit")[0]["signal"] == "Killed"


def test_a_worker_that_dies_again_and_again_is_held_back(make):
    pool = make(workers=1).up()
    began = time.monotonic()
    for _ in range(5):
        until(pool.children, "a worker")
        victim = pool.children()[0]
        os.kill(victim, signal.SIGKILL)
        until(lambda: victim not in pool.children(), "its end")
    until(pool.children, "a worker")
    # At once, then after 100, 200, 400 and 800 ms.
    assert time.monotonic() - began >= 1.5
    assert ask(pool.socket).status == 200


def test_a_hung_worker_is_killed_and_replaced(make):
    pool = make(API_HANG_MS=str(HANG_MS)).up()
    with Held(pool) as client:
        os.kill(client.worker, signal.SIGSTOP)
        until(lambda: not alive(client.worker), "the end of the hung one")
        assert client.answer().status is None
    until(lambda: len(pool.children()) == 3, "a new worker")
    assert [e["pid"] for e in pool.events("worker_hung")] == [client.worker]
    assert ask(pool.socket).status == 200


def test_a_stopped_idle_worker_is_noticed_too(make):
    pool = make(workers=2, API_HANG_MS=str(HANG_MS)).up()
    victim = pool.children()[0]
    os.kill(victim, signal.SIGSTOP)
    until(lambda: not alive(victim), "its end")
    until(lambda: len(pool.children()) == 2, "a new worker")
    assert ask(pool.socket).status == 200


def test_idle_workers_are_not_taken_for_hung(make):
    pool = make(API_HANG_MS=str(HANG_MS)).up()
    before = pool.children()
    let_pass(2.5 * HANG_MS / 1000)
    assert pool.children() == before
    assert not pool.events("worker_hung")


def test_a_pool_that_was_frozen_as_a_whole_blames_nobody(make):
    pool = make(API_HANG_MS=str(HANG_MS)).up()
    before = pool.children()
    everyone = [pool.process.pid] + before
    for pid in everyone:
        os.kill(pid, signal.SIGSTOP)
    let_pass(1.5 * HANG_MS / 1000)
    # The supervisor first: it must not judge by what it sees now.
    for pid in everyone:
        os.kill(pid, signal.SIGCONT)
        let_pass(0.1)
    assert ask(pool.socket).status == 200
    let_pass(HANG_MS / 1000)
    assert pool.children() == before


def test_workers_do_not_outlive_a_killed_supervisor(make):
    pool = make().up()
    workers = pool.children()
    pool.process.kill()
    pool.process.wait()
    until(lambda: not any(alive(pid) for pid in workers), "their end")


def test_a_worker_is_renewed_after_its_number_of_requests(make):
    pool = make(workers=2, API_WORKER_REQUESTS="100").up()
    before = pool.children()
    for _ in range(400):
        assert ask(pool.socket).status == 200
    until(lambda: set(before) - set(pool.children()), "a renewal")
    until(lambda: len(pool.children()) == 2, "two workers")
    assert all(e["status"] == 0 for e in pool.events("worker_exit"))


# ---- stop --------------------------------------------------------------------

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_finishes_the_request_in_hand(make, number):
    pool = make().up()
    with Held(pool) as client:
        pool.signal(number)
        until(lambda: pool.events("pool_stop"), "pool_stop")
        assert client.finish().status is not None
    assert pool.ends() == 0
    assert not pool.socket.exists()
    assert not pool.events("worker_killed")


def test_a_stop_removes_no_socket_that_is_not_its_own(make):
    pool = make().up()
    os.rename(pool.socket, str(pool.socket) + ".old")
    other = socket.socket(socket.AF_UNIX)
    other.bind(str(pool.socket))
    pool.signal(signal.SIGTERM)
    assert pool.ends() == 0
    assert pool.socket.exists()


# ---- reload ------------------------------------------------------------------

class Load:
    """Clients that ask all the time; what failed is kept."""

    def __init__(self, path, clients=4):
        self.path, self.stop, self.count, self.failed = path, False, 0, []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run)
                        for _ in range(clients)]

    def run(self):
        while not self.stop:
            try:
                status = ask(self.path).status
            except OSError as e:
                status = e
            with self.lock:
                self.count += 1
                if status != 200:
                    self.failed.append(status)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop = True
        for thread in self.threads:
            thread.join()


def test_reloads_under_load_fail_no_request(make, tmp_path):
    program = tmp_path / "booking-api"
    shutil.copy2(PROGRAM, program)
    pool = make(program=program, LOG_LEVEL="info").up()
    with Load(pool.socket) as load:
        until(lambda: load.count > 100, "some requests")
        for n in range(1, 6):
            # A new file under the old name, as an installation does it.
            shutil.copy2(PROGRAM, tmp_path / "new")
            os.rename(tmp_path / "new", program)
            before = pool.children()
            pool.signal(signal.SIGHUP)
            until(lambda: len(pool.events("pool_renewed")) == n, "a renewal")
            assert not set(before) & set(pool.children())
    new = os.stat(program).st_ino
    for pid in [pool.process.pid] + pool.children():
        assert os.stat(f"/proc/{pid}/exe").st_ino == new
    print(f"{load.count} requests, 5 reloads, {len(load.failed)} failed")
    assert load.failed == []
    assert len(pool.children()) == 3
    pool.signal(signal.SIGTERM)
    assert pool.ends() == 0
    assert not pool.socket.exists()


def test_a_successor_serves_before_the_old_one_is_told_to_go(make):
    pool = make(workers=2).up()
    before = pool.children()
    pool.signal(signal.SIGHUP)
    until(lambda: pool.events("pool_renewed"), "a renewal")
    until(lambda: len(pool.events("worker_exit")) == 2, "two ends")
    steps = [(entry["event"], entry["pid"])
             for line in pool.log().splitlines() if line.startswith("{")
             for entry in [json.loads(line)] if entry["event"] in
             ("worker_ready", "worker_leaves", "worker_exit")]
    # In the order of their coming: of two pids the later may be the lower.
    first, second = [pid for event, pid in steps[2:] if event == "worker_ready"]
    assert sorted([first, second]) == pool.children()
    old = [pid for event, pid in steps if event == "worker_leaves"]
    assert sorted(old) == before
    assert steps[2:] == [
        ("worker_ready", first), ("worker_leaves", old[0]),
        ("worker_exit", old[0]),
        ("worker_ready", second), ("worker_leaves", old[1]),
        ("worker_exit", old[1])]


def test_reload_waits_for_the_request_in_hand(make):
    pool = make(workers=1).up()
    with Held(pool) as client:
        pool.signal(signal.SIGHUP)
        # The successor serves while the old one is still busy.
        until(lambda: len(pool.children()) == 2, "a successor")
        assert ask(pool.socket).status == 200
        assert alive(client.worker)
        assert client.finish().status is not None
    until(lambda: pool.events("pool_renewed"), "a renewal")
    assert client.worker not in pool.children()


def test_what_waits_behind_a_slow_request_is_left_for_the_successor(make):
    # 7 s each, as of a database that is slow: a third would not be done within
    # the 20 s that a worker has.
    pool = make(workers=1, REQUEST_DEADLINE_MS="20000").up()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(FcgiClient(pool.socket, 60)) for _ in range(3)]
        for client in clients:
            client.begin()
            client.params(request_pairs("POST", "/api/v1/bookings", 40))
            client.body(b"0123456789", end=False)
        until(pool.busy, "a busy worker")
        pool.signal(signal.SIGHUP)
        until(lambda: pool.events("worker_leaves"), "a worker that is told to go")
        for second in range(1, 22):
            let_pass(1)
            for client in clients[(second - 1) // 7:]:
                client.body(b"x", end=False)
            if second % 7 == 0:
                clients[second // 7 - 1].body(b"x" * (30 - second))
        assert all(client.answer().status for client in clients)
    until(lambda: pool.events("pool_renewed"), "a renewal")
    assert not pool.events("worker_killed")
    assert all(e["status"] == 0 and not e.get("signal") for e in pool.events("worker_exit"))


def test_a_binary_that_refuses_does_not_take_over(make, tmp_path):
    program = tmp_path / "booking-api"
    shutil.copy2(PROGRAM, program)
    pool = make(program=program).up()
    before = pool.children()
    (tmp_path / "new").write_text("#!/bin/sh\nexit 78\n")
    (tmp_path / "new").chmod(0o755)
    os.rename(tmp_path / "new", program)
    pool.signal(signal.SIGHUP)
    until(lambda: pool.events("reload_refused"), "a refusal")
    assert pool.children() == before
    assert ask(pool.socket).status == 200


def test_reloads_on_top_of_each_other_end_well(make):
    pool = make().up()
    before = pool.children()
    for _ in range(5):
        pool.signal(signal.SIGHUP)
        assert ask(pool.socket).status == 200
    until(lambda: pool.events("pool_renewed"), "a renewal")
    until(lambda: len(pool.children()) == 3, "three workers")
    assert not set(before) & set(pool.children())
    assert ask(pool.socket).status == 200


# ---- systemd -----------------------------------------------------------------

class Notified:
    def __init__(self, folder):
        self.path = folder / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.socket.settimeout(20)

    def wait(self, word):
        seen = []
        while word not in seen:
            seen += self.socket.recv(4096).decode().split("\n")
        return seen


def test_systemd_is_told_ready_reloading_stopping_and_life(make, tmp_path):
    systemd = Notified(tmp_path)
    pool = make(NOTIFY_SOCKET=str(systemd.path), WATCHDOG_USEC="400000")
    pool.start()
    systemd.wait("READY=1")
    assert len(pool.children()) == 3
    systemd.wait("WATCHDOG=1")
    pool.signal(signal.SIGHUP)
    systemd.wait("RELOADING=1")
    seen = systemd.wait("READY=1")
    assert "STOPPING=1" not in seen
    systemd.wait("WATCHDOG=1")
    pool.signal(signal.SIGTERM)
    systemd.wait("STOPPING=1")
    assert pool.ends() == 0


def test_an_inherited_socket_queues_across_a_restart_and_stays(make, tmp_path):
    path = tmp_path / "api.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(16)
    first = make(listener=listener).up()
    assert ask(path).status == 200
    first.signal(signal.SIGHUP)
    until(lambda: first.events("pool_renewed"), "a renewal")
    assert ask(path).status == 200
    first.signal(signal.SIGTERM)
    assert first.ends() == 0
    assert path.exists()

    # Who comes between the two waits in the socket.
    with FcgiClient(path) as client:
        client.begin()
        client.params(request_pairs("GET", "/health/live"))
        client.body(b"")
        make(listener=listener).start()
        assert client.answer().status == 200


def queue_of(path, most=100):
    """How many may wait: nobody accepts, and the next is refused at once."""
    waiting = []
    try:
        while len(waiting) < most:
            client = socket.socket(socket.AF_UNIX)
            client.setblocking(False)
            waiting.append(client)
            client.connect(str(path))
    except BlockingIOError:
        waiting.pop().close()
    finally:
        for client in waiting:
            client.close()
    return len(waiting)


@pytest.mark.parametrize("setting,queue", [("5", 5), ("0", 64)])
def test_the_queue_of_an_inherited_socket_is_as_long_as_the_settings_say(
        make, tmp_path, setting, queue):
    path = tmp_path / "api.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(16)
    pool = make(listener=listener, API_BACKLOG=setting).up()
    everyone = [pool.process.pid] + pool.children()
    for pid in everyone:
        os.kill(pid, signal.SIGSTOP)
    try:
        until(lambda: all(state(pid) == "T" for pid in everyone), "a frozen pool")
        # Linux lets one more in than it was told.
        assert queue_of(path) == queue + 1
    finally:
        for pid in everyone:
            os.kill(pid, signal.SIGCONT)

    def serves():
        try:
            return ask(path).status == 200
        except BlockingIOError:  # those who waited are not all taken yet
            return False
    until(serves, "an answer")


# ---- refusals to start -------------------------------------------------------

def refusal(pool):
    pool.start()
    status = pool.ends()
    sentences = [line for line in pool.log().splitlines()
                 if line.startswith("booking-api: ")]
    assert len(sentences) == 1, pool.log()
    return status, sentences[0]


def test_a_bad_setting_is_refused_with_one_sentence(make):
    status, sentence = refusal(make(API_HANG_MS="soon"))
    assert status == 78 and "API_HANG_MS" in sentence


def test_a_socket_in_use_is_left_alone(make):
    first = make().up()
    status, sentence = refusal(make())
    assert status == 69 and "in use" in sentence
    assert ask(first.socket).status == 200


def test_a_stale_socket_is_replaced_and_another_file_is_not(make, tmp_path):
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(tmp_path / "api.sock"))
    stale.close()
    pool = make().up()
    assert ask(pool.socket).status == 200
    assert pool.socket.stat().st_mode & 0o777 == 0o660
    pool.down()

    pool.socket.write_text("precious")
    pool.log_path.unlink()
    status, sentence = refusal(make())
    assert status == 69 and "is no socket" in sentence
    assert pool.socket.read_text() == "precious"


def test_a_descriptor_that_is_no_listener_is_refused(make, tmp_path):
    pair = socket.socketpair()
    status, sentence = refusal(make(listener=pair[0]))
    assert status == 69 and "LISTEN_FDS" in sentence


def test_a_wrong_usage_has_a_status_of_its_own(make):
    for argv in (["--workers", "0"], ["--workers", "256"], ["--what"], ["x"]):
        pool = make()
        pool.argv = [PROGRAM] + argv
        assert pool.start().ends() == 64


def test_a_check_says_yes_and_touches_nothing(make):
    pool = make()
    pool.argv.append("--check")
    assert pool.start().ends() == 0
    assert not pool.socket.exists()
    assert not (pool.folder / "shared").exists()


@pytest.fixture(scope="module")
def postgres():
    """A private Postgres: its URL, and a way to run SQL files in it."""
    with subprocess.Popen(
            [str(ROOT / "tools" / "with-services"), "sh", "-c",
             'echo "$TEST_PG_URL"; read _'],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True) as services:
        url = services.stdout.readline().strip()
        assert url, "no Postgres was started"
        yield url
        services.stdin.close()


def test_postgres_without_our_tables_or_room_stops_the_start(make, postgres):
    status, sentence = refusal(make(DATABASE_URL=postgres))
    assert status == 78 and "does not exist" in sentence

    for step in sorted((ROOT / "sql" / "migrations").glob("*.sql")):
        subprocess.run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", "-f", step,
                        postgres], check=True, stdout=subprocess.DEVNULL)
    pool = make(DATABASE_URL=postgres, workers=200)
    pool.log_path.unlink()
    status, sentence = refusal(pool)
    assert status == 69 and "max_connections 100" in sentence
    assert not pool.socket.exists()

    pool = make(DATABASE_URL=postgres)
    pool.log_path.unlink()
    pool.up()
    assert ask(pool.socket, uri="/health/ready").status == 200
    assert not pool.events("worker_without_database")
