"""test_consumer.py: docs/events.md's recipe, where it matters which queue it is."""

import itertools
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from consumer import Consumer, consume  # noqa: E402


def events(booking, *numbers):
    return [{"aggregate_id": booking, "sequence": n} for n in numbers]


@pytest.mark.parametrize("keeps", [False, True])
def test_any_order_with_repeats_is_applied_once_and_in_order(keeps):
    for order in itertools.permutations((1, 2, 2, 3)):
        got = []
        assert consume(events("a", *order), Consumer(got.append, keeps)) == []
        assert got == events("a", 1, 2, 3)


def test_what_was_lost_before_a_fifo_queue_comes_again_behind_what_is_kept():
    """The first was deleted and never applied; then it was sent again."""
    queue = events("a", 2, 3) + events("b", 1) + events("a", 1, 2, 3)
    got = []
    assert consume(queue, Consumer(got.append), fifo=True) == \
        events("a", 2, 3, 1, 2, 3)  # left, it stops its booking for good
    assert got == events("b", 1)
    got.clear()
    keeper = Consumer(got.append, keeps=True)
    assert consume(queue, keeper, fifo=True) == [] and keeper.kept == {}
    assert [e for e in got if e["aggregate_id"] == "a"] == events("a", 1, 2, 3)
    assert [e for e in got if e["aggregate_id"] == "b"] == events("b", 1)
