"""live.py: a whole instance for tests that race or break things: requests that
leave at the same moment, load in the background, and the books afterwards."""

import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import re
import ssl
import subprocess
import threading
import time
import uuid
from datetime import date, datetime, timedelta, timezone

import psycopg2
import seats

ROOT = pathlib.Path(__file__).resolve().parents[2]
V1 = "/api/v1"
SCOPES = "booking:create booking:read booking:update"


def until(holds, what, seconds=60):
    """Wait for something to become true; its value."""
    end = time.monotonic() + seconds
    while True:
        value = holds()
        if value:
            return value
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(0.01)


def alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


def children(pid):
    path = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    return sorted(int(p) for p in path.read_text().split())


class Answer:
    """What came back, and how long it took."""

    def __init__(self, status, headers, raw, seconds):
        self.status, self.headers, self.raw = status, headers, raw
        self.seconds = seconds

    @property
    def body(self):
        return json.loads(self.raw)

    @property
    def code(self):
        return self.body["code"]

    def __repr__(self):
        return f"{self.status} {self.raw[:200]!r}"


def day_in(days):
    """Bookings of the tests lie in the weeks to come, in UTC."""
    return date.today() + timedelta(days=days)


def at(day, hour):
    return (datetime(day.year, day.month, day.day, tzinfo=timezone.utc)
            + timedelta(hours=hour)).strftime("%Y-%m-%dT%H:%M:%SZ")


def booking_body(franchise, day, first, last, child="Alice Doe"):
    return {
        "franchise_id": franchise,
        "start_datetime": at(day, first), "end_datetime": at(day, last),
        "customer_info": {"name": "John Doe", "email": "john@example.com",
                          "phone": "+1234567890"},
        "child_info": {"name": child, "age": 5},
    }


class Request:
    def __init__(self, method, path, token=None, body=None, **headers):
        self.customer = None  # whose it is, if anybody needs to know
        self.method, self.path = method, path
        self.body = None if body is None else json.dumps(body).encode()
        self.headers = {name.replace("_", "-"): value
                        for name, value in headers.items()}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            self.headers["Content-Type"] = "application/json"


class Client:
    """One kept connection, opened again when it is gone."""

    def __init__(self, live, timeout=30):
        self.live, self.timeout = live, timeout
        self.connection = None

    def connect(self):
        self.connection = http.client.HTTPSConnection(
            "127.0.0.1", self.live.port, context=self.live.tls,
            timeout=self.timeout)
        self.connection.connect()

    def send(self, request):
        if self.connection is None:
            self.connect()
        self.sent = time.monotonic()
        self.connection.request(request.method, request.path, request.body,
                                request.headers)

    def receive(self):
        answer = self.connection.getresponse()
        raw = answer.read()
        took = time.monotonic() - self.sent
        if answer.headers.get("Connection") == "close":
            self.close()
        return Answer(answer.status, answer.headers, raw, took)

    def ask(self, request):
        try:
            self.send(request)
            return self.receive()
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None


class Load:
    """Clients that ask all the time, one for each of `asks`: a function that
    is given a client and gives a request and its answer.  What came of each
    is kept, a lost connection as its exception."""

    def __init__(self, live, asks):
        self.live, self.ended = live, threading.Event()
        self.done, self.lock = [], threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(ask,))
                        for ask in asks]

    def run(self, ask):
        client = Client(self.live)
        while not self.ended.is_set():
            try:
                done = ask(client)
            except (OSError, http.client.HTTPException) as e:
                done = (None, e)
            with self.lock:
                self.done.append(done)
            if not isinstance(done[1], Answer) or done[1].status == 503:
                # Asked to come back later, it does so; much later than this
                # would leave nothing to count.
                self.ended.wait(0.05)
        client.close()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()
        print(self.counts())  # pytest -s shows it

    def more(self, count=20, seconds=60):
        """Let so many more requests be answered."""
        goal = len(self.done) + count
        until(lambda: len(self.done) >= goal, f"{count} more answers", seconds)

    def lost(self):
        return [a for _, a in self.done if isinstance(a, Exception)]

    def answered(self, *statuses):
        return [(r, a) for r, a in self.done
                if not isinstance(a, Exception) and a.status in statuses]

    def others(self, *statuses):
        """What is none of these."""
        return [a for _, a in self.done
                if isinstance(a, Exception) or a.status not in statuses]

    def counts(self):
        found = {}
        for _, answer in self.done:
            name = type(answer).__name__
            if isinstance(answer, Answer):
                name = str(answer.status)
            found[name] = found.get(name, 0) + 1
        return found


class Live:
    """An instance of its own, below `folder`; `instance` are tools/instance's
    own wishes ({"INSTANCE_AWS": "sandbox"})."""

    def __init__(self, folder, instance=None, **settings):
        self.folder = folder
        self.instance = instance or {}
        folder.mkdir(parents=True, exist_ok=True)
        self.dir = folder / "i"
        self.settings = settings

    def ctl(self, *args, **env):
        done = subprocess.run(
            [ROOT / "tools" / "instance", *map(str, args)],
            env={**os.environ, **env}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def start(self):
        self.ctl("start", self.dir, 0, INSTANCE_RATE_LIMIT="off", **self.instance)
        self.home = pathlib.Path(self.ctl("home", self.dir))
        if self.settings:
            lines = [f"{name}={value}\n"
                     for name, value in self.settings.items()]
            extra = self.home / "env.extra"
            extra.write_text("".join(lines))
            owner = self.home.stat()
            if os.getuid() == 0:
                os.chown(extra, owner.st_uid, owner.st_gid)
            self.ctl("api", "restart", self.dir)
        self.port = int(self.ctl("port", self.dir))
        self.env = dict(line.split("=", 1) for line in
                        self.ctl("env", self.dir).splitlines())
        self.tls = ssl.create_default_context(
            cafile=self.home / "tls" / "cert.pem")
        self.healthy()
        return self

    def healthy(self):
        def well():
            try:
                return self.get("/health").body["status"] == "healthy"
            except (OSError, http.client.HTTPException):
                return False
        until(well, "a healthy instance")

    def reset(self):
        self.ctl("reset", self.dir)

    # ---- requests -----------------------------------------------------------

    def token(self, customer=None, seconds=3600):
        def part(value):
            return base64.urlsafe_b64encode(value).rstrip(b"=")
        claims = {"sub": customer or str(uuid.uuid4()), "scope": SCOPES,
                  "iat": int(time.time()), "exp": int(time.time()) + seconds}
        signed = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(
            json.dumps(claims).encode())
        mac = hmac.new(self.env["JWT_SECRET"].encode(), signed, hashlib.sha256)
        return (signed + b"." + part(mac.digest())).decode()

    def ask(self, method, path, token=None, body=None, **headers):
        client = Client(self)
        try:
            return client.ask(Request(method, path, token, body, **headers))
        finally:
            client.close()

    def get(self, path, token=None, **headers):
        return self.ask("GET", path, token, **headers)

    def again(self, request):
        """What a client does whose answer was lost: the same, until it is
        told more than to come back later."""
        client = Client(self)
        try:
            return until(lambda: (lambda a: a if not a.headers["Retry-After"]
                                  else None)(client.ask(request)),
                         "an answer")
        finally:
            client.close()

    def redis(self, *words):
        return subprocess.run(
            ["redis-cli", "-s", self.home / "run" / "redis.sock", *words],
            stdout=subprocess.PIPE, check=True, text=True, timeout=10).stdout

    def at_once(self, requests):
        """Send all, each on a connection that is open already, before any
        answer is read; the answers in the same order."""
        clients = [Client(self) for _ in requests]
        try:
            for client in clients:
                client.connect()
            for client, request in zip(clients, requests):
                client.send(request)
            return [client.receive() for client in clients]
        finally:
            for client in clients:
                client.close()

    def book(self, token, *args, **kinds):
        answer = self.ask("POST", f"{V1}/bookings", token,
                          booking_body(*args, **kinds))
        assert answer.status == 201, answer
        return answer.body

    # ---- the processes ------------------------------------------------------

    def pid(self, name):
        return int(self.ctl(name, "pid", self.dir))

    def workers(self):
        return children(self.pid("api"))

    def busy(self, workers=None):
        """Those of the workers (all) that hold a request; to ask who they are takes a while."""
        shared = (self.home / "run" / "shared").read_bytes()
        return seats.busy(shared, workers or self.workers())

    def log(self, name="api"):
        return (self.home / "log" / f"{name}.log").read_text()

    def events(self, event):
        found = []
        for line in self.log().splitlines():
            if line.startswith("{") and line.endswith("}"):
                entry = json.loads(line)
                if entry["event"] == event:
                    found.append(entry)
        return found

    # ---- the books ----------------------------------------------------------

    @contextlib.contextmanager
    def cursor(self):
        connection = psycopg2.connect(
            host=str(self.home / "run"), user="postgres", dbname="booking")
        try:
            with connection, connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def sql(self, text, *values):
        with self.cursor() as cursor:
            cursor.execute(text, values or None)
            return cursor.fetchall() if cursor.description else cursor.rowcount

    def one(self, text, *values):
        ((value,),) = self.sql(text, *values)
        return value

    def franchise(self, capacity, name="Race", rate="15.00"):
        """Open 00:00-24:00 UTC every day, slots of an hour."""
        made = str(uuid.uuid4())
        self.sql("""
            insert into franchises.franchises (id, name, address, city,
                postal_code, timezone, max_capacity, standard_rate,
                peak_hour_rate, open_time, close_time, operating_days)
            values (%s, %s, 'Street 1', 'Town', '1', 'UTC', %s, %s, %s,
                '00:00', '24:00', '{1,2,3,4,5,6,7}')""",
                 made, name, capacity, rate, rate)
        return made

    def booked(self, franchise):
        """Places taken, by the hour: {(date, hour): places}."""
        rows = self.sql("""
            select slot_start at time zone 'UTC', booked
              from franchises.slot_ledger
             where franchise_id = %s and booked <> 0""", franchise)
        return {(when.date(), when.hour): places for when, places in rows}

    def deadlocks(self):
        """Those Postgres counted, and those it has only logged yet."""
        return self.one("select deadlocks from pg_stat_database "
                        "where datname = 'booking'") + self.log(
                            "postgres").count("deadlock detected")

    def balanced(self):
        """Every invariant of sql/queries/verify.sql, and the constraints."""
        text = (ROOT / "sql" / "queries" / "verify.sql").read_text()
        queries = re.split(r"^-- :name (\w+).*$", text, flags=re.M)[1:]
        assert len(queries) >= 8
        for name, query in zip(queries[::2], queries[1::2]):
            if name != "verify_counts":  # how much there is to prove
                assert self.sql(query) == [], name
        assert self.sql("select id from bookings.bookings b where not exists "
                        "(select from bookings.customer_info i "
                        "where i.booking_id = b.id)") == []
