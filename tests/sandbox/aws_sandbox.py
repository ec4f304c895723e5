"""aws_sandbox.py: the running sandbox, and requests signed by botocore, which we
did not write."""
import datetime
import hashlib
import json
import pathlib
import urllib.parse
import xml.etree.ElementTree as tree

import boto3
import botocore.config
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from running import WAIT_S, Running

TREE = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = TREE / "sandbox/aws-sandbox"
KEY_ID, SECRET, REGION = "AKIASANDBOXTESTS2222", "secret-of-the-tests", "us-east-1"
ACCOUNT = "123456789012"
JSON = "application/x-amz-json-1.0"
FIFO, STANDARD, BUCKET = "events.fifo", "events", "documents"


class Partly(SigV4Auth):
    """Leaves headers out of what is signed."""

    left_out = ()

    def headers_to_sign(self, request):
        headers = super().headers_to_sign(request)
        for name in self.left_out:
            del headers[name]
        return headers


class S3Partly(Partly, S3SigV4Auth):
    """The same, for S3."""


class AwsSandbox(Running):
    def __init__(self, *options):
        super().__init__(PROGRAM, ["--queue", FIFO, "--queue", STANDARD, "--bucket", BUCKET,
                                   *options],
                         {"AWS_SANDBOX_KEY_ID": KEY_ID, "AWS_SANDBOX_SECRET": SECRET})

    def url(self, queue):
        return f"{self.where}/{ACCOUNT}/{queue}"

    def fault(self, match, kind, **more):
        return self.control("POST", "/faults", {"match": match, "kind": kind, **more})

    def struck(self):
        return {kind: n for kind, n in self.control("GET", "/counts")["faults"].items() if n}

    def journal(self, **which):
        return self.control("POST", "/journal", which)["entries"]

    def messages(self, queue):
        return self.control("GET", "/state")["queues"][queue]["messages"]

    # ---- requests that are signed ------------------------------------------------
    def signed(self, method, path, body, headers, service="sqs", key=(KEY_ID, SECRET), token=None,
               region=REGION, left_out=(), signer=None):
        """The headers of a request, with its signature."""
        request = AWSRequest(method, self.where + path, headers, body)
        signer = signer or (S3Partly if service == "s3" else Partly)
        auth = signer(Credentials(*key, token), service, region)
        auth.left_out = left_out
        auth.add_auth(request)
        return dict(request.headers.items())

    def sqs(self, operation, given=None, raw=None, headers=None, timeout=WAIT_S, connection=None,
            **how):
        """One operation by the JSON protocol; given holds the parameters, or raw
        is the body."""
        body = raw if raw is not None else json.dumps(given or {}).encode()
        sent = self.signed("POST", "/", body, {
            "Content-Type": JSON, "X-Amz-Target": f"AmazonSQS.{operation}", **(headers or {})},
            **how)
        return self.ask("POST", "/", body, sent, connection, timeout)

    def query(self, path="/", **given):
        """The same by the query protocol."""
        body = urllib.parse.urlencode({"Version": "2012-11-05", **given}).encode()
        sent = self.signed("POST", path, body, {
            "Content-Type": "application/x-www-form-urlencoded"})
        return self.ask("POST", path, body, sent)

    def s3(self, method, path, body=b"", headers=None, timeout=WAIT_S, **how):
        sent = self.signed(method, path, body, dict(headers or {}), "s3", **how)
        # botocore signs the host of the address, http.client sends the same.
        return self.ask(method, path, body or None, sent, timeout=timeout)

    def presigned(self, method, path, expires=60, token=None, key=(KEY_ID, SECRET)):
        request = AWSRequest(method, self.where + path)
        S3SigV4QueryAuth(Credentials(*key, token), "s3", REGION, expires).add_auth(request)
        return request.url.removeprefix(self.where)

    # ---- the usual ------------------------------------------------------------------
    def ok(self, operation, given=None, **how):
        answer = self.sqs(operation, given, **how)
        assert answer.status == 200, answer.text
        return answer.json if answer.body else {}

    def send(self, body, group="g", once=None, queue=FIFO, **more):
        given = {"QueueUrl": self.url(queue), "MessageBody": body, **more}
        if queue.endswith(".fifo"):
            given.update(MessageGroupId=group, MessageDeduplicationId=once or body)
        return self.ok("SendMessage", given)

    def receive(self, queue=FIFO, count=10, **more):
        return self.ok("ReceiveMessage", {"QueueUrl": self.url(queue),
                                          "MaxNumberOfMessages": count, **more}).get("Messages", [])

    def delete(self, message, queue=FIFO):
        return self.ok("DeleteMessage", {"QueueUrl": self.url(queue),
                                         "ReceiptHandle": message["ReceiptHandle"]})

    def create(self, name, **attributes):
        if name.endswith(".fifo"):
            attributes = {"FifoQueue": "true", **attributes}
        return self.ok("CreateQueue", {"QueueName": name, "Attributes": attributes})["QueueUrl"]

    def client(self, service, **more):
        """boto3's; it does not try again, so that each answer is seen."""
        return boto3.client(service, endpoint_url=self.where, region_name=REGION, **{
            "aws_access_key_id": KEY_ID, "aws_secret_access_key": SECRET, **more},
            config=botocore.config.Config(retries={"total_max_attempts": 1}))


def bodies(messages):
    return [message["Body"] for message in messages]


def refused(answer, kind, status=400, code=None, words=""):
    """An error of SQS over JSON: both of its names, and what it says."""
    assert answer.status == status, answer.text
    told = answer.json
    assert told["__type"].partition("#")[2] == kind, told
    assert answer.headers["Content-Type"] == JSON
    name, _, fault = answer.headers["x-amzn-query-error"].partition(";")
    assert fault == ("Sender" if status < 500 else "Receiver")
    if code:
        assert name == code
    assert words in told.get("message", told.get("Message", "")), told
    assert answer.headers["x-amzn-RequestId"]
    return told


def s3_refused(answer, status, code, **fields):
    """An error of S3: what it says, by name."""
    told = {element.tag: element.text for element in tree.fromstring(answer.body)}
    assert (answer.status, told["Code"]) == (status, code), told
    assert answer.headers["Content-Type"] == "application/xml"
    for name, value in fields.items():
        assert told[name] == value, told
    assert told["RequestId"] == answer.headers["x-amz-request-id"]
    return told


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


def iso(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
