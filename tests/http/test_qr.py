"""test_qr.py: the QR code of a booking, as its owner gets it and as a decoder that
is not ours reads it."""
import struct
import subprocess
import urllib.parse

import pytest

V1 = "/api/v1/bookings"


def picture(client, made, kind):
    return client.get(f"{V1}/{made['booking_id']}/qr", headers={"Accept": kind})


def decoded(path):
    """What zbarimg reads; it knows no other kind of code here."""
    done = subprocess.run(["zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", str(path)],
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, f"no code is seen in {path.name}: {done.stderr}"
    return done.stdout.rstrip("\n")


@pytest.fixture(scope="module")
def booked(world):
    me = world.customer()
    return me, me.book(world.booking()).ok(201)


def test_the_address_is_that_of_the_page_and_tells_nothing_personal(world, booked):
    me, made = booked
    told = picture(me, made, "application/json").ok()
    url = urllib.parse.urlsplit(told["url"])
    assert f"{url.scheme}://{url.netloc}" == world.settings["PUBLIC_URL"]
    assert url.path == f"/checkin/{made['reference_number']}"
    version, key, mac = urllib.parse.parse_qs(url.query)["sig"][0].split(".")
    assert version == "1" and len(key) == 4 and len(mac) == 22
    assert told["booking_code"] == made["booking_code"]
    assert told["date"] == made["start_datetime"][:10]
    # Again the same: a code that was printed stays good.
    assert picture(me, made, "application/json").ok()["url"] == told["url"]


def test_a_decoder_reads_the_png_of_300_pixels(world, booked, tmp_path):
    me, made = booked
    shown = picture(me, made, "image/png").ok()
    assert shown.headers["Content-Type"] == "image/png"
    assert shown.headers["Cache-Control"] == "private, no-store"
    assert shown.body.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", shown.body[16:24]) == (300, 300)
    (tmp_path / "qr.png").write_bytes(shown.body)
    assert decoded(tmp_path / "qr.png") == picture(me, made, "application/json")["url"]


@pytest.mark.parametrize("pixels", [300, 113, 1000])
def test_a_decoder_reads_the_drawing_at_any_size(world, booked, tmp_path, pixels):
    me, made = booked
    shown = picture(me, made, "image/svg+xml").ok()
    assert shown.headers["Content-Type"] == "image/svg+xml"
    assert b"<script" not in shown.body and b"href" not in shown.body
    (tmp_path / "qr.svg").write_bytes(shown.body)
    subprocess.run(["rsvg-convert", "-w", str(pixels), "-o", str(tmp_path / "qr.png"),
                    str(tmp_path / "qr.svg")], check=True, timeout=30)
    assert decoded(tmp_path / "qr.png") == picture(me, made, "application/json")["url"]


def test_without_a_wish_it_is_a_png_and_without_a_type_of_ours_406(world, booked):
    me, made = booked
    assert picture(me, made, "*/*").ok().headers["Content-Type"] == "image/png"
    assert picture(me, made, None).ok().headers["Content-Type"] == "image/png"
    picture(me, made, "text/html").problem(406, "not_acceptable")
    head = me.send("HEAD", f"{V1}/{made['booking_id']}/qr", headers={"Accept": "image/png"}).ok()
    assert head.headers["Content-Type"] == "image/png" and head.body == b""


def test_only_its_owner_gets_it(world, booked):
    me, made = booked
    for kind in ("image/png", "image/svg+xml", "application/json"):
        picture(world.customer(), made, kind).problem(404, "not_found")
        picture(world.anyone(), made, kind).problem(401, "unauthenticated")
        picture(world.staff(made["franchise_id"]), made, kind).problem(403, "insufficient_scope")
        picture(world.program(customer=me.sub), made, kind).ok()
        picture(world.program(customer=me.sub, franchise=world.franchise()), made, kind).problem(
            404, "not_found")
    manage = world.bearer(made["manage_url"].partition("#token=")[2])
    world.canaries.add(manage.token)
    picture(manage, made, "image/png").ok()
    other = me.book(world.booking()).ok(201)
    picture(manage, other, "image/png").problem(404, "not_found")


def test_a_booking_that_is_over_has_none(world):
    me = world.customer()
    made = me.book(world.booking()).ok(201)
    me.cancel(made["booking_id"]).ok()
    picture(me, made, "image/png").problem(409, "state_conflict")
    lapsed = me.book(world.booking()).ok(201)
    world.lapse(lapsed["booking_id"])
    picture(me, lapsed, "image/png").problem(409, "state_conflict")


def test_no_log_holds_the_signature(world, booked):
    me, made = booked
    url = picture(me, made, "application/json")["url"]
    world.canaries.add(url.partition("?sig=")[2])
    path = urllib.parse.urlsplit(url)
    # As a camera that is no app of ours opens it, right and wrong.
    for at in (f"{path.path}?{path.query}", f"{path.path}x?{path.query}", f"/checkin?{path.query}"):
        world.session.get(world.url + at, verify=world.certificate, timeout=10)
    me.send("GET", f"{V1}/{made['booking_id']}/qr?{path.query}").problem(422, "validation_failed")
    world.staff(made["franchise_id"]).send("POST", "/api/v1/checkins", body={"qr": url}).problem(
        409, "unpaid")


def test_the_page_behind_the_code_is_there_and_works_without_a_script(world, booked):
    me, made = booked
    url = urllib.parse.urlsplit(picture(me, made, "application/json")["url"])
    shown = world.session.get(f"{world.url}{url.path}?{url.query}", verify=world.certificate,
                              timeout=10)
    assert shown.status_code == 200
    assert shown.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Show the QR code" in shown.text and "For staff" in shown.text
    assert "<script" not in shown.text and made["reference_number"] not in shown.text
    policy = shown.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert shown.headers["Referrer-Policy"] == "no-referrer"
    assert "max-age" in shown.headers["Strict-Transport-Security"]
    for other in ("/checkin", "/checkin/", "/checkin/index.html", "/checkin/1", f"{url.path}/"):
        assert world.session.get(world.url + other, verify=world.certificate,
                                 timeout=10).status_code == 404, other
    refused = world.session.post(f"{world.url}{url.path}", verify=world.certificate, timeout=10)
    assert refused.status_code == 405


def test_an_operator_revokes_what_was_shown(world):
    me, house = world.customer(), world.franchise()
    made = world.comes_today(me, house)
    old = picture(me, made, "application/json")["url"]
    etag = me.read(made["booking_id"]).etag
    asked = "select count(*) from bookings.outbox where topic = 'documents' and booking_id = %s"
    before = world.one(asked, made["booking_id"])
    told = world.ctl("booking", "revoke-qr", made["booking_id"], "--by", "Anna of the help desk")
    assert told == f"{made['booking_id']}: QR codes up to number 1 are revoked\n"
    assert world.sql("select qr_version, revoked_by from bookings.qr_revocations"
                     " where booking_id = %s", made["booking_id"]) == [(1, "Anna of the help desk")]
    assert world.one(asked, made["booking_id"]) == before + 1
    assert me.read(made["booking_id"]).etag != etag

    desk = world.staff(house)
    desk.send("POST", "/api/v1/checkins", body={"qr": old}).problem(409, "revoked")
    new = picture(me, made, "application/json")["url"]
    assert "sig=2." in new
    desk.send("POST", "/api/v1/checkins", body={"qr": new}).ok(201)
    # Used up: there is nothing left to revoke.
    world.ctl("booking", "revoke-qr", made["booking_id"], status=1)
    world.ctl("booking", "revoke-qr", "00000000-0000-4000-8000-00000000dead", status=1)
    world.ctl("booking", "revoke-qr", "x", status=2)
    world.ctl("booking", "revoke-qr", status=2)
