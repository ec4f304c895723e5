"""test_operators.py: an installation, a backup and a restore, typed as
docs/operators.md tells."""

import os
import re
import subprocess

import pytest

from conftest import BUILD, ROOT, SQL, Server

TEXT = (ROOT / "docs/operators.md").read_text()


def block(kind, beginning):
    found = [b for b in re.findall(rf"^```{kind}\n(.*?)^```", TEXT, re.M | re.S)
             if b.startswith(beginning)]
    assert len(found) == 1, beginning
    return found[0]


class Host:
    """A machine with an empty Postgres, a Redis, and the programs."""

    def __init__(self, folder):
        self.server = Server()
        self.folder = folder
        url = f"host={self.server.host} dbname=booking user="
        self.settings = {
            **os.environ, "PATH": f"{BUILD}:{os.environ['PATH']}", "SQL_DIR": str(SQL),
            "PGHOST": self.server.host, "PGUSER": "postgres", "PGDATABASE": "postgres",
            "DATABASE_URL": url + "booking_api", "DATABASE_ADMIN_URL": url + "booking_owner",
            "REDIS_URL": f"unix://{self.server.redis}", "RUNTIME_DIR": str(folder),
            "API_SOCKET": str(folder / "api.sock"),
            "PUBLIC_URL": "https://booking.example.com", "JWT_SECRET": "j" * 32}

    def type(self, script):
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], env=self.settings,
                              cwd=self.folder, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def psql(self, sql):
        for statement in filter(str.strip, sql.split(";")):
            self.server.run(statement)


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    host = Host(tmp_path_factory.mktemp("host"))
    try:
        host.psql(block("sql", "create role booking_owner"))
        keys = host.type(block("sh", "key()"))
        host.settings.update(line.split("=", 1) for line in keys.splitlines())
        assert "applied" in host.type(block("sh", "bookingctl migrate\n"))
        yield host
    finally:
        host.server.stop()


def test_an_installation_as_told_is_healthy(host):
    told = host.type(block("sh", "bookingctl config"))
    assert "FAIL" not in told
    assert "\nENCRYPTION_KEYS=***\n" in told
    assert host.settings["ENCRYPTION_KEYS"][2:] not in told


def test_the_settings_told_to_be_required_are(host):
    told = set(re.findall(r"`([A-Z_]+)`", re.search(r"^Required: .*$", TEXT, re.M)[0]))
    table = (ROOT / "src/app/settings.c").read_text()
    assert told == set(re.findall(r'\{ "([A-Z_]+)", CONF_\w+, [^,]*CONF_REQUIRED', table))


def test_a_backup_can_be_restored_as_told(host):
    host.type("bookingctl franchise add --name Kept --address 'Street 1' --city Lima"
              " --postal-code 15001 --timezone America/Lima --capacity 10 --standard-rate 10"
              " --open 08:00 --close 12:00")
    host.type(block("sh", "pg_dump"))
    host.psql("drop database booking;" +
              re.search(r"^create database .*$", block("sql", "create role"), re.M)[0])
    told = host.type(block("sh", "pg_restore"))
    assert "ledger = bookings" in told
    assert "Kept" in host.type("bookingctl franchise list")
    assert "FAIL" not in host.type("bookingctl doctor")
