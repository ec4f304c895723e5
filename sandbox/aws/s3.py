"""s3: buckets and objects: which operation a request is, and what it does.

Holding world.lock.  An operation gets a Call and returns a Reply.
"""
import base64
import email.utils
import hashlib
import re
import urllib.parse

from common.http import Reply, host_of

from . import ACCOUNT, checksums, chunked
from .errors import S3Refusal, s3_not_modelled
from .s3wire import document, element, iso, list_of_objects
from .sigv4 import UNSIGNED, query_pairs

KEY_MAX = 1024
METADATA_MAX = 2048
BUCKETS_MAX = 100
DELETE_MAX = 1000
HASH = re.compile(r"[0-9a-f]{64}\Z")
BUCKET_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]\Z")
ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+\Z")
# Kept with the object and answered as it was given.
KEPT = ["Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Expires"]
SSE = "x-amz-server-side-encryption"
SSE_KEY = "x-amz-server-side-encryption-aws-kms-key-id"
SSE_BUCKET_KEY = "x-amz-server-side-encryption-bucket-key-enabled"
# x-amz-* that a request may have and that are read, or that change nothing.
READ = {"x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "x-amz-user-agent",
        "x-amz-decoded-content-length", "x-amz-trailer", "x-amz-sdk-checksum-algorithm",
        "x-amz-checksum-mode", "x-amz-storage-class", "x-amz-expected-bucket-owner",
        "x-amz-optional-object-attributes", SSE, SSE_KEY, SSE_BUCKET_KEY}
VIRTUAL = re.compile(r"(.+)\.s3(?:\.[a-z0-9-]+)?\.localhost\Z")
OVERRIDES = {"response-cache-control": "Cache-Control",
             "response-content-disposition": "Content-Disposition",
             "response-content-encoding": "Content-Encoding",
             "response-content-language": "Content-Language",
             "response-content-type": "Content-Type", "response-expires": "Expires"}


class Object:
    def __init__(self, key, data, headers, now):
        self.key, self.data, self.headers, self.modified = key, data, headers, now
        self.etag = hashlib.md5(data).hexdigest()


class Target:
    """Bucket and key a request is addressed to; path style, or by its Host."""

    def __init__(self, request):
        path = urllib.parse.unquote_to_bytes(request.path)
        try:
            path = path.decode("utf-8")
        except UnicodeDecodeError:
            raise S3Refusal("InvalidURI", "Couldn't parse the specified URI.") from None
        if not path.startswith("/"):
            raise S3Refusal("InvalidURI", "Couldn't parse the specified URI.")
        self.bucket = bucket_of_host(host_of(request.headers))
        self.key = path[1:]
        if self.bucket is None:
            self.bucket, _, self.key = path[1:].partition("/")


def bucket_of_host(host):
    """BUCKET.s3.localhost or BUCKET.s3.REGION.localhost, as with virtual hosts."""
    found = VIRTUAL.match(host)
    return found and found[1]


class Call:
    def __init__(self, world, request, target, proof, request_id, rule=None):
        self.world, self.request, self.target, self.proof = world, request, target, proof
        self.request_id, self.rule = request_id, rule
        self.query = {name.decode("latin-1"): value.decode("utf-8", "replace")
                      for name, value in query_pairs(request.query)}

    def header(self, name, default=None):
        return self.request.headers.get(name, default)

    def bucket(self):
        bucket = self.world.buckets.get(self.target.bucket)
        if bucket is None:
            raise S3Refusal("NoSuchBucket", "The specified bucket does not exist",
                            BucketName=self.target.bucket)
        return bucket

    def object(self):
        found = self.bucket().get(self.target.key)
        if found is None:
            raise S3Refusal("NoSuchKey", "The specified key does not exist.", Key=self.target.key)
        return found


# ---- which operation? --------------------------------------------------------------
def operation_of(request, target):
    """Its name; what a request asks for beside is refused, not passed over."""
    names = {name.decode("latin-1") for name, _ in query_pairs(request.query)}
    names = {name for name in names if not name.startswith("X-Amz-")} - {"x-id"}
    for name in request.headers.keys():
        low = name.lower()
        if low.startswith("x-amz-") and low not in READ and \
                not low.startswith(("x-amz-meta-", checksums.PREFIX)):
            raise s3_not_modelled(f"the header {low}")
    kind = "object" if target.key else "bucket" if target.bucket else "service"
    if kind == "bucket" and request.method == "GET" and names == {"location"}:
        return "GetBucketLocation"
    allowed = {"bucket GET": {"list-type", "prefix", "delimiter", "max-keys", "start-after",
                              "continuation-token", "encoding-type", "fetch-owner"},
               "object GET": set(OVERRIDES), "object HEAD": set(OVERRIDES)}
    beside = names - allowed.get(f"{kind} {request.method}", set())
    if beside:
        raise s3_not_modelled(f"the query parameter {sorted(beside)[0][:80]}")
    if kind == "bucket" and request.method == "GET" and "list-type" not in names:
        raise s3_not_modelled("the first version of ListObjects")
    found = ROUTES.get(f"{kind} {request.method}")
    if found is None:
        raise S3Refusal("MethodNotAllowed", "The specified method is not allowed against this "
                        "resource.", Method=request.method)
    return found


def resource_of(target):
    """What a fault's match may name: the bucket and the key."""
    return f"{target.bucket}/{target.key}" if target.key else target.bucket or "-"


# ---- the body, and what it was signed as ------------------------------------------------
def payload_of(request, claim, world):
    """The word for the payload in what was signed."""
    given = request.headers.get("x-amz-content-sha256")
    if claim.in_query and given is None:
        given = UNSIGNED
    elif given is None:
        raise S3Refusal("InvalidRequest", "Missing required header for this request: "
                        "x-amz-content-sha256")
    if given not in chunked.MODES and given != UNSIGNED and not HASH.match(given):
        raise S3Refusal("InvalidArgument", "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, "
                        "STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, "
                        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
                        ArgumentName="x-amz-content-sha256", ArgumentValue=given[:200])
    loose = given == chunked.UNSIGNED_TRAILER or given == UNSIGNED and \
        not (claim.in_query and not request.body)
    if loose and not world.settings["unsigned_payload"]:
        raise S3Refusal("AccessDenied", "The sandbox was not told to take unsigned payloads "
                        "(setting unsigned_payload), as a bucket's policy may refuse them.")
    return given


def body_of(call):
    """(data, checksums to keep), held against all that was said of it."""
    request, payload = call.request, call.header("x-amz-content-sha256", UNSIGNED)
    headers = {name.lower(): value for name, value in request.headers.items()}
    data = request.body
    codings = [word.strip() for word in headers.get("content-encoding", "").split(",")]
    if "aws-chunked" in codings and payload not in chunked.MODES:
        raise S3Refusal("InvalidRequest", "A body of aws-chunked says so in "
                        "x-amz-content-sha256: STREAMING-...")
    if payload in chunked.MODES:
        length = headers.get("x-amz-decoded-content-length", "")
        if not length.isdigit():
            raise S3Refusal("MissingContentLength", "You must provide the "
                            "x-amz-decoded-content-length HTTP header.")
        data, trailers = chunked.Decoder(payload, data, call.proof).decode()
        if len(data) != int(length):
            raise S3Refusal("IncompleteBody", "The request body terminated unexpectedly")
        announced = {name.strip().lower() for name in
                     headers.get("x-amz-trailer", "").split(",")} - {""}
        if announced != set(trailers):
            raise S3Refusal("InvalidRequest", "The trailers are not those of x-amz-trailer.")
        headers.update(trailers)
    return data, checksums.check(headers, data)


def check_hash(given, data):
    """A hash that was signed must be the body's."""
    if not HASH.match(given):
        return
    found = hashlib.sha256(data).hexdigest()
    if found != given:
        raise S3Refusal("XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header "
                        "does not match what was computed.", ClientComputedContentSHA256=given,
                        S3ComputedContentSHA256=found)


# ---- buckets ---------------------------------------------------------------------------
def check_bucket_name(name):
    if not BUCKET_NAME.match(name) or ADDRESS.match(name) or name.startswith("xn--"):
        raise S3Refusal("InvalidBucketName", "The specified bucket is not valid.", BucketName=name)


def list_buckets(call):
    rows = "".join(element("Bucket", element("Name", name) + element(
        "CreationDate", iso(bucket.made))) for name, bucket in sorted(call.world.buckets.items()))
    return document("ListAllMyBucketsResult", element("Owner", element("ID", "sandbox")) +
                    element("Buckets", rows))


def create_bucket(call):
    name, world = call.target.bucket, call.world
    body_of(call)
    check_bucket_name(name)
    wanted = re.search(rb"<LocationConstraint[^>]*>([^<]*)<", call.request.body)
    if wanted and wanted[1].decode("utf-8", "replace") != world.region:
        raise S3Refusal("IllegalLocationConstraintException", "The sandbox is in "
                        f"{world.region} alone.")
    if name in world.buckets and world.region != "us-east-1":
        raise S3Refusal("BucketAlreadyOwnedByYou", "Your previous request to create the named "
                        "bucket succeeded and you already own it.", BucketName=name)
    if len(world.buckets) >= BUCKETS_MAX:
        raise S3Refusal("TooManyBuckets", "You have attempted to create more buckets than allowed")
    # In us-east-1 making one's own bucket again is no error.
    world.buckets.setdefault(name, Bucket(world))
    return Reply(200, b"", {"Location": f"/{name}"}, None)


class Bucket(dict):
    """key: Object"""

    def __init__(self, world):
        super().__init__()
        self.made = world.now()


def head_bucket(call):
    call.bucket()
    return Reply(200, b"", {"x-amz-bucket-region": call.world.region}, "application/xml")


def get_bucket_location(call):
    call.bucket()
    region = call.world.region
    return document("LocationConstraint", "" if region == "us-east-1" else region)


def delete_bucket(call):
    if call.bucket():
        raise S3Refusal("BucketNotEmpty", "The bucket you tried to delete is not empty",
                        BucketName=call.target.bucket)
    del call.world.buckets[call.target.bucket]
    return Reply(204, b"", {}, None)


def list_objects(call):
    bucket, query = call.bucket(), call.query
    if query.get("list-type") != "2":
        raise s3_not_modelled("another list-type than 2")
    most = query.get("max-keys", "1000")
    if not most.isdigit() or int(most) > 2147483647:
        raise S3Refusal("InvalidArgument", "Provided max-keys not an integer or within integer "
                        "range", ArgumentName="max-keys", ArgumentValue=most[:40])
    token = query.get("continuation-token")
    if token is not None:
        try:
            after = base64.b64decode(token, b"-_", validate=True).decode()
        except ValueError:
            raise S3Refusal("InvalidArgument", "The continuation token provided is incorrect",
                            ArgumentName="continuation-token") from None
    else:
        after = query.get("start-after", "")
    rows, more = chosen(bucket, query, after, min(int(most), 1000))
    return list_of_objects(call.target.bucket, query, rows, int(most), more)


def chosen(bucket, query, after, most):
    """([Object, or a common prefix as text], what to go on after or None)"""
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    rows, last = [], after
    # By the bytes of UTF-8, as S3 does.
    for key in sorted(bucket, key=lambda key: key.encode("utf-8", "surrogatepass")):
        if not key.startswith(prefix) or key.encode() <= after.encode():
            continue
        group = None
        if delimiter and delimiter in key.removeprefix(prefix):
            group = prefix + key.removeprefix(prefix).partition(delimiter)[0] + delimiter
        if group is not None and (group in rows or after.startswith(group)):
            last = key
            continue
        if len(rows) >= most:
            return rows, base64.urlsafe_b64encode(last.encode()).decode()
        rows.append(group if group is not None else bucket[key])
        last = key
    return rows, None


# ---- objects -----------------------------------------------------------------------------
def put_object(call):
    bucket, key, world = call.bucket(), call.target.key, call.world
    if len(key.encode("utf-8", "surrogatepass")) > KEY_MAX:
        raise S3Refusal("KeyTooLongError", "Your key is too long", Size=str(len(key.encode())),
                        MaxSizeAllowed=str(KEY_MAX))
    if call.header("Content-Length") is None and call.header("Transfer-Encoding") is None:
        raise S3Refusal("MissingContentLength", "You must provide the Content-Length HTTP header.")
    data, kept = body_of(call)
    headers = {**headers_of(call), **encryption_of(call), **kept}
    before = bucket.get(key)
    condition(call, before)
    if world.stored + len(data) > world.settings["bytes_max"]:
        raise S3Refusal("InternalError", f"The sandbox holds {world.stored} bytes and takes no "
                        "more: reset it.")
    made = Object(key, data, headers, world.now())
    if headers[SSE] == "aws:kms":
        # Nobody may take the ETag of such an object for its MD5.
        made.etag = f"{world.random.getrandbits(128):032x}"
    bucket[key] = made
    world.stored += len(data) - (len(before.data) if before else 0)
    world.journal.add("object", bucket=call.target.bucket, key=key, etag=made.etag,
                      size=len(data), content_type=headers["Content-Type"],
                      encryption=headers[SSE], request_id=call.request_id)
    world.lock.notify_all()
    told = {name: value for name, value in headers.items()
            if name.startswith(("x-amz-server-side", checksums.PREFIX))}
    return Reply(200, b"", {"ETag": f'"{made.etag}"', **told}, None)


def condition(call, before):
    """If-None-Match: * and If-Match of a PUT."""
    wanted, unwanted = call.header("If-Match"), call.header("If-None-Match")
    if unwanted is not None and unwanted != "*":
        raise s3_not_modelled("another If-None-Match of a PUT than *")
    if unwanted and before:
        raise precondition_failed("If-None-Match")
    if wanted is not None and before is None:
        raise S3Refusal("NoSuchKey", "The specified key does not exist.", Key=call.target.key)
    if wanted is not None and wanted.strip('"') != before.etag:
        raise precondition_failed("If-Match")


def precondition_failed(name):
    return S3Refusal("PreconditionFailed", "At least one of the pre-conditions you specified did "
                     "not hold", Condition=name)


def headers_of(call):
    """What is kept with the object."""
    headers = {"Content-Type": call.header("Content-Type") or "binary/octet-stream"}
    for name in KEPT:
        value = call.header(name)
        if name == "Content-Encoding" and value:
            value = ",".join(word.strip() for word in value.split(",")
                             if word.strip() != "aws-chunked")
        if value:
            headers[name] = value
    size = 0
    for name, value in call.request.headers.items():
        if name.lower().startswith("x-amz-meta-"):
            size += len(name) - len("x-amz-meta-") + len(value)
            headers[name.lower()] = value
    if size > METADATA_MAX:
        raise S3Refusal("MetadataTooLarge", "Your metadata headers exceed the maximum allowed "
                        "metadata size", Size=str(size), MaxSizeAllowed=str(METADATA_MAX))
    if call.header("x-amz-storage-class", "STANDARD") != "STANDARD":
        raise s3_not_modelled("another storage class than STANDARD")
    return headers


def encryption_of(call):
    kind, key, bucket_key = (call.header(name) for name in (SSE, SSE_KEY, SSE_BUCKET_KEY))
    if kind not in (None, "AES256", "aws:kms"):
        raise S3Refusal("InvalidArgument", "The encryption method specified is not supported",
                        ArgumentName=SSE, ArgumentValue=kind[:80])
    if kind != "aws:kms" and (key or bucket_key):
        raise S3Refusal("InvalidArgument", "Server Side Encryption with AWS KMS managed key "
                        f"requires HTTP header {SSE} : aws:kms", ArgumentName=SSE,
                        ArgumentValue=kind or "null")
    if kind != "aws:kms":
        # What S3 does with every object since 2023.
        return {SSE: "AES256"}
    key = key or f"arn:aws:kms:{call.world.region}:{ACCOUNT}:alias/aws/s3"
    headers = {SSE: kind, SSE_KEY: key}
    if bucket_key:
        headers[SSE_BUCKET_KEY] = bucket_key
    return headers


def get_object(call):
    found = call.object()
    headers = {**found.headers, "ETag": f'"{found.etag}"',
               "Last-Modified": email.utils.formatdate(found.modified, usegmt=True),
               "Accept-Ranges": "bytes"}
    if call.header("x-amz-checksum-mode", "").upper() != "ENABLED":
        headers = {name: value for name, value in headers.items()
                   if not name.startswith(checksums.PREFIX)}
    for name, header in OVERRIDES.items():
        if name in call.query:
            headers[header] = call.query[name]
    if call.header("If-Match") is not None and call.header("If-Match").strip('"') != found.etag:
        raise precondition_failed("If-Match")
    if (call.header("If-None-Match") or "").strip('"') == found.etag:
        return Reply(304, b"", {"ETag": headers["ETag"]}, None)
    for name in ("If-Modified-Since", "If-Unmodified-Since"):
        if call.header(name) is not None:
            raise s3_not_modelled(name)
    return ranged(call, found.data, headers)


def ranged(call, data, headers):
    given = call.header("Range")
    if given is None:
        return Reply(200, data, headers, None)
    wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", given)
    if not wanted or wanted[1] == wanted[2] == "":
        return Reply(200, data, headers, None)
    if wanted[1] == "":
        first, last = max(len(data) - int(wanted[2]), 0), len(data) - 1
    else:
        first, last = int(wanted[1]), min(int(wanted[2] or len(data)), len(data) - 1)
    if first > last or first >= len(data):
        raise S3Refusal("InvalidRange", "The requested range is not satisfiable",
                        RangeRequested=given, ActualObjectSize=str(len(data)))
    headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
    return Reply(206, data[first:last + 1], headers, None)


def delete_object(call):
    """Deleting what is not there is no error."""
    bucket, key = call.bucket(), call.target.key
    gone = bucket.pop(key, None)
    if gone is not None:
        call.world.stored -= len(gone.data)
        call.world.journal.add("delete", bucket=call.target.bucket, key=key,
                               request_id=call.request_id)
        call.world.lock.notify_all()
    return Reply(204, b"", {}, None)


ROUTES = {
    "service GET": "ListBuckets",
    "bucket PUT": "CreateBucket", "bucket HEAD": "HeadBucket", "bucket DELETE": "DeleteBucket",
    "bucket GET": "ListObjectsV2",
    "object PUT": "PutObject", "object GET": "GetObject", "object HEAD": "HeadObject",
    "object DELETE": "DeleteObject",
}
OPERATIONS = {
    "ListBuckets": list_buckets, "CreateBucket": create_bucket, "HeadBucket": head_bucket,
    "GetBucketLocation": get_bucket_location, "DeleteBucket": delete_bucket,
    "ListObjectsV2": list_objects, "PutObject": put_object, "GetObject": get_object,
    "HeadObject": get_object, "DeleteObject": delete_object,
}
