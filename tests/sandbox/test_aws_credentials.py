"""Where credentials come from: IMDSv2 and the endpoint of containers."""
import datetime
import json
import subprocess
import time

import botocore.session
import pytest
from aws_sandbox import BUCKET, REGION, STANDARD, iso

BASE = "/_imds/latest/meta-data/iam/security-credentials/"
TTL = "X-aws-ec2-metadata-token-ttl-seconds"
TOKEN = "X-aws-ec2-metadata-token"


def imds_token(aws, ttl="60"):
    answer = aws.ask("PUT", "/_imds/latest/api/token", None, {TTL: ttl})
    assert answer.status == 200 and answer.headers["X-Aws-Ec2-Metadata-Token-Ttl-Seconds"] == ttl
    return answer.text


def imds(aws, path, token):
    return aws.ask("GET", path, None, {TOKEN: token})


def instance_credentials(aws, token=None):
    token = token or imds_token(aws)
    return imds(aws, BASE + imds(aws, BASE, token).text, token).json


def expiry(told):
    return datetime.datetime.strptime(told["Expiration"], "%Y-%m-%dT%H:%M:%SZ").replace(
        tzinfo=datetime.timezone.utc)


def test_an_instance_gets_credentials_by_a_token(aws):
    token = imds_token(aws)
    assert imds(aws, BASE, token).text == "booking-sandbox"
    told = instance_credentials(aws, token)
    assert set(told) == {"Code", "LastUpdated", "Type", "AccessKeyId", "SecretAccessKey", "Token",
                         "Expiration"}
    assert (told["Code"], told["Type"]) == ("Success", "AWS-HMAC")
    assert abs((expiry(told) - iso(time.time() + 3600)).total_seconds()) < 5
    assert imds(aws, "/_imds/latest/meta-data/placement/region", token).text == REGION
    assert imds(aws, "/_imds/latest/meta-data/nothing", token).status == 404
    assert imds(aws, BASE + "another-role", token).status == 404


def test_the_first_version_without_a_token_is_refused(aws):
    assert aws.ask("GET", BASE).status == 401
    assert imds(aws, BASE, "made-up").status == 401
    assert aws.control("GET", "/credentials")["temporary"] == []


@pytest.mark.parametrize("ttl", ["0", "21601", "x", "", "-1", "99999999999"])
def test_a_token_lives_from_a_second_to_six_hours(aws, ttl):
    assert aws.ask("PUT", "/_imds/latest/api/token", None, {TTL: ttl}).status == 400
    assert aws.ask("PUT", "/_imds/latest/api/token").status == 400
    assert aws.ask("GET", "/_imds/latest/api/token", None, {TTL: "60"}).status == 405
    answer = aws.ask("PUT", "/_imds/latest/api/token", None, {TTL: "60", "X-Forwarded-For": "a"})
    assert answer.status == 403


def test_a_token_expires(aws):
    token = imds_token(aws, "60")
    assert imds(aws, BASE, token).status == 200
    aws.control("POST", "/settings", {"skew_s": 61})
    assert imds(aws, BASE, token).status == 401


def test_a_container_gets_credentials(aws):
    told = aws.ask("GET", "/_ecs/credentials").json
    assert set(told) == {"RoleArn", "AccessKeyId", "SecretAccessKey", "Token", "Expiration"}
    assert aws.ask("GET", "/_ecs/another").status == 404
    assert aws.ask("POST", "/_ecs/credentials").status == 405
    aws.control("POST", "/settings", {"ecs_token": "Bearer of the task"})
    assert aws.ask("GET", "/_ecs/credentials").status == 401
    assert aws.ask("GET", "/_ecs/credentials", None, {"Authorization": "Bearer x"}).status == 401
    again = aws.ask("GET", "/_ecs/credentials", None, {"Authorization": "Bearer of the task"})
    assert again.json == told
    assert aws.control("GET", "/counts")["credentials"]["ecs"] == 2


def test_the_same_credentials_are_handed_out_until_they_are_about_to_end(aws):
    first = instance_credentials(aws)
    assert aws.ask("GET", "/_ecs/credentials").json["AccessKeyId"] == first["AccessKeyId"]
    # Five minutes before the end there are new ones, and both hold.
    aws.control("POST", "/settings", {"skew_s": 3600 - 290})
    second = instance_credentials(aws)
    assert second["AccessKeyId"] != first["AccessKeyId"]
    assert expiry(second) > expiry(first)
    aws.control("POST", "/settings", {"skew_s": 0})
    for told in (first, second):
        key = (told["AccessKeyId"], told["SecretAccessKey"])
        assert aws.sqs("ListQueues", key=key, token=told["Token"]).status == 200


def test_credentials_can_be_told_to_change(aws):
    first = instance_credentials(aws)
    aws.control("POST", "/credentials/rotate")
    assert instance_credentials(aws)["AccessKeyId"] != first["AccessKeyId"]
    key = (first["AccessKeyId"], first["SecretAccessKey"])
    assert aws.sqs("ListQueues", key=key, token=first["Token"]).status == 200
    aws.control("POST", "/settings", {"credentials_lifetime_s": 60})
    aws.control("POST", "/credentials/expire")
    assert aws.sqs("ListQueues", key=key, token=first["Token"]).status == 403
    told = instance_credentials(aws)
    assert abs((expiry(told) - iso(time.time() + 60)).total_seconds()) < 5


def clients_own(aws, monkeypatch, **environment):
    """A client of botocore's that finds its credentials itself."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    session = botocore.session.Session()
    return session.create_client("sqs", REGION, endpoint_url=aws.where)


def keys_used(aws):
    return [row["key_id"] for row in aws.control("GET", "/requests")["requests"]
            if row["operation"] == "SendMessage"]


def test_botocore_finds_the_credentials_of_an_instance(aws, monkeypatch):
    client = clients_own(aws, monkeypatch,
                         AWS_EC2_METADATA_SERVICE_ENDPOINT=f"{aws.where}/_imds/")
    client.send_message(QueueUrl=aws.url(STANDARD), MessageBody="x")
    (key,) = keys_used(aws)
    assert key == aws.control("GET", "/credentials")["temporary"][0]["key_id"]
    assert aws.control("GET", "/credentials")["served"]["imds_token"] >= 1


def test_botocore_finds_those_of_a_container_and_gets_new_ones_in_time(aws, monkeypatch):
    # They end within its quarter of an hour: it asks before each call.
    aws.control("POST", "/settings", {"credentials_lifetime_s": 600, "ecs_token": "of-the-task"})
    client = clients_own(aws, monkeypatch, AWS_CONTAINER_AUTHORIZATION_TOKEN="of-the-task",
                         AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{aws.where}/_ecs/credentials")
    for _ in range(2):
        client.send_message(QueueUrl=aws.url(STANDARD), MessageBody="x")
        aws.control("POST", "/credentials/rotate")
    first, second = keys_used(aws)
    assert first != second and first.startswith("ASIA") and second.startswith("ASIA")
    assert len(aws.journal()) == 2


def test_the_command_line_finds_them_too(aws, tmp_path):
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "AWS_DEFAULT_REGION": REGION,
                   "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{aws.where}/_ecs/credentials"}
    done = subprocess.run(["/usr/bin/aws", "--endpoint-url", aws.where, "--output", "json", "s3api",
                           "list-objects-v2", "--bucket", BUCKET], env=environment, text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "Contents" not in (json.loads(done.stdout) if done.stdout else {})
    (row,) = [row for row in aws.control("GET", "/requests")["requests"]
              if row["operation"] == "ListObjectsV2"]
    assert row["key_id"].startswith("ASIA")
