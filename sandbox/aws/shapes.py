"""shapes: what each operation of SQS takes and answers: the table both
protocols are read and written by.

A kind is "string", "integer", "boolean" or "blob" (base64), a list of one kind,
a Map, or a dict of Fields.  query is the name in the query protocol, where
lists and maps are numbered: Attribute.1.Name=...&Attribute.1.Value=...
"""


class Field:
    def __init__(self, kind, query=None, required=False):
        self.kind, self.query, self.required = kind, query, required


class Map:
    def __init__(self, kind, key="Name", value="Value"):
        self.kind, self.key, self.value = kind, key, value


def must(kind, query=None):
    return Field(kind, query, True)


STRING, INTEGER, BOOLEAN, BLOB = (Field(kind) for kind in ("string", "integer", "boolean", "blob"))
NAME = must("string")
VALUE = {"StringValue": STRING, "BinaryValue": BLOB, "StringListValues": Field(["string"]),
         "BinaryListValues": Field(["blob"]), "DataType": NAME}
QUEUE_ATTRIBUTES = Map("string")
MESSAGE = {"MessageBody": must("string"), "DelaySeconds": INTEGER,
           "MessageAttributes": Field(Map(VALUE), "MessageAttribute"),
           "MessageSystemAttributes": Field(Map(VALUE), "MessageSystemAttribute"),
           "MessageDeduplicationId": STRING, "MessageGroupId": STRING}
SENT = {"MD5OfMessageBody": STRING, "MD5OfMessageAttributes": STRING,
        "MD5OfMessageSystemAttributes": STRING, "MessageId": STRING, "SequenceNumber": STRING}
FAILED = Field([{"Id": NAME, "SenderFault": BOOLEAN, "Code": NAME, "Message": STRING}],
               "BatchResultErrorEntry")
QUEUE = {"QueueUrl": NAME}
HANDLE = {"ReceiptHandle": NAME}


def entries(operation, fields):
    return {**QUEUE, "Entries": Field([{"Id": NAME, **fields}], f"{operation}RequestEntry")}


def results(operation, fields):
    return {"Successful": Field([{"Id": NAME, **fields}], f"{operation}ResultEntry"),
            "Failed": FAILED}


INPUTS = {
    "CreateQueue": {"QueueName": NAME, "Attributes": Field(QUEUE_ATTRIBUTES, "Attribute"),
                    "tags": Field(Map("string", "Key"), "Tag")},
    "GetQueueUrl": {"QueueName": NAME, "QueueOwnerAWSAccountId": STRING},
    "GetQueueAttributes": {**QUEUE, "AttributeNames": Field(["string"], "AttributeName")},
    "SetQueueAttributes": {**QUEUE, "Attributes": must(QUEUE_ATTRIBUTES, "Attribute")},
    "ListQueues": {"QueueNamePrefix": STRING, "NextToken": STRING, "MaxResults": INTEGER},
    "ListQueueTags": QUEUE,
    "DeleteQueue": QUEUE,
    "PurgeQueue": QUEUE,
    "SendMessage": {**QUEUE, **MESSAGE},
    "SendMessageBatch": entries("SendMessageBatch", MESSAGE),
    "ReceiveMessage": {
        **QUEUE, "AttributeNames": Field(["string"], "AttributeName"),
        "MessageSystemAttributeNames": Field(["string"], "MessageSystemAttributeName"),
        "MessageAttributeNames": Field(["string"], "MessageAttributeName"),
        "MaxNumberOfMessages": INTEGER, "VisibilityTimeout": INTEGER, "WaitTimeSeconds": INTEGER,
        "ReceiveRequestAttemptId": STRING},
    "DeleteMessage": {**QUEUE, **HANDLE},
    "DeleteMessageBatch": entries("DeleteMessageBatch", HANDLE),
    "ChangeMessageVisibility": {**QUEUE, **HANDLE, "VisibilityTimeout": must("integer")},
    "ChangeMessageVisibilityBatch": entries("ChangeMessageVisibilityBatch", {
        **HANDLE, "VisibilityTimeout": INTEGER}),
}
OUTPUTS = {
    "CreateQueue": QUEUE,
    "GetQueueUrl": QUEUE,
    "GetQueueAttributes": {"Attributes": Field(QUEUE_ATTRIBUTES, "Attribute")},
    "ListQueues": {"QueueUrls": Field(["string"], "QueueUrl"), "NextToken": STRING},
    "ListQueueTags": {"Tags": Field(Map("string", "Key"), "Tag")},
    "SendMessage": SENT,
    "SendMessageBatch": results("SendMessageBatch", SENT),
    "ReceiveMessage": {"Messages": Field([{
        "MessageId": STRING, "ReceiptHandle": STRING, "MD5OfBody": STRING, "Body": STRING,
        "Attributes": Field(Map("string"), "Attribute"), "MD5OfMessageAttributes": STRING,
        "MessageAttributes": Field(Map(VALUE), "MessageAttribute")}], "Message")},
    "DeleteMessageBatch": results("DeleteMessageBatch", {}),
    "ChangeMessageVisibilityBatch": results("ChangeMessageVisibilityBatch", {}),
}
# What SQS has beside: said, never passed over.
UNMODELLED = {"AddPermission", "CancelMessageMoveTask", "ListDeadLetterSourceQueues",
              "ListMessageMoveTasks", "RemovePermission", "StartMessageMoveTask", "TagQueue",
              "UntagQueue"}
