"""stripe_sandbox.py: the running sandbox, a client and a receiver, for its tests."""
import contextlib
import hashlib
import hmac
import http.server
import json
import pathlib
import queue
import threading
import urllib.parse

from running import WAIT_S, Running

TREE = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = TREE / "sandbox/stripe-sandbox"
TABLE = json.loads((TREE / "sandbox/stripe/params.json").read_text())
VERSION = TABLE["api_version"]
KEY, SECRET = "sk_test_for_tests", "whsec_for_tests"


class Sandbox(Running):
    """The program, started on a port of its own."""

    def __init__(self, *options, listen="127.0.0.1:0"):
        super().__init__(PROGRAM, options, {"STRIPE_SANDBOX_KEY": KEY,
                                            "STRIPE_SANDBOX_WEBHOOK_SECRET": SECRET}, listen)

    def api(self, method, path, params=(), key=None, account=None, timeout=WAIT_S, **headers):
        """params: a dict, or pairs; names as Stripe writes them."""
        sent = {"Authorization": f"Bearer {KEY}", "Stripe-Version": VERSION}
        if key:
            sent["Idempotency-Key"] = key
        if account:
            sent["Stripe-Account"] = account
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        sent = {name: value for name, value in sent.items() if value is not None}
        text = urllib.parse.urlencode(params)
        if method == "GET":
            return self.ask(method, path + (f"?{text}" if text else ""), None, sent,
                            timeout=timeout)
        sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        return self.ask(method, path, text, sent, timeout=timeout)

    def form(self, url, **fields):
        """Presses a button of a page; answers where it leads."""
        parts = urllib.parse.urlsplit(url)
        return self.ask("POST", parts.path, urllib.parse.urlencode(fields),
                        {"Content-Type": "application/x-www-form-urlencoded"})

    # ---- the usual ------------------------------------------------------------
    def session(self, amount=12000, currency="usd", key=None, account=None, **more):
        answer = self.api("POST", "/v1/checkout/sessions", {
            "mode": "payment", "success_url": "https://shop.example/done?s={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://shop.example/back",
            "line_items[0][price_data][currency]": currency,
            "line_items[0][price_data][unit_amount]": amount,
            "line_items[0][price_data][product_data][name]": "Child care",
            "line_items[0][quantity]": 1, **more}, key, account)
        assert answer.status == 200, answer.text
        return answer.json

    def paid(self, method="pm_card_visa", amount=12000, currency="usd", **more):
        answer = self.pay(method, amount, currency, **more)
        assert answer.status == 200, answer.text
        return answer.json

    def pay(self, method="pm_card_visa", amount=12000, currency="usd", key=None, account=None,
            **more):
        return self.api("POST", "/v1/payment_intents", {
            "amount": amount, "currency": currency, "confirm": "true", "payment_method": method,
            "return_url": "https://shop.example/3ds?b=1", **more}, key, account)

    def refund(self, intent, key=None, **more):
        return self.api("POST", "/v1/refunds", {"payment_intent": intent["id"], **more}, key)

    def read(self, path, **params):
        answer = self.api("GET", path, params)
        assert answer.status == 200, answer.text
        return answer.json

    def kinds(self):
        """The types of all events, oldest first."""
        out = [e["type"] for e in self.read("/v1/events", limit=100)["data"]]
        return out[::-1]


class Receiver:
    """An endpoint for webhooks that keeps what it gets and answers as told."""

    def __init__(self, tls=None):
        self.got = queue.Queue()
        self.statuses = queue.Queue()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                genuine = verify(self.headers["Stripe-Signature"], body)
                status = 200 if genuine else 400
                with contextlib.suppress(queue.Empty):
                    status = receiver.statuses.get_nowait()
                receiver.got.put((json.loads(body), genuine, self.headers))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                """Quiet."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.server.server_port}/webhooks"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self):
        return self.got.get(timeout=WAIT_S)

    def all(self, sandbox):
        """What has come once the sandbox has nothing more to send."""
        assert sandbox.control("POST", "/webhooks/wait", {"timeout_s": WAIT_S})["idle"]
        out = []
        with contextlib.suppress(queue.Empty):
            while True:
                out.append(self.got.get_nowait())
        return out

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def marks_of(header):
    pairs = [part.split("=", 1) for part in header.split(",")]
    return int(dict(pairs)["t"]), [value for name, value in pairs if name == "v1"]


def verify(header, body, secret=SECRET):
    at, marks = marks_of(header)
    wanted = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return wanted in marks


# ---- answers against the types of Stripe's client -----------------------------
def check_object(kind, value):
    check_fields(TABLE["objects"][kind], value, kind)


def check_fields(fields, value, where):
    assert isinstance(value, dict), where
    if "*" in fields:
        assert all(isinstance(v, str) for v in value.values()), where
        return
    known = {name.rstrip("!"): kind for name, kind in fields.items()}
    if fields:  # of an event's object and the like nothing is said
        assert set(value) <= set(known), f"{where}: {set(value) - set(known)}"
    wanted = {name[:-1] for name in fields if name.endswith("!")}
    assert wanted <= set(value), f"{where} lacks {wanted - set(value)}"
    for name, inner in value.items():
        if name in known:
            check_kind(known[name], inner, f"{where}.{name}")


def check_kind(kind, value, where):
    if isinstance(kind, list):
        assert isinstance(value, list), where
        for inner in value:
            check_kind(kind[0], inner, where)
    elif isinstance(kind, dict):
        if "unset" in kind:
            if value is not None:
                check_kind(kind["unset"], value, where)
        elif "or" not in kind:
            check_fields(kind, value, where)
    else:
        check_plain(kind, value, where)


def check_plain(kind, value, where):
    if kind.endswith("?"):
        if value is None:
            return
        kind = kind[:-1]
    types = {"string": str, "int": int, "bool": bool, "float": (int, float), "decimal": str,
             "list": dict, "object": dict}
    if kind in types:
        assert isinstance(value, types[kind]), f"{where} is {value!r}, not {kind}"
        assert kind != "int" or not isinstance(value, bool), where
    elif kind[0] == "@":
        assert isinstance(value, (str, dict)), f"{where} is {value!r}"
    else:
        assert value in kind.split("|"), f"{where} is {value!r}, not one of {kind[:200]}"
