"""test_campaign.py: a short run of tests/campaign/payments.py."""

import os
import pathlib
import random
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "campaign"), str(ROOT / "tests" / "support")]
import payments  # noqa: E402

BOOKINGS, CLIENTS = 150, 16


@pytest.mark.kills_workers
def test_whatever_fails_all_books_agree_in_the_end(tmp_path):
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**6))
    run = payments.campaign(tmp_path, seed, BOOKINGS, CLIENTS)
    assert run.did["booked"] > BOOKINGS / 2
    assert sum(run.struck["faults"].values()) > 0
    assert sum(run.struck["webhook_faults"].values()) > 0
