"""What a newcomer does: up, demo, copy and paste, down; and again, beside another."""
import os
import pathlib
import signal
import stat
import subprocess
import time

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]


def run(*words, check=True, **environment):
    done = subprocess.run([str(w) for w in words], env={**os.environ, **environment}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/")
    assert not check or done.returncode == 0, done.stdout
    return done


def instance(*words, **kw):
    return run(TREE / "tools/instance", *words, **kw)


def dev(folder, *words, **kw):
    return run(TREE / "dev", *words, DEV_DIR=str(folder), **kw)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dev") / "i"
    instance("start", folder, "0", INSTANCE_RATE_LIMIT="off", INSTANCE_STRIPE="sandbox")
    instance("demo", folder)
    yield folder
    instance("reset", folder, check=False)


def test_the_demo_is_as_told_and_can_be_repeated(folder):
    for _ in range(2):
        told = dev(folder, "demo").stdout
        assert "19 steps, all as expected." in told
        assert "checkout.session.completed" in told and "charge.refunded" in told
    assert dev(folder, "ctl", "verify").returncode == 0


def test_the_walk_through_can_be_pasted(folder):
    told = dev(folder, "walk").stdout
    script = told[told.index("export URL="):]
    answers = run("bash", "-euo", "pipefail", "-c", script).stdout
    assert '"status":"pending"' in answers and '"cancelled_at":"' in answers
    assert "/docs/errors" not in answers, answers


def test_a_token_is_printed_and_nothing_else(folder):
    token = dev(folder, "token").stdout
    assert token.count("\n") == 1 and token.count(".") == 2
    home = pathlib.Path(folder).resolve()
    assert token.strip() not in (home / "log/api.log").read_text()


def test_secrets_are_closed_and_kept(folder):
    home = pathlib.Path(folder).resolve()
    for name in ("secrets", "secrets.sandbox", "stripe.env", "env", "tls/key.pem"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600, name
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    secrets = ("secrets", "secrets.sandbox", "stripe.env")
    before = [(home / name).read_text() for name in secrets]
    sandbox = instance("sandbox", "pid", folder).stdout
    port = instance("port", folder).stdout
    instance("start", folder, INSTANCE_RATE_LIMIT="off")
    assert [(home / name).read_text() for name in secrets] == before
    # It has the payments in its memory.
    assert instance("sandbox", "pid", folder).stdout == sandbox
    assert instance("port", folder).stdout == port
    instance("demo", folder)


def test_no_service_runs_as_root(folder):
    for part in ("pg", "redis", "api", "nginx", "sandbox", "payments"):
        pid = instance(part, "pid", folder).stdout.strip()
        assert os.stat(f"/proc/{pid}").st_uid != 0, part


def test_nothing_of_it_keeps_the_lock_or_a_shell(folder):
    home = str(pathlib.Path(folder).resolve())
    for proc in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            links = [os.readlink(fd) for fd in (proc / "fd").iterdir()]
            words = (proc / "cmdline").read_text()
        except OSError:
            continue
        assert home not in links, words
        assert "tools/instance" not in words or home not in words, words


def test_what_died_is_told_and_started_again(folder):
    for part in ("redis", "nginx", "api", "sandbox", "payments"):
        instance(part, "kill", folder)
        # The kernel needs a moment to take a killed one away.
        end = time.monotonic() + 10
        while instance(part, "pid", folder, check=False).returncode == 0:
            assert time.monotonic() < end, part
        done = dev(folder, "status", check=False)
        assert done.returncode == 3 and f"{part:9} does not run" in done.stdout
    instance("start", folder)
    assert dev(folder, "status").returncode == 0


def test_another_one_stands_beside_it(folder, tmp_path):
    other = tmp_path / "other"
    try:
        instance("start", other, "0")
        # Nothing of Stripe's unless it is asked for.
        assert "sandbox" not in dev(other, "status").stdout
        assert instance("port", other).stdout != instance("port", folder).stdout
        taken = instance("nginx", "start", other, instance("port", folder).stdout.strip(), check=False)
        assert taken.returncode == 1 and "is taken by another program" in taken.stdout
        assert dev(folder, "status").returncode == 0
        instance("start", other, "0", INSTANCE_STRIPE="sandbox")
        assert instance("sandbox_url", other).stdout != instance("sandbox_url", folder).stdout
        instance("demo", other)
        assert dev(other, "demo").returncode == 0
        instance("start", other, INSTANCE_STRIPE="off")
        assert instance("sandbox", "pid", other, check=False).returncode == 1
        assert instance("payments", "pid", other, check=False).returncode == 1
        assert "STRIPE_SECRET_KEY" not in instance("env", other).stdout
    finally:
        instance("reset", other, check=False)
    assert not other.exists()
    assert dev(folder, "status").returncode == 0


def test_a_path_too_long_for_a_socket_is_no_obstacle(tmp_path):
    folder = tmp_path / ("long" * 25)
    try:
        told = instance("redis", "start", folder).stdout
        assert "its path is too long for a socket" in told
        home = folder.resolve()
        assert str(home) in told and (home / "run/redis.sock").exists()
    finally:
        instance("reset", folder)
    assert not home.exists() and not folder.is_symlink()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_with_sudo_the_services_are_the_callers(tmp_path):
    folder = tmp_path / "i"
    for path in (tmp_path, *tmp_path.parents):
        if path.owner() == "root" and str(path).startswith("/tmp/"):
            path.chmod(0o1777)
    try:
        instance("redis", "start", folder, SUDO_USER="www-data")
        assert instance("user", folder).stdout.strip() == "www-data"
        pid = int(instance("redis", "pid", folder).stdout)
        assert pathlib.Path(f"/proc/{pid}").owner() == "www-data"
        # As that user alone: nothing of root's is in the way.
        as_user = ["setpriv", "--reuid=www-data", "--regid=www-data", "--clear-groups", "--"]
        run(*as_user, TREE / "tools/instance", "pg", "start", folder)
        refused = run("setpriv", "--reuid=games", "--regid=games", "--clear-groups", "--",
                      TREE / "tools/instance", "pg", "stop", folder, check=False)
        assert refused.returncode == 1 and "belongs to www-data" in refused.stdout
    finally:
        instance("reset", folder)


@pytest.mark.parametrize("name", ["i", "long" * 25])
def test_two_at_once_take_turns(tmp_path, name):
    folder = tmp_path / name
    try:
        both = [subprocess.Popen([TREE / "tools/instance", "redis", "start", folder]) for _ in "ab"]
        assert [p.wait(60) for p in both] == [0, 0]
        assert instance("redis", "pid", folder).stdout.count("\n") == 1
    finally:
        instance("reset", folder)


def test_a_stopped_process_does_not_hold_up_the_end(folder):
    """Last: it stops everything."""
    pid = int(instance("redis", "pid", folder).stdout)
    os.kill(pid, signal.SIGSTOP)
    dev(folder, "down")
    done = dev(folder, "status", check=False)
    assert done.returncode == 3 and done.stdout.count("does not run") == 6


def test_a_key_of_the_callers_goes_to_stripe_and_a_live_one_nowhere(tmp_path):
    folder = tmp_path / "i"
    key = {"INSTANCE_STRIPE": "real", "STRIPE_SECRET_KEY": "sk_test_mine",
           "STRIPE_WEBHOOK_SECRETS": "whsec_old,whsec_new"}
    try:
        instance("redis", "start", folder, **key)
        told = instance("env", folder).stdout.splitlines()
        assert "STRIPE_SECRET_KEY=sk_test_mine" in told
        assert "STRIPE_WEBHOOK_SECRETS=whsec_old,whsec_new" in told
        assert not [line for line in told if line.startswith("STRIPE_URL=")]
        # Kept for who restarts a part without it.
        instance("redis", "start", folder)
        assert instance("env", folder).stdout.splitlines() == told
        refused = instance("redis", "start", folder, check=False,
                           **{**key, "STRIPE_SECRET_KEY": "sk_live_mine"})
        assert refused.returncode == 1 and "no test key" in refused.stdout
    finally:
        instance("reset", folder)
