"""relays.py: booking-relay beside an instance: started, killed, asked; and what
it wrote, held against the schemas of docs/events."""

import json
import os
import pathlib
import signal
import subprocess

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build"))
SANITIZERS = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")

SCHEMAS = {path.name.split(".")[0]: jsonschema.Draft202012Validator(
    json.loads(path.read_text()), format_checker=jsonschema.FormatChecker())
    for path in (ROOT / "docs" / "events").glob("*.schema.json")}


def check_event(event):
    """It is what its schema says, and nothing more."""
    SCHEMAS[event["event_type"]].validate(event)
    assert event["aggregate_id"] == event["data"]["booking_id"]


def read_events(path):
    """The events of a file, each held against its schema; a last line that is
    not whole yet is passed over."""
    text = pathlib.Path(path).read_text() if pathlib.Path(path).exists() else ""
    events = [json.loads(line) for line in text.split("\n")[:-1]]
    for event in events:
        check_event(event)
    return events


def in_order(events):
    """For each booking: its events in the order of arrival, without repeats of
    what came before.  An event that comes again is a repeat; one that comes
    before another of a lower number came is disorder."""
    first = {}
    for event in events:
        seen = first.setdefault(event["aggregate_id"], [])
        if event["sequence"] not in seen:
            seen.append(event["sequence"])
    return all(numbers == sorted(numbers) for numbers in first.values())


class Relay:
    """One process, with the settings of an instance as booking_relay."""

    def __init__(self, settings, topic, log, **more):
        self.topic, self.log = topic, pathlib.Path(log)
        self.settings = {**settings, **{k: str(v) for k, v in more.items()}}
        self.settings["DATABASE_URL"] = self.settings["DATABASE_URL"].replace(
            "booking_api@", "booking_relay@")
        self.process = None

    def environment(self):
        return {"PATH": os.environ["PATH"], **self.settings,
                **{n: os.environ[n] for n in SANITIZERS if n in os.environ}}

    def start(self, *options):
        self.began = len(self.lines("relay_started"))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [BUILD / "booking-relay", *options, self.topic],
                env=self.environment(), stdin=subprocess.DEVNULL, stdout=log,
                stderr=log)
        return self

    def runs(self):
        """It has said so since it was started last."""
        return len(self.lines("relay_started")) > self.began

    def once(self):
        """What is due now, and no more."""
        self.start("--once")
        assert self.process.wait(60) == 0, self.log.read_text()

    def stop(self, number=signal.SIGTERM):
        """The exit status."""
        if self.process is None:
            return None
        self.process.send_signal(number)
        status = self.process.wait(60)
        self.process = None
        return status

    def lines(self, event=None):
        text = self.log.read_text() if self.log.exists() else ""
        # The last line may still be written.
        lines = [json.loads(line) for line in text.split("\n")[:-1] if line.startswith("{")]
        return [l for l in lines if event is None or l["event"] == event]
