"""What the stand-in for S3 keeps, answers and refuses."""
import base64
import email.utils
import hashlib
import time
import xml.etree.ElementTree as tree
import zlib

import pytest
from aws_sandbox import BUCKET, s3_refused

SPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"
SSE = "x-amz-server-side-encryption"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg==")


def put(aws, key="k", body=b"x", **headers):
    return aws.s3("PUT", f"/{BUCKET}/{key}", body,
                  {name.replace("_", "-"): value for name, value in headers.items()})


def keys_of(answer):
    return [found.text for found in tree.fromstring(answer.body).iter(f"{SPACE}Key")]


def listed(aws, query=""):
    answer = aws.s3("GET", f"/{BUCKET}?list-type=2{query}")
    assert answer.status == 200, answer.text
    return answer


# ---- objects ---------------------------------------------------------------
def test_an_object_comes_out_as_it_went_in(aws):
    answer = put(aws, "qr/1.png", PNG, Content_Type="image/png", Cache_Control="private",
                 x_amz_meta_Booking="b1", x_amz_server_side_encryption="AES256")
    etag = f'"{hashlib.md5(PNG).hexdigest()}"'
    assert (answer.status, answer.body, answer.headers["ETag"]) == (200, b"", etag)
    assert answer.headers[SSE] == "AES256"
    for method in ("GET", "HEAD"):
        answer = aws.s3(method, f"/{BUCKET}/qr/1.png")
        assert answer.status == 200 and answer.body == (PNG if method == "GET" else b"")
        told = answer.headers
        assert told["Content-Length"] == str(len(PNG)) and told["Content-Type"] == "image/png"
        assert told["ETag"] == etag and told[SSE] == "AES256"
        assert told["Cache-Control"] == "private" and told["x-amz-meta-booking"] == "b1"
        when = email.utils.parsedate_to_datetime(told["Last-Modified"]).timestamp()
        assert abs(when - time.time()) < 10
        assert told["Server"] == "AmazonS3" and len(told["x-amz-request-id"]) == 16
    (entry,) = aws.journal()
    assert (entry["kind"], entry["bucket"], entry["key"], entry["size"], entry["etag"]) == \
        ("object", BUCKET, "qr/1.png", len(PNG), etag.strip('"'))


def test_an_object_without_a_type_is_of_bytes_and_encrypted_all_the_same(aws):
    assert put(aws).headers[SSE] == "AES256"
    assert aws.s3("HEAD", f"/{BUCKET}/k").headers["Content-Type"] == "binary/octet-stream"


def test_a_key_of_kms_is_kept_and_the_etag_is_no_md5(aws):
    answer = put(aws, x_amz_server_side_encryption="aws:kms",
                 x_amz_server_side_encryption_aws_kms_key_id="alias/mine")
    assert answer.headers[SSE] == "aws:kms"
    assert answer.headers[f"{SSE}-aws-kms-key-id"] == "alias/mine"
    assert answer.headers["ETag"] != f'"{hashlib.md5(b"x").hexdigest()}"'
    assert aws.s3("HEAD", f"/{BUCKET}/k").headers[f"{SSE}-aws-kms-key-id"] == "alias/mine"
    assert put(aws, x_amz_server_side_encryption="aws:kms").headers[
        f"{SSE}-aws-kms-key-id"].startswith("arn:aws:kms:us-east-1:")


@pytest.mark.parametrize("headers", [
    {"x_amz_server_side_encryption": "none"},
    {"x_amz_server_side_encryption_aws_kms_key_id": "alias/mine"},
    {"x_amz_server_side_encryption": "AES256",
     "x_amz_server_side_encryption_aws_kms_key_id": "alias/mine"},
])
def test_an_encryption_that_is_none_is_refused(aws, headers):
    s3_refused(put(aws, **headers), 400, "InvalidArgument")
    assert aws.journal() == []


def test_putting_again_replaces_and_deleting_twice_is_no_error(aws):
    put(aws, body=b"first", x_amz_meta_a="1")
    put(aws, body=b"second")
    answer = aws.s3("GET", f"/{BUCKET}/k")
    assert answer.body == b"second" and "x-amz-meta-a" not in answer.headers
    for _ in range(2):
        answer = aws.s3("DELETE", f"/{BUCKET}/k")
        assert answer.status == 204 and answer.body == b""
    s3_refused(aws.s3("GET", f"/{BUCKET}/k"), 404, "NoSuchKey", Key="k")
    assert aws.s3("HEAD", f"/{BUCKET}/k").status == 404
    assert [entry["kind"] for entry in aws.journal()] == ["object", "object", "delete"]
    assert aws.control("GET", "/counts")["stored_bytes"] == 0


def test_a_bucket_that_is_not_there_is_told(aws):
    s3_refused(aws.s3("PUT", "/nowhere/k", b"x"), 404, "NoSuchBucket", BucketName="nowhere")
    s3_refused(aws.s3("GET", "/nowhere/k"), 404, "NoSuchBucket")
    s3_refused(aws.s3("DELETE", "/nowhere/k"), 404, "NoSuchBucket")
    s3_refused(aws.s3("GET", "/nowhere?list-type=2"), 404, "NoSuchBucket")


@pytest.mark.parametrize("key", ["a%20b", "a%2Bb", "%C3%A9/%E2%98%83.png", "a//b", "a/./../b",
                                 "x%3Fy%3D%26", "~-_.%21%2A%27%28%29", "k" * 1024])
def test_a_key_may_be_almost_any_text(aws, key):
    assert put(aws, key).status == 200
    assert aws.s3("GET", f"/{BUCKET}/{key}").body == b"x"


def test_a_key_that_is_too_long_or_no_text_is_refused(aws):
    s3_refused(put(aws, "k" * 1025), 400, "KeyTooLongError")
    answer = put(aws, "%FF")
    s3_refused(answer, 400, "InvalidURI")
    assert aws.journal() == []


def test_metadata_has_a_limit(aws):
    assert put(aws, x_amz_meta_a="x" * 2047).status == 200
    s3_refused(put(aws, x_amz_meta_a="x" * 2048), 400, "MetadataTooLarge")


# ---- what is said of the body ----------------------------------------------
def test_a_hash_that_is_not_the_bodys_is_refused(aws):
    wrong = hashlib.sha256(b"y").hexdigest()
    sent = aws.signed("PUT", f"/{BUCKET}/k", b"y", {}, "s3")
    told = s3_refused(aws.ask("PUT", f"/{BUCKET}/k", b"x", sent), 400, "XAmzContentSHA256Mismatch",
                      ClientComputedContentSHA256=wrong)
    assert told["S3ComputedContentSHA256"] == hashlib.sha256(b"x").hexdigest()
    sent = aws.signed("GET", f"/{BUCKET}/k", b"y", {}, "s3")
    s3_refused(aws.ask("GET", f"/{BUCKET}/k", b"", sent), 400, "XAmzContentSHA256Mismatch")
    assert aws.journal() == []


def test_the_hash_is_required(aws):
    sent = aws.signed("PUT", f"/{BUCKET}/k", b"x", {}, "s3")
    del sent["X-Amz-Content-SHA256"]
    told = s3_refused(aws.ask("PUT", f"/{BUCKET}/k", b"x", sent), 400, "InvalidRequest")
    assert "x-amz-content-sha256" in told["Message"]


def unsigned(aws, payload, body, headers=None):
    """A PUT with that word in the place of the body's hash."""
    from botocore.auth import S3SigV4Auth

    class Worded(S3SigV4Auth):
        def payload(self, request):
            return payload

    sent = aws.signed("PUT", f"/{BUCKET}/k", body, {"x-amz-content-sha256": payload,
                                                    **(headers or {})}, "s3", signer=Worded)
    return aws.ask("PUT", f"/{BUCKET}/k", body, sent)


def test_an_unsigned_payload_is_taken_only_if_that_was_allowed(aws):
    s3_refused(unsigned(aws, "UNSIGNED-PAYLOAD", b"x"), 403, "AccessDenied")
    assert aws.journal() == []
    aws.control("POST", "/settings", {"unsigned_payload": True})
    assert unsigned(aws, "UNSIGNED-PAYLOAD", b"x").status == 200
    told = s3_refused(unsigned(aws, "NO-PAYLOAD", b"x"), 400, "InvalidArgument")
    assert told["ArgumentName"] == "x-amz-content-sha256"


CRC = base64.b64encode(zlib.crc32(b"hello world").to_bytes(4, "big")).decode()
TRAILER = b"b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:" + CRC.encode() + b"\r\n\r\n"


def chunked(aws, body, **headers):
    given = {"Content-Encoding": "aws-chunked", "x-amz-decoded-content-length": "11",
             "x-amz-trailer": "x-amz-checksum-crc32"}
    given.update({name.replace("_", "-"): value for name, value in headers.items()})
    return unsigned(aws, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", body,
                    {name: value for name, value in given.items() if value is not None})


def test_a_body_in_chunks_with_a_trailer_is_read(aws):
    s3_refused(chunked(aws, TRAILER), 403, "AccessDenied")
    aws.control("POST", "/settings", {"unsigned_payload": True})
    answer = chunked(aws, TRAILER)
    assert answer.status == 200 and answer.headers["x-amz-checksum-crc32"] == CRC
    answer = aws.s3("GET", f"/{BUCKET}/k", headers={"x-amz-checksum-mode": "ENABLED"})
    assert answer.body == b"hello world" and answer.headers["x-amz-checksum-crc32"] == CRC
    assert "Content-Encoding" not in answer.headers
    assert "x-amz-checksum-crc32" not in aws.s3("GET", f"/{BUCKET}/k").headers


@pytest.mark.parametrize("body, headers, code", [
    (TRAILER.replace(b"hello", b"jello"), {}, "BadDigest"),
    (TRAILER.replace(b"b\r\n", b"c\r\n", 1), {}, "IncompleteBody"),
    (TRAILER.replace(b"b\r\n", b"z\r\n", 1), {}, "IncompleteBody"),
    (TRAILER[:-2], {}, "IncompleteBody"),
    (TRAILER + b"x", {}, "IncompleteBody"),
    (TRAILER, {"x_amz_decoded_content_length": "12"}, "IncompleteBody"),
    (TRAILER, {"x_amz_trailer": None}, "InvalidRequest"),
    (b"b\r\nhello world\r\n0\r\n\r\n", {}, "InvalidRequest"),
])
def test_chunks_that_are_not_as_they_say_are_refused(aws, body, headers, code):
    aws.control("POST", "/settings", {"unsigned_payload": True})
    s3_refused(chunked(aws, body, **headers), 400, code)
    assert aws.journal() == []


def test_chunks_want_to_be_announced(aws):
    aws.control("POST", "/settings", {"unsigned_payload": True})
    s3_refused(chunked(aws, TRAILER, x_amz_decoded_content_length=None), 411,
               "MissingContentLength")
    s3_refused(put(aws, body=TRAILER, Content_Encoding="aws-chunked"), 400, "InvalidRequest")


@pytest.mark.parametrize("name, value", [
    ("crc32", "DUoRhQ=="), ("crc32c", "yZRlqg=="), ("sha1", "Kq5sNclPz7QV2+lfQIuc6R7oRu0="),
    ("sha256", "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek="), ("crc64nvme", "jSnVw/bqjr4="),
])
def test_a_checksum_is_held_against_the_body(aws, name, value):
    header = f"x_amz_checksum_{name}"
    answer = put(aws, body=b"hello world", **{header: value})
    assert answer.status == 200 and answer.headers[header.replace("_", "-")] == value
    s3_refused(put(aws, body=b"hello worlds", **{header: value}), 400, "BadDigest")
    s3_refused(put(aws, body=b"hello world", **{header: "x"}), 400, "InvalidRequest")
    s3_refused(put(aws, x_amz_checksum_md4="x"), 400, "InvalidRequest")


def test_a_content_md5_is_held_against_the_body(aws):
    good = base64.b64encode(hashlib.md5(b"x").digest()).decode()
    assert put(aws, Content_MD5=good).status == 200
    s3_refused(put(aws, body=b"y", Content_MD5=good), 400, "BadDigest", ExpectedDigest=good)
    for wrong in ("MTIz", "not base64", "000"):
        s3_refused(put(aws, Content_MD5=wrong), 400, "InvalidDigest")


def test_a_body_of_unknown_length_is_refused(aws):
    sent = aws.signed("PUT", f"/{BUCKET}/k", b"", {}, "s3")
    connection = aws.connect()
    connection.putrequest("PUT", f"/{BUCKET}/k")
    for name, value in sent.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 411 and b"MissingContentLength" in answer.read()
    connection.close()


# ---- conditions, parts -----------------------------------------------------
def test_an_object_can_be_put_only_if_it_is_not_there(aws):
    assert put(aws, If_None_Match="*").status == 200
    s3_refused(put(aws, body=b"y", If_None_Match="*"), 412, "PreconditionFailed",
               Condition="If-None-Match")
    etag = aws.s3("HEAD", f"/{BUCKET}/k").headers["ETag"]
    assert put(aws, body=b"z", If_Match=etag).status == 200
    s3_refused(put(aws, body=b"y", If_Match=etag), 412, "PreconditionFailed")
    s3_refused(put(aws, "other", If_Match=etag), 404, "NoSuchKey")
    assert aws.s3("GET", f"/{BUCKET}/k").body == b"z"


def test_a_known_object_is_not_sent_again(aws):
    etag = put(aws).headers["ETag"]
    answer = aws.s3("GET", f"/{BUCKET}/k", headers={"If-None-Match": etag})
    assert (answer.status, answer.body) == (304, b"")
    s3_refused(aws.s3("GET", f"/{BUCKET}/k", headers={"If-Match": '"x"'}), 412,
               "PreconditionFailed")


@pytest.mark.parametrize("given, status, body, told", [
    ("bytes=0-3", 206, b"0123", "bytes 0-3/10"), ("bytes=7-", 206, b"789", "bytes 7-9/10"),
    ("bytes=-2", 206, b"89", "bytes 8-9/10"), ("bytes=5-99", 206, b"56789", "bytes 5-9/10"),
    ("lines=1-2", 200, b"0123456789", None), ("bytes=10-12", 416, None, None),
])
def test_a_part_of_an_object_can_be_read(aws, given, status, body, told):
    put(aws, body=b"0123456789")
    answer = aws.s3("GET", f"/{BUCKET}/k", headers={"Range": given})
    if status == 416:
        s3_refused(answer, 416, "InvalidRange", ActualObjectSize="10")
    else:
        assert (answer.status, answer.body, answer.headers["Content-Range"]) == (status, body, told)


# ---- lists -----------------------------------------------------------------
def test_objects_are_listed_in_order_and_by_pages(aws):
    for key in ("b", "a", "%C3%A9", "c/1", "c/2"):
        put(aws, key)
    assert keys_of(listed(aws)) == ["a", "b", "c/1", "c/2", "é"]
    assert keys_of(listed(aws, "&prefix=c%2F")) == ["c/1", "c/2"]
    assert keys_of(listed(aws, "&start-after=b")) == ["c/1", "c/2", "é"]
    answer = listed(aws, "&delimiter=%2F")
    assert keys_of(answer) == ["a", "b", "é"]
    groups = [row.find(f"{SPACE}Prefix").text for row in
              tree.fromstring(answer.body).iter(f"{SPACE}CommonPrefixes")]
    assert groups == ["c/"]
    pages, token = [], ""
    while token is not None:
        page = tree.fromstring(listed(aws, f"&max-keys=2{token}").body)
        pages.append([found.text for found in page.iter(f"{SPACE}Key")])
        more = page.find(f"{SPACE}NextContinuationToken")
        assert (page.find(f"{SPACE}IsTruncated").text == "true") == (more is not None)
        token = None if more is None else f"&continuation-token={more.text.replace('=', '%3D')}"
    assert pages == [["a", "b"], ["c/1", "c/2"], ["é"]]
    assert keys_of(listed(aws, "&encoding-type=url")) == ["a", "b", "c/1", "c/2", "%C3%A9"]


def test_groups_count_as_one_each_and_are_told_once(aws):
    for key in ("a/1", "a/2", "b/1", "c"):
        put(aws, key)
    first = tree.fromstring(listed(aws, "&delimiter=%2F&max-keys=1").body)
    token = first.find(f"{SPACE}NextContinuationToken").text.replace("=", "%3D")
    assert [row.text for row in first.iter(f"{SPACE}Prefix")] == [None, "a/"]
    rest = listed(aws, f"&delimiter=%2F&continuation-token={token}")
    assert [row.text for row in tree.fromstring(rest.body).iter(f"{SPACE}Prefix")] == [None, "b/"]
    assert keys_of(rest) == ["c"]


def test_a_list_that_is_none_is_refused(aws):
    s3_refused(aws.s3("GET", f"/{BUCKET}?list-type=2&max-keys=many"), 400, "InvalidArgument")
    s3_refused(aws.s3("GET", f"/{BUCKET}?list-type=2&continuation-token=%21"), 400,
               "InvalidArgument")
    s3_refused(aws.s3("GET", f"/{BUCKET}"), 501, "NotImplemented")


# ---- buckets ---------------------------------------------------------------
def test_a_bucket_is_made_listed_and_taken_away(aws):
    assert aws.s3("PUT", "/another").headers["Location"] == "/another"
    assert aws.s3("PUT", "/another").status == 200
    names = [row.find(f"{SPACE}Name").text for row in
             tree.fromstring(aws.s3("GET", "/").body).iter(f"{SPACE}Bucket")]
    assert names == ["another", BUCKET]
    assert aws.s3("HEAD", "/another").headers["x-amz-bucket-region"] == "us-east-1"
    assert b"LocationConstraint" in aws.s3("GET", "/another?location").body
    aws.s3("PUT", "/another/k", b"x")
    s3_refused(aws.s3("DELETE", "/another"), 409, "BucketNotEmpty")
    aws.s3("DELETE", "/another/k")
    assert aws.s3("DELETE", "/another").status == 204
    assert aws.s3("HEAD", "/another").status == 404


@pytest.mark.parametrize("name", ["ab", "Upper", "a_b", "a..b", "-ab", "ab-", "192.168.5.4",
                                  "xn--ab", "a" * 64])
def test_a_name_that_is_no_buckets_is_refused(aws, name):
    s3_refused(aws.s3("PUT", f"/{name}"), 400, "InvalidBucketName", BucketName=name)


def test_a_bucket_can_be_named_by_its_host(aws):
    host = f"{BUCKET}.s3.us-east-1.localhost:{aws.port}"
    for method, body in (("PUT", b"x"), ("GET", b"")):
        sent = aws.signed(method, "/a/b", body, {"Host": host}, "s3")
        answer = aws.ask(method, "/a/b", body or None, sent)
        assert answer.status == 200, answer.text
    assert answer.body == b"x"
    assert aws.s3("GET", f"/{BUCKET}/a/b").body == b"x"


# ---- what it has not -------------------------------------------------------
@pytest.mark.parametrize("method, path, headers", [
    ("PUT", f"/{BUCKET}/k", {"x-amz-acl": "private"}),
    ("PUT", f"/{BUCKET}/k", {"x-amz-copy-source": "a/b"}),
    ("PUT", f"/{BUCKET}/k", {"x-amz-storage-class": "GLACIER"}),
    ("PUT", f"/{BUCKET}/k?tagging", {}), ("POST", f"/{BUCKET}/k?uploads", {}),
    ("GET", f"/{BUCKET}?versions", {}), ("GET", f"/{BUCKET}/k?versionId=1", {}),
    ("GET", f"/{BUCKET}/k", {"If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"}),
])
def test_what_is_not_modelled_is_told(aws, method, path, headers):
    put(aws)
    told = s3_refused(aws.s3(method, path, b"x" if method == "PUT" else b"", headers), 501,
                      "NotImplemented")
    assert "does not model" in told["Message"]
    assert len(aws.journal()) == 1


def test_a_method_that_makes_no_sense_is_refused(aws):
    s3_refused(aws.s3("DELETE", "/"), 405, "MethodNotAllowed")
    s3_refused(aws.s3("PATCH", f"/{BUCKET}/k", b"x"), 405, "MethodNotAllowed")


def test_too_much_is_refused(aws):
    aws.control("POST", "/settings", {"bytes_max": 10})
    assert put(aws, body=b"x" * 10).status == 200
    s3_refused(put(aws, "other"), 500, "InternalError")
    assert b"EntityTooLarge" in put(aws, body=b"x" * (17 << 20)).body
