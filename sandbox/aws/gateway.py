"""gateway: one request: which service, who signed, what goes wrong with it, and
what is answered."""
import collections
import hashlib
import time

from common.http import Cut, Reply

from . import faults, s3, s3wire, sigv4, sqs, wire
from .errors import Refusal, S3Refusal, SqsRefusal, s3_unauthentic, sqs_unauthentic
from .sigv4 import Unauthentic

KEPT_REQUESTS = 1000
HEX = "0123456789ABCDEF"


class Gateway:
    def __init__(self, world):
        self.world = world
        self.faults = faults.made()
        self.clear()

    def clear(self):
        self.requests = collections.deque(maxlen=KEPT_REQUESTS)

    def serve(self, request):
        started = time.monotonic()
        note = {"id": self.world.uuid(), "at": round(time.time(), 6), "service": None,
                "operation": None, "resource": None, "protocol": None, "key_id": None,
                "fault": None, "status": None, "error": None}
        try:
            if request.path.startswith(("/_imds/", "/_ecs/")):
                reply = self.serve_credentials(request, note)
            elif wire.is_sqs(request):
                reply = self.serve_sqs(request, note)
            else:
                reply = self.serve_s3(request, note)
            note["status"] = reply.status
            return reply
        finally:
            note["ms"] = round((time.monotonic() - started) * 1000, 1)
            self.requests.append(note)

    # ---- who -------------------------------------------------------------------
    def authenticate(self, request, service, claim, payload, note):
        """The Proof of a request's signature, by a key that may."""
        world = self.world
        note["key_id"] = claim.key_id
        key = world.keys.find(claim)
        sigv4.check_scope(claim, world.region, service)
        sigv4.check_time(claim, world.wall())
        sigv4.check_headers(claim, request.headers)
        proof = sigv4.verify(request, claim, key.secret, payload, service == "s3")
        world.keys.check_token(claim, key)
        return proof

    # ---- what goes wrong ----------------------------------------------------------
    def strike(self, note, service, operation, resource):
        note.update(service=service, operation=operation, resource=resource)
        rule = self.faults.strike(f"{service}:{operation} {resource}",
                                  faults.fits(service, operation))
        note["fault"] = rule and rule.kind
        return rule

    def before(self, request, rule, service):
        """The faults that come before there is any effect."""
        if rule is None:
            return
        if rule.kind == "delay":
            self.faults.wait(rule, request)
        elif rule.kind == "hang":
            self.faults.hang(rule, request)
        elif rule.kind == "drop":
            raise Cut()
        refused = faults.refuse(rule, service)
        if refused:
            raise refused

    def after(self, request, rule, reply):
        """The faults that keep the answer from arriving whole."""
        if rule and rule.kind == "hang_after_effect":
            self.faults.hang(rule, request)
        if rule and rule.kind == "drop_after_effect":
            raise Cut()
        if rule and rule.kind == "garbage":
            return Reply(200, reply.body[:len(reply.body) // 2] or b"<!", dict(reply.headers),
                         reply.kind)
        return reply

    # ---- SQS -----------------------------------------------------------------------
    def serve_sqs(self, request, note):
        protocol, rule = wire.Protocol(request), None
        note.update(service="sqs", protocol="json" if protocol.json else "query")
        try:
            self.authenticate_sqs(request, note)
            operation, given = protocol.read()
            rule = self.strike(note, "sqs", operation, sqs.resource_of(given))
            self.before(request, rule, "sqs")
            call = sqs.Call(self.world, given, request.headers.get("Host", ""), note["id"], rule,
                            lambda: request.gone(0))
            with self.world.lock:
                result = sqs.OPERATIONS[operation](call)
            if rule and rule.kind == "fail_after_effect":
                raise faults.broken("sqs")
            reply = protocol.answer(operation, result or {}, note["id"])
        except SqsRefusal as e:
            note["error"] = e.code
            reply = protocol.refuse(e, note["id"])
        return self.after(request, rule, reply)

    def authenticate_sqs(self, request, note):
        try:
            claim = sigv4.claim_of(request)
            if claim.in_query:
                raise Unauthentic("query", "The sandbox does not model requests of SQS that are "
                                  "signed in their query.")
            payload = hashlib.sha256(request.body).hexdigest()
            self.authenticate(request, "sqs", claim, payload, note)
        except Unauthentic as e:
            raise sqs_unauthentic(e) from None

    # ---- S3 --------------------------------------------------------------------------
    def serve_s3(self, request, note):
        rule = None
        note.update(service="s3")
        host_id = self.world.token(HEX, 56)
        name = self.world.token(HEX, 16)
        try:
            target = s3.Target(request)
            proof = self.authenticate_s3(request, note)
            operation = s3.operation_of(request, target)
            rule = self.strike(note, "s3", operation, s3.resource_of(target))
            self.before(request, rule, "s3")
            call = s3.Call(self.world, request, target, proof, note["id"], rule)
            with self.world.lock:
                reply = s3.OPERATIONS[operation](call)
            if rule and rule.kind == "fail_after_effect":
                raise faults.broken("s3")
            if rule and rule.kind == "wrong_md5" and "ETag" in reply.headers:
                wrong = hashlib.md5(reply.headers["ETag"].encode()).hexdigest()
                reply.headers["ETag"] = f'"{wrong}"'
        except S3Refusal as e:
            note["error"] = e.code
            reply = s3wire.error(e, request.path, name, host_id)
        reply.headers.update({"x-amz-request-id": name, "x-amz-id-2": host_id,
                              "Server": "AmazonS3"})
        return self.after(request, rule, reply)

    def authenticate_s3(self, request, note):
        try:
            claim = sigv4.claim_of(request)
            payload = s3.payload_of(request, claim, self.world)
            proof = self.authenticate(request, "s3", claim, payload, note)
        except Unauthentic as e:
            raise s3_unauthentic(e) from None
        s3.check_hash(payload, request.body)
        return proof

    # ---- where credentials come from --------------------------------------------------
    def serve_credentials(self, request, note):
        service = "ecs" if request.path.startswith("/_ecs/") else "imds"
        operation = "GetToken" if request.path.endswith("/api/token") else "GetCredentials"
        rule = self.strike(note, service, operation, "-")
        try:
            self.before(request, rule, service)
            reply = self.world.keys.serve(request)
            if rule and rule.kind == "fail_after_effect":
                raise faults.broken(service)
        except Refusal as e:
            note["error"] = e.code
            reply = Reply(e.status, f"{e.code}: {e.message}".encode(), {}, "text/plain")
        return self.after(request, rule, reply)
