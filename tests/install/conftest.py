"""conftest.py: what `make install` puts in a folder, for all tests of
tests/install."""

import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from units import Image  # noqa: E402


def open_folder():
    """One that other users may enter, which those of pytest are not."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="install."))
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def image():
    """Not to be changed."""
    folder = open_folder()
    yield Image.install(folder / "image")
    shutil.rmtree(folder)


@pytest.fixture
def folder():
    made = open_folder()
    yield made
    shutil.rmtree(made)
