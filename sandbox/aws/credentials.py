"""credentials: who may sign, and the endpoints that hand out what expires:
IMDSv2 below /_imds, the one of containers below /_ecs."""
import hmac
import json
import string
import threading

from common.http import Reply

from . import ACCOUNT
from .sigv4 import Unauthentic, iso

ROLE = "booking-sandbox"
KEPT = 1000
TOKEN_TTL_MAX_S = 21600
TOKENS_MAX = 1000
ROTATE_BEFORE_S = 300
KEY_LETTERS = string.ascii_uppercase + "234567"
SECRET_LETTERS = string.ascii_letters + string.digits + "+/"


class Key:
    def __init__(self, key_id, secret, token=None, expires=None, issued=None):
        self.key_id, self.secret, self.token = key_id, secret, token
        self.expires, self.issued = expires, issued


class Keys:
    """The permanent keys are those of the command line; temporary ones are made
    when somebody asks an endpoint for them, and again in time before they end."""

    def __init__(self, world, permanent):
        self.world = world
        self.permanent = {key_id: Key(key_id, secret) for key_id, secret in permanent.items()}
        self.lock = threading.Lock()
        self.clear()

    def clear(self):
        self.temporary = {}
        self.newest = None
        self.imds_tokens = {}
        self.served = {"imds": 0, "imds_token": 0, "ecs": 0}

    def find(self, claim):
        """The Key that signed, if it may."""
        key = self.permanent.get(claim.key_id) or self.temporary.get(claim.key_id)
        if key is None:
            raise Unauthentic("unknown_key", key_id=claim.key_id)
        return key

    def check_token(self, claim, key):
        """After the signature: does the session token belong to the key?"""
        if not hmac.compare_digest((claim.token or "").encode(), (key.token or "").encode()):
            raise Unauthentic("token" if claim.token else "unknown_key", key_id=claim.key_id)
        if key.expires is not None and key.expires <= self.world.wall():
            raise Unauthentic("expired_token")

    # ---- temporary ones ------------------------------------------------------
    def current(self, asked):
        """For who asked: "imds" or "ecs"."""
        with self.lock:
            self.served[asked] += 1
            lifetime = self.world.settings["credentials_lifetime_s"]
            now = self.world.wall()
            newest = self.newest
            if newest is None or newest.expires - now <= min(ROTATE_BEFORE_S, lifetime / 3):
                newest = self.make(now, lifetime)
            return newest

    def make(self, now, lifetime):
        world = self.world
        key = Key("ASIASANDBOX" + world.token(KEY_LETTERS, 9), world.token(SECRET_LETTERS, 40),
                  world.token(SECRET_LETTERS, 356) + "==", int(now) + lifetime, int(now))
        self.temporary[key.key_id] = self.newest = key
        while len(self.temporary) > KEPT:
            del self.temporary[next(iter(self.temporary))]
        return key

    def rotate(self):
        """The next who asks gets others; those before hold until they expire."""
        self.newest = None

    def expire(self):
        """What was handed out holds no longer, whatever its Expiration says."""
        with self.lock:
            for key in self.temporary.values():
                key.expires = min(key.expires, int(self.world.wall()))
            self.newest = None

    def show(self):
        return {"served": dict(self.served), "temporary": [
            {"key_id": key.key_id, "issued": key.issued, "expires": key.expires}
            for key in self.temporary.values()]}

    # ---- the endpoints ---------------------------------------------------------
    def serve(self, request):
        """A Reply to what was asked below /_imds or /_ecs."""
        if request.path.startswith("/_ecs/"):
            return self.serve_ecs(request)
        path = request.path.removeprefix("/_imds").rstrip("/")
        if path == "/latest/api/token":
            return self.serve_imds_token(request)
        if request.method not in ("GET", "HEAD"):
            return plain(405, "Method Not Allowed")
        given = request.headers.get("X-aws-ec2-metadata-token", "")
        expires = self.imds_tokens.get(given)
        # Version 1 is the one without a token: there is none here.
        if expires is None or expires <= self.world.wall():
            return plain(401, "Unauthorized")
        headers = {"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": str(int(expires - self.world.wall()))}
        base = "/latest/meta-data/iam/security-credentials"
        if path == base:
            return plain(200, ROLE, headers)
        if path == f"{base}/{ROLE}":
            return document({"Code": "Success", "LastUpdated": iso(self.world.wall()),
                             "Type": "AWS-HMAC", **told(self.current("imds"))}, headers)
        if path == "/latest/meta-data/placement/region":
            return plain(200, self.world.region, headers)
        if path == "/latest/meta-data/placement/availability-zone":
            return plain(200, self.world.region + "a", headers)
        return plain(404, "Not Found", headers)

    def serve_imds_token(self, request):
        if request.method != "PUT":
            return plain(405, "Method Not Allowed", {"Allow": "OPTIONS, PUT"})
        if request.headers.get("X-Forwarded-For"):
            return plain(403, "Forbidden")
        ttl = request.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        if not ttl.isascii() or not ttl.isdigit() or not 1 <= int(ttl[:9]) <= TOKEN_TTL_MAX_S:
            return plain(400, "Bad Request")
        token = self.world.token(SECRET_LETTERS, 54) + "=="
        with self.lock:
            self.imds_tokens[token] = self.world.wall() + int(ttl)
            while len(self.imds_tokens) > TOKENS_MAX:
                del self.imds_tokens[next(iter(self.imds_tokens))]
            self.served["imds_token"] += 1
        return plain(200, token, {"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": ttl})

    def serve_ecs(self, request):
        if request.method not in ("GET", "HEAD"):
            return plain(405, "Method Not Allowed")
        wanted = self.world.settings["ecs_token"]
        given = request.headers.get("Authorization", "")
        if wanted is not None and not hmac.compare_digest(given.encode(), wanted.encode()):
            return ecs_refused(401, "AccessDenied", "the authorization token is not the task's")
        if request.path != "/_ecs/credentials":
            return ecs_refused(404, "InvalidIdInRequest", "CredentialsV2Request: "
                               "Credentials not found")
        return document({"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/{ROLE}",
                         **told(self.current("ecs"))})


def told(key):
    return {"AccessKeyId": key.key_id, "SecretAccessKey": key.secret, "Token": key.token,
            "Expiration": iso(key.expires)}


def plain(status, text, headers=None):
    return Reply(status, text.encode(), headers or {}, "text/plain")


def document(value, headers=None):
    return Reply(200, json.dumps(value, indent=2).encode(), headers or {})


def ecs_refused(status, code, message):
    return Reply(status, json.dumps({"code": code, "message": message,
                                     "HTTPErrorCode": status}).encode())
