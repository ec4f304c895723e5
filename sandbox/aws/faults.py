"""faults: what can be told to go wrong with a request.

A request is matched as "SERVICE:OPERATION RESOURCE": sqs:SendMessageBatch
booking-events.fifo, s3:PutObject bucket/key, imds:GetToken -,
imds:GetCredentials -, ecs:GetCredentials -.  A match without a resource holds
for all of them.
"""
from common.faults import Faults, Kind, Wrong

from . import ACCOUNT, errors
from .errors import S3Refusal, SqsRefusal
from .sigv4 import Unauthentic

BATCHES = {"SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"}
# Which operations a kind makes sense for; others: all of SQS and S3.
ONLY = {
    "partial": BATCHES, "omit_entry": BATCHES, "duplicate": {"ReceiveMessage"},
    "wrong_md5": {"SendMessage", "SendMessageBatch", "ReceiveMessage", "PutObject", "GetObject",
                  "HeadObject"},
}
UNSIGNED = {"imds", "ecs"}
FOR_SIGNED = {"access_denied", "expired_token", *ONLY}
KINDS = ["access_denied", "delay", "drop", "drop_after_effect", "duplicate", "expired_token",
         "fail", "fail_after_effect", "garbage", "hang", "hang_after_effect", "omit_entry",
         "partial", "refuse", "throttle", "unavailable", "wrong_md5"]


def check(rule):
    entries, code, status = (rule.more[name] for name in ("entries", "code", "status"))
    if not all(type(entry) in (int, str) for entry in entries):
        raise Wrong("entries are indices from 0, or ids")
    if status is not None and not 300 <= status <= 599:
        raise Wrong("status is 300..599")
    if rule.kind == "refuse" and not code:
        raise Wrong("refuse wants a code")
    if rule.kind == "throttle" and code not in (None, *errors.THROTTLED):
        raise Wrong(f"the code of throttle is one of {', '.join(errors.THROTTLED)}")
    if rule.match != "*" and " " not in rule.match:
        rule.match += " *"


# code, status   of a refusal; those that the code has if no status is given
# entries        of a batch, by index or id: which fail or are left out
# sender_fault   whose fault a failed entry is said to be
# effect         is an entry that the answer leaves out taken all the same?
FAMILY = Kind(KINDS, {"hang": 30000, "hang_after_effect": 30000}, {
    "code": ((str, type(None)), None), "status": ((int, type(None)), None),
    "entries": (list, []), "sender_fault": (bool, False), "effect": (bool, True)}, check)


def made():
    return Faults(FAMILY)


def fits(service, operation):
    def fit(rule):
        if service in UNSIGNED:
            return rule.kind not in FOR_SIGNED
        return operation in ONLY.get(rule.kind, {operation})
    return fit


def refusal(service, code, message, status=None):
    if service == "sqs":
        known = {query: kind for kind, (query, _) in {**errors.MODELLED, **errors.COMMON}.items()}
        return SqsRefusal(known.get(code, code), message, status=status)
    return S3Refusal(code, message, status)


def refuse(rule, service):
    """The Refusal that a rule stands for before there is any effect; or None."""
    kind, code, status = rule.kind, rule.more["code"], rule.more["status"]
    if kind == "fail":
        return broken(service)
    if kind == "unavailable":
        return refusal(service, "ServiceUnavailable", "Please try again.", 503)
    if kind == "throttle":
        code = code or ("RequestThrottled" if service == "sqs" else "SlowDown")
        own = {"SlowDown": 503} if service == "sqs" else {"RequestThrottled": 403}
        return refusal(service, code, errors.THROTTLED[code], status or own.get(code))
    if kind == "access_denied":
        return refusal(service, "AccessDenied", f"User: arn:aws:iam::{ACCOUNT}:user/sandbox is "
                       "not authorized to perform it, as the sandbox was told.")
    if kind == "refuse":
        return refusal(service, code, "The sandbox was told to refuse it.", status)
    if kind == "expired_token":
        expired = Unauthentic("expired_token")
        return errors.sqs_unauthentic(expired) if service == "sqs" else \
            errors.s3_unauthentic(expired)
    return None


def broken(service):
    if service == "sqs":
        return SqsRefusal("InternalFailure", "We encountered an internal error. Please try again.")
    return S3Refusal("InternalError", "We encountered an internal error. Please try again.")
