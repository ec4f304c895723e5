"""test_golden.py: the exchanges of golden/*.txt, sent and compared.

A file tells a story of one customer in exchanges:

    # what this shows                   (comments)
    > POST /api/v1/bookings             (the request: line, headers)
    > Authorization: Bearer <token>
    { "franchise_id": "<house>" }       (its body)
    < 201                               (the answer: status, headers that must be there)
    < Location: /api/v1/bookings/<booking_id>
    { "booking_id": "<booking_id=uuid>", ... }   (its body)

In a request <name> is put in.  In an answer <uuid>, <instant>, <text>, <id>,
<url> and <token> stand for what differs each time; <name=uuid> also keeps it as <name>,
and <name> is what was kept or given.  Members must be all there, and no
others; "...": "..." allows more.  Amounts are compared as written: 120.00.
Given are: token, stranger, publishable, server, house (09-18 UTC, 2 places,
15.00), demo (the customer's own example), day, next, key, unknown (a UUID).
"""
import datetime
import json
import pathlib
import re
import uuid

import pytest

from product import DEMO, Client

FILES = sorted(pathlib.Path(__file__).with_name("golden").glob("*.txt"))
KINDS = {
    "uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "instant": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z",
    "text": r".+", "id": r"[A-Za-z0-9._-]+", "url": r"https://\S+", "token": r"[A-Za-z0-9._-]+",
    "code": r"[2-9A-Z]{4}-[2-9A-Z]{4}", "etag": r'"[0-9a-f]+"', "number": r"\d+",
}


class Number(str):
    """A number as it is written."""


def parse(text):
    return json.loads(text, parse_float=Number, parse_int=Number)


def read(file):
    """[(request lines, request body, answer lines, answer body)]"""
    exchanges = []
    for line in file.read_text().splitlines():
        if line.startswith("#"):
            continue
        if line.startswith("> "):
            if not exchanges or exchanges[-1][2]:
                exchanges.append(([], [], [], []))
            exchanges[-1][0].append(line[2:])
        elif line.startswith("< "):
            exchanges[-1][2].append(line[2:])
        elif exchanges:
            exchanges[-1][3 if exchanges[-1][2] else 1].append(line)
    return [(r, "\n".join(b).strip(), a, "\n".join(w).strip()) for r, b, a, w in exchanges]


def fill(text, known):
    def value(found):
        assert found[1] in known, f"<{found[1]}> is not known"
        return known[found[1]]
    return re.sub(r"<(\w+)>", value, text)


def match(wanted, got, known, where):
    """One text against its pattern; keeps what it names."""
    pattern, names = "", []
    for piece in re.split(r"(<\w+(?:=\w+)?>)", wanted):
        found = re.fullmatch(r"<(\w+)(?:=(\w+))?>", piece)
        if not found:
            pattern += re.escape(piece)
        elif found[2]:
            names.append(found[1])
            pattern += f"({KINDS[found[2]]})"
        elif found[1] in known:
            pattern += re.escape(known[found[1]])
        else:
            pattern += KINDS[found[1]]
    found = re.fullmatch(pattern, got, re.S)
    assert found, f"{where}: {got!r} is not {wanted!r}"
    known.update(zip(names, found.groups()))


def compare(wanted, got, known, where=""):
    if isinstance(wanted, dict):
        assert isinstance(got, dict), f"{where}: {got!r} is no object"
        more = "..." in wanted
        names = [n for n in wanted if n != "..."]
        assert set(names) == set(got) or more and set(names) <= set(got), \
            f"{where}: members differ by {set(names) ^ set(got)}"
        for name in names:
            compare(wanted[name], got[name], known, f"{where}/{name}")
    elif isinstance(wanted, list):
        assert isinstance(got, list), f"{where}: {got!r} is no list"
        if wanted and wanted[-1] == "...":
            wanted = wanted[:-1]
            got = got[:len(wanted)]
        assert len(wanted) == len(got), f"{where}: {len(got)} items, not {len(wanted)}"
        for number, (one, other) in enumerate(zip(wanted, got)):
            compare(one, other, known, f"{where}/{number}")
    elif isinstance(wanted, str) and not isinstance(wanted, Number) and "<" in wanted:
        assert isinstance(got, str), f"{where}: {got!r} is no text"
        match(wanted, got, known, where)
    else:
        assert wanted == got and type(wanted) is type(got), f"{where}: {got!r} is not {wanted!r}"


@pytest.fixture
def given(world):
    day = world.new_day()
    return {
        "token": world.token(), "stranger": world.token(),
        "publishable": world.key(kind="publishable", scopes="guest:create"), "server": world.key(),
        "reader": world.token(scope="booking:read"),
        "house": world.franchise(max_capacity=2, open_time="09:00", cancel_fee=20), "demo": DEMO % 1,
        "day": str(day), "next": str(day + datetime.timedelta(days=1)), "key": str(uuid.uuid4()),
        "unknown": str(uuid.uuid4()), "host": world.url,
    }


def test_there_are_enough_of_them():
    assert len(FILES) >= 15


@pytest.mark.parametrize("file", FILES, ids=[f.stem for f in FILES])
def test_golden(world, given, file):
    exchanges = read(file)
    assert exchanges
    world.expect("payments_unavailable")
    for request, body, wanted, wanted_body in exchanges:
        line, *headers = (fill(x, given) for x in request)
        method, path = line.split(" ", 1)
        headers = dict(h.split(": ", 1) for h in headers)
        answer = Client(world).send(method, path, headers=headers,
                                    data=fill(body, given).encode() if body else None)
        status, *lines = wanted
        where = f"{file.name}: {line}"
        assert answer.status == int(status), f"{where}: {answer}"
        for expected in lines:
            name, _, value = expected.partition(": ")
            assert name in answer.headers, f"{where}: no {name}"
            match(value, answer.headers[name], given, f"{where}: {name}")
        if wanted_body:
            compare(parse(wanted_body), parse(answer.body), given, where)
        else:
            assert answer.body == b"", f"{where}: {answer}"
