"""fcgi_client.py: speak FastCGI to booking-api as nginx does, or badly."""

import socket
import struct

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR = 1, 2, 3, 4, 5, 6, 7
RECORD_MAX = 65528


def length(n):
    """A name's or value's length as FastCGI has it: one byte or four."""
    return bytes([n]) if n < 128 else struct.pack(">I", n | 0x80000000)


def pair(name, value):
    name, value = name.encode(), value.encode("utf-8", "surrogateescape")
    return length(len(name)) + length(len(value)) + name + value


class Answer:
    """What came back: status (None when nothing did), headers, body."""

    def __init__(self, raw, ended):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        self.ended = ended
        self.headers = {}
        for line in head.decode("latin-1").split("\r\n"):
            name, _, value = line.partition(": ")
            self.headers[name.lower()] = value
        self.reason = self.headers.pop("status", None)
        self.status = int(self.reason.split()[0]) if self.reason else None


class FcgiClient:
    """One connection; every step can be left out or done wrong."""

    def __init__(self, path, timeout=20):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(str(path))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def record(self, kind, content=b""):
        self.socket.sendall(struct.pack(">BBHHBx", 1, kind, 1, len(content), 0)
                            + content)

    def begin(self, keep=False):
        self.record(BEGIN, struct.pack(">HB5x", 1, 1 if keep else 0))

    def params(self, pairs):
        raw = b"".join(pair(name, value) for name, value in pairs)
        for at in range(0, len(raw), RECORD_MAX):
            self.record(PARAMS, raw[at:at + RECORD_MAX])
        self.record(PARAMS)

    def body(self, data, end=True):
        for at in range(0, len(data), RECORD_MAX):
            self.record(STDIN, data[at:at + RECORD_MAX])
        if end:
            self.record(STDIN)

    def body_if_read(self, data):
        """As body; the worker may have dropped the connection already."""
        try:
            self.body(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def answer(self):
        """Read until the end of the connection."""
        raw, out, ended = b"", b"", False
        try:
            while True:
                more = self.socket.recv(65536)
                if not more:
                    break
                raw += more
        except ConnectionResetError:
            pass
        while len(raw) >= 8:
            _, kind, _, size, padding = struct.unpack(">BBHHBx", raw[:8])
            content, raw = raw[8:8 + size], raw[8 + size + padding:]
            if kind == STDOUT:
                out += content
            elif kind == END:
                ended = True
        return Answer(out, ended)


def request_pairs(method, path, body_length="", headers=()):
    return [("REQUEST_METHOD", method), ("DOCUMENT_URI", path),
            ("QUERY_STRING", ""), ("REMOTE_ADDR", "192.0.2.1"),
            ("CONTENT_TYPE", "application/json" if body_length else ""),
            ("CONTENT_LENGTH", str(body_length))] + list(headers)


def ask(path, method="GET", uri="/health/live", body=b"", headers=(),
        timeout=20):
    """A whole, good request and its answer."""
    with FcgiClient(path, timeout) as client:
        client.begin()
        client.params(request_pairs(method, uri, len(body) or "", headers))
        client.body(body)
        return client.answer()
