"""bad_input.py: the table of what must be refused, and how.

Each case is (name, request, status, where, rule): where is the JSON Pointer or
the parameter the answer must blame (None: the request as a whole), rule the
stable word (None: any).  test_bad_input.py sends them all.
"""
import datetime
import json

CREATE = "POST /api/v1/bookings"
CHANGE = "PUT /api/v1/bookings/{id}"
CANCEL = "DELETE /api/v1/bookings/{id}"
LIST = "GET /api/v1/bookings"
DAY = "GET /api/v1/availability/{franchise}"
SLOTS = "GET /api/v1/availability/{franchise}/slots"
FRANCHISES = "GET /api/v1/franchises"

CASES = []


def case(name, route, status=422, where=None, rule=None, **request):
    """request: change (how the right body is changed), raw (bytes of the body),
    query, headers."""
    assert name not in {c[0] for c in CASES}, name
    CASES.append((name, {"route": route, **request}, status, where, rule))


def put(pointer, value):
    """The right body with one member set."""
    return [("set", pointer, value)]


def drop(pointer):
    return [("drop", pointer, None)]


def short(value):
    text = json.dumps(value) if not isinstance(value, str) else value
    return text if len(text) < 32 else f"{text[:24]}... ({len(text)})"


# ---- types: each member as everything it is not ------------------------------------

WRONG = {
    "text": [1, -1.5, True, [], {}, None],
    "object": [1, "x", True, [], None],
    "list": [1, "x", True, {}, None],
    "integer": ["5", True, [], {}, None],
}
MEMBERS = [
    ("/franchise_id", "text"), ("/start_datetime", "text"), ("/end_datetime", "text"),
    ("/customer_info", "object"), ("/customer_info/name", "text"), ("/customer_info/email", "text"),
    ("/customer_info/phone", "text"), ("/child_info", "object"), ("/child_info/name", "text"),
    ("/child_info/age", "integer"), ("/children", "list"),
]
OPTIONAL = ["/customer_info/emergency_contact", "/child_info/special_needs", "/child_info/allergies",
            "/child_info/pickup_authorization", "/child_info/special_instructions"]
for member, kind in MEMBERS:
    for value in WRONG[kind]:
        case(f"{member} is {short(value)}", CREATE, where=member, rule="type", change=put(member, value))
for member in OPTIONAL:  # null says the same as leaving it out
    for value in WRONG["text"][:-1]:
        case(f"{member} is {short(value)}", CREATE, where=member, rule="type", change=put(member, value))
for item in (1, "x", None, [], True):
    case(f"/children/0 is {short(item)}", CREATE, where="/children/0", rule="type",
         change=drop("/child_info") + put("/children", [item]))

# ---- what must be there, what must not -----------------------------------------------

for member in ("/franchise_id", "/start_datetime", "/end_datetime", "/customer_info",
               "/customer_info/name", "/customer_info/email", "/customer_info/phone", "/child_info",
               "/child_info/name", "/child_info/age"):
    case(f"{member} is missing", CREATE, where=member, rule="required", change=drop(member))
for member in ("/surprise", "/customer_info/surprise", "/child_info/surprise", "/Franchise_id",
               "/total_amount", "/booking_id", "/customer_id", "/status", "/child_info/__proto__",
               "/customer_info/ name"):
    case(f"{member} is not known", CREATE, where=member, rule="unknown_field", change=put(member, 1))
case("a member with a slash", CREATE, where="/a~1b~0c", rule="unknown_field",
     change=[("raw member", "a/b~c", 1)])
case("child_info and children", CREATE, where="/child_info", rule="exclusive",
     change=put("/children", [{"name": "Another Child", "age": 3}]))
case("no children", CREATE, where="/children", rule="min_items",
     change=drop("/child_info") + put("/children", []))
case("eleven children", CREATE, where="/children", rule="max_items",
     change=drop("/child_info") + put("/children", [{"name": f"Child {n}", "age": 3} for n in range(11)]))
case("two children of one name", CREATE, where="/children/1/name", rule="unique",
     change=drop("/child_info") + put("/children", [{"name": "Ann  Lee", "age": 3},
                                                    {"name": " ann lee ", "age": 4}]))
case("the third child lacks its age", CREATE, where="/children/2/age", rule="required",
     change=drop("/child_info") + put("/children", [{"name": "A", "age": 3}, {"name": "B", "age": 3},
                                                    {"name": "C"}]))

# ---- bounds -----------------------------------------------------------------------------

for value in (-1, 18, 100, 2 ** 31, 2 ** 63 - 1):
    case(f"age {value}", CREATE, where="/child_info/age",
         rule="minimum" if value < 0 else "maximum", change=put("/child_info/age", value))
for text in ("5.0", "5.5", "5e0", "5E0", "1e400", "99999999999999999999999999", "-0.1",
             "-99999999999999999999999999"):
    case(f"age written {text}", CREATE, where="/child_info/age", change=[("text", "/child_info/age", text)])
for member, most in (("/customer_info/name", 100), ("/child_info/name", 100),
                     ("/customer_info/emergency_contact", 255), ("/child_info/special_needs", 1000),
                     ("/child_info/allergies", 1000), ("/child_info/pickup_authorization", 1000),
                     ("/child_info/special_instructions", 1000)):
    case(f"{member} of {most + 1} letters", CREATE, where=member, rule="max_length",
         change=put(member, "x" * (most + 1)))
    case(f"{member} of {most + 1} letters of four bytes", CREATE, where=member, rule="max_length",
         change=put(member, "\U0001f9f8" * (most + 1)))
for member in ("/customer_info/name", "/child_info/name", "/customer_info/emergency_contact"):
    for name, value in (("empty", ""), ("a space", " "), ("a tab", "\t"), ("wide spaces", "\u3000\u2003"),
                        ("nothing to see", "\u200b\ufeff"), ("a filler", "\u3164\u00ad\u2800")):
        case(f"{member} is {name}", CREATE, where=member, change=put(member, value))
for member in ("/customer_info/name", "/child_info/name", "/child_info/allergies"):
    for name, value in (("bell", "a\u0007b"), ("bell behind a bear", "\U0001f9f8\u0007"),
                        ("bell behind Thai", "\u0e01\u0007"), ("escape", "a\u001b[31mb"), ("delete", "a\u007fb"),
                        ("C1", "a\u0085b"), ("noncharacter", "a\ufffeb"), ("noncharacter FDD0", "a\ufdd0b"),
                        ("last plane", "a\U0010ffffb"), ("carriage return", "a\rb"),
                        ("right-to-left override", "a\u202eb"),
                        ("isolate", "a\u2066b\u2069")):
        case(f"{member} holds a {name}", CREATE, where=member, rule="characters", change=put(member, value))
for member in ("/customer_info/name", "/child_info/name", "/customer_info/emergency_contact"):
    for name, value in (("newline", "a\nb"), ("line separator", "a\u2028b")):
        case(f"{member} holds a {name}", CREATE, where=member, rule="characters", change=put(member, value))

# ---- formats -----------------------------------------------------------------------------

for value in ("", "@", "a", "a@", "@b.example", "a@b", "a b@example.com", "a@exa mple.com", "a@-x.example",
              "a@x-.example", "a..b@example.com", ".a@example.com", "a.@example.com", "a@example..com",
              "a@example.com.", "a@.example.com", "a@127.0.0.1", "a@[127.0.0.1]", "<a@example.com>",
              "a@example.com\n", "a@ex\u00e4mple.com", "\u00e4@example.com", "a@example.com,b@example.com",
              "x" * 65 + "@example.com", "a@" + "x" * 64 + ".com", "a@" + "x." * 126 + "com"):
    case(f"email {short(value)!r}", CREATE, where="/customer_info/email",
         change=put("/customer_info/email", value))
for value in ("", "1234", "+1", "call me", "+1 555 CALL", "12345678901234567890 1", "555-0199x5", "+++++",
              "\u0661\u0662\u0663\u0664\u0665\u0666", "555\u00a00199"):
    case(f"phone {short(value)!r}", CREATE, where="/customer_info/phone",
         change=put("/customer_info/phone", value))
for value in ("", "1", "not-a-uuid", "00000000-0000-0000-0000-000000000000",
              "00000000-0000-4000-8000-00000000000", "00000000-0000-4000-8000-0000000000011",
              "{00000000-0000-4000-8000-000000000001}", "00000000000040008000000000000001",
              "urn:uuid:00000000-0000-4000-8000-000000000001", "g0000000-0000-4000-8000-000000000001",
              " 00000000-0000-4000-8000-000000000001"):
    case(f"franchise_id {value!r}", CREATE, where="/franchise_id", rule="format",
         change=put("/franchise_id", value))
for value in ("", "tomorrow", "2027-01-15", "2027-01-15T09:00:00", "2027-01-15 09:00:00Z",
              "2027-01-15T09:00Z", "2027-01-15T9:00:00Z", "2027-1-15T09:00:00Z", "2027-02-29T09:00:00Z",
              "2027-02-30T09:00:00Z", "2027-04-31T09:00:00Z", "2027-13-01T09:00:00Z",
              "2027-00-10T09:00:00Z", "2027-01-00T09:00:00Z", "2027-01-32T09:00:00Z",
              "2100-02-29T09:00:00Z", "2027-01-15T24:00:00Z", "2027-01-15T25:00:00Z",
              "2027-01-15T09:60:00Z", "2027-01-15T09:00:60Z", "2027-01-15T09:00:61Z",
              "2027-01-15T09:00:00+24:00", "2027-01-15T09:00:00+0100", "2027-01-15T09:00:00+1:00",
              "2027-01-15T09:00:00 Z", "2027-01-15T09:00:00.Z", "2027-01-15T09:00:00ZZ",
              "2027-01-15T09:00:00Z ", " 2027-01-15T09:00:00Z", "02027-01-15T09:00:00Z", "1800000000",
              "2027-W02-5T09:00:00Z", "2027-015T09:00:00Z", "20270115T090000Z", "2027-01-15T09:00:00+99:99",
              "-2027-01-15T09:00:00Z", "2027-01-15T09:00:00\u2212" + "01:00"):
    case(f"start_datetime {value!r}", CREATE, where="/start_datetime", rule="format",
         change=put("/start_datetime", value))
for value in ("2027-02-29T17:00:00Z", "17:00", "2027-01-15T17:00:00"):
    case(f"end_datetime {value!r}", CREATE, where="/end_datetime", rule="format",
         change=put("/end_datetime", value))

# ---- time: franchise 1, open 08:00-18:00 UTC, slots of an hour, {day} ahead --------------

for start, end, where, rule in (
        ("{day}T09:30:00Z", "{day}T17:00:00Z", "/start_datetime", "slot_boundary"),
        ("{day}T09:00:01Z", "{day}T17:00:00Z", "/start_datetime", "slot_boundary"),
        ("{day}T09:00:00.000001Z", "{day}T17:00:00Z", "/start_datetime", "slot_boundary"),
        ("{day}T09:00:00Z", "{day}T16:30:00Z", "/end_datetime", "slot_boundary"),
        ("{day}T09:00:00Z", "{day}T09:00:30Z", "/end_datetime", "slot_boundary"),
        ("{day}T07:00:00Z", "{day}T09:00:00Z", "/start_datetime", "slot_boundary"),
        ("{day}T17:00:00Z", "{day}T19:00:00Z", "/end_datetime", "slot_boundary"),
        ("{day}T18:00:00Z", "{day}T19:00:00Z", "/start_datetime", "slot_boundary"),
        ("{day}T09:00:00Z", "{next}T09:00:00Z", "/end_datetime", "slot_boundary"),
        ("{day}T09:00:00Z", "9999-12-31T09:00:00Z", "/end_datetime", "slot_boundary"),
        ("{day}T09:00:00Z", "{day}T09:00:00Z", "/end_datetime", "after_start"),
        ("{day}T09:00:00Z", "{day}T08:00:00Z", "/end_datetime", "after_start"),
        ("{day}T09:00:00Z", "{past}T08:00:00Z", "/end_datetime", "after_start"),
        ("{past}T09:00:00Z", "{past}T17:00:00Z", "/start_datetime", "future"),
        ("1970-01-01T09:00:00Z", "1970-01-01T17:00:00Z", "/start_datetime", "future"),
        ("0001-01-01T09:00:00Z", "0001-01-01T17:00:00Z", "/start_datetime", None),
        ("{beyond}T09:00:00Z", "{beyond}T17:00:00Z", "/start_datetime", "horizon"),
        ("9999-12-30T09:00:00Z", "9999-12-30T17:00:00Z", "/start_datetime", None),
        ("{day}T09:00:00+00:30", "{day}T17:00:00+00:30", "/start_datetime", "slot_boundary")):
    case(f"{start} to {end}", CREATE, where=where, rule=rule,
         change=put("/start_datetime", start) + put("/end_datetime", end))
case("a franchise nobody knows", CREATE, where="/franchise_id", rule="unknown",
     change=put("/franchise_id", "5d1e7a40-2f3b-4c1d-9e8f-000000000000"))
case("a franchise that is closed for good", CREATE, where="/franchise_id", rule="unknown",
     change=put("/franchise_id", "00000000-0000-4000-8000-000000000014"))

# ---- the body as such ----------------------------------------------------------------------

for name, raw in (
        ("nothing but a space", b" "), ("a word", b"hello"), ("cut off", b'{"franchise_id": "0'),
        ("two values", b"{} {}"), ("a comma too many", b'{"a": 1,}'), ("single quotes", b"{'a': 1}"),
        ("a comment", b'{"a": 1} // x'), ("a BOM", b'\xef\xbb\xbf{}'), ("NaN", b'{"a": NaN}'),
        ("Infinity", b'{"a": Infinity}'), ("a leading zero", b'{"a": 01}'), ("a plus", b'{"a": +1}'),
        ("hexadecimal", b'{"a": 0x10}'), ("a bare dot", b'{"a": .5}'), ("True", b'{"a": True}'),
        ("a raw newline in a string", b'{"a": "x\ny"}'), ("a raw NUL", b'{"a": "x\x00y"}'),
        ("a NUL behind", b'{}\x00'), ("an escaped NUL", b'{"a": "x\\u0000y"}'),
        ("an escaped NUL in a name", b'{"a\\u0000b": 1}'), ("a lone surrogate", b'{"a": "\\ud800"}'),
        ("a low surrogate first", b'{"a": "\\udc00\\ud800"}'), ("a bad escape", b'{"a": "\\x41"}'),
        ("a short escape", b'{"a": "\\u12"}'), ("bad UTF-8", b'{"a": "\xff"}'),
        ("overlong UTF-8", b'{"a": "\xc0\xaf"}'), ("a surrogate in UTF-8", b'{"a": "\xed\xa0\x80"}'),
        ("beyond Unicode", b'{"a": "\xf4\x90\x80\x80"}'), ("cut UTF-8", b'{"a": "\xe2\x82"}'),
        ("Latin-1", '{"a": "caf\u00e9"}'.encode("latin-1")), ("UTF-16", '{"a": 1}'.encode("utf-16")),
        ("a member twice", b'{"franchise_id": "a", "franchise_id": "b"}'),
        ("a member twice, once escaped", b'{"ab": 1, "\\u0061b": 2}'),
        ("a nested member twice", b'{"a": {"b": 1, "b": 1}}'),
        ("17 levels", b'{"a":' * 16 + b"[]" + b"}" * 16), ("10,000 levels", b"[" * 10000 + b"]" * 10000),
        ("10,000 open levels", b'{"a":' * 10000), ("a number of 100 digits", b'{"a": ' + b"9" * 100 + b"}"),
        ("a form", b"franchise_id=1&start=2"), ("XML", b"<booking/>")):
    case(f"the body: {name}", CREATE, 400, raw=raw)
for name, raw in (("a list", b"[]"), ("a string", b'"x"'), ("a number", b"1"), ("null", b"null"),
                  ("true", b"true")):
    case(f"the body is {name}", CREATE, where="", rule="type", raw=raw)
case("no body", CREATE, 400, raw=b"")
case("an empty object", CREATE, where="/franchise_id", rule="required", raw=b"{}")
case("64 KiB and one byte", CREATE, 413, raw=b'{"a": "' + b"x" * (65537 - 9) + b'"}')
case("90,000 bytes", CREATE, 413, raw=b'{"a": "' + b"x" * 90000 + b'"}')
case("9,000 members", CREATE, 400, raw=json.dumps({f"a{n}": 1 for n in range(8200)},
                                                  separators=(",", ":")).replace("a", "")[:65000].encode())
case("5,000 unknown members", CREATE, raw=json.dumps({f"a{n}": 1 for n in range(4000)},
                                                     separators=(",", ":")).encode())
for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1",
             "application/jsonx", "text/json", "application/*", "application/json, text/plain",
             "multipart/form-data; boundary=x", "application/json;", "json", None):
    case(f"Content-Type {kind}", CREATE, 415, headers={"Content-Type": kind})

# ---- change and cancel -----------------------------------------------------------------------

case("a change of nothing", CHANGE, where="", rule="min_properties", raw=b"{}")
case("a change without a body", CHANGE, 400, raw=b"")
case("a change to another franchise", CHANGE, where="/franchise_id", rule="unchanged",
     raw=b'{"franchise_id": "00000000-0000-4000-8000-000000000002"}')
for member in ("franchise_id", "start_datetime", "end_datetime", "customer_info", "child_info", "children"):
    case(f"a change of {member} to null", CHANGE, where=f"/{member}", rule="type",
         raw=json.dumps({member: None}).encode())
case("a change of the age alone", CHANGE, where="/child_info/name", rule="required",
     raw=b'{"child_info": {"age": 4}}')
case("a change of the e-mail to nonsense", CHANGE, where="/customer_info/email", rule="format",
     raw=b'{"customer_info": {"email": "nobody"}}')
case("a change of the total", CHANGE, where="/total_amount", rule="unknown_field",
     raw=b'{"total_amount": 0.01}')
case("a change of the state", CHANGE, where="/status", rule="unknown_field", raw=b'{"status": "confirmed"}')
case("a change to a past day", CHANGE, where="/start_datetime", rule="future",
     raw=b'{"start_datetime": "2020-01-15T09:00:00Z"}')
case("a change to an end before the start", CHANGE, where="/end_datetime", rule="after_start",
     raw=b'{"end_datetime": "2020-01-15T09:00:00Z"}')
case("a change to no children", CHANGE, where="/children", rule="min_items", raw=b'{"children": []}')
for value in ("abc", '"1', "1", '"1" "2"', "W/", '"1",2', '"a' * 3):
    case(f"If-Match {value}", CHANGE, 400, where="If-Match", rule="format",
         raw=b'{"customer_info": {"phone": "+1 555 0100 777"}}', headers={"If-Match": value})
case("If-Match with 17 tags", CHANGE, 400, where="If-Match", rule="format",
     raw=b'{"customer_info": {"phone": "+1 555 0100 777"}}',
     headers={"If-Match": ",".join(f'"{n}"' for n in range(17))})
for name, raw, where, rule in (
        ("an unknown member", b'{"why": "x"}', "/why", "unknown_field"),
        ("a reason that is a number", b'{"reason": 1}', "/reason", "type"),
        ("a reason of 501 letters", json.dumps({"reason": "x" * 501}).encode(), "/reason", "max_length"),
        ("a reason with a bell", b'{"reason": "a\\u0007"}', "/reason", "characters"),
        ("a refund below nothing", b'{"expected_refund": -0.01}', "/expected_refund", "minimum"),
        ("a refund of three decimals", b'{"expected_refund": 1.005}', "/expected_refund", "format"),
        ("a refund with an exponent", b'{"expected_refund": 1e2}', "/expected_refund", "format"),
        ("a refund as text", b'{"expected_refund": "100.00"}', "/expected_refund", "type"),
        ("a refund beyond all", b'{"expected_refund": 10000000000.00}', "/expected_refund", "maximum"),
        ("a refund of 40 digits", b'{"expected_refund": ' + b"9" * 40 + b"}", "/expected_refund", "maximum")):
    case(f"a cancellation with {name}", CANCEL, where=where, rule=rule, raw=raw)
case("a cancellation with a broken body", CANCEL, 400, raw=b"{")
case("a cancellation with 9 KiB", CANCEL, 413, raw=b'{"reason": "' + b"x" * 9000 + b'"}')
case("a cancellation as a form", CANCEL, 415, raw=b"reason=x",
     headers={"Content-Type": "application/x-www-form-urlencoded"})
case("a cancellation with reasons in both places", CANCEL, 400, raw=b'{"reason": "x"}', query="reason=y")

# ---- queries ------------------------------------------------------------------------------------

for route, query, where, rule in (
        (LIST, "limit=0", "limit", "minimum"), (LIST, "limit=101", "limit", "maximum"),
        (LIST, "limit=-1", "limit", "minimum"), (LIST, "limit=x", "limit", "type"),
        (LIST, "limit=", "limit", "type"), (LIST, "limit=5.0", "limit", "type"),
        (LIST, "limit=1e1", "limit", "type"), (LIST, "limit=%2B5", "limit", "type"),
        (LIST, "limit=99999999999999999999", "limit", "maximum"), (LIST, "limit=05", "limit", "type"),
        (LIST, "limit=5&limit=5", "limit", "repeated"), (LIST, "limit", "limit", "type"),
        (LIST, "cursor=", "cursor", None), (LIST, "cursor=x", "cursor", "format"),
        (LIST, "cursor=%00", "cursor", "utf8"), (LIST, "cursor=%ff", "cursor", "utf8"),
        (LIST, "cursor=" + "A" * 513, "cursor", "max_length"), (LIST, "cursor=" + "A" * 512, "cursor", "format"),
        (LIST, "cursor=MTIzNDU", "cursor", "format"), (LIST, "cursor=%27%20or%201%3D1", "cursor", "format"),
        (LIST, "status=lost", "status", "one_of"), (LIST, "status=", "status", "one_of"),
        (LIST, "status=PENDING", "status", "one_of"), (LIST, "status=pending%00", "status", "utf8"),
        (LIST, "from=yesterday", "from", "format"), (LIST, "from=2027-02-29", "from", "format"),
        (LIST, "from=2027-01-15T09:00:00Z", "from", "format"), (LIST, "until=2027-1-1", "until", "format"),
        (LIST, "from=2027-02-01&until=2027-01-31", "until", "after_from"),
        (LIST, "page=2", "page", "unknown_field"), (LIST, "Limit=5", "Limit", "unknown_field"),
        (LIST, "customer_id=00000000-0000-4000-8000-000000000001", "customer_id", "unknown_field"),
        (LIST, "%6cimit=0", "limit", "minimum"), (LIST, "li%mit=5", "li%mit", "unknown_field"),
        (LIST, "%ff=5", None, "utf8"), (LIST, "a%20b=1", "a b", "unknown_field"),
        (DAY, "date=", "date", "format"), (DAY, "date=today", "date", "format"),
        (DAY, "date=2027-02-30", "date", "format"), (DAY, "date=2027-01-15%20", "date", "format"),
        (DAY, "date=20270115", "date", "format"), (DAY, "date=2027-01-15&date=2027-01-16", "date", "repeated"),
        (DAY, "day=2027-01-15", "day", "unknown_field"), (DAY, "children=1", "children", "unknown_field"),
        (SLOTS, "days=0", "days", "minimum"), (SLOTS, "days=32", "days", "maximum"),
        (SLOTS, "children=0", "children", "minimum"), (SLOTS, "children=11", "children", "maximum"),
        (SLOTS, "hours=0", "hours", "minimum"), (SLOTS, "hours=25", "hours", "maximum"),
        (SLOTS, "hours=1.5", "hours", "type"), (SLOTS, "date=15.01.2027", "date", "format"),
        (SLOTS, "days=one", "days", "type"), (SLOTS, "limit=5", "limit", "unknown_field"),
        (FRANCHISES, "limit=0", "limit", "minimum"), (FRANCHISES, "city=", "city", "min_length"),
        (FRANCHISES, "city=" + "x" * 51, "city", "max_length"), (FRANCHISES, "city=a%0Ab", "city", "characters"),
        (FRANCHISES, "postal_code=" + "1" * 11, "postal_code", "max_length"),
        (FRANCHISES, "cursor=!!!", "cursor", "format"), (FRANCHISES, "name=x", "name", "unknown_field"),
        ("GET /health", "x=1", "x", "unknown_field"),
        ("GET /api/v1/openapi.json", "v=2", "v", "unknown_field"),
        ("GET /api/v1/franchises/{franchise}", "expand=all", "expand", "unknown_field"),
        ("GET /api/v1/bookings/{id}", "fields=all", "fields", "unknown_field"),
        ("GET /api/v1/bookings/{id}/cancellation-quote", "at=now", "at", "unknown_field"),
        (CREATE, "dry_run=1", "dry_run", "unknown_field"), (CHANGE, "force=1", "force", "unknown_field"),
        (CANCEL, "expected_refund=-1", "expected_refund", "minimum"),
        (CANCEL, "expected_refund=1.001", "expected_refund", "format"),
        (CANCEL, "expected_refund=", "expected_refund", "format"),
        (CANCEL, "reason=" + "x" * 501, "reason", "max_length"), (CANCEL, "why=x", "why", "unknown_field"),
        ("GET /pay/{id}", "", "t", "required"), ("GET /pay/{id}", "t=", "t", None)):
    case(f"{route.split('/')[-1]} ?{short(query)}", route, where=where, rule=rule, query=query)
case("65 parameters", LIST, 400, query="&".join(f"p{n}=1" for n in range(65)))

# ---- paths and headers --------------------------------------------------------------------------

for bad in ("1", "x", "00000000-0000-4000-8000-00000000000", "00000000-0000-4000-8000-00000000000g",
            "00000000-0000-4000-8000-000000000001x", "%00", "%ff", "..", "*", "00000000000040008000000000000001"):
    for route in ("GET /api/v1/bookings/{bad}", "GET /api/v1/franchises/{bad}",
                  "GET /api/v1/availability/{bad}"):
        case(f"{route.replace('{bad}', bad)}", route.replace("{bad}", bad), None)
for name, headers, status, where in (
        ("an Idempotency-Key of 256 letters", {"Idempotency-Key": "k" * 256}, 400, "Idempotency-Key"),
        ("an Idempotency-Key that does not close", {"Idempotency-Key": '"abc'}, 400, "Idempotency-Key"),
        ("an Idempotency-Key with a comma", {"Idempotency-Key": "a,b"}, 400, "Idempotency-Key"),
        ("an Accept of text", {"Accept": "text/html"}, 406, None),
        ("an Accept of weight 0", {"Accept": "application/json;q=0"}, 406, None),
        ("an Accept of other JSON", {"Accept": "application/problem+json"}, 406, None),
        ("a customer's X-Customer-Id", {"X-Customer-Id": "00000000-0000-4000-8000-000000000001"}, 400,
         "X-Customer-Id"),
        ("a header of 9,000 bytes", {"X-Long": "x" * 9000}, 400, None),
        ("40 KiB of headers", {f"X-Long-{n}": "x" * 7000 for n in range(6)}, 400, None),
        ("120 headers", {f"X-Many-{n}": "x" for n in range(120)}, 431, None)):
    case(name, CREATE, status, where=where, headers=headers)

TOMORROW = datetime.timedelta(days=1)


def days_of(today):
    """What {day} and its kin stand for."""
    day = today + datetime.timedelta(days=40)
    return {"day": str(day), "next": str(day + TOMORROW), "past": str(today - TOMORROW),
            "beyond": str(today + datetime.timedelta(days=182))}
