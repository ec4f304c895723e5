"""conftest.py: one product for all tests of a process; what must hold after each of
them, and after all."""
import os
import pathlib
import sys

import pytest

import product

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from relays import SCHEMAS, Relay, in_order, read_events  # noqa: E402


def left_behind(home):
    """Processes that run in or out of a folder."""
    found = []
    for proc in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            line = (proc / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            here = os.readlink(proc / "cwd")
        except OSError:
            continue
        if f"{home}/" in line or here.startswith(str(home)):
            found.append(f"{proc.name}: {line}")
    return found


def every_event_is_what_its_schema_says(world, folder):
    """What all tests told, sent by the relay."""
    folder.chmod(0o755)
    told = world.one("select count(*) from bookings.outbox where topic = 'events'")
    Relay(world.settings, "events", folder / "relay.log",
          EVENTS_FILE=folder / "events.jsonl").once()
    events = read_events(folder / "events.jsonl")
    assert len(events) == told
    assert in_order(events)
    assert world.one("select count(*) from bookings.outbox where topic = 'events' and"
                     " sent_at is null") == 0
    assert {e["event_type"] for e in events} <= set(SCHEMAS)


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    world = product.World(tmp_path_factory.mktemp("world") / "i")
    yield world
    try:
        world.ctl("verify")
        every_event_is_what_its_schema_says(world, tmp_path_factory.mktemp("events"))
    finally:
        home = world.home
        world.stop()
    assert not home.exists()
    assert not left_behind(home)


@pytest.fixture(autouse=True)
def invariants(request):
    """After every test: the books balance, nothing crashed, nothing leaked."""
    if "world" not in request.fixturenames:
        yield
        return
    world = request.getfixturevalue("world")
    workers = world.workers()
    yield
    if request.node.get_closest_marker("kills_workers"):
        world.renewed(workers)
    world.check_books()
    world.check_logs()
    if not request.node.get_closest_marker("kills_workers"):
        assert world.workers() == workers, "a worker ended"


def pytest_configure(config):
    config.addinivalue_line("markers", "kills_workers: other workers run after this test")
