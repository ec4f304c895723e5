"""conftest.py: one machine for all tests of tests/boot."""

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from boot import Product  # noqa: E402


@pytest.fixture(scope="session")
def product(tmp_path_factory):
    assert os.geteuid() == 0, "a machine of its own needs root, and namespaces"
    made = Product(tmp_path_factory.mktemp("boot"))
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def machine(product):
    return product.machine
