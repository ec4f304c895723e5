#!/usr/bin/python3
"""second_opinion.py: the same cases put to our stand-in for SQS and to another
one that we did not write, and where their answers differ.

    npm install --prefix DIR --ignore-scripts fauxqs@1.9.2       # wants Node 20
    FAUXQS_PORT=4599 FAUXQS_HOST=localhost DIR/node_modules/.bin/fauxqs &
    tests/sandbox/second_opinion.py http://127.0.0.1:4599

Cases that are known to differ, and why, stand in KNOWN; others end it with status 1.
The other one checks no signature: nothing is said of that here.
"""
import http.client
import json
import sys
import urllib.parse

from aws_sandbox import AwsSandbox

MIB = 1 << 20
KEPT = {"Body", "MD5OfBody", "MD5OfMessageBody", "MD5OfMessageAttributes", "MessageAttributes",
        "Id", "SenderFault", "Code", "MessageGroupId", "MessageDeduplicationId",
        "ApproximateReceiveCount", "DataType", "StringValue", "BinaryValue"}
TEXT = {"DataType": "String", "StringValue": "x"}


def send(body="x", **more):
    return ("SendMessage", {"QueueUrl": "{url}", "MessageBody": body, **more})


def fifo(body, group="g", once=None):
    return send(body, MessageGroupId=group, MessageDeduplicationId=once or body)


def batch(*entries):
    return ("SendMessageBatch", {"QueueUrl": "{url}", "Entries": list(entries)})


def entry(name, body="x", **more):
    return {"Id": name, "MessageBody": body, **more}


def receive(**more):
    return ("ReceiveMessage", {"QueueUrl": "{url}", "MaxNumberOfMessages": 10, **more})


def delete(handle="{handle}"):
    return ("DeleteMessage", {"QueueUrl": "{url}", "ReceiptHandle": handle})


def visibility(seconds, handle="{handle}"):
    return ("ChangeMessageVisibility", {"QueueUrl": "{url}", "ReceiptHandle": handle,
                                        "VisibilityTimeout": seconds})


# name: (attributes of the queue, or None for a standard one; steps).  {url} is the
# queue's address, {handle} the handle of the first message received last.
FIFO = {"FifoQueue": "true"}
CASES = {
    "a message and back": (None, [send("Zoë ☃"), receive(AttributeNames=["All"]), receive()]),
    "an empty body": (None, [send("")]),
    "no body": (None, [("SendMessage", {"QueueUrl": "{url}"})]),
    "no queue": (None, [("SendMessage", {"QueueUrl": "{url}-none", "MessageBody": "x"}),
                        ("GetQueueUrl", {"QueueName": "nowhere"})]),
    "no such operation": (None, [("SendMail", {})]),
    "invalid characters": (None, [send("a\u0000"), send("\ud800"), send("\ufffe"), send("\t\n\r"),
                                  batch(entry("a", "\u0001"), entry("b"))]),
    "a mebibyte": (None, [send("x" * MIB), send("x" * (MIB + 1))]),
    "a mebibyte of a batch": (None, [
        batch(entry("a", "x" * (MIB // 2)), entry("b", "x" * (MIB // 2))),
        batch(entry("a", "x" * (MIB // 2)), entry("b", "x" * (MIB // 2 + 1)))]),
    "attributes count": (None, [
        send("x" * (MIB - 8), MessageAttributes={"a": {**TEXT, "StringValue": "12"}})]),
    "an empty batch": (None, [batch()]),
    "eleven entries": (None, [batch(*[entry(f"e{i}") for i in range(11)])]),
    "the same id twice": (None, [batch(entry("a"), entry("a"))]),
    "ids that are none": (None, [batch(entry("a b")), batch(entry("a" * 81)), batch(entry("é"))]),
    "ten entries": (FIFO, [
        batch(*[entry(f"e{i}", f"m{i}", MessageGroupId="g", MessageDeduplicationId=f"d{i}")
                for i in range(10)]), receive()]),
    "message attributes": (None, [
        send(MessageAttributes={"a": TEXT, "b": {"DataType": "Binary", "BinaryValue": "AAE="},
                                "n": {"DataType": "Number", "StringValue": "1.5"}}),
        receive(MessageAttributeNames=["a"], VisibilityTimeout=0),
        receive(MessageAttributeNames=["All"])]),
    "message attributes that are none": (None, [
        send(MessageAttributes={"a b": TEXT}), send(MessageAttributes={"AWS.x": TEXT}),
        send(MessageAttributes={"a": {"DataType": "Text", "StringValue": "x"}}),
        send(MessageAttributes={"a": {"DataType": "String", "StringValue": ""}}),
        send(MessageAttributes={f"a{i}": TEXT for i in range(11)})]),
    "bounds of a receive": (None, [
        receive(MaxNumberOfMessages=0), receive(MaxNumberOfMessages=11),
        receive(WaitTimeSeconds=21), receive(VisibilityTimeout=43201)]),
    "bounds of a delay": (None, [send(DelaySeconds=901), send(DelaySeconds=900)]),
    "delete and delete again": (None, [send(), receive(), delete(), delete(),
                                       receive()]),
    "handles that are none": (None, [delete("x"), visibility(5, "x")]),
    "visibility": (None, [send(), receive(), visibility(43201), visibility(0), receive(),
                          delete(), visibility(5)]),
    "fifo wants a group": (FIFO, [send(MessageDeduplicationId="d")]),
    "fifo wants an id": (FIFO, [send(MessageGroupId="g")]),
    "fifo wants both in a batch": (FIFO, [
        batch(entry("a", MessageGroupId="g")), batch(entry("a", MessageDeduplicationId="d"))]),
    "fifo takes no delay": (FIFO, [send(MessageGroupId="g", MessageDeduplicationId="d",
                                        DelaySeconds=5)]),
    "fifo ids that are none": (FIFO, [
        send(MessageGroupId="a b", MessageDeduplicationId="d"),
        send(MessageGroupId="g", MessageDeduplicationId="x" * 129)]),
    "fifo once": (FIFO, [fifo("a", once="same"), fifo("b", once="same"), receive(), delete(),
                         fifo("c", once="same"), receive()]),
    "fifo once across groups": (FIFO, [fifo("a", "g1", "same"), fifo("b", "g2", "same"),
                                       receive()]),
    "fifo by content": ({**FIFO, "ContentBasedDeduplication": "true"}, [
        send("a", MessageGroupId="g"), send("a", MessageGroupId="g"), receive()]),
    "fifo order": (FIFO, [fifo("a1", "a"), fifo("b1", "b"), fifo("a2", "a"),
                          receive(MaxNumberOfMessages=1), receive(), receive(), delete()]),
    "fifo lock": (FIFO, [fifo("a1"), fifo("a2"), receive(MaxNumberOfMessages=1), receive(),
                         delete(), receive()]),
    "deduplication is no standard queue's": (None, [send(MessageDeduplicationId="d")]),
    "a group is a standard queue's too": (None, [send(MessageGroupId="g")]),
    "attributes that are none": (None, [
        ("SetQueueAttributes", {"QueueUrl": "{url}", "Attributes": {name: value}})
        for name, value in [("Colour", "red"), ("VisibilityTimeout", "43201"),
                            ("DelaySeconds", "901"), ("MaximumMessageSize", "1023"),
                            ("FifoQueue", "true"), ("RedrivePolicy", "x")]]),
    "names that are none": (None, [
        ("CreateQueue", {"QueueName": name}) for name in ("a b", "x" * 81, "a.fifo")]),
    "purge twice": (None, [send(), ("PurgeQueue", {"QueueUrl": "{url}"}), receive(),
                           ("PurgeQueue", {"QueueUrl": "{url}"})]),
}
# Why answers of a case differ: what stands against the other one's.
RECORDED = "recorded from SQS (localstack, tests/aws/services/sqs): "
DOCUMENTED = "the API reference of SQS: "
KNOWN = {
    "ids that are none": DOCUMENTED + "at most 80 characters",
    "ten entries": RECORDED + "a receive gives out several messages of one group",
    "message attributes": RECORDED + "the digest is that of the attributes that are given out",
    "message attributes that are none": DOCUMENTED + "names, types, and 10 at most",
    "bounds of a delay": DOCUMENTED + "0 to 900 seconds",
    "handles that are none": DOCUMENTED + "ReceiptHandleIsInvalid",
    "visibility": "a deleted message: SQS was seen to say InvalidParameterValue, neither is proved",
    "fifo wants both in a batch": RECORDED + "the batch is refused as a whole",
    "fifo ids that are none": RECORDED + "alphanumeric and punctuation, 1 to 128",
    "deduplication is no standard queue's": DOCUMENTED + "for FIFO queues alone",
    "attributes that are none": RECORDED + "FifoQueue of a standard queue is unknown; "
                                "RedrivePolicy is JSON",
    "names that are none": DOCUMENTED + "1 to 80 of letters, digits, - and _",
    "purge twice": RECORDED + "once in 60 seconds",
}


class Other:
    """Takes the JSON protocol from anybody."""

    def __init__(self, where):
        self.port = urllib.parse.urlsplit(where).port

    def sqs(self, operation, given):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("POST", "/", json.dumps(given), {
            "Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AmazonSQS.{operation}",
            "Authorization": "AWS4-HMAC-SHA256 Credential=x/20261123/us-east-1/sqs/aws4_request, "
                             "SignedHeaders=host, Signature=0"})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, answer.headers, json.loads(body) if body else {}


class Ours(AwsSandbox):
    def sqs(self, operation, given):
        answer = super().sqs(operation, given)
        return answer.status, answer.headers, answer.json if answer.body else {}


def core(value):
    """What of an answer both have to agree on."""
    if isinstance(value, dict):
        return {name: core(inner) for name, inner in value.items()
                if name in KEPT or isinstance(inner, (dict, list))}
    if isinstance(value, list):
        return [core(inner) for inner in value]
    return value


def outcome(status, headers, told):
    """The other one names every error AWS.SimpleQueueService.KIND and knows no
    second name; recordings of SQS tell both.  Compared is what is left."""
    if status != 200:
        code = headers.get("x-amzn-query-error") or told.get("__type", "").partition("#")[2]
        return status, code.partition(";")[0].removeprefix("AWS.SimpleQueueService.")
    # Nor does SQS tell of lists that are empty.
    return status, {name: rows for name, rows in core(told).items() if rows != []}


def run(sqs, name, attributes, steps):
    """The outcome of each step."""
    queue = f"case{abs(hash(name)) % 10**9}" + (".fifo" if attributes else "")
    status, _, told = sqs("CreateQueue", {"QueueName": queue, "Attributes": attributes or {}})
    assert status == 200, told
    url, handle, seen = told["QueueUrl"], "", []
    for operation, given in steps:
        given = {key: fill(value, url, handle) for key, value in given.items()}
        answer = sqs(operation, given)
        seen.append(outcome(*answer))
        if operation == "ReceiveMessage" and answer[2].get("Messages"):
            handle = answer[2]["Messages"][0]["ReceiptHandle"]
    return seen


def fill(value, url, handle):
    if not isinstance(value, str):
        return value
    return value.replace("{url}", url).replace("{handle}", handle)


def main(where):
    ours, other, unknown, steps_seen = Ours(), Other(where), 0, 0
    ours.control("POST", "/settings", {"standard_order": "kept"})
    for name, (attributes, steps) in CASES.items():
        pair = run(ours.sqs, name, attributes, steps), run(other.sqs, name, attributes, steps)
        for number, (mine, theirs) in enumerate(zip(*pair)):
            steps_seen += 1
            if mine == theirs:
                continue
            why = KNOWN.get(name)
            unknown += why is None
            print(f"{name}, step {number}: {why or 'UNKNOWN'}\n    ours   {str(mine)[:300]}\n"
                  f"    theirs {str(theirs)[:300]}")
    ours.stop()
    print(f"{len(CASES)} cases, {steps_seen} steps, {unknown} differences without a reason")
    return 1 if unknown else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
