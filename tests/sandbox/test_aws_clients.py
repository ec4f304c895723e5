"""Clients we did not write do their whole job: boto3 and the command line of
Debian.  npm's is in aws/judge-aws.mjs."""
import hashlib
import json
import subprocess

import boto3
import pytest
from aws_sandbox import BUCKET, FIFO, KEY_ID, REGION, SECRET, bodies
from botocore.exceptions import ClientError

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def code_of(call, *args, **kw):
    with pytest.raises(ClientError) as caught:
        call(*args, **kw)
    return caught.value.response["Error"]["Code"], \
        caught.value.response["ResponseMetadata"]["HTTPStatusCode"]


def test_the_protocols_are_those_that_debians_clients_speak(aws):
    aws.client("sqs").list_queues()
    aws.sqs("ListQueues")
    assert [row["protocol"] for row in aws.control("GET", "/requests")["requests"]] == [
        "query", "json"]


def test_boto3_sends_receives_and_deletes(aws):
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName="boto.fifo", Attributes={
        "FifoQueue": "true", "VisibilityTimeout": "60"}, tags={"for": "tests"})["QueueUrl"]
    assert url == sqs.get_queue_url(QueueName="boto.fifo")["QueueUrl"]
    sent = sqs.send_message_batch(QueueUrl=url, Entries=[
        {"Id": f"e{i}", "MessageBody": f"<m {i}> & 'é'\r\n\t☃", "MessageGroupId": "g",
         "MessageDeduplicationId": f"d{i}", "MessageAttributes": {
             "n": {"DataType": "Number", "StringValue": str(i)},
             "b": {"DataType": "Binary", "BinaryValue": bytes([i, 0, 255])}}}
        for i in range(10)])
    assert [row["Id"] for row in sent["Successful"]] == [f"e{i}" for i in range(10)]
    got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"],
                              MessageAttributeNames=["All"], WaitTimeSeconds=1)["Messages"]
    assert [message["Body"] for message in got] == [f"<m {i}> & 'é'\r\n\t☃" for i in range(10)]
    assert got[3]["MessageAttributes"]["b"]["BinaryValue"] == bytes([3, 0, 255])
    assert got[3]["Attributes"]["MessageDeduplicationId"] == "d3"
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=got[0]["ReceiptHandle"],
                                  VisibilityTimeout=0)
    told = sqs.delete_message_batch(QueueUrl=url, Entries=[
        {"Id": str(i), "ReceiptHandle": message["ReceiptHandle"]}
        for i, message in enumerate(got[1:])])
    assert len(told["Successful"]) == 9
    (left,) = sqs.receive_message(QueueUrl=url)["Messages"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=left["ReceiptHandle"])
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (told["ApproximateNumberOfMessages"], told["VisibilityTimeout"]) == ("0", "60")
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "5"})
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"for": "tests"}
    sqs.purge_queue(QueueUrl=url)
    sqs.delete_queue(QueueUrl=url)


def test_boto3_reports_the_errors_by_their_names(aws):
    sqs, s3, url = aws.client("sqs"), aws.client("s3"), aws.url(FIFO)
    assert code_of(sqs.get_queue_url, QueueName="nowhere") == (
        "AWS.SimpleQueueService.NonExistentQueue", 400)
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.get_queue_url(QueueName="nowhere")
    with pytest.raises(sqs.exceptions.EmptyBatchRequest):
        sqs.send_message_batch(QueueUrl=url, Entries=[])
    assert code_of(sqs.send_message, QueueUrl=url, MessageBody="x") == (
        "InvalidParameterValue", 400)
    assert code_of(sqs.send_message, QueueUrl=url, MessageBody="x", MessageDeduplicationId="d") == (
        "MissingParameter", 400)
    assert code_of(sqs.delete_message, QueueUrl=url, ReceiptHandle="x") == (
        "ReceiptHandleIsInvalid", 404)
    assert code_of(aws.client("sqs", aws_secret_access_key="x").list_queues) == (
        "SignatureDoesNotMatch", 403)
    assert code_of(aws.client("sqs", aws_session_token="x").list_queues) == (
        "InvalidClientTokenId", 403)
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=BUCKET, Key="k")
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.put_object(Bucket="nowhere", Key="k", Body=b"x")
    assert code_of(s3.head_object, Bucket=BUCKET, Key="k") == ("404", 404)
    assert code_of(aws.client("s3", aws_secret_access_key="x").list_buckets) == (
        "SignatureDoesNotMatch", 403)


def test_boto3_keeps_objects(aws):
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="boto")
    key = "qr/é & 1+2.png"
    put = s3.put_object(Bucket="boto", Key=key, Body=PNG, ContentType="image/png",
                        ServerSideEncryption="AES256", Metadata={"booking": "b1"},
                        CacheControl="private")
    got = s3.get_object(Bucket="boto", Key=key)
    assert got["Body"].read() == PNG and got["ETag"] == put["ETag"]
    assert got["ServerSideEncryption"] == "AES256" and got["Metadata"] == {"booking": "b1"}
    assert s3.head_object(Bucket="boto", Key=key)["ContentLength"] == len(PNG)
    assert s3.put_object(Bucket="boto", Key="k", Body=b"x", ServerSideEncryption="aws:kms",
                         SSEKMSKeyId="alias/a")["SSEKMSKeyId"] == "alias/a"
    for algorithm in ("CRC32", "SHA1", "SHA256"):
        s3.put_object(Bucket="boto", Key="sum", Body=b"x", ChecksumAlgorithm=algorithm)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="boto", PaginationConfig={
        "PageSize": 2})
    assert [row["Key"] for page in pages for row in page["Contents"]] == ["k", key, "sum"]
    for name in ("k", key, "sum"):
        s3.delete_object(Bucket="boto", Key=name)
    s3.delete_bucket(Bucket="boto")
    assert [row["Name"] for row in s3.list_buckets()["Buckets"]] == [BUCKET]


def test_boto3s_own_links_lead_to_the_object(aws):
    s3 = aws.client("s3")
    s3.put_object(Bucket=BUCKET, Key="a b.png", Body=PNG, ContentType="image/png")
    link = boto3.client("s3", endpoint_url=aws.where, region_name=REGION,
                        aws_access_key_id=KEY_ID, aws_secret_access_key=SECRET,
                        config=boto3.session.Config(signature_version="s3v4")
                        ).generate_presigned_url("get_object", ExpiresIn=60, Params={
                            "Bucket": BUCKET, "Key": "a b.png",
                            "ResponseContentType": "image/x-png"})
    answer = aws.ask("GET", link.removeprefix(aws.where))
    assert answer.body == PNG and answer.headers["Content-Type"] == "image/x-png"


def test_curl_signs_rightly_too(aws, tmp_path):
    def curl(service, *words):
        done = subprocess.run(
            ["curl", "-sS", "-m", "20", "--noproxy", "*", "--user", f"{KEY_ID}:{SECRET}",
             "--aws-sigv4", f"aws:amz:{REGION}:{service}", *words], capture_output=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stdout

    told = curl("sqs", "-H", "Content-Type: application/x-amz-json-1.0", "-H",
                "X-Amz-Target: AmazonSQS.ListQueues", "-d", "{}", aws.where)
    assert json.loads(told)["QueueUrls"][-1] == aws.url(FIFO)
    (tmp_path / "qr.png").write_bytes(PNG)
    digest = hashlib.sha256(PNG).hexdigest()
    curl("s3", "-H", f"x-amz-content-sha256: {digest}", "-H", "Content-Type: image/png", "-T",
         tmp_path / "qr.png", f"{aws.where}/{BUCKET}/k")
    empty = hashlib.sha256(b"").hexdigest()
    assert curl("s3", "-H", f"x-amz-content-sha256: {empty}", f"{aws.where}/{BUCKET}/k") == PNG


# ---- the command line ------------------------------------------------------
@pytest.fixture
def command(aws, tmp_path):
    def run(*words, status=0):
        done = subprocess.run(
            ["/usr/bin/aws", "--endpoint-url", aws.where, "--output", "json", *words], cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "AWS_DEFAULT_REGION": REGION,
                 "LC_ALL": "C.UTF-8", "AWS_ACCESS_KEY_ID": KEY_ID,
                 "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_MAX_ATTEMPTS": "1"},
            text=True, capture_output=True, timeout=60)
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout) if status == 0 and done.stdout.startswith("{") else \
            done.stdout + done.stderr
    return run


def test_the_command_line_reads_what_was_sent(aws, command):
    aws.send('{"event_type": "BookingCreated", "name": "Zoë"}', group="b1", once="e1")
    (message,) = command("sqs", "receive-message", "--queue-url", aws.url(FIFO),
                         "--attribute-names", "All")["Messages"]
    assert json.loads(message["Body"])["name"] == "Zoë"
    assert message["Attributes"]["MessageGroupId"] == "b1"
    command("sqs", "delete-message", "--queue-url", aws.url(FIFO),
            "--receipt-handle", message["ReceiptHandle"])
    assert aws.messages(FIFO) == []
    told = command("sqs", "send-message", "--queue-url", aws.url("nowhere"), "--message-body", "x",
                   status=254)
    assert "AWS.SimpleQueueService.NonExistentQueue" in told


def test_the_command_line_copies_files_there_and_back(aws, command, tmp_path):
    (tmp_path / "qr.png").write_bytes(PNG)
    command("s3", "cp", "qr.png", f"s3://{BUCKET}/qr/1.png", "--sse", "AES256")
    assert "qr/1.png" in command("s3", "ls", f"s3://{BUCKET}/", "--recursive")
    command("s3", "cp", f"s3://{BUCKET}/qr/1.png", "back.png")
    assert (tmp_path / "back.png").read_bytes() == PNG
    told = command("s3api", "head-object", "--bucket", BUCKET, "--key", "qr/1.png")
    assert (told["ContentType"], told["ServerSideEncryption"]) == ("image/png", "AES256")
    command("s3", "rm", f"s3://{BUCKET}/qr/1.png")
    command("s3", "mb", "s3://made-by-hand")
    assert "made-by-hand" in command("s3", "ls")
    command("s3", "rb", "s3://made-by-hand")
    assert [entry["kind"] for entry in aws.journal()] == ["object", "delete"]


def test_what_one_client_sent_another_receives(aws, command):
    aws.client("sqs").send_message(QueueUrl=aws.url(FIFO), MessageBody="by boto3",
                                   MessageGroupId="g", MessageDeduplicationId="1")
    command("sqs", "send-message", "--queue-url", aws.url(FIFO), "--message-body", "by hand",
            "--message-group-id", "g", "--message-deduplication-id", "2")
    assert bodies(aws.receive()) == ["by boto3", "by hand"]
