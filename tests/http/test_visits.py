"""test_visits.py: at the desk: children come in, go home, and are counted."""
import datetime
import json
import uuid

import pytest

from product import CANARY, UTC

CHECKINS = "/api/v1/checkins"


def code(client, made):
    return client.get(f"/api/v1/bookings/{made['booking_id']}/qr").ok()["url"]


def scan(desk, qr, **more):
    return desk.send("POST", CHECKINS, body={"qr": qr}, **more)


def collect(desk, made, who, status=200, **body):
    headers = body.pop("headers", None)
    return desk.send("POST", f"/api/v1/bookings/{made['booking_id']}/checkout",
                     body={"collected_by": who, **body}, headers=headers)


def roster(desk, franchise, **params):
    return desk.get(f"/api/v1/franchises/{franchise}/roster", params=params)


def events(world, made):
    return [t for t, in world.sql(
        "select type from bookings.outbox where topic = 'events' and booking_id = %s order by id",
        made["booking_id"])]


@pytest.fixture
def hall(world):
    """A customer, the franchise it booked, and its desk."""
    house = world.franchise(max_capacity=20)
    return world.customer(), house, world.staff(house)


# ---- coming ----------------------------------------------------------------------------


def test_a_scan_tells_what_to_know_about_the_children(world, hall):
    me, house, desk = hall
    made = world.comes_today(me, house, children=2)
    qr = code(me, made)
    came = scan(desk, qr).ok(201)
    assert came["booking_id"] == made["booking_id"]
    assert (came["status"], came["already"], came["checked_in_with"]) == ("checked_in", False, "qr")
    assert came["booking_code"] == made["booking_code"] and came["time_zone"] == "UTC"
    assert came["customer"] == {"name": f"John {CANARY}", "phone": "+354 555 0199",
                                "emergency_contact": f"Jane {CANARY}"}
    assert len(came["children"]) == 2
    for child in came.json["children"]:
        assert child["allergies"] == f"Nuts {CANARY}" and child["age"] == 5
        assert child["pickup_authorization"] == f"Uncle {CANARY}"
        assert child["special_needs"] and child["special_instructions"]
    assert came.headers["Cache-Control"] == "private, no-store"
    assert "example.com" not in came.body.decode()  # no e-mail address is needed there

    seen = me.read(made["booking_id"])
    assert seen["status"] == "checked_in" and seen["checked_in_at"] == came["checked_in_at"]
    assert events(world, made)[-1] == "BookingCheckedIn"


def test_it_works_once_and_again_only_for_the_same_key_a_moment_later(world, hall):
    me, house, desk = hall
    made = world.comes_today(me, house)
    qr = code(me, made)
    first = scan(desk, qr).ok(201)
    before = world.counts()
    again = scan(desk, qr).ok(200)
    assert again["already"] is True and again["checked_in_at"] == first["checked_in_at"]
    scan(world.staff(house), qr).problem(409, "already_checked_in")
    world.sql("update bookings.visits set checked_in_at = checked_in_at - interval '10 minutes'"
              " where booking_id = %s", made["booking_id"])
    scan(desk, qr).problem(409, "already_checked_in")
    assert world.counts() == before
    assert events(world, made).count("BookingCheckedIn") == 1


def test_under_one_key_the_first_answer_comes_again(world, hall):
    me, house, desk = hall
    made = world.comes_today(me, house)
    qr, key = code(me, made), {"Idempotency-Key": str(uuid.uuid4())}
    first = scan(desk, qr, headers=key).ok(201)
    again = scan(desk, qr, headers=key).ok(201)
    assert again.headers["Idempotency-Replayed"] == "true" and again.body == first.body
    desk.send("POST", CHECKINS, body={"booking_code": made["booking_code"]}, headers=key).problem(
        422, "idempotency_key_reused")
    out = {"Idempotency-Key": str(uuid.uuid4())}
    gone = collect(desk, made, f"John {CANARY}", headers=out).ok()
    assert collect(desk, made, f"John {CANARY}", headers=out).ok().body == gone.body


def test_where_nothing_can_be_scanned_the_short_code_will_do(world, hall):
    me, house, desk = hall
    made = world.comes_today(me, house)
    typed = made["booking_code"].replace("-", "").lower()
    elsewhere = world.staff(world.franchise())
    elsewhere.send("POST", CHECKINS, body={"booking_code": typed}).problem(404, "not_found")
    unknown = desk.send("POST", CHECKINS, body={"booking_code": "2222-2222"}).problem(404, "not_found")
    mine = elsewhere.send("POST", CHECKINS, body={"booking_code": typed}).problem(404, "not_found")
    assert mine.json["detail"] == unknown.json["detail"]
    came = desk.send("POST", CHECKINS, body={"booking_code": typed}).ok(201)
    assert came["checked_in_with"] == "booking_code"


REFUSED = {
    "unpaid": "booking_status = 'pending', hold_expires_at = now() + interval '1 hour'",
    "expired": "booking_status = 'pending', hold_expires_at = now() - interval '1 second'",
    "cancelled": "booking_status = 'cancelled'",
    "already_checked_in": "booking_status = 'completed'",
    "booking_over": "booking_status = 'no_show'",
    "wrong_day": "start_datetime = start_datetime - interval '1 day'",
}


@pytest.mark.parametrize("refusal", REFUSED)
def test_each_refusal_has_its_own_code_and_changes_nothing(world, hall, refusal):
    me, house, desk = hall
    made = world.comes_today(me, house)
    qr = code(me, made)
    kept = world.sql("select booking_status, hold_expires_at, start_datetime from bookings.bookings"
                     " where id = %s", made["booking_id"])[0]
    world.sql(f"update bookings.bookings set {REFUSED[refusal]} where id = %s", made["booking_id"])
    try:
        before = world.counts()
        told = scan(desk, qr).problem(409, refusal)
        assert CANARY not in told.body.decode()
        assert world.counts() == before
        assert world.one("select count(*) from bookings.visits where booking_id = %s",
                         made["booking_id"]) == 0
    finally:
        world.sql("update bookings.bookings set booking_status = %s, hold_expires_at = %s,"
                  " start_datetime = %s where id = %s", *kept, made["booking_id"])


def test_forged_and_unknown_codes_are_told_alike(world, hall):
    me, house, desk = hall
    made = world.comes_today(me, house)
    qr = code(me, made)
    unknown = qr.replace(made["reference_number"], str(uuid.uuid4()))
    forged = qr[:-1] + ("A" if qr[-1] != "A" else "B")
    higher = qr.replace("sig=1.", "sig=2.")
    version, key, mac = qr.partition("?sig=")[2].split(".")
    other = key[:-1] + ("A" if key[-1] != "A" else "B")
    other_key = qr.replace(f"{version}.{key}.{mac}", f"{version}.{other}.{mac}")
    answers = [scan(desk, text).problem(422, "forged") for text in (
        unknown, forged, higher, other_key, qr.split("?")[0], "https://example.com/", "x",
        qr + "&a=b", qr.replace("/checkin/", "/pay/"))]
    assert len({(a.json["detail"], a.json["title"]) for a in answers}) == 1
    assert not any(a.json.get("errors") for a in answers)
    scan(desk, qr).ok(201)


def test_another_franchise_sees_nothing_of_it(world, hall):
    me, house, desk = hall
    made = world.comes_today(me, house)
    qr = code(me, made)
    other = world.staff(world.franchise())
    told = scan(other, qr).problem(409, "wrong_franchise")
    assert house not in told.body.decode() and CANARY not in told.body.decode()
    scan(desk, qr).ok(201)
    scan(other, qr).problem(409, "wrong_franchise")
    collect(other, made, f"John {CANARY}").problem(404, "not_found")
    roster(other, house).problem(404, "not_found")
    # Their own is empty.
    mine = roster(other, world.franchise()).problem(404, "not_found")
    assert CANARY not in mine.body.decode()
    assert events(world, made).count("BookingCompleted") == 0


def test_a_key_without_the_scope_or_of_another_kind_may_nothing(world, hall):
    me, house, desk = hall
    made = world.comes_today(me, house)
    qr = code(me, made)
    for caller in (me, world.guest(), world.program(franchise=house, customer=me.sub),
                   world.program(kind="publishable", scopes="guest:create checkin:write",
                                 franchise=house)):
        scan(caller, qr).problem(403, "insufficient_scope")
        collect(caller, made, f"John {CANARY}").problem(403, "insufficient_scope")
        roster(caller, house).problem(403, "insufficient_scope")
    scan(world.anyone(), qr).problem(401, "unauthenticated")
    # Nor may the desk do what is a customer's.
    at_home = world.program(scopes="checkin:write", franchise=house, customer=me.sub)
    at_home.read(made["booking_id"]).problem(403, "insufficient_scope")
    at_home.cancel(made["booking_id"]).problem(403, "insufficient_scope")
    # A key that is bound to no franchise is the operator's.
    scan(world.staff(), qr).ok(201)


def test_the_day_is_the_one_where_the_franchise_is(world):
    """At every moment it is another day in one of these."""
    me = world.customer()
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago", "America/New_York"):
        house = world.franchise(timezone=zone, open_time="00:00", close_time="24:00")
        made = world.comes_today(me, house, start=12, end=13)
        told = me.get(f"/api/v1/bookings/{made['booking_id']}/qr").ok()
        local = world.one("select (now() at time zone %s)::date::text", zone)
        assert told["date"] == local and told["time_zone"] == zone
        desk = world.staff(house)
        assert roster(desk, house).ok()["date"] == local
        scan(desk, told["url"]).ok(201)


def test_bodies_that_make_no_sense_are_refused_by_field(world, hall):
    _, _, desk = hall
    desk.send("POST", CHECKINS, body={}).blames("/qr", "required")
    desk.send("POST", CHECKINS, body={"qr": "x", "booking_code": "K7QM-4TXA"}).blames(
        "/booking_code", "exclusive")
    desk.send("POST", CHECKINS, body={"qr": "x" * 2049}).blames("/qr", "max_length")
    nobody = {"booking_id": str(uuid.uuid4())}
    collect(desk, nobody, "").blames("/collected_by", "min_length")
    collect(desk, nobody, "Jane", override=True).blames("/reason", "required")
    collect(desk, nobody, "Jane", reason="so").blames("/reason", "unexpected")
    collect(desk, nobody, "Jane").problem(404, "not_found")


# ---- going -----------------------------------------------------------------------------


def test_children_go_home_with_the_customer_or_a_name_of_the_list(world, hall):
    me, house, desk = hall
    for who in (f"  JOHN {CANARY.lower()} ", f"uncle {CANARY}"):
        made = world.comes_today(me, house)
        collect(desk, made, who).problem(409, "not_checked_in")
        scan(desk, code(me, made)).ok(201)
        collect(desk, made, f"Tom {CANARY}").problem(409, "not_authorised")
        gone = collect(desk, made, who).ok()
        assert (gone["status"], gone["overridden"], gone["already"]) == ("completed", False, False)
        seen = me.read(made["booking_id"])
        assert seen["status"] == "completed"
        assert seen["checked_out_at"] == gone["checked_out_at"]
        assert events(world, made)[-2:] == ["BookingCheckedIn", "BookingCompleted"]
        assert collect(desk, made, who).ok()["already"] is True
        collect(world.staff(house), made, who).problem(409, "already_collected")
        me.cancel(made["booking_id"]).problem(409, "state_conflict")


def test_an_override_is_kept_sealed_and_told_as_one(world, hall):
    me, house, desk = hall
    made = world.comes_today(me, house)
    scan(desk, code(me, made)).ok(201)
    gone = collect(desk, made, f"Tom {CANARY}", override=True,
                   reason=f"Jane {CANARY}\ncalled").ok()
    assert gone["overridden"] is True and gone["collected_by"] == f"Tom {CANARY}"
    sealed = world.sql("select collected_by, override_reason from bookings.visits"
                       " where booking_id = %s", made["booking_id"])[0]
    assert all(CANARY.encode() not in bytes(text) and len(bytes(text)) > 30 for text in sealed)
    facts = world.sql("select facts::text from bookings.outbox where booking_id = %s",
                      made["booking_id"])
    assert not any(CANARY in text for text, in facts)


def test_the_events_tell_when_they_came_and_went(world, hall):
    me, house, desk = hall
    made = world.comes_today(me, house)
    came = scan(desk, code(me, made)).ok(201)
    gone = collect(desk, made, f"John {CANARY}").ok()
    facts = dict(world.sql("select type, facts from bookings.outbox where booking_id = %s"
                           " and type in ('BookingCheckedIn', 'BookingCompleted')",
                           made["booking_id"]))
    assert facts["BookingCheckedIn"]["checked_in_at"] == came["checked_in_at"]
    assert "checked_out_at" not in facts["BookingCheckedIn"]
    assert facts["BookingCompleted"]["checked_in_at"] == came["checked_in_at"]
    assert facts["BookingCompleted"]["checked_out_at"] == gone["checked_out_at"]


# ---- the day ---------------------------------------------------------------------------


def test_a_roster_of_much_text_comes_in_more_pages(world):
    house = world.franchise(standard_rate=0, peak_hour_rate=0, max_capacity=1000)
    desk, day = world.staff(house), world.new_day()
    made = set()
    for number in range(14):
        children = [{"name": f"Child {number} {n}", "age": 5, "special_needs": "\u0416" * 1000,
                     "allergies": "\u0416" * 1000, "special_instructions": "\u0416" * 1000}
                    for n in range(10)]
        body = {**world.booking(house, day=day, start=9, end=10), "children": children}
        del body["child_info"]
        made.add(world.customer().send("POST", "/api/v1/bookings", data=json.dumps(
            body, ensure_ascii=False).encode()).ok(201)["booking_id"])
    seen, cursor, pages = [], None, 0
    while True:
        page = roster(desk, house, date=str(day), limit=100,
                      **({"cursor": cursor} if cursor else {})).ok()
        seen += [entry["booking_id"] for entry in page["data"]]
        pages += 1
        cursor = page.json["next_cursor"]
        if not page["has_more"]:
            break
    assert len(seen) == 14 and set(seen) == made and 1 < pages < 14


def test_the_roster_tells_who_comes_in_pages_and_how_full_it_is(world, hall):
    me, house, desk = hall
    customers = [world.customer() for _ in range(5)]
    made = [world.comes_today(c, house, children=2) for c in customers]
    hold = me.book(world.booking(house)).ok(201)  # unpaid: it does not come
    world.bring_forward(hold["booking_id"])
    for i in (1, 2):
        scan(desk, code(customers[i], made[i])).ok(201)
    collect(desk, made[2], f"John {CANARY}").ok()

    seen, cursor = [], None
    while True:
        page = roster(desk, house, limit=2, **({"cursor": cursor} if cursor else {})).ok()
        assert page.json["occupancy"] == {"present": 2, "expected": 6, "collected": 2, "no_show": 0,
                                          "capacity": 20}
        assert page.headers["Cache-Control"] == "private, no-store"
        seen += page.json["data"]
        cursor = page.json["next_cursor"]
        if not page.json["has_more"]:
            break
    assert cursor is None
    assert {e["booking_id"]: e["status"] for e in seen} == {
        b["booking_id"]: {1: "checked_in", 2: "collected"}.get(i, "expected")
        for i, b in enumerate(made)}
    assert [e["booking_id"] for e in seen] == sorted(e["booking_id"] for e in seen)
    for entry in seen:
        assert len(entry["children"]) == 2
        assert entry["children"][0]["allergies"] == f"Nuts {CANARY}"
        assert entry["children"][0]["pickup_authorization"] == f"Uncle {CANARY}"
        assert set(entry["customer"]) == {"name", "phone", "emergency_contact"}
        assert (entry["start_time"], entry["end_time"]) == ("00:00", "24:00")


def test_a_booking_that_cannot_be_read_is_marked_and_told_to_the_sysadmin(world, hall):
    me, house, desk = hall
    made = [world.comes_today(c, house, children=2) for c in (me, world.customer())]
    before = {e["booking_id"]: e for e in roster(desk, house).ok()["data"]}
    assert [e["unreadable"] for e in before.values()] == [False, False]
    lost, left = (b["booking_id"] for b in made)
    qr = code(me, made[0])
    spoil = ("update bookings.bookings set data_key = set_byte(data_key, length(data_key) - 1,"
             " get_byte(data_key, length(data_key) - 1) # 1) where id = %s")
    world.sql(spoil, lost)
    try:
        world.expect(f'"answered_in_part".*{lost}')
        page = roster(desk, house).ok()
        seen = {e["booking_id"]: e for e in page["data"]}
        assert seen[left] == before[left]
        # What is in the clear stays; nobody may take what is not shown for "none".
        assert seen[lost] == {**before[lost], "unreadable": True, "customer": None, "children": []}
        assert seen[lost]["child_count"] == 2 and seen[lost]["child_ages"] == [5, 5]
        assert page.json["occupancy"]["expected"] == 4
        line, = [json.loads(x) for x in (world.home / "log/api.log").read_text().splitlines()
                 if '"answered_in_part"' in x and lost in x]
        assert line["level"] == "error" and "does not open" in line["why"]
        assert line["request_id"] == page.headers["X-Request-Id"]
        assert line["route"] == "/api/v1/franchises/{franchise_id}/roster"
        came = scan(desk, qr, headers={"Idempotency-Key": str(uuid.uuid4())}).ok(201)
        assert came["unreadable"] is True and came["already"] is False
        assert came["customer"] is None and came["children"] == []
        assert events(world, made[0])[-1] == "BookingCheckedIn"
        world.expect('"code":"internal_error"')
        collect(desk, made[0], f"John {CANARY}").problem(500, "internal_error")
    finally:
        world.sql(spoil, lost)
    seen = {e["booking_id"]: e for e in roster(desk, house).ok()["data"]}
    assert seen == {**before, lost: {**before[lost], "status": "checked_in",
                                     "checked_in_at": came["checked_in_at"]}}
    assert collect(desk, made[0], f"John {CANARY}").ok()["status"] == "completed"


def test_a_day_with_nobody_is_empty_and_a_bad_one_is_refused(world, hall):
    _, house, desk = hall
    day = datetime.datetime.now(UTC).date() + datetime.timedelta(days=3)
    empty = roster(desk, house, date=str(day)).ok()
    assert empty["data"] == [] and empty["date"] == str(day)
    assert empty.json["occupancy"]["present"] == 0
    roster(desk, house, date="tomorrow").blames("date", "format")
    roster(desk, house, cursor="x").blames("cursor", "format")
    roster(desk, house, limit=101).blames("limit", "maximum")
    roster(desk, str(uuid.uuid4())).problem(404, "not_found")
    assert roster(desk, house, date="9999-12-31").ok()["data"] == []
    assert roster(desk, house, date="0001-01-01").ok()["data"] == []


def test_another_day_is_shown_by_its_date(world, hall):
    me, house, desk = hall
    day = world.new_day()
    made = me.book(world.booking(house, day=day)).ok(201)
    world.pay(made["booking_id"])
    entry, = roster(desk, house, date=str(day)).ok().json["data"]
    assert (entry["status"], entry["start_time"], entry["end_time"]) == (
        "expected", "09:00", "17:00")
    assert roster(desk, house).ok()["data"] == []
