"""aws_sqs.py: what the tests of SQS ask for again and again."""
from aws_sandbox import STANDARD

MIB = 1 << 20
INVALID = "InvalidParameterValueException"


def batch(aws, entries, queue=STANDARD, **how):
    return aws.sqs("SendMessageBatch", {"QueueUrl": aws.url(queue), "Entries": entries}, **how)


def entries(count, **more):
    return [{"Id": f"e{i}", "MessageBody": f"m{i}", **more} for i in range(count)]


def fifo_entries(count, group="g"):
    return [{**entry, "MessageGroupId": group, "MessageDeduplicationId": entry["Id"]}
            for entry in entries(count)]


def sent_to(aws, queue=STANDARD, **more):
    return aws.sqs("SendMessage", {"QueueUrl": aws.url(queue), "MessageBody": "x", **more})


def attributes(aws, queue, *names):
    return aws.ok("GetQueueAttributes", {"QueueUrl": aws.url(queue),
                                         "AttributeNames": list(names) or ["All"]})["Attributes"]
