"""errors: what SQS and S3 answer when they refuse, as exceptions.

The names, codes and statuses of SQS are those of its service model and of
recorded answers; where neither tells (authentication over JSON) they are what
clients were seen to report.
"""
from .sigv4 import iso

# type: (code of the query protocol and of the header x-amzn-query-error, status)
MODELLED = {
    "BatchEntryIdsNotDistinct": ("AWS.SimpleQueueService.BatchEntryIdsNotDistinct", 400),
    "BatchRequestTooLong": ("AWS.SimpleQueueService.BatchRequestTooLong", 400),
    "EmptyBatchRequest": ("AWS.SimpleQueueService.EmptyBatchRequest", 400),
    "InvalidAddress": ("InvalidAddress", 404),
    "InvalidAttributeName": ("InvalidAttributeName", 400),
    "InvalidAttributeValue": ("InvalidAttributeValue", 400),
    "InvalidBatchEntryId": ("AWS.SimpleQueueService.InvalidBatchEntryId", 400),
    "InvalidMessageContents": ("InvalidMessageContents", 400),
    "InvalidSecurity": ("InvalidSecurity", 403),
    "KmsAccessDenied": ("KMS.AccessDeniedException", 400),
    "KmsDisabled": ("KMS.DisabledException", 400),
    "KmsInvalidKeyUsage": ("KMS.InvalidKeyUsageException", 400),
    "KmsInvalidState": ("KMS.InvalidStateException", 400),
    "KmsNotFound": ("KMS.NotFoundException", 400),
    "KmsOptInRequired": ("KMS.OptInRequired", 403),
    "KmsThrottled": ("KMS.ThrottlingException", 400),
    "MessageNotInflight": ("AWS.SimpleQueueService.MessageNotInflight", 400),
    "OverLimit": ("OverLimit", 403),
    "PurgeQueueInProgress": ("AWS.SimpleQueueService.PurgeQueueInProgress", 403),
    "QueueDeletedRecently": ("AWS.SimpleQueueService.QueueDeletedRecently", 400),
    "QueueDoesNotExist": ("AWS.SimpleQueueService.NonExistentQueue", 400),
    "QueueNameExists": ("QueueAlreadyExists", 400),
    "ReceiptHandleIsInvalid": ("ReceiptHandleIsInvalid", 404),
    "RequestThrottled": ("RequestThrottled", 403),
    "TooManyEntriesInBatchRequest": ("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400),
    "UnsupportedOperation": ("AWS.SimpleQueueService.UnsupportedOperation", 400),
}
COMMON = {
    "AccessDeniedException": ("AccessDenied", 403),
    "ExpiredTokenException": ("ExpiredToken", 403),
    "IncompleteSignatureException": ("IncompleteSignature", 403),
    "InternalFailure": ("InternalFailure", 500),
    "InvalidParameterValueException": ("InvalidParameterValue", 400),
    "InvalidSignatureException": ("SignatureDoesNotMatch", 403),
    "MissingAuthenticationTokenException": ("MissingAuthenticationToken", 403),
    "MissingRequiredParameterException": ("MissingParameter", 400),
    "RequestEntityTooLargeException": ("RequestEntityTooLarge", 413),
    "SerializationException": ("SerializationException", 400),
    "ServiceUnavailableException": ("ServiceUnavailable", 503),
    "ThrottlingException": ("ThrottlingException", 400),
    "UnknownOperationException": ("InvalidAction", 400),
    "UnrecognizedClientException": ("InvalidClientTokenId", 403),
}
S3_STATUS = {
    "AccessDenied": 403, "AuthorizationHeaderMalformed": 400,
    "AuthorizationQueryParametersError": 400, "BadDigest": 400,
    "BucketAlreadyOwnedByYou": 409, "BucketNotEmpty": 409, "EntityTooLarge": 400,
    "ExpiredToken": 400, "IncompleteBody": 400, "InternalError": 500, "InvalidAccessKeyId": 403,
    "InvalidArgument": 400, "InvalidBucketName": 400, "InvalidDigest": 400, "InvalidRange": 416,
    "InvalidRequest": 400, "InvalidToken": 400, "InvalidURI": 400, "KeyTooLongError": 400,
    "MetadataTooLarge": 400, "MethodNotAllowed": 405, "MissingContentLength": 411,
    "NoSuchBucket": 404, "NoSuchKey": 404, "NotImplemented": 501, "PreconditionFailed": 412,
    "RequestTimeTooSkewed": 403, "ServiceUnavailable": 503, "SignatureDoesNotMatch": 403,
    "SlowDown": 503, "XAmzContentSHA256Mismatch": 400,
}
THROTTLED = {"RequestThrottled": "Request is throttled.", "ThrottlingException": "Rate exceeded",
             "KmsThrottled": "Amazon Web Services KMS throttles requests for the key.",
             "SlowDown": "Please reduce your request rate."}


class Refusal(Exception):
    """An answer that is no success; code is what a client reports."""


class SqsRefusal(Refusal):
    def __init__(self, kind, message, code=None, status=None):
        super().__init__(message)
        known = MODELLED.get(kind) or COMMON.get(kind) or (kind, 400)
        space = "com.amazonaws.sqs" if kind in MODELLED else "com.amazon.coral.service"
        self.kind, self.type = kind, f"{space}#{kind}"
        self.code, self.status = code or known[0], status or known[1]
        self.message = message
        self.fault = "Sender" if self.status < 500 else "Receiver"


class S3Refusal(Refusal):
    def __init__(self, code, message, status=None, headers=None, **fields):
        super().__init__(message)
        self.code, self.message, self.fields = code, message, fields
        self.status = status or S3_STATUS.get(code, 400)
        self.headers = headers or {}


def invalid(message):
    return SqsRefusal("InvalidParameterValueException", message)


def invalid_value(value, name, reason):
    return invalid(f"Value {value} for parameter {name} is invalid. Reason: {reason}")


def missing(name):
    return SqsRefusal("MissingRequiredParameterException",
                      f"The request must contain the parameter {name}.")


def malformed(message):
    return SqsRefusal("SerializationException", message)


def not_modelled(what):
    """AWS knows it, the sandbox does not: said, never passed over."""
    return SqsRefusal("UnsupportedOperation",
                      f"The sandbox does not model {what}, though SQS does.")


def s3_not_modelled(what):
    return S3Refusal("NotImplemented", f"The sandbox does not model {what}, though S3 does.")


# ---- a signature that does not hold ---------------------------------------------
UNKNOWN_TOKEN = "The security token included in the request is invalid."
# kind of sigv4.Unauthentic: (type of SQS, message, code of S3, message)
AUTH = {
    "missing": ("MissingAuthenticationTokenException", "Request is missing Authentication Token",
                "AccessDenied", "Access Denied"),
    "incomplete": ("IncompleteSignatureException", None, "AuthorizationHeaderMalformed", None),
    "twice": ("IncompleteSignatureException", None, "InvalidArgument", None),
    "undated": ("IncompleteSignatureException", None, "AccessDenied",
                "AWS authentication requires a valid Date or x-amz-date header"),
    "query": ("IncompleteSignatureException", None, "AuthorizationQueryParametersError", None),
    "unknown_key": ("UnrecognizedClientException", UNKNOWN_TOKEN, "InvalidAccessKeyId",
                    "The AWS Access Key Id you provided does not exist in our records."),
    "token": ("UnrecognizedClientException", UNKNOWN_TOKEN, "InvalidToken",
              "The provided token is malformed or otherwise invalid."),
    "expired_token": ("ExpiredTokenException",
                      "The security token included in the request is expired",
                      "ExpiredToken", "The provided token has expired."),
    "scope": ("InvalidSignatureException", None, "AuthorizationHeaderMalformed", None),
    "skew": ("InvalidSignatureException", None, "RequestTimeTooSkewed",
             "The difference between the request time and the current time is too large."),
    "expired_url": ("InvalidSignatureException", None, "AccessDenied", None),
    "unsigned": ("InvalidSignatureException", None, "AccessDenied",
                 "There were headers present in the request which were not signed"),
    "signature": ("InvalidSignatureException",
                  "The request signature we calculated does not match the signature you "
                  "provided. Check your AWS Secret Access Key and signing method. Consult the "
                  "service documentation for details.",
                  "SignatureDoesNotMatch",
                  "The request signature we calculated does not match the signature you "
                  "provided. Check your key and signing method."),
}


def sqs_unauthentic(e):
    kind, message, _, _ = AUTH[e.kind]
    if e.kind == "unsigned":
        name = e.facts["unsigned"][0]
        name = "'Host' or ':authority'" if name == "host" else f"'{name}'"
        message = f"{name} must be a 'SignedHeader' in the AWS Authorization."
    return SqsRefusal(kind, message or e.message)


def s3_unauthentic(e):
    _, _, code, message = AUTH[e.kind]
    facts = e.facts
    fields = {}
    if e.kind in ("incomplete", "scope"):
        message = f"The authorization header is malformed; {facts.get('s3', e.message)}"
        if "region" in facts:
            fields["Region"] = facts["region"]
    elif e.kind == "unknown_key":
        fields["AWSAccessKeyId"] = facts["key_id"]
    elif e.kind == "unsigned":
        fields["HeadersNotSigned"] = ", ".join(facts["unsigned"])
    elif e.kind == "expired_url":
        fields = {"X-Amz-Expires": str(facts["lifetime"]), "Expires": iso(facts["end"]),
                  "ServerTime": iso(facts["now"])}
    elif e.kind == "skew":
        fields = {"RequestTime": facts["claimed"], "ServerTime": iso(facts["now"]),
                  "MaxAllowedSkewMilliseconds": "900000"}
    elif e.kind == "signature":
        claim, canonical = facts["claim"], facts["canonical"].decode("utf-8", "replace")
        fields = {"AWSAccessKeyId": claim.key_id, "StringToSign": facts["text"],
                  "SignatureProvided": claim.signature,
                  "StringToSignBytes": facts["text"].encode().hex(" "),
                  "CanonicalRequest": canonical,
                  "CanonicalRequestBytes": facts["canonical"].hex(" ")}
    return S3Refusal(code, message or e.message, **fields)
