"""What must be refused is: with a 4xx that names the fault, and nothing stored."""
import json

import pytest

import bad_input
from product import DEMO


@pytest.fixture(scope="module")
def family(world):
    """A customer with one booking, whom the cases speak for."""
    me = world.customer()
    me.booking_id = me.book(world.booking(day=world.new_day(ahead=20, span=10))).ok(201)["booking_id"]
    return me


def walk(body, pointer):
    """The object that holds the member, and the member's name."""
    *path, name = pointer.split("/")[1:]
    for step in path:
        body = body[step]
    return body, name


def make_body(world, request):
    if "raw" in request:
        return request["raw"]
    days = bad_input.days_of(world.today())
    body = world.booking(day=world.today().replace())
    body.update(start_datetime=f"{days['day']}T09:00:00Z", end_datetime=f"{days['day']}T17:00:00Z")
    written = {}
    for verb, pointer, value in request.get("change", []):
        if verb == "raw member":
            body[pointer] = value
            continue
        holder, name = walk(body, pointer)
        if verb == "drop":
            del holder[name]
        elif verb == "text":
            holder[name] = "\0written"
            written[json.dumps("\0written")] = value
        else:
            for word, day in days.items() if isinstance(value, str) else ():
                value = value.replace("{%s}" % word, day)
            holder[name] = value
    text = json.dumps(body)
    for mark, value in written.items():
        text = text.replace(mark, value)
    return text.encode()


def test_there_are_many():
    assert len(bad_input.CASES) >= 300


@pytest.mark.parametrize("request_, status, where, rule",
                         [c[1:] for c in bad_input.CASES], ids=[c[0] for c in bad_input.CASES])
def test_bad_input(world, family, request_, status, where, rule):
    method, path = request_["route"].split(" ", 1)
    path = path.replace("{id}", family.booking_id).replace("{franchise}", DEMO % 1)
    data = make_body(world, request_) if method in ("POST", "PUT") or "raw" in request_ else None
    before = world.counts()
    answer = family.send(method, path, data=data, headers=request_.get("headers"),
                         params=request_.get("query"))
    assert 400 <= answer.status < 500, answer
    if status is not None:
        assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/problem+json", answer
    faults = answer.faults()
    if where is not None and rule is not None:
        assert (where, rule) in faults, answer
    elif where is not None:
        assert where in {w for w, _ in faults}, answer
    elif rule is not None:
        assert rule in {r for _, r in faults}, answer
    assert world.counts() == before, "something was stored"


def test_every_fault_is_told_at_once(world, family):
    body = world.booking()
    body["franchise_id"] = "x"
    body["start_datetime"] = 5
    del body["customer_info"]["name"]
    body["customer_info"].update(email="nobody", phone="none", extra=1)
    body["child_info"].update(age=99, allergies="x" * 1001)
    faults = family.book(body).problem(422, "validation_failed").faults()
    assert faults == {("/franchise_id", "format"), ("/start_datetime", "type"),
                      ("/customer_info/name", "required"), ("/customer_info/email", "format"),
                      ("/customer_info/phone", "characters"), ("/customer_info/extra", "unknown_field"),
                      ("/child_info/age", "maximum"), ("/child_info/allergies", "max_length")}


def test_no_answer_repeats_what_was_sent(world, family):
    body = world.booking()
    body["customer_info"]["email"] = "Kanarienvogel at example.com"
    body["child_info"]["allergies"] = "Kanarienvogel\u0007"
    answer = family.book(body).problem(422, "validation_failed")
    assert "Kanarienvogel" not in answer.body.decode()
