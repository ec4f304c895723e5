"""Every way to go wrong on demand, and that it goes wrong so and no otherwise."""
import http.client
import json
import threading
import time

import pytest
from aws_sandbox import BUCKET, FIFO, STANDARD, bodies, md5, refused, s3_refused
from botocore.exceptions import ClientError

SEND = "sqs:SendMessage"
BATCH = "sqs:SendMessageBatch"
PUT = "s3:PutObject"


def send(aws, body="x", queue=STANDARD, **how):
    return aws.sqs("SendMessage", {"QueueUrl": aws.url(queue), "MessageBody": body}, **how)


def batch(aws, count=3, **how):
    return aws.sqs("SendMessageBatch", {"QueueUrl": aws.url(FIFO), "Entries": [
        {"Id": f"e{i}", "MessageBody": f"m{i}", "MessageGroupId": "g",
         "MessageDeduplicationId": f"d{i}"} for i in range(count)]}, **how)


def put(aws, **how):
    return aws.s3("PUT", f"/{BUCKET}/k", b"a body of some length", **how)


def came(aws):
    return [entry.get("body") or entry["key"] for entry in aws.journal()]


# ---- refusals --------------------------------------------------------------
@pytest.mark.parametrize("given, kind, status, code", [
    ({"kind": "throttle"}, "RequestThrottled", 403, "RequestThrottled"),
    ({"kind": "throttle", "code": "ThrottlingException"}, "ThrottlingException", 400,
     "ThrottlingException"),
    ({"kind": "throttle", "code": "SlowDown"}, "SlowDown", 503, "SlowDown"),
    ({"kind": "throttle", "code": "KmsThrottled"}, "KmsThrottled", 400,
     "KMS.ThrottlingException"),
    ({"kind": "fail"}, "InternalFailure", 500, "InternalFailure"),
    ({"kind": "unavailable"}, "ServiceUnavailableException", 503, "ServiceUnavailable"),
    ({"kind": "expired_token"}, "ExpiredTokenException", 403, "ExpiredToken"),
    ({"kind": "access_denied"}, "AccessDeniedException", 403, "AccessDenied"),
    ({"kind": "refuse", "code": "KmsDisabled"}, "KmsDisabled", 400, "KMS.DisabledException"),
    ({"kind": "refuse", "code": "Surprise", "status": 418}, "Surprise", 418, "Surprise"),
])
def test_sqs_refuses_and_takes_nothing(aws, given, kind, status, code):
    aws.fault(SEND, times=1, **given)
    answer = send(aws)
    assert answer.status == status
    if status != 418:
        refused(answer, kind, status, code)
    assert came(aws) == [] and aws.struck() == {given["kind"]: 1}
    assert send(aws).status == 200


@pytest.mark.parametrize("given, code, status", [
    ({"kind": "throttle"}, "SlowDown", 503),
    ({"kind": "throttle", "code": "RequestThrottled"}, "RequestThrottled", 403),
    ({"kind": "fail"}, "InternalError", 500),
    ({"kind": "unavailable"}, "ServiceUnavailable", 503),
    ({"kind": "expired_token"}, "ExpiredToken", 400),
    ({"kind": "access_denied"}, "AccessDenied", 403),
    ({"kind": "refuse", "code": "KMS.DisabledException"}, "KMS.DisabledException", 400),
    ({"kind": "refuse", "code": "InternalError"}, "InternalError", 500),
])
def test_s3_refuses_and_takes_nothing(aws, given, code, status):
    aws.fault(PUT, times=1, **given)
    s3_refused(put(aws), status, code)
    assert came(aws) == [] and aws.struck() == {given["kind"]: 1}
    assert put(aws).status == 200


def test_the_query_protocol_is_refused_in_xml(aws):
    aws.fault(SEND, "throttle")
    answer = aws.query(Action="SendMessage", QueueUrl=aws.url(STANDARD), MessageBody="x")
    assert answer.status == 403 and "<Code>RequestThrottled</Code>" in answer.text


def test_a_client_we_did_not_write_sees_the_error(aws):
    aws.fault("sqs:*", "throttle")
    aws.fault("s3:*", "throttle")
    for call, code in [
            (lambda: aws.client("sqs").send_message(QueueUrl=aws.url(STANDARD), MessageBody="x"),
             "RequestThrottled"),
            (lambda: aws.client("s3").put_object(Bucket=BUCKET, Key="k", Body=b"x"), "SlowDown")]:
        with pytest.raises(ClientError) as caught:
            call()
        assert caught.value.response["Error"]["Code"] == code


# ---- batches ---------------------------------------------------------------
def test_the_first_entry_fails_if_none_is_named(aws):
    aws.fault(BATCH, "partial", times=1)
    told = batch(aws).json
    assert [row["Id"] for row in told["Successful"]] == ["e1", "e2"]
    (row,) = told["Failed"]
    assert (row["Id"], row["SenderFault"], row["Code"]) == ("e0", False, "InternalError")
    assert came(aws) == ["m1", "m2"]


@pytest.mark.parametrize("more, sender, code", [
    ({"sender_fault": True}, True, "InvalidMessageContents"),
    ({"sender_fault": False}, False, "InternalError"),
    ({"sender_fault": False, "code": "ServiceUnavailable"}, False, "ServiceUnavailable"),
])
def test_chosen_entries_fail(aws, more, sender, code):
    aws.fault(BATCH, "partial", entries=[0, "e2"], **more)
    told = batch(aws).json
    assert [(row["Id"], row["SenderFault"], row["Code"]) for row in told["Failed"]] == [
        ("e0", sender, code), ("e2", sender, code)]
    assert [row["Id"] for row in told["Successful"]] == ["e1"]
    assert came(aws) == ["m1"]
    assert all(row["Message"] for row in told["Failed"])


def test_all_entries_can_fail(aws):
    aws.fault(BATCH, "partial", entries=[0, 1, 2])
    told = batch(aws).json
    assert "Successful" not in told and len(told["Failed"]) == 3
    assert came(aws) == []


@pytest.mark.parametrize("effect", [True, False])
def test_an_entry_can_be_left_out_of_the_answer(aws, effect):
    aws.fault(BATCH, "omit_entry", entries=["e1"], effect=effect)
    told = batch(aws).json
    assert [row["Id"] for row in told["Successful"]] == ["e0", "e2"] and "Failed" not in told
    assert came(aws) == (["m0", "m1", "m2"] if effect else ["m0", "m2"])


def test_deletes_can_fail_in_part_too(aws):
    batch(aws)
    handles = [message["ReceiptHandle"] for message in aws.receive()]
    aws.fault("sqs:DeleteMessageBatch", "partial", entries=[1])
    told = aws.ok("DeleteMessageBatch", {"QueueUrl": aws.url(FIFO), "Entries": [
        {"Id": f"d{i}", "ReceiptHandle": handle} for i, handle in enumerate(handles)]})
    assert [row["Id"] for row in told["Failed"]] == ["d1"]
    assert [message["body"] for message in aws.messages(FIFO)] == ["m1"]


# ---- the connection --------------------------------------------------------
@pytest.mark.parametrize("ask, match", [(send, SEND), (put, PUT)])
@pytest.mark.parametrize("kind, effect", [
    ("drop", False), ("drop_after_effect", True), ("hang", False), ("hang_after_effect", True)])
def test_no_answer_comes_and_the_effect_is_as_told(aws, ask, match, kind, effect):
    # Longer than a slow machine takes for what does not hang.
    aws.fault(match, kind, times=1, ms=2000)
    started = time.monotonic()
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        ask(aws)
    assert (time.monotonic() - started > 1.9) == kind.startswith("hang")
    assert len(came(aws)) == effect
    assert aws.struck() == {kind: 1}
    assert ask(aws).status == 200


@pytest.mark.parametrize("ask, match", [(send, SEND), (put, PUT)])
def test_it_fails_after_the_effect(aws, ask, match):
    aws.fault(match, "fail_after_effect", times=1)
    assert ask(aws).status == 500
    assert len(came(aws)) == 1


def test_who_leaves_ends_a_hang(aws):
    aws.fault(SEND, "hang", ms=60000)
    with pytest.raises(TimeoutError):
        send(aws, timeout=0.3)
    end = time.monotonic() + 10
    while not [row for row in aws.control("GET", "/requests")["requests"] if row["fault"]]:
        assert time.monotonic() < end
    assert came(aws) == []


def test_lifting_the_rules_ends_a_hang(aws):
    aws.fault(SEND, "hang", ms=60000)
    ended = []

    def ask():
        try:
            send(aws)
        except (http.client.HTTPException, ConnectionError) as e:
            ended.append(e)

    waiter = threading.Thread(target=ask)
    waiter.start()
    end = time.monotonic() + 10
    while not aws.struck():
        assert time.monotonic() < end
    assert aws.control("DELETE", "/faults")["rules"] == []
    waiter.join(10)
    assert len(ended) == 1
    assert send(aws).status == 200


def test_an_answer_can_come_late(aws):
    aws.fault(SEND, "delay", ms=400)
    started = time.monotonic()
    assert send(aws).status == 200
    assert time.monotonic() - started > 0.35


@pytest.mark.parametrize("ask, match", [(send, SEND), (batch, BATCH)])
def test_an_answer_can_be_garbage(aws, ask, match):
    aws.fault(match, "garbage", times=1)
    answer = ask(aws)
    assert answer.status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.text)
    assert came(aws)


def test_half_an_object_can_come(aws):
    put(aws)
    aws.fault("s3:GetObject", "garbage")
    answer = aws.s3("GET", f"/{BUCKET}/k")
    assert answer.status == 200 and answer.body == b"a body of "


# ---- wrong and doubled -----------------------------------------------------
def test_a_digest_can_be_wrong(aws):
    aws.fault("*", "wrong_md5")
    assert send(aws).json["MD5OfMessageBody"] != md5("x")
    assert all(row["MD5OfMessageBody"] != md5(f"m{i}")
               for i, row in enumerate(batch(aws).json["Successful"]))
    (message,) = aws.receive(STANDARD)
    assert message["Body"] == "x" and message["MD5OfBody"] != md5("x")
    wrong = put(aws).headers["ETag"]
    assert aws.s3("GET", f"/{BUCKET}/k").headers["ETag"] == wrong
    aws.control("DELETE", "/faults")
    assert aws.s3("GET", f"/{BUCKET}/k").headers["ETag"] != wrong


def test_a_message_can_be_given_out_twice(aws):
    send(aws)
    aws.fault("sqs:ReceiveMessage", "duplicate", times=1)
    assert bodies(aws.receive(STANDARD)) == ["x"]
    assert bodies(aws.receive(STANDARD)) == ["x"]
    assert aws.receive(STANDARD) == []


# ---- credentials -----------------------------------------------------------
@pytest.mark.parametrize("kind, status", [("fail", 500), ("unavailable", 503), ("throttle", 503)])
def test_the_endpoints_of_credentials_fail_too(aws, kind, status):
    aws.fault("ecs:GetCredentials", kind, times=1)
    aws.fault("imds:GetToken", kind, times=1)
    ttl = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
    assert aws.ask("GET", "/_ecs/credentials").status == status
    assert aws.ask("PUT", "/_imds/latest/api/token", None, ttl).status == status
    assert aws.ask("GET", "/_ecs/credentials").status == 200
    assert aws.ask("PUT", "/_imds/latest/api/token", None, ttl).status == 200


def test_the_endpoints_of_credentials_answer_garbage_or_not_at_all(aws):
    aws.fault("ecs:*", "garbage", times=1)
    with pytest.raises(json.JSONDecodeError):
        json.loads(aws.ask("GET", "/_ecs/credentials").text)
    aws.fault("ecs:*", "drop", times=1)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        aws.ask("GET", "/_ecs/credentials")
    aws.fault("ecs:*", "fail_after_effect", times=1)
    assert aws.ask("GET", "/_ecs/credentials").status == 500


# ---- rules -----------------------------------------------------------------
def test_a_rule_names_operation_and_resource(aws):
    aws.fault(f"sqs:SendMessage {FIFO}", "fail")
    aws.fault(f"s3:PutObject {BUCKET}/other/*", "fail")
    assert send(aws).status == 200
    assert aws.sqs("SendMessage", {"QueueUrl": aws.url(FIFO), "MessageBody": "x"}).status == 500
    assert put(aws).status == 200
    assert aws.s3("PUT", f"/{BUCKET}/other/k", b"x").status == 500
    assert aws.receive(STANDARD)


def test_a_rule_strikes_so_often_and_the_first_holds(aws):
    aws.fault(SEND, "fail", times=2)
    aws.fault("*", "unavailable", times=1)
    assert [send(aws).status for _ in range(4)] == [500, 500, 503, 200]
    assert aws.struck() == {"fail": 2, "unavailable": 1}
    rules = aws.control("GET", "/faults")["rules"]
    assert [(rule["kind"], rule["struck"]) for rule in rules] == [("fail", 2), ("unavailable", 1)]


def test_a_rule_strikes_by_chance_and_the_same_seed_strikes_the_same(aws):
    seen = []
    for _ in range(2):
        aws.control("POST", "/reset")
        aws.fault(SEND, "fail", probability=0.5, seed=11)
        seen.append([send(aws).status for _ in range(20)])
    assert seen[0] == seen[1] and set(seen[0]) == {200, 500}


def test_a_rule_that_cannot_be_meant_does_not_strike(aws):
    aws.fault("*", "partial")
    aws.fault("*", "duplicate")
    aws.fault("*", "omit_entry")
    assert send(aws).status == 200 and put(aws).status == 200
    assert aws.ask("GET", "/_ecs/credentials").status == 200
    assert aws.struck() == {}


def test_a_request_that_is_not_signed_rightly_meets_no_rule(aws):
    aws.fault("*", "fail")
    assert send(aws, key=("AKIASANDBOXTESTS2222", "wrong")).status == 403
    assert aws.struck() == {}


@pytest.mark.parametrize("given", [
    {}, {"kind": "explode"}, {"kind": "fail", "times": 0}, {"kind": "fail", "times": 1.5},
    {"kind": "fail", "probability": 2}, {"kind": "fail", "ms": -1}, {"kind": "hang", "ms": 10**7},
    {"kind": "fail", "colour": "red"}, {"kind": "partial", "entries": [1.5]},
    {"kind": "partial", "entries": 1}, {"kind": "refuse"}, {"kind": "refuse", "code": 1},
    {"kind": "refuse", "code": "x", "status": 200}, {"kind": "throttle", "code": "Faster"},
    {"kind": "partial", "sender_fault": 1},
])
def test_a_rule_that_makes_no_sense_is_refused(aws, given):
    assert "error" in aws.control("POST", "/faults", given, 400)
    assert aws.control("GET", "/faults")["rules"] == []
