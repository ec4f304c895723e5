"""The product as a whole: stopped pool, limits, pages, health."""
import pathlib
import re

import pytest

from product import ORIGIN, TREE, until


def test_health_is_told_in_the_customers_words(world):
    told = world.anyone().get("/health").ok()
    assert (told["status"], told["database"], told["cache"]) == ("healthy", "up", "up")
    assert set(told.json) == {"status", "database", "cache", "timestamp"}
    assert world.anyone().get("/health/ready").ok()["status"] == "healthy"
    assert world.anyone().get("/health/live").ok()["status"] == "healthy"


@pytest.mark.kills_workers
def test_a_stopped_pool_is_a_503_that_says_when_to_come_back(world):
    world.instance("api", "stop")
    try:
        for path in ("/api/v1/franchises", "/health", "/pay/1"):
            away = world.anyone().get(path, headers={"Origin": ORIGIN})
            away.problem(503, "service_unavailable")
            assert int(away.headers["Retry-After"]) >= 1
            assert away.headers["Access-Control-Allow-Origin"] == ORIGIN
        posted = world.customer().book(world.booking())
        posted.problem(503, "service_unavailable")
    finally:
        world.instance("api", "start")
    world.anyone().get("/api/v1/franchises").ok()


@pytest.mark.kills_workers
def test_a_pool_that_is_renewed_fails_no_request(world):
    before = set(world.workers())
    world.instance("api", "reload")

    def renewed():
        world.anyone().get("/api/v1/franchises").ok()
        return len(world.workers()) == 4 and not before & set(world.workers())
    until(renewed, "four new workers")


def test_one_address_is_limited_where_the_limit_is_on(world):
    try:
        world.instance("nginx", "stop")
        world.instance("nginx", "start", environment={"INSTANCE_RATE_LIMIT": "on"})
        anyone, answers = world.anyone(), []

        def refused():
            """21 at once and one in 0.6 s: how many more it takes is for the machine to say."""
            answers.append(anyone.get("/api/v1/franchises", headers={"Origin": ORIGIN}))
            return [a for a in answers if a.status == 429]
        limited = until(lambda: (found := refused())[9:] and found, "ten that are refused")
        assert {a.status for a in answers} == {200, 429}
        limited[0].problem(429, "rate_limited")
        assert limited[0].headers["Retry-After"] == "1"
        assert limited[0].headers["Access-Control-Allow-Origin"] == ORIGIN
        # Who asks whether we live is never turned away.
        assert {anyone.get("/health").status for _ in range(40)} == {200}
    finally:
        world.instance("nginx", "stop")
        world.instance("nginx", "start", environment={"INSTANCE_RATE_LIMIT": "off"})
    assert {world.anyone().get("/api/v1/franchises").status for _ in range(40)} == {200}


def page(world, path):
    return world.session.get(world.url + path, verify=world.certificate, timeout=10)


def test_the_docs_show_the_document_and_load_nothing_from_elsewhere(world):
    shown = page(world, "/docs")
    assert shown.history[0].status_code == 308 and shown.status_code == 200
    assert shown.headers["Content-Type"].startswith("text/html")
    policy = shown.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy and "unsafe" not in policy
    loaded = re.findall(r'(?:src|href)="([^"#]+)"', shown.text)
    assert loaded
    for address in loaded:
        assert not re.match(r"(?:[a-z]+:)?//", address), address
        if not address.startswith(("/api", "data:")):
            path = address if address.startswith("/") else f"/docs/{address}"
            assert page(world, path).status_code == 200, address
    assert not re.search(r"<(script|style)(?![^>]*\bsrc=)[^>]*>\s*\S", shown.text), "inline code"
    files = (TREE / "web").rglob("*")
    assert any("/api/v1/openapi.json" in f.read_text() for f in files if f.suffix in (".js", ".html"))


def test_every_problem_is_told_of_where_its_type_leads(world):
    """type is a link to a page printed from the document: the codes stand there."""
    text = pathlib.Path(TREE / "src/base/err.c").read_text()
    codes = set(re.findall(r'\{ 4\d\d, "(\w+)"', text)) - {"no_such_path", "method_not_allowed"}
    assert len(codes) > 15
    shown = page(world, "/docs/errors")
    assert shown.status_code == 200 and shown.headers["Content-Type"].startswith("text/html")
    document = world.anyone().get("/api/v1/openapi.json").body.decode()
    assert not {c for c in codes if f"`{c}`" not in document}


def test_the_log_names_routes_and_times(world):
    me = world.customer()
    made = me.book(world.booking(), headers={"X-Request-Id": "the-log-line"}).ok(201)
    line = world.logged("the-log-line")
    assert line["route"] == "/api/v1/bookings" and line["status"] == 201
    # A booking costs two round trips to Postgres; a page of Stripe's, which is not here, three more.
    assert line["pg_trips"] == 2, line
    me.read(made["booking_id"], headers={"X-Request-Id": "the-read-line"}).ok()
    line = world.logged("the-read-line")
    assert line["route"] == "/api/v1/bookings/{booking_id}"
    assert made["booking_id"] not in str(line)


def test_the_books_balance_for_bookingctl_too(world):
    world.customer().book(world.booking()).ok(201)
    world.ctl("verify")


def test_the_page_after_paying_is_there_and_loads_nothing_from_elsewhere(world):
    path = "/paid/0193a5c8-7b1e-7c3a-9d42-5f0e8a6b1c2d"
    shown = page(world, f"{path}?payment_intent=pi_1&payment_intent_client_secret=CANARY")
    assert shown.status_code == 200 and "<h1>Thank you</h1>" in shown.text
    assert shown.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = shown.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    loaded = re.findall(r'(?:src|href)="([^"#]+)"', shown.text)
    assert [a for a in loaded if not a.startswith("data:")] == ["/docs/page.css"]
    assert page(world, "/docs/page.css").headers["Content-Type"].startswith("text/css")
    assert "CANARY" not in (world.home / "log/access.log").read_text(errors="replace")
    for other in ("/paid", "/paid/", "/paid/index.html", "/paid/1"):
        assert page(world, other).status_code == 404, other
