"""form: a form-encoded text, with brackets for nesting, as nested dicts."""
import re
import urllib.parse

from .errors import malformed

FIELDS_MAX = 1000
DEPTH_MAX = 8
NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)\Z")
PIECE = re.compile(r"\[([^\[\]]*)\]")


def unescape(text):
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise malformed("Invalid request: a % that escapes nothing")
    try:
        return urllib.parse.unquote_plus(text, errors="strict")
    except UnicodeDecodeError:
        raise malformed("Invalid request: the parameters are not UTF-8") from None


def decode(text):
    """{"a": {"0": {"b": "c"}}} of a[0][b]=c; an array has its places as names."""
    out = {}
    if not text:
        return out
    fields = text.split("&")
    if len(fields) > FIELDS_MAX:
        raise malformed(f"Invalid request: more than {FIELDS_MAX} parameters")
    for field in fields:
        if not field:
            continue
        raw, equals, value = field.partition("=")
        name, value = unescape(raw), unescape(value)
        if not equals:
            raise malformed(f"Invalid request: {name[:100]} has no value")
        if "\0" in name or "\0" in value:
            raise malformed("Invalid request: NUL in a parameter")
        place(out, name, value)
    return out


def place(out, name, value):
    found = NAME.match(name)
    if not found:
        raise malformed(f"Invalid request: cannot read the name {name[:100]}")
    path = [found[1]] + PIECE.findall(found[2])
    if len(path) > DEPTH_MAX:
        raise malformed(f"Invalid request: {name[:100]} is nested too deep")
    inner = out
    for at, piece in enumerate(path):
        last = at == len(path) - 1
        if piece == "":
            if not last:
                raise malformed(f"Invalid request: number the places of {name[:100]}")
            piece = str(len(inner))
        known = inner.get(piece)
        if last:
            if known is not None:
                raise malformed(f"Invalid request: {name[:100]} is given twice", param=name)
            inner[piece] = value
        elif known is None:
            inner[piece] = inner = {}
        elif isinstance(known, dict):
            inner = known
        else:
            raise malformed(f"Invalid request: {name[:100]} is a value and a hash", param=name)
