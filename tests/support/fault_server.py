#!/usr/bin/env python3
"""fault_server.py: an HTTP server that misbehaves as its path says.

    fault_server.py [FOLDER]

Prints "PORT TLS_PORT OTHER_TLS_PORT\\n" when it listens, and ends when its
stdin does.  FOLDER receives ca.pem, the authority of both TLS ports; the
certificate of the other is for another name.  Without FOLDER there is no TLS.  Every path counts its requests:
/count?PATH tells how many arrived.

    /ok                200, JSON with what was asked: method, headers, body, connection
    /status/N          status N and a small JSON body
    /fail/N/CODE       CODE for the first N requests, then 200
    /retry/WORD/CODE   CODE with Stripe-Should-Retry: WORD
    /after/S/CODE      CODE with Retry-After: S
    /hang              reads the request, never answers
    /drip              a byte of the answer every 50 ms, without end
    /cut               promises more than it sends
    /open-ended        no length, no chunks: ends with the connection
    /silent            closes without a word
    /large/N           a body of N bytes, chunked
    /headers           80 KiB of headers
    /redirect          302 to /ok
    /then-close        200, then closes the kept connection unasked
    /script            PUT: "STATUS\\nNAME: VALUE\\n...\\n\\nBODY" is what /say answers next
    /say/...           what the script says, or 404; headers NAME: VALUE with it
    /seen              the last request to /say: method, path, headers, body
"""
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

counts = {}
script = []  # what /say answers, in order
last = {}  # what it was asked
lock = threading.Lock()
over = threading.Event()
connections = iter(range(1, 1 << 30))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.connection_id = next(connections)

    def log_message(self, *args):
        pass

    def answer(self, status, body=b'{"ok": true}', headers=()):
        if isinstance(body, str):
            body = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Request-Id", "req_1")
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def raw(self, data):
        self.wfile.write(data)
        self.wfile.flush()
        self.close_connection = True

    def handle_one(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        if path == "/count":
            return self.answer(200, json.dumps({"count": counts.get(query, 0)}))
        with lock:
            counts[path] = seen = counts.get(path, 0) + 1
        word, *args = path[1:].split("/", 2)
        act = getattr(self, "on_" + word.replace("-", "_"), None)
        if not act:
            return self.answer(404, '{"error": "no such fault"}')
        act(args, body, seen)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_one

    def on_ok(self, args, body, seen):
        self.answer(200, json.dumps({
            "method": self.command, "path": self.path, "body": body.decode("latin-1"),
            "connection": self.connection_id,
            "headers": {k.lower(): v for k, v in self.headers.items()}}))

    def on_status(self, args, body, seen):
        self.answer(int(args[0]))

    def on_fail(self, args, body, seen):
        self.answer(int(args[1]) if seen <= int(args[0]) else 200)

    def on_retry(self, args, body, seen):
        self.answer(int(args[1]), headers=[("Stripe-Should-Retry", args[0])])

    def on_after(self, args, body, seen):
        self.answer(int(args[1]), headers=[("Retry-After", args[0])])

    def on_hang(self, args, body, seen):
        over.wait()

    def on_drip(self, args, body, seen):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not over.wait(0.05):
            self.raw(b" ")

    def on_cut(self, args, body, seen):
        self.raw(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"half": ')

    def on_open_ended(self, args, body, seen):
        self.raw(b'HTTP/1.1 200 OK\r\n\r\n{"whole": true}')

    def on_silent(self, args, body, seen):
        self.close_connection = True

    def on_large(self, args, body, seen):
        left = int(args[0])
        self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while left > 0:
            piece = b"x" * min(left, 1000)
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            left -= len(piece)
        self.wfile.write(b"0\r\n\r\n")

    def on_headers(self, args, body, seen):
        self.answer(200, headers=[(f"X-{i}", "y" * 1000) for i in range(80)])

    def on_redirect(self, args, body, seen):
        self.answer(302, headers=[("Location", "/ok")])

    def on_then_close(self, args, body, seen):
        self.answer(200)
        self.close_connection = True

    def on_script(self, args, body, seen):
        head, _, text = body.decode().partition("\n\n")
        status, *headers = head.split("\n")
        script.append((int(status), text, [h.split(": ", 1) for h in headers]))
        self.answer(200)

    def on_say(self, args, body, seen):
        last.clear()
        last.update(method=self.command, path=self.path, body=body.decode(),
                    headers={k.lower(): v for k, v in self.headers.items()})
        self.answer(*script.pop(0) if script else (404, "{}"))

    def on_seen(self, args, body, seen):
        self.answer(200, json.dumps(last))


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (OSError, ssl.SSLError)):
            super().handle_error(request, client_address)


class TlsServer(Server):
    context = None

    def get_request(self):
        sock, address = super().get_request()
        sock.settimeout(10)
        return self.context.wrap_socket(sock, server_side=True,
                                        do_handshake_on_connect=False), address


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def certify(folder, name, subject):
    """A certificate for `subject`, signed by folder/ca.pem; a context with it."""
    at = os.path.join(folder, name)
    with open(at + ".ext", "w") as f:
        f.write(f"subjectAltName={subject}\n")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", "/CN=" + name, "-keyout", at + ".key", "-out", at + ".csr")
    openssl("x509", "-req", "-in", at + ".csr", "-CA", os.path.join(folder, "ca.pem"),
            "-CAkey", os.path.join(folder, "ca.key"), "-CAcreateserial", "-days", "2",
            "-extfile", at + ".ext", "-out", at + ".pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(at + ".pem", at + ".key")
    return context


def main():
    servers = [Server(("127.0.0.1", 0), Handler)]
    if len(sys.argv) > 1:
        servers += tls_servers(sys.argv[1])
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(*(s.server_address[1] for s in servers), *[0] * (3 - len(servers)), flush=True)
    sys.stdin.read()
    over.set()


def tls_servers(folder):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "2", "-subj", "/CN=faults", "-keyout",
            os.path.join(folder, "ca.key"), "-out", os.path.join(folder, "ca.pem"))
    for name, subject in ("right", "IP:127.0.0.1"), ("wrong", "DNS:elsewhere.example"):
        server = TlsServer(("127.0.0.1", 0), Handler)
        server.context = certify(folder, name, subject)
        yield server


main()
