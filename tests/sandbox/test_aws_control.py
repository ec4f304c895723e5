"""What tests and people may ask the sandbox: the journal, the clock, the pages."""
import http.client
import re
import subprocess
import sys
import threading
import time

import pytest
from aws_sandbox import BUCKET, FIFO, PROGRAM, STANDARD, TREE, AwsSandbox, bodies

sys.path.insert(0, str(TREE / "sandbox"))

from aws import journal  # noqa: E402

HTML = {"Accept": "text/html"}
PNG = b"\x89PNG\r\n\x1a\n"


# ---- the journal -----------------------------------------------------------
def test_the_journal_tells_what_came_in_order_and_when(aws):
    before = time.time()
    aws.send("a", group="g1", once="d1")
    aws.s3("PUT", f"/{BUCKET}/k", b"x")
    aws.send("b", queue=STANDARD)
    entries = aws.journal()
    assert [entry["seq"] for entry in entries] == [1, 2, 3]
    assert [entry["kind"] for entry in entries] == ["message", "object", "message"]
    times = [entry["at"] for entry in entries]
    assert before - 1 < times[0] and times == sorted(times) and times[-1] < time.time() + 1
    assert {name: entries[0][name] for name in ("queue", "body", "group", "deduplication_id",
                                                "duplicate")} == {
        "queue": FIFO, "body": "a", "group": "g1", "deduplication_id": "d1", "duplicate": False}
    requests = aws.control("GET", "/requests")["requests"]
    assert [entry["request_id"] for entry in entries] == [row["id"] for row in requests]
    assert [row["operation"] for row in requests] == ["SendMessage", "PutObject", "SendMessage"]
    assert aws.control("GET", "/journal")["entries"] == entries


def test_receiving_and_deleting_take_nothing_from_it(aws):
    aws.send("a")
    (message,) = aws.receive()
    aws.delete(message)
    assert [entry["body"] for entry in aws.journal()] == ["a"]


def test_it_can_be_asked_for_a_part(aws):
    for body in "abc":
        aws.send(body)
    aws.send("d", queue=STANDARD)
    aws.s3("PUT", f"/{BUCKET}/k", b"x")
    assert [entry["body"] for entry in aws.journal(queue=FIFO, after=1)] == ["b", "c"]
    assert [entry["key"] for entry in aws.journal(kind="object")] == ["k"]
    assert aws.control("POST", "/journal", {})["made"] == 5
    for wrong in ({"after": "x"}, {"count": 1.5}, {"timeout_s": 61}, {"colour": 1},
                  {"timeout_s": -1}):
        aws.control("POST", "/journal", wrong, 400)


def test_one_can_wait_for_so_many(aws):
    got = []
    waiter = threading.Thread(target=lambda: got.extend(aws.journal(
        queue=FIFO, count=2, timeout_s=20)))
    waiter.start()
    aws.send("a")
    aws.send("elsewhere", queue=STANDARD)
    aws.send("b")
    waiter.join(20)
    assert [entry["body"] for entry in got] == ["a", "b"]
    started = time.monotonic()
    assert len(aws.journal(queue=FIFO, count=3, timeout_s=0.3)) == 2
    assert 0.25 < time.monotonic() - started < 5


def test_it_forgets_the_oldest_when_its_room_is_full(monkeypatch):
    monkeypatch.setattr(journal, "BYTES_MAX", 10)
    monkeypatch.setattr(journal, "KEPT", 3)
    kept = journal.Journal(None)
    for body in ("aaaa", "bbbb", "cccc"):
        kept.add("message", body=body)
    assert [(entry["seq"], entry["body"]) for entry in kept.select()] == [(2, "bbbb"), (3, "cccc")]
    for _ in range(3):
        kept.add("object", key="k")
    assert [entry["seq"] for entry in kept.select()] == [4, 5, 6] and kept.made == 6


# ---- state, clock, settings, reset -----------------------------------------
def test_the_state_is_told(aws):
    aws.send("a")
    aws.receive()
    aws.s3("PUT", f"/{BUCKET}/k", b"xyz", {"Content-Type": "text/plain"})
    told = aws.control("GET", "/state")
    (message,) = told["queues"][FIFO]["messages"]
    assert (message["body"], message["received"], message["in_flight"]) == ("a", 1, True)
    assert told["queues"][FIFO]["attributes"]["FifoQueue"] == "true"
    assert told["buckets"][BUCKET]["k"]["size"] == 3
    assert aws.control("GET", f"/buckets/{BUCKET}")["objects"]["k"]["headers"][
        "Content-Type"] == "text/plain"
    aws.control("GET", "/buckets/nowhere", status=404)
    counts = aws.control("GET", "/counts")
    assert counts["queues"][FIFO]["ApproximateNumberOfMessagesNotVisible"] == 1
    assert counts["buckets"] == {BUCKET: 1}


def test_a_reset_leaves_settings_and_what_was_there_at_first(aws):
    aws.create("another")
    aws.send("a")
    aws.s3("PUT", f"/{BUCKET}/k", b"x")
    aws.fault("*", "fail")
    aws.control("POST", "/settings", {"credentials_lifetime_s": 60})
    aws.control("POST", "/clock", {"advance_s": 100})
    key = aws.ask("GET", "/_ecs/credentials")
    assert key.status == 500
    aws.control("POST", "/reset")
    told = aws.control("GET", "/state")
    assert set(told["queues"]) == {FIFO, STANDARD} and told["buckets"] == {BUCKET: {}}
    assert aws.messages(FIFO) == [] and aws.journal() == []
    assert aws.control("GET", "/settings")["credentials_lifetime_s"] == 60
    assert aws.control("GET", "/counts")["offset_s"] == 0
    # Nothing is remembered of before.
    aws.send("a")
    assert bodies(aws.receive()) == ["a"]


@pytest.mark.parametrize("given", [
    {"colour": "red"}, {"standard_order": "none"}, {"skew_s": 1.5}, {"skew_s": True},
    {"credentials_lifetime_s": 0}, {"unsigned_payload": 1}, {"in_flight_max": 0},
    {"ecs_token": ""}, {"standard_order": "kept", "skew_s": "x"},
])
def test_a_setting_that_is_none_is_refused_and_changes_nothing(aws, given):
    before = aws.control("GET", "/settings")
    aws.control("POST", "/settings", given, 400)
    assert aws.control("GET", "/settings") == before


@pytest.mark.parametrize("given", [{}, {"advance_s": -1}, {"advance_s": 1.5}, {"advance_s": 10**9}])
def test_the_clock_goes_forward_alone(aws, given):
    aws.control("POST", "/clock", given, 400)


def test_the_control_is_for_programs_of_this_machine(aws):
    def status(**headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return aws.ask("POST", "/_control/reset", b"{}", headers).status

    right = {"Content_Type": "application/json"}
    assert status(**right) == 200
    assert status(**right, Origin="http://evil.example") == 403
    assert status(Content_Type="text/plain") == 403
    assert status(**right, Host=f"evil.example:{aws.port}") == 403
    assert status(**right, Host=f"localhost:{aws.port}") == 200
    assert status(**right, Host="[") == 403
    assert aws.ask("GET", "/_control/nothing").status == 404
    assert "POST /faults" in aws.control("GET", "/")["controls"]


# ---- pages -----------------------------------------------------------------
def page(aws, path="/", **headers):
    return aws.ask("GET", path, None, {**HTML, **headers})


def test_a_person_sees_queues_and_messages(aws):
    aws.send('{"event_type": "BookingCreated", "name": "<b>Zoë</b>", "data": {"all": [],'
             '"total_amount":120.00}}', group="b1", once="e1")
    told = page(aws)
    assert told.status == 200 and told.headers["Content-Type"].startswith("text/html")
    assert FIFO in told.text and "1 waiting" in told.text
    link = re.search(r'href="(/_pages/queues/[^"]+\.fifo)"', told.text)[1]
    told = page(aws, link)
    assert "BookingCreated" in told.text and "&lt;b&gt;Zoë&lt;/b&gt;" in told.text
    assert "<b>Zoë</b>" not in told.text and "group b1" in told.text
    # As it was sent, but for the line breaks.
    assert "&quot;data&quot;: {\n    &quot;all&quot;: [],\n    &quot;total_amount&quot;: 120.00" \
        in told.text
    # Looking receives nothing.
    assert aws.messages(FIFO)[0]["received"] == 0
    assert "default-src 'none'" in told.headers["Content-Security-Policy"]


def test_a_person_sees_buckets_and_images(aws):
    aws.s3("PUT", f"/{BUCKET}/qr/a%20b.png", PNG, {"Content-Type": "image/png"})
    aws.s3("PUT", f"/{BUCKET}/bad.html", b"<script>1</script>", {"Content-Type": "text/html"})
    told = page(aws, f"/_pages/buckets/{BUCKET}")
    image = re.search(r'<img src="([^"]+)"', told.text)[1]
    shown = page(aws, image)
    assert (shown.status, shown.body, shown.headers["Content-Type"]) == (200, PNG, "image/png")
    shown = page(aws, f"/_pages/objects/{BUCKET}/bad.html")
    # What was stored does nothing in the browser of who looks.
    assert shown.headers["Content-Type"].startswith("text/plain")
    assert "sandbox" in shown.headers["Content-Security-Policy"]
    assert shown.headers["X-Content-Type-Options"] == "nosniff"


def test_what_is_not_there_is_told_to_a_person_too(aws):
    for path in ("/_pages/queues/nowhere", "/_pages/buckets/nowhere", "/_pages/x",
                 f"/_pages/objects/{BUCKET}/k", "/_pages/"):
        assert page(aws, path).status == 404, path
    assert aws.ask("POST", "/_pages/x", b"", HTML).status == 405
    assert page(aws, Host="evil.example").status == 403
    # Who is no person is told what S3 tells.
    assert aws.ask("GET", "/").status == 403


# ---- the program -----------------------------------------------------------
@pytest.mark.parametrize("options, words", [
    (["--listen", "0.0.0.0:0"], "this machine alone"),
    (["--listen", "unix:/tmp/x"], "127.0.0.1:PORT"),
    (["--queue", "a b"], "alphanumeric"),
    (["--bucket", "A"], "not valid"),
])
def test_options_that_make_no_sense_are_refused(options, words):
    done = subprocess.run([PROGRAM, "--listen", "127.0.0.1:0", *options], capture_output=True,
                          text=True, timeout=20)
    assert done.returncode in (1, 2) and words in done.stderr, done.stderr


def test_it_ends_at_once_even_while_somebody_waits():
    sandbox = AwsSandbox()
    failed = []

    def wait():
        try:
            sandbox.receive(WaitTimeSeconds=20)
        except (http.client.HTTPException, ConnectionError) as e:
            failed.append(e)

    waiter = threading.Thread(target=wait)
    waiter.start()
    end = time.monotonic() + 10
    while not sandbox.control("GET", "/counts")["waiting"]:
        assert time.monotonic() < end
    started = time.monotonic()
    assert sandbox.stop() == 0
    assert time.monotonic() - started < 5
    waiter.join(10)
    assert len(failed) == 1


def test_many_at_once_lose_and_double_nothing(aws):
    aws.control("POST", "/settings", {"standard_order": "kept"})
    errors = []

    def work(number):
        connection = aws.connect()
        try:
            for i in range(20):
                answer = aws.sqs("SendMessage", {
                    "QueueUrl": aws.url(FIFO), "MessageBody": f"{number}-{i}",
                    "MessageGroupId": f"g{number}", "MessageDeduplicationId": f"{number}-{i}"},
                    connection=connection)
                assert answer.status == 200, answer.text
        except Exception as e:
            errors.append(e)
        finally:
            connection.close()

    workers = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert errors == []
    entries = aws.journal()
    assert len(entries) == 160 and [entry["seq"] for entry in entries] == list(range(1, 161))
    for number in range(8):
        mine = [entry["body"] for entry in entries if entry["group"] == f"g{number}"]
        assert mine == [f"{number}-{i}" for i in range(20)]
