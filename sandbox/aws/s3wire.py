"""s3wire: the XML that S3 answers with."""
import datetime
import urllib.parse
from xml.sax import saxutils

from common.http import Reply

SPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def text(value):
    return saxutils.escape(str(value), {"\r": "&#13;"})


def element(name, inner):
    return f"<{name}>{inner}</{name}>"


def iso(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime(
        "%Y-%m-%dT%H:%M:%S.000Z")


def document(name, inner):
    body = f"{HEAD}<{name} xmlns=\"{SPACE}\">{inner}</{name}>"
    return Reply(200, body.encode("utf-8", "replace"), {}, "application/xml")


def error(refusal, target, request_id, host_id):
    fields = {"Code": refusal.code, "Message": refusal.message, **refusal.fields,
              "Resource": target, "RequestId": request_id, "HostId": host_id}
    inner = "".join(element(name, text(value)) for name, value in fields.items()
                    if value is not None)
    return Reply(refusal.status, (HEAD + element("Error", inner)).encode("utf-8", "replace"),
                 dict(refusal.headers), "application/xml")


def list_of_objects(bucket, query, rows, most, more):
    """rows: Objects, and common prefixes as text."""
    coded = query.get("encoding-type") == "url"

    def name_of(value):
        return text(urllib.parse.quote(value, safe="/-_.~*()!'") if coded else value)

    def row_of(row):
        if isinstance(row, str):
            return element("CommonPrefixes", element("Prefix", name_of(row)))
        return element("Contents", element("Key", name_of(row.key)) +
                       element("LastModified", iso(row.modified)) +
                       element("ETag", text(f'"{row.etag}"')) + element("Size", len(row.data)) +
                       element("StorageClass", "STANDARD"))

    parts = [element("Name", text(bucket)), element("Prefix", name_of(query.get("prefix", "")))]
    for field, name in (("delimiter", "Delimiter"), ("start-after", "StartAfter")):
        if field in query:
            parts.append(element(name, name_of(query[field])))
    if "continuation-token" in query:
        parts.append(element("ContinuationToken", text(query["continuation-token"])))
    if coded:
        parts.append(element("EncodingType", "url"))
    parts += [element("KeyCount", len(rows)), element("MaxKeys", most),
              element("IsTruncated", "true" if more else "false")]
    if more:
        parts.append(element("NextContinuationToken", more))
    return document("ListBucketResult", "".join(parts + [row_of(row) for row in rows]))
