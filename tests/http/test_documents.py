"""test_documents.py: pictures of QR codes in a folder that nginx serves."""

import re
import subprocess
import urllib.parse

import pytest
from product import until
from test_qr import decoded
from test_site import page

V1 = "/api/v1/bookings"


@pytest.fixture(scope="module")
def stored(world):
    """A booking, its owner, and where its picture is."""
    world.instance("documents", "start")
    me = world.customer()
    free = world.franchise(standard_rate=0, peak_hour_rate=0)
    made = me.book(world.booking(free)).ok(201)
    told = until(lambda: (a := me.get(f"{V1}/{made['booking_id']}")).json["qr_code_url"] and a,
                 "a picture's address")
    yield me, made, urllib.parse.urlsplit(told["qr_code_url"])
    world.instance("documents", "stop")


def test_anybody_who_was_given_the_address_gets_the_picture(world, stored, tmp_path):
    me, made, url = stored
    assert f"{url.scheme}://{url.netloc}" == world.settings["PUBLIC_URL"]
    assert re.fullmatch(r"/documents/qr/[A-Za-z0-9_-]{22}\.png", url.path)
    shown = page(world, url.path)
    assert shown.status_code == 200
    assert shown.headers["Content-Type"] == "image/png"
    assert shown.headers["Cache-Control"] == "private, max-age=86400"
    assert shown.headers["X-Robots-Tag"] == "noindex"
    assert shown.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    (tmp_path / "qr.png").write_bytes(shown.content)
    told = me.get(f"{V1}/{made['booking_id']}/qr", headers={"Accept": "application/json"}).ok()
    assert decoded(tmp_path / "qr.png") == told["url"]
    drawing = page(world, url.path.replace(".png", ".svg"))
    assert drawing.status_code == 200
    assert drawing.headers["Content-Type"] == "image/svg+xml"


def test_names_cannot_be_listed_guessed_or_climbed_out_of(world, stored):
    _, _, url = stored
    for path in ("/documents", "/documents/", "/documents/qr/", "/documents/qr",
                 url.path.replace(".png", "x.png"), url.path + "/", url.path[:-4], url.path + ".bak",
                 "/documents/qr/../../events.jsonl", "/documents/qr/..%2f..%2fenv",
                 "/documents/qr/.new-1"):
        assert page(world, path).status_code in (400, 404), path
    assert world.session.post(world.url + url.path, verify=world.certificate).status_code == 405


def test_no_log_holds_its_name(world, stored):
    _, _, url = stored
    assert page(world, url.path).status_code == 200
    name = url.path.rsplit("/", 1)[1].split(".")[0]
    done = subprocess.run(["grep", "-rl", name, world.home / "log"], capture_output=True, text=True)
    assert done.stdout == ""
    # nginx writes its line after the answer.
    log = world.home / "log" / "access.log"
    until(lambda: b'"path":"/documents/qr/"' in log.read_bytes(), "the line of the picture")


def test_a_code_that_was_revoked_is_gone_and_its_successor_has_another_name(world, stored):
    me, made, url = stored
    world.ctl("booking", "revoke-qr", made["booking_id"])
    path = f"{V1}/{made['booking_id']}"
    told = until(lambda: me.get(path).json["qr_code_url"], "another picture's address")
    assert urllib.parse.urlsplit(told).path != url.path
    assert page(world, url.path).status_code == 404
    assert page(world, urllib.parse.urlsplit(told).path).status_code == 200
