"""boot.py: a systemd of its own (tests/boot/machine), with the installed product,
Postgres, Redis, nginx and the Stripe sandbox as units in it, set up by the steps
of docs/operators.md."""

import base64
import json
import pathlib
import queue
import secrets
import shutil
import subprocess
import threading

from fcgi_client import ask
from live import until
from units import ROOT, Image

SOCKET = "/run/customer-booking/api.sock"
MEMORY = "/run/customer-booking/memory/shared"
FRANCHISE = "00000000-0000-4000-8000-000000000001"  # of sql/demo.sql
HOST, STRIPE_HOST = "booking.example.com", "stripe.example.com"
STRIPE_PORT = 12111
STRIPE_KEY, WEBHOOK_SECRET = "sk_test_boot_" + "7" * 24, "whsec_boot_" + "8" * 24
ROLES = """
create role booking_owner login;
create role booking_api login;
create role booking_relay login;
create database booking owner booking_owner template template0 encoding 'UTF8' locale 'C.UTF-8';
revoke connect, temporary on database booking from public;
grant connect on database booking to booking_api, booking_relay;
"""
# A call that the filter of a unit refuses ends the program, and so the test.
STRICT = "[Service]\nSystemCallErrorNumber=kill\n"

POSTGRES = """[Service]
Type=notify
User=postgres
RuntimeDirectory=postgresql
ExecStartPre=/bin/sh -c 'test -e /var/lib/boot-pg/PG_VERSION || exec {bin}/initdb -D /var/lib/boot-pg -E UTF8 --locale=C.UTF-8 --auth-local=peer --auth-host=reject --no-sync'
ExecStartPre=/bin/sh -c 'cp /etc/boot/pg_hba.conf /etc/boot/pg_ident.conf /var/lib/boot-pg/'
ExecStart={bin}/postgres -D /var/lib/boot-pg -k /run/postgresql -c listen_addresses= -c fsync=off
KillSignal=SIGINT
"""
# As docs/operators.md has it: root may act as the owner of the tables.
PG_HBA = """local booking booking_owner peer map=booking
local all all peer
"""
PG_IDENT = "booking root booking_owner\n"
REDIS = """[Service]
ExecStart=/usr/bin/redis-server --port 6379 --bind 127.0.0.1 --save '' --daemonize no
"""
SANDBOX = """[Service]
Environment=STRIPE_SANDBOX_KEY={key} STRIPE_SANDBOX_WEBHOOK_SECRET={secret}
ExecStart=/opt/sandbox/stripe-sandbox --listen 127.0.0.1:{port} --webhook-ca {conf}/tls/cert.pem --webhook-url https://localhost/api/v1/webhooks/stripe
"""
NGINX = """user www-data;
worker_processes 2;
error_log /var/log/nginx/error.log;
pid /run/nginx.pid;
events {{ worker_connections 1024; }}
http {{
	include {conf}/nginx/http.conf;
	include {conf}/nginx/limits.conf;
	include {conf}/nginx/booking.conf;
	# Stripe, as the programs see it: a name, TLS, a known authority.
	server {{
		listen 443 ssl;
		server_name {stripe};
		ssl_certificate {conf}/tls/cert.pem;
		ssl_certificate_key {conf}/tls/key.pem;
		location / {{ proxy_pass http://127.0.0.1:{port}; }}
	}}
}}
"""


def key():
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()


class Machine:
    """One that runs; every process of it ends with stop()."""

    def __init__(self, folder, image, log):
        self.log = log.open("ab")
        self.process = subprocess.Popen(
            # It ends with us, however we end.
            ["setpriv", "--pdeathsig", "TERM", "--",
             ROOT / "tests" / "boot" / "machine", folder, image],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        try:
            self.first = until(self.find_first, "systemd as a first process", 30)
            self.root = pathlib.Path(f"/proc/{self.first}/root")
            until(lambda: self.systemctl("is-active", "booking-boot.target").stdout
                  == "active\n", "a machine that has booted", 60)
        except BaseException:
            self.stop()
            raise

    def find_first(self):
        """The pid, here, of its first process."""
        assert self.process.poll() is None, "the machine ended: see its log"
        pid = self.process.pid
        while True:
            try:
                path = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
                name = pathlib.Path(f"/proc/{pid}/comm").read_text()
                below = path.read_text().split()
            except (FileNotFoundError, ProcessLookupError):
                return None
            if name == "systemd\n":
                return pid
            if not below:
                return None
            pid = int(below[0])

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        finally:
            self.process.kill()
            self.process.wait()
            self.log.close()

    def run(self, *argv, user=None, given=None, timeout=120):
        """In the machine, as root or as a user of its own."""
        words = ["nsenter", "-t", str(self.first), "-m", "-p", "-u", "-i", "-n",
                 "-C", "--wd=/"]
        if user:
            group = self.must("id", "-g", user).strip()
            words += ["setpriv", f"--reuid={user}", f"--regid={group}",
                      "--init-groups"]
        return subprocess.run(
            [*words, *map(str, argv)], input=given, text=True, timeout=timeout,
            capture_output=True, stdin=None if given else subprocess.DEVNULL,
            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                 "LC_ALL": "C.UTF-8"})

    def must(self, *argv, **options):
        done = self.run(*argv, **options)
        assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
        return done.stdout

    def systemctl(self, *words):
        return self.run("systemctl", *words)

    def show(self, unit, name):
        return self.must("systemctl", "show", "-P", name, unit).strip()

    def active(self, unit):
        return self.show(unit, "ActiveState")

    def path(self, name):
        return self.root / str(name).lstrip("/")

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def journal(self, unit=None, since=None, grep=None):
        """What a unit has logged, or all have, and systemd of it."""
        words = ["-u", unit] if unit else []
        words += [f"--after-cursor={since}"] if since else []
        words += [f"--grep={grep}"] if grep else []
        done = self.run("journalctl", "--no-pager", "-q", "-o", "cat", *words)
        # 1: there are no such lines.
        assert done.returncode == 0 or (grep and not done.stderr), done
        return done.stdout

    def now(self):
        """So far, for `since`.  What was logged before is to be there: on a busy
        machine the journal is late, and it would count as logged after."""
        self.must("journalctl", "--sync")
        said = self.must("journalctl", "--no-pager", "-n", "1", "-o", "cat",
                         "--show-cursor")
        return said.rpartition("-- cursor: ")[2].strip()

    def events(self, unit, event, since=None):
        """The lines of one event in the log of a unit."""
        lines = (json.loads(line) for line in
                 self.journal(unit, since, f'"event":"{event}"').splitlines()
                 if line.startswith("{") and line.endswith("}"))
        return [line for line in lines if line.get("event") == event]

    def processes(self, unit):
        """The processes of a unit: {pid, here: pid, in the machine}."""
        group = self.show(unit, "ControlGroup")
        path = self.path("/sys/fs/cgroup" + group) / "cgroup.procs"
        found = {}
        for pid in path.read_text().split() if group else ():
            try:
                found[int(pid)] = int(self.status(pid)["NSpid"].split()[-1])
            except (FileNotFoundError, ProcessLookupError):
                pass  # it has ended meanwhile
        return found

    def main(self, unit):
        """The main process of a unit: its pid, here."""
        inner = int(self.show(unit, "MainPID"))
        (pid,) = [p for p, i in self.processes(unit).items() if i == inner]
        return pid

    @staticmethod
    def status(pid):
        """What the kernel says of a process."""
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
        return {name: value.strip() for name, _, value in
                (line.partition(":") for line in text.splitlines())}


def image_of(folder):
    """The installed product, and the units of what it needs."""
    image = Image.install(folder)
    conf = image.path(image.conf)
    tree = image.root
    units = tree / "etc/systemd/system"
    units.mkdir(parents=True)
    bin_ = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"),
               key=lambda p: int(p.parent.name))
    boot = tree / "etc/boot"
    boot.mkdir()
    (boot / "pg_hba.conf").write_text(PG_HBA)
    (boot / "pg_ident.conf").write_text(PG_IDENT)
    (tree / "var/lib/boot-pg").mkdir(parents=True)
    (tree / "var/log/nginx").mkdir(parents=True)
    shutil.copytree(ROOT / "sandbox", tree / "opt/sandbox",
                    ignore=shutil.ignore_patterns("__pycache__"))
    (units / "postgresql.service").write_text(POSTGRES.format(bin=bin_))
    (units / "redis-server.service").write_text(REDIS)
    (units / "stripe-sandbox.service").write_text(SANDBOX.format(
        key=STRIPE_KEY, secret=WEBHOOK_SECRET, port=STRIPE_PORT, conf=image.conf))
    for unit in ("booking-api.service", "booking-relay@.service"):
        (units / f"{unit}.d").mkdir()
        (units / f"{unit}.d" / "strict.conf").write_text(STRICT)
    nginx = tree / "etc/nginx"
    nginx.mkdir(parents=True)
    (nginx / "nginx.conf").write_text(NGINX.format(
        conf=image.conf, stripe=STRIPE_HOST, port=STRIPE_PORT))
    (conf / "tls").mkdir()
    subprocess.run(
        ["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:prime256v1", "-days", "2", "-subj", "/CN=localhost",
         "-addext", f"subjectAltName=DNS:localhost,DNS:{HOST},DNS:{STRIPE_HOST}",
         "-keyout", conf / "tls/key.pem", "-out", conf / "tls/cert.pem"],
        check=True, capture_output=True)
    return image


class Product:
    """The product on a machine of its own, with no Stripe at first."""

    def __init__(self, folder):
        self.image = image_of(folder / "image")
        (folder / "machine").mkdir()
        self.conf = self.image.conf
        self.machine = Machine(folder / "machine", self.image.root,
                               folder / "machine.log")
        try:
            self.set_up()
        except BaseException:
            print(self.machine.run("journalctl", "--no-pager", "-n40").stdout)
            self.machine.stop()
            raise

    def set_up(self):
        m = self.machine
        m.must("chown", "postgres:", "/var/lib/boot-pg")
        m.must("systemctl", "start", "postgresql", "redis-server")
        m.must("psql", "-qX", "-v", "ON_ERROR_STOP=1", "-d", "postgres",
               user="postgres", given=ROLES)
        environment = m.path(self.conf) / "environment"
        text = environment.read_text()
        assert "\nPUBLIC_URL=\n" in text
        environment.write_text(text.replace("\nPUBLIC_URL=\n",
                                            f"\nPUBLIC_URL=https://{HOST}\n")
                               + f"STRIPE_URL=https://{STRIPE_HOST}\n"
                               "API_WORKERS=4\n")
        m.write("/etc/hosts", f"127.0.0.1 localhost {HOST} {STRIPE_HOST}\n")
        authorities = m.path("/etc/ssl/certs/ca-certificates.crt")
        certificate = (m.path(self.conf) / "tls/cert.pem").read_text()
        authorities.write_text(authorities.read_text() + certificate)
        self.secrets = {"JWT_SECRET": key(), "SESSION_SECRET": key(),
                        "LOOKUP_SECRET": key(), "ENCRYPTION_KEYS": f"1:{key()}"}
        for name, value in self.secrets.items():
            self.give(name, value)
        self.ctl("migrate")
        demo = (ROOT / "sql" / "demo.sql").read_text()
        m.must("psql", "-qX", "-v", "ON_ERROR_STOP=1", "-U", "booking_owner", "-d",
               "booking", given=demo)
        m.must("systemctl", "enable", "--now", "customer-booking.target")
        until(lambda: m.active("booking-api.service") == "active", "a pool", 60)

    def give(self, name, value):
        """A secret, as an operator puts it there."""
        self.secrets[name] = value
        self.machine.write(f"{self.conf}/credentials/{name}", value + "\n", 0o400)

    def take_away(self, name):
        self.machine.path(f"{self.conf}/credentials/{name}").unlink()

    def ctl(self, *words, **options):
        return self.machine.must(self.image.program("booking-env"),
                                 self.image.program("bookingctl"), *words, **options)

    def sql(self, statement):
        out = self.machine.must("psql", "-qXAt", "-d", "booking", "-c", statement,
                                user="postgres")
        return out.strip()

    @property
    def socket(self):
        return self.machine.path(SOCKET)

    def ask(self, method, path, token=None, body=None, timeout=30):
        """As nginx would."""
        raw = b"" if body is None else json.dumps(body).encode()
        headers = [("HTTP_HOST", HOST)]
        if token:
            headers.append(("HTTP_AUTHORIZATION", f"Bearer {token}"))
        answer = ask(self.socket, method, path, raw, headers, timeout)
        try:
            return answer.status, json.loads(answer.body)
        except ValueError:
            return answer.status, answer.body

    def curl(self, path, *options, user="nobody"):
        """Through nginx: the status and the body."""
        out = self.machine.must(
            "curl", "-sS", "-m", "30", "-w", "\n%{http_code}",
            f"https://{HOST}{path}", *options, user=user)
        body, _, status = out.rpartition("\n")
        return int(status), body

    def sandbox(self, method, path, body=None):
        """The control endpoint of the Stripe sandbox."""
        words = ["curl", "-sS", "-m", "60", "-X", method,
                 f"http://localhost:{STRIPE_PORT}/_control{path}"]
        if body is not None:
            words += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        return json.loads(self.machine.must(*words))

    def stop(self):
        self.machine.stop()


class Clients:
    """Clients that ask all the time; what failed is kept."""

    def __init__(self, path, count=6):
        self.path, self.ended = path, threading.Event()
        self.failed, self.done = queue.Queue(), 0
        self.threads = [threading.Thread(target=self.work) for _ in range(count)]

    def work(self):
        while not self.ended.is_set():
            try:
                status = ask(self.path, timeout=60).status
            except OSError as e:
                status = e
            self.done += 1
            if status != 200:
                self.failed.put(status)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()
        print(f"{self.done} requests, {self.failed.qsize()} failed")

    def more(self, count=50, seconds=60):
        goal = self.done + count
        until(lambda: self.done >= goal, f"{count} more answers", seconds)
