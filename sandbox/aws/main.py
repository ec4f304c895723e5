"""main: reads the options, starts the parts, ends with SIGTERM."""
import argparse
import os
import re
import sys

from common.http import Server
from common.run import on_bug, until_told

from .attributes import check_name
from .control import Control
from .errors import Refusal
from .gateway import Gateway
from .queues import Queue
from .s3 import Bucket, check_bucket_name
from .server import App
from .world import World

TICK_S = 1
KEY_ID = "AKIASANDBOX222222222"
SECRET = "sandbox-secret-access-key"
KEY = re.compile(r"AKIASANDBOX[A-Z2-7]{9}\Z")


def options_of(args):
    parser = argparse.ArgumentParser(
        prog="aws-sandbox", description="A stand-in for SQS and S3 on this machine.")
    env = os.environ.get
    parser.add_argument("--listen", default=env("AWS_SANDBOX_LISTEN", "127.0.0.1:12121"),
                        help="127.0.0.1:PORT (0: any free one)")
    parser.add_argument("--public-url", default=env("AWS_SANDBOX_PUBLIC_URL"),
                        help="what the addresses of queues begin with, if not --listen")
    parser.add_argument("--region", default=env("AWS_SANDBOX_REGION", "us-east-1"))
    parser.add_argument("--key-id", default=env("AWS_SANDBOX_KEY_ID", KEY_ID),
                        help="AKIASANDBOX and nine more; also AWS_SANDBOX_KEY_ID")
    parser.add_argument("--queue", action="append", default=[], metavar="NAME[.fifo]",
                        help="is there from the start, and again after a reset")
    parser.add_argument("--bucket", action="append", default=[], metavar="NAME",
                        help="the same")
    parser.add_argument("--seed", type=int, help="makes ids, keys and orders predictable")
    options = parser.parse_args(args)
    # Not on a command line, which everybody can read.
    options.secret = env("AWS_SANDBOX_SECRET", SECRET)
    if not KEY.match(options.key_id):
        parser.error("a key id is AKIASANDBOX and nine of A-Z, 2-7: this is no place for others")
    if options.listen.startswith("unix:"):
        parser.error("--listen is 127.0.0.1:PORT: the clients of AWS know no other")
    return options


def make(options):
    def first(world):
        for name in options.queue:
            given = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
            check_name(name, bool(given))
            world.queues[name] = Queue(world, name, given, {})
        for name in options.bucket:
            check_bucket_name(name)
            world.buckets[name] = Bucket(world)
    return first


def main(args):
    options = options_of(args)
    try:
        world = World(options.region, {options.key_id: options.secret}, make(options),
                      options.seed)
        gateway = Gateway(world)
        server = Server(options.listen, App(world, gateway, Control(world, gateway)), on_bug)
    except (Refusal, OSError, ValueError) as e:
        print(f"aws-sandbox: {e}", file=sys.stderr)
        return 1
    world.public_url = (options.public_url or server.where()).rstrip("/")
    return until_told("aws-sandbox", server, TICK_S, world.tidy)
