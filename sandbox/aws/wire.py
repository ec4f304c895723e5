"""wire: requests and answers of SQS in its two protocols: JSON 1.0
(X-Amz-Target) and, for older clients, the query protocol (forms and XML)."""
import base64
import binascii
import json
import re
import urllib.parse
from xml.sax import saxutils

from common.http import Reply

from .errors import SqsRefusal, malformed, missing, not_modelled
from .shapes import INPUTS, OUTPUTS, UNMODELLED, Map

JSON = "application/x-amz-json-1.0"
FORM = "application/x-www-form-urlencoded"
VERSION = "2012-11-05"
SPACE = f"http://queue.amazonaws.com/doc/{VERSION}/"
TARGET = "AmazonSQS."
DEPTH_MAX = 12
NUMBERED = re.compile(r"[1-9][0-9]{0,3}\Z")


def kind_of(request):
    return (request.headers.get("Content-Type") or "").partition(";")[0].strip().lower()


def is_sqs(request):
    """S3 has no POST of these kinds."""
    return request.method == "POST" and (
        "X-Amz-Target" in request.headers or kind_of(request) in (JSON, FORM))


class Protocol:
    """One request's way in and its answer's way out."""

    def __init__(self, request):
        self.json = "X-Amz-Target" in request.headers or kind_of(request) != FORM
        self.request = request

    def read(self):
        """(operation, parameters as the JSON protocol names them)"""
        return self.read_json() if self.json else self.read_form()

    def operation(self, name):
        if name in UNMODELLED:
            raise not_modelled(name)
        if name not in INPUTS:
            raise SqsRefusal("UnknownOperationException",
                             f"The action {name[:80]} is not valid for this endpoint.")
        return name

    # ---- JSON ----------------------------------------------------------------
    def read_json(self):
        target = self.request.headers.get("X-Amz-Target", "")
        if kind_of(self.request) != JSON or not target.startswith(TARGET):
            raise SqsRefusal("UnknownOperationException", f"X-Amz-Target is {TARGET}OPERATION, "
                             f"with a Content-Type of {JSON}.")
        operation = self.operation(target.removeprefix(TARGET))
        try:
            given = json.loads(self.request.body.decode("utf-8"), object_pairs_hook=distinct,
                               parse_constant=no_number, parse_float=no_number)
        except (ValueError, RecursionError) as e:
            raise malformed(f"The body is not JSON: {e}") from None
        return operation, read_structure(INPUTS[operation], given, "")

    # ---- the query protocol -----------------------------------------------------
    def read_form(self):
        if kind_of(self.request) != FORM:
            raise malformed(f"The Content-Type is {FORM}.")
        try:
            pairs = urllib.parse.parse_qsl(
                self.request.body.decode("ascii"), keep_blank_values=True, strict_parsing=True,
                errors="strict", max_num_fields=5000)
            given = nested(distinct(pairs))
        except ValueError as e:
            raise malformed(f"The body is not a form: {e}") from None
        name, version = given.pop("Action", None), given.pop("Version", None)
        if not isinstance(name, str):
            raise SqsRefusal("UnknownOperationException", "The request must contain the "
                             "parameter Action.", "MissingAction")
        if version != VERSION:
            raise SqsRefusal("UnknownOperationException", f"The requested version ({version}) is "
                             "not valid.", "NoSuchVersion")
        operation = self.operation(name)
        if "QueueUrl" not in given and "QueueUrl" in INPUTS[operation] and \
                self.request.path.count("/") == 2:
            # In this protocol the address of the request may be the queue's own.
            given["QueueUrl"] = "//" + self.request.headers.get("Host", "") + self.request.path
        return operation, read_structure(INPUTS[operation],
                                         from_form(INPUTS[operation], given, ""), "")

    # ---- answers --------------------------------------------------------------
    def answer(self, operation, result, request_id):
        headers = {"x-amzn-RequestId": request_id}
        if self.json:
            body = json.dumps(result).encode() if operation in OUTPUTS else b""
            return Reply(200, body, headers, JSON)
        inner = ""
        if operation in OUTPUTS:
            inner = element(f"{operation}Result", xml_of(OUTPUTS[operation], result))
        inner += element("ResponseMetadata", element("RequestId", request_id))
        text = f"<?xml version=\"1.0\"?><{operation}Response xmlns=\"{SPACE}\">{inner}" \
            f"</{operation}Response>"
        return Reply(200, text.encode("utf-8", "replace"), headers, "text/xml")

    def refuse(self, refusal, request_id):
        headers = {"x-amzn-RequestId": request_id}
        if self.json:
            headers["x-amzn-query-error"] = f"{refusal.code};{refusal.fault}"
            told = {"__type": refusal.type}
            if refusal.message is not None:
                # As recorded: this one alone is written large.
                denied = refusal.kind == "AccessDeniedException"
                told["Message" if denied else "message"] = refusal.message
            return Reply(refusal.status, json.dumps(told).encode(), headers, JSON)
        text = (f"<?xml version=\"1.0\"?><ErrorResponse xmlns=\"{SPACE}\"><Error>"
                + element("Type", refusal.fault) + element("Code", refusal.code)
                + element("Message", escape(for_wsdl(refusal))) + "<Detail/></Error>"
                + element("RequestId", request_id) + "</ErrorResponse>")
        return Reply(refusal.status, text.encode("utf-8", "replace"), headers, "text/xml")


def for_wsdl(refusal):
    if refusal.kind == "QueueDoesNotExist":
        return "The specified queue does not exist for this wsdl version."
    return refusal.message or ""


def distinct(pairs):
    out = {}
    for name, value in pairs:
        if name in out:
            raise ValueError(f"{name[:80]} is there twice")
        out[name] = value
    return out


def no_number(text):
    raise ValueError(f"{text[:20]} is no whole number")


# ---- reading by the table ------------------------------------------------------------
def read_structure(fields, given, where):
    """The parameters, checked for presence and type.  SQS passes over what it
    does not know; the sandbox tells: it is a mistake nobody would notice."""
    if not isinstance(given, dict):
        raise malformed(f"{where or 'The body'} is not an object.")
    for name in given:
        if name not in fields:
            raise malformed(f"{where}{name[:80]} is no parameter of this operation (SQS would "
                            "pass over it).")
    for name, field in fields.items():
        if field.required and (given.get(name) is None or given[name] == ""):
            raise missing(where + name)
    return {name: read_value(fields[name].kind, value, where + name)
            for name, value in given.items() if value is not None}


def read_value(kind, value, where):
    if isinstance(kind, dict):
        return read_structure(kind, value, where + ".")
    if isinstance(kind, Map):
        if not isinstance(value, dict):
            raise malformed(f"{where} is not an object.")
        return {name: read_value(kind.kind, inner, f"{where}.{name}")
                for name, inner in value.items()}
    if isinstance(kind, list):
        if not isinstance(value, list):
            raise malformed(f"{where} is not a list.")
        return [read_value(kind[0], inner, f"{where}.{i}") for i, inner in enumerate(value, 1)]
    types = {"string": str, "blob": str, "integer": int}
    if type(value) is not types[kind]:
        raise malformed(f"{where} is not of type {kind}.")
    if kind == "blob":
        try:
            base64.b64decode(value, validate=True)
        except binascii.Error:
            raise malformed(f"{where} is not base64.") from None
    return value


def nested(flat):
    """{"A.1.B": "x"} becomes {"A": {"1": {"B": "x"}}}"""
    out = {}
    for name, value in flat.items():
        parts = name.split(".")
        if len(parts) > DEPTH_MAX:
            raise ValueError("a name has too many parts")
        inner = out
        for part in parts[:-1]:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                raise ValueError(f"{name[:80]} is both a value and more")
        if parts[-1] in inner:
            raise ValueError(f"{name[:80]} is both a value and more")
        inner[parts[-1]] = value
    return out


def from_form(fields, given, where):
    """The query protocol's names and numbers become those of JSON."""
    if not isinstance(given, dict):
        raise malformed(f"{where} has no fields.")
    names = {field.query or name: name for name, field in fields.items()}
    out = {}
    for name, value in given.items():
        known = names.get(name, name)
        if value == "" and known in fields and isinstance(fields[known].kind, list):
            out[known] = []  # how an empty list is written: by either name
        elif name in names:
            out[known] = form_value(fields[known].kind, value, where + name)
        else:
            out[known] = value
    return out


def form_value(kind, value, where):
    if isinstance(kind, dict):
        return from_form(kind, value, where + ".")
    if isinstance(kind, (list, Map)):
        if not isinstance(value, dict) or not all(NUMBERED.match(key) for key in value):
            raise malformed(f"{where} is numbered: {where}.1")
        rows = [value[key] for key in sorted(value, key=int)]
        if isinstance(kind, list):
            return [form_value(kind[0], row, f"{where}.{i}") for i, row in enumerate(rows, 1)]
        return map_of(kind, rows, where)
    if not isinstance(value, str):
        raise malformed(f"{where} has no parts.")
    if kind == "integer":
        if not re.fullmatch(r"-?[0-9]{1,18}", value):
            raise malformed(f"{where} is no whole number.")
        return int(value)
    return value


def map_of(kind, rows, where):
    out = {}
    for row in rows:
        if not isinstance(row, dict) or set(row) != {kind.key, kind.value} or \
                not isinstance(row[kind.key], str):
            raise malformed(f"{where}.N has {kind.key} and {kind.value}.")
        out[row[kind.key]] = form_value(kind.kind, row[kind.value], f"{where}.{kind.value}")
    return out


# ---- writing XML ------------------------------------------------------------------------
def escape(text):
    # A parser would make a carriage return a line feed.
    return saxutils.escape(text, {"\r": "&#xD;"})


def element(name, inner):
    return f"<{name}>{inner}</{name}>"


def xml_of(fields, value):
    return "".join(xml_field(field.query or name, field.kind, value[name])
                   for name, field in fields.items() if name in value)


def xml_field(name, kind, value):
    if isinstance(kind, list):
        return "".join(xml_field(name, kind[0], inner) for inner in value)
    if isinstance(kind, Map):
        return "".join(element(name, element(kind.key, escape(key)) +
                               xml_field(kind.value, kind.kind, inner))
                       for key, inner in value.items())
    if isinstance(kind, dict):
        return element(name, xml_of(kind, value))
    if kind == "boolean":
        return element(name, "true" if value else "false")
    return element(name, escape(str(value)))
