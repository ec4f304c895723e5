"""http: sockets and HTTP/1.1; a thread for each connection.

What is answered is the application's: an object with

    name         what is told in the header Server
    control      an object of common.control
    body_max     bytes; more is refused
    chunked      are bodies of Transfer-Encoding: chunked read?
    serve(request)           a Reply; Cut ends the connection instead
    malformed(status, why, headers)   the Reply to a body that is not read
    broken(error)            the Reply after a fault of the sandbox's own
    headers()                what every answer carries unless it says otherwise
"""
import http.server
import json
import os
import select
import socket
import socketserver
import threading
import urllib.parse

DRAIN_MAX = 64 << 20
CONNECTIONS_MAX = 2000
CHUNK_LINE_MAX = 4096
IDLE_S = 75
STACK = 512 * 1024
OURSELVES = {"localhost", "127.0.0.1", "::1"}


class Cut(Exception):
    """Nothing is answered: the connection ends."""


class Unreadable(Exception):
    """A body that is refused before it is looked at."""

    def __init__(self, status, why):
        super().__init__(why)
        self.status = status


class Request:
    """gone(seconds) waits that long at most and tells if the client has left;
    local tells of a program or a person at this machine, not sent by a page."""

    def __init__(self, method, path, query, headers, body, gone, local):
        self.method, self.path, self.query = method, path, query
        self.headers, self.body, self.gone, self.local = headers, body, gone, local


class Reply:
    def __init__(self, status, body=b"", headers=None, kind="application/json"):
        self.status, self.body, self.kind = status, body, kind
        self.headers = headers or {}


def host_of(headers):
    """The name a request was addressed to, without its port; or ""."""
    try:
        return urllib.parse.urlsplit("//" + headers.get("Host", "")).hostname or ""
    except ValueError:
        return ""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_S

    def setup(self):
        # An answer is written whole: it need not wait for more.
        self.disable_nagle_algorithm = self.request.family != socket.AF_UNIX
        super().setup()

    def handle_any(self):
        app = self.server.app
        path, _, query = self.path.partition("?")
        try:
            body = self.read_body(app)
        except Unreadable as e:
            self.close_connection = True
            self.answer(app.malformed(e.status, str(e), self.headers))
            return
        if body is None:
            return
        request = Request(self.command, path, query, self.headers, body, self.gone,
                          self.is_local())
        try:
            if path.startswith("/_control"):
                self.answer(self.control(request))
            else:
                self.answer(app.serve(request))
        except Cut:
            self.close_connection = True
        except Exception as e:
            # A fault of the sandbox's own: told, and never taken for theirs.
            self.server.on_bug(e)
            self.answer(app.broken(e))

    do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = do_HEAD = handle_any

    # ---- the body --------------------------------------------------------
    def read_body(self, app):
        """None when the client left in the middle."""
        coding = self.headers.get("Transfer-Encoding")
        if coding and (not app.chunked or coding.lower() != "chunked" or
                       self.headers.get("Content-Length")):
            raise Unreadable(411, "send a Content-Length")
        if coding:
            return self.read_chunks(app.body_max)
        length = self.headers.get("Content-Length", "0")
        if not length.isascii() or not length.isdigit() or len(length) > 12:
            raise Unreadable(400, "the Content-Length is no number")
        if int(length) > app.body_max:
            self.drain(int(length))
            raise Unreadable(413, "the body is too large")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            return None
        return body

    def read_chunks(self, body_max):
        pieces, total = [], 0
        while True:
            size = self.chunk_line().partition(b";")[0].strip()
            try:
                length = int(size, 16)
            except ValueError:
                raise Unreadable(400, "the size of a chunk is no number") from None
            if length < 0 or total + length > body_max:
                raise Unreadable(413, "the body is too large")
            if length == 0:
                break
            piece = self.rfile.read(length)
            if len(piece) < length or self.rfile.read(2) != b"\r\n":
                raise Unreadable(400, "a chunk is not as long as it says")
            pieces.append(piece)
            total += length
        while self.chunk_line():
            """Trailers of the transfer: nobody asks for them."""
        return b"".join(pieces)

    def chunk_line(self):
        line = self.rfile.readline(CHUNK_LINE_MAX)
        if not line.endswith(b"\n"):
            raise Unreadable(400, "the chunks end in the middle")
        return line.rstrip(b"\r\n")

    def drain(self, length):
        """Lets a client finish its sentence, or it would not hear the answer."""
        left = min(length, DRAIN_MAX)
        while left > 0:
            piece = self.rfile.read(min(left, 65536))
            if not piece:
                return
            left -= len(piece)

    # ---- who may ask for more than the service itself ---------------------
    def is_local(self):
        """From this machine alone, and not by way of some page in a browser,
        nor by a name that somebody made lead here."""
        if self.request.family == socket.AF_UNIX:
            return not self.headers.get("Origin")
        peer = self.client_address[0]
        return (peer.startswith("127.") or peer == "::1") and \
            host_of(self.headers) in OURSELVES and not self.headers.get("Origin")

    def control(self, request):
        kind = request.headers.get("Content-Type", "").partition(";")[0]
        if not request.local or (request.body and kind != "application/json"):
            return Reply(403, json.dumps(
                {"error": "for programs of this machine, with JSON"}).encode())
        status, answer = self.server.app.control.serve(request)
        return Reply(status, json.dumps(answer).encode())

    def gone(self, seconds):
        ready, _, _ = select.select([self.connection], [], [], seconds)
        if not ready:
            return False
        try:
            return self.connection.recv(1, socket.MSG_PEEK) == b""
        except OSError:
            return True

    # ---- the answer --------------------------------------------------------
    def answer(self, reply):
        reason = self.responses.get(reply.status, ("",))[0]
        headers = {"Date": self.date_time_string(), "Server": self.server.app.name}
        headers.update(self.server.app.headers())
        if reply.kind:
            headers["Content-Type"] = reply.kind
        headers.update(reply.headers)
        if reply.status not in (204, 304):
            headers["Content-Length"] = str(len(reply.body))
        if self.close_connection:
            headers["Connection"] = "close"
        lines = [f"HTTP/1.1 {reply.status} {reason}"]
        lines += [f"{name}: {value}" for name, value in headers.items()
                  if "\n" not in value and "\r" not in value]
        head = "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n"
        silent = self.command == "HEAD" or reply.status in (204, 304)
        try:
            self.wfile.write(head if silent else head + reply.body)
        except OSError:
            self.close_connection = True

    def log_message(self, *args):
        """The gateway keeps the last requests; nothing is printed."""


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024

    def __init__(self, listen, app, on_bug):
        self.app = app
        self.on_bug = on_bug
        self.room = threading.Semaphore(CONNECTIONS_MAX)
        threading.stack_size(STACK)
        self.socket_path = None
        if listen.startswith("unix:"):
            self.socket_path = listen.removeprefix("unix:")
            self.address_family = socket.AF_UNIX
            self.allow_reuse_address = False
            if os.path.exists(self.socket_path):
                os.unlink(self.socket_path)
            super().__init__(self.socket_path, Handler)
            os.chmod(self.socket_path, 0o666)
        else:
            host, _, port = listen.rpartition(":")
            host = host.strip("[]")
            if host != "::1" and not host.startswith("127."):
                raise ValueError("the sandbox listens on this machine alone: 127.0.0.1:PORT")
            if host == "::1":
                self.address_family = socket.AF_INET6
            super().__init__((host, int(port)), Handler)

    def process_request(self, request, client_address):
        if not self.room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread to be had
            self.room.release()
            self.shutdown_request(request)

    def process_request_thread(self, request, client_address):
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.room.release()

    def handle_error(self, request, client_address):
        """A client that leaves in the middle is none of our troubles."""

    def where(self):
        if self.socket_path:
            return f"unix:{self.socket_path}"
        host, port = self.server_address[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def close(self):
        self.server_close()
        if self.socket_path and os.path.exists(self.socket_path):
            os.unlink(self.socket_path)
