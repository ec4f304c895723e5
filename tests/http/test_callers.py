"""Who may what: tokens, guests, API keys."""
import datetime
import time
import uuid

import pytest

from product import DEMO, Client, b64url, jwt

PROTECTED = [("POST", "/api/v1/bookings"), ("GET", "/api/v1/bookings"),
             ("GET", "/api/v1/bookings/{id}"), ("PUT", "/api/v1/bookings/{id}"),
             ("DELETE", "/api/v1/bookings/{id}"), ("GET", "/api/v1/bookings/{id}/cancellation-quote"),
             ("POST", "/api/v1/guest-sessions")]


def fill(path):
    return path.replace("{id}", str(uuid.uuid4()))


@pytest.mark.parametrize("method, path", PROTECTED)
def test_without_credentials_the_way_in_is_told(world, method, path):
    answer = world.anyone().send(method, fill(path)).problem(401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="customer-booking"'


@pytest.mark.parametrize("method, path, scope", [
    ("POST", "/api/v1/bookings", "booking:read booking:update"),
    ("GET", "/api/v1/bookings", "booking:create booking:update"),
    ("GET", "/api/v1/bookings/{id}", "booking:create booking:update"),
    ("PUT", "/api/v1/bookings/{id}", "booking:create booking:read"),
    ("DELETE", "/api/v1/bookings/{id}", "booking:create booking:read"),
    ("GET", "/api/v1/bookings/{id}/cancellation-quote", "booking:create booking:update"),
])
def test_a_missing_scope_is_named(world, method, path, scope):
    caller = world.customer(scope=scope.split())
    made = world.customer(caller.sub).book(world.booking()).ok(201)
    answer = caller.send(method, path.replace("{id}", made["booking_id"]), headers={})
    answer.problem(403, "insufficient_scope")
    challenge = answer.headers["WWW-Authenticate"]
    assert 'error="insufficient_scope"' in challenge and 'scope="booking:' in challenge
    assert not any(word in challenge for word in scope.split())


def test_a_scope_may_be_a_text(world):
    me = world.customer(scope="booking:create booking:read")
    made = me.book(world.booking()).ok(201)
    me.read(made["booking_id"]).ok()
    me.cancel(made["booking_id"]).problem(403, "insufficient_scope")


def test_no_customers_token_opens_what_is_for_programs(world):
    world.customer(scope="guest:create booking:*").send(
        "POST", "/api/v1/guest-sessions").problem(403, "insufficient_scope")


def make_tokens(world):
    """Name and text of tokens that must not be let in."""
    secret = world.settings["JWT_SECRET"]
    now = int(time.time())
    good = world.claims()
    token = jwt(secret, good)
    head, body, mac = token.split(".")
    none = b64url(b'{"alg":"none"}')
    odd = b64url(b'{"alg":"None"}')
    yield "other key", jwt("x" * 43, good)
    yield "empty key", jwt("", good)
    yield "session key", jwt(world.settings["SESSION_SECRET"], good)
    yield "session key, guest", jwt(world.settings["SESSION_SECRET"],
                                    {**good, "iss": "customer-booking"},
                                    {"alg": "HS256", "typ": "booking-guest+jwt"})
    yield "expired", jwt(secret, world.claims(exp=now - 61))
    yield "no exp", jwt(secret, {k: v for k, v in good.items() if k != "exp"})
    yield "exp as text", jwt(secret, world.claims(exp=str(now + 100)))
    yield "exp beyond time", jwt(secret, world.claims(exp=10 ** 18))
    yield "not valid yet", jwt(secret, world.claims(nbf=now + 300))
    yield "issued in the future", jwt(secret, world.claims(iat=now + 300))
    yield "no sub", jwt(secret, {k: v for k, v in good.items() if k != "sub"})
    yield "sub is no UUID", jwt(secret, world.claims(sub="alice"))
    yield "sub is the zero UUID", jwt(secret, world.claims(sub=str(uuid.UUID(int=0))))
    yield "none", f"{none}.{body}."
    yield "None", f"{odd}.{body}."
    yield "none with the mac", f"{none}.{body}.{mac}"
    yield "HS384", jwt(secret, good, {"alg": "HS384"}, "sha384")
    yield "HS512", jwt(secret, good, {"alg": "HS512"}, "sha512")
    yield "claims RS256", jwt(secret, good, {"alg": "RS256"})
    yield "crit", jwt(secret, good, {"alg": "HS256", "crit": ["exp"]})
    yield "no mac", f"{head}.{body}."
    yield "mac cut", token[:-2]
    yield "mac changed", token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")
    yield "claims changed", f"{head}.{b64url(b'{}')}.{mac}"
    yield "two parts", f"{head}.{body}"
    yield "four parts", f"{token}.{mac}"
    yield "padded", f"{token}="
    yield "not a token", "hello"
    yield "a key", world.key()
    yield "long", "a" * 7000


@pytest.mark.parametrize("number", range(30))
def test_a_token_that_is_not_right_is_refused(world, number):
    name, token = list(make_tokens(world))[number]
    before = world.counts()
    for caller in (world.bearer(token), Client(world)):
        if caller.token is None:
            # Bad credentials are refused also where none are needed.
            answer = caller.get("/api/v1/franchises", headers={"Authorization": f"Bearer {token}"})
        else:
            answer = caller.book(world.booking())
        answer.problem(401, "invalid_credentials")
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"], name
        assert "errors" not in answer.json, name
    assert world.counts() == before


def test_every_bad_token_has_a_test(world):
    assert len(list(make_tokens(world))) == 30


def test_a_clock_that_is_a_minute_off_is_borne(world):
    now = int(time.time())
    world.customer(exp=now - 20).bookings().ok()
    world.customer(nbf=now + 20, iat=now + 20).bookings().ok()


def test_the_times_of_a_token_may_have_fractions(world):
    # RFC 7519 2: a NumericDate may be no whole number; libraries write such.
    now = int(time.time())
    world.customer(exp=now + 300.123456, iat=now - 0.5, nbf=now - 1.25).bookings().ok()
    world.customer(exp=now - 61.5).bookings().problem(401, "invalid_credentials")
    world.customer(exp=now + 1e15).bookings().problem(401, "invalid_credentials")


@pytest.mark.parametrize("value", ["Basic YTpi", "Bearer", "Bearer ", "bearer", "", "Token x",
                                   "Bearer a b"])
def test_an_authorization_of_another_form_is_refused(world, value):
    answer = world.anyone().get("/api/v1/bookings", headers={"Authorization": value})
    assert answer.status == 401, answer


def test_the_scheme_may_be_written_in_any_case(world):
    me = world.customer()
    me.bookings().ok()
    me.get("/api/v1/bookings", headers={"Authorization": f"bEARER {me.token}"}).ok()


def test_a_secret_key_acts_for_the_customer_it_names(world):
    sub = str(uuid.uuid4())
    server = world.program(customer=sub)
    made = server.book(world.booking()).ok(201)
    assert server.read(made["booking_id"]).ok()["customer_id"] == sub
    world.customer(sub).read(made["booking_id"]).ok()
    other = Client(world, key=server.headers["X-API-Key"], customer=str(uuid.uuid4()))
    other.read(made["booking_id"]).problem(404, "not_found")
    server.cancel(made["booking_id"]).ok()


def test_a_secret_key_must_name_a_customer(world):
    server = world.program()
    before = world.counts()
    server.book(world.booking()).blames("X-Customer-Id", "required", 400, "bad_request")
    assert world.counts() == before
    for value in ("alice", str(uuid.UUID(int=0)), "{" + str(uuid.uuid4()) + "}"):
        answer = server.send("GET", "/api/v1/bookings", headers={"X-Customer-Id": value})
        assert answer.status in (400, 422), answer
        assert "X-Customer-Id" in {w for w, _ in answer.faults()}


def test_a_customer_id_goes_with_a_secret_key_only(world):
    me = world.customer()
    me.get("/api/v1/bookings", headers={"X-Customer-Id": me.sub}).blames(
        "X-Customer-Id", "unexpected", 400, "bad_request")
    shown = world.program(kind="publishable", scopes="guest:create", customer=me.sub)
    answer = shown.send("POST", "/api/v1/guest-sessions")
    assert answer.status in (400, 422) and "X-Customer-Id" in {w for w, _ in answer.faults()}


def test_a_key_of_a_franchise_stays_inside_it(world):
    inside, outside = world.franchise(), world.franchise()
    sub = str(uuid.uuid4())
    server = world.program(customer=sub, franchise=inside)
    made = server.book(world.booking(inside)).ok(201)
    before = world.counts()
    server.book(world.booking(outside)).blames("/franchise_id", "unknown")
    assert world.counts() == before
    elsewhere = world.customer(sub).book(world.booking(outside)).ok(201)
    server.read(elsewhere["booking_id"]).problem(404, "not_found")
    server.cancel(elsewhere["booking_id"]).problem(404, "not_found")
    assert [b["booking_id"] for b in server.bookings()["data"]] == [made["booking_id"]]


def test_a_guest_stays_inside_the_franchise_of_the_pages_key(world):
    inside, outside = world.franchise(), world.franchise()
    opened = world.program(kind="publishable", scopes="guest:create", franchise=inside).send(
        "POST", "/api/v1/guest-sessions").ok(201)
    world.canaries.add(opened["token"])
    guest = world.bearer(opened["token"])
    before = world.counts()
    guest.book(world.booking(outside)).blames("/franchise_id", "unknown")
    assert world.counts() == before
    made = guest.book(world.booking(inside)).ok(201)
    guest.read(made["booking_id"]).ok()
    assert [b["booking_id"] for b in guest.bookings()["data"]] == [made["booking_id"]]
    guest.cancel(made["booking_id"]).ok()


def test_a_keys_scopes_hold(world):
    server = world.program(customer=str(uuid.uuid4()), scopes="booking:read")
    server.bookings().ok()
    server.book(world.booking()).problem(403, "insufficient_scope")


def test_a_key_that_ended_is_refused(world):
    past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=1)
    sub = str(uuid.uuid4())
    world.program(customer=sub, expires_at=past).bookings().problem(401, "invalid_credentials")
    world.program(customer=sub, revoked_at=past).bookings().problem(401, "invalid_credentials")
    key = world.key()
    for wrong in (key[:-1], key + "x", key.replace("cbk_", "cbk_x"), "cbk__x", "cbk_", "x",
                  key.upper(), "cbk_" + "a" * 300):
        answer = Client(world, key=wrong, customer=sub).bookings()
        answer.problem(401, "invalid_credentials")


def test_a_key_is_made_and_revoked_by_bookingctl(world):
    key = world.ctl("apikey", "create", "--name", "partner", "--scope", "booking:*").strip()
    server = Client(world, key=key, customer=str(uuid.uuid4()))
    made = server.book(world.booking()).ok(201)
    world.ctl("apikey", "revoke", key.split("_")[1])
    server.read(made["booking_id"]).problem(401, "invalid_credentials")


def test_a_token_is_made_by_bookingctl(world):
    sub = str(uuid.uuid4())
    token = world.ctl("token", "--sub", sub, "--scope", "booking:read").strip()
    world.canaries.add(token)
    world.bearer(token).bookings().ok()
    world.bearer(token).book(world.booking()).problem(403, "insufficient_scope")


def test_a_publishable_key_opens_guest_sessions_and_nothing_else(world):
    shown = world.program(kind="publishable", scopes="guest:create booking:*")
    opened = shown.send("POST", "/api/v1/guest-sessions").ok(201)
    assert opened["token_type"] == "Bearer" and opened["expires_in"] == 3600
    assert set(opened["scope"]) == {"booking:create", "booking:read", "booking:update"}
    shown.book(world.booking()).problem(403, "insufficient_scope")
    shown.bookings().problem(403, "insufficient_scope")
    again = shown.send("POST", "/api/v1/guest-sessions").ok(201)
    assert again["customer_id"] != opened["customer_id"] and again["token"] != opened["token"]


def test_two_kinds_of_credentials_at_once_are_refused(world):
    both = world.customer()
    both.headers["X-API-Key"] = world.key()
    answer = both.bookings()
    assert answer.status == 400 and answer.json["code"] == "bad_request"


def test_guests_hold_few_places_by_session_address_and_mail(world):
    house = world.franchise(max_capacity=50)
    world.sql("update bookings.bookings set hold_expires_at = now() - interval '1 hour'"
              " where guest_address_hash is not null and booking_status = 'pending'")
    world.forget()
    guest = world.guest()
    for _ in range(2):
        guest.book(world.booking(house)).ok(201)
    limited = guest.book(world.booking(house)).problem(429, "too_many_holds")
    assert 1 <= int(limited.headers["Retry-After"]) <= 2101
    # From the same address: six in all, whatever the session.
    for _ in range(2):
        other = world.guest()
        for _ in range(2):
            other.book(world.booking(house)).ok(201)
    before = world.counts()
    world.guest().book(world.booking(house)).problem(429, "too_many_holds")
    assert world.counts() == before
    # A customer who is known is not counted there.
    world.customer().book(world.booking(house)).ok(201)
    world.sql("update bookings.bookings set hold_expires_at = now() - interval '1 hour'"
              " where guest_address_hash is not null and booking_status = 'pending'")
    world.forget()


@pytest.mark.parametrize("path", ["/api/v1/franchises", f"/api/v1/franchises/{DEMO % 1}",
                                  f"/api/v1/availability/{DEMO % 1}", "/health"])
def test_public_reads_ask_nobody(world, path):
    world.anyone().get(path).ok()
    world.program(kind="publishable", scopes="guest:create").get(path).ok()
    world.customer().get(path).ok()
