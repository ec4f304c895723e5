"""attributes: of queues: names, ranges, defaults; of messages: form and digest."""
import base64
import hashlib
import json
import re

from .errors import SqsRefusal, invalid, invalid_value, not_modelled

MESSAGE_MAX = 1 << 20
MESSAGE_ATTRIBUTES_MAX = 10
QUEUE_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}\Z")
# name: (default, lowest, highest)
NUMBERS = {
    "DelaySeconds": ("0", 0, 900),
    "MaximumMessageSize": (str(MESSAGE_MAX), 1024, MESSAGE_MAX),
    "MessageRetentionPeriod": ("345600", 60, 1209600),
    "ReceiveMessageWaitTimeSeconds": ("0", 0, 20),
    "VisibilityTimeout": ("30", 0, 43200),
    "KmsDataKeyReusePeriodSeconds": (None, 60, 86400),
}
WORDS = {
    "FifoQueue": ("true", "false"),
    "ContentBasedDeduplication": ("true", "false"),
    "SqsManagedSseEnabled": ("true", "false"),
    "DeduplicationScope": ("messageGroup", "queue"),
    "FifoThroughputLimit": ("perQueue", "perMessageGroupId"),
}
FIFO_ONLY = {"FifoQueue", "ContentBasedDeduplication", "DeduplicationScope",
             "FifoThroughputLimit"}
COUNTED = {"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible",
           "ApproximateNumberOfMessagesDelayed", "CreatedTimestamp", "LastModifiedTimestamp",
           "QueueArn"}
UNMODELLED = {"Policy", "RedriveAllowPolicy"}
SETTABLE = {*NUMBERS, *WORDS, *UNMODELLED, "KmsMasterKeyId", "RedrivePolicy"}
READABLE = {"All", *SETTABLE, *COUNTED}


def check_name(name, fifo):
    if name.endswith(".fifo") and fifo:
        if not QUEUE_NAME.match(name.removesuffix(".fifo")) or len(name) > 80:
            raise invalid("The name of a FIFO queue can only include alphanumeric characters, "
                          "hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in "
                          "length.")
    elif fifo:
        raise invalid("The name of a FIFO queue can only include alphanumeric characters, "
                      "hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in "
                      "length.")
    elif not QUEUE_NAME.match(name):
        raise invalid("Can only include alphanumeric characters, hyphens, or underscores. "
                      "1 to 80 in length")


def unknown(name):
    return SqsRefusal("InvalidAttributeName", f"Unknown Attribute {name}.")


def not_allowed(name, reason=None):
    tail = f" Reason: {reason}" if reason else ""
    return SqsRefusal("InvalidAttributeValue", f"Invalid value for the parameter {name}.{tail}")


class Attributes:
    """Those of one queue.  What was not given has its default."""

    def __init__(self, queue, given):
        self.queue = queue
        self.values = {}
        self.values = self.checked(given, queue.fifo)

    def get(self, name):
        value = self.values.get(name)
        if value is None:
            value = NUMBERS.get(name, (None,))[0]
        if value is None and name == "SqsManagedSseEnabled":
            value = "false" if self.values.get("KmsMasterKeyId") else "true"
        if value is None and self.queue.fifo:
            value = {"FifoQueue": "true", "ContentBasedDeduplication": "false",
                     "DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue"}.get(name)
        return value

    def set(self, given):
        if "FifoQueue" in given:
            if not self.queue.fifo:
                raise unknown("FifoQueue")
            if given["FifoQueue"].lower() != "true":
                raise not_allowed("FifoQueue", "Modifying queue type is not supported.")
        self.values = self.checked(given, self.queue.fifo)

    def checked(self, given, fifo):
        """The values with these over those that are there; "" takes one away."""
        values = dict(self.values)
        for name, value in given.items():
            self.check(name, value, fifo)
            if name in WORDS and value.lower() in ("true", "false"):
                value = value.lower()
            values[name] = value
            if value == "":
                del values[name]
        if values.get("KmsMasterKeyId") and values.get("SqsManagedSseEnabled") == "true":
            if "KmsMasterKeyId" in given and "SqsManagedSseEnabled" not in given:
                del values["SqsManagedSseEnabled"]
            else:
                raise SqsRefusal("InvalidAttributeName", "You can use one type of server-side "
                                 "encryption (SSE) at one time. You can either enable KMS SSE or "
                                 "SQS SSE.")
        if values.get("FifoThroughputLimit") == "perMessageGroupId" and \
                values.get("DeduplicationScope") != "messageGroup":
            raise not_allowed("FifoThroughputLimit", "perMessageGroupId wants a "
                              "DeduplicationScope of messageGroup.")
        return values

    def check(self, name, value, fifo):
        if name not in SETTABLE or (name in FIFO_ONLY - {"DeduplicationScope",
                                                         "FifoThroughputLimit"} and not fifo):
            raise unknown(name)
        if name in FIFO_ONLY and not fifo:
            raise SqsRefusal("InvalidAttributeName", f"You can specify the {name} only when "
                             "FifoQueue is set to true.")
        if name in UNMODELLED:
            raise not_modelled(f"the attribute {name}")
        if name in NUMBERS:
            _, low, high = NUMBERS[name]
            if not value.isascii() or not value.isdigit() or not low <= int(value[:9]) <= high:
                raise not_allowed(name)
        elif name in WORDS and value not in WORDS[name] and value.lower() not in WORDS[name]:
            raise not_allowed(name)
        elif name == "RedrivePolicy" and value:
            read_redrive(self.queue, value)

    def dead_letters(self):
        """(Queue, after how many receives), or (None, 0)."""
        policy = self.values.get("RedrivePolicy")
        if not policy:
            return None, 0
        return read_redrive(self.queue, policy, strict=False)

    def differs(self, given):
        """The name of one that is not as given; None when all are the same."""
        theirs = Attributes(self.queue, given)
        return next((name for name in sorted(given) if theirs.get(name) != self.get(name)), None)

    def show(self, names):
        for name in names:
            if name not in READABLE:
                raise unknown(name)
        queue = self.queue
        shown = {"QueueArn": queue.arn, "CreatedTimestamp": str(int(queue.made)),
                 "LastModifiedTimestamp": str(int(queue.changed)),
                 **{name: str(value) for name, value in queue.counts().items()}}
        for name in sorted(SETTABLE):
            if self.get(name) is not None:
                shown[name] = self.get(name)
        return shown if "All" in names else {n: shown[n] for n in names if n in shown}


def read_redrive(queue, text, strict=True):
    """(the queue of dead letters, after how many receives)"""
    def refuse(reason):
        return invalid_value(text, "RedrivePolicy", reason)

    try:
        policy = json.loads(text)
        arn, most = policy.pop("deadLetterTargetArn"), policy.pop("maxReceiveCount")
        most = int(most)
    except (ValueError, TypeError, AttributeError):
        raise refuse("Redrive policy is not a valid JSON map.") from None
    except KeyError as e:
        raise refuse(f"Redrive policy does not contain mandatory attribute: {e.args[0]}.") from None
    if policy:
        raise refuse("Only following attributes are supported: [deadLetterTargetArn, "
                     "maxReceiveCount].")
    if not 1 <= most <= 1000:
        raise refuse(f"Invalid value for maxReceiveCount: {most}, valid values are from 1 to 1000 "
                     "both inclusive.")
    if not isinstance(arn, str) or not arn.startswith("arn:aws:sqs:"):
        raise refuse("Invalid value for deadLetterTargetArn.")
    target = next((q for q in queue.world.queues.values() if q.arn == arn), None)
    if target is None and strict:
        raise refuse("Dead letter target does not exist.")
    if target is not None and target.fifo != queue.fifo:
        raise refuse("Dead-letter queue must be same type of queue as the source.")
    return target, most


# ---- of messages ------------------------------------------------------------------
ATTRIBUTE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,256}\Z")
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?\Z")


def check_message_attributes(attributes):
    if len(attributes) > MESSAGE_ATTRIBUTES_MAX:
        raise invalid(f"Number of message attributes [{len(attributes)}] exceeds the allowed "
                      f"maximum [{MESSAGE_ATTRIBUTES_MAX}].")
    for name, value in attributes.items():
        low = name.lower()
        if not ATTRIBUTE_NAME.match(name):
            raise invalid("Message (user) attribute names can only contain letters, digits, "
                          "periods, hyphens and underscores, and are 1 to 256 long.")
        if low.startswith(("aws.", "amazon.", ".")) or low.endswith(".") or ".." in low:
            raise invalid("You can't use message attribute names beginning with 'AWS.' or "
                          "'Amazon.'. These strings are reserved for internal use. Additionally, "
                          "they cannot start or end with '.'.")
        check_value(name, value)


def check_value(name, value):
    kind = value.get("DataType", "")
    base = kind.partition(".")[0]
    if base not in ("String", "Number", "Binary") or len(kind) > 256:
        raise invalid(f"The type of message (user) attribute '{name}' is invalid. You must use "
                      "only the following supported type prefixes: Binary, Number, String.")
    if "StringListValues" in value or "BinaryListValues" in value:
        raise SqsRefusal("UnsupportedOperation", "Message attribute list values in SendMessage "
                         "operation are not supported.")
    field = "BinaryValue" if base == "Binary" else "StringValue"
    if not value.get(field) or len(set(value) - {"DataType"}) != 1:
        raise invalid(f"Message (user) attribute '{name}' must contain a non-empty value of type "
                      f"'{base}'.")
    if base == "Number" and not NUMBER.match(value[field]):
        raise invalid(f"Can't cast the value of message (user) attribute '{name}' to a number.")


def raw(value):
    """The bytes of an attribute's value; base64 is how binary ones travel."""
    if "BinaryValue" in value:
        return base64.b64decode(value["BinaryValue"])
    return value["StringValue"].encode("utf-8", "surrogatepass")


def size_of(attributes):
    return sum(len(name.encode()) + len(value["DataType"].encode()) + len(raw(value))
               for name, value in attributes.items())


def digest_of(attributes):
    """MD5OfMessageAttributes: each part with its length before it, by name."""
    md5 = hashlib.md5()
    for name in sorted(attributes):
        value = attributes[name]
        for part in (name.encode(), value["DataType"].encode()):
            md5.update(len(part).to_bytes(4, "big") + part)
        part = raw(value)
        md5.update(b"\2" if "BinaryValue" in value else b"\1")
        md5.update(len(part).to_bytes(4, "big") + part)
    return md5.hexdigest()
