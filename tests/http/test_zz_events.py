"""test_zz_events.py: last of all: the events of every test before, sent by the
relay, held against the schemas of docs/events."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from relays import SCHEMAS, Relay, in_order, read_events  # noqa: E402


def test_every_event_of_this_run_is_what_its_schema_says(world, tmp_path):
    tmp_path.chmod(0o755)
    world.customer().book(world.booking()).ok(201)  # alone, there is one
    told = world.one("select count(*) from bookings.outbox where topic = 'events'")
    Relay(world.settings, "events", tmp_path / "relay.log",
          EVENTS_FILE=tmp_path / "events.jsonl").once()
    events = read_events(tmp_path / "events.jsonl")
    assert len(events) == told
    assert in_order(events)
    assert world.one("select count(*) from bookings.outbox where topic = 'events' and"
                     " sent_at is null") == 0
    assert {e["event_type"] for e in events} <= set(SCHEMAS)
