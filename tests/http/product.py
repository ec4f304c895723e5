"""product.py: the whole product in a folder of its own, and a client whose
every answer is held against the OpenAPI document."""
import base64
import contextlib
import copy
import datetime
import hashlib
import hmac
import json
import os
import pathlib
import re
import secrets
import socket
import ssl
import subprocess
import time
import urllib.parse
import uuid
from decimal import Decimal

import jsonschema
import psycopg2
import psycopg2.extras
import redis
import requests

TREE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", TREE / "build"))
DEMO = "00000000-0000-4000-8000-0000000000%02d"  # demo.sql numbers them
ALL_SCOPES = "booking:create booking:read booking:update"
ORIGIN = "http://localhost:3000"
UTC = datetime.timezone.utc

# Whatever a test sends that no log may hold; see World.check_logs.
CANARY = "Kanarienvogel"

SECURITY_HEADERS = ["Strict-Transport-Security", "X-Content-Type-Options", "X-Frame-Options",
                    "Content-Security-Policy", "Referrer-Policy", "Permissions-Policy",
                    "Cross-Origin-Opener-Policy"]


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwt(secret, claims, header=None, algorithm="sha256"):
    """A compact JWS as any identity provider makes it."""
    parts = [header or {"alg": "HS256", "typ": "JWT"}, claims]
    signed = ".".join(b64url(json.dumps(p).encode()) for p in parts)
    mac = hmac.new(secret.encode(), signed.encode(), algorithm).digest()
    return f"{signed}.{b64url(mac)}"


def instant(moment):
    """A datetime as the API prints it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def at(day, hour, minute=0):
    """An instant of a UTC day, "2027-01-15T09:00:00Z"."""
    return instant(datetime.datetime(day.year, day.month, day.day, tzinfo=UTC) +
                   datetime.timedelta(hours=hour, minutes=minute))


def until(holds, what, seconds=60):
    """Wait for something to become true; returns it."""
    end = time.monotonic() + seconds
    while True:
        value = holds()
        if value:
            return value
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(0.01)


# ---- answers -----------------------------------------------------------------


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body
        kind = headers.get("Content-Type", "")
        self.is_json = kind.startswith("application/") and "json" in kind and body != b""
        self.json = json.loads(body) if self.is_json else None
        # 120.00 stays 120.00
        self.exact = json.loads(body, parse_float=Decimal) if self.is_json else None

    @property
    def etag(self):
        return self.headers["ETag"]

    def __getitem__(self, name):
        return self.exact[name]

    def __repr__(self):
        return f"<{self.status} {self.body[:600]!r}>"

    def ok(self, status=200):
        assert self.status == status, self
        return self

    def problem(self, status, code):
        """It is this problem, told the way problems are told."""
        assert self.status == status, self
        assert self.headers["Content-Type"] == "application/problem+json", self
        assert self.json["code"] == code, self
        assert self.json["status"] == status
        assert self.json["type"] == f"/docs/errors#{code}"
        assert self.json["request_id"] == self.headers["X-Request-Id"]
        assert self.json["title"] and self.json["detail"]
        return self

    def faults(self):
        """{(pointer or parameter, rule)} of a problem."""
        return {(e.get("pointer", e.get("parameter")), e["rule"]) for e in self.json.get("errors", [])}

    def blames(self, where, rule=None, status=422, code="validation_failed"):
        self.problem(status, code)
        named = self.faults()
        if rule is None:
            assert where in {w for w, _ in named}, self
        else:
            assert (where, rule) in named, self
        return self


# ---- the contract --------------------------------------------------------------

# What a client decides by, beyond the body.
TOLD_HEADERS = ("ETag", "Location", "Retry-After", "Idempotency-Replayed", "WWW-Authenticate")

# Amounts are printed with two decimals, always.
MONEY = ("total_amount|amount|rate|standard_rate|peak_hour_rate|refund_amount|paid_amount|"
         "refunded_amount|cancellation_fee")
BAD_MONEY = re.compile(r'"(%s)":(?!-?\d+\.\d\d[,}])(?!null[,}])' % MONEY)


class Contract:
    """The OpenAPI document, as a judge of answers."""

    def __init__(self, document):
        self.document = document
        self.closed = copy.deepcopy(document)
        # What is not described must not be answered.
        for schema in self.closed["components"]["schemas"].values():
            if "properties" in schema:
                schema.setdefault("additionalProperties", False)
        self.validators = {}
        self.paths = [(re.compile("^" + re.sub(r"\{[^}]+\}", "[^/]+", path) + "$"), path)
                      for path in document["paths"]]
        # Fixed segments go before parameters.
        self.paths.sort(key=lambda p: p[1].count("{"))
        self.seen = set()

    def operation(self, method, path):
        for pattern, template in self.paths:
            if pattern.match(path):
                name = "get" if method == "HEAD" else method.lower()
                return template, self.document["paths"][template].get(name)
        return None, None

    def validator(self, pointer, schema):
        if pointer not in self.validators:
            self.validators[pointer] = jsonschema.Draft202012Validator(
                schema, resolver=jsonschema.RefResolver("", self.closed),
                format_checker=jsonschema.FormatChecker())
        return self.validators[pointer]

    def hold(self, pointer, schema, value):
        wrong = [f"{'/'.join(map(str, e.absolute_path))}: {e.message}"
                 for e in self.validator(pointer, schema).iter_errors(value)]
        assert not wrong, f"{pointer}: {wrong}"

    def check(self, method, path, answer):
        """Hold one answer against the document."""
        for name in SECURITY_HEADERS:
            assert name in answer.headers, f"{method} {path}: no {name}: {answer}"
        assert answer.headers.get("X-Request-Id"), answer
        assert answer.headers.get("Server", "nginx") == "nginx", answer
        assert answer.status < 400 or answer.headers.get("Cache-Control") == "no-store", answer
        text = "" if answer.headers.get("Content-Type", "").startswith("image/") \
            else answer.body.decode()
        if path != "/api/v1/openapi.json":
            assert not BAD_MONEY.search(text), f"an amount without two decimals: {text}"
        problem = self.document["components"]["schemas"]["Problem"]
        if answer.status >= 400 and answer.json is not None and answer.status != 503:
            self.hold("Problem", problem, answer.json)
        if answer.status in (429, 503):
            assert int(answer.headers["Retry-After"]) >= 1, answer
        if answer.status == 401:
            assert answer.headers["WWW-Authenticate"].startswith("Bearer "), answer

        template, operation = self.operation(method, path)
        if template is None:
            assert answer.status in (400, 404, 405, 414, 429, 431, 501, 503), answer
            return
        if method == "OPTIONS":
            assert answer.status in (204, 429, 503), answer
            return
        if operation is None:
            assert answer.status in (400, 405, 429, 503), answer
            return
        self.seen.add((operation["operationId"], answer.status))
        listed = operation["responses"]
        assert str(answer.status) in listed, \
            f"{method} {template} answered {answer.status}, which is not listed: {answer}"
        told = listed[str(answer.status)].get("headers", {})
        for name in TOLD_HEADERS:
            assert name not in answer.headers or name in told, \
                f"{method} {template} {answer.status}: {name} is not listed: {answer}"
        content = listed[str(answer.status)].get("content")
        if not content:
            assert answer.body == b"", answer
            return
        if method == "HEAD":
            assert answer.body == b"", answer
            return
        kind = answer.headers["Content-Type"].split(";")[0]
        if kind == "application/problem+json" and answer.status == 503:
            self.hold("Problem", problem, answer.json)  # nginx's, where /health has a body of its own
            return
        assert kind in content, f"{kind} is not listed: {answer}"
        if kind.startswith("image/") or kind == "text/html":
            return
        self.hold(f"{operation['operationId']} {answer.status}", content[kind]["schema"], answer.json)

    def check_request(self, method, path, body):
        """What was taken must be what the document says can be sent."""
        _, operation = self.operation(method, path)
        if operation and "requestBody" in operation:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            self.hold(f"{operation['operationId']} request", schema, body)


# ---- the client ------------------------------------------------------------------


class Client:
    """Speaks to the product as one caller; every answer is checked."""

    def __init__(self, world, token=None, key=None, customer=None, sub=None):
        self.world = world
        self.token = token
        self.sub = sub
        self.headers = {}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"
        if key:
            self.headers["X-API-Key"] = key
        if customer:
            self.headers["X-Customer-Id"] = customer

    def send(self, method, path, body=None, headers=None, data=None, params=None):
        sent = {"User-Agent": "tests", "Accept": "application/json", **self.headers}
        if body is not None:
            data = json.dumps(body).encode()
        if data is not None:
            sent["Content-Type"] = "application/json"
        sent.update(headers or {})
        sent = {name: value for name, value in sent.items() if value is not None}
        if isinstance(params, dict):
            params = urllib.parse.urlencode(params, encoding="utf-8")
        url = self.world.url + path + (f"?{params}" if params else "")
        request = requests.Request(method, url, headers=sent, data=data).prepare()
        request.url = url  # as written: no tidying of dots or escapes
        got = self.world.session.send(request, timeout=30, verify=self.world.certificate,
                                      allow_redirects=False)
        answer = Answer(got.status_code, got.headers, got.content)
        self.world.contract.check(method, urllib.parse.urlsplit(path).path, answer)
        if body is not None and answer.status in (200, 201):
            self.world.contract.check_request(method, urllib.parse.urlsplit(path).path, body)
        return answer

    def get(self, path, **more):
        return self.send("GET", path, **more)

    def book(self, booking, **more):
        return self.send("POST", "/api/v1/bookings", body=booking, **more)

    def read(self, booking_id, **more):
        return self.get(f"/api/v1/bookings/{booking_id}", **more)

    def change(self, booking_id, body, **more):
        return self.send("PUT", f"/api/v1/bookings/{booking_id}", body=body, **more)

    def cancel(self, booking_id, **more):
        return self.send("DELETE", f"/api/v1/bookings/{booking_id}", **more)

    def quote(self, booking_id, **more):
        return self.get(f"/api/v1/bookings/{booking_id}/cancellation-quote", **more)

    def bookings(self, **params):
        return self.get("/api/v1/bookings", params=params)

    def day(self, franchise, day, **more):
        return self.get(f"/api/v1/availability/{franchise}", params={"date": str(day)}, **more)

    def slots(self, franchise, **params):
        return self.get(f"/api/v1/availability/{franchise}/slots", params=params)


# ---- the product ---------------------------------------------------------------------


class World:
    """Postgres, Redis, the pool and nginx, started through tools/instance."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.environment = {**os.environ, "INSTANCE_RATE_LIMIT": "off", "BUILD": str(BUILD)}
        self.environment.setdefault("INSTANCE_FSYNC", "off")
        self.expected = []
        self.canaries = {CANARY}
        self.log_at = {}
        # The first part makes the folder; the settings then stand in it before
        # anything of ours starts.  Load limits are off, the rules are not; a slow
        # machine must not make the product do without its cache.
        self.instance("pg", "start")
        self.home = pathlib.Path(self.instance("home").strip())
        extra = self.home / "env.extra"
        extra.write_text("HOLDS_MAX=5\nGUEST_HOLDS_MAX=2\nGUEST_HOLDS_PER_ADDRESS=6\n"
                         "API_WORKERS=4\nREDIS_TIMEOUT_MS=1000\n")
        extra.chmod(0o644)
        self.instance("start", "0")
        self.instance("demo")
        self.url = self.instance("url").strip()
        self.port = int(self.instance("port"))
        self.certificate = str(self.home / "tls/cert.pem")
        self.settings = dict(line.split("=", 1) for line in
                             (self.home / "env").read_text().splitlines())
        self.session = requests.Session()
        self.session.trust_env = False
        self.db = psycopg2.connect(host=str(self.home / "run"), user="booking_owner",
                                   dbname="booking")
        self.db.autocommit = True
        self.root = psycopg2.connect(host=str(self.home / "run"), user="postgres", dbname="booking")
        self.root.autocommit = True
        # Of these alone: what a test reads elsewhere must not depend on who ran before it.
        for connection in (self.db, self.root):
            psycopg2.extras.register_uuid(conn_or_curs=connection)
        self.redis = redis.Redis(unix_socket_path=str(self.home / "run/redis.sock"))
        document = self.session.get(self.url + "/api/v1/openapi.json", verify=self.certificate)
        self.contract = Contract(document.json())
        self.days = 0
        self.verify_sql = self.read_verify()

    def instance(self, *words, environment=None):
        words = list(words)
        at_folder = 2 if words[0] in ("pg", "redis", "api", "nginx", "documents") else 1
        words.insert(at_folder, str(self.folder))
        done = subprocess.run([TREE / "tools/instance", *words], text=True, capture_output=True,
                              env={**self.environment, **(environment or {})}, timeout=120)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def stop(self):
        self.db.close()
        self.root.close()
        self.redis.close()
        self.session.close()
        self.instance("reset")

    def ctl(self, *words, status=0):
        done = subprocess.run([BUILD / "bookingctl", *words], text=True, capture_output=True,
                              env={"PATH": os.environ["PATH"], **self.settings}, timeout=60)
        assert done.returncode == status, f"{words}: {done.returncode} {done.stdout}{done.stderr}"
        return done.stdout

    # -- callers --

    def claims(self, **claims):
        now = int(time.time())
        return {"sub": str(uuid.uuid4()), "iat": now, "exp": now + 3600,
                "scope": ALL_SCOPES.split(), **claims}

    def token(self, **claims):
        token = jwt(self.settings["JWT_SECRET"], self.claims(**claims))
        self.canaries.add(token)
        return token

    def customer(self, sub=None, **claims):
        """A customer nobody has seen before."""
        sub = sub or str(uuid.uuid4())
        return Client(self, token=self.token(sub=sub, **claims), sub=sub)

    def anyone(self):
        return Client(self)

    def bearer(self, token):
        return Client(self, token=token)

    def key(self, kind="secret", scopes="booking:create booking:read booking:update",
            franchise=None, **columns):
        """An API key, its row made here: what bookingctl makes is its own test."""
        key_id = "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(12))
        secret = secrets.token_urlsafe(32)
        self.sql("insert into access.api_keys (id, name, kind, secret_hash, scopes, franchise_id,"
                 " expires_at, revoked_at) values (%s, 'test', %s, %s, %s, %s, %s, %s)",
                 key_id, kind, hashlib.sha256(secret.encode()).digest(), scopes.split(), franchise,
                 columns.get("expires_at"), columns.get("revoked_at"))
        self.canaries.add(secret)
        return f"cbk_{key_id}_{secret}"

    def program(self, customer=None, **more):
        return Client(self, key=self.key(**more), customer=customer)

    def staff(self, franchise=None, **more):
        """The desk of a franchise."""
        return self.program(scopes="checkin:write", franchise=franchise, **more)

    def guest(self):
        opened = self.program(kind="publishable", scopes="guest:create").send(
            "POST", "/api/v1/guest-sessions").ok(201)
        self.canaries.add(opened["token"])
        return Client(self, token=opened["token"], sub=opened["customer_id"])

    # -- data --

    def sql(self, text, *values):
        with self.db.cursor() as cursor:
            cursor.execute(text, values or None)
            return cursor.fetchall() if cursor.description else []

    def root_sql(self, text):
        """As the server's owner: settings of Postgres itself."""
        with self.root.cursor() as cursor:
            cursor.execute(text)
            return cursor.fetchall() if cursor.description else []

    @contextlib.contextmanager
    def commits_wait(self):
        """Commits wait for a standby nobody has: done, and not yet told."""
        self.root_sql("set synchronous_commit = local")
        self.root_sql("alter system set synchronous_standby_names = 'nobody'")
        self.root_sql("select pg_reload_conf()")
        try:
            # The server obeys a moment after it was told: what a commit of our own shows.
            until(self.a_commit_waits, "a commit that waits")
            yield
        finally:
            self.root_sql("alter system reset synchronous_standby_names")
            self.root_sql("select pg_reload_conf()")
            self.root_sql("reset synchronous_commit")

    def a_commit_waits(self):
        probe = psycopg2.connect(host=str(self.home / "run"), user="postgres", dbname="booking",
                                 async_=True)
        psycopg2.extras.wait_select(probe)
        pid = probe.info.backend_pid
        cursor = probe.cursor()
        cursor.execute("select pg_logical_emit_message(true, 'probe', '')")
        try:
            while probe.poll() != psycopg2.extensions.POLL_OK:
                if self.root_sql("select pid from pg_stat_activity where wait_event = 'SyncRep'"
                                 f" and pid = {pid}"):
                    return True
                time.sleep(0.01)
            return False
        finally:
            self.root_sql(f"select pg_terminate_backend({pid}, 5000)")
            probe.close()

    def one(self, text, *values):
        return self.sql(text, *values)[0][0]

    def forget(self):
        """Drop cached answers: rows were changed behind the product's back.  The name
        of this Redis stays, lest every worker that is new empties it again."""
        named = self.redis.get("cache:run")
        with self.redis.pipeline(transaction=True) as together:
            together.flushall()
            if named:
                together.set("cache:run", named)
            together.execute()

    def lapse(self, booking_id):
        """Let the hold's time be over."""
        self.sql("update bookings.bookings set hold_expires_at = now() - interval '1 second'"
                 " where id = %s", booking_id)
        self.forget()

    def pay(self, booking_id, amount=None):
        """A payment that has landed, without Stripe."""
        payment = str(uuid.uuid4())
        self.sql("select payments.supersede(%s)", booking_id)
        self.sql("insert into payments.payments (id, booking_id, amount, currency, payment_method,"
                 " payment_status, processed_at) select %s, id, coalesce(%s, total_amount), currency,"
                 " 'checkout', 'succeeded', now() from bookings.bookings where id = %s"
                 " and coalesce(%s, total_amount) > 0", payment, amount, booking_id, amount)
        self.sql("select payments.put_entry('charge', booking_id, id, 'stripe', 'customers', amount,"
                 " currency) from payments.payments where id = %s", payment)
        self.sql("update bookings.bookings set booking_status = 'confirmed', payment_status = 'paid',"
                 " version = version + 1 where id = %s", booking_id)
        self.sql("select payments.sum_up(%s)", booking_id)
        return payment

    # A booking, its children and its places, moved to all of today where its
    # franchise is; slots that nobody has booked make room.
    MOVE = """
        do $$ declare b bookings.bookings; f franchises.franchises; s timestamptz; e timestamptz;
        begin
            select * into b from bookings.bookings where id = '%s';
            select * into f from franchises.franchises where id = b.franchise_id;
            s := date_trunc('day', now() at time zone f.timezone) at time zone f.timezone;
            e := (date_trunc('day', now() at time zone f.timezone) + interval '1 day')
                 at time zone f.timezone;
            update franchises.slot_ledger l set booked = l.booked - b.child_count
             where l.franchise_id = f.id and l.slot_start >= b.start_datetime
               and l.slot_start < b.end_datetime;
            delete from franchises.slot_ledger l where l.franchise_id = f.id and l.booked = 0;
            insert into franchises.slot_ledger values (f.id, s, e, f.max_capacity, b.child_count)
                on conflict (franchise_id, slot_start)
                do update set booked = slot_ledger.booked + excluded.booked;
            update bookings.booking_children set period = tstzrange(s, e) where booking_id = b.id;
            update bookings.bookings set start_datetime = s, end_datetime = e where id = b.id;
        end $$"""

    def bring_forward(self, booking_id):
        """As if it were for today, from midnight to midnight; today goes on for a while."""
        until(lambda: self.one("select (now() at time zone f.timezone)::time < '23:59' from"
                               " bookings.bookings b join franchises.franchises f on f.id ="
                               " b.franchise_id where b.id = %s", booking_id),
              "a minute left of today", 90)
        self.sql(self.MOVE % uuid.UUID(booking_id))
        self.forget()

    def comes_today(self, customer, franchise, **more):
        """A booking that is paid and for today."""
        made = customer.book(self.booking(franchise, **more)).ok(201)
        self.pay(made["booking_id"])
        self.bring_forward(made["booking_id"])
        return made

    def refund(self, booking_id, amount):
        """What a refund by the staff does, from the booking's one payment."""
        refund = str(uuid.uuid4())
        self.sql("insert into payments.refunds (id, payment_id, booking_id, amount, currency, reason,"
                 " refund_status, processed_at) select %s, id, booking_id, %s, currency, 'staff',"
                 " 'succeeded', now() from payments.payments where booking_id = %s"
                 " and payment_status = 'succeeded'", refund, amount, booking_id)
        self.sql("select payments.put_entry('refund', booking_id, id, 'customers', 'stripe', amount,"
                 " currency) from payments.refunds where id = %s", refund)
        self.sql("select payments.sum_up(%s)", booking_id)

    def franchise(self, **columns):
        """A franchise of the test's own: nobody else books there."""
        row = {"id": str(uuid.uuid4()), "name": "Testhaus", "address": "1 Test Street",
               "city": "Testville", "postal_code": "12345", "max_capacity": 5,
               "standard_rate": 15, "peak_hour_rate": 24, "open_time": "08:00",
               "close_time": "18:00", "operating_days": [1, 2, 3, 4, 5, 6, 7],
               "currency": "USD", "timezone": "UTC", **columns}
        names = ", ".join(row)
        self.sql(f"insert into franchises.franchises ({names}) values"
                 f" ({', '.join(['%s'] * len(row))})", *row.values())
        return row["id"]

    def new_day(self, ahead=10, span=160):
        """Days ahead, each but once before they come round again."""
        self.days += 1
        return self.today() + datetime.timedelta(days=ahead + (self.days - 1) % span)

    @staticmethod
    def today():
        return datetime.datetime.now(UTC).date()

    def booking(self, franchise=DEMO % 1, day=None, start=9, end=17, children=None, **more):
        """A body that is right; names are canaries."""
        day = day or self.new_day()
        email = f"{CANARY}.{secrets.token_hex(6)}@example.com"
        body = {"franchise_id": franchise, "start_datetime": at(day, start),
                "end_datetime": at(day, end),
                "customer_info": {"name": f"John {CANARY}", "email": email,
                                  "phone": "+354 555 0199", "emergency_contact": f"Jane {CANARY}"}}
        if children is None:
            body["child_info"] = self.child()
        else:
            body["children"] = [self.child() for _ in range(children)]
        body.update(more)
        return body

    def child(self, **more):
        return {"name": f"{CANARY} {secrets.token_hex(6)}", "age": 5,
                "special_needs": f"needs {CANARY}", "allergies": f"Nuts {CANARY}",
                "pickup_authorization": f"Uncle {CANARY}",
                "special_instructions": f"Draws {CANARY}", **more}

    COUNTS = ("select (select count(*) from bookings.bookings),"
              " (select coalesce(sum(version), 0) from bookings.bookings),"
              " (select count(*) from bookings.booking_children),"
              " (select count(*) from bookings.customer_info),"
              " (select count(*) from bookings.outbox),"
              " (select count(*) from bookings.idempotency_keys),"
              " (select coalesce(sum(booked), 0) from franchises.slot_ledger)")

    def counts(self):
        """What a refused request must leave alone."""
        return self.sql(self.COUNTS)[0]

    # -- what must always hold --

    @staticmethod
    def read_verify():
        text = (TREE / "sql/queries/verify.sql").read_text()
        named = re.split(r"^-- :name (\w+).*$", text, flags=re.M)[1:]
        return [(name, query) for name, query in zip(named[::2], named[1::2])
                if name != "verify_counts"]

    def check_books(self):
        for name, query in self.verify_sql:
            wrong = self.sql(query)
            assert not wrong, f"{name}: {wrong}"

    def expect(self, pattern):
        """An error the test causes on purpose may be logged."""
        self.expected.append(re.compile(pattern))

    def logged(self, request_id):
        """What the pool's log says of a request, once it does."""
        def line():
            with (self.home / "log/api.log").open("rb") as log:
                log.seek(self.log_at.get("api.log", 0))
                for text in log:
                    if f'"request_id":"{request_id}"'.encode() in text and text.endswith(b"\n"):
                        event = json.loads(text)
                        if event["event"] == "request":
                            return event
            return None
        return until(line, f"the log's line of request {request_id}")

    def new_log(self, name):
        """What came since the last look, in whole lines: the last may still be written."""
        path = self.home / "log" / name
        if not path.exists():
            return ""
        begin = self.log_at.get(name, 0)
        with path.open("rb") as log:
            log.seek(begin)
            text = log.read()
        text = text[:text.rfind(b"\n") + 1]
        self.log_at[name] = begin + len(text)
        return text.decode(errors="replace")

    def check_logs(self):
        """No error nobody expected, no crash, and nothing that is private."""
        bad = []
        for name in ("api.log", "access.log", "nginx.log", "postgres.log", "redis.log"):
            text = self.new_log(name)
            for canary in self.canaries:
                if canary in text:
                    line = next(x for x in text.splitlines() if canary in x)
                    bad.append(f"{name} tells {canary[:20]}: {line[:300]}")
            if name != "api.log":
                continue
            for line in text.splitlines():
                if not line.startswith("{") or '"level":"error"' in line:
                    if not any(p.search(line) for p in self.expected):
                        bad.append(f"{name}: {line[:400]}")
        self.expected = []
        # Tokens of this test; the names stay.
        self.canaries = {CANARY}
        assert not bad, "\n".join(bad)

    def workers(self):
        supervisor = int((self.home / "run/api.pid").read_text())
        children = pathlib.Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text()
        return [int(pid) for pid in children.split()]

    def renewed(self, before):
        """All workers are others: the old ones' ends are logged, and none is missing."""
        def others():
            now = self.workers()
            return len(now) == len(before) and not set(now) & set(before)
        until(others, "other workers")

    # -- bytes --

    def raw(self, data, timeout=15):
        """Bytes over TLS; the answer, held against nothing."""
        context = ssl.create_default_context(cafile=self.certificate)
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as tls:
                tls.sendall(data)
                text = b""
                while True:
                    try:
                        piece = tls.recv(65536)
                    except ConnectionResetError:
                        break
                    if not piece:
                        break
                    text += piece
        head, _, body = text.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = requests.structures.CaseInsensitiveDict(
            line.split(": ", 1) for line in lines[1:] if ": " in line)
        return Answer(int(lines[0].split()[1]), headers, body)
