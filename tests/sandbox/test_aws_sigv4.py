"""Who may ask: Signature Version 4, held to the official cases, then on the wire."""
import email.message
import email.utils
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import urllib.parse

import pytest
from aws_sandbox import (BUCKET, KEY_ID, PROGRAM, REGION, SECRET, STANDARD, TREE, iso, refused,
                         s3_refused)

sys.path.insert(0, str(TREE / "sandbox"))
sys.dont_write_bytecode = True

from aws import chunked, sigv4  # noqa: E402
from aws.errors import S3Refusal  # noqa: E402

CASES = pathlib.Path(os.environ.get("VECTORS_DIR") or TREE / "../shared/vectors") / "aws-sigv4/v4"
# Here the session token is added to the query after signing, as one service of
# AWS wants it; for SQS and S3 it is part of what is signed.
CANNOT_APPLY = {("post-sts-header-after", "query")}


class Given:
    """A request as a file of the cases has it."""

    def __init__(self, text):
        head, _, body = text.lstrip("\n").partition("\n\n")
        first, *lines = head.split("\n")
        self.method, _, target = first.partition(" ")
        self.path, _, self.query = target.rpartition(" ")[0].partition("?")
        self.body = body.encode("latin-1")
        self.headers = email.message.Message()
        rows = []
        for line in lines:
            if line[:1] in (" ", "\t"):
                rows[-1][1] += " " + line
            elif line:
                rows.append(list(line.partition(":")[::2]))
        for name, value in rows:
            self.headers[name] = value


@pytest.fixture(scope="module")
def cases():
    if not CASES.is_dir():
        assert not os.environ.get("CI"), f"the test vectors are not there: {CASES}"
        pytest.skip(f"the test vectors are not there: {CASES}")
    return sorted(path for path in CASES.iterdir() if path.is_dir())


def check_case(case, form):
    """A sentence if the case does not come out as the file says."""
    context = json.loads((case / "context.json").read_text())
    request = Given((case / f"{form}-signed-request.txt").read_bytes().decode("latin-1"))
    claim = sigv4.claim_of(request)
    payload = hashlib.sha256(request.body).hexdigest()
    canonical = sigv4.canonical_request(request.method, request.path, request.query,
                                        request.headers.items(), claim.signed, payload,
                                        normalize=context["normalize"])
    secret = context["credentials"]["secret_access_key"]
    wanted = (case / f"{form}-canonical-request.txt").read_bytes()
    text = (case / f"{form}-string-to-sign.txt").read_text()
    if canonical != wanted:
        return f"canonical request {canonical}"
    if sigv4.string_to_sign(claim.stamp, claim.scope, canonical) != text:
        return "string to sign"
    sigv4.verify(request, claim, secret, payload, normalize=context["normalize"])
    assert claim.signature == (case / f"{form}-signature.txt").read_text().strip()
    with pytest.raises(sigv4.Unauthentic):
        sigv4.verify(request, claim, secret + "x", payload, normalize=context["normalize"])
    return None


@pytest.mark.parametrize("form", ["header", "query"])
def test_every_official_case_is_verified(cases, form):
    assert len(cases) == 38
    told = {case.name: check_case(case, form) for case in cases
            if (case.name, form) not in CANNOT_APPLY}
    assert {name: why for name, why in told.items() if why} == {}
    assert len(told) == 38 - sum(other == form for _, other in CANNOT_APPLY)


def test_a_canonical_path_is_encoded_once_for_s3_and_twice_for_others():
    assert sigv4.canonical_path("/a%20b/%2F", s3=False) == b"/a%2520b/%252F"
    assert sigv4.canonical_path("/a%20b//./c+d", s3=True) == b"/a%20b//./c%2Bd"
    assert sigv4.canonical_path("/%C3%A9/\xc3\xa9", s3=True) == b"/%C3%A9/%C3%A9"


# The example of AWS's documentation of uploads in signed chunks.
SEED = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
CHUNKS = ["ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
          "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
          "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"]
EXAMPLE = f"""PUT /examplebucket/chunkObject.txt HTTP/1.1
Host:s3.amazonaws.com
x-amz-date:20130524T000000Z
x-amz-storage-class:REDUCED_REDUNDANCY
Authorization:AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;\
x-amz-decoded-content-length;x-amz-storage-class,Signature={SEED}
x-amz-content-sha256:{chunked.SIGNED}
Content-Encoding:aws-chunked
x-amz-decoded-content-length:66560
Content-Length:66824
"""


def chunks_of(*signatures):
    data = b"a" * 66560
    pieces = [data[:65536], data[65536:], b""]
    return b"".join(b"%x;chunk-signature=%s\r\n%s\r\n" % (len(piece), name.encode(), piece)
                    for piece, name in zip(pieces, signatures))


def test_the_documented_example_of_signed_chunks_is_verified():
    request = Given(EXAMPLE)
    claim = sigv4.claim_of(request)
    proof = sigv4.verify(request, claim, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                         chunked.SIGNED, s3=True)
    body = chunks_of(*CHUNKS)
    assert len(body) == 66824
    assert chunked.Decoder(chunked.SIGNED, body, proof).decode() == (b"a" * 66560, {})
    for wrong in (body.replace(b"aa", b"ab", 1), chunks_of(CHUNKS[1], CHUNKS[0], CHUNKS[2]),
                  body[:-90], body + b"\r\n"):
        with pytest.raises(S3Refusal):
            chunked.Decoder(chunked.SIGNED, wrong, proof).decode()


# ---- on the wire -----------------------------------------------------------
def nothing_came(aws):
    counts = aws.control("GET", "/counts")
    assert counts["journal"] == 0 and set(counts["buckets"].values()) == {0}


SEND = {"MessageBody": "x"}


def send(aws, **how):
    return aws.sqs("SendMessage", {**SEND, "QueueUrl": aws.url(STANDARD)}, **how)


def put(aws, **how):
    return aws.s3("PUT", f"/{BUCKET}/k", b"x", **how)


def test_what_is_signed_rightly_is_let_in(aws):
    assert send(aws).status == 200 and put(aws).status == 200
    assert aws.control("GET", "/requests")["requests"][-1]["key_id"] == KEY_ID


def test_a_request_without_a_signature_is_refused(aws):
    answer = aws.ask("POST", "/", b"{}", {"Content-Type": "application/x-amz-json-1.0",
                                          "X-Amz-Target": "AmazonSQS.ListQueues"})
    refused(answer, "MissingAuthenticationTokenException", 403, "MissingAuthenticationToken")
    s3_refused(aws.ask("PUT", f"/{BUCKET}/k", b"x"), 403, "AccessDenied")
    s3_refused(aws.ask("GET", "/"), 403, "AccessDenied")
    nothing_came(aws)


def test_an_unknown_key_is_refused(aws):
    key = ("AKIASANDBOXANOTHER22", SECRET)
    refused(send(aws, key=key), "UnrecognizedClientException", 403, "InvalidClientTokenId")
    s3_refused(put(aws, key=key), 403, "InvalidAccessKeyId", AWSAccessKeyId=key[0])
    nothing_came(aws)


def test_a_wrong_secret_is_refused(aws):
    key = (KEY_ID, "another")
    refused(send(aws, key=key), "InvalidSignatureException", 403, "SignatureDoesNotMatch")
    told = s3_refused(put(aws, key=key), 403, "SignatureDoesNotMatch", AWSAccessKeyId=KEY_ID)
    assert told["StringToSign"].startswith("AWS4-HMAC-SHA256\n")
    assert told["CanonicalRequest"].startswith(f"PUT\n/{BUCKET}/k\n")
    assert SECRET not in str(told)
    nothing_came(aws)


def test_the_query_protocol_names_it_in_xml(aws):
    answer = aws.ask("POST", "/", b"Action=ListQueues&Version=2012-11-05",
                     {"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status == 403
    assert "<Code>MissingAuthenticationToken</Code>" in answer.text
    assert "<Type>Sender</Type>" in answer.text


@pytest.mark.parametrize("change", [
    {"body": b'{"QueueNamePrefix": "y"}'}, {"method": "PUT"}, {"path": "/x"},
    {"headers": {"X-Amz-Target": "AmazonSQS.PurgeQueue"}},
    {"headers": {"Content-Type": "application/x-amz-json-1.0; x"}},
])
def test_what_was_changed_after_signing_is_refused(aws, change):
    body = b'{"QueueNamePrefix": "x"}'
    sent = aws.signed("POST", "/", body, {"Content-Type": "application/x-amz-json-1.0",
                                          "X-Amz-Target": "AmazonSQS.ListQueues"})
    assert aws.ask("POST", "/", body, sent).status == 200
    sent.update(change.get("headers", {}))
    answer = aws.ask(change.get("method", "POST"), change.get("path", "/"),
                     change.get("body", body), sent)
    assert answer.status in (400, 403)
    assert aws.control("GET", "/requests")["requests"][-1]["error"]


@pytest.mark.parametrize("name", ["host", "x-amz-date", "x-amz-target"])
def test_a_header_of_sqs_that_is_not_signed_is_told(aws, name):
    told = refused(send(aws, left_out=[name]), "InvalidSignatureException", 403,
                   "SignatureDoesNotMatch")
    assert "must be a 'SignedHeader'" in told["message"]
    nothing_came(aws)


def test_a_header_of_s3_that_is_not_signed_is_told(aws):
    answer = put(aws, headers={"x-amz-meta-a": "1"}, left_out=["x-amz-meta-a"])
    s3_refused(answer, 403, "AccessDenied", HeadersNotSigned="x-amz-meta-a")
    s3_refused(put(aws, left_out=["host"]), 403, "AccessDenied", HeadersNotSigned="host")
    nothing_came(aws)


def test_what_was_added_after_signing_is_told(aws):
    sent = aws.signed("PUT", f"/{BUCKET}/k", b"x", {}, "s3")
    sent["x-amz-server-side-encryption"] = "AES256"
    s3_refused(aws.ask("PUT", f"/{BUCKET}/k", b"x", sent), 403, "AccessDenied",
               HeadersNotSigned="x-amz-server-side-encryption")
    nothing_came(aws)


@pytest.mark.parametrize("skew_s", [930, -930])
def test_a_clock_that_differs_by_more_than_a_quarter_of_an_hour_is_refused(aws, skew_s):
    aws.control("POST", "/settings", {"skew_s": skew_s})
    words = "Signature expired: " if skew_s > 0 else "Signature not yet current: "
    answer = send(aws)
    refused(answer, "InvalidSignatureException", 403, "SignatureDoesNotMatch", words)
    told = s3_refused(put(aws), 403, "RequestTimeTooSkewed", MaxAllowedSkewMilliseconds="900000")
    # By the Date a client can learn how wrong its clock is.
    when = email.utils.parsedate_to_datetime(answer.headers["Date"])
    assert abs((when - iso(time.time() + skew_s)).total_seconds()) < 5
    # The forms are not the same, as with S3.
    assert re.fullmatch(r"\d{8}T\d{6}Z", told["RequestTime"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", told["ServerTime"])
    nothing_came(aws)
    aws.control("POST", "/settings", {"skew_s": skew_s - (60 if skew_s > 0 else -60)})
    assert send(aws).status == 200 and put(aws).status == 200


def test_a_scope_of_another_region_or_service_is_refused(aws):
    refused(send(aws, region="eu-west-1"), "InvalidSignatureException", 403,
            words="scoped to a valid region")
    refused(send(aws, service="sns"), "InvalidSignatureException", 403,
            words="scoped to correct service: 'sqs'")
    s3_refused(put(aws, region="eu-west-1"), 400, "AuthorizationHeaderMalformed", Region=REGION)
    sent = aws.signed("PUT", f"/{BUCKET}/k", b"x", {
        "x-amz-content-sha256": hashlib.sha256(b"x").hexdigest()}, "sqs")
    told = s3_refused(aws.ask("PUT", f"/{BUCKET}/k", b"x", sent), 400,
                      "AuthorizationHeaderMalformed")
    assert "incorrect service" in told["Message"]
    nothing_came(aws)


@pytest.mark.parametrize("before, after", [
    ("Credential=", "Credentials="), ("SignedHeaders=", "Headers="),
    ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512"), ("/aws4_request", "/aws5_request"),
    ("Signature=", "Signature=0"), ("host;", "Host;"), (KEY_ID + "/", KEY_ID),
    ("Credential=" + KEY_ID + "/2", "Credential=" + KEY_ID + "/1"),
])
def test_an_authorization_that_is_not_well_formed_is_refused(aws, before, after):
    for service, path, body, headers in [
            ("sqs", "/", b"{}", {"Content-Type": "application/x-amz-json-1.0",
                                 "X-Amz-Target": "AmazonSQS.ListQueues"}),
            ("s3", f"/{BUCKET}/k", b"x", {})]:
        method = "POST" if service == "sqs" else "PUT"
        sent = aws.signed(method, path, body, headers, service)
        assert before in sent["Authorization"]
        sent["Authorization"] = sent["Authorization"].replace(before, after, 1)
        answer = aws.ask(method, path, body, sent)
        assert answer.status in (400, 403), answer.text
    nothing_came(aws)


def test_two_ways_to_sign_at_once_are_refused(aws):
    path = aws.presigned("GET", f"/{BUCKET}/k")
    s3_refused(aws.s3("GET", path), 400, "InvalidArgument")


# ---- keys that expire ------------------------------------------------------
@pytest.fixture
def temporary(aws):
    """(key, token) of a container's credentials."""
    told = aws.ask("GET", "/_ecs/credentials").json
    return (told["AccessKeyId"], told["SecretAccessKey"]), told["Token"]


def test_a_temporary_key_wants_its_session_token(aws, temporary):
    key, token = temporary
    assert key[0].startswith("ASIA")
    assert send(aws, key=key, token=token).status == 200
    assert put(aws, key=key, token=token).status == 200
    before = aws.control("GET", "/counts")["journal"]
    refused(send(aws, key=key), "UnrecognizedClientException", 403, "InvalidClientTokenId")
    refused(send(aws, key=key, token=token[:-3] + "x=="), "UnrecognizedClientException", 403)
    s3_refused(put(aws, key=key), 403, "InvalidAccessKeyId")
    s3_refused(put(aws, key=key, token="another"), 400, "InvalidToken")
    # And a permanent one must not have any.
    refused(send(aws, token=token), "UnrecognizedClientException", 403)
    s3_refused(put(aws, token=token), 400, "InvalidToken")
    assert aws.control("GET", "/counts")["journal"] == before


def test_a_temporary_key_ends(aws, temporary):
    key, token = temporary
    assert send(aws, key=key, token=token).status == 200
    aws.control("POST", "/credentials/expire")
    refused(send(aws, key=key, token=token), "ExpiredTokenException", 403, "ExpiredToken")
    s3_refused(put(aws, key=key, token=token), 400, "ExpiredToken")
    assert aws.control("GET", "/counts")["journal"] == 1


# ---- links -----------------------------------------------------------------
def test_a_presigned_link_reads_an_object_until_it_expires(aws):
    assert aws.s3("PUT", f"/{BUCKET}/a%20b.png", b"png").status == 200
    link = aws.presigned("GET", f"/{BUCKET}/a%20b.png")
    assert aws.ask("GET", link).body == b"png"
    s3_refused(aws.ask("GET", link.replace("X-Amz-Expires=60", "X-Amz-Expires=61")), 403,
               "SignatureDoesNotMatch")
    s3_refused(aws.ask("GET", link.replace("a%20b", "a%20c")), 403, "SignatureDoesNotMatch")
    assert aws.ask("DELETE", link).status == 403
    for wrong in ("é", "A" * 64, "0"):
        start = link.partition("X-Amz-Signature=")[0]
        s3_refused(aws.ask("GET", f"{start}X-Amz-Signature={urllib.parse.quote(wrong)}"), 400,
                   "AuthorizationQueryParametersError")
    s3_refused(aws.ask("GET", link.partition("&X-Amz-Expires")[0]), 400,
               "AuthorizationQueryParametersError")
    aws.control("POST", "/settings", {"skew_s": 61})
    told = s3_refused(aws.ask("GET", link), 403, "AccessDenied")
    assert told["Message"] == "Request has expired"
    aws.control("POST", "/settings", {"skew_s": -1000})
    s3_refused(aws.ask("GET", link), 403, "AccessDenied")


def test_a_presigned_link_carries_the_session_token(aws, temporary):
    key, token = temporary
    aws.s3("PUT", f"/{BUCKET}/k", b"x")
    link = aws.presigned("GET", f"/{BUCKET}/k", key=key, token=token)
    assert aws.ask("GET", link).body == b"x"
    s3_refused(aws.ask("GET", aws.presigned("GET", f"/{BUCKET}/k", key=key)), 403,
               "InvalidAccessKeyId")


def test_a_presigned_put_is_an_unsigned_payload(aws):
    link = aws.presigned("PUT", f"/{BUCKET}/k")
    s3_refused(aws.ask("PUT", link, b"x"), 403, "AccessDenied")
    aws.control("POST", "/settings", {"unsigned_payload": True})
    assert aws.ask("PUT", link, b"x").status == 200


def test_a_key_id_that_could_be_somebodys_is_no_option():
    done = subprocess.run([PROGRAM, "--key-id", "AKIAIOSFODNN7EXAMPLE"], capture_output=True,
                          text=True, timeout=20)
    assert done.returncode == 2 and "no place for others" in done.stderr
