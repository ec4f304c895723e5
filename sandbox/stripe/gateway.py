"""gateway: one request of the API: who asks, has it been asked before, what
goes wrong with it, and what is answered."""
import base64
import collections
import hashlib
import hmac
import json
import re
import time
import urllib.parse

from common.faults import Faults
from common.http import Cut, Reply

from . import api, errors, form
from .errors import Refusal, malformed
from .faults import REQUESTS
from .params import API_VERSION

KEY_MAX = 255
KEPT_REQUESTS = 1000
ACCOUNT = re.compile(r"acct_[A-Za-z0-9_]{1,60}\Z")
VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(\.[a-z]+)?\Z")


class Replay:
    """What an idempotency key remembers: forever, or until the reset."""

    def __init__(self, path, digest, request_id):
        self.path, self.digest, self.request_id = path, digest, request_id
        self.status = self.body = None


class Gateway:
    def __init__(self, world, keys, accounts=None):
        self.world = world
        self.keys = keys
        self.accounts = accounts
        self.faults = Faults(REQUESTS)
        self.clear()

    def clear(self):
        self.requests = collections.deque(maxlen=KEPT_REQUESTS)
        self.replayed = 0

    def serve(self, request):
        started = time.monotonic()
        name = self.world.name("req_", 14)
        note = {"id": name, "method": request.method, "path": request.path, "account": None,
                "idempotency_key": request.headers.get("Idempotency-Key"), "params": None,
                "fault": None, "replayed": False, "status": None, "error": None}
        try:
            reply = self.answer(request, name, note)
        except Refusal as refusal:
            reply = refused(refusal)
            note["error"] = refusal.error.get("code") or refusal.error["type"]
        finally:
            note["ms"] = round((time.monotonic() - started) * 1000, 1)
            self.requests.append(note)
        note["status"] = reply.status
        reply.headers.setdefault("Request-Id", name)
        reply.headers.setdefault("Stripe-Version", API_VERSION)
        if note["account"]:
            reply.headers["Stripe-Account"] = note["account"]
        return reply

    def answer(self, request, name, note):
        account = note["account"] = self.authenticate(request.headers)
        check_version(request.headers)
        rule = self.faults.strike(f"{request.method} {request.path}")
        note["fault"] = rule and rule.kind
        if rule and rule.kind == "rate_limit":
            raise errors.rate_limited()
        endpoint, target = api.find(request.method, request.path)
        given = note["params"] = form.decode(text_of(request))
        with self.world.lock:
            space = self.world.space(account)
        key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
        if key is None:
            return self.execute(request, space, endpoint, target, given, rule, name)
        replay, known = self.claim(space, key, request.path, given, name)
        if known:
            note["replayed"] = True
            self.before(request, rule)
            self.replayed += 1
            reply = Reply(replay.status, replay.body, {
                "Idempotency-Key": key, "Idempotent-Replayed": "true",
                "Original-Request": replay.request_id})
            if replay.status == 500:
                reply.headers["Stripe-Should-Retry"] = "false"
            return self.after(request, rule, reply)
        try:
            reply = self.execute(request, space, endpoint, target, given, rule, name, key,
                                 replay)
        finally:
            # Whatever was not kept frees the key.
            if replay.status is None:
                with self.world.lock:
                    space.replays.pop(key, None)
        reply.headers.update({"Idempotency-Key": key, "Original-Request": name})
        return reply

    # ---- who -------------------------------------------------------------
    def authenticate(self, headers):
        given = headers.get("Authorization") or ""
        scheme, _, rest = given.partition(" ")
        key = rest.strip()
        if scheme.lower() == "basic":
            try:
                key = base64.b64decode(key, validate=True).decode().partition(":")[0]
            except ValueError:
                key = ""
        elif scheme.lower() != "bearer":
            key = ""
        if not key:
            raise malformed(
                "You did not provide an API key. You need to provide your API key in the "
                "Authorization header, using Bearer auth (e.g. 'Authorization: Bearer "
                "YOUR_SECRET_KEY').", None, None, 401)
        if not any(hmac.compare_digest(key.encode(), known.encode()) for known in self.keys):
            shown = key[:8] + "*" * max(0, len(key) - 12) + key[-4:] if len(key) > 12 else "****"
            raise malformed(f"Invalid API Key provided: {shown}", None, None, 401)
        account = headers.get("Stripe-Account")
        if account is not None and (not ACCOUNT.match(account) or
                                    (self.accounts and account not in self.accounts)):
            raise malformed(f"The provided key '{key[:8]}****' does not have access to account "
                            f"'{account[:70]}' (or that account does not exist). Application "
                            "access may have been revoked.", "account_invalid", None, 403)
        return account

    # ---- asked before? -----------------------------------------------------
    def claim(self, space, key, path, given, name):
        """(Replay, has it an answer?); raises if the key is taken otherwise."""
        if not key or len(key) > KEY_MAX:
            raise malformed(f"Idempotency keys are 1 to {KEY_MAX} characters long.")
        digest = hashlib.sha256(json.dumps(given, sort_keys=True).encode()).digest()
        with self.world.lock:
            replay = space.replays.get(key)
            if replay is None:
                replay = space.replays[key] = Replay(path, digest, name)
                return replay, False
            if replay.path != path:
                raise Refusal(400, "idempotency_error",
                              "Keys for idempotent requests can only be used for the same "
                              f"endpoint they were first used for ('{path}' vs '{replay.path}'). "
                              f"Try using a key other than '{key}' if you meant to execute a "
                              "different request.", begun=False)
            if replay.digest != digest:
                raise Refusal(400, "idempotency_error",
                              "Keys for idempotent requests can only be used with the same "
                              "parameters they were first used with. Try using a key other than "
                              f"'{key}' if you meant to execute a different request.",
                              begun=False)
            if replay.status is None:
                raise Refusal(409, "invalid_request_error",
                              "There is currently another in-progress request using this "
                              "Idempotent Key (that probably means you submitted twice, and the "
                              f"other request is still going through): {key}.",
                              "idempotency_key_in_use", begun=False,
                              headers={"Stripe-Should-Retry": "true"})
            return replay, True

    # ---- the work, and what goes wrong with it -----------------------------
    def execute(self, request, space, endpoint, target, given, rule, name, key=None,
                replay=None):
        typed = api.read(endpoint, given)
        if rule and rule.kind == "fail":
            return self.keep(replay, refused(errors.broken()), rule.more["saved"])
        if rule and rule.kind == "refuse":
            return self.keep(replay, refused(errors.invalid("A rule refuses it.", rule.more["code"])),
                             rule.more["saved"])
        self.before(request, rule)
        with self.world.lock, self.world.acting({"id": name, "idempotency_key": key}):
            self.world.catch_up()
            begun = True
            try:
                row = api.run(space, endpoint, typed, target)
                reply = Reply(200, encode(row))
            except Refusal as refusal:
                reply, begun = refused(refusal), refusal.begun
        if rule and rule.kind == "fail_after_effect":
            if rule.more["saved"]:
                return self.keep(replay, refused(errors.broken()), True)
            self.keep(replay, reply, begun)
            return refused(errors.broken())
        self.keep(replay, reply, begun)
        return self.after(request, rule, reply)

    def keep(self, replay, reply, begun):
        if replay is not None and begun:
            with self.world.lock:
                replay.body, replay.status = reply.body, reply.status
                self.world.made += 1
        return reply

    def before(self, request, rule):
        """The faults that come before there is any effect."""
        if rule is None:
            return
        if rule.kind == "delay":
            time.sleep(rule.ms / 1000)
        elif rule.kind == "hang":
            self.faults.hang(rule, request)
        elif rule.kind == "drop":
            raise Cut()

    def after(self, request, rule, reply):
        """The faults that keep the answer from arriving whole."""
        if rule and rule.kind == "hang_after_effect":
            self.faults.hang(rule, request)
        if rule and rule.kind == "drop_after_effect":
            raise Cut()
        if rule and rule.kind == "garbage":
            return Reply(200, reply.body[:len(reply.body) // 2], dict(reply.headers))
        return reply


def check_version(headers):
    version = headers.get("Stripe-Version")
    if version is None:
        raise malformed("The sandbox wants the Stripe-Version header: pin the version your "
                        f"program was written for ({API_VERSION}).", None, "Stripe-Version")
    if not VERSION.match(version):
        raise malformed(f"Invalid Stripe API version: {version[:60]}", None, "Stripe-Version")
    if version != API_VERSION:
        raise malformed(f"The sandbox speaks Stripe API version {API_VERSION} alone, not "
                        f"{version}.", "sandbox_not_modelled", "Stripe-Version")


def text_of(request):
    """The parameters' text: of the body, or of a GET's query."""
    if request.method == "GET":
        if request.body:
            raise malformed("Invalid request: a GET has no body")
        return request.query
    if request.query:
        raise malformed("Invalid request: parameters of a POST belong into its body")
    kind = (request.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    if request.body and kind != "application/x-www-form-urlencoded":
        raise malformed("Invalid request (check that your POST content type is "
                        "application/x-www-form-urlencoded).")
    try:
        return request.body.decode("ascii")
    except UnicodeDecodeError:
        # A client may leave what is beyond ASCII unescaped.
        return urllib.parse.quote(request.body, safe="%&=[]+")


def encode(row):
    return json.dumps(row, indent=2).encode()


def refused(refusal):
    return Reply(refusal.status, encode({"error": refusal.error}), dict(refusal.headers))
