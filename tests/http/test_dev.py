"""What a newcomer does: up, demo, copy and paste, down; and again, beside another."""
import json
import os
import pathlib
import signal
import stat
import subprocess
import time

import boto3
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
    instance("start", folder, "0", INSTANCE_RATE_LIMIT="off", INSTANCE_STRIPE="sandbox",
             INSTANCE_AWS="sandbox", INSTANCE_RELAYS="events payments documents bookings")
    instance("demo", folder)
    yield folder
    instance("reset", folder, check=False)


def test_the_demo_is_as_told_and_can_be_repeated(folder):
    for _ in range(2):
        told = dev(folder, "demo").stdout
        assert "40 steps, all as expected." in told
        assert "it came out of the queue" in told and "qr_code_url" in told
        for kind in ("BookingCreated", "PaymentProcessed", "BookingCancelled"):
            assert f'"event_type": "{kind}"' in told
        assert '"status": "checked_in"' in told and "not_authorised" in told
        assert told.count("zbarimg reads: https://") == 2
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
    for name in ("secrets", "secrets.sandbox", "secrets.aws", "stripe.env", "aws.env", "env",
                 "tls/key.pem"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600, name
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    secrets = ("secrets", "secrets.sandbox", "secrets.aws", "stripe.env", "aws.env")
    before = [(home / name).read_text() for name in secrets]
    sandboxes = [instance(name, "pid", folder).stdout for name in ("sandbox", "aws")]
    port = instance("port", folder).stdout
    instance("start", folder, INSTANCE_RATE_LIMIT="off")
    assert [(home / name).read_text() for name in secrets] == before
    # They have the payments and the events in their memory.
    assert [instance(name, "pid", folder).stdout for name in ("sandbox", "aws")] == sandboxes
    assert instance("port", folder).stdout == port
    instance("demo", folder)


def test_no_service_runs_as_root(folder):
    for part in ("pg", "redis", "api", "nginx", "sandbox", "payments", "aws"):
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
    for part in ("redis", "nginx", "api", "sandbox", "payments", "aws"):
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
        # Nothing of Stripe's or AWS's unless it is asked for.
        assert "sandbox" not in dev(other, "status").stdout
        assert not [line for line in instance("env", other).stdout.splitlines()
                    if line.startswith(("AWS_", "SQS_", "S3_", "STRIPE_"))]
        refused = instance("aws", "start", other, check=False)
        assert refused.returncode == 1 and "INSTANCE_AWS=sandbox" in refused.stdout
        assert instance("port", other).stdout != instance("port", folder).stdout
        taken = instance("nginx", "start", other, instance("port", folder).stdout.strip(), check=False)
        assert taken.returncode == 1 and "is taken by another program" in taken.stdout
        assert dev(folder, "status").returncode == 0
        instance("start", other, "0", INSTANCE_STRIPE="sandbox", INSTANCE_AWS="sandbox",
                 INSTANCE_RELAYS="events payments documents bookings")
        for url in ("sandbox_url", "aws_url"):
            assert instance(url, other).stdout != instance(url, folder).stdout
        instance("demo", other)
        assert dev(other, "demo").returncode == 0
        instance("start", other, INSTANCE_STRIPE="off", INSTANCE_AWS="off")
        for part in ("sandbox", "payments", "aws"):
            assert instance(part, "pid", other, check=False).returncode == 1
        told = instance("env", other).stdout
        assert "STRIPE_SECRET_KEY" not in told and "AWS_" not in told
        told = dev(other, "queue", check=False)
        assert told.returncode == 1 and "do not go to the sandbox" in told.stdout
    finally:
        instance("reset", other, check=False)
    assert not other.exists()
    assert dev(folder, "status").returncode == 0


def settings(folder):
    lines = instance("env", folder).stdout.splitlines()
    return dict(line.split("=", 1) for line in lines)


def client(service, settings):
    return boto3.client(service, endpoint_url=settings[f"AWS_ENDPOINT_URL_{service.upper()}"],
                        region_name=settings["AWS_REGION"],
                        aws_access_key_id=settings["AWS_ACCESS_KEY_ID"],
                        aws_secret_access_key=settings["AWS_SECRET_ACCESS_KEY"])


def send(told, event, group, **more):
    client("sqs", told).send_message(
        QueueUrl=told["SQS_QUEUE_URL"], MessageGroupId=group,
        MessageBody=json.dumps({"event_type": event, "event_id": f"of-{group}",
                                "data": {"customer_email": "parent@example.com"}}), **more)


def test_events_that_arrived_are_shown_and_outlive_another_start(folder):
    told = settings(folder)
    assert told["SQS_QUEUE_URL"].endswith("/booking-events.fifo")
    assert told["SQS_QUEUE_URL"].startswith(instance("aws_url", folder).stdout.strip())
    for _ in range(2):
        send(told, "BookingCreated", "b1", MessageDeduplicationId="e1")
    client("sqs", told).receive_message(QueueUrl=told["SQS_QUEUE_URL"])
    client("s3", told).put_object(Bucket=told["S3_BUCKET"], Key="qr/1.png", Body=b"x")
    first, second = dev(folder, "queue").stdout.splitlines()
    assert "booking-events.fifo  BookingCreated  b1  of-b1" in first and "again" in second
    # What a family told is shown only if it is asked for.
    assert "parent@example.com" not in first + second
    assert "parent@example.com" in dev(folder, "queue", "--bodies").stdout
    entry = json.loads(dev(folder, "queue", "--json", "-n", "1").stdout)
    assert (entry["seq"], entry["duplicate"]) == (2, True)
    # The other kind of queue stands beside it: nothing is lost on the way.
    instance("start", folder, INSTANCE_QUEUE="standard")
    other = settings(folder)
    assert other["SQS_QUEUE_URL"] == told["SQS_QUEUE_URL"].removesuffix(".fifo")
    send(other, "BookingCancelled", "b2")
    assert len(dev(folder, "queue").stdout.splitlines()) == 3
    instance("start", folder, INSTANCE_QUEUE="fifo")
    again = settings(folder)
    assert {k: v for k, v in again.items() if "HOLDS" not in k} == {
        k: v for k, v in told.items() if "HOLDS" not in k}
    refused = instance("start", folder, check=False, INSTANCE_QUEUE="fast")
    assert refused.returncode == 1 and "fifo or standard" in refused.stdout


def test_a_queue_of_the_callers_is_handed_on_and_no_sandbox_is_started(tmp_path):
    folder = tmp_path / "i"
    mine = {"INSTANCE_AWS": "real", "AWS_REGION": "eu-west-1", "S3_BUCKET": "mine",
            "SQS_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/210987654321/mine.fifo",
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
    try:
        instance("redis", "start", folder, **mine)
        told = settings(folder)
        assert {name: told.get(name) for name in mine if name != "INSTANCE_AWS"} == {
            name: value for name, value in mine.items() if name != "INSTANCE_AWS"}
        assert "AWS_ENDPOINT_URL_SQS" not in told
        assert stat.S_IMODE((folder.resolve() / "aws.env").stat().st_mode) == 0o600
        # Kept for who restarts a part without it.
        instance("redis", "start", folder)
        assert settings(folder) == told
        refused = instance("aws", "start", folder, check=False)
        assert refused.returncode == 1 and "INSTANCE_AWS=sandbox" in refused.stdout
        assert "aws" not in instance("status", folder, check=False).stdout.replace(
            "amazonaws", "")
    finally:
        instance("reset", folder)


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
    assert done.returncode == 3 and done.stdout.count("does not run") == 10


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


def test_reset_removes_nothing_but_an_instance(tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir(mode=0o755)
    (mine / "letter").write_text("dear")
    for done in (instance("reset", mine, check=False), dev(mine, "reset", check=False)):
        assert done.returncode != 0 and "nothing is removed" in done.stdout
    assert sorted(os.listdir(mine)) == ["letter"]
