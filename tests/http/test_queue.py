"""test_queue.py: booking-relay beside a queue and a bucket: what a booking did
arrives there, and AWS's own clients read it."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest
from botocore.exceptions import ClientError

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from aws_place import AwsPlace  # noqa: E402
from consumer import Consumer, consume  # noqa: E402
from live import V1, Live, Load, at, booking_body, day_in, until  # noqa: E402
from relays import Relay, check_event, in_order  # noqa: E402
from test_qr import decoded  # noqa: E402
from test_relay import booker, both_run, drained, life, waiting  # noqa: E402

SEND, PUT = "sqs:SendMessageBatch", "s3:PutObject"


@pytest.fixture(scope="module", params=["fifo", "standard"])
def shared(request, tmp_path_factory):
    live = Live(tmp_path_factory.mktemp("queue"),
                {"INSTANCE_AWS": "sandbox", "INSTANCE_QUEUE": request.param},
                HOLDS_MAX=1000000, API_WORKERS=4)
    try:
        live.start()
        live.aws, live.fifo = AwsPlace(live), request.param == "fifo"
        yield live
    finally:
        live.reset()


@pytest.fixture
def live(shared):
    shared.sql("update bookings.outbox set sent_at = now() where sent_at is null")
    shared.aws.control("POST", "/reset")
    yield shared
    shared.aws.lift()
    shared.balanced()


@pytest.fixture
def relays(live, tmp_path):
    made = []
    tmp_path.chmod(0o755)

    def make(topic="events", **settings):
        relay = Relay(live.env, topic, tmp_path / f"relay-{len(made)}.log", **{
            "EVENTS_FILE": tmp_path / "not-here.jsonl", "RELAY_BACKOFF_MS": 50, **settings})
        made.append(relay)
        return relay
    yield make
    for relay in made:
        relay.stop(signal.SIGKILL)
    assert not (tmp_path / "not-here.jsonl").exists()


def hold_events(events, bookings, each=3):
    """Each event of each booking, whole, once, and by its receiver in order."""
    for event in events:
        check_event(event)
    got = []
    assert consume(events, Consumer(got.append)) == []
    assert {e["aggregate_id"] for e in got} == set(bookings)
    assert len(got) == each * len(bookings) and in_order(got)


def test_aws_own_client_receives_what_bookings_did(live, relays):
    franchise, token = live.franchise(50), live.token()
    relay = relays().start()
    made = [life(live, franchise, token, day_in(10), hour) for hour in range(6)]
    drained(live)
    assert relay.stop() == 0
    events = live.aws.receive(live.env["SQS_QUEUE_URL"])
    assert len(events) == 18
    assert not live.fifo or in_order(events)
    hold_events(events, made)


def test_the_command_line_of_aws_receives_it_too(live, relays):
    franchise, token = live.franchise(50), live.token()
    made = life(live, franchise, token, day_in(10), 9, cancel=False)
    relays().once()
    drained(live)
    names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
    done = subprocess.run(
        ["aws", "--endpoint-url", live.aws.url, "--region", live.env["AWS_REGION"], "--output",
         "json", "sqs", "receive-message", "--queue-url", live.env["SQS_QUEUE_URL"],
         "--attribute-names", "All", "--wait-time-seconds", "1"],
        env={"PATH": os.environ["PATH"], **{name: live.env[name] for name in names}},
        capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    (message,) = json.loads(done.stdout)["Messages"]
    event = json.loads(message["Body"])
    check_event(event)
    assert event["aggregate_id"] == made
    if live.fifo:
        assert message["Attributes"]["MessageGroupId"] == made
        assert message["Attributes"]["MessageDeduplicationId"] == event["event_id"]
        assert event["event_type"] == "BookingCreated"
    else:
        assert "MessageGroupId" not in message["Attributes"]


def test_two_relays_killed_at_random_lose_nothing(live, relays):
    franchise = live.franchise(500)
    with Load(live, [booker(live, franchise, live.token(), lane) for lane in range(3)]) as load:
        pair = [relays(RELAY_LEASE_S=3).start() for _ in range(2)]
        for turn in range(8):
            load.more(6)
            assert pair[turn % 2].stop(signal.SIGKILL) == -signal.SIGKILL
            pair[turn % 2].start()
        load.more(10)
    drained(live)
    both_run(*pair)
    assert [relay.stop() for relay in pair] == [0, 0]
    told = {str(i) for i, in live.sql(
        "select event_id from bookings.outbox where topic = 'events' and booking_id in"
        " (select id from bookings.bookings where franchise_id = %s)", franchise)}
    entries = live.aws.arrived()
    events = [json.loads(e["body"]) for e in entries]
    assert {e["event_id"] for e in events} == told and len(told) > 50
    assert in_order(events)
    if live.fifo:  # what came again was known again, and is the same to the byte
        assert all(e["same_body"] for e in entries if e["duplicate"])
        assert sum(not e["duplicate"] for e in entries) == len(told)


def test_an_outage_under_load_ends_with_an_empty_outbox_and_all_in_order(live, relays):
    franchise = live.franchise(500)
    relay = relays(LOG_LEVEL="debug").start()
    live.aws.fault(SEND, "unavailable")
    with Load(live, [booker(live, franchise, live.token(), lane) for lane in range(3)]) as load:
        until(lambda: relay.lines("relay_outage"), "a complaint")
        load.more(120, 60)
    before = waiting(live)
    assert before >= 100 and not load.others(201)
    # The queue was left alone: the breaker stood open, and one batch asks now and then.
    asked = live.aws.control("GET", "/counts")["faults"]["unavailable"]
    assert 1 <= asked <= 20
    assert live.one("select max(attempts) from bookings.outbox where topic = 'events'") == 0
    live.aws.lift()
    drained(live, seconds=90)
    assert relay.lines("relay_recovered") and not relay.lines("outbox_dead")
    assert relay.stop() == 0
    events = [json.loads(e["body"]) for e in live.aws.arrived()]
    assert in_order(events) and len({e["event_id"] for e in events}) >= before


def test_wrong_keys_are_an_alarm_and_no_try(live, relays):
    franchise, token = live.franchise(50), live.token()
    made = life(live, franchise, token, day_in(10), 9)
    relay = relays(AWS_SECRET_ACCESS_KEY="wrong" * 8).start()
    (line, *_) = until(lambda: relay.lines("relay_stopped"), "an alarm")
    assert line["level"] == "error" and "Signature" in line["why"]
    assert "wrong" not in relay.log.read_text() and "AKIA" not in relay.log.read_text()
    assert relay.stop() == 0
    assert live.one("select max(attempts) from bookings.outbox where booking_id = %s", made) == 0
    assert live.aws.arrived() == []
    right = relays().start()
    drained(live)
    assert right.stop() == 0
    hold_events(live.aws.receive(live.env["SQS_QUEUE_URL"]), [made])


@pytest.mark.parametrize("where", ["container", "instance"])
def test_keys_of_a_role_are_fetched_and_renewed(live, relays, where):
    """A life of 9 seconds is renewed after 6, while events flow."""
    franchise, token = live.franchise(50), live.token()
    live.aws.control("POST", "/settings", {"credentials_lifetime_s": 9})
    relay = relays(**{"container": {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{live.aws.url}/_ecs/credentials"},
        "instance": {"AWS_EC2_METADATA_SERVICE_ENDPOINT": f"{live.aws.url}/_imds/"}}[where])
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        relay.settings.pop(name)
    relay.start()
    made, end = [], time.monotonic() + 14
    while time.monotonic() < end:
        made.append(life(live, franchise, token, day_in(10 + len(made) // 20), len(made) % 20))
        drained(live)
        time.sleep(0.5)
    assert relay.stop() == 0
    keys = {r["key_id"] for r in live.aws.control("GET", "/requests")["requests"]
            if r["operation"] == "SendMessageBatch"}
    assert len(keys) >= 2 and live.env["AWS_ACCESS_KEY_ID"] not in keys
    assert not relay.lines("relay_outage") and not relay.lines("relay_stopped")
    hold_events(live.aws.receive(live.env["SQS_QUEUE_URL"]), made)
    live.aws.control("POST", "/settings", {"credentials_lifetime_s": 21600})


def test_a_setting_of_aws_that_makes_no_sense_stops_the_start(relays):
    for name, value in [("SQS_QUEUE_URL", "booking-events"), ("AWS_REGION", "Earth"),
                        ("AWS_ENDPOINT_URL_SQS", "http://sqs.example.com")]:
        relay = relays(**{name: value}).start()
        assert relay.process.wait(30) == 78
        assert name in relay.log.read_text().splitlines()[-1]


# ---- pictures ----------------------------------------------------------------------


def confirmed(live, franchise, token, hour=9):
    return live.book(token, franchise, day_in(12), hour, hour + 1)


def picture_of(live, token, made):
    path = f"{V1}/bookings/{made['booking_id']}"
    until(lambda: live.get(path, token).body["qr_code_url"], "a picture's address")
    return live.get(path, token)


def test_the_picture_lies_in_the_bucket_where_aws_own_client_finds_it(live, relays, tmp_path):
    franchise, token = live.franchise(50, rate="0.00"), live.token()
    relay = relays("documents").start()
    made = confirmed(live, franchise, token)
    told = picture_of(live, token, made)
    base, name = told.body["qr_code_url"].split("/qr/")
    assert base == live.env["DOCUMENTS_URL"] and re.fullmatch(r"[A-Za-z0-9_-]{22}\.png", name)
    s3, place = live.aws.client("s3"), {"Bucket": live.env["S3_BUCKET"], "Key": f"qr/{name}"}
    found = s3.get_object(**place)
    assert found["ContentType"] == "image/png" and found["ServerSideEncryption"] == "AES256"
    assert found["CacheControl"] == "private, max-age=86400"
    (tmp_path / "qr.png").write_bytes(found["Body"].read())
    shown = live.get(f"{V1}/bookings/{made['booking_id']}/qr", token, Accept="application/json")
    assert decoded(tmp_path / "qr.png") == shown.body["url"]
    svg = s3.get_object(Bucket=place["Bucket"], Key=place["Key"].replace(".png", ".svg"))
    assert svg["ContentType"] == "image/svg+xml"
    # Nobody else gets it from the bucket.
    with pytest.raises(ClientError) as refused:
        live.aws.client("s3", signed=False).get_object(**place)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert relay.stop() == 0
    assert name not in relay.log.read_text()


def test_a_bucket_that_is_away_delays_no_booking(live, relays):
    franchise, token = live.franchise(50, rate="0.00"), live.token()
    live.aws.fault(PUT, "unavailable")
    relay = relays("documents", RELAY_BACKOFF_MAX_MS=100).start()
    made = confirmed(live, franchise, token)
    until(lambda: relay.lines("relay_outage"), "a complaint")
    path = f"{V1}/bookings/{made['booking_id']}"
    assert live.get(path, token).body["status"] == "confirmed"
    drawn = live.get(f"{path}/qr", token, Accept="image/png")
    assert drawn.status == 200 and drawn.raw.startswith(b"\x89PNG")
    assert relay.stop() == 0
    live.aws.lift()
    later = relays("documents").start()  # the breaker is its host's: it may stand open
    live.sql("update bookings.outbox set due_at = now() where sent_at is null")
    until(lambda: live.get(path, token).body["qr_code_url"], "a picture's address", 60)
    assert later.stop() == 0


def test_what_an_owner_has_read_still_guards_after_the_picture_came(live, relays):
    """The picture changes the answer, and so its ETag, but nothing people decided."""
    franchise, token = live.franchise(50, rate="0.00"), live.token()
    made = confirmed(live, franchise, token)
    path = f"{V1}/bookings/{made['booking_id']}"
    before = live.get(path, token).headers["ETag"]
    relays("documents").once()
    told = live.get(path, token)
    assert told.body["qr_code_url"] and told.headers["ETag"] != before
    assert live.ask("GET", path, token, **{"If-None-Match": before}).status == 200
    assert live.ask("GET", path, token, **{"If-None-Match": told.headers["ETag"]}).status == 304

    def rename(name, etag):
        return live.ask("PUT", path, token, {"customer_info": {"name": name}},
                        **{"If-Match": etag})
    answer = rename("Jim Doe", before)
    assert answer.status == 200 and answer.body["qr_code_url"]
    assert rename("Joe Doe", told.headers["ETag"]).status == 412
    assert live.ask("DELETE", path, token, **{"If-Match": answer.headers["ETag"]}).status == 200


def test_with_a_bucket_and_no_address_the_relay_says_what_is_missing(relays):
    relay = relays("documents")
    relay.settings.pop("DOCUMENTS_URL")
    relay.start()
    assert relay.process.wait(30) == 78
    assert "DOCUMENTS_URL" in relay.lines("relay_start")[0]["why"]
