"""main: reads the options, starts the parts, ends with SIGTERM."""
import argparse
import os
import signal
import sys
import threading
import traceback

from .control import Control
from .gateway import Gateway
from .server import Server
from .webhooks import Sender
from .world import World

TICK_S = 0.25
KEY = "sk_test_sandbox"
SECRET = "whsec_sandbox"


def options_of(args):
    parser = argparse.ArgumentParser(
        prog="stripe-sandbox", description="A stand-in for Stripe on this machine.")
    env = os.environ.get
    parser.add_argument("--listen", default=env("STRIPE_SANDBOX_LISTEN", "127.0.0.1:12111"),
                        help="127.0.0.1:PORT (0: any free one) or unix:PATH")
    parser.add_argument("--public-url", default=env("STRIPE_SANDBOX_PUBLIC_URL"),
                        help="what browsers reach it by, if not by --listen")
    parser.add_argument("--key", action="append", metavar="sk_test_...",
                        help="a key that is let in; also STRIPE_SANDBOX_KEY (" + KEY + ")")
    parser.add_argument("--account", action="append", metavar="acct_...",
                        help="a connected account; none: every well-formed one")
    parser.add_argument("--webhook-url", default=env("STRIPE_SANDBOX_WEBHOOK_URL"))
    parser.add_argument("--webhook-secret", action="append", metavar="whsec_...",
                        help="also STRIPE_SANDBOX_WEBHOOK_SECRET (" + SECRET + ")")
    parser.add_argument("--webhook-ca", metavar="FILE", help="whose certificates are trusted")
    parser.add_argument("--seed", type=int, help="makes the ids predictable")
    options = parser.parse_args(args)
    options.key = options.key or [env("STRIPE_SANDBOX_KEY", KEY)]
    options.webhook_secret = options.webhook_secret or [
        env("STRIPE_SANDBOX_WEBHOOK_SECRET", SECRET)]
    for key in options.key:
        if not key.startswith(("sk_test_", "rk_test_")):
            parser.error("a key begins with sk_test_ or rk_test_: this is no place for others")
    if options.listen.startswith("unix:") and not options.public_url:
        parser.error("--listen unix:PATH wants --public-url")
    return options


def on_bug(error):
    traceback.print_exception(error, file=sys.stderr)


def tick(world, ended):
    """Lets time do its work even when nobody asks for anything."""
    while not ended.wait(TICK_S):
        try:
            world.catch_up()
        except Exception as e:
            on_bug(e)


def main(args):
    options = options_of(args)
    world = World(options.seed)
    gateway = Gateway(world, options.key, options.account)
    sender = Sender(world)
    world.on_event = sender.take
    try:
        sender.endpoint.set({"secrets": options.webhook_secret, "ca": options.webhook_ca,
                             "url": options.webhook_url})
        server = Server(options.listen, world, gateway, Control(world, gateway, sender), on_bug)
    except Exception as e:
        print(f"stripe-sandbox: {e}", file=sys.stderr)
        return 1
    world.public_url = (options.public_url or server.where()).rstrip("/")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    threading.Thread(target=tick, args=(world, ended), daemon=True).start()
    # In one piece: who waits for it may read it in pieces.
    sys.stdout.write(f"stripe-sandbox: listening on {server.where()}\n")
    sys.stdout.flush()
    ended.wait()
    server.shutdown()
    server.close()
    return 0
