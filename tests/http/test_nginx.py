"""What nginx adds, in front of a worker that tells what it was told."""
import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import socket
import ssl
import struct
import subprocess
import threading
import warnings

import pytest
from product import until

TREE = pathlib.Path(__file__).resolve().parents[2]
ADDED = ["Strict-Transport-Security", "X-Content-Type-Options", "X-Frame-Options",
         "Content-Security-Policy", "Referrer-Policy", "Permissions-Policy"]


def record(kind, content):
    return struct.pack("!BBHHBB", 1, kind, 1, len(content), 0, 0) + content


class Worker:
    """A FastCGI worker that answers each request with its parameters."""

    def __init__(self, path):
        self.seen = []
        self.die = False
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        os.chmod(path, 0o666)
        self.socket.listen(64)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            # nginx leaves when its client does.
            with connection, contextlib.suppress(OSError):
                self.answer(connection)

    def answer(self, connection):
        stream = connection.makefile("rb")
        params = b""
        body = 0
        while True:
            head = stream.read(8)
            if len(head) < 8:
                return
            _, kind, _, length, padding, _ = struct.unpack("!BBHHBB", head)
            content = stream.read(length)
            stream.read(padding)
            if kind == 4:
                params += content
            if kind == 5:
                body += length
                if length == 0:
                    break
        told = self.decode(params)
        told["body"] = body
        self.seen.append(told)
        if self.die:
            return
        text = json.dumps(told).encode()
        if told["QUERY_STRING"] == "large":
            text = b"x" * (1 << 20)
        out = (b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(text)) + text
        for i in range(0, len(out), 65528):
            connection.sendall(record(6, out[i:i + 65528]))
        connection.sendall(record(6, b"") + record(3, bytes(8)))

    @staticmethod
    def decode(data):
        told, at = {}, 0
        while at < len(data):
            sizes = []
            for _ in range(2):
                if data[at] < 128:
                    sizes.append(data[at])
                    at += 1
                else:
                    sizes.append(struct.unpack("!I", data[at:at + 4])[0] & 0x7fffffff)
                    at += 4
            name = data[at:at + sizes[0]].decode()
            told[name] = data[at + sizes[0]:at + sum(sizes)].decode("latin-1")
            at += sum(sizes)
        return told


class Site:
    def __init__(self, folder, **environment):
        self.folder = folder
        self.environment = {**os.environ, **environment}
        self.run("nginx", "start", folder, "0")
        self.port = int(self.run("port", folder))
        self.home = pathlib.Path(self.run("home", folder).strip())
        self.worker = Worker(self.home / "run/api.sock")

    def run(self, *arguments):
        words = list(arguments)
        return subprocess.run([TREE / "tools/instance", *map(str, words)], check=True,
                              env=self.environment, text=True, stdout=subprocess.PIPE).stdout

    def raw(self, data):
        """Bytes over TLS, the answer until the other side closes."""
        context = ssl.create_default_context(cafile=self.home / "tls/cert.pem")
        with socket.create_connection(("127.0.0.1", self.port), timeout=15) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as tls:
                tls.sendall(data)
                answer = b""
                while True:
                    try:
                        piece = tls.recv(65536)
                    except ConnectionResetError:
                        break
                    if not piece:
                        break
                    answer += piece
        head, _, body = answer.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(": ")
            headers[name] = value
        return int(lines[0].split()[1]) if lines[0] else 0, headers, body

    def ask(self, path, method="GET", body=b"", **headers):
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close"]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        lines += [f"{k.replace('_', '-')}: {v}" for k, v in headers.items()]
        return self.raw("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def log(self, name):
        return (self.home / "log" / name).read_text(errors="replace")

    def line(self, **wanted):
        """The line of the access log that says so; nginx writes it after the answer."""
        def written():
            lines = map(json.loads, self.log("access.log").splitlines())
            return next((line for line in lines if wanted.items() <= line.items()), None)
        return until(written, wanted)


def make_site(tmp_path_factory, **environment):
    site = Site(tmp_path_factory.mktemp("site") / "i", **environment)
    yield site
    site.worker.socket.close()
    site.run("reset", site.folder)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    yield from make_site(tmp_path_factory, INSTANCE_RATE_LIMIT="off")


@pytest.fixture(scope="module")
def limited(tmp_path_factory):
    yield from make_site(tmp_path_factory, INSTANCE_RATE_LIMIT="on",
                         INSTANCE_TRUSTED_PROXIES="127.0.0.1")


def assert_problem(answer, status, code):
    got, headers, body = answer
    assert got == status, body
    assert headers["Content-Type"] == "application/problem+json"
    for name in ADDED:
        assert name in headers, name
    problem = json.loads(body)
    assert problem["status"] == status and problem["code"] == code
    assert set(problem) == {"type", "title", "status", "detail", "code", "request_id"}
    assert problem["request_id"] == headers["X-Request-Id"] != ""
    return headers


def test_the_configuration_is_clean(site):
    done = subprocess.run(["nginx", "-t", "-p", site.home, "-c", site.home / "nginx/nginx.conf",
                           "-e", "stderr"], capture_output=True, text=True)
    assert done.returncode == 0
    assert "[warn]" not in done.stderr and "[emerg]" not in done.stderr


def test_the_errors_of_nginx_agree_with_the_table_of_the_api(site):
    table = (TREE / "src/base/err.c").read_text()
    table = re.sub(r"TITLE_INTERNAL(?=,)", '"Something went wrong on our side"', table)
    table = re.sub(r"TITLE_UNAVAILABLE(?=,)", '"The service cannot be reached right now"', table)
    rows = {code: (int(status), title) for status, code, title in
            re.findall(r'\{ (\d+), "(\w+)",\s+"([^"]+)"', table)}
    conf = (site.home / "nginx/problems.conf").read_text()
    bodies = [json.loads(b) for b in re.findall(r"return \d+ '(.*)\\n';", conf)]
    shared = [b for b in bodies if b["code"] in rows]
    assert len(shared) >= 6
    for body in shared:
        assert (body["status"], body["title"]) == rows[body["code"]]


def test_a_worker_is_told_what_it_needs_and_no_more(site):
    status, headers, body = site.ask("/api/v1/a%20b/../c?x=%41", Proxy="http://evil", X_Request_Id="abcdefgh-1")
    told = json.loads(body)
    assert status == 200
    assert told["DOCUMENT_URI"] == "/api/v1/c" and told["QUERY_STRING"] == "x=%41"
    assert told["REQUEST_METHOD"] == "GET" and told["HTTPS"] == "on"
    assert told["REMOTE_ADDR"] == "127.0.0.1" and told["HTTP_X_REQUEST_ID"] == "abcdefgh-1"
    assert "HTTP_PROXY" not in told
    assert {n for n in told if not n.startswith("HTTP_")} == {
        "REQUEST_METHOD", "DOCUMENT_URI", "QUERY_STRING", "CONTENT_TYPE", "CONTENT_LENGTH",
        "SERVER_PROTOCOL", "REMOTE_ADDR", "HTTPS", "body"}
    for name in ADDED:
        assert name in headers, name
    assert headers["Server"] == "nginx"


@pytest.mark.parametrize("mad", ["short", "x" * 65, "with space", 'quote"quote', "line\tline"])
def test_a_request_id_that_is_not_sane_is_replaced(site, mad):
    _, _, body = site.ask("/api/v1/x", X_Request_Id=mad)
    assert re.fullmatch(r"[0-9a-f]{32}", json.loads(body)["HTTP_X_REQUEST_ID"])


def test_a_body_arrives_whole(site):
    _, _, body = site.ask("/api/v1/x", "POST", b"x" * 65536)
    assert json.loads(body)["body"] == 65536


def test_a_chunked_body_arrives_with_its_length(site):
    _, _, body = site.raw(b"POST /api/v1/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                          b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    told = json.loads(body)
    assert told["CONTENT_LENGTH"] == "5" and told["body"] == 5


def test_a_large_answer_passes_whole(site):
    status, _, body = site.raw(b"GET /api/v1/x?large HTTP/1.0\r\nHost: h\r\n\r\n")
    assert status == 200 and len(body) == 1 << 20


def test_bodies_are_bounded_and_the_webhook_may_have_more(site):
    assert_problem(site.ask("/api/v1/x", "POST", b"x" * 90000), 413, "body_too_large")
    status, _, body = site.ask("/api/v1/webhooks/stripe", "POST", b"x" * 262144)
    assert status == 200 and json.loads(body)["body"] == 262144
    assert site.ask("/api/v1/webhooks/stripe", "POST", b"x" * 262145)[0] == 413


@pytest.mark.parametrize("data, status, code", [
    (b"NONSENSE\r\n\r\n", 400, "bad_request"),
    (b"GET /health HTTP/1.1\r\n\r\n", 400, "bad_request"),
    (b"GET /health HTTP/1.1\r\nHost : x\r\n\r\n", 400, "bad_request"),
    (b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 9000 + b"\r\n\r\n", 400, "bad_request"),
    (b"GET /api/%00 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "bad_request"),
    (b"POST /api/v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400, "bad_request"),
    (b"POST /api/v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
     400, "bad_request"),
    (b"POST /api/v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
     400, "bad_request"),
    (b"POST /api/v1/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "not_implemented"),
    (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "uri_too_long"),
    (b"TRACE /health HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method_not_allowed"),
])
def test_what_nginx_refuses_has_our_shape(site, data, status, code):
    seen = len(site.worker.seen)
    assert_problem(site.raw(data), status, code)
    assert len(site.worker.seen) == seen, "a worker saw it"


@pytest.mark.parametrize("path", ["/", "/x", "/x.html", "/api", "/api/v1", "/pay", "/paid", "/paid/", "/paid/x", "/api/v2/x", "/docs/../../etc/passwd",
                                  "/docs/..%2f..%2fenv", "/docs/x", "/docs/.git", "/_problem/400", "/metrics", "/.git/config"])
def test_other_paths_are_not_there(site, path):
    seen = len(site.worker.seen)
    status, headers, body = site.ask(path)
    assert headers["Content-Type"] == "application/problem+json"
    assert status in (400, 404) and json.loads(body)["status"] == status
    assert len(site.worker.seen) == seen, "a worker saw it"


def test_the_docs_are_a_page_that_only_reads(site):
    status, headers, _ = site.ask("/docs")
    assert status == 308 and headers["Location"] == "/docs/"
    page = site.home / "app/web/docs"
    if not page.exists():
        page.mkdir(parents=True)
        page.joinpath("index.html").write_text("<!doctype html>")
        page.joinpath("errors.html").write_text("<!doctype html>")
        for path in (page.parent, page, page / "index.html", page / "errors.html"):
            os.chmod(path, 0o755)
    status, headers, _ = site.ask("/docs/")
    assert status == 200 and headers["Content-Type"].startswith("text/html")
    assert site.ask("/docs/errors")[0] == 200
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert assert_problem(site.ask("/docs/", "POST", b"x"), 405, "method_not_allowed")["Allow"] == "GET, HEAD"


def test_a_dead_worker_is_a_503_that_says_when_and_is_asked_once(site):
    site.worker.die = True
    try:
        seen = len(site.worker.seen)
        headers = assert_problem(site.ask("/api/v1/x", "DELETE"), 503, "service_unavailable")
        assert headers["Retry-After"] == "2" and headers["Cache-Control"] == "no-store"
        assert len(site.worker.seen) == seen + 1
    finally:
        site.worker.die = False


def test_only_a_known_origin_may_read_nginxs_errors(site):
    known = site.ask("/nothing", Origin="http://localhost:3000")[1]
    assert known["Access-Control-Allow-Origin"] == "http://localhost:3000"
    assert known["Vary"] == "Origin"
    for origin in ("http://localhost:3001", "http://localhost:3000.evil.example", "null"):
        assert "Access-Control-Allow-Origin" not in site.ask("/nothing", Origin=origin)[1]


def test_no_log_holds_a_query_a_token_or_a_body(site):
    site.worker.die = True
    try:
        for path in ("/pay/1?t=CANARY", "/api/v1/x?token=CANARY", "/health?t=CANARY",
                     "/nothing?t=CANARY", "/docs/?t=CANARY", "/docs/none?t=CANARY"):
            site.ask(path, "POST", b"CANARY", Authorization="Bearer CANARY",
                     Cookie="CANARY", Referer="https://x/?CANARY")
        site.ask("/api/v1/x?t=CANARY", "POST", b"CANARY" * 20000)
    finally:
        site.worker.die = False
    assert site.line(path="/pay/1") and site.line(path="/api/v1/x", status=413)
    assert "CANARY" not in site.log("access.log")
    assert "CANARY" not in site.log("nginx.log")


def test_an_access_log_line_is_json_and_joins_the_apis(site):
    site.ask('/api/v1/"quoted"', X_Request_Id="join-these-two", User_Agent='"mad"')
    line = site.line(request_id="join-these-two")
    assert line["path"] == '/api/v1/"quoted"' and line["status"] == 200
    assert line["api_status"] == "200" and line["agent"] == '"mad"'


def test_an_access_log_line_is_json_whatever_bytes_a_stranger_sends(site):
    site.raw(b"GET /api/v1/%ff%fe HTTP/1.1\r\nHost: h\r\nUser-Agent: x\xff\xfe\r\n"
             b"X-Request-Id: no-text-at-all\r\nConnection: close\r\n\r\n")
    line = site.line(request_id="no-text-at-all")
    assert (line["path"], line["agent"]) == ("-", "-")
    assert "\ufffd" not in site.log("access.log")


def test_a_client_that_dawdles_is_let_go(site):
    status, _, body = site.raw(b"POST /api/v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")
    assert status in (0, 408)


@pytest.mark.parametrize("version, works", [("TLSv1_1", False), ("TLSv1_2", True), ("TLSv1_3", True)])
def test_old_tls_is_refused(site, version, works):
    context = ssl.create_default_context(cafile=site.home / "tls/cert.pem")
    context.set_ciphers("ALL:@SECLEVEL=0")
    warnings.simplefilter("ignore", DeprecationWarning)
    wanted = getattr(ssl.TLSVersion, version)
    context.minimum_version = context.maximum_version = wanted
    with socket.create_connection(("127.0.0.1", site.port), timeout=10) as plain:
        try:
            with context.wrap_socket(plain, server_hostname="localhost"):
                assert works
        except ssl.SSLError:
            assert not works


def test_one_network_of_ipv6_is_limited_as_one(limited):
    def ask(address):
        return limited.ask("/api/v1/x", X_Forwarded_For=address)[0]

    def count(addresses):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            return list(pool.map(ask, addresses)).count(429)

    # 21 at once and one in 0.6 s: a slow machine is refused fewer, never none.
    assert count(f"2001:db8:1:2:{i:x}::1" for i in range(1, 61)) >= 5
    assert count(f"2001:db8::{i:x}" for i in range(1, 61)) >= 5
    assert count(f"2001:db8:7:{i:x}::1" for i in range(1, 61)) == 0
    assert count(f"192.0.2.{i}" for i in range(1, 61)) == 0
    assert count(["192.0.2.1, 2001:db8:1:9::99"] * 60) >= 5


def at_once(site, count, path):
    """The statuses of so many requests that are all under way at one time."""
    context = ssl.create_default_context(cafile=site.home / "tls/cert.pem")
    with contextlib.ExitStack() as stack:
        open_ones = []
        for _ in range(count):
            plain = stack.enter_context(socket.create_connection(("127.0.0.1", site.port), 15))
            tls = stack.enter_context(context.wrap_socket(plain, server_hostname="localhost"))
            tls.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
                        "X-Forwarded-For: 203.0.113.9\r\nConnection: close\r\n\r\n{".encode())
            open_ones.append(tls)
        for tls in open_ones:
            with contextlib.suppress(OSError):  # refused, and closed
                tls.sendall(b"}")
        return [int(tls.recv(64).split()[1]) for tls in open_ones]


def test_one_address_has_only_so_many_requests_at_once_but_for_webhooks(limited):
    assert set(at_once(limited, 60, "/api/v1/webhooks/stripe")) == {200}
    assert set(at_once(limited, 60, "/health")) == {200}
    assert 429 in at_once(limited, 60, "/api/v1/x")


def test_one_address_is_limited_and_health_is_not(limited):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: limited.ask("/api/v1/x"), range(60)))
        refused = [a for a in answers if a[0] == 429]
        health = list(pool.map(lambda _: limited.ask("/health")[0], range(60)))
        webhook = list(pool.map(
            lambda _: limited.ask("/api/v1/webhooks/stripe", "POST", b"{}")[0], range(60)))
    assert {a[0] for a in answers} == {200, 429}
    # 21 at once, and one for each 0.6 s that the 60 took.
    assert len(refused) >= 5
    assert assert_problem(refused[0], 429, "rate_limited")["Retry-After"] == "1"
    assert set(health) == {200} and set(webhook) == {200}
    assert limited.line(limit="REJECTED", status=429)
