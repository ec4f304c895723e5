"""Customers whom a provider signs in by a key of its own: JWT_JWKS_FILE, and
what becomes of it while the pool runs.  The tokens are signed by PyJWT."""
import base64
import json
import os
import pathlib
import subprocess
import sys
import time
import uuid

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from live import SCOPES, V1, Live, day_in, until  # noqa: E402

BUILD = pathlib.Path(os.environ.get(
    "BUILD", pathlib.Path(__file__).resolve().parents[2] / "build"))
ISSUER = "https://login.example.com/"
AUDIENCE = "booking"
SECRET = "a secret of thirty-two characters"


def number(value, size):
    return base64.urlsafe_b64encode(value.to_bytes(size, "big")).rstrip(b"=").decode()


class Key:
    """A provider's key, as a JWK and as what signs."""

    MAKERS = {
        "RS256": lambda: rsa.generate_private_key(65537, 2048),
        "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate,
    }

    def __init__(self, alg, kid=None):
        self.alg = alg
        self.kid = kid
        self.private = self.MAKERS[alg]()

    def jwk(self):
        public = self.private.public_key()
        if self.alg == "RS256":
            numbers = public.public_numbers()
            key = {"kty": "RSA", "n": number(numbers.n, 256), "e": number(numbers.e, 3)}
        elif self.alg == "ES256":
            numbers = public.public_numbers()
            key = {"kty": "EC", "crv": "P-256", "x": number(numbers.x, 32),
                   "y": number(numbers.y, 32)}
        else:
            raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            key = {"kty": "OKP", "crv": "Ed25519",
                   "x": base64.urlsafe_b64encode(raw).rstrip(b"=").decode()}
        return {**key, "use": "sig", "alg": self.alg, **({"kid": self.kid} if self.kid else {})}

    def pem(self):
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def sign(self, headers=None, **claims):
        now = int(time.time())
        claims = {"sub": str(uuid.uuid4()), "iss": ISSUER, "aud": AUDIENCE, "scope": SCOPES,
                  "iat": now, "exp": now + 600, **claims}
        kid = {"kid": self.kid} if self.kid else {}
        return jwt.encode(claims, self.private, self.alg, headers={**kid, **(headers or {})})


@pytest.fixture(scope="module")
def keys():
    return {alg: Key(alg, f"key of {alg}") for alg in Key.MAKERS}


class Place(Live):
    """An instance whose customers a provider signs in."""

    def start(self, *keys):
        super().start()
        self.file = self.home / "jwks.json"
        self.trust(*keys)
        (self.home / "env.extra").write_text(
            f"JWT_JWKS_FILE={self.file}\nJWT_ISSUER={ISSUER}\nJWT_AUDIENCE={AUDIENCE}\nAPI_WORKERS=1\n")
        self.ctl("api", "restart", self.dir)
        self.env.update(JWT_JWKS_FILE=str(self.file), JWT_ISSUER=ISSUER, JWT_AUDIENCE=AUDIENCE)
        self.healthy()
        return self

    def put(self, text):
        """Replace the file, as it should be done: by a rename."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(text)
        fresh.chmod(0o644)
        fresh.rename(self.file)

    def trust(self, *keys):
        self.put(json.dumps({"keys": [k if isinstance(k, dict) else k.jwk() for k in keys]}))

    def status(self, token):
        return self.get(f"{V1}/bookings", token).status

    def takes(self, token):
        """Soon: the worker looks once a second."""
        until(lambda: self.status(token) == 200, "a key that is trusted")

    def refuses(self, token):
        until(lambda: self.status(token) == 401, "a key that is not trusted")

    def news(self):
        return [(e["level"], e["why"]) for e in self.events("customer_keys")]


@pytest.fixture(scope="module")
def place(tmp_path_factory, keys):
    place = Place(tmp_path_factory.mktemp("keys"))
    try:
        yield place.start(*keys.values())
        place.balanced()
        for name in ("api", "nginx-error"):
            if (place.home / f"log/{name}.log").exists():
                assert "eyJ" not in place.log(name), "a token is in a log"
    finally:
        place.reset()


@pytest.mark.parametrize("alg", Key.MAKERS)
def test_whom_the_provider_signed_in_books_and_sees_their_own(place, keys, alg):
    sub = str(uuid.uuid4())
    token = keys[alg].sign(sub=sub)
    made = place.book(token, place.franchise(3), day_in(3), 9, 10)
    assert place.one("select customer_id::text from bookings.bookings where id = %s",
                     made["booking_id"]) == sub
    assert [b["booking_id"] for b in place.get(f"{V1}/bookings", token).body["data"]] == [
        made["booking_id"]]
    other = place.get(f"{V1}/bookings/{made['booking_id']}", keys[alg].sign())
    assert other.status == 404


def test_the_shared_secret_is_good_beside_the_keys(place):
    claims = {"sub": str(uuid.uuid4()), "iss": ISSUER, "aud": AUDIENCE, "scope": SCOPES,
              "exp": int(time.time()) + 60}
    assert place.status(jwt.encode(claims, place.env["JWT_SECRET"], "HS256")) == 200


def forgeries(place, keys):
    """Name and text of tokens that must not be let in."""
    rs, es, ed = (keys[alg] for alg in Key.MAKERS)
    now = int(time.time())
    yield "expired", es.sign(exp=now - 61)
    yield "not yet", es.sign(nbf=now + 300)
    yield "another issuer", es.sign(iss="https://evil.example/")
    yield "another audience", es.sign(aud="shop")
    yield "no sub", es.sign(sub="alice")
    for alg in Key.MAKERS:
        yield f"a stranger's {alg}", Key(alg, keys[alg].kid).sign()
        yield f"a stranger's {alg} without a name", Key(alg).sign()
        yield f"{alg} by a name we do not know", keys[alg].sign({"kid": "other"})
        yield f"{alg} by the name of another", keys[alg].sign(
            {"kid": (es if alg != "ES256" else rs).kid})
        head, body, mac = keys[alg].sign().split(".")
        yield f"{alg}, other claims", f"{head}.{es.sign(sub=str(uuid.uuid4())).split('.')[1]}.{mac}"
        yield f"{alg}, no signature", f"{head}.{body}."
        yield f"{alg}, cut", f"{head}.{body}.{mac[:-4]}"
    # The forger knows the public keys, and signs with them as if they were secrets.
    signed = {"sub": str(uuid.uuid4()), "iss": ISSUER, "aud": AUDIENCE, "scope": SCOPES,
              "exp": now + 60}
    for key in (rs, es, ed):
        for secret in (key.pem(), json.dumps(key.jwk()).encode(), place.file.read_bytes()):
            head = {"alg": "HS256", "typ": "JWT", "kid": key.kid}
            text = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
                            for part in (head, signed))
            mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
                text.encode(), secret)
            yield "HS256 by a public key", (
                f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}")
    yield "none", jwt.encode(signed, None, "none")
    # A key that travels in the token, or that the token asks us to fetch.
    stranger = Key("ES256", "mine")
    yield "a key it brings", stranger.sign({"jwk": stranger.jwk()})
    yield "a key it names", stranger.sign({"jku": f"https://127.0.0.1:{place.port}/jwks.json"})


def test_what_no_key_of_theirs_signed_is_refused(place, keys):
    before = place.one("select count(*) from bookings.bookings")
    tried = 0
    for name, token in forgeries(place, keys):
        answer = place.get(f"{V1}/bookings", token)
        assert answer.status == 401 and answer.body["code"] == "invalid_credentials", name
        tried += 1
    assert tried > 30
    assert place.one("select count(*) from bookings.bookings") == before


def test_a_customer_of_a_provider_is_no_more_than_a_customer(place, keys):
    token = keys["ES256"].sign(scope="booking:* checkin:write payment:refund guest:create")
    assert place.ask("POST", f"{V1}/guest-sessions", token).status == 403
    assert place.get(f"{V1}/franchises/{place.franchise(1)}/roster?date=2027-01-01",
                     token).status == 403


def test_a_key_that_is_added_is_good_and_one_withdrawn_is_not_without_a_restart(place, keys):
    workers = place.workers()
    young = Key("ES256", "young")
    assert place.status(young.sign()) == 401
    place.trust(*keys.values(), young)
    place.takes(young.sign())
    place.trust(young)
    place.refuses(keys["RS256"].sign())
    place.takes(young.sign())
    place.trust(*keys.values())
    place.takes(keys["RS256"].sign())
    place.refuses(young.sign())
    assert place.workers() == workers
    assert ("info", "JWT_JWKS_FILE was read: 4 keys, 0 passed over") in place.news()


def until_it_looks_again(place, token):
    """What it sees then is the same, and must not be told once more."""
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        assert place.status(token) == 200
        time.sleep(0.05)


BROKEN = [
    ("", "not a JSON Web Key Set"),
    ('{"keys":[]}', "min_items"),
    ('{"keys":[{"kty":"EC","crv":"P-384","x":"AA","y":"AA"}]}', "none of the keys"),
    (" " * (128 * 1024 + 1), "larger than"),
]


@pytest.mark.parametrize("text, sentence", BROKEN, ids=["empty", "no key", "none for us", "large"])
def test_a_file_that_got_broken_leaves_the_keys_there_were_and_is_told_once(place, keys, text,
                                                                            sentence):
    token = keys["EdDSA"].sign()
    before = len(place.news())
    place.put(text)

    def asked():
        assert place.status(token) == 200
        return len(place.news()) > before
    until(asked, "the worker to tell")
    until_it_looks_again(place, token)
    (level, why), = place.news()[before:]
    assert level == "error" and why.startswith("JWT_JWKS_FILE: ") and sentence in why
    place.trust(*keys.values())
    until(lambda: place.status(token) == 200 and place.news()[-1][0] == "info", "the set again")


def test_a_file_that_went_away_leaves_the_keys_there_were(place, keys):
    token = keys["ES256"].sign()
    before = len(place.news())
    place.file.unlink()

    def asked():
        assert place.status(token) == 200
        return len(place.news()) > before
    until(asked, "the worker to tell")
    until_it_looks_again(place, token)
    (level, why), = place.news()[before:]
    assert level == "error" and why == (
        "JWT_JWKS_FILE: the file cannot be read: No such file or directory")
    place.trust(*keys.values())
    until(lambda: place.status(token) == 200 and place.news()[-1][0] == "info", "the set again")


def test_a_file_that_may_not_be_read_any_more_is_told_once_and_read_when_it_may(place, keys):
    token, before = keys["ES256"].sign(), len(place.news())
    place.file.chmod(0)

    def asked():
        assert place.status(token) == 200
        return len(place.news()) > before
    until(asked, "the worker to tell")
    until_it_looks_again(place, token)
    (level, why), = place.news()[before:]
    assert level == "error" and why == (
        "JWT_JWKS_FILE: the file cannot be read: Permission denied")
    place.file.chmod(0o644)
    until(lambda: place.status(token) == 200 and place.news()[-1][0] == "info", "the set again")


@pytest.mark.kills_workers
def test_a_worker_that_starts_beside_a_broken_file_serves_all_the_same(place, keys):
    place.put("{")
    for worker in place.workers():
        os.kill(worker, 9)
    secret = jwt.encode({"sub": str(uuid.uuid4()), "iss": ISSUER, "aud": AUDIENCE, "scope": SCOPES,
                         "exp": int(time.time()) + 60}, place.env["JWT_SECRET"], "HS256")
    until(lambda: place.status(secret) == 200, "a worker that serves")
    assert place.status(keys["ES256"].sign()) == 401
    place.trust(*keys.values())
    place.takes(keys["ES256"].sign())


# ---- before it starts --------------------------------------------------------------


def check(place, **env):
    env = {**place.env, "PATH": os.environ["PATH"], **env}
    env = {name: str(value) for name, value in env.items() if value is not None}
    return subprocess.run([BUILD / "booking-api", "--check"], env=env, text=True,
                          capture_output=True, timeout=60)


def test_keys_alone_will_do_and_neither_will_not(place):
    done = check(place, JWT_SECRET=None)
    assert (done.returncode, done.stderr) == (0, "")
    done = check(place, JWT_SECRET=None, JWT_JWKS_FILE=None)
    assert done.returncode == 78
    assert done.stderr == ("booking-api: JWT_SECRET and JWT_JWKS_FILE are both missing: set one, or"
                           " no customer can be known\n")


@pytest.mark.parametrize("text, sentence", BROKEN, ids=["empty", "no key", "none for us", "large"])
def test_a_broken_file_stops_the_start_with_one_sentence(place, tmp_path, text, sentence):
    file = tmp_path / "jwks.json"
    file.write_text(text)
    done = check(place, JWT_JWKS_FILE=file)
    assert done.returncode == 78
    assert done.stderr.startswith("booking-api: JWT_JWKS_FILE: ") and sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_private_key_in_the_file_stops_the_start_and_is_not_shown(place, tmp_path):
    file = tmp_path / "jwks.json"
    private = Key("ES256").jwk() | {"d": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}
    file.write_text(json.dumps({"keys": [private]}))
    done = check(place, JWT_JWKS_FILE=file)
    assert done.returncode == 78
    assert "key 1 is a private or shared one" in done.stderr
    assert private["d"] not in done.stderr and private["x"] not in done.stderr


@pytest.mark.parametrize("file, sentence", [("/nowhere/jwks.json", "No such file"),
                                            ("/", "Is a directory")])
def test_a_file_that_cannot_be_read_stops_the_start(place, file, sentence):
    done = check(place, JWT_JWKS_FILE=file)
    assert done.returncode == 78
    assert done.stderr.startswith("booking-api: JWT_JWKS_FILE: ") and sentence in done.stderr


def test_the_doctor_looks_into_the_file(place, tmp_path):
    def finding(file):
        env = {**place.env, "PATH": os.environ["PATH"], "JWT_JWKS_FILE": str(file)}
        done = subprocess.run([BUILD / "bookingctl", "doctor", "--json"], env=env, text=True,
                              capture_output=True, timeout=60)
        found, = [f for f in json.loads(done.stdout)["data"] if f["what"] == "customer keys"]
        return found["level"], found["detail"]

    assert finding(place.file) == ("ok", "JWT_JWKS_FILE was read: 3 keys, 0 passed over")
    broken = tmp_path / "jwks.json"
    broken.write_text("{}")
    level, text = finding(broken)
    assert level == "FAIL" and text.startswith("JWT_JWKS_FILE: ")
