"""The installed programs, started the way their units say (driver.py), beside a
real Postgres, Redis, nginx and Stripe's sandbox: they serve, reload, stop in time,
need the secrets that their units give them, and make no call that these forbid."""

import json
import os
import pathlib
import re
import shutil
import signal

import pytest

import seats
from driver import Service, listen
from fcgi_client import FcgiClient, ask, request_pairs
from live import V1, children, day_in, until
from shop import WORK, Shop
from units import TOPICS

SECRETS = ("JWT_SECRET", "SESSION_SECRET", "LOOKUP_SECRET", "ENCRYPTION_KEYS",
           "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRETS")
# In the environment of an instance, and no operator's to set.
OWN = ("DATABASE_URL", "DATABASE_ADMIN_URL", "EVENTS_FILE", "API_SOCKET", *SECRETS)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """An instance without a pool of its own."""
    shop = Shop(tmp_path_factory.mktemp("shop"), watch=False, HOLDS_MAX=1000000,
                API_WORKERS=3)
    try:
        shop.start()
        shop.ctl("api", "stop", shop.dir)
        shop.place = shop.franchise(100)
        yield shop
    finally:
        shop.reset()


@pytest.fixture
def make(shop, image, folder):
    """make("api", without=...): the unit's program, not yet started."""
    made, listeners = [], []
    user = shop.ctl("user", shop.dir)

    def credentials():
        url = shop.env["DATABASE_URL"]
        return {**{name: shop.env[name] for name in SECRETS}, "DATABASE_URL.api": url,
                "DATABASE_URL.relay": url.replace("booking_api@", "booking_relay@")}

    def one(who, without=(), wrapper=(), **settings):
        own = folder / f"{who}-{len(made)}"
        own.mkdir()
        unit, listener = image.relay(who) if who in TOPICS else image.api, None
        if who == "api":
            path = shop.home / "run" / "api.sock"
            path.unlink(missing_ok=True)
            listener = listen(image.unit("booking-api.socket"), path)
            if os.geteuid() == 0:
                shutil.chown(path, user)
            listeners.append(listener)
        environment = {n: v for n, v in shop.env.items() if n not in OWN}
        given = {n: v for n, v in credentials().items() if n not in without}
        made.append(Service(image, unit, own, {**environment, **settings}, given,
                            user, listener, wrapper))
        return made[-1]
    yield one
    for service in made:
        service.kill()
    for listener in listeners:
        listener.close()


def events_of(service):
    path = service.folder / "state/customer-booking/events.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


# ---- as a unit starts it -------------------------------------------------------------

def test_the_pool_serves_reloads_and_stops_as_its_unit_says(shop, make):
    pool = make("api").start().ready()
    path = shop.home / "run" / "api.sock"
    assert ask(path, uri="/health/ready").status == 200
    # nginx finds it where it looks, and a booking is made of what it was given.
    made = shop.book(shop.token(), shop.place, day_in(10), 9, 10)
    assert made["payment_url"].startswith(shop.sandbox.url)

    before = children(pool.pid)
    assert len(before) == 3
    pool.signal(signal.SIGHUP)
    pool.told.wait("RELOADING", 20)
    pool.told.wait("READY", 60)
    assert not set(before) & set(children(pool.pid))
    assert ask(path, uri="/health/ready").status == 200

    with FcgiClient(path) as client:
        client.begin()
        client.params(request_pairs("POST", f"{V1}/bookings", 10))
        client.body(b"01234", end=False)
        until(lambda: len(busy(shop, pool)) == 1, "a busy worker")
        pool.signal(signal.SIGTERM)
        pool.told.wait("STOPPING", 20)
        client.body(b"56789")
        assert client.answer().status == 401
    assert pool.process.wait(int(pool.unit.one("TimeoutStopSec"))) == 0
    # The socket is systemd's: it stays, and who comes waits in it.
    assert path.is_socket()
    with FcgiClient(path) as client:
        client.begin()
        client.params(request_pairs("GET", "/health/ready"))
        client.body(b"")


def busy(shop, pool):
    return seats.busy((shop.home / "run" / "shared").read_bytes(), children(pool.pid))


def test_each_shows_life_as_often_as_its_watchdog_wants(make):
    for who in ("api", "events"):
        service = make(who)
        # Two seconds instead of minutes: it is told by the same variable.
        service.env["WATCHDOG_USEC"] = "2000000"
        service.start().ready()
        for _ in range(3):
            service.told.wait("WATCHDOG", 2)
        assert service.stop() == 0


def test_the_relay_of_events_delivers_and_stops_as_its_unit_says(shop, make):
    pool = make("api").start().ready()
    relay = make("events").start().ready()
    made = shop.book(shop.token(), shop.place, day_in(11), 9, 10)
    until(lambda: [e for e in events_of(relay)
                   if e["data"]["booking_id"] == made["booking_id"]], "its event")
    file = relay.folder / "state/customer-booking/events.jsonl"
    assert file.stat().st_mode & 0o777 == 0o600
    relay.signal(signal.SIGTERM)
    relay.told.wait("STOPPING", 20)
    assert relay.process.wait(int(relay.unit.one("TimeoutStopSec"))) == 0
    assert pool.stop() == 0


def test_every_unit_starts_with_what_it_is_given_and_not_without(make):
    """And says which secret it lacks: none of those is given in vain."""
    needed = {"api": ("JWT_SECRET", "SESSION_SECRET", "LOOKUP_SECRET", "ENCRYPTION_KEYS"),
              "events": ("ENCRYPTION_KEYS",),
              "payments": ("ENCRYPTION_KEYS", "SESSION_SECRET", "STRIPE_SECRET_KEY"),
              "documents": ("ENCRYPTION_KEYS", "SESSION_SECRET"),
              "bookings": ("ENCRYPTION_KEYS", "SESSION_SECRET")}
    for who, names in needed.items():
        assert make(who).start().ready().stop() == 0, who
        for name in names:
            status, sentence = make(who, without=(name,)).start().refused()
            assert status == 78 and name in sentence, (who, sentence)


def test_no_secret_is_in_an_environment(shop, make):
    for who in ("api", "payments"):
        service = make(who).start().ready()
        environment = pathlib.Path(f"/proc/{service.pid}/environ").read_text()
        for name in SECRETS:
            assert shop.env[name] not in environment, (who, name)
        assert service.stop() == 0


# ---- under its filter ------------------------------------------------------------------

# Allowed by name, refused by what they ask for: MemoryDenyWriteExecute=,
# RestrictNamespaces=, RestrictSUIDSGID=.
FORBIDDEN = [
    (r"(mmap|mprotect|pkey_mprotect)\(.*PROT_WRITE\|PROT_EXEC", "memory to write and run"),
    (r"(mprotect|pkey_mprotect)\(.*PROT_EXEC", "memory made to run"),
    (r"shmat\(.*SHM_EXEC", "memory made to run"),
    (r"(clone3?|unshare|setns)\(.*CLONE_NEW", "a namespace"),
    (r"(f?chmod|fchmodat|mkdir|mkdirat|mknod|creat|open|openat)\(.*[ ,]0[2-7][0-7]{3}\b",
     "a set-id bit"),
]
# The C library asks for the host's addresses when it looks a name up; refused, it
# does without (tests/boot looks names up under the units' own rules).
ASKED_IN_VAIN = {"AF_NETLINK"}


class Trace:
    """What a program and its children have called, by strace."""

    def __init__(self, folder, program):
        self.folder, self.program = folder, program
        folder.mkdir()
        folder.chmod(0o777)

    @property
    def wrapper(self):
        return ("strace", "-ff", "-qq", "-s", "0", "-o", self.folder / "of")

    def lines(self):
        """From the moment each has become the program."""
        for path in sorted(self.folder.iterdir()):
            text = path.read_text(errors="replace")
            began = re.search(rf'(?m)^execve\("[^"]*{self.program}".* = 0$', text)
            # A child has no such line: it is the program from its fork on.
            yield from text[began.start() if began else 0:].splitlines()

    def calls(self):
        """{name: a line of it}."""
        found = {}
        for line in self.lines():
            name = re.match(r"(\w+)\(", line)
            if name:
                found.setdefault(name[1], line)
        return found


def hold_to(unit, trace):
    """No call is outside of what the unit lets through; the calls that were seen."""
    seen, allowed = trace.calls(), unit.calls()
    outside = {name: line for name, line in seen.items() if name not in allowed}
    assert not outside, f"{unit.name} forbids {outside}"
    families = set(unit.words("RestrictAddressFamilies")) | ASKED_IN_VAIN
    for line in trace.lines():
        for pattern, what in FORBIDDEN:
            assert not re.match(pattern, line), f"{unit.name} forbids {what}: {line}"
        family = re.match(r"socket(?:pair)?\((AF_\w+)", line)
        assert not family or family[1] in families, f"{unit.name} forbids {line}"
    print(f"{unit.name}: {len(seen)} calls of {len(allowed)}:", *sorted(seen))
    return set(seen)


def life(shop):
    """The main job: a booking made, read, paid, shown as a QR code, cancelled, paid
    back; one that is changed and lapses."""
    token = shop.token()
    made = shop.book(token, shop.place, day_in(20), 9, 17)
    shop.pay(made["payment_url"])
    shop.wait_until(token, made, status="confirmed")
    qr = shop.get(f"{V1}/bookings/{made['booking_id']}/qr", token)
    assert qr.status == 200 and qr.raw[:4] == b"\x89PNG"
    assert shop.get(f"{V1}/availability/{shop.place}?date={day_in(20)}").status == 200
    assert shop.cancel(token, made)["status"] == "cancelled"
    shop.hurry(*WORK)
    shop.wait_until(token, made, payment_status="refunded")
    lapsed = shop.book(token, shop.place, day_in(21), 9, 10)
    changed = shop.change(token, lapsed, customer_info={"name": "Jim Doe"})
    assert changed.status == 200, changed
    shop.lapse(lapsed)
    shop.sql("update bookings.outbox set due_at = now() where topic = 'bookings'"
             " and booking_id = %s", lapsed["booking_id"])
    shop.wait_until(token, lapsed, status="expired")
    until(lambda: shop.told(lapsed, "BookingExpired") == (1,), "the event of its end")
    return made


def test_pool_and_relays_call_nothing_that_their_units_forbid(shop, make, folder):
    """All of it under strace: start, work, reload, a worker's death, stop."""
    traces, running = {}, {}
    (shop.home / "run" / "shared").unlink()  # made anew by whoever is first
    for who in ("api", *TOPICS):
        program = "booking-api" if who == "api" else "booking-relay"
        traces[who] = Trace(folder / f"trace-{who}", program)
        running[who] = make(who, wrapper=traces[who].wrapper).start()
    for service in running.values():
        service.ready()
    made = life(shop)
    until(lambda: {"BookingCreated", "PaymentProcessed", "RefundProcessed"} <= {
        e["event_type"] for e in events_of(running["events"])
        if e["data"]["booking_id"] == made["booking_id"]}, "its events")

    pool = running["api"]
    os.kill(children(pool.pid)[0], signal.SIGKILL)
    until(lambda: len(children(pool.pid)) == 3, "a new worker")
    pool.signal(signal.SIGHUP)
    pool.told.wait("RELOADING", 30)
    pool.told.wait("READY", 60)
    shop.healthy()
    for who, service in running.items():
        assert service.stop() == 0, who

    seen = {who: hold_to(running[who].unit, trace) for who, trace in traces.items()}
    # The work was seen, not only the start.
    assert {"accept4", "epoll_wait", "execve", "kill", "signalfd4", "prctl"} <= seen["api"]
    assert {"fdatasync", "flock", "writev", "sendto"} <= seen["events"]
    assert {"connect", "recvfrom", "getsockopt"} <= seen["payments"] & seen["api"]
    assert {"fchmod", "ftruncate", "rename"} <= set.union(*seen.values())
    assert "ptrace" not in running["api"].unit.calls()


def test_a_call_outside_of_the_filter_would_be_noticed(image, tmp_path):
    trace = Trace(tmp_path / "trace", "true")
    (trace.folder / "of.1").write_text(
        'execve("/bin/sh", [], 0) = 0\nsetuid(0) = 0\nexecve("/bin/true", [], 0) = 0\n'
        "read(3, \"\"..., 832) = 832\n")
    hold_to(image.api, trace)  # what a shell did before is not the program's
    for line, what in [
            ("setuid(0) = 0", "setuid"), ("ptrace(PTRACE_TRACEME) = 0", "ptrace"),
            ("mprotect(0x7f, 4096, PROT_READ|PROT_EXEC) = 0", "memory made to run"),
            ("mmap(NULL, 1, PROT_READ|PROT_WRITE|PROT_EXEC, MAP_PRIVATE, 3, 0) = 1", "memory"),
            ("socket(AF_PACKET, SOCK_RAW, 0) = 3", "AF_PACKET"),
            ("fchmod(3, 04755) = 0", "set-id"), ("unshare(CLONE_NEWUSER) = 0", "a namespace")]:
        (trace.folder / "of.2").write_text(line + "\n")
        with pytest.raises(AssertionError, match=what):
            hold_to(image.api, trace)
