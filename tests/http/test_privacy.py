"""What is personal is sealed; what happened is told."""
import json
import subprocess
import uuid

from product import at


def dump(world):
    """All of the database, as text and with bytea as what it holds."""
    done = subprocess.run(["pg_dump", "-h", str(world.home / "run"), "-U", "postgres", "booking"],
                          capture_output=True, timeout=60, check=True)
    text = done.stdout
    # bytea is shown in hex: look into it too.
    out = [text]
    for word in text.replace(b"\\\\x", b"\n\x00hex").split(b"\n"):
        if word.startswith(b"\x00hex"):
            digits = word[4:].split(b"\t")[0].split(b",")[0].split(b'"')[0]
            try:
                out.append(bytes.fromhex(digits.decode()))
            except ValueError:
                continue
    return b"\n".join(out)


def test_no_personal_word_lies_open_in_the_database(world):
    me = world.customer()
    mark = uuid.uuid4().hex[:12]
    body = world.booking()
    sealed = {
        "customer name": f"Name{mark}", "e-mail": f"mail{mark}@example.com",
        "phone": "+1 555 " + str(int(mark, 16))[:9], "emergency": f"Emergency{mark}",
        "child": f"Child{mark}", "needs": f"Needs{mark}", "allergies": f"Allergies{mark}",
        "pickup": f"Pickup{mark}", "instructions": f"Instructions{mark}", "reason": f"Reason{mark}",
    }
    body["customer_info"] = {"name": sealed["customer name"], "email": sealed["e-mail"],
                             "phone": sealed["phone"], "emergency_contact": sealed["emergency"]}
    body["child_info"] = {"name": sealed["child"], "age": 5, "special_needs": sealed["needs"],
                          "allergies": sealed["allergies"], "pickup_authorization": sealed["pickup"],
                          "special_instructions": sealed["instructions"]}
    key = f"key-{mark}"
    made = me.book(body, headers={"Idempotency-Key": key}).ok(201)
    me.change(made["booking_id"], {"customer_info": {"name": f"Other{mark}"}},
              headers={"Idempotency-Key": f"{key}-2"}).ok()
    me.cancel(made["booking_id"], params={"reason": sealed["reason"]},
              headers={"Idempotency-Key": f"{key}-3"}).ok()
    world.canaries.update(v for v in sealed.values())
    assert me.read(made["booking_id"])["cancellation_reason"] == sealed["reason"]
    assert me.read(made["booking_id"])["children"] == [body["child_info"]]

    kept = dump(world)
    assert made["booking_id"].encode() in kept and key.encode() in kept, "the dump holds the booking"
    for name, word in {**sealed, "new name": f"Other{mark}"}.items():
        assert word.encode() not in kept, f"{name} lies open"
        assert word.encode("utf-16-le") not in kept
    for secret in ("JWT_SECRET", "SESSION_SECRET", "LOOKUP_SECRET"):
        assert world.settings[secret].encode() not in kept
    # Redis keeps nothing of a family at all.
    for entry in world.redis.keys():
        value = world.redis.get(entry) if world.redis.type(entry) == b"string" else b""
        assert mark.encode() not in (value or b"")


def test_the_same_name_is_sealed_differently_each_time(world):
    house = world.franchise()
    one, two = world.customer(), world.customer()
    body = world.booking(house)
    ids = [c.book(body).ok(201)["booking_id"] for c in (one, two)]
    names = [bytes(n) for n, in world.sql("select name from bookings.booking_children where"
                                          " booking_id = any(%s::uuid[])", ids)]
    keys = world.sql("select child_key from bookings.booking_children where"
                     " booking_id = any(%s::uuid[])", ids)
    assert names[0] != names[1] and keys[0] != keys[1]


def test_a_sealed_word_that_was_tampered_with_is_not_shown(world):
    me = world.customer()
    a = me.book(world.booking()).ok(201)["booking_id"]
    b = me.book(world.booking()).ok(201)["booking_id"]
    world.expect('"status":500')
    # A row's word moved to another row does not open there.
    world.sql("update bookings.customer_info set name = (select name from bookings.customer_info"
              " where booking_id = %s) where booking_id = %s", a, b)
    me.read(b).problem(500, "internal_error")
    me.read(a).ok()


def test_every_change_is_told_in_order_without_a_gap(world):
    me = world.customer()
    day = world.new_day()
    made = me.book(world.booking(day=day)).ok(201)
    booking = made["booking_id"]
    me.change(booking, {"start_datetime": at(day, 10)}).ok()
    me.change(booking, {"start_datetime": at(day, 10)}).ok()  # no change, no event
    me.change(booking, {"customer_info": {"phone": "+1 555 0100 999"}}).ok()
    me.cancel(booking).ok()
    me.cancel(booking).ok()
    rows = world.sql("select sequence, type, facts, sealed, sent_at, event_id from bookings.outbox"
                     " where booking_id = %s and topic = 'events' order by id", booking)
    assert [(r[0], r[1]) for r in rows] == [
        (1, "BookingCreated"), (2, "BookingModified"), (3, "BookingModified"), (4, "BookingCancelled")]
    assert len({r[5] for r in rows}) == 4
    facts = rows[0][2]
    assert facts["franchise_id"] and facts["start_datetime"] == at(day, 9)
    assert facts["customer_id"] == me.sub and facts["total_amount"] == 120
    assert rows[1][2]["start_datetime"] == at(day, 10) and rows[1][2]["total_amount"] == 105
    assert all("example.com" not in json.dumps(r[2]) for r in rows)
    due, = world.sql("select type, due_at from bookings.outbox where booking_id = %s and"
                     " topic = 'bookings'", booking)
    hold = world.one("select hold_expires_at from bookings.bookings where id = %s", booking)
    assert due == ("expire", hold)


def test_a_refused_request_tells_nothing(world):
    me = world.customer()
    before = world.one("select count(*) from bookings.outbox")
    me.book(world.booking(start=3, end=4)).problem(422, "validation_failed")
    me.cancel(str(uuid.uuid4())).problem(404, "not_found")
    assert world.one("select count(*) from bookings.outbox") == before
