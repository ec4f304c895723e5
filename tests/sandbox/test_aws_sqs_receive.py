"""What the stand-in for SQS gives out, in which order, hides and forgets."""
import hashlib
import json
import threading
import time

import pytest
from aws_sandbox import FIFO, JSON, STANDARD, bodies, md5, refused
from aws_sqs import INVALID, attributes, batch, entries, sent_to


# ---- once only -------------------------------------------------------------
def test_the_same_deduplication_id_is_taken_and_not_given_out_again(aws):
    first = aws.send("a", once="same")
    again = aws.send("b", group="another", once="same")
    assert again["MessageId"] == first["MessageId"]
    assert again["SequenceNumber"] == first["SequenceNumber"]
    assert again["MD5OfMessageBody"] == md5("b")
    (message,) = aws.receive()
    assert message["Body"] == "a"
    # It is remembered after the message is gone ...
    aws.delete(message)
    aws.send("c", once="same")
    assert aws.receive() == []
    aws.control("POST", "/clock", {"advance_s": 299})
    aws.send("d", once="same")
    assert aws.receive() == []
    # ... for five minutes since it was first seen.
    aws.control("POST", "/clock", {"advance_s": 1})
    aws.send("e", once="same")
    assert bodies(aws.receive()) == ["e"]
    told = [(entry["body"], entry["duplicate"], entry["same_body"]) for entry in aws.journal()]
    assert told == [("a", False, None), ("b", True, False), ("c", True, False),
                    ("d", True, False), ("e", False, None)]


def test_a_queue_can_take_the_body_for_the_id(aws):
    aws.create("content.fifo", ContentBasedDeduplication="true")
    for body in ("a", "a", "b"):
        assert sent_to(aws, "content.fifo", MessageBody=body, MessageGroupId="g").status == 200
    assert bodies(aws.receive("content.fifo")) == ["a", "b"]
    assert aws.journal()[0]["deduplication_id"] == hashlib.sha256(b"a").hexdigest()
    # One that is given goes before.
    aws.send("a", queue="content.fifo", once="mine")
    assert aws.journal()[-1]["duplicate"] is False


def test_deduplication_can_be_each_groups_own(aws):
    aws.create("fast.fifo", DeduplicationScope="messageGroup",
               FifoThroughputLimit="perMessageGroupId")
    for group in ("g1", "g2", "g1"):
        aws.send(group, group, once="same", queue="fast.fifo")
    assert bodies(aws.receive("fast.fifo")) == ["g1", "g2"]
    refused(aws.sqs("CreateQueue", {"QueueName": "x.fifo", "Attributes": {
        "FifoQueue": "true", "FifoThroughputLimit": "perMessageGroupId"}}),
        "InvalidAttributeValue")


# ---- order -----------------------------------------------------------------
def test_a_groups_messages_come_in_order_and_together(aws):
    for body, group in [("g1-1", "g1"), ("g2-1", "g2"), ("g1-2", "g1"), ("g1-3", "g1")]:
        aws.send(body, group)
    assert bodies(aws.receive()) == ["g1-1", "g1-2", "g1-3", "g2-1"]


def test_a_group_is_locked_while_one_of_it_is_in_flight(aws):
    for body, group in [("g1-1", "g1"), ("g1-2", "g1"), ("g2-1", "g2")]:
        aws.send(body, group)
    (first,) = aws.receive(count=1)
    assert first["Body"] == "g1-1"
    assert bodies(aws.receive()) == ["g2-1"]
    assert aws.receive() == []
    aws.delete(first)
    assert bodies(aws.receive()) == ["g1-2"]


@pytest.mark.parametrize("position, visible", [(0, 0), (1, 1), (2, 2)])
def test_what_is_hidden_longer_hides_what_comes_after_it_in_its_group(aws, position, visible):
    for body in ("foo", "bar", "baz"):
        aws.send(body)
    messages = aws.receive(VisibilityTimeout=10)
    aws.ok("ChangeMessageVisibility", {
        "QueueUrl": aws.url(FIFO), "ReceiptHandle": messages[position]["ReceiptHandle"],
        "VisibilityTimeout": 100})
    aws.control("POST", "/clock", {"advance_s": 11})
    assert bodies(aws.receive()) == ["foo", "bar", "baz"][:visible]


def test_a_standard_queue_keeps_no_order_unless_it_is_told_to(aws):
    for i in range(10):
        aws.send(f"m{i}", queue=STANDARD)
    in_order = [f"m{i}" for i in range(10)]
    loose = bodies(aws.receive(STANDARD, VisibilityTimeout=0))
    assert sorted(loose) == in_order and loose != in_order
    aws.control("POST", "/settings", {"standard_order": "kept"})
    assert bodies(aws.receive(STANDARD)) == in_order


# ---- in flight -------------------------------------------------------------
def test_a_received_message_is_hidden_until_its_time_is_over(aws):
    aws.send("x", queue=STANDARD)
    (first,) = aws.receive(STANDARD, VisibilityTimeout=20, AttributeNames=["All"])
    assert first["Attributes"]["ApproximateReceiveCount"] == "1"
    assert aws.receive(STANDARD) == []
    assert attributes(aws, STANDARD)["ApproximateNumberOfMessagesNotVisible"] == "1"
    aws.control("POST", "/clock", {"advance_s": 21})
    (second,) = aws.receive(STANDARD, AttributeNames=["All"])
    assert second["Attributes"]["ApproximateReceiveCount"] == "2"
    assert second["ReceiptHandle"] != first["ReceiptHandle"]
    assert second["Attributes"]["ApproximateFirstReceiveTimestamp"] == \
        first["Attributes"]["ApproximateFirstReceiveTimestamp"]
    # An old handle deletes nothing, and is no error.
    aws.delete(first, STANDARD)
    assert len(aws.messages(STANDARD)) == 1
    aws.delete(second, STANDARD)
    aws.delete(second, STANDARD)
    assert aws.messages(STANDARD) == []


def test_with_a_standard_queue_a_handle_holds_after_its_time(aws):
    aws.send("x", queue=STANDARD)
    (message,) = aws.receive(STANDARD, VisibilityTimeout=1)
    aws.control("POST", "/clock", {"advance_s": 2})
    aws.ok("ChangeMessageVisibility", {"QueueUrl": aws.url(STANDARD), "VisibilityTimeout": 5,
                                       "ReceiptHandle": message["ReceiptHandle"]})
    assert aws.receive(STANDARD) == []
    aws.delete(message, STANDARD)
    assert aws.messages(STANDARD) == []


def test_with_a_fifo_queue_it_does_not(aws):
    aws.send("x")
    (message,) = aws.receive(VisibilityTimeout=1)
    aws.control("POST", "/clock", {"advance_s": 2})
    for operation, more in [("DeleteMessage", {}),
                            ("ChangeMessageVisibility", {"VisibilityTimeout": 5})]:
        answer = aws.sqs(operation, {"QueueUrl": aws.url(FIFO), **more,
                                     "ReceiptHandle": message["ReceiptHandle"]})
        refused(answer, INVALID, words="The receipt handle has expired.")
    assert bodies(aws.receive()) == ["x"]


def test_a_handle_of_nothing_is_refused(aws):
    aws.send("x")
    (message,) = aws.receive()
    for queue, handle in [(FIFO, "AQEB"), (FIFO, "é"), (STANDARD, message["ReceiptHandle"])]:
        refused(aws.sqs("DeleteMessage", {"QueueUrl": aws.url(queue), "ReceiptHandle": handle}),
                "ReceiptHandleIsInvalid", 404)
    told = aws.ok("DeleteMessageBatch", {"QueueUrl": aws.url(FIFO), "Entries": [
        {"Id": "bad", "ReceiptHandle": "AQEB"},
        {"Id": "good", "ReceiptHandle": message["ReceiptHandle"]}]})
    assert told["Successful"] == [{"Id": "good"}]
    assert told["Failed"][0]["Code"] == "ReceiptHandleIsInvalid"
    assert aws.messages(FIFO) == []


def test_visibility_can_be_changed_within_its_bounds(aws):
    aws.send("x", queue=STANDARD)
    (message,) = aws.receive(STANDARD)
    given = {"QueueUrl": aws.url(STANDARD), "ReceiptHandle": message["ReceiptHandle"]}
    for wrong in (-1, 43201):
        refused(aws.sqs("ChangeMessageVisibility", {**given, "VisibilityTimeout": wrong}), INVALID)
    aws.control("POST", "/clock", {"advance_s": 10})
    refused(aws.sqs("ChangeMessageVisibility", {**given, "VisibilityTimeout": 43200}), INVALID,
            words="beyond the limit")
    told = aws.ok("ChangeMessageVisibilityBatch", {"QueueUrl": given["QueueUrl"], "Entries": [
        {"Id": "a", "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0},
        {"Id": "b", "ReceiptHandle": "AQEB", "VisibilityTimeout": 0}]})
    assert told["Successful"] == [{"Id": "a"}] and told["Failed"][0]["Id"] == "b"
    (again,) = aws.receive(STANDARD)
    refused(aws.sqs("ChangeMessageVisibility", {**given, "VisibilityTimeout": 5}),
            "MessageNotInflight")
    aws.delete(again, STANDARD)
    refused(aws.sqs("ChangeMessageVisibility", {**given, "VisibilityTimeout": 5}), INVALID)


@pytest.mark.parametrize("given, words", [
    ({"MaxNumberOfMessages": 0}, "Must be between 1 and 10, if provided."),
    ({"MaxNumberOfMessages": 11}, "Must be between 1 and 10, if provided."),
    ({"WaitTimeSeconds": -1}, "Must be >= 0 and <= 20, if provided."),
    ({"WaitTimeSeconds": 21}, "Must be >= 0 and <= 20, if provided."),
    ({"VisibilityTimeout": 43201}, "Must be between 0 and 43200"),
])
def test_a_receive_has_its_bounds(aws, given, words):
    refused(aws.sqs("ReceiveMessage", {"QueueUrl": aws.url(STANDARD), **given}), INVALID,
            words=words)
    refused(aws.sqs("ReceiveMessage", {"QueueUrl": aws.url(STANDARD),
                                       "AttributeNames": ["Colour"]}), "InvalidAttributeName")


def test_too_many_in_flight_are_refused(aws):
    aws.control("POST", "/settings", {"in_flight_max": 2})
    for body in "abc":
        aws.send(body, queue=STANDARD)
    assert len(aws.receive(STANDARD, 2)) == 2
    refused(aws.sqs("ReceiveMessage", {"QueueUrl": aws.url(STANDARD)}), "OverLimit", 403)


def test_a_long_poll_ends_with_the_first_message(aws):
    got, started = [], time.monotonic()
    waiter = threading.Thread(target=lambda: got.extend(aws.receive(WaitTimeSeconds=15)))
    waiter.start()
    until_waiting(aws, 1)
    aws.send("x")
    waiter.join(15)
    assert bodies(got) == ["x"] and time.monotonic() - started < 10


def until_waiting(aws, polls):
    end = time.monotonic() + 10
    while aws.control("GET", "/counts")["waiting"] != polls:
        assert time.monotonic() < end


def test_a_long_poll_ends_when_a_message_becomes_visible(aws):
    aws.send("x", queue=STANDARD)
    aws.receive(STANDARD, VisibilityTimeout=1)
    assert bodies(aws.receive(STANDARD, WaitTimeSeconds=10)) == ["x"]


def test_a_long_poll_ends_with_nothing_after_its_time(aws):
    started = time.monotonic()
    assert aws.receive(WaitTimeSeconds=1) == []
    assert 0.9 < time.monotonic() - started < 5
    aws.create("patient", ReceiveMessageWaitTimeSeconds="1")
    started = time.monotonic()
    assert aws.receive("patient") == []
    assert time.monotonic() - started > 0.9


def test_who_left_a_long_poll_takes_no_message(aws):
    body = json.dumps({"QueueUrl": aws.url(FIFO), "WaitTimeSeconds": 20}).encode()
    connection = aws.connect()
    connection.request("POST", "/", body, aws.signed("POST", "/", body, {
        "Content-Type": JSON, "X-Amz-Target": "AmazonSQS.ReceiveMessage"}))
    until_waiting(aws, 1)
    connection.close()
    until_waiting(aws, 0)
    aws.send("x")
    assert bodies(aws.receive()) == ["x"]


# ---- dead letters ----------------------------------------------------------
@pytest.mark.parametrize("queue, dead", [("source", "dead"), ("source.fifo", "dead.fifo")])
def test_who_is_received_too_often_goes_to_the_dead_letters(aws, queue, dead):
    aws.create(dead)
    arn = attributes(aws, dead)["QueueArn"]
    aws.create(queue, RedrivePolicy=json.dumps({"deadLetterTargetArn": arn,
                                                "maxReceiveCount": "2"}))
    aws.send("x", queue=queue)
    for _ in range(2):
        assert bodies(aws.receive(queue, VisibilityTimeout=0)) == ["x"]
        assert aws.messages(dead) == []
    assert aws.receive(queue) == [] and aws.messages(queue) == []
    (message,) = aws.receive(dead, AttributeNames=["All"])
    told = message["Attributes"]
    assert message["Body"] == "x" and told["ApproximateReceiveCount"] == "3"
    assert told["DeadLetterQueueSourceArn"] == attributes(aws, queue)["QueueArn"]
    aws.ok("SetQueueAttributes", {"QueueUrl": aws.url(queue), "Attributes": {"RedrivePolicy": ""}})
    assert "RedrivePolicy" not in attributes(aws, queue)


def test_messages_are_forgotten_after_their_retention(aws):
    aws.create("short", MessageRetentionPeriod="60")
    aws.send("x", queue="short")
    aws.control("POST", "/clock", {"advance_s": 59})
    assert len(aws.messages("short")) == 1
    aws.control("POST", "/clock", {"advance_s": 2})
    assert aws.messages("short") == [] and aws.receive("short") == []


def test_the_sandbox_takes_no_more_than_it_can_hold(aws):
    aws.control("POST", "/settings", {"messages_max": 2})
    assert sent_to(aws).status == sent_to(aws).status == 200
    refused(sent_to(aws), "OverLimit", 403, words="reset it")
    told = batch(aws, entries(1)).json
    assert told["Failed"][0]["Code"] == "OverLimit"
    aws.control("POST", "/reset")
    aws.control("POST", "/settings", {"messages_max": 100, "bytes_max": 3})
    assert sent_to(aws, MessageBody="xxxx").status == 200
    refused(sent_to(aws), "OverLimit", 403)
