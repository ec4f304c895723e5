"""conftest.py: a private Postgres for the tests of sql/, and databases in it.

Every test that writes gets a database of its own, copied from one that
`bookingctl migrate` made as booking_owner."""

import itertools
import os
import pathlib
import subprocess

import psycopg2
import psycopg2.extras
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build"))
BOOKINGCTL = BUILD / "bookingctl"
SQL = ROOT / "sql"

psycopg2.extras.register_uuid()


class Server:
    """Postgres and Redis, beside which tools/with-services runs a `cat` that
    ends when its input does."""

    def __init__(self):
        self.process = subprocess.Popen(
            [ROOT / "tools/with-services", "sh", "-c",
             'printf "%s\\n%s\\n" "$PGHOST" "$TEST_REDIS_SOCKET"; exec cat'],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.host = self.process.stdout.readline().strip()
        self.redis = self.process.stdout.readline().strip()
        assert self.host, "the services did not start"
        self.numbers = itertools.count(1)

    def stop(self):
        self.process.stdin.close()
        self.process.wait(30)

    def url(self, database, role="booking_owner"):
        return f"host={self.host} user={role} dbname={database}"

    def connect(self, database, role="booking_owner"):
        connection = psycopg2.connect(self.url(database, role))
        connection.autocommit = True
        return connection

    def run(self, statement, database="postgres", role="postgres"):
        connection = self.connect(database, role)
        try:
            connection.cursor().execute(statement)
        finally:
            connection.close()

    def make(self, template="template1"):
        name = f"db{next(self.numbers)}"
        self.run(f"create database {name} owner booking_owner template {template}")
        return name

    def script(self, database, path):
        """A file through psql, which stops at the first error."""
        done = subprocess.run(
            ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", self.host,
             "-U", "booking_owner", "-d", database, "-f", str(path)],
            capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def dump(self, database):
        """The schema as pg_dump writes it, but for the runner's own notes."""
        done = subprocess.run(
            ["pg_dump", "-s", "-h", self.host, "-U", "booking_owner", "-d", database,
             "--exclude-schema=meta"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        # Newer pg_dump writes a line that is different every time.
        return [line for line in done.stdout.split("\n")
                if not line.startswith(("\\restrict", "\\unrestrict"))]


class World:
    """One database, and what the tests do with it."""

    def __init__(self, server, name):
        self.server, self.name = server, name
        self.owner = server.connect(name)
        self.connections = [self.owner]

    def connect(self, role="booking_owner"):
        self.connections.append(self.server.connect(self.name, role))
        return self.connections[-1]

    def close(self):
        for connection in self.connections:
            connection.close()

    def all(self, statement, parameters=None, connection=None):
        cursor = (connection or self.owner).cursor()
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []

    def one(self, statement, parameters=None, connection=None):
        rows = self.all(statement, parameters, connection)
        assert len(rows) == 1, rows
        return rows[0][0] if len(rows[0]) == 1 else rows[0]

    def refused(self, sqlstate, statement, parameters=None, connection=None):
        """It must fail, with this SQLSTATE; returns the error's diagnostics."""
        with pytest.raises(psycopg2.Error) as caught:
            self.all(statement, parameters, connection)
        assert caught.value.pgcode == sqlstate, caught.value
        return caught.value.diag

    def ctl(self, *words, **settings):
        env = {"PATH": "/usr/bin:/bin", "SQL_DIR": str(SQL),
               "DATABASE_ADMIN_URL": self.server.url(self.name),
               "REDIS_URL": f"unix://{self.server.redis}"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:
                env[name] = os.environ[name]
        env.update(settings)
        return subprocess.run([BOOKINGCTL, *map(str, words)], env=env,
                              capture_output=True, text=True)


@pytest.fixture(scope="session")
def server():
    assert BOOKINGCTL.exists(), f"{BOOKINGCTL} is not built"
    server = Server()
    try:
        for role in ("booking_owner", "booking_api", "booking_relay"):
            server.run(f"create role {role} login")
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def migrated(server):
    """A database that has been migrated and is then left alone."""
    name = server.make()
    world = World(server, name)
    done = world.ctl("migrate")
    world.close()
    assert done.returncode == 0, done.stderr
    return name


@pytest.fixture(scope="session")
def with_demo(server, migrated):
    """The same with the demo franchises."""
    name = server.make(migrated)
    server.script(name, SQL / "demo.sql")
    return name


@pytest.fixture
def world(server, with_demo):
    world = World(server, server.make(with_demo))
    yield world
    world.close()
    server.run(f"drop database {world.name}")


@pytest.fixture(scope="session")
def still(server, with_demo):
    """One for all tests that change nothing in it."""
    world = World(server, server.make(with_demo))
    yield world
    world.close()


@pytest.fixture
def empty(server):
    world = World(server, server.make())
    yield world
    world.close()
    server.run(f"drop database {world.name}")
