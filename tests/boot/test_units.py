"""The installed units under a real systemd: what starts, what each process may,
and what a client notices when they are deployed, killed and stopped: nothing."""

import itertools
import os
import pathlib
import re
import shutil
import stat
import time

import pytest

import seats
from boot import (FRANCHISE, MEMORY, SOCKET, STRIPE_KEY, WEBHOOK_SECRET,
                  Clients)
from fcgi_client import FcgiClient, request_pairs
from live import day_in, until

EVENTS, BOOKINGS, DOCUMENTS = (f"booking-relay@{topic}.service"
                               for topic in ("events", "bookings", "documents"))
RELAYS = (EVENTS, BOOKINGS, DOCUMENTS)
RUNNING = ("booking-api.service", *RELAYS)
PAYMENTS = "booking-relay@payments.service"
days = itertools.count(7)


def body():
    """A booking of a day that no other test uses."""
    day = day_in(next(days))
    return {"franchise_id": FRANCHISE,
            "start_datetime": f"{day}T09:00:00Z", "end_datetime": f"{day}T17:00:00Z",
            "customer_info": {"name": "John Doe", "email": "john@example.com",
                              "phone": "+1234567890"},
            "child_info": {"name": "Alice Doe", "age": 5}}


def book(product, token):
    status, made = product.ask("POST", "/api/v1/bookings", token, body())
    assert status == 201, made
    return made


def told(product, booking):
    """The types of the events in the file, of one booking."""
    path = product.machine.path("/var/lib/customer-booking/events.jsonl")
    lines = path.read_text().splitlines() if path.exists() else []
    return [re.search(r'"event_type":"(\w+)"', line)[1]
            for line in lines if booking in line]


def up_again(machine, unit, old, seconds=30):
    """Another main process, and it says that it is ready."""
    def new():
        pid = machine.show(unit, "MainPID")
        return pid not in ("0", old) and machine.active(unit) == "active" and pid
    return until(new, f"a new {unit}", seconds)


@pytest.fixture(autouse=True)
def whole(product, machine):
    """Each test begins and ends with all that runs by itself, and no program made
    a call that its unit forbids."""
    def well():
        return all(machine.active(unit) == "active" for unit in RUNNING)
    until(well, "all units", 30)
    since = machine.now()
    yield
    until(well, "all units", 30)
    said = machine.journal(since=since)
    assert "status=31/SYS" not in said and "Bad system call" not in said
    assert machine.active("booking-api.socket") == "active"
    assert product.ask("GET", "/health/ready")[0] == 200


# ---- start -----------------------------------------------------------------

def test_the_target_starts_all_that_has_what_it_needs(product, machine):
    assert machine.active("customer-booking.target") == "active"
    # Without Stripe's key there is nothing to pay with, and that is no failure.
    assert machine.active(PAYMENTS) == "inactive"
    assert machine.show(PAYMENTS, "ConditionResult") == "no"
    failed = machine.must("systemctl", "list-units", "--failed", "--plain", "--no-legend")
    assert failed == ""
    for unit in RUNNING:
        assert machine.show(unit, "NRestarts") == "0"
    status, health = product.ask("GET", "/health")
    assert (status, health["status"], health["database"], health["cache"]) == (
        200, "healthy", "up", "up")


def test_it_starts_at_boot(machine):
    assert machine.show("customer-booking.target", "UnitFileState") == "enabled"
    wanted = machine.must("systemctl", "list-dependencies", "--plain", "multi-user.target")
    assert "customer-booking.target" in wanted


def test_without_postgres_and_redis_all_start_and_wait_for_them(product, machine):
    machine.must("systemctl", "stop", "postgresql.service", "redis-server.service")
    try:
        machine.must("systemctl", "restart", "customer-booking.target")
        until(lambda: all(machine.active(unit) == "active" for unit in RUNNING), "all units", 60)
        assert product.ask("GET", "/health/live")[0] == 200
        assert product.ask("GET", "/health/ready")[0] == 503
    finally:
        machine.must("systemctl", "start", "postgresql.service", "redis-server.service")
    until(lambda: product.ask("GET", "/health")[1]["status"] == "healthy", "health", 60)
    made = book(product, product.ctl("token").strip())
    until(lambda: told(product, made["booking_id"]) == ["BookingCreated"], "its event", 60)
    for unit in RUNNING:
        assert machine.show(unit, "NRestarts") == "0"


def test_postgres_knows_each_unit_by_its_user_and_asks_for_no_password(product):
    def roles():
        return product.sql(
            "select distinct usename || ' ' || application_name from pg_stat_activity"
            " where datname = 'booking' and usename like 'booking%' order by 1").splitlines()
    # A relay whose connection was lost makes another with its next turn.
    wanted = ["booking_api booking-api", "booking_relay booking-relay bookings",
              "booking_relay booking-relay documents", "booking_relay booking-relay events"]
    until(lambda: roles() == wanted, wanted)


def test_nginx_reaches_the_pool_and_other_users_do_not(product, machine):
    machine.must("nginx", "-t")
    machine.must("systemctl", "start", "nginx")
    status, text = product.curl("/health")
    assert status == 200 and '"healthy"' in text
    assert product.curl(f"/api/v1/franchises/{FRANCHISE}")[0] == 200

    made = product.socket.stat()
    assert stat.S_IMODE(made.st_mode) == 0o660 and made.st_uid == 0
    connect = ("import socket; s = socket.socket(socket.AF_UNIX);"
               f" s.connect({SOCKET!r})")
    assert machine.run("python3", "-c", connect, user="www-data").returncode == 0
    for user in ("nobody", "booking_relay"):
        done = machine.run("python3", "-c", connect, user=user)
        assert "PermissionError" in done.stderr, user
    # Nor may pool or relay put another socket in its place.
    for user in ("booking_api", "booking_relay"):
        assert machine.run("rm", "-f", SOCKET, user=user).returncode != 0
        assert machine.run("mv", SOCKET, SOCKET + ".old", user=user).returncode != 0


# ---- what each may ----------------------------------------------------------

def test_every_process_runs_confined(machine):
    uids = {}
    for unit in RUNNING:
        pids = machine.processes(unit)
        assert len(pids) == (5 if unit == "booking-api.service" else 1)
        for pid in pids:
            told = machine.status(pid)
            assert told["Seccomp"] == "2" and int(told["Seccomp_filters"]) >= 5
            assert told["NoNewPrivs"] == "1"
            for kind in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"):
                assert int(told[kind], 16) == 0
            assert told["Umask"] == "0077"
            uids.setdefault(unit, set()).add(told["Uid"])
            # A user namespace, mounts and devices of its own.
            for kind in ("user", "mnt", "ipc", "uts"):
                assert (os.readlink(f"/proc/{pid}/ns/{kind}")
                        != os.readlink(f"/proc/{machine.first}/ns/{kind}")), kind
    assert all(len(users) == 1 for users in uids.values())
    assert uids["booking-api.service"] != uids[EVENTS]
    assert uids[EVENTS] == uids[BOOKINGS] == uids[DOCUMENTS]


def test_no_process_may_write_but_where_it_must(machine):
    """As the unit's user, in the mounts of its process."""
    def writable(unit, user):
        pid = machine.show(unit, "MainPID")
        tried = ["/", "/etc", "/usr/bin", "/var/lib", "/var/lib/customer-booking", "/run",
                 "/run/customer-booking", "/run/customer-booking/memory", "/home", "/root",
                 "/proc/sys/kernel", "/sys/kernel", "/dev"]
        script = "for d; do test -w $d && echo $d; done; true"
        out = machine.must("nsenter", "-t", pid, "-m", "--wd=/", "setpriv",
                           f"--reuid={user}", "--regid=booking", "--clear-groups",
                           "sh", "-c", script, "sh", *tried)
        return out.split()
    memory = "/run/customer-booking/memory"
    assert writable("booking-api.service", "booking_api") == [memory]
    assert writable(BOOKINGS, "booking_relay") == [memory]
    for unit in (EVENTS, DOCUMENTS):
        assert writable(unit, "booking_relay") == ["/var/lib/customer-booking", memory]


def secrets_seen(machine, unit):
    """{name: text} of every credential that the mounts of a unit's process show."""
    pid = machine.show(unit, "MainPID")
    out = machine.must(
        "nsenter", "-t", pid, "-m", "--wd=/", "sh", "-c",
        "for f in $(find /run/credentials -type f); do echo $f $(cat $f); done")
    found = {}
    for line in out.splitlines():
        path, _, text = line.partition(" ")
        # None of another unit, though it may be of the same user.
        assert path.startswith(f"/run/credentials/{unit}/")
        found[path.rpartition("/")[2]] = text
    return found


def test_a_unit_sees_its_own_secrets_and_no_others(product, machine):
    given = {"DATABASE_URL": "", "REDIS_URL": "",
             "ENCRYPTION_KEYS": product.secrets["ENCRYPTION_KEYS"]}
    own = {"SESSION_SECRET": product.secrets["SESSION_SECRET"]}
    aws = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": ""}
    assert secrets_seen(machine, EVENTS) == {**given, **aws}
    assert secrets_seen(machine, BOOKINGS) == {**given, **own}
    assert secrets_seen(machine, DOCUMENTS) == {**given, **own, **aws}
    all_ = secrets_seen(machine, "booking-api.service")
    assert all_ == {**given, **{n: product.secrets[n] for n in
                    ("JWT_SECRET", "SESSION_SECRET", "LOOKUP_SECRET")},
                    "STRIPE_SECRET_KEY": "", "STRIPE_WEBHOOK_SECRETS": ""}


def test_a_secret_may_be_kept_encrypted(product, machine):
    kept = product.secrets["LOOKUP_SECRET"]
    path, unit = f"{product.conf}/credentials/LOOKUP_SECRET", "booking-api.service"
    machine.must("systemd-creds", "encrypt", "--name=LOOKUP_SECRET", path, f"{path}.cred")
    drop_in = f"/etc/systemd/system/{unit}.d/encrypted.conf"
    machine.write(drop_in, f"[Service]\nLoadCredentialEncrypted=LOOKUP_SECRET:{path}.cred\n")
    product.take_away("LOOKUP_SECRET")
    try:
        assert kept not in machine.path(f"{path}.cred").read_text()
        machine.must("systemctl", "daemon-reload")
        machine.must("systemctl", "restart", unit)
        assert secrets_seen(machine, unit)["LOOKUP_SECRET"] == kept
    finally:
        product.give("LOOKUP_SECRET", kept)
        machine.path(drop_in).unlink()
        machine.must("systemctl", "daemon-reload")
        machine.must("systemctl", "restart", unit)


def test_no_secret_stands_in_an_environment_or_a_log(product, machine):
    for unit in RUNNING:
        for pid in machine.processes(unit):
            environment = pathlib.Path(f"/proc/{pid}/environ").read_text()
            assert not [n for n, v in product.secrets.items() if v in environment]
    journal = machine.must("journalctl", "--no-pager", "-o", "export")
    assert not [n for n, v in product.secrets.items() if v in journal]


def test_files_belong_to_whom_they_should(product, machine):
    token = product.ctl("token").strip()
    made = book(product, token)
    until(lambda: told(product, made["booking_id"]), "an event")
    # user, group, mode
    wanted = {
        "/run/customer-booking": "root root 755",
        "/run/customer-booking/memory": "root booking 2770",
        MEMORY: None,
        "/var/lib/customer-booking": "booking_relay booking 711",
        "/var/lib/customer-booking/documents": "booking_relay booking 711",
        "/var/lib/customer-booking/events.jsonl": "booking_relay booking 600",
        f"{product.conf}/credentials": "root root 700",
        f"{product.conf}/credentials/JWT_SECRET": "root root 400",
    }
    for path, mode in wanted.items():
        said = machine.must("stat", "-c", "%U %G %a", path).strip()
        if path == MEMORY:  # whoever came first
            assert re.match(r"booking_(api|relay) booking 660$", said)
        else:
            assert said == mode, path
    for user in ("booking_api", "nobody"):
        for path in ("/var/lib/customer-booking/events.jsonl",
                     f"{product.conf}/credentials/JWT_SECRET"):
            assert machine.run("cat", path, user=user).returncode != 0


def test_pool_relays_and_bookingctl_share_one_memory(product, machine):
    before = machine.path(MEMORY).stat().st_ino
    # bookingctl sees what the pool shares, and does not make it anew.
    assert "the pool's can be seen" in machine.run(
        product.image.program("booking-env"), product.image.program("bookingctl"),
        "doctor").stdout
    for unit in RUNNING:
        pid = machine.main(unit)
        inodes = {line.split()[4] for line in
                  pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines()
                  if line.endswith(MEMORY)}
        assert inodes == {str(before)}, unit
    # A unit that is stopped takes nothing of the others' away.
    machine.must("systemctl", "restart", *RELAYS)
    assert machine.path(MEMORY).stat().st_ino == before


# ---- the main job ------------------------------------------------------------

def test_a_booking_is_paid_told_and_paid_back(product, machine):
    """Everything the programs do, under filters that kill for one call too many."""
    machine.must("systemctl", "start", "stripe-sandbox", "nginx")
    product.give("STRIPE_SECRET_KEY", STRIPE_KEY)
    product.give("STRIPE_WEBHOOK_SECRETS", WEBHOOK_SECRET)
    try:
        machine.must("systemctl", "restart", "customer-booking.target")
        until(lambda: machine.active(PAYMENTS) == "active", "the relay of payments")
        seen = secrets_seen(machine, PAYMENTS)
        assert seen["STRIPE_SECRET_KEY"] == STRIPE_KEY
        assert set(seen) == {"DATABASE_URL", "REDIS_URL", "ENCRYPTION_KEYS",
                             "SESSION_SECRET", "STRIPE_SECRET_KEY"}
        token = product.ctl("token").strip()
        made = book(product, token)
        booking = made["booking_id"]
        session = re.sub(r"[?#].*", "", made["payment_url"].rpartition("/")[2])
        product.sandbox("POST", f"/sessions/{session}",
                        {"action": "pay", "payment_method": "pm_card_visa"})

        def reads(**wanted):
            now = product.ask("GET", f"/api/v1/bookings/{booking}", token)[1]
            return all(now[name] == value for name, value in wanted.items())
        until(lambda: reads(status="confirmed", payment_status="paid"), "a paid booking")
        status, image = product.ask("GET", f"/api/v1/bookings/{booking}/qr", token)
        assert status == 200 and image[:4] == b"\x89PNG"
        # And its picture lies where nginx may fetch it, and nobody else may look.
        url = until(lambda: product.ask("GET", f"/api/v1/bookings/{booking}", token)[1][
            "qr_code_url"], "a picture's address")
        path = "/" + url.split("/", 3)[3]
        status, drawing = product.curl(path.replace(".png", ".svg"))
        assert status == 200 and drawing.startswith("<svg")
        folder = "/var/lib/customer-booking/documents/qr"
        assert machine.run("ls", folder, user="www-data").returncode != 0
        status, ended = product.ask("DELETE", f"/api/v1/bookings/{booking}", token)
        assert status == 200 and ended["status"] == "cancelled"
        # The relay of payments sends the money back.
        until(lambda: reads(payment_status="partially_refunded"), "a refund")
        until(lambda: "RefundProcessed" in told(product, booking), "its event")
        assert told(product, booking)[:2] == ["BookingCreated", "PaymentProcessed"]
        product.ctl("verify")
        product.ctl("reconcile")
        for unit in (*RUNNING, PAYMENTS):
            assert machine.show(unit, "NRestarts") == "0"
            assert not [e for e in machine.events(unit, "worker_exit") if e["signal"]], unit
    finally:
        product.take_away("STRIPE_SECRET_KEY")
        product.take_away("STRIPE_WEBHOOK_SECRETS")
        machine.must("systemctl", "restart", "customer-booking.target")
        machine.must("systemctl", "stop", "stripe-sandbox")
    assert machine.active(PAYMENTS) == "inactive"


# ---- deploy --------------------------------------------------------------------

def listener(product):
    """The socket itself: another one has another inode."""
    return product.socket.stat().st_ino


def test_a_reload_puts_a_new_program_in_place_and_fails_no_request(product, machine):
    program = machine.path(product.image.program("booking-api"))
    main, socket = machine.main("booking-api.service"), listener(product)
    with Clients(product.socket) as clients:
        for _ in range(3):
            clients.more()
            since, old = machine.now(), machine.processes("booking-api.service")
            shutil.copy2(program, f"{program}.new")
            os.rename(f"{program}.new", program)
            machine.must("systemctl", "reload", "booking-api.service")
            until(lambda: machine.events("booking-api.service", "pool_renewed", since),
                  "a renewed pool")
            until(lambda: machine.active("booking-api.service") == "active", "the end of it")
            now = machine.processes("booking-api.service")
            assert set(now) & set(old) == {main} and len(now) == 5
            inode = program.stat().st_ino
            for pid in now:
                assert os.stat(f"/proc/{pid}/exe").st_ino == inode
        clients.more()
    assert clients.failed.empty()
    assert machine.show("booking-api.service", "NRestarts") == "0"
    assert listener(product) == socket


def test_the_journal_drops_no_line_beneath_load(product, machine):
    since = machine.now()
    with Clients(product.socket) as clients:
        clients.more(70000, 120)
    machine.must("journalctl", "--sync")
    said = machine.events("booking-api.service", "request", since)
    assert len(said) >= clients.done
    assert not machine.journal(since=since, grep="Suppressed [0-9]+ messages")


@pytest.mark.parametrize("verb, unit", [
    ("restart", "booking-api.service"), ("restart", "customer-booking.target"),
    ("restart", "booking-relay@*")])
def test_a_restart_fails_no_request(product, machine, verb, unit):
    before, socket = machine.show("booking-api.service", "MainPID"), listener(product)
    with Clients(product.socket) as clients:
        for _ in range(2):
            clients.more()
            machine.must("systemctl", verb, unit)
        clients.more()
    assert clients.failed.empty()
    assert listener(product) == socket
    assert (machine.show("booking-api.service", "MainPID") == before) == ("relay" in unit)


class Held(FcgiClient):
    """A worker in the middle of a request: half of its body was sent."""

    def __init__(self, product):
        super().__init__(product.socket, 40)
        self.begin()
        self.params(request_pairs("POST", "/api/v1/bookings", 10))
        self.body(b"01234", end=False)
        machine, unit = product.machine, "booking-api.service"
        until(lambda: seats.busy(machine.path(MEMORY).read_bytes(),
                                 machine.processes(unit).values()), "a busy worker")

    def finish(self):
        self.body(b"56789")
        return self.answer().status


def test_a_stop_lets_the_request_in_hand_finish(product, machine):
    with Held(product) as client:
        since = machine.now()
        machine.must("systemctl", "restart", "--no-block", "booking-api.service")
        until(lambda: machine.events("booking-api.service", "pool_stop", since), "a stop")
        assert client.finish() == 401
    until(lambda: machine.events("booking-api.service", "pool_end", since), "its end")
    exits = machine.events("booking-api.service", "worker_exit", since)
    assert [(e["level"], e["status"]) for e in exits] == 4 * [("info", 0)], exits


def test_no_line_of_the_pool_is_dropped_by_the_journal(product, machine):
    """journald drops what is above its limit, unless it is told otherwise, and
    where it was told: the line that is dropped may be the one that matters."""
    units = machine.path("/run/systemd/units")
    limit = {name: os.readlink(units / f"log-rate-limit-{name}:booking-api.service")
             for name in ("interval", "burst")}
    assert limit == {"interval": "1000000", "burst": "1000000"}  # us; lines


# ---- death ----------------------------------------------------------------------

def test_a_pool_killed_again_and_again_keeps_its_socket_and_its_queue(product, machine):
    socket = listener(product)
    for _ in range(6):  # more often than systemd bears by itself
        main = machine.show("booking-api.service", "MainPID")
        machine.must("kill", "-KILL", main)
        # Who comes while nobody serves waits, and is served.
        status, _ = product.ask("GET", "/health/live", timeout=40)
        assert status == 200
        up_again(machine, "booking-api.service", main)
    assert listener(product) == socket
    assert machine.active("booking-api.socket") == "active"
    assert machine.show("booking-api.socket", "Result") == "success"
    with Clients(product.socket) as clients:
        clients.more()
    assert clients.failed.empty()


def test_a_request_in_hand_outlives_a_supervisor_that_is_killed(product, machine):
    with Held(product) as client:
        main = machine.show("booking-api.service", "MainPID")
        machine.must("kill", "-KILL", main)
        until(lambda: machine.show("booking-api.service", "MainPID") == "0", "its end")
        assert client.finish() == 401
    up_again(machine, "booking-api.service", main)


def test_a_frozen_supervisor_is_noticed_and_replaced(product, machine):
    machine.write("/run/systemd/system/booking-api.service.d/quick.conf",
                  "[Service]\nWatchdogSec=2\n")
    machine.must("systemctl", "daemon-reload")
    machine.must("systemctl", "restart", "booking-api.service")
    try:
        main = machine.show("booking-api.service", "MainPID")
        machine.must("kill", "-STOP", main)
        up_again(machine, "booking-api.service", main, 60)
        assert "Watchdog timeout" in machine.journal("booking-api.service")
    finally:
        machine.path("/run/systemd/system/booking-api.service.d/quick.conf").unlink()
        machine.must("systemctl", "daemon-reload")
        machine.must("systemctl", "restart", "booking-api.service")


def test_a_pool_that_cannot_start_is_tried_until_it_can_and_clients_wait(product, machine):
    socket, since = listener(product), machine.now()
    wrong = "/run/systemd/system/booking-api.service.d/wrong.conf"
    machine.write(wrong, "[Service]\nEnvironment=API_HANG_MS=soon\n")
    machine.must("systemctl", "daemon-reload")
    began = time.monotonic()
    try:
        machine.run("systemctl", "restart", "booking-api.service")
        with FcgiClient(product.socket, 60) as client:
            client.begin()
            client.params(request_pairs("GET", "/health/live"))
            client.body(b"")
            until(lambda: machine.journal("booking-api.service", since).count(
                "API_HANG_MS must be a whole number") >= 4, "four tries", 30)
            # Whoever waits there does not make it try without a pause.
            took = time.monotonic() - began
            tries = machine.journal("booking-api.service", since).count("API_HANG_MS must")
            assert tries <= 1 + took / 2, (tries, took)
            assert machine.active("booking-api.socket") == "active"
            machine.path(wrong).unlink()
            machine.must("systemctl", "daemon-reload")
            # Nobody has to start it.
            assert client.answer().status == 200
    finally:
        machine.path(wrong).unlink(missing_ok=True)
        machine.must("systemctl", "daemon-reload")
    assert listener(product) == socket


def test_a_required_secret_that_is_missing_is_named(product, machine):
    kept = product.secrets["LOOKUP_SECRET"]
    since = machine.now()
    product.take_away("LOOKUP_SECRET")
    try:
        machine.run("systemctl", "restart", "booking-api.service")
        until(lambda: "LOOKUP_SECRET is missing: set it, or LOOKUP_SECRET_FILE" in
              machine.journal("booking-api.service", since), "a sentence")
    finally:
        product.give("LOOKUP_SECRET", kept)


def test_a_killed_relay_comes_back_and_no_event_is_lost(product, machine):
    token = product.ctl("token").strip()
    unit = EVENTS
    main = machine.show(unit, "MainPID")
    machine.must("kill", "-KILL", main)
    made = book(product, token)["booking_id"]
    up_again(machine, unit, main)
    until(lambda: told(product, made) == ["BookingCreated"], "its event")


def test_a_frozen_relay_is_noticed_and_replaced(machine):
    unit = BOOKINGS
    machine.write(f"/run/systemd/system/{unit}.d/quick.conf", "[Service]\nWatchdogSec=2\n")
    machine.must("systemctl", "daemon-reload")
    machine.must("systemctl", "restart", unit)
    try:
        main = machine.show(unit, "MainPID")
        machine.must("kill", "-STOP", main)
        up_again(machine, unit, main, 60)
    finally:
        machine.path(f"/run/systemd/system/{unit}.d/quick.conf").unlink()
        machine.must("systemctl", "daemon-reload")
        machine.must("systemctl", "restart", unit)


def test_a_topic_that_is_none_fails_once(machine):
    machine.run("systemctl", "start", "booking-relay@none.service")
    until(lambda: machine.active("booking-relay@none.service") == "failed", "its end")
    assert machine.show("booking-relay@none.service", "NRestarts") == "0"
    assert "it takes one topic" in machine.journal("booking-relay@none.service")
    machine.must("systemctl", "reset-failed", "booking-relay@none.service")


# ---- stop -------------------------------------------------------------------------

def test_a_stopped_pool_stays_stopped_though_clients_come_and_they_wait(product, machine):
    machine.must("systemctl", "stop", "booking-api.service")
    try:
        with FcgiClient(product.socket, 60) as client:
            client.begin()
            client.params(request_pairs("GET", "/health/live"))
            client.body(b"")
            until(lambda: machine.active("booking-api-socket.service") == "active",
                  "what a connection activates")
            assert machine.active("booking-api.service") == "inactive"
            assert machine.processes("booking-api.service") == {}
            machine.must("systemctl", "start", "booking-api.service")
            assert client.answer().status == 200
    finally:
        machine.must("systemctl", "start", "booking-api.service")



def test_a_stopped_target_stops_all_and_leaves_what_must_stay(product, machine):
    units = ("booking-api.socket", "booking-api-socket.service", *RUNNING)
    machine.must("systemctl", "stop", "customer-booking.target")
    try:
        until(lambda: {machine.active(unit) for unit in units} == {"inactive"}, "the end of all")
        for unit in units:
            assert machine.show(unit, "Result") == "success"
        names = machine.must("ps", "-eo", "comm").split()
        assert not [name for name in names if name.startswith("booking")]
        with pytest.raises(OSError):
            FcgiClient(product.socket)
        # The memory, and the events that were told.
        assert machine.path(MEMORY).exists()
        assert machine.path("/var/lib/customer-booking").is_dir()
    finally:
        machine.must("systemctl", "start", "customer-booking.target")
