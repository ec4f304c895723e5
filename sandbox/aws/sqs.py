"""sqs: the operations.  Each gets a Call, holding world.lock, and returns what
the JSON protocol answers."""
import hashlib
import re
import time
import urllib.parse

from common.http import Cut

from . import ACCOUNT
from .attributes import check_message_attributes, check_name, digest_of, size_of
from .errors import SqsRefusal, invalid, invalid_value, missing, not_modelled
from .queues import Message, Queue

ENTRIES_MAX = 10
BATCH_MAX = 1 << 20
QUEUES_MAX = 1000
POLL_STEP_S = 0.5
ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}\Z")
# Letters, digits, and the punctuation of ASCII.
FIFO_ID = re.compile(r"[!-~]{1,128}\Z")
NO_TEXT = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
SYSTEM_NAMES = {"All", "SenderId", "SentTimestamp", "ApproximateReceiveCount",
                "ApproximateFirstReceiveTimestamp", "SequenceNumber", "MessageDeduplicationId",
                "MessageGroupId", "AWSTraceHeader", "DeadLetterQueueSourceArn"}


class Call:
    """gone() tells if the client has left; rule is the fault that struck, if one
    did; host is what the request was addressed to."""

    def __init__(self, world, given, host, request_id, rule=None, gone=lambda: False):
        self.world, self.given, self.host, self.rule, self.gone = world, given, host, rule, gone
        self.request_id = request_id

    def queue(self):
        name = queue_name(self.given.get("QueueUrl", ""), self.host, self.world)
        queue = self.world.queues.get(name)
        if queue is None:
            raise SqsRefusal("QueueDoesNotExist", "The specified queue does not exist.")
        return queue

    def fault(self, kind):
        return self.rule if self.rule and self.rule.kind == kind else None


def queue_name(url, host, world):
    """The name of the queue of an address that is ours."""
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        parts = urllib.parse.urlsplit("")
    path = parts.path.split("/")
    ours = {host, urllib.parse.urlsplit(world.public_url).netloc}
    if parts.netloc not in ours or len(path) != 3 or path[1] != ACCOUNT or parts.query:
        raise SqsRefusal("InvalidAddress",
                         f"The address {url[:400]} is not valid for this endpoint.")
    return path[2]


def resource_of(given):
    """What a fault's match may name: the queue."""
    return given.get("QueueName") or given.get("QueueUrl", "").rpartition("/")[2] or "-"


# ---- queues -----------------------------------------------------------------
def create_queue(call):
    world, name = call.world, call.given["QueueName"]
    given = call.given.get("Attributes", {})
    fifo = given.get("FifoQueue", "").lower() == "true"
    check_name(name, fifo)
    there = world.queues.get(name)
    if there is not None:
        other = there.attributes.differs(given)
        if other:
            raise SqsRefusal("QueueNameExists", "A queue already exists with the same name and a "
                             f"different value for attribute {other}")
        return {"QueueUrl": world.queue_url(name)}
    if world.deleted.get(name, 0) + 60 > world.now():
        raise SqsRefusal("QueueDeletedRecently", "You must wait 60 seconds after deleting a queue "
                         "before you can create another with the same name.")
    if len(world.queues) >= QUEUES_MAX:
        raise SqsRefusal("OverLimit", f"The sandbox holds {QUEUES_MAX} queues and takes no more: "
                         "reset it.")
    world.queues[name] = Queue(world, name, given, call.given.get("tags", {}))
    return {"QueueUrl": world.queue_url(name)}


def get_queue_url(call):
    name = call.given["QueueName"]
    if call.given.get("QueueOwnerAWSAccountId", ACCOUNT) != ACCOUNT or \
            name not in call.world.queues:
        raise SqsRefusal("QueueDoesNotExist", "The specified queue does not exist.")
    return {"QueueUrl": call.world.queue_url(name)}


def get_queue_attributes(call):
    queue = call.queue()
    queue.tidy()
    shown = queue.attributes.show(call.given.get("AttributeNames", []))
    return {"Attributes": shown} if shown else {}


def set_queue_attributes(call):
    queue = call.queue()
    queue.attributes.set(call.given["Attributes"])
    queue.changed = call.world.now()
    call.world.lock.notify_all()


def list_queues(call):
    most = call.given.get("MaxResults")
    if most is not None and not 1 <= most <= 1000:
        raise invalid_value(most, "MaxResults", "MaxResults must be an integer between 1 and 1000.")
    after = call.given.get("NextToken")
    if after is not None and most is None:
        raise SqsRefusal("InvalidParameterCombinationException", "MaxResults must be given with "
                         "NextToken.", "InvalidParameterCombination")
    prefix = call.given.get("QueueNamePrefix", "")
    names = [name for name in sorted(call.world.queues)
             if name.startswith(prefix) and (after is None or name > after)]
    chosen = names[:most or 1000]
    result = {"QueueUrls": [call.world.queue_url(name) for name in chosen]} if chosen else {}
    if most is not None and len(names) > len(chosen):
        result["NextToken"] = chosen[-1]
    return result


def list_queue_tags(call):
    tags = call.queue().tags
    return {"Tags": tags} if tags else {}


def delete_queue(call):
    queue = call.queue()
    queue.clear()
    del call.world.queues[queue.name]
    call.world.deleted[queue.name] = call.world.now()
    call.world.lock.notify_all()


def purge_queue(call):
    call.queue().purge()


# ---- sending ------------------------------------------------------------------
def check_ids(queue, given, where=""):
    """Those of FIFO queues: a batch is refused as a whole when they are missing."""
    group, once = given.get("MessageGroupId"), given.get("MessageDeduplicationId")
    if queue.fifo and once is None and not queue.is_on("ContentBasedDeduplication"):
        raise invalid("The queue should either have ContentBasedDeduplication enabled or "
                      "MessageDeduplicationId provided explicitly")
    if queue.fifo and group is None:
        if where:
            raise invalid("The request must contain the parameter MessageGroupId.")
        raise missing("MessageGroupId")


def check_form(queue, given):
    for name in ("MessageGroupId", "MessageDeduplicationId"):
        value = given.get(name)
        if value is not None and not FIFO_ID.match(value):
            raise invalid_value(value, name, f"{name} can only include alphanumeric and "
                                "punctuation characters. 1 to 128 in length.")
    unfit = "The request include parameter that is not valid for this queue type."
    if not queue.fifo and given.get("MessageDeduplicationId") is not None:
        raise invalid_value(given["MessageDeduplicationId"], "MessageDeduplicationId", unfit)
    delay = given.get("DelaySeconds")
    if delay is not None and not 0 <= delay <= 900:
        raise invalid_value(delay, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.")
    if queue.fifo and delay:
        raise invalid_value(delay, "DelaySeconds", unfit)


def text_of(world, body):
    """The body as it is kept: SQS takes the characters of XML alone."""
    if not NO_TEXT.search(body):
        return body
    if world.settings["invalid_characters"] == "refuse" or not NO_TEXT.sub("", body):
        raise SqsRefusal("InvalidMessageContents",
                         "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | "
                         "#x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF")
    return NO_TEXT.sub("\ufffd", body)


def system_of(given):
    system = given.get("MessageSystemAttributes", {})
    for name, value in system.items():
        if name != "AWSTraceHeader" or value.get("DataType") != "String" or \
                not value.get("StringValue"):
            raise invalid("The only message system attribute is AWSTraceHeader, of type String.")
    return system


def body_size(given):
    return len(given["MessageBody"].encode("utf-8", "surrogatepass")) + \
        size_of(given.get("MessageAttributes", {}))


def message_of(call, queue, given, unfit):
    """The Message that was sent, not yet in the queue."""
    world = call.world
    attributes = given.get("MessageAttributes", {})
    check_form(queue, given)
    check_message_attributes(attributes)
    size = body_size(given)
    if size > queue.number("MaximumMessageSize"):
        raise invalid(f"One or more parameters {unfit}. Reason: Message must be shorter than "
                      f"{queue.attributes.get('MaximumMessageSize')} bytes.")
    body = text_of(world, given["MessageBody"])
    system = system_of(given)
    delay = given.get("DelaySeconds")
    if delay is None or queue.fifo:
        delay = queue.number("DelaySeconds")
    message = Message(world.uuid(), body, attributes, system, world.now(), delay)
    message.size, message.group = size, given.get("MessageGroupId")
    if queue.fifo:
        message.deduplication = given.get("MessageDeduplicationId") or \
            hashlib.sha256(body.encode()).hexdigest()
    return message


def check_room(world):
    held = sum(len(queue.messages) for queue in world.queues.values())
    if held >= world.settings["messages_max"] or world.stored >= world.settings["bytes_max"]:
        raise SqsRefusal("OverLimit", f"The sandbox holds {held} messages and takes no more: "
                         "reset it.")


def put(call, queue, message, given):
    """Into the queue and the journal; what is answered of it."""
    check_room(call.world)
    kept, before = queue.add(message)
    call.world.journal.add(
        "message", queue=queue.name, message_id=kept.name, entry=given.get("Id"),
        body=message.body, group=message.group, deduplication_id=message.deduplication,
        sequence_number=kept.sequence, duplicate=before,
        same_body=kept.body == message.body if before else None, request_id=call.request_id)
    call.world.lock.notify_all()
    answer = {"MessageId": kept.name, "MD5OfMessageBody": md5_of(call, message.body)}
    if message.attributes:
        answer["MD5OfMessageAttributes"] = digest_of(message.attributes)
    if message.system:
        answer["MD5OfMessageSystemAttributes"] = digest_of(message.system)
    if kept.sequence is not None:
        answer["SequenceNumber"] = kept.sequence
    return answer


def md5_of(call, text):
    wrong = " " if call.fault("wrong_md5") else ""
    return hashlib.md5((text + wrong).encode("utf-8", "surrogatepass")).hexdigest()


def send_message(call):
    queue = call.queue()
    check_ids(queue, call.given)
    message = message_of(call, queue, call.given, "are invalid")
    return put(call, queue, message, call.given)


def check_entries(entries, noun):
    if not entries:
        raise SqsRefusal("EmptyBatchRequest",
                         f"There should be at least one {noun}RequestEntry in the request.")
    if len(entries) > ENTRIES_MAX:
        raise SqsRefusal("TooManyEntriesInBatchRequest", "Maximum number of entries per request "
                         f"are {ENTRIES_MAX}. You have sent {len(entries)}.")
    seen = set()
    for entry in entries:
        if not ENTRY_ID.match(entry["Id"]):
            raise SqsRefusal("InvalidBatchEntryId", "A batch entry id can only contain "
                             "alphanumeric characters, hyphens and underscores. It can be at most "
                             "80 letters long.")
        if entry["Id"] in seen:
            raise SqsRefusal("BatchEntryIdsNotDistinct", f"Id {entry['Id']} repeated.")
        seen.add(entry["Id"])


def is_chosen(rule, index, entry):
    """Of which entries does a fault speak?  The first, if it names none."""
    entries = rule.more["entries"] or [0]
    return index in entries or entry["Id"] in entries


def failed(entry, code, message, sender):
    return {"Id": entry["Id"], "SenderFault": sender, "Code": code, "Message": message}


def batch(call, entries, act):
    """act(entry) for each, in order; a refusal is that entry's alone."""
    result = {"Successful": [], "Failed": []}
    partial, omit = call.fault("partial"), call.fault("omit_entry")
    for index, entry in enumerate(entries):
        if partial and is_chosen(partial, index, entry):
            sender = partial.more["sender_fault"]
            code = partial.more["code"] or ("InvalidMessageContents" if sender else
                                            "InternalError")
            result["Failed"].append(failed(entry, code, "The sandbox was told to fail it.",
                                           sender))
            continue
        omitted = omit and is_chosen(omit, index, entry)
        if omitted and not omit.more["effect"]:
            continue
        try:
            done = {"Id": entry["Id"], **(act(entry) or {})}
            name = "Successful"
        except SqsRefusal as e:
            done, name = failed(entry, e.code, e.message or e.code, e.fault == "Sender"), "Failed"
        if not omitted:
            result[name].append(done)
    return {name: rows for name, rows in result.items() if rows}


def send_message_batch(call):
    queue, entries = call.queue(), call.given.get("Entries") or []
    check_entries(entries, "SendMessageBatch")
    for entry in entries:
        check_ids(queue, entry, entry["Id"])
    total = sum(body_size(entry) for entry in entries)
    if total > BATCH_MAX:
        raise SqsRefusal("BatchRequestTooLong", f"Batch requests cannot be longer than {BATCH_MAX} "
                         f"bytes. You have sent {total} bytes.")
    return batch(call, entries, lambda entry: put(
        call, queue, message_of(call, queue, entry, "cannot be validated"), entry))


# ---- receiving ----------------------------------------------------------------------
def number_of(call, name, default, low, high, words):
    value = call.given.get(name)
    if value is None:
        return default
    if not low <= value <= high:
        raise invalid_value(value, name, words)
    return value


def receive_message(call):
    queue = call.queue()
    count = number_of(call, "MaxNumberOfMessages", 1, 1, 10,
                      "Must be between 1 and 10, if provided.")
    wait_s = number_of(call, "WaitTimeSeconds", queue.number("ReceiveMessageWaitTimeSeconds"),
                       0, 20, "Must be >= 0 and <= 20, if provided.")
    visibility_s = number_of(call, "VisibilityTimeout", queue.number("VisibilityTimeout"),
                             0, 43200, "Must be between 0 and 43200, if provided.")
    if "ReceiveRequestAttemptId" in call.given:
        raise not_modelled("ReceiveRequestAttemptId")
    names = call.given.get("AttributeNames", []) + \
        call.given.get("MessageSystemAttributeNames", [])
    for name in names:
        if name not in SYSTEM_NAMES:
            raise SqsRefusal("InvalidAttributeName", f"Unknown Attribute {name}.")
    messages = wait_for_messages(call, queue, count, visibility_s, wait_s)
    shown = [show(call, message, handle, names) for message, handle in messages]
    return {"Messages": shown} if shown else {}


def wait_for_messages(call, queue, count, visibility_s, wait_s):
    """A long poll: until there is something, or it was long enough."""
    until = time.monotonic() + wait_s
    again = bool(call.fault("duplicate"))
    while True:
        given = queue.receive(count, visibility_s, again)
        left = until - time.monotonic()
        if given or left <= 0:
            return given
        change = queue.next_change()
        step = min(left, POLL_STEP_S)
        if change is not None:
            step = min(step, max(change - call.world.now(), 0.001))
        call.world.waiting += 1
        call.world.lock.wait(step)
        call.world.waiting -= 1
        if call.gone():
            raise Cut()
        if call.world.queues.get(queue.name) is not queue:
            raise SqsRefusal("QueueDoesNotExist", "The specified queue does not exist.")


def show(call, message, handle, names):
    out = {"MessageId": message.name, "ReceiptHandle": handle,
           "MD5OfBody": md5_of(call, message.body), "Body": message.body}
    system = {"SenderId": "AIDASANDBOXSENDER0000", "SentTimestamp": stamp(message.sent),
              "ApproximateReceiveCount": str(message.receipt),
              "ApproximateFirstReceiveTimestamp": stamp(message.first_received),
              "SequenceNumber": message.sequence, "MessageGroupId": message.group,
              "MessageDeduplicationId": message.deduplication,
              "DeadLetterQueueSourceArn": message.source_arn}
    if "AWSTraceHeader" in message.system:
        system["AWSTraceHeader"] = message.system["AWSTraceHeader"]["StringValue"]
    chosen = {name: value for name, value in system.items()
              if value is not None and ("All" in names or name in names)}
    if chosen:
        out["Attributes"] = chosen
    wanted = call.given.get("MessageAttributeNames", [])
    attributes = {name: value for name, value in message.attributes.items()
                  if any(is_wanted(name, pattern) for pattern in wanted)}
    if attributes:
        out["MessageAttributes"] = attributes
        out["MD5OfMessageAttributes"] = digest_of(attributes)
    return out


def stamp(seconds):
    return str(int(seconds * 1000))


def is_wanted(name, pattern):
    if pattern in ("All", ".*", "*"):
        return True
    return name.startswith(pattern[:-2]) if pattern.endswith(".*") else name == pattern


# ---- by handle ------------------------------------------------------------------------
def delete_message(call):
    call.queue().delete(call.given["ReceiptHandle"])
    call.world.lock.notify_all()


def delete_message_batch(call):
    queue, entries = call.queue(), call.given.get("Entries") or []
    check_entries(entries, "DeleteMessageBatch")
    result = batch(call, entries, lambda entry: queue.delete(entry["ReceiptHandle"]))
    call.world.lock.notify_all()
    return result


def change_message_visibility(call):
    call.queue().change_visibility(call.given["ReceiptHandle"], call.given["VisibilityTimeout"])
    call.world.lock.notify_all()


def change_message_visibility_batch(call):
    queue, entries = call.queue(), call.given.get("Entries") or []
    check_entries(entries, "ChangeMessageVisibilityBatch")

    def change(entry):
        if "VisibilityTimeout" not in entry:
            raise missing("VisibilityTimeout")
        queue.change_visibility(entry["ReceiptHandle"], entry["VisibilityTimeout"])

    result = batch(call, entries, change)
    call.world.lock.notify_all()
    return result


OPERATIONS = {
    "CreateQueue": create_queue, "GetQueueUrl": get_queue_url,
    "GetQueueAttributes": get_queue_attributes, "SetQueueAttributes": set_queue_attributes,
    "ListQueues": list_queues, "ListQueueTags": list_queue_tags, "DeleteQueue": delete_queue,
    "PurgeQueue": purge_queue, "SendMessage": send_message,
    "SendMessageBatch": send_message_batch, "ReceiveMessage": receive_message,
    "DeleteMessage": delete_message, "DeleteMessageBatch": delete_message_batch,
    "ChangeMessageVisibility": change_message_visibility,
    "ChangeMessageVisibilityBatch": change_message_visibility_batch,
}
