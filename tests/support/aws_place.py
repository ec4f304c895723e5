"""aws_place.py: the sandbox of SQS and S3 beside an instance: what arrived there,
what is to go wrong, and AWS's own client to read it with."""

import json
import urllib.request

import boto3
import botocore.config


class AwsPlace:
    """The queue and the bucket of an instance (INSTANCE_AWS=sandbox)."""

    def __init__(self, live):
        self.url = live.ctl("aws_url", live.dir)
        self.env = live.env

    def control(self, method, path, body=None):
        request = urllib.request.Request(
            f"{self.url}/_control{path}", method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def fault(self, match, kind, **more):
        self.control("POST", "/faults", {"match": match, "kind": kind, **more})

    def lift(self):
        """No fault any more; how often each has struck."""
        struck = self.control("GET", "/faults")["struck"]
        self.control("DELETE", "/faults")
        return {kind: n for kind, n in struck.items() if n}

    def arrived(self):
        """Every message that was sent here, in the order of its arrival; one that
        a FIFO queue knew again by its id is a `duplicate`."""
        entries, after = [], 0
        while True:
            found = self.control("POST", "/journal", {"after": after, "kind": "message"})
            if not found["entries"]:
                return entries
            entries += found["entries"]
            after = found["entries"][-1]["seq"]

    def client(self, service, signed=True):
        """boto3's; unsigned: as anybody."""
        unsigned = {} if signed else {"signature_version": botocore.UNSIGNED}
        return boto3.client(
            service, region_name=self.env["AWS_REGION"], endpoint_url=self.url,
            aws_access_key_id=self.env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.env["AWS_SECRET_ACCESS_KEY"],
            config=botocore.config.Config(retries={"max_attempts": 1}, read_timeout=30,
                                          s3={"addressing_style": "path"}, **unsigned))

    def receive(self, queue_url, idle_s=1):
        """All that lies in the queue, taken out by AWS's client: the events, in
        the order in which they came out."""
        sqs, events = self.client("sqs"), []
        while True:
            got = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10,
                                      WaitTimeSeconds=idle_s).get("Messages", [])
            if not got:
                return events
            events += [json.loads(message["Body"]) for message in got]
            sqs.delete_message_batch(QueueUrl=queue_url, Entries=[
                {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]}
                for n, message in enumerate(got)])
