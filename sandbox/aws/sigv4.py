"""sigv4: Signature Version 4 as the one who receives a request computes it.

Judged by the official cases: tests/sandbox/test_aws_sigv4.py.
"""
import datetime
import email.utils
import hashlib
import hmac
import re
import urllib.parse

ALGORITHM = "AWS4-HMAC-SHA256"
SKEW_S = 900
EXPIRES_MAX_S = 7 * 86400
UNSIGNED = "UNSIGNED-PAYLOAD"
AUTHORIZATION = re.compile(
    ALGORITHM + r"\s+Credential=([^,\s]+)\s*,\s*SignedHeaders=([^,\s]+)\s*,\s*"
    r"Signature=([0-9a-f]{64})\s*\Z")
SIGNATURE = re.compile(r"[0-9a-f]{64}\Z")
STAMP = re.compile(r"\d{8}T\d{6}Z\Z")
QUERY_NAMES = ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires",
               "X-Amz-SignedHeaders", "X-Amz-Signature"]


class Unauthentic(Exception):
    """kind is a row of errors.AUTH; facts are what the answer may tell beside."""

    def __init__(self, kind, message=None, **facts):
        super().__init__(message)
        self.kind, self.message, self.facts = kind, message, facts


class Claim:
    """What a request says of its own signature."""

    def __init__(self, credential, signed, signature, stamp, token, expires=None):
        parts = credential.rsplit("/", 4)
        if len(parts) != 5 or not parts[0]:
            raise Unauthentic("incomplete", "Credential must have exactly 5 slash-delimited "
                              "elements, e.g. keyid/date/region/service/term")
        self.key_id, self.day, self.region, self.service, self.term = parts
        self.signed = signed.split(";")
        self.signature, self.stamp, self.token, self.expires = signature, stamp, token, expires

    @property
    def scope(self):
        return f"{self.day}/{self.region}/{self.service}/{self.term}"

    @property
    def in_query(self):
        return self.expires is not None


class Proof:
    """A signature that held, and what the signatures of its chunks hang on."""

    def __init__(self, claim, key):
        self.key_id, self.scope, self.stamp = claim.key_id, claim.scope, claim.stamp
        self.signature, self.in_query = claim.signature, claim.in_query
        self.key = key


# ---- what is signed -----------------------------------------------------------
def encode(text, safe=""):
    return urllib.parse.quote(text, safe=safe + "-_.~").encode()


def canonical_path(path, s3, normalize=True):
    """S3 encodes the key once and leaves it; the others normalise the path and
    encode what was sent, once more."""
    given = path.encode("latin-1")
    if s3:
        return encode(urllib.parse.unquote_to_bytes(given), "/")
    if normalize:
        given = without_dots(given)
    return encode(given, "/")


def without_dots(path):
    kept = []
    for part in path.split(b"/"):
        if part == b"..":
            del kept[-1:]
        elif part not in (b"", b"."):
            kept.append(part)
    tail = b"/" if kept and path.endswith((b"/", b"/.", b"/..")) else b""
    return b"/" + b"/".join(kept) + tail


def query_pairs(query):
    """[(name, value)] as bytes, decoded."""
    pairs = []
    for part in query.encode("latin-1").split(b"&") if query else []:
        name, _, value = part.partition(b"=")
        pairs.append((urllib.parse.unquote_to_bytes(name), urllib.parse.unquote_to_bytes(value)))
    return pairs


def canonical_query(query):
    pairs = sorted((encode(name), encode(value)) for name, value in query_pairs(query)
                   if name != b"X-Amz-Signature")
    return b"&".join(name + b"=" + value for name, value in pairs)


def canonical_headers(headers, signed):
    """headers: [(name, value)] as received."""
    lines = []
    for name in signed:
        values = [" ".join(value.split()) for given, value in headers if given.lower() == name]
        lines.append(f"{name}:{','.join(values)}\n".encode("latin-1"))
    return b"".join(lines)


def canonical_request(method, path, query, headers, signed, payload, s3=False, normalize=True):
    return b"\n".join([method.encode(), canonical_path(path, s3, normalize),
                       canonical_query(query), canonical_headers(headers, signed),
                       ";".join(signed).encode(), payload.encode()])


def string_to_sign(stamp, scope, canonical):
    return f"{ALGORITHM}\n{stamp}\n{scope}\n{hashlib.sha256(canonical).hexdigest()}"


def hmac_of(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signing_key(secret, scope):
    key = b"AWS4" + secret.encode()
    for part in scope.split("/"):
        key = hmac_of(key, part)
    return key


def signature_of(key, text):
    return hmac_of(key, text).hex()


# ---- what a request claims ------------------------------------------------------
def claim_of(request):
    """The Claim of a request; by its header, or by its query."""
    header = request.headers.get("Authorization")
    given = {name.decode("latin-1"): value.decode("latin-1")
             for name, value in query_pairs(request.query)}
    if header is None and "X-Amz-Algorithm" not in given:
        raise Unauthentic("missing")
    if header is None:
        return claim_of_query(given)
    if "X-Amz-Algorithm" in given:
        raise Unauthentic("twice", "Only one auth mechanism allowed; only the X-Amz-Algorithm "
                          "query parameter, Signature query string parameter or the "
                          "Authorization header should be specified")
    found = AUTHORIZATION.match(header)
    if len(request.headers.get_all("Authorization")) != 1 or not found:
        raise Unauthentic("incomplete", "Authorization header requires 'Credential', "
                          "'SignedHeaders' and 'Signature' parameters of the algorithm "
                          f"{ALGORITHM}.")
    return Claim(found[1], found[2], found[3], stamp_of(request.headers),
                 request.headers.get("X-Amz-Security-Token"))


def stamp_of(headers):
    stamp = headers.get("X-Amz-Date")
    if stamp is None and headers.get("Date"):
        try:
            when = email.utils.parsedate_to_datetime(headers["Date"])
            stamp = when.astimezone(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        except (TypeError, ValueError):
            stamp = headers["Date"]
    if stamp is None or not STAMP.match(stamp):
        raise Unauthentic("undated", "Authorization header requires existence of either a "
                          "'X-Amz-Date' or a 'Date' header in ISO8601 form.")
    return stamp


def claim_of_query(given):
    missing = [name for name in QUERY_NAMES if not given.get(name)]
    expires = given.get("X-Amz-Expires", "")
    if missing or given["X-Amz-Algorithm"] != ALGORITHM or \
            not STAMP.match(given["X-Amz-Date"]) or \
            not SIGNATURE.match(given["X-Amz-Signature"]) or \
            not re.fullmatch("[0-9]{1,6}", expires) or not 1 <= int(expires) <= EXPIRES_MAX_S:
        raise Unauthentic("query", "Query-string authentication version 4 requires the "
                          "X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, "
                          "X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
    return Claim(given["X-Amz-Credential"], given["X-Amz-SignedHeaders"],
                 given["X-Amz-Signature"], given["X-Amz-Date"],
                 given.get("X-Amz-Security-Token"), int(expires))


# ---- does it hold? ----------------------------------------------------------------
def verify(request, claim, secret, payload, s3=False, normalize=True):
    """A Proof, or Unauthentic; of who signed, when and for what nothing is said."""
    canonical = canonical_request(request.method, request.path, request.query,
                                  request.headers.items(), claim.signed, payload, s3, normalize)
    text = string_to_sign(claim.stamp, claim.scope, canonical)
    key = signing_key(secret, claim.scope)
    if not hmac.compare_digest(signature_of(key, text), claim.signature):
        raise Unauthentic("signature", canonical=canonical, text=text, claim=claim)
    return Proof(claim, key)


def check_scope(claim, region, service):
    if claim.day != claim.stamp[:8]:
        raise Unauthentic("scope", "Date in Credential scope does not match YYYYMMDD from "
                          f"ISO-8601 version of date from HTTP: '{claim.day}' != "
                          f"'{claim.stamp[:8]}', from '{claim.stamp}'.", s3="Invalid credential "
                          f"date \"{claim.day}\". This date is not the same as X-Amz-Date: "
                          f"\"{claim.stamp[:8]}\".")
    if claim.region != region:
        raise Unauthentic("scope", "Credential should be scoped to a valid region.",
                          s3=f"the region '{claim.region}' is wrong; expecting '{region}'",
                          region=region)
    if claim.service != service:
        raise Unauthentic("scope", f"Credential should be scoped to correct service: '{service}'.",
                          s3=f"incorrect service \"{claim.service}\". This endpoint belongs to "
                          f"\"{service}\".")
    if claim.term != "aws4_request":
        raise Unauthentic("scope", "Credential should be scoped with a valid terminator: "
                          f"'aws4_request', not '{claim.term}'.",
                          s3="incorrect terminal. This endpoint uses \"aws4_request\".")


def check_headers(claim, headers):
    """The host and every x-amz-* that is there must be signed."""
    if claim.signed != sorted(set(claim.signed)) or \
            any(name != name.lower() for name in claim.signed):
        raise Unauthentic("incomplete", "SignedHeaders are distinct lower-case names in order.")
    there = {name.lower() for name in headers.keys()}
    wanted = {name for name in there if name.startswith("x-amz-")} | {"host"}
    if not claim.in_query and "x-amz-date" not in there:
        wanted.add("date")
    unsigned = sorted(wanted - set(claim.signed))
    if unsigned:
        raise Unauthentic("unsigned", unsigned=unsigned)
    absent = sorted(set(claim.signed) - there)
    if absent:
        raise Unauthentic("incomplete", "SignedHeaders names what was not sent: "
                          f"{', '.join(absent)}.")


def check_time(claim, now):
    """now: seconds since the epoch, by the receiver's clock."""
    try:
        when = datetime.datetime.strptime(claim.stamp, "%Y%m%dT%H%M%SZ").replace(
            tzinfo=datetime.timezone.utc).timestamp()
    except ValueError:
        raise Unauthentic("undated", f"'{claim.stamp}' is no time.") from None
    if claim.in_query:
        if not when - SKEW_S <= now <= when + claim.expires:
            raise Unauthentic("expired_url", "Request has expired" if now > when else
                              "Request is not valid yet", lifetime=claim.expires,
                              end=when + claim.expires, now=now)
    elif when < now - SKEW_S:
        raise Unauthentic("skew", f"Signature expired: {claim.stamp} is now earlier than "
                          f"{stamped(now - SKEW_S)} ({stamped(now)} - 15 min.)",
                          claimed=claim.stamp, now=now)
    elif when > now + SKEW_S:
        raise Unauthentic("skew", f"Signature not yet current: {claim.stamp} is still later than "
                          f"{stamped(now + SKEW_S)} ({stamped(now)} + 15 min.)",
                          claimed=claim.stamp, now=now)


def iso(seconds):
    return datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc).strftime(
        "%Y-%m-%dT%H:%M:%SZ")


def stamped(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime(
        "%Y%m%dT%H%M%SZ")
