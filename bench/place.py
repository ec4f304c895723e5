"""place.py: the instance that is measured, and one run of one row."""

import base64
import datetime
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import re
import resource
import ssl
import subprocess
import sys
import time
import urllib.request

from sql import Script

ROOT = pathlib.Path(__file__).resolve().parent.parent
HERE = ROOT / "bench"
BUILD = pathlib.Path(os.environ.get("BUILD", "build"))
BUILD = BUILD if BUILD.is_absolute() else ROOT / BUILD
FRANCHISES, DAYS, CUSTOMERS = 50, 30, 20000
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
CONNECTIONS = 16
OURS = ("hot", "spread", "create", "get")

# At once, so that pgbench need not wait for rows that a first caller makes.
FILL = """
insert into franchises.franchises (id, name, address, city, postal_code,
    timezone, max_capacity, standard_rate, peak_hour_rate, open_time,
    close_time, operating_days)
select ('00000000-0000-4000-9000-' || lpad(n::text, 12, '0'))::uuid,
       'Bench ' || n, 'Street ' || n, 'Town', n::text, 'UTC', 10000, 15, 22.5,
       '08:00', '18:00', '{1,2,3,4,5,6,7}'
  from generate_series(1, %(franchises)d) n;
insert into franchises.peak_windows (franchise_id, weekdays, start_time, end_time)
select f.id, '{1,2,3,4,5,6,7}', t.s, t.e from franchises.franchises f,
       (values ('07:00'::time, '09:00'::time), ('17:00', '19:00')) t (s, e);
select count(*) from franchises.franchises f, generate_series(1, %(days)d) n,
       bookings.quote(f.id, date_trunc('day', now(), 'UTC')
                            + n * interval '1 day' + interval '8 hours');
analyze;
"""

# A booking as the API wrote it: the values pgbench sends.
SAMPLE = """
select json_build_object(
    'data_key', b.data_key, 'line_items', b.line_items::text,
    'email', b.email_hash,
    'contact', array[i.name, i.email, i.phone, i.emergency_contact]::text,
    'child', array[c.name, c.special_needs, c.allergies,
                   c.pickup_authorization, c.special_instructions]::text,
    'hold', b.hold_expires_at + interval '1 day',
    'due', array[null, b.hold_expires_at + interval '1 day']::text,
    'facts', array[e.facts::text, '{}']::text,
    'sealed', array[e.sealed, null]::text)
  from bookings.bookings b
  join bookings.customer_info i on i.booking_id = b.id
  join bookings.booking_children c on c.booking_id = b.id
  join bookings.outbox e on e.booking_id = b.id and e.topic = 'events'
 limit 1
"""


def children(pid):
    try:
        path = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
        return [int(p) for p in path.read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def cpu(pid, ended):
    """User and system time in ms; ended: with that of children it buried."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    fields = text.rpartition(")")[2].split()[11:15 if ended else 13]
    return sum(map(int, fields)) * TICK_MS


def family(pid):
    return cpu(pid, True) + sum(cpu(child, False) for child in children(pid))


class Place:
    def __init__(self, folder):
        self.folder, self.dir = folder, folder / "i"
        self.constant = None
        self.seed = 0
        self.served = 0  # by our workers
        self.started = False

    def ctl(self, *words):
        done = subprocess.run(
            [ROOT / "tools" / "instance", *map(str, words)],
            env={**os.environ, "INSTANCE_RATE_LIMIT": "off"},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            sys.exit(f"bench: {done.stderr.strip()}")
        return done.stdout.strip()

    def psql(self, text):
        done = subprocess.run(
            ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h",
             self.home / "run", "-U", "postgres", "-d", "booking"],
            input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True)
        if done.returncode != 0:
            sys.exit(f"bench: {done.stderr.strip()}")
        return done.stdout.strip()

    # ---- start ---------------------------------------------------------------

    def start(self):
        subprocess.run(["make", "-s", "-C", BUILD, "bench/constant"],
                       check=True)
        self.started = True
        self.ctl("start", self.dir, 0)
        self.home = pathlib.Path(self.ctl("home", self.dir))
        self.url = self.ctl("url", self.dir)
        self.env = dict(line.split("=", 1)
                        for line in self.ctl("env", self.dir).splitlines())
        self.pids = {name: int(self.ctl(name, "pid", self.dir))
                     for name in ("pg", "redis", "api", "nginx")}
        self.workers = len(children(self.pids["api"]))
        self.fsync = self.psql("show fsync")

    def context(self):
        return ssl.create_default_context(
            cafile=self.home / "tls" / "cert.pem")

    def fetch(self, path, token=None, body=None):
        request = urllib.request.Request(self.url + path, body)
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        if body:
            request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, context=self.context()) as answer:
            return answer.read()

    def token(self, customer):
        def part(value):
            return base64.urlsafe_b64encode(value).rstrip(b"=")
        claims = {"sub": customer, "exp": int(time.time()) + 7200,
                  "scope": "booking:create booking:read booking:update"}
        signed = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(
            json.dumps(claims).encode())
        mac = hmac.new(self.env["JWT_SECRET"].encode(), signed, hashlib.sha256)
        return (signed + b"." + part(mac.digest())).decode()

    def lines(self, name, lines):
        path = self.folder / name
        path.write_text("".join(f"{line}\n" for line in lines))
        return str(path)

    def fill(self):
        """Franchises, days, customers; a first booking; the other worker."""
        self.psql(FILL % {"franchises": FRANCHISES, "days": DAYS})
        today = datetime.datetime.now(datetime.timezone.utc).date()
        franchises = [f"00000000-0000-4000-9000-{n:012}"
                      for n in range(1, FRANCHISES + 1)]
        days = [str(today + datetime.timedelta(days=n))
                for n in range(1, DAYS + 1)]
        self.tokens = {}
        for number in range(1, CUSTOMERS + 1):
            customer = f"00000000-0000-4000-a000-{number:012}"
            self.tokens[customer] = self.token(customer)
        paths = [f"/api/v1/availability/{f}?date={d}"
                 for f in franchises for d in days]
        self.hot = paths[0]
        self.files = {
            "BENCH_DIR": str(HERE),
            "BENCH_TOKENS": self.lines("tokens", self.tokens.values()),
            "BENCH_FRANCHISES": self.lines("franchises", franchises),
            "BENCH_DAYS": self.lines("days", days),
        }
        self.every_day = paths
        self.paths = self.lines("paths", paths)
        body = json.dumps({
            "franchise_id": franchises[0],
            "start_datetime": f"{days[0]}T08:00:00Z",
            "end_datetime": f"{days[0]}T10:00:00Z",
            "customer_info": {
                "name": "John Doe", "email": "john@example.com",
                "phone": "+1234567890",
                "emergency_contact": "Jane Doe +1234567891"},
            "child_info": {"name": "Alice Doe", "age": 5,
                           "allergies": "Peanuts",
                           "pickup_authorization": "John Doe, Jane Doe"},
        }).encode()
        self.fetch("/api/v1/bookings", next(iter(self.tokens.values())), body)
        self.script = Script(ROOT / "sql" / "queries" / "bookings.sql",
                             json.loads(self.psql(SAMPLE)), today, FRANCHISES,
                             DAYS, CUSTOMERS)
        self.script_file = self.lines("create.pgbench.sql",
                                      [self.script.text])
        self.start_constant()
        self.run("create", 1)
        self.list_bookings()

    def list_bookings(self):
        rows = self.psql("select id, customer_id from bookings.bookings "
                         "where customer_id::text like "
                         "'00000000-0000-4000-a000-%' limit 2000")
        self.bookings = self.lines("bookings", [
            f"/api/v1/bookings/{b} {self.tokens[c]}"
            for b, c in (row.split("|") for row in rows.splitlines())])

    def start_constant(self):
        """The bases' locations, in the very nginx that serves ours."""
        value = self.fetch(self.hot)
        redis = self.home / "run" / "redis.sock"
        subprocess.run(["redis-cli", "-s", redis, "-x", "SET",
                        "bench:constant"], input=value, check=True,
                       stdout=subprocess.DEVNULL)
        drop = []
        if os.getuid() == 0:
            drop = ["setpriv", "--reuid", self.ctl("user", self.dir),
                    "--regid", str(self.home.stat().st_gid), "--clear-groups"]
        program = self.home / "app" / "bin" / "constant"
        program.write_bytes((BUILD / "bench" / "constant").read_bytes())
        program.chmod(0o755)
        path = self.home / "run" / "constant.sock"
        self.constant = subprocess.Popen(
            drop + [program, path, redis, "bench:constant",
                    str(self.workers)], stdin=subprocess.DEVNULL)
        while not path.exists() or \
                len(children(self.constant.pid)) < self.workers:
            if self.constant.poll() is not None:
                sys.exit("bench: the constant worker does not start")
            time.sleep(0.01)

        conf = self.home / "nginx"
        pools = (conf / "fastcgi-booking.conf").read_text()
        (conf / "bench-fastcgi.conf").write_text(
            pools.replace(str(self.home / "run" / "api.sock"), str(path)))
        site = (conf / "booking.conf").read_text()
        text = value.decode().replace("'", "").replace("$", "")
        (conf / "booking.conf").write_text(site.replace("\tlocation / {", f"""\
	location = /bench/constant {{
		include {conf}/headers.conf;
		default_type application/json;
		return 200 '{text}';
	}}
	location = /bench/worker {{
		include {conf}/headers.conf;
		include {conf}/bench-fastcgi.conf;
	}}
	location / {{""", 1))
        for name in ("bench-fastcgi.conf", "booking.conf"):
            (conf / name).chmod(0o644)
        before = set(children(self.pids["nginx"]))
        os.kill(self.pids["nginx"], 1)
        while before & set(children(self.pids["nginx"])):
            time.sleep(0.01)
        assert self.fetch("/bench/worker") == value
        self.fetch("/bench/constant")

    def warm(self):
        """Every day of the spread in the cache."""
        connection = http.client.HTTPSConnection(
            "127.0.0.1", int(self.url.rpartition(":")[2]),
            context=self.context())
        for path in self.every_day:
            if connection.sock is None:
                connection.connect()
            connection.request("GET", path)
            connection.getresponse().read()
        connection.close()

    # ---- one run -------------------------------------------------------------

    def run(self, name, seconds):
        self.seed += 1
        log = self.home / "log" / "api.log"
        offset = log.stat().st_size
        before = self.usage()
        if name == "pgbench":
            run = self.pgbench(seconds)
        else:
            run = self.wrk(name, seconds)
        after = self.usage()
        if name in OURS:
            self.served += run["requests"]
        for part, ms in after.items():
            run[part] = (ms - before[part]) / run["requests"] * 1000
        run["pg_trips"], run["redis_trips"] = self.trips(
            log, offset) if name in OURS else (None, None)
        return run

    def wrk(self, name, seconds):
        script, path, connections, env = {
            "nginx": ("fixed", "/bench/constant", CONNECTIONS, {}),
            "worker": ("fixed", "/bench/worker", CONNECTIONS, {}),
            "hot": ("fixed", self.hot, CONNECTIONS, {}),
            "spread": ("list", "/", CONNECTIONS, {"BENCH_LIST": self.paths}),
            "create": ("create", "/", 2 * self.workers, {}),
            "get": ("list", "/", CONNECTIONS, {
                "BENCH_LIST": getattr(self, "bookings", "")}),
        }[name]
        done = subprocess.run(
            ["wrk", "-t1", f"-c{int(connections)}", f"-d{seconds}s", "-T10s", "-s",
             HERE / f"{script}.lua", self.url + path],
            env={**os.environ, **self.files, **env,
                 "BENCH_SEED": str(self.seed)},
            stdout=subprocess.PIPE, text=True, check=True)
        found = json.loads(re.search(r"^BENCH (.*)$", done.stdout,
                                     re.M).group(1))
        return {"requests": found["requests"],
                "rps": found["requests"] / found["us"] * 1e6,
                "p50": found["p50"] / 1000, "p99": found["p99"] / 1000,
                "refused": found["refused"], "failed": found["failed"]}

    def pgbench(self, seconds):
        prefix = self.folder / f"pgbench-{self.seed}"
        done = subprocess.run(
            [self.tool("pgbench"), "-n", "-M", "prepared", "-c",
             str(self.workers), "-j", "1", "-T", str(seconds), "-l",
             f"--log-prefix={prefix}", "--random-seed", str(self.seed), "-f",
             self.script_file, *self.script.variables(self.seed), "-h",
             str(self.home / "run"), "-U", "booking_api", "booking"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            sys.exit(f"bench: pgbench: {done.stderr.strip()[-2000:]}")
        took = []
        for path in self.folder.glob(prefix.name + ".*"):
            took += [int(line.split()[2]) for line in
                     path.read_text().splitlines()]
            path.unlink()
        took.sort()
        rps = float(re.search(r"^tps = ([0-9.]+)", done.stdout, re.M).group(1))
        return {"requests": len(took), "rps": rps,
                "p50": took[len(took) // 2] / 1000,
                "p99": took[len(took) * 99 // 100] / 1000,
                "refused": 0, "failed": 0}

    @staticmethod
    def tool(name):
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob(
            f"*/bin/{name}"), key=lambda p: int(p.parts[4]))
        return str(found[-1]) if found else name

    # ---- what it cost --------------------------------------------------------

    def usage(self):
        client = resource.getrusage(resource.RUSAGE_CHILDREN)
        return {
            "nginx": family(self.pids["nginx"]),
            "workers": family(self.pids["api"]) + (
                family(self.constant.pid) if self.constant else 0),
            "postgres": family(self.pids["pg"]),
            "redis": cpu(self.pids["redis"], False),
            "client": (client.ru_utime + client.ru_stime) * 1000,
        }

    @staticmethod
    def trips(log, offset):
        """The mean over the last lines of the run."""
        with open(log, "rb") as file:
            file.seek(max(offset, log.stat().st_size - 2_000_000))
            lines = file.read().decode(errors="replace").splitlines()[1:]
        found = [(int(m[1]), int(m[2])) for m in (re.search(
            r'"pg_trips":(\d+).*"redis_trips":(\d+)', line) for line in lines)
            if m]
        if not found:
            return 0.0, 0.0
        return (sum(pg for pg, _ in found) / len(found),
                sum(redis for _, redis in found) / len(found))

    def memory(self):
        """Of the largest worker, in KiB."""
        found = []
        for pid in children(self.pids["api"]):
            text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            kib = {m[1]: int(m[2]) for m in
                   re.finditer(r"^(\w+): +(\d+) kB", text, re.M)}
            found.append({"rss": kib["Rss"], "pss": kib["Pss"],
                          "own": kib["Private_Clean"] + kib["Private_Dirty"]})
        return max(found, key=lambda m: m["rss"])

    def close(self):
        if self.constant is not None:
            for pid in children(self.constant.pid):
                os.kill(pid, 9)
            self.constant.kill()
            self.constant.wait()
        if self.started:
            self.ctl("reset", self.dir)
