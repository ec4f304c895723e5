"""main: reads the options, starts the parts, ends with SIGTERM."""
import argparse
import os
import sys

from common.http import Server
from common.run import on_bug, until_told

from .control import Control
from .gateway import Gateway
from .server import App
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


def main(args):
    options = options_of(args)
    world = World(options.seed)
    gateway = Gateway(world, options.key, options.account)
    sender = Sender(world)
    world.on_event = sender.take
    try:
        sender.endpoint.set({"secrets": options.webhook_secret, "ca": options.webhook_ca,
                             "url": options.webhook_url})
        control = Control(world, gateway, sender)
        server = Server(options.listen, App(world, gateway, control), on_bug)
    except Exception as e:
        print(f"stripe-sandbox: {e}", file=sys.stderr)
        return 1
    world.public_url = (options.public_url or server.where()).rstrip("/")
    return until_told("stripe-sandbox", server, TICK_S, world.catch_up)
