"""server: sockets and HTTP/1.1; a thread for each connection."""
import http.server
import json
import os
import select
import socket
import socketserver
import threading

from . import page
from .gateway import Cut, Reply, Request, encode

BODY_MAX = 1 << 20
DRAIN_MAX = 16 << 20
CONNECTIONS_MAX = 2000
IDLE_S = 75
STACK = 512 * 1024


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_S

    def setup(self):
        # An answer is written whole: it need not wait for more.
        self.disable_nagle_algorithm = self.request.family != socket.AF_UNIX
        super().setup()

    def handle_any(self):
        path, _, query = self.path.partition("?")
        body = self.read_body()
        if body is None:
            return
        request = Request(self.command, path, query, self.headers, body, self.gone)
        try:
            if path.startswith("/_control"):
                self.answer(self.control(request))
            elif path.startswith(("/c/pay/", "/3d_secure/")):
                shown = page.serve(self.server.world, request)
                self.answer(Reply(shown.status, shown.text, shown.headers,
                                  "text/html; charset=utf-8"))
            else:
                self.answer(self.server.gateway.serve(request))
        except Cut:
            self.close_connection = True
        except Exception as e:
            # A fault of the sandbox's own: told, and never taken for Stripe's.
            self.server.on_bug(e)
            self.answer(Reply(500, encode({"error": {
                "type": "api_error", "code": "sandbox_bug",
                "message": f"The sandbox is broken: {type(e).__name__}: {e}"}})))

    do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = do_HEAD = handle_any

    def read_body(self):
        """The body, or None when it has been refused and answered."""
        length = self.headers.get("Content-Length", "0")
        status = None
        if self.headers.get("Transfer-Encoding"):
            status, why = 411, "send a Content-Length"
        elif not length.isdigit() or len(length) > 12:
            status, why = 400, "the Content-Length is no number"
        elif int(length) > BODY_MAX:
            status, why = 413, "the body is too large"
            self.drain(int(length))
        if status:
            self.close_connection = True
            self.answer(Reply(status, encode({"error": {
                "type": "invalid_request_error", "message": f"Invalid request: {why}"}})))
            return None
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            return None
        return body

    def drain(self, length):
        """Lets a client finish its sentence, or it would not hear the answer."""
        left = min(length, DRAIN_MAX)
        while left > 0:
            piece = self.rfile.read(min(left, 65536))
            if not piece:
                return
            left -= len(piece)

    def control(self, request):
        # From this machine alone, and not by way of some page in a browser.
        peer = self.client_address[0] if self.client_address else ""
        local = self.request.family == socket.AF_UNIX or peer.startswith("127.") or peer == "::1"
        if not local or request.headers.get("Origin") or (
                request.body and
                request.headers.get("Content-Type", "").partition(";")[0] != "application/json"):
            return Reply(403, encode({"error": "for programs of this machine, with JSON"}))
        status, answer = self.server.control.serve(request)
        return Reply(status, json.dumps(answer).encode())

    def gone(self, seconds):
        ready, _, _ = select.select([self.connection], [], [], seconds)
        if not ready:
            return False
        try:
            return self.connection.recv(1, socket.MSG_PEEK) == b""
        except OSError:
            return True

    def answer(self, reply):
        reason = self.responses.get(reply.status, ("",))[0]
        lines = [f"HTTP/1.1 {reply.status} {reason}", f"Date: {self.date_time_string()}",
                 "Server: stripe-sandbox", f"Content-Type: {reply.kind}",
                 f"Content-Length: {len(reply.body)}", "Cache-Control: no-cache, no-store"]
        lines += [f"{name}: {value}" for name, value in reply.headers.items()
                  if "\n" not in value and "\r" not in value]
        if self.close_connection:
            lines.append("Connection: close")
        head = "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n"
        try:
            self.wfile.write(head if self.command == "HEAD" else head + reply.body)
        except OSError:
            self.close_connection = True

    def log_message(self, *args):
        """The gateway keeps the last requests; nothing is printed."""


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024

    def __init__(self, listen, world, gateway, control, on_bug):
        self.world, self.gateway, self.control = world, gateway, control
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
