"""The life of a booking, as a customer lives it."""
import datetime
import re
import uuid

import pytest

from product import DEMO, at, instant, parse_instant

UUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


def test_the_customers_own_example_costs_120_dollars(world):
    day = world.new_day()
    made = world.customer().book(world.booking(day=day)).ok(201)
    assert str(made["total_amount"]) == "120.00" and made["currency"] == "USD"
    assert made["payment_required"] is True
    assert UUID.match(made["booking_id"]) and UUID.match(made["reference_number"])
    assert made["booking_id"] != made["reference_number"]
    assert made["status"] == "pending" and made["payment_status"] == "pending"
    assert re.fullmatch(r"[2-9A-Z]{4}-[2-9A-Z]{4}", made["booking_code"])
    assert made["payment_url"].startswith(f"{world.url}/pay/{made['booking_id']}?t=")
    assert made["manage_url"].startswith(f"{world.url}/manage/{made['booking_id']}#token=")
    assert made.headers["Location"] == f"/api/v1/bookings/{made['booking_id']}"
    left = parse_instant(made["hold_expires_at"]) - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(minutes=34) < left <= datetime.timedelta(minutes=35)
    # 09-17 lies between the peaks: one line.
    line, = made["line_items"]
    assert (str(line["rate"]), line["minutes"], str(line["amount"]), line["peak"]) == \
        ("15.00", 480, "120.00", False)


def test_create_read_list_quote_change_cancel(world):
    me = world.customer()
    day = world.new_day()
    body = world.booking(day=day)
    made = me.book(body).ok(201)
    path_id = made["booking_id"]

    read = me.read(path_id).ok()
    assert read.etag == made.etag
    assert read["customer_id"] == me.sub
    assert read["customer_info"] == body["customer_info"]
    assert read["children"] == [body["child_info"]]
    for name in ("reference_number", "booking_code", "status", "total_amount", "line_items",
                 "payment_url", "hold_expires_at"):
        assert read[name] == made[name], name

    listed = me.bookings().ok()
    assert [b["booking_id"] for b in listed["data"]] == [path_id]
    assert listed["has_more"] is False and listed["next_cursor"] is None
    assert "customer_info" not in listed["data"][0] and "children" not in listed["data"][0]

    quote = me.quote(path_id).ok()
    assert str(quote["refund_amount"]) == "0.00" and str(quote["paid_amount"]) == "0.00"

    changed = me.change(path_id, {"start_datetime": at(day, 8), "end_datetime": at(day, 10)},
                        headers={"If-Match": read.etag}).ok()
    assert changed.etag != read.etag
    # 08-09 is a peak hour.
    assert str(changed["total_amount"]) == "37.50"
    assert [(str(x["rate"]), x["peak"]) for x in changed["line_items"]] == \
        [("22.50", True), ("15.00", False)]
    assert changed["customer_info"] == body["customer_info"]
    assert me.read(path_id).ok().exact == changed.exact

    gone = me.cancel(path_id, params={"reason": "Alice is ill"}).ok()
    assert gone["status"] == "cancelled" and gone["cancellation_reason"] == "Alice is ill"
    assert str(gone["refund_amount"]) == "0.00"
    last = me.read(path_id).ok()
    assert last["status"] == "cancelled" and last["payment_required"] is False
    assert last["payment_url"] is None and last["hold_expires_at"] is None
    assert last["cancelled_at"] == gone["cancelled_at"]
    me.change(path_id, {"customer_info": {"phone": "+1 555 0100 111"}}).problem(409, "state_conflict")


def test_any_offset_names_the_same_instant(world):
    day = world.new_day()
    body = world.booking(day=day)
    body["start_datetime"] = f"{day}T14:30:00.000+05:30"
    body["end_datetime"] = f"{day}T07:00:00-10:00"
    made = world.customer().book(body).ok(201)
    assert (made["start_datetime"], made["end_datetime"]) == (at(day, 9), at(day, 17))


def test_several_children_pay_and_take_a_place_each(world):
    me = world.customer()
    day = world.new_day()
    body = world.booking(world.franchise(max_capacity=20), day, children=3, start=9, end=10)
    made = me.book(body).ok(201)
    assert str(made["total_amount"]) == "45.00"
    assert me.read(made["booking_id"])["children"] == body["children"]
    free = {s["start_time"]: s["available_capacity"] for s in
            me.day(body["franchise_id"], day)["available_slots"]}
    assert free["09:00"] == 17 and free["10:00"] == 20


def test_what_costs_nothing_is_confirmed_at_once(world):
    free = world.franchise(standard_rate=0, peak_hour_rate=0)
    me = world.customer()
    made = me.book(world.booking(franchise=free)).ok(201)
    assert made["status"] == "confirmed" and made["payment_status"] == "not_required"
    assert made["payment_required"] is False
    assert made["payment_url"] is None and made["hold_expires_at"] is None
    types = [t for t, in world.sql("select type from bookings.outbox where booking_id = %s"
                                   " and topic = 'events' order by sequence", made["booking_id"])]
    assert types == ["BookingCreated", "BookingConfirmed"]


def test_a_change_of_the_contact_leaves_the_rest(world):
    me = world.customer()
    body = world.booking()
    made = me.book(body).ok(201)
    changed = me.change(made["booking_id"], {"customer_info": {"phone": "+1 555 0100 222"}}).ok()
    assert changed["customer_info"] == {**body["customer_info"], "phone": "+1 555 0100 222"}
    assert changed["children"] == [body["child_info"]]
    assert changed["total_amount"] == made["total_amount"]


def test_a_null_takes_the_emergency_contact_away(world):
    me = world.customer()
    made = me.book(world.booking()).ok(201)
    before = me.read(made["booking_id"]).ok()["customer_info"]
    assert before["emergency_contact"]
    gone = {**before, "emergency_contact": None}
    # What was read, with one member emptied, is what an app sends back.
    assert me.change(made["booking_id"], {"customer_info": gone}).ok()["customer_info"] == gone
    assert me.read(made["booking_id"]).ok()["customer_info"] == gone
    me.change(made["booking_id"], {"customer_info": {"phone": "+1 555 0100 777"}}).ok()
    assert me.read(made["booking_id"]).ok()["customer_info"]["emergency_contact"] is None
    me.change(made["booking_id"], {"customer_info": {"emergency_contact": ""}}).blames(
        "/customer_info/emergency_contact", "min_length")


def test_children_can_be_changed_with_their_places_and_price(world):
    me = world.customer()
    house, day = world.franchise(), world.new_day()
    made = me.book(world.booking(house, day)).ok(201)
    two = [world.child(), world.child()]
    changed = me.change(made["booking_id"], {"children": two}).ok()
    assert str(changed["total_amount"]) == "240.00" and changed["children"] == two
    assert changed["child_count"] == 2
    assert world.one("select max(booked) from franchises.slot_ledger where franchise_id = %s"
                     " and slot_start = %s", house, at(day, 9)) == 2


def test_hours_that_are_kept_cost_what_they_were_booked_at(world):
    house, day = world.franchise(), world.new_day()
    me = world.customer()
    body = world.booking(house, day, 9, 13, children=2)
    made = me.book(body).ok(201)["booking_id"]
    world.sql("update franchises.franchises set standard_rate = 30, version = version + 1"
              " where id = %s", house)

    def lines(**changes):
        now = me.change(made, changes).ok()
        assert sum(line["amount"] for line in now["line_items"]) == now["total_amount"]
        return [(line["minutes"], line["rate"], line["amount"]) for line in now["line_items"]]
    assert lines(end_datetime=at(day, 12)) == [(180, 15, 90)]
    assert lines(children=body["children"][:1]) == [(180, 15, 45)]
    # What is new costs what it costs now.
    assert lines(end_datetime=at(day, 14)) == [(180, 15, 45), (120, 30, 60)]
    assert lines(start_datetime=at(day, 11)) == [(60, 15, 15), (120, 30, 60)]
    assert lines(children=body["children"]) == [(180, 30, 180)]


def test_a_booking_that_already_is_as_asked_is_fine_even_with_an_old_etag(world):
    me = world.customer()
    day = world.new_day()
    made = me.book(world.booking(day=day)).ok(201)
    wanted = {"start_datetime": at(day, 10), "end_datetime": at(day, 12)}
    changed = me.change(made["booking_id"], wanted, headers={"If-Match": made.etag}).ok()
    before = world.counts()
    again = me.change(made["booking_id"], wanted, headers={"If-Match": made.etag}).ok()
    assert again.exact == changed.exact and again.etag == changed.etag
    assert world.counts() == before, "a change that changes nothing wrote something"


def test_a_change_that_fails_leaves_the_booking_whole(world):
    house = world.franchise(max_capacity=2)
    day = world.new_day()
    world.customer().book(world.booking(house, day, 13, 15, children=2)).ok(201)
    me = world.customer()
    made = me.book(world.booking(house, day, 9, 12)).ok(201)
    whole = me.read(made["booking_id"]).ok()
    before = world.counts()
    refused = me.change(made["booking_id"], {
        "start_datetime": at(day, 11), "end_datetime": at(day, 14),
        "children": [world.child(), world.child()],
        "customer_info": {"phone": "+1 555 0100 333"}})
    refused.problem(409, "capacity_exceeded")
    assert world.counts() == before
    assert me.read(made["booking_id"]).exact == whole.exact
    # A stay may overlap with its own old one.
    me.change(made["booking_id"], {"start_datetime": at(day, 10), "end_datetime": at(day, 13)}).ok()


def test_an_etag_that_has_passed_is_refused(world):
    me = world.customer()
    day = world.new_day()
    made = me.book(world.booking(day=day)).ok(201)
    path = made["booking_id"]
    me.change(path, {"customer_info": {"phone": "+1 555 0100 444"}}).ok()
    before = world.counts()
    later = {"start_datetime": at(day, 10), "end_datetime": at(day, 12)}
    me.change(path, later, headers={"If-Match": made.etag}).problem(412, "precondition_failed")
    me.cancel(path, headers={"If-Match": made.etag}).problem(412, "precondition_failed")
    me.change(path, later, headers={"If-Match": '"nonsense"'}).problem(412, "precondition_failed")
    assert world.counts() == before
    now = me.read(path).etag
    me.change(path, later, headers={"If-Match": f'"77", {now}'}).ok()
    me.cancel(path, headers={"If-Match": "*"}).ok()


def test_cancelling_twice_is_the_same_answer_twice(world):
    me = world.customer()
    made = me.book(world.booking()).ok(201)
    first = me.cancel(made["booking_id"], body={"reason": "Illness"}).ok()
    before = world.counts()
    again = me.cancel(made["booking_id"], body={"reason": "Something else"}).ok()
    old = me.cancel(made["booking_id"], headers={"If-Match": made.etag}).ok()
    assert again.exact == first.exact == old.exact and again.etag == first.etag
    assert world.counts() == before
    assert first["cancellation_reason"] == "Illness"


def test_a_cancellation_without_a_reason_has_the_usual_one(world):
    me = world.customer()
    made = me.book(world.booking()).ok(201)
    assert me.cancel(made["booking_id"]).ok()["cancellation_reason"] == "Customer request"


@pytest.mark.parametrize("reason", ["", " ", "\u00a0\n"])
def test_a_blank_reason_is_none(world, reason):
    me = world.customer()
    made = me.book(world.booking()).ok(201)
    gone = me.cancel(made["booking_id"], body={"reason": reason}).ok()
    assert gone["cancellation_reason"] == "Customer request"


def test_a_child_cannot_be_in_two_places(world):
    me = world.customer()
    day = world.new_day()
    body = world.booking(day=day, start=9, end=12)
    me.book(body).ok(201)
    other = world.booking(world.franchise(), day, 11, 13)
    # The same child, written differently.
    other["child_info"]["name"] = "  " + body["child_info"]["name"].upper().replace(" ", "   ")
    before = world.counts()
    me.book(other).problem(409, "child_already_booked")
    assert world.counts() == before
    other.update(start_datetime=at(day, 12))
    second = me.book(other).ok(201)
    me.change(second["booking_id"], {"start_datetime": at(day, 11)}).problem(
        409, "child_already_booked")
    # Another family's child of that name is another child.
    other.update(start_datetime=at(day, 11))
    world.customer().book(other).ok(201)


def test_a_child_is_free_again_after_a_cancellation(world):
    me = world.customer()
    body = world.booking()
    made = me.book(body).ok(201)
    me.book(body).problem(409, "child_already_booked")
    me.cancel(made["booking_id"]).ok()
    me.book(body).ok(201)


def test_a_guest_books_and_manages_by_link(world):
    guest = world.guest()
    body = world.booking()
    made = guest.book(body).ok(201)
    assert guest.read(made["booking_id"]).ok()["customer_id"] == guest.sub
    token = made["manage_url"].split("#token=")[1]
    world.canaries.add(token)
    link = world.bearer(token)
    assert link.read(made["booking_id"]).ok()["children"] == [body["child_info"]]
    link.change(made["booking_id"], {"customer_info": {"phone": "+1 555 0100 555"}}).ok()
    # It is the key to one booking and to nothing else.
    other = guest.book(world.booking()).ok(201)
    link.read(other["booking_id"]).problem(404, "not_found")
    link.book(world.booking()).problem(403, "insufficient_scope")
    link.bookings().problem(403, "insufficient_scope")
    link.quote(made["booking_id"]).ok()
    link.cancel(made["booking_id"]).ok()
    guest.cancel(other["booking_id"]).ok()


def test_a_payment_link_is_signed_and_says_payments_are_not_there(world):
    me = world.customer()
    made = me.book(world.booking()).ok(201)
    world.expect("payments_unavailable")
    path = made["payment_url"][len(world.url):]
    signature = path.split("?t=")[1]
    world.canaries.add(signature)
    anyone = world.anyone()
    assert int(anyone.get(path).problem(503, "payments_unavailable").headers["Retry-After"]) > 0
    page = anyone.get(path, headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.status == 503 and page.headers["Content-Type"].startswith("text/html")
    assert page.headers["Referrer-Policy"] == "no-referrer"
    last = "A" if signature[-1] != "A" else "B"
    anyone.get(path[:-1] + last).problem(404, "not_found")
    anyone.get(f"/pay/{uuid.uuid4()}?t={signature}").problem(404, "not_found")


def test_pages_stay_in_order_while_others_book(world):
    free = world.franchise(standard_rate=0, peak_hour_rate=0, max_capacity=100)
    me = world.customer()
    day = world.new_day()
    made = [me.book(world.booking(free, day, 9, 10)).ok(201)["booking_id"] for _ in range(7)]
    made.reverse()
    first = me.bookings(limit=3).ok()
    assert [b["booking_id"] for b in first["data"]] == made[:3] and first["has_more"] is True
    newer = me.book(world.booking(free, day, 9, 10)).ok(201)["booking_id"]
    second = me.bookings(limit=3, cursor=first["next_cursor"]).ok()
    assert [b["booking_id"] for b in second["data"]] == made[3:6]
    third = me.bookings(limit=3, cursor=second["next_cursor"]).ok()
    assert [b["booking_id"] for b in third["data"]] == made[6:]
    assert third["has_more"] is False and third["next_cursor"] is None
    assert me.bookings(limit=1)["data"][0]["booking_id"] == newer


def test_bookings_made_in_one_instant_are_each_listed_once(world):
    free = world.franchise(standard_rate=0, peak_hour_rate=0, max_capacity=100)
    me = world.customer()
    made = {me.book(world.booking(free)).ok(201)["booking_id"] for _ in range(5)}
    world.sql("update bookings.bookings set created_at = '2026-01-01' where customer_id = %s", me.sub)
    seen, cursor = [], None
    while cursor is not None or not seen:
        page = me.bookings(limit=2, **({"cursor": cursor} if cursor else {})).ok()
        seen += [b["booking_id"] for b in page["data"]]
        cursor = page["next_cursor"]
    assert len(seen) == 5 and set(seen) == made


def test_a_list_is_filtered_by_state_and_day(world):
    me = world.customer()
    first, second, third = (world.new_day() for _ in range(3))
    ids = {day: me.book(world.booking(day=day)).ok(201)["booking_id"]
           for day in (first, second, third)}
    me.cancel(ids[second]).ok()
    world.lapse(ids[third])

    def found(**query):
        return {b["booking_id"] for b in me.bookings(**query).ok()["data"]}
    assert found(status="cancelled") == {ids[second]}
    assert found(status="pending") == {ids[first]}
    assert found(status="expired") == {ids[third]}
    assert found(status="confirmed") == set()
    days = sorted(ids)
    assert found(**{"from": str(days[1])}) == {ids[days[1]], ids[days[2]]}
    assert found(until=str(days[0])) == {ids[days[0]]}
    assert found(**{"from": str(days[1]), "until": str(days[1])}) == {ids[days[1]]}


def test_nobody_elses_bookings_are_listed(world):
    world.customer().book(world.booking()).ok(201)
    assert world.customer().bookings().ok()["data"] == []


@pytest.mark.parametrize("part", ["read", "quote", "change", "cancel"])
def test_someone_elses_booking_is_answered_as_one_that_is_not_there(world, part):
    made = world.customer().book(world.booking()).ok(201)
    stranger = world.customer()
    before = world.counts()

    def told(booking_id):
        path = f"/api/v1/bookings/{booking_id}"
        answer = {"read": lambda: stranger.read(booking_id),
                  "quote": lambda: stranger.quote(booking_id),
                  "change": lambda: stranger.change(booking_id, {"end_datetime": at(world.today(), 9)}),
                  "cancel": lambda: stranger.cancel(booking_id)}[part]()
        answer.problem(404, "not_found")
        assert answer.json["instance"].startswith(path)
        return ({k: v for k, v in answer.json.items() if k not in ("request_id", "instance")},
                # Nor whether nginx has had enough of this connection: the 1000th is the last.
                {k: v for k, v in answer.headers.items()
                 if k not in ("Connection", "Date", "X-Request-Id", "Content-Length")})
    assert told(made["booking_id"]) == told(str(uuid.uuid4()))
    assert world.counts() == before


def test_a_booking_that_has_begun_is_not_moved_and_pays_nothing_back(world):
    house = world.franchise(open_time="00:00", close_time="24:00")
    me = world.customer()
    made = me.book(world.booking(house, world.new_day(), 9, 12)).ok(201)
    now = datetime.datetime.now(datetime.timezone.utc).replace(minute=0, second=0, microsecond=0)
    start, end = now - datetime.timedelta(hours=1), now + datetime.timedelta(hours=2)
    world.pay(made["booking_id"])
    # As if it had been made days ago: booking, places and child move together.
    world.sql("update franchises.slot_ledger set booked = 0 where franchise_id = %s", house)
    world.sql("insert into franchises.slot_ledger select %s, s, s + interval '1 hour', 5, 1"
              " from generate_series(%s::timestamptz, %s::timestamptz - interval '1 hour',"
              " interval '1 hour') s", house, start, end)
    world.sql("update bookings.bookings set start_datetime = %s, end_datetime = %s where id = %s",
              start, end, made["booking_id"])
    world.sql("update bookings.booking_children set period = tstzrange(%s, %s) where booking_id = %s",
              start, end, made["booking_id"])
    tomorrow = now + datetime.timedelta(days=1)
    me.change(made["booking_id"], {"start_datetime": instant(tomorrow),
                                   "end_datetime": instant(tomorrow + datetime.timedelta(hours=1))}
              ).problem(409, "state_conflict")
    me.change(made["booking_id"], {"customer_info": {"phone": "+1 555 0100 666"}}).ok()
    assert str(me.cancel(made["booking_id"]).ok()["refund_amount"]) == "0.00"


def test_a_booking_stays_where_it_was_made(world):
    me = world.customer()
    made = me.book(world.booking()).ok(201)
    me.change(made["booking_id"], {"franchise_id": DEMO % 2}).blames("/franchise_id", "unchanged")
    me.change(made["booking_id"], {"franchise_id": DEMO % 1}).ok()
