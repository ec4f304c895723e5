"""The pages as a browser shows them: what their scripts make of them, and that no
script or style was refused or failed."""
import html
import os
import re
import signal
import subprocess
import uuid

import pytest


@pytest.fixture
def browser(world, tmp_path):
    """show(path): the page as it stands when its scripts have done their work."""
    def show(path):
        process = subprocess.Popen(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--disable-extensions", "--disable-background-networking", "--no-first-run",
             "--ignore-certificate-errors", f"--user-data-dir={tmp_path}/profile",
             "--enable-logging=stderr", "--v=0", "--virtual-time-budget=20000", "--dump-dom",
             world.url + path],
            env={**os.environ, "HOME": str(tmp_path)}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
        try:
            page, log = process.communicate(timeout=120)
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        said = [line for line in log.splitlines() if ":CONSOLE" in line]
        assert process.returncode == 0 and not said, said or log
        return page
    return show


def test_the_description_of_the_api_is_shown_whole(world, browser):
    page = browser("/docs/")
    assert "Reading the description" not in page
    shown = set(re.findall(r' id="([^"]+)"', page))
    count = 0
    for operations in world.contract.document["paths"].values():
        for operation in operations.values():
            if not isinstance(operation, dict):
                continue
            count += 1
            assert operation["operationId"] in shown
            assert html.escape(operation["summary"], quote=False) in page
    assert count > 20
    for name in world.contract.document["components"]["schemas"]:
        assert f"schema-{name}" in shown


@pytest.mark.parametrize("path, words", [
    ("/paid/{}", "Thank you"), ("/checkin/{}", "Your check-in code"), ("/docs/errors", "Errors")])
def test_a_page_is_shown_and_nothing_of_it_was_refused(browser, path, words):
    assert words in browser(path.format(uuid.uuid4()))
