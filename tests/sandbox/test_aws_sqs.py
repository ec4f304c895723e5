"""What the stand-in for SQS takes and refuses."""
import base64
import json
import urllib.parse
import xml.etree.ElementTree as tree

import pytest
from aws_sandbox import ACCOUNT, FIFO, JSON, STANDARD, bodies, md5, refused
from aws_sqs import INVALID, MIB, attributes, batch, entries, fifo_entries, sent_to


# ---- the protocol ----------------------------------------------------------
@pytest.mark.parametrize("raw", [
    b"", b"x", b"[]", b"{", b'{"QueueNamePrefix": 1}', b'{"QueueNamePrefix": ["x"]}',
    b'{"QueueNamePrefix": "a", "QueueNamePrefix": "b"}', b'{"MaxResults": 1.0}',
    b'{"MaxResults": "1"}', b'{"MaxResults": true}', b'{"MaxResults": NaN}',
    b'{"QueueNamePrefix": "\xff"}', b'{"Prefix": "x"}', b'[' * 5000,
])
def test_a_body_that_is_not_what_the_operation_takes_is_refused(aws, raw):
    refused(aws.sqs("ListQueues", raw=raw), "SerializationException")


def test_what_sqs_would_pass_over_is_told(aws):
    answer = sent_to(aws, MessageGroupID="g")
    refused(answer, "SerializationException", words="MessageGroupID is no parameter")
    assert aws.journal() == []


def test_an_operation_that_is_not_there_is_refused(aws):
    refused(aws.sqs("SendMail"), "UnknownOperationException")
    refused(aws.sqs("ListQueues", headers={"X-Amz-Target": "SQS.ListQueues"}),
            "UnknownOperationException")
    refused(aws.sqs("ListQueues", headers={"Content-Type": "application/json"}),
            "UnknownOperationException")
    # What SQS has and the sandbox has not.
    refused(aws.sqs("TagQueue"), "UnsupportedOperation", words="does not model")
    refused(aws.sqs("ReceiveMessage", {"QueueUrl": aws.url(FIFO), "ReceiveRequestAttemptId": "a"}),
            "UnsupportedOperation", words="does not model")


def test_what_is_required_is_missed(aws):
    refused(aws.sqs("SendMessage", {"MessageBody": "x"}), "MissingRequiredParameterException",
            code="MissingParameter", words="The request must contain the parameter QueueUrl.")
    refused(sent_to(aws, MessageBody=""), "MissingRequiredParameterException",
            words="MessageBody")
    refused(batch(aws, [{"Id": "a"}]), "MissingRequiredParameterException", words="MessageBody")


def test_the_query_protocol_does_the_same(aws):
    url = aws.url(FIFO)
    answer = aws.query(Action="SendMessage", QueueUrl=url, MessageBody="a\r<&>é",
                       MessageGroupId="g", MessageDeduplicationId="d", **{
                           "MessageAttribute.1.Name": "kind",
                           "MessageAttribute.1.Value.DataType": "String",
                           "MessageAttribute.1.Value.StringValue": "test"})
    assert answer.status == 200, answer.text
    space = "{http://queue.amazonaws.com/doc/2012-11-05/}"
    result = tree.fromstring(answer.body).find(f"{space}SendMessageResult")
    assert result.find(f"{space}MD5OfMessageBody").text == md5("a\r<&>é")
    answer = aws.query(urllib.parse.urlsplit(url).path, Action="ReceiveMessage",
                       **{"AttributeName.1": "All", "MessageAttributeName.1": "All"})
    message = tree.fromstring(answer.body).find(f".//{space}Message")
    assert message.find(f"{space}Body").text == "a\r<&>é"
    assert {row.find(f"{space}Name").text for row in message.findall(f"{space}Attribute")} >= {
        "SentTimestamp", "MessageGroupId", "SequenceNumber"}
    assert message.find(f"{space}MessageAttribute/{space}Value/{space}StringValue").text == "test"


@pytest.mark.parametrize("given, status, code", [
    ({"Action": "ReceiveMessage", "MaxNumberOfMessages": "11"}, 400, "InvalidParameterValue"),
    ({"Action": "ReceiveMessage", "MaxNumberOfMessages": "x"}, 400, "SerializationException"),
    ({"Action": "ReceiveMessage", "AttributeName": "All"}, 400, "SerializationException"),
    ({"Action": "SendMail"}, 400, "InvalidAction"),
    ({}, 400, "MissingAction"),
    ({"Action": "ListQueues", "Version": "2009-02-01"}, 400, "NoSuchVersion"),
    ({"Action": "SendMessageBatch"}, 400, "AWS.SimpleQueueService.EmptyBatchRequest"),
])
def test_the_query_protocol_names_its_errors(aws, given, status, code):
    if given.get("Action", "").startswith(("Receive", "Send")):
        given = {**given, "QueueUrl": aws.url(FIFO)}
    answer = aws.query(**given)
    assert answer.status == status and f"<Code>{code}</Code>" in answer.text, answer.text
    assert "<Type>Sender</Type>" in answer.text and "<RequestId>" in answer.text


def test_a_body_in_pieces_is_read_too(aws):
    body = json.dumps({"QueueUrl": aws.url(STANDARD), "MessageBody": "x"}).encode()
    sent = aws.signed("POST", "/", body, {"Content-Type": JSON,
                                          "X-Amz-Target": "AmazonSQS.SendMessage"})
    connection = aws.connect()
    connection.request("POST", "/", iter([body[:9], body[9:]]), sent, encode_chunked=True)
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    connection.close()
    assert len(aws.journal()) == 1


def test_a_body_beyond_all_measure_is_refused(aws):
    answer = aws.sqs("SendMessage", raw=b" " * (17 * MIB))
    assert answer.status == 413
    assert answer.json["__type"].endswith("#RequestEntityTooLargeException")


# ---- queues ----------------------------------------------------------------
def test_a_queue_is_made_found_and_listed(aws):
    url = aws.create("another")
    assert url == f"{aws.where}/{ACCOUNT}/another"
    assert aws.ok("GetQueueUrl", {"QueueName": "another"})["QueueUrl"] == url
    assert aws.ok("ListQueues") == {"QueueUrls": [url, aws.url(STANDARD), aws.url(FIFO)]}
    assert aws.ok("ListQueues", {"QueueNamePrefix": "eve"})["QueueUrls"] == [
        aws.url(STANDARD), aws.url(FIFO)]
    first = aws.ok("ListQueues", {"MaxResults": 2})
    rest = aws.ok("ListQueues", {"MaxResults": 2, "NextToken": first["NextToken"]})
    assert first["QueueUrls"] + rest["QueueUrls"] == [url, aws.url(STANDARD), aws.url(FIFO)]
    assert "NextToken" not in rest
    assert aws.ok("ListQueues", {"QueueNamePrefix": "zzz"}) == {}


@pytest.mark.parametrize("name", ["", "a b", "a" * 81, "ä", "a.b", "a.fifo"])
def test_a_name_that_is_none_is_refused(aws, name):
    answer = aws.sqs("CreateQueue", {"QueueName": name})
    refused(answer, "MissingRequiredParameterException" if not name else INVALID)
    if name:
        refused(aws.sqs("CreateQueue", {"QueueName": name.replace(".fifo", ""),
                                        "Attributes": {"FifoQueue": "true"}}), INVALID)


@pytest.mark.parametrize("kind, given", [
    ("InvalidAttributeName", {"Colour": "red"}),
    ("InvalidAttributeName", {"FifoQueue": "false"}),
    ("InvalidAttributeName", {"ContentBasedDeduplication": "true"}),
    ("InvalidAttributeName", {"DeduplicationScope": "queue"}),
    ("InvalidAttributeName", {"KmsMasterKeyId": "k", "SqsManagedSseEnabled": "true"}),
    ("InvalidAttributeValue", {"VisibilityTimeout": "43201"}),
    ("InvalidAttributeValue", {"VisibilityTimeout": "-1"}),
    ("InvalidAttributeValue", {"DelaySeconds": "901"}),
    ("InvalidAttributeValue", {"MaximumMessageSize": "1023"}),
    ("InvalidAttributeValue", {"MaximumMessageSize": str(MIB + 1)}),
    ("InvalidAttributeValue", {"MessageRetentionPeriod": "59"}),
    ("InvalidAttributeValue", {"ReceiveMessageWaitTimeSeconds": "21"}),
    ("InvalidAttributeValue", {"VisibilityTimeout": "soon"}),
    ("UnsupportedOperation", {"Policy": "{}"}),
    (INVALID, {"RedrivePolicy": "x"}),
    (INVALID, {"RedrivePolicy": '{"maxReceiveCount": 3}'}),
    (INVALID, {"RedrivePolicy": '{"deadLetterTargetArn": "dummy", "maxReceiveCount": 3}'}),
    (INVALID, {"RedrivePolicy": json.dumps({
        "deadLetterTargetArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:nowhere",
        "maxReceiveCount": 3})}),
    (INVALID, {"RedrivePolicy": json.dumps({
        "deadLetterTargetArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:{STANDARD}",
        "maxReceiveCount": 1001})}),
    (INVALID, {"RedrivePolicy": json.dumps({
        "deadLetterTargetArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:{FIFO}",
        "maxReceiveCount": 3})}),
])
def test_an_attribute_that_is_none_is_refused(aws, kind, given):
    refused(aws.sqs("CreateQueue", {"QueueName": "another", "Attributes": given}), kind)
    refused(aws.sqs("GetQueueUrl", {"QueueName": "another"}), "QueueDoesNotExist")
    refused(aws.sqs("SetQueueAttributes", {"QueueUrl": aws.url(STANDARD), "Attributes": given}),
            kind)


def test_attributes_are_kept_and_have_their_defaults(aws):
    told = attributes(aws, STANDARD)
    assert {name: told[name] for name in ("VisibilityTimeout", "DelaySeconds",
                                          "MessageRetentionPeriod", "MaximumMessageSize",
                                          "ReceiveMessageWaitTimeSeconds")} == {
        "VisibilityTimeout": "30", "DelaySeconds": "0", "MessageRetentionPeriod": "345600",
        "MaximumMessageSize": str(MIB), "ReceiveMessageWaitTimeSeconds": "0"}
    assert told["QueueArn"] == f"arn:aws:sqs:us-east-1:{ACCOUNT}:{STANDARD}"
    assert "FifoQueue" not in told
    assert attributes(aws, FIFO, "FifoQueue", "ContentBasedDeduplication") == {
        "FifoQueue": "true", "ContentBasedDeduplication": "false"}
    aws.ok("SetQueueAttributes", {"QueueUrl": aws.url(STANDARD),
                                  "Attributes": {"VisibilityTimeout": "5"}})
    assert attributes(aws, STANDARD, "VisibilityTimeout") == {"VisibilityTimeout": "5"}
    refused(aws.sqs("GetQueueAttributes", {"QueueUrl": aws.url(STANDARD),
                                           "AttributeNames": ["Colour"]}), "InvalidAttributeName")
    refused(aws.sqs("SetQueueAttributes", {"QueueUrl": aws.url(FIFO),
                                           "Attributes": {"FifoQueue": "false"}}),
            "InvalidAttributeValue")


def test_making_a_queue_again_is_right_only_with_the_same_attributes(aws):
    aws.create("again", VisibilityTimeout="20")
    assert aws.create("again", VisibilityTimeout="20") == aws.create("again")
    refused(aws.sqs("CreateQueue", {"QueueName": "again",
                                    "Attributes": {"VisibilityTimeout": "21"}}),
            "QueueNameExists", code="QueueAlreadyExists", words="VisibilityTimeout")


def test_a_queue_that_is_not_there_is_told(aws):
    refused(sent_to(aws, "nowhere"), "QueueDoesNotExist",
            code="AWS.SimpleQueueService.NonExistentQueue",
            words="The specified queue does not exist.")
    refused(aws.sqs("GetQueueUrl", {"QueueName": STANDARD,
                                    "QueueOwnerAWSAccountId": "210987654321"}),
            "QueueDoesNotExist")


@pytest.mark.parametrize("url", [
    STANDARD, f"http://127.0.0.1:1/{ACCOUNT}/{STANDARD}",
    f"https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/{STANDARD}", "{where}/210987654321/events",
    "{where}/events", "{where}/{account}/events/x", "{where}/{account}/events?x",
    "http://[", "x" * 500,
])
def test_an_address_that_is_not_of_here_is_refused(aws, url):
    url = url.replace("{where}", aws.where).replace("{account}", ACCOUNT)
    refused(aws.sqs("SendMessage", {"QueueUrl": url, "MessageBody": "x"}), "InvalidAddress", 404)
    assert aws.journal() == []


def test_a_deleted_queue_is_gone_and_its_name_for_a_minute(aws):
    aws.send("x", queue=STANDARD)
    aws.ok("DeleteQueue", {"QueueUrl": aws.url(STANDARD)})
    refused(sent_to(aws), "QueueDoesNotExist")
    refused(aws.sqs("CreateQueue", {"QueueName": STANDARD}), "QueueDeletedRecently")
    aws.control("POST", "/clock", {"advance_s": 60})
    aws.create(STANDARD)
    assert aws.receive(STANDARD) == []


def test_a_queue_is_purged_once_a_minute(aws):
    aws.send("x", queue=STANDARD)
    aws.ok("PurgeQueue", {"QueueUrl": aws.url(STANDARD)})
    assert aws.receive(STANDARD) == []
    refused(aws.sqs("PurgeQueue", {"QueueUrl": aws.url(STANDARD)}), "PurgeQueueInProgress", 403,
            "AWS.SimpleQueueService.PurgeQueueInProgress")
    aws.control("POST", "/clock", {"advance_s": 60})
    aws.ok("PurgeQueue", {"QueueUrl": aws.url(STANDARD)})


# ---- sending ---------------------------------------------------------------
def test_a_message_is_answered_with_its_digest_and_comes_out_as_it_went_in(aws):
    body = '{"name": "Zoë ☃ 🚀\\n", "tab": "\t"}'
    answer = aws.send(body, queue=STANDARD)
    assert answer["MD5OfMessageBody"] == md5(body) and "SequenceNumber" not in answer
    (message,) = aws.receive(STANDARD)
    assert message["Body"] == body and message["MD5OfBody"] == md5(body)
    assert message["MessageId"] == answer["MessageId"]
    assert set(message) == {"MessageId", "ReceiptHandle", "Body", "MD5OfBody"}


@pytest.mark.parametrize("character", ["\x00", "\x08", "\x0b", "\x1b", "\ud800", "\ufffe",
                                       "\uffff"])
def test_a_character_that_is_none_of_xml_is_refused(aws, character):
    refused(sent_to(aws, MessageBody=f"a{character}b"), "InvalidMessageContents")
    answer = batch(aws, [{"Id": "bad", "MessageBody": character},
                         {"Id": "good", "MessageBody": "fine"}])
    told = answer.json
    assert [row["Id"] for row in told["Successful"]] == ["good"]
    (row,) = told["Failed"]
    assert (row["Id"], row["SenderFault"], row["Code"]) == ("bad", True, "InvalidMessageContents")
    assert [entry["body"] for entry in aws.journal()] == ["fine"]


@pytest.mark.parametrize("text", ["\t\n\r", " \ud7ff\ue000\ufffd", "\U00010000\U0010ffff"])
def test_every_character_of_xml_is_taken(aws, text):
    aws.send(text, queue=STANDARD)
    assert bodies(aws.receive(STANDARD)) == [text]


def test_characters_can_be_replaced_as_sqs_once_did(aws):
    aws.control("POST", "/settings", {"invalid_characters": "replace"})
    answer = aws.send("a\x00b", queue=STANDARD)
    # Whoever holds the digest against what was sent sees it.
    assert answer["MD5OfMessageBody"] == md5("a\ufffdb") != md5("a\x00b")
    assert bodies(aws.receive(STANDARD)) == ["a\ufffdb"]
    refused(sent_to(aws, MessageBody="\x00\x01"), "InvalidMessageContents")


def test_a_message_may_have_a_mebibyte_and_no_byte_more(aws):
    aws.send("é" * (MIB // 2), queue=STANDARD)
    refused(sent_to(aws, MessageBody="é" * (MIB // 2) + "x"), INVALID,
            words=f"Message must be shorter than {MIB} bytes.")
    full = {"a": {"DataType": "String", "StringValue": "12"}}  # 1 + 6 + 2 bytes
    refused(sent_to(aws, MessageBody="x" * (MIB - 8), MessageAttributes=full), INVALID)
    assert sent_to(aws, MessageBody="x" * (MIB - 9), MessageAttributes=full).status == 200
    aws.create("small", MaximumMessageSize="1024")
    refused(sent_to(aws, "small", MessageBody="x" * 1025), INVALID,
            words="shorter than 1024 bytes")


def test_a_batch_may_have_a_mebibyte_in_all(aws):
    half = "x" * (MIB // 2)
    answer = batch(aws, [{"Id": "a", "MessageBody": half}, {"Id": "b", "MessageBody": half}])
    assert len(answer.json["Successful"]) == 2 and "Failed" not in answer.json
    before = len(aws.journal())
    refused(batch(aws, [{"Id": "a", "MessageBody": half}, {"Id": "b", "MessageBody": half + "x"}]),
            "BatchRequestTooLong", code="AWS.SimpleQueueService.BatchRequestTooLong",
            words=f"You have sent {MIB + 1} bytes.")
    assert len(aws.journal()) == before


def test_an_entry_that_is_too_long_for_its_queue_fails_alone(aws):
    aws.create("small", MaximumMessageSize="1024")
    told = batch(aws, [{"Id": "long", "MessageBody": "x" * 1025},
                       {"Id": "short", "MessageBody": "x"}], "small").json
    assert [row["Id"] for row in told["Successful"]] == ["short"]
    assert told["Failed"] == [{
        "Id": "long", "SenderFault": True, "Code": "InvalidParameterValue",
        "Message": "One or more parameters cannot be validated. Reason: Message must be shorter "
                   "than 1024 bytes."}]


@pytest.mark.parametrize("given, kind", [
    ([], "EmptyBatchRequest"),
    (entries(11), "TooManyEntriesInBatchRequest"),
    ([*entries(1), *entries(1)], "BatchEntryIdsNotDistinct"),
    ([{"Id": "a b", "MessageBody": "x"}], "InvalidBatchEntryId"),
    ([{"Id": "a" * 81, "MessageBody": "x"}], "InvalidBatchEntryId"),
    ([{"Id": "é", "MessageBody": "x"}], "InvalidBatchEntryId"),
    ([{"Id": "a\n", "MessageBody": "x"}], "InvalidBatchEntryId"),
])
def test_a_batch_that_is_none_is_refused_as_a_whole(aws, given, kind):
    refused(batch(aws, given), kind, code=f"AWS.SimpleQueueService.{kind}")
    if kind != "EmptyBatchRequest":
        for row in given:
            row["ReceiptHandle"] = row.pop("MessageBody")
    refused(aws.sqs("DeleteMessageBatch", {"QueueUrl": aws.url(STANDARD), "Entries": given}), kind)
    assert aws.journal() == []


def test_a_batch_of_ten_arrives_in_its_order(aws):
    told = batch(aws, fifo_entries(10), FIFO).json
    assert [row["Id"] for row in told["Successful"]] == [f"e{i}" for i in range(10)]
    numbers = [row["SequenceNumber"] for row in told["Successful"]]
    assert numbers == sorted(numbers) and all(len(number) == 20 for number in numbers)
    assert bodies(aws.receive()) == [f"m{i}" for i in range(10)]


def test_a_batch_of_a_fifo_queue_wants_its_ids_for_every_entry(aws):
    first, second = fifo_entries(2)
    del second["MessageGroupId"]
    refused(batch(aws, [first, second], FIFO), INVALID, words="MessageGroupId")
    first, second = fifo_entries(2)
    del second["MessageDeduplicationId"]
    refused(batch(aws, [first, second], FIFO), INVALID, words="ContentBasedDeduplication")
    assert aws.journal() == []


@pytest.mark.parametrize("given, kind, words", [
    ({"MessageDeduplicationId": "d"}, "MissingRequiredParameterException", "MessageGroupId"),
    ({"MessageGroupId": "g"}, INVALID, "ContentBasedDeduplication"),
    ({"MessageGroupId": "g" * 129, "MessageDeduplicationId": "d"}, INVALID, "1 to 128"),
    ({"MessageGroupId": "a b", "MessageDeduplicationId": "d"}, INVALID, "MessageGroupId"),
    ({"MessageGroupId": "g", "MessageDeduplicationId": ""}, INVALID, "MessageDeduplicationId"),
    ({"MessageGroupId": "g", "MessageDeduplicationId": "é"}, INVALID, "MessageDeduplicationId"),
    ({"MessageGroupId": "g", "MessageDeduplicationId": "d", "DelaySeconds": 2}, INVALID,
     "not valid for this queue type"),
])
def test_a_fifo_queue_wants_its_ids(aws, given, kind, words):
    refused(sent_to(aws, FIFO, **given), kind, words=words)
    assert aws.journal() == []


def test_a_standard_queue_takes_a_group_but_no_deduplication(aws):
    assert sent_to(aws, MessageGroupId="tenant").status == 200
    (message,) = aws.receive(STANDARD, AttributeNames=["All"])
    assert message["Attributes"]["MessageGroupId"] == "tenant"
    refused(sent_to(aws, MessageDeduplicationId="d"), INVALID,
            words="not valid for this queue type")


@pytest.mark.parametrize("name, value", [
    ("", {"DataType": "String", "StringValue": "x"}),
    ("a b", {"DataType": "String", "StringValue": "x"}),
    ("AWS.x", {"DataType": "String", "StringValue": "x"}),
    (".x", {"DataType": "String", "StringValue": "x"}),
    ("a" * 257, {"DataType": "String", "StringValue": "x"}),
    ("a", {"DataType": "Text", "StringValue": "x"}),
    ("a", {"DataType": "String"}),
    ("a", {"DataType": "String", "StringValue": ""}),
    ("a", {"DataType": "Binary", "StringValue": "x"}),
    ("a", {"DataType": "Number", "StringValue": "many"}),
])
def test_a_message_attribute_that_is_none_is_refused(aws, name, value):
    refused(sent_to(aws, MessageAttributes={name: value}), INVALID)
    assert aws.journal() == []


def test_message_attributes_come_out_as_they_went_in(aws):
    given = {"Hello": {"DataType": "String", "StringValue": "There"},
             "General": {"DataType": "String", "StringValue": "Kenobi"},
             "Help.Me": {"DataType": "String", "StringValue": "Me"}}
    # The digests are those that SQS itself answered.
    answer = sent_to(aws, MessageBody="msg", MessageAttributes=given).json
    assert answer["MD5OfMessageAttributes"] == "4c360f3fdafd970e05fae2f149d997f5"
    for wanted, names, digest in [
            (["All"], set(given), "4c360f3fdafd970e05fae2f149d997f5"),
            ([".*"], set(given), "4c360f3fdafd970e05fae2f149d997f5"),
            (["Hello"], {"Hello"}, "a311262e065454b75da111d535b8dacd"),
            (["Hel.*"], {"Hello", "Help.Me"}, "83fee93c1bcd8b9a5a923ffacdc636c7"),
            (["Nothing"], None, None), ([], None, None)]:
        (message,) = aws.receive(STANDARD, VisibilityTimeout=0, MessageAttributeNames=wanted)
        found = message.get("MessageAttributes")
        assert (found and set(found)) == names
        assert message.get("MD5OfMessageAttributes") == digest
    binary = {"b": {"DataType": "Binary.x", "BinaryValue": base64.b64encode(b"\0\1").decode()},
              "n": {"DataType": "Number", "StringValue": "-1.5"}}
    aws.ok("PurgeQueue", {"QueueUrl": aws.url(STANDARD)})
    sent_to(aws, MessageAttributes=binary)
    (message,) = aws.receive(STANDARD, MessageAttributeNames=["All"])
    assert message["MessageAttributes"] == binary
    refused(sent_to(aws, MessageAttributes={
        f"a{i}": {"DataType": "String", "StringValue": "x"} for i in range(11)}), INVALID)
    refused(sent_to(aws, MessageAttributes={"b": {"DataType": "Binary", "BinaryValue": "!"}}),
            "SerializationException")


def test_the_trace_header_is_kept_beside(aws):
    trace = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd86"}}
    answer = sent_to(aws, MessageSystemAttributes=trace).json
    assert len(answer["MD5OfMessageSystemAttributes"]) == 32
    (message,) = aws.receive(STANDARD, MessageSystemAttributeNames=["AWSTraceHeader"])
    assert message["Attributes"] == {"AWSTraceHeader": "Root=1-5759e988-bd86"}
    refused(sent_to(aws, MessageSystemAttributes={"Other": trace["AWSTraceHeader"]}), INVALID)


def test_a_delayed_message_waits(aws):
    assert sent_to(aws, DelaySeconds=60).status == 200
    assert aws.receive(STANDARD) == []
    assert attributes(aws, STANDARD)["ApproximateNumberOfMessagesDelayed"] == "1"
    aws.control("POST", "/clock", {"advance_s": 60})
    assert bodies(aws.receive(STANDARD)) == ["x"]
    refused(sent_to(aws, DelaySeconds=901), INVALID)
    refused(sent_to(aws, DelaySeconds=-1), INVALID)
    aws.create("slow.fifo", DelaySeconds="30")
    aws.send("y", queue="slow.fifo")
    assert aws.receive("slow.fifo") == []
    aws.control("POST", "/clock", {"advance_s": 30})
    assert bodies(aws.receive("slow.fifo")) == ["y"]
