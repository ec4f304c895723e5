"""conftest.py: one product for all tests; what must hold after each of them."""
import os
import pathlib

import pytest

import product


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


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    world = product.World(tmp_path_factory.mktemp("world") / "i")
    yield world
    try:
        world.ctl("verify")
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
    world.check_books()
    world.check_logs()
    if not request.node.get_closest_marker("kills_workers"):
        assert world.workers() == workers, "a worker ended"


def pytest_configure(config):
    config.addinivalue_line("markers", "kills_workers: other workers run after this test")
