"""What every route has in common: methods, types, tags, origins, ids."""
import json
import re
import uuid

import pytest

from product import DEMO, ORIGIN, SECURITY_HEADERS, until

READS = ["/api/v1/franchises", f"/api/v1/franchises/{DEMO % 1}", f"/api/v1/availability/{DEMO % 1}",
         f"/api/v1/availability/{DEMO % 1}/slots", "/api/v1/openapi.json"]
PLAIN = [*READS, "/health", "/health/live", "/health/ready"]
ALLOWED = {
    "/api/v1/bookings": "GET, HEAD, POST, OPTIONS",
    "/api/v1/bookings/%s": "GET, HEAD, PUT, DELETE, OPTIONS",
    "/api/v1/bookings/%s/cancellation-quote": "GET, HEAD, OPTIONS",
    "/api/v1/bookings/%s/qr": "GET, HEAD, OPTIONS",
    "/api/v1/bookings/%s/checkout": "POST, OPTIONS",
    "/api/v1/checkins": "POST, OPTIONS",
    "/api/v1/franchises/%s/roster": "GET, HEAD, OPTIONS",
    "/api/v1/availability/%s": "GET, HEAD, OPTIONS",
    "/api/v1/availability/%s/slots": "GET, HEAD, OPTIONS",
    "/api/v1/franchises": "GET, HEAD, OPTIONS",
    "/api/v1/franchises/%s": "GET, HEAD, OPTIONS",
    "/api/v1/guest-sessions": "POST, OPTIONS",
    "/api/v1/openapi.json": "GET, HEAD, OPTIONS",
    "/health": "GET, HEAD, OPTIONS",
    "/health/live": "GET, HEAD, OPTIONS",
    "/health/ready": "GET, HEAD, OPTIONS",
    "/api/v1/bookings/%s/payment": "POST, OPTIONS",
    "/api/v1/payments": "POST, OPTIONS",
    "/api/v1/payments/%s/refund": "POST, OPTIONS",
    "/api/v1/payments/%s": "GET, HEAD, OPTIONS",
    "/api/v1/webhooks/stripe": "POST, OPTIONS",
    "/pay/%s": "GET, HEAD, OPTIONS",
}


def fill(path):
    return path % uuid.uuid4() if "%s" in path else path


def words(text):
    return {w.strip() for w in text.split(",")}


def test_every_documented_path_is_in_the_table_of_this_test(world):
    documented = {re.sub(r"\{[^}]+\}", "%s", p) for p in world.contract.document["paths"]}
    assert documented == set(ALLOWED)


@pytest.mark.parametrize("path", ALLOWED)
def test_options_tells_the_methods(world, path):
    answer = world.anyone().send("OPTIONS", fill(path)).ok(204)
    assert words(answer.headers["Allow"]) == words(ALLOWED[path])


@pytest.mark.parametrize("path", ALLOWED)
def test_another_method_is_refused_with_those_there_are(world, path):
    known = words(ALLOWED[path])
    for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
        if method not in known:
            answer = world.anyone().send(method, fill(path)).problem(405, "method_not_allowed")
            assert words(answer.headers["Allow"]) == known


@pytest.mark.parametrize("path", ["/api/v1", "/api/v1/", "/api/v1/booking", "/api/v1/bookings/",
                                  "/api/v1/bookings/x/y/z", "/api/v1//bookings/x", "/api/v1/admin"])
def test_another_path_is_not_there(world, path):
    answer = world.anyone().get(path)
    assert answer.status == 404 and answer.json["code"] in ("no_such_path", "not_found"), answer


@pytest.mark.parametrize("path", PLAIN)
def test_head_is_get_without_the_body(world, path):
    anyone = world.anyone()
    got = anyone.get(path).ok()
    head = anyone.send("HEAD", path).ok()
    assert head.body == b""
    for name in ("Content-Type", "Cache-Control", "Vary"):
        assert head.headers.get(name) == got.headers.get(name), name
    if path in READS and "as_of" not in got.json:
        assert head.headers["ETag"] == got.headers["ETag"]


def test_head_of_a_booking_and_of_none(world):
    me = world.customer()
    made = me.book(world.booking()).ok(201)
    assert me.send("HEAD", f"/api/v1/bookings/{made['booking_id']}").ok().headers["ETag"] == made.etag
    assert me.send("HEAD", f"/api/v1/bookings/{uuid.uuid4()}").status == 404


@pytest.mark.parametrize("path", READS)
def test_what_is_known_already_is_not_sent_again(world, path):
    anyone = world.anyone()
    # A cached answer keeps its tag, but not for ever: a slot begins, or a worker
    # that is new empties a Redis that an earlier test has made it mistrust.
    for form in ("{}", '"other", {}', "W/{}", "*"):
        def spared():
            etag = anyone.get(path).ok().etag
            got = anyone.get(path, headers={"If-None-Match": form.format(etag)})
            return got if got.status == 304 and got.etag == etag else None

        got = until(spared, f"an answer of {path} that stays")
        assert got.body == b""
        assert "Cache-Control" in got.headers and "Vary" in got.headers
    etag = anyone.get(path).ok().etag
    for value in ('"other"', "nonsense", "", etag.strip('"')):
        anyone.get(path, headers={"If-None-Match": value}).ok(200)


def test_a_known_booking_is_sent_again_once_it_has_changed(world):
    me = world.customer()
    made = me.book(world.booking()).ok(201)
    me.read(made["booking_id"], headers={"If-None-Match": made.etag}).ok(304)
    me.change(made["booking_id"], {"customer_info": {"phone": "+1 555 0100 888"}}).ok()
    me.read(made["booking_id"], headers={"If-None-Match": made.etag}).ok(200)


@pytest.mark.parametrize("accept", ["application/json", "application/*", "*/*", "text/html, */*;q=0.1",
                                    "application/json; charset=utf-8", "APPLICATION/JSON", "", None,
                                    "text/html;q=1, application/json;q=0.001"])
def test_an_accept_that_allows_json_is_fine(world, accept):
    world.anyone().get("/api/v1/franchises", headers={"Accept": accept}).ok()


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "application/json;q=0",
                                    "*/*, application/json;q=0", "image/*"])
def test_an_accept_that_allows_no_json_is_refused(world, accept):
    world.anyone().get("/api/v1/franchises", headers={"Accept": accept}).problem(406, "not_acceptable")


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8",
                                  'application/json;charset="UTF-8"', "Application/JSON"])
def test_a_body_of_json_may_say_its_charset(world, kind):
    world.customer().book(world.booking(), headers={"Content-Type": kind}).ok(201)


def test_a_body_where_none_belongs_is_refused(world):
    answer = world.anyone().send("GET", "/api/v1/franchises", data=b"{}")
    assert answer.status == 400, answer


def test_a_body_as_large_as_may_be_is_read(world):
    me = world.customer()
    children = [world.child(special_needs="n" * 1000, allergies="\U0001f9f8" * 1000,
                            pickup_authorization="p" * 1000, special_instructions="\u00e9" * 1000)
                for _ in range(7)]
    body = world.booking(children=0)
    body["children"] = children
    data = json.dumps(body, ensure_ascii=False).encode()
    data += b" " * (65536 - len(data))
    made = me.book(None, data=data).ok(201)
    assert me.read(made["booking_id"]).ok()["children"] == children


# ---- origins -------------------------------------------------------------------------------


def test_a_page_of_ours_may_read_answers_and_errors(world):
    me = world.customer()
    for answer in (me.get("/api/v1/bookings", headers={"Origin": ORIGIN}).ok(),
                   me.read(str(uuid.uuid4()), headers={"Origin": ORIGIN}),
                   world.anyone().get("/api/v1/bookings", headers={"Origin": ORIGIN}),
                   world.anyone().get("/nothing", headers={"Origin": ORIGIN})):
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "X-Request-Id" in words(answer.headers["Access-Control-Expose-Headers"])
        assert "Origin" in words(answer.headers["Vary"])
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("origin", ["http://localhost:3001", "https://localhost:3000", "null",
                                    "http://localhost:3000.evil.example", "http://LOCALHOST:3000", "*",
                                    "http://localhost:3000/", ""])
def test_another_page_may_not(world, origin):
    for method in ("GET", "OPTIONS"):
        answer = world.anyone().send(method, "/api/v1/franchises", headers={
            "Origin": origin, "Access-Control-Request-Method": "GET"})
        assert not [name for name in answer.headers if name.startswith("Access-Control-Allow")]
        assert "Origin" in words(answer.headers["Vary"])


def test_a_preflight_is_answered_without_credentials(world):
    answer = world.anyone().send("OPTIONS", f"/api/v1/bookings/{uuid.uuid4()}", headers={
        "Origin": ORIGIN, "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization,content-type,if-match,idempotency-key"}).ok(204)
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert {"GET", "PUT", "DELETE"} <= words(answer.headers["Access-Control-Allow-Methods"])
    assert {"authorization", "content-type", "if-match", "idempotency-key", "x-api-key"} <= \
        {w.lower() for w in words(answer.headers["Access-Control-Allow-Headers"])}
    assert int(answer.headers["Access-Control-Max-Age"]) > 0


@pytest.mark.parametrize("name", ["traceparent", "tracestate", "x-amzn-trace-id", "x-request-id"])
def test_a_page_may_continue_its_trace(world, name):
    answer = world.anyone().send("OPTIONS", "/api/v1/bookings", headers={
        "Origin": ORIGIN, "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": name}).ok(204)
    assert name in {w.lower() for w in words(answer.headers["Access-Control-Allow-Headers"])}


def test_a_page_may_read_which_scope_it_lacks(world):
    answer = world.customer(scope=["booking:read"]).book(world.booking(), headers={"Origin": ORIGIN})
    assert answer.problem(403, "insufficient_scope").headers["WWW-Authenticate"]
    assert "WWW-Authenticate" in words(answer.headers["Access-Control-Expose-Headers"])


# ---- ids ------------------------------------------------------------------------------------


def test_a_request_keeps_its_id(world):
    answer = world.anyone().get("/api/v1/bookings", headers={"X-Request-Id": "support-ticket_4711.a"})
    assert answer.headers["X-Request-Id"] == "support-ticket_4711.a" == answer.json["request_id"]
    assert world.logged("support-ticket_4711.a")["status"] == answer.status


@pytest.mark.parametrize("path, headers, status", [
    ("/api/v1/franchises%0d%0a", {}, 400), ("/api/v1/%ff", {}, 400),
    ("/api/v1/franchises", {f"X-Many-{n}": "x" for n in range(120)}, 431)])
def test_what_is_refused_before_it_is_read_is_one_name_in_both_logs(world, path, headers, status):
    name = f"refused-{status}-{len(path)}"
    answer = world.anyone().get(path, headers={**headers, "X-Request-Id": name})
    assert answer.status == status and answer.headers["X-Request-Id"] == name
    assert answer.json["request_id"] == name
    for log in ("access.log", "api.log"):  # nginx writes its line after the answer
        path = world.home / "log" / log
        until(lambda: f'"request_id":"{name}"' in path.read_text(errors="replace"), log)


@pytest.mark.parametrize("mad", ["", "x" * 65, "a b", 'a"b', "a;b", "a/b", "{}"])
def test_a_request_id_that_is_not_sane_is_replaced(world, mad):
    answer = world.anyone().get("/health", headers={"X-Request-Id": mad}).ok()
    assert answer.headers["X-Request-Id"] != mad
    assert re.fullmatch(r"[A-Za-z0-9._-]{8,64}", answer.headers["X-Request-Id"])


def test_each_request_has_an_id_of_its_own(world):
    ids = {world.anyone().get("/health").headers["X-Request-Id"] for _ in range(20)}
    assert len(ids) == 20


@pytest.mark.parametrize("name, value, trace", [
    ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
     "4bf92f3577b34da6a3ce929d0e0e4736"),
    ("X-Amzn-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1",
     "5759e988bd862e3fe1be46a994272793"),
    ("traceparent", "00-" + "0" * 32 + "-00f067aa0ba902b7-01", ""),
    ("traceparent", "nonsense", "")])
def test_a_trace_is_continued_in_the_log(world, name, value, trace):
    me = str(uuid.uuid4())
    world.anyone().get("/health", headers={name: value, "X-Request-Id": me}).ok()
    assert world.logged(me)["trace_id"] == trace


# ---- caches and security ----------------------------------------------------------------------


def test_what_is_private_is_stored_nowhere(world):
    me = world.customer()
    made = me.book(world.booking()).ok(201)
    for answer in (made, me.read(made["booking_id"]), me.bookings(), me.quote(made["booking_id"])):
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert "Authorization" in words(answer.headers["Vary"])
    assert "max-age" in world.anyone().get("/api/v1/franchises").headers["Cache-Control"]
    assert world.anyone().get("/health").headers["Cache-Control"] == "no-store"


def test_every_answer_carries_the_security_headers(world):
    # The client asserts it for every answer of every test; here for raw errors.
    for request in (b"NONSENSE\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                    b"TRACE /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"):
        answer = world.raw(request)
        for name in SECURITY_HEADERS:
            assert name in answer.headers, (request, name)
        assert answer.headers["Server"] == "nginx"
