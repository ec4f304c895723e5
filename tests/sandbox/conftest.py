"""conftest.py: one sandbox of each kind and one receiver for all tests, reset
before each."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from aws_sandbox import AwsSandbox  # noqa: E402
from stripe_sandbox import SECRET, Receiver, Sandbox  # noqa: E402


@pytest.fixture(scope="session")
def running():
    sandbox = Sandbox()
    yield sandbox
    assert sandbox.stop() == 0


@pytest.fixture
def sandbox(running):
    running.control("POST", "/webhooks", {
        "url": None, "ca": None, "secrets": [SECRET], "events": ["*"], "backoff_s": 0.02,
        "backoff_max_s": 0.1, "tries_max": 15, "timeout_s": 10})
    running.control("POST", "/reset")
    running.control("POST", "/settings", {"books_s": 1800, "settle_s": 3600, "objects_max": 200000})
    return running


@pytest.fixture
def receiver(sandbox):
    receiver = Receiver()
    sandbox.control("POST", "/webhooks", {"url": receiver.url})
    yield receiver
    sandbox.control("POST", "/webhooks", {"url": None})
    receiver.stop()


@pytest.fixture(scope="session")
def aws_running():
    sandbox = AwsSandbox("--seed", "7")
    sandbox.settings = sandbox.control("GET", "/settings")
    yield sandbox
    assert sandbox.stop() == 0


@pytest.fixture
def aws(aws_running):
    aws_running.control("POST", "/settings", aws_running.settings)
    aws_running.control("POST", "/reset")
    return aws_running
