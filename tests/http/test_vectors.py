"""Official vectors as input: JSONTestSuite, UTF-8, naughty strings, JWS."""
import json
import os
import pathlib
import re

import pytest

from product import TREE

HOME = pathlib.Path(os.environ.get("VECTORS_DIR") or TREE / "../shared/vectors")


@pytest.fixture(scope="module")
def vectors():
    if not HOME.is_dir():
        assert not os.environ.get("CI"), f"the test vectors are not there: {HOME}"
        pytest.skip(f"the test vectors are not there: {HOME}")
    return HOME


@pytest.fixture(scope="module")
def family(world):
    me = world.customer()
    me.booking_id = me.book(world.booking()).ok(201)["booking_id"]
    return me


def acceptable(text):
    """The rule for a text of several lines, said a second time."""
    return len(text) <= 1000 and not any(
        (ord(c) < 0x20 and c not in "\n\t") or 0x7f <= ord(c) <= 0x9f or
        ord(c) & 0xfffe == 0xfffe or 0xfdd0 <= ord(c) <= 0xfdef or
        0x202a <= ord(c) <= 0x202e or 0x2066 <= ord(c) <= 0x2069 for c in text)


def in_children(world, texts):
    return {"children": [world.child(special_instructions=t) for t in texts]}


def tens(items):
    return [items[i:i + 10] for i in range(0, len(items), 10)]


def test_json_that_must_be_refused_is_a_400(world, family, vectors):
    files = sorted((vectors / "jsontestsuite/test_parsing").glob("n_*.json"))
    assert len(files) == 188
    before = world.counts()
    for file in files:
        answer = family.book(None, data=file.read_bytes())
        if len(file.read_bytes()) > 65536:
            answer.problem(413, "body_too_large")
        else:
            assert (answer.status, answer.json["code"]) == (400, "malformed_body"), (file.name, answer)
        # And inside of a body that is right but for that.
        wrapped = b'{"surprise": ' + file.read_bytes() + b"}"
        answer = family.book(None, data=wrapped)
        assert answer.status in (400, 413, 422), (file.name, answer)
    assert world.counts() == before


def test_json_that_must_be_accepted_fails_by_its_shape_alone(world, family, vectors):
    files = sorted((vectors / "jsontestsuite/test_parsing").glob("y_*.json"))
    assert len(files) == 95
    before = world.counts()
    ours = set()
    for file in files:
        answer = family.book(None, data=file.read_bytes())
        if answer.status == 400:
            ours.add(file.name)
        else:
            answer.problem(422, "validation_failed")
    # What RFC 8259 leaves to us: members twice, NUL, numbers longer than any we read.
    assert ours == {"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json",
                    "y_object_escaped_null_in_key.json", "y_string_null_escape.json",
                    "y_number_double_close_to_zero.json"}
    assert world.counts() == before


def test_json_that_may_be_either_never_harms(world, family, vectors):
    files = sorted((vectors / "jsontestsuite/test_parsing").glob("i_*.json"))
    assert len(files) == 35
    before = world.counts()
    for file in files:
        assert family.book(None, data=file.read_bytes()).status in (400, 413, 422), file.name
    assert world.counts() == before


def utf8_cases(vectors):
    for line in (vectors / "utf8/utf8tests.txt").read_bytes().split(b"\n"):
        found = re.match(rb"^(\S+?):(valid|invalid)( hex)?:(.*)$", line)
        if found and not line.startswith(b"#"):
            number, _, is_hex, text = found.groups()
            if is_hex:
                text = bytes.fromhex(text.split(b":")[0].decode())
            yield number.decode(), text


def test_utf8_is_taken_where_it_is_utf8(world, family, vectors):
    cases = list(utf8_cases(vectors))
    assert len(cases) > 200
    head, tail = json.dumps({"child_info": world.child(special_instructions="\0")}).encode().split(b"\\u0000")
    refused = 0
    for number, text in cases:
        written = text
        for byte in (*range(0x20), 0x22, 0x5c):
            if byte != 0x5c:
                written = written.replace(bytes([byte]), b"\\u%04x" % byte)
        before = world.counts()
        answer = family.change(family.booking_id, None, data=head + written + tail)
        try:
            wanted = text.decode()
        except UnicodeDecodeError:
            wanted = None
        if wanted is None or "\0" in wanted:
            assert (answer.status, answer.json["code"]) == (400, "malformed_body"), (number, answer)
            assert world.counts() == before
            refused += 1
        elif not acceptable(wanted):
            answer.blames("/child_info/special_instructions", "characters")
            assert world.counts() == before
        else:
            assert answer.ok()["children"][0]["special_instructions"] == wanted, number
    assert refused > 100


def test_naughty_strings_come_back_as_they_went(world, family, vectors):
    strings = json.loads((vectors / "naughty/blns.json").read_text())
    assert len(strings) == 515
    good = [s for s in strings if acceptable(s)]
    bad = [s for s in strings if not acceptable(s)]
    assert len(good) > 490 and bad
    for ten in tens(good):
        body = in_children(world, ten)
        family.change(family.booking_id, body).ok()
        told = family.read(family.booking_id).ok()["children"]
        assert [c["special_instructions"] for c in told] == ten
    before = world.counts()
    for ten in tens(bad):
        answer = family.change(family.booking_id, in_children(world, ten))
        for number in range(len(ten)):
            rule = "max_length" if len(ten[number]) > 1000 and acceptable(ten[number][:1000]) else "characters"
            answer.blames(f"/children/{number}/special_instructions", rule)
    assert world.counts() == before


def test_naughty_strings_in_queries_and_headers_do_no_harm(world, family, vectors):
    strings = json.loads((vectors / "naughty/blns.json").read_text())
    before = world.counts()
    for text in strings[::3]:
        answer = world.anyone().get("/api/v1/franchises", params={"city": text, "postal_code": text[:10]})
        assert answer.status in (200, 422), (text, answer)
        if answer.status == 200:
            assert answer["data"] == []
        assert family.get("/api/v1/bookings", params={"cursor": text}).status in (422, 414), text
    assert world.counts() == before


def test_official_tokens_of_others_open_nothing(world, vectors):
    tokens = set()
    for file in (vectors / "jose").glob("*.jwsc"):
        tokens.add(file.read_text().strip())
    suite = json.loads((vectors / "wycheproof/json_web_signature_test.json").read_text())
    for group in suite["testGroups"]:
        for test in group["tests"]:
            if isinstance(test["jws"], str):
                tokens.add(test["jws"])
    assert len(tokens) > 100
    for token in sorted(tokens):
        if not token.isascii() or len(token) > 6000 or any(c.isspace() for c in token):
            continue
        answer = world.anyone().get("/api/v1/bookings", headers={"Authorization": f"Bearer {token}"})
        assert answer.status == 401, (token, answer)
