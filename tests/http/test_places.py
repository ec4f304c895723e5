"""Places: capacity, holds, and what availability tells of them."""
import datetime
import secrets
import threading
import time
import uuid

import pytest

from product import DEMO, at, instant, parse_instant, until


def free_at(client, house, day):
    """{local start: places} of a day."""
    return {s["start_time"]: s["available_capacity"]
            for s in client.day(house, day).ok()["available_slots"]}


def test_a_full_hour_is_named_and_what_is_offered_instead_fits(world):
    house = world.franchise(max_capacity=2)
    day = world.new_day()
    world.customer().book(world.booking(house, day, 11, 13)).ok(201)
    world.customer().book(world.booking(house, day, 12, 14)).ok(201)
    me = world.customer()
    before = world.counts()
    full = me.book(world.booking(house, day, 10, 14, children=2)).problem(409, "capacity_exceeded")
    assert world.counts() == before
    assert [(s["start_datetime"], s["end_datetime"], s["available_capacity"])
            for s in full["full_slots"]] == [
                (at(day, 11), at(day, 12), 1), (at(day, 12), at(day, 13), 0), (at(day, 13), at(day, 14), 1)]
    offered = full["alternatives"]
    assert [o["start_datetime"] for o in offered] == [at(day, 14)]

    single = world.customer().book(world.booking(house, day, 12, 13)).problem(409, "capacity_exceeded")
    starts = [o["start_datetime"] for o in single["alternatives"]]
    assert starts == [at(day, 11), at(day, 13), at(day, 10)], "nearest first"
    for offer in single["alternatives"]:
        body = world.booking(house, day)
        body.update(start_datetime=offer["start_datetime"], end_datetime=offer["end_datetime"])
        made = world.customer().book(body).ok(201)
        assert made["total_amount"] == offer["total_amount"]


def test_a_day_that_is_full_offers_nothing(world):
    house = world.franchise(max_capacity=1)
    day = world.new_day()
    world.customer().book(world.booking(house, day, 8, 18)).ok(201)
    full = world.customer().book(world.booking(house, day, 9, 10)).problem(409, "capacity_exceeded")
    assert full["alternatives"] == []
    assert free_at(world.anyone(), house, day)["09:00"] == 0


def test_availability_is_right_at_once(world):
    house = world.franchise(max_capacity=3)
    day = world.new_day()
    anyone = world.anyone()
    me = world.customer()

    def seen():
        free_at(anyone, house, day)  # the first may fill the cache
        return free_at(anyone, house, day)
    assert set(seen().values()) == {3}
    made = me.book(world.booking(house, day, 9, 11)).ok(201)
    now = seen()
    assert (now["09:00"], now["10:00"], now["11:00"]) == (2, 2, 3)
    me.change(made["booking_id"], {"start_datetime": at(day, 10), "end_datetime": at(day, 12)}).ok()
    now = seen()
    assert (now["09:00"], now["10:00"], now["11:00"]) == (3, 2, 2)
    other_day = world.new_day()
    seen_there = free_at(anyone, house, other_day)
    me.change(made["booking_id"], {"start_datetime": at(other_day, 10), "end_datetime": at(other_day, 12)}).ok()
    assert set(seen().values()) == {3}
    assert seen_there["10:00"] == 3 and free_at(anyone, house, other_day)["10:00"] == 2
    me.cancel(made["booking_id"]).ok()
    assert set(free_at(anyone, house, other_day).values()) == {3}


def test_bookable_starts_are_right_at_once(world):
    house = world.franchise(max_capacity=1)
    day = world.new_day()
    anyone = world.anyone()

    def starts():
        return [s["start_time"] for s in
                anyone.slots(house, date=str(day), hours=8).ok()["data"]]
    assert starts() == ["08:00", "09:00", "10:00"] == starts()
    me = world.customer()
    made = me.book(world.booking(house, day, 17, 18)).ok(201)
    assert starts() == ["08:00", "09:00"] == starts()
    me.cancel(made["booking_id"]).ok()
    assert starts() == ["08:00", "09:00", "10:00"]


def until_cached(world, ask):
    """Ask until Redis alone answers, in one trip.  That is the second time, but
    for a worker which meets a Redis that an earlier test has emptied."""
    def spared():
        named = f"cached-{secrets.token_hex(8)}"
        ask({"X-Request-Id": named})
        line = world.logged(named)
        return line["pg_trips"] == 0 and line["redis_trips"] == 1
    until(spared, "an answer out of Redis alone")


def test_a_cached_day_costs_no_trip_to_postgres(world):
    house = world.franchise()
    day = world.new_day()
    until_cached(world, lambda headers: world.anyone().day(house, day, headers=headers).ok())


def test_cached_starts_cost_no_trip_to_postgres(world):
    house = world.franchise()
    # The rates are cached by the first days; that must not keep the second out.
    for _ in range(2):
        day = str(world.new_day())
        until_cached(world, lambda headers: world.anyone().get(
            f"/api/v1/availability/{house}/slots", params={"date": day, "days": 2},
            headers=headers).ok())


def test_who_waited_for_cold_starts_does_not_ask_postgres_too(world):
    house = world.franchise()
    day = world.new_day()
    query = {"date": str(day), "days": 2}

    def ask(headers):
        world.anyone().get(f"/api/v1/availability/{house}/slots", params=query, headers=headers).ok()
    until_cached(world, ask)
    keys = [f"pricing:{house}", f"capacity:{house}:{day}",
            f"capacity:{house}:{day + datetime.timedelta(days=1)}"]
    values = {key: world.redis.get(key) for key in keys}
    assert all(values.values())

    def spared():
        """Another one has the leases, and fills them while this one waits."""
        with world.redis.pipeline(transaction=True) as together:
            for key in keys:
                together.delete(key).set(f"claim:{key}", "another", px=2000)
            together.execute()
        named = f"waited-{secrets.token_hex(8)}"
        asks = threading.Thread(target=ask, args=({"X-Request-Id": named},))
        asks.start()
        time.sleep(0.03)
        with world.redis.pipeline(transaction=True) as together:
            for key in keys:
                together.set(key, values[key], px=60000).delete(f"claim:{key}")
            together.execute()
        asks.join()
        line = world.logged(named)
        return line["redis_trips"] > 1 and line["pg_trips"] == 0
    until(spared, "an answer out of what another one filled")


def test_a_lapsed_hold_reads_as_expired_and_frees_its_places(world):
    house = world.franchise(max_capacity=1)
    day = world.new_day()
    late = world.customer()
    lapsed = late.book(world.booking(house, day, 9, 12)).ok(201)
    me = world.customer()
    body = world.booking(house, day, 10, 11)
    me.book(body).problem(409, "capacity_exceeded")
    world.lapse(lapsed["booking_id"])
    read = late.read(lapsed["booking_id"]).ok()
    assert read["status"] == "expired" and read["payment_required"] is False
    assert read["payment_url"] is None
    assert late.bookings()["data"][0]["status"] == "expired"
    assert set(free_at(me, house, day).values()) == {1}
    late.change(lapsed["booking_id"], {"end_datetime": at(day, 13)}).problem(409, "state_conflict")
    late.cancel(lapsed["booking_id"]).problem(409, "state_conflict")
    late.quote(lapsed["booking_id"]).problem(409, "state_conflict")

    me.book(body).ok(201)
    assert late.read(lapsed["booking_id"]).ok()["status"] == "expired"
    now = free_at(me, house, day)
    assert (now["09:00"], now["10:00"], now["11:00"]) == (1, 0, 1)
    events = [t for t, in world.sql("select type from bookings.outbox where topic = 'events' and"
                                    " booking_id = %s order by sequence", lapsed["booking_id"])]
    assert events == ["BookingCreated", "BookingExpired"]


def test_a_change_takes_the_places_of_a_lapsed_hold(world):
    house = world.franchise(max_capacity=1)
    day = world.new_day()
    lapsed = world.customer().book(world.booking(house, day, 9, 12)).ok(201)
    me = world.customer()
    made = me.book(world.booking(house, day, 13, 14)).ok(201)
    wanted = {"start_datetime": at(day, 11), "end_datetime": at(day, 12)}
    me.change(made["booking_id"], wanted).problem(409, "capacity_exceeded")
    world.lapse(lapsed["booking_id"])
    me.change(made["booking_id"], wanted).ok()


def test_a_hold_ends_by_the_clock_in_the_cache_too(world):
    house = world.franchise(max_capacity=1)
    day = world.new_day()
    made = world.customer().book(world.booking(house, day, 9, 10)).ok(201)
    anyone = world.anyone()

    def is_kept():
        """Until the hold ends, and no longer: on a slow machine that may be before it is asked."""
        world.sql("update bookings.bookings set hold_expires_at = now() + interval '1500 ms'"
                  " where id = %s", made["booking_id"])
        world.forget()
        taken = free_at(anyone, house, day)["09:00"] == 0
        left = world.redis.pttl(f"availability:{house}:{day}")
        assert left <= 1500
        return taken and left > 0
    until(is_kept, "a day in the cache while it is held")
    until(lambda: free_at(anyone, house, day)["09:00"] == 1, "the hold's end")


def test_a_lapsed_hold_does_not_keep_the_child_elsewhere(world):
    me = world.customer()
    day = world.new_day()
    body = world.booking(world.franchise(), day)
    lapsed = me.book(body).ok(201)
    other = {**body, "franchise_id": world.franchise()}
    me.book(other).problem(409, "child_already_booked")
    world.lapse(lapsed["booking_id"])
    me.book(other).ok(201)


def test_at_most_five_bookings_wait_for_their_money(world):
    house = world.franchise(max_capacity=20)
    me = world.customer()
    made = [me.book(world.booking(house)).ok(201) for _ in range(5)]
    before = world.counts()
    refused = me.book(world.booking(house)).problem(429, "too_many_holds")
    assert world.counts() == before
    first = min(parse_instant(b["hold_expires_at"]) for b in made)
    wait = (first - datetime.datetime.now(datetime.timezone.utc)).total_seconds()
    assert abs(int(refused.headers["Retry-After"]) - wait) < 5
    # One paid, cancelled or lapsed makes room for one.
    world.pay(made[0]["booking_id"])
    me.book(world.booking(house)).ok(201)
    me.book(world.booking(house)).problem(429, "too_many_holds")
    me.cancel(made[1]["booking_id"]).ok()
    me.book(world.booking(house)).ok(201)
    world.lapse(made[2]["booking_id"])
    me.book(world.booking(house)).ok(201)
    me.book(world.booking(house)).problem(429, "too_many_holds")


def test_the_day_of_the_customers_own_example(world):
    day = world.new_day()
    told = world.anyone().day(DEMO % 1, day).ok()
    assert told["franchise_id"] == DEMO % 1 and told["date"] == str(day)
    assert told["operating_hours"] == {"open": "08:00", "close": "18:00"}
    assert told["time_zone"] == "Atlantic/Reykjavik" and told["closed_reason"] is None
    assert {k: str(v) for k, v in told["pricing"].items()} == {
        "standard_rate": "15.00", "peak_hour_rate": "22.50", "currency": "USD"}
    assert [(s["start_time"], s["end_time"], str(s["rate"]), s["peak"])
            for s in told["available_slots"]] == [
        (f"{h:02}:00", f"{h + 1:02}:00", "22.50" if h in (8, 17) else "15.00", h in (8, 17))
        for h in range(8, 18)]
    assert abs((parse_instant(told["as_of"]) - datetime.datetime.now(datetime.timezone.utc))
               .total_seconds()) < 300


def test_an_unknown_franchise_is_not_there(world):
    unknown = str(uuid.uuid4())
    anyone = world.anyone()
    for _ in range(2):  # also when it is remembered as unknown
        anyone.day(unknown, world.today()).problem(404, "not_found")
        anyone.slots(unknown).problem(404, "not_found")
        anyone.get(f"/api/v1/franchises/{unknown}").problem(404, "not_found")
    world.customer().book(world.booking(unknown)).blames("/franchise_id", "unknown")
    # So is one that is closed for good.
    anyone.day(DEMO % 14, world.today()).problem(404, "not_found")
    anyone.get(f"/api/v1/franchises/{DEMO % 14}").problem(404, "not_found")
    world.customer().book(world.booking(DEMO % 14)).blames("/franchise_id", "unknown")


def test_franchises_are_listed_by_name_page_by_page(world):
    anyone = world.anyone()
    names, cursor = [], None
    while True:
        page = anyone.get("/api/v1/franchises",
                          params={"limit": 5, **({"cursor": cursor} if cursor else {})}).ok()
        names += [(f["name"], f["franchise_id"]) for f in page["data"]]
        cursor = page["next_cursor"]
        assert page["has_more"] is (cursor is not None)
        if not cursor:
            break
    wanted = world.sql("select name, id::text from franchises.franchises where is_active"
                       " order by name, id")
    assert names == wanted
    assert len({n for _, n in names}) >= 13


def test_a_page_may_end_with_the_longest_name(world):
    # A name has 100 characters, and a character up to four bytes.
    city = f"Longtown {secrets.token_hex(4)}"
    names = ["\U0002000b" * 99 + last for last in ("\U0002000b", "\U00020089")]
    for name in names:
        world.franchise(name=name, city=city)
    first = world.anyone().get("/api/v1/franchises", params={"city": city, "limit": 1}).ok()
    second = world.anyone().get("/api/v1/franchises", params={
        "city": city, "limit": 1, "cursor": first["next_cursor"]}).ok()
    assert sorted(f["name"] for page in (first, second) for f in page["data"]) == names


def test_franchises_are_found_by_city_and_postal_code(world):
    anyone = world.anyone()

    def found(**query):
        return [f["franchise_id"] for f in
                anyone.get("/api/v1/franchises", params=query).ok()["data"]]
    assert found(city="reykjavik") == [DEMO % 1]
    assert found(city="London", postal_code="nw18yb") == [DEMO % 3]
    assert found(postal_code="1013 JJ") == [DEMO % 10]
    assert found(city="Reykjavik", postal_code="102") == []
    one = anyone.get(f"/api/v1/franchises/{DEMO % 1}").ok()
    assert one["name"] == "Northern Lights Child Care" and one["city"] == "Reykjavik"
    assert str(one["cancellation_fee"]) == "20.00"
    assert len(one["peak_windows"]) == 2


def test_bookable_starts_span_days_and_prices(world):
    day = world.new_day()
    told = world.anyone().slots(DEMO % 1, date=str(day), days=3, children=2, hours=9).ok()
    assert told["minutes"] == 540 and told["children"] == 2 and told["has_more"] is False
    # 08-17 has one peak hour, 09-18 another.
    assert [(s["date"], s["start_time"], str(s["total_amount"])) for s in told["data"]] == [
        (str(day + datetime.timedelta(days=d)), h, "285.00") for d in range(3)
        for h in ("08:00", "09:00")]
    chosen = told["data"][0]
    body = world.booking(children=2)
    body.update(start_datetime=chosen["start_datetime"], end_datetime=chosen["end_datetime"])
    assert world.customer().book(body).ok(201)["total_amount"] == chosen["total_amount"]


def test_today_is_the_franchises_today(world):
    for number in (5, 8):  # Tokyo and Santiago: seldom the same day
        zone = world.one("select timezone from franchises.franchises where id = %s", DEMO % number)

        def today():
            return str(world.one("select (now() at time zone %s)::date", zone))
        before = today()
        told = world.anyone().get(f"/api/v1/availability/{DEMO % number}").ok()
        assert before <= told["date"] <= today()


def test_what_has_begun_cannot_be_booked(world):
    house = world.franchise(open_time="00:00", close_time="24:00", slot_minutes=15)
    now = datetime.datetime.now(datetime.timezone.utc)
    slots = world.anyone().day(house, now.date()).ok()["available_slots"]
    assert all(parse_instant(s["start_datetime"]) > now for s in slots)
    quarter = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)
    body = world.booking(house)
    body.update(start_datetime=instant(quarter),
                end_datetime=instant(quarter + datetime.timedelta(minutes=15)))
    world.customer().book(body).blames("/start_datetime", "future")


def test_the_lead_time_is_kept(world):
    house = world.franchise(open_time="00:00", close_time="24:00", lead_minutes=180)
    # An hour away at least: it does not begin while this runs.
    soon = datetime.datetime.now(datetime.timezone.utc).replace(minute=0, second=0, microsecond=0) \
        + datetime.timedelta(hours=2)
    body = world.booking(house)
    body.update(start_datetime=instant(soon), end_datetime=instant(soon + datetime.timedelta(hours=1)))
    if soon.hour != 23:
        world.customer().book(body).blames("/start_datetime", "lead_time")
    later = soon + datetime.timedelta(hours=4)
    body.update(start_datetime=instant(later), end_datetime=instant(later + datetime.timedelta(hours=1)))
    world.customer().book(body).ok(201)


def test_who_only_gives_places_back_needs_no_notice(world):
    house = world.franchise()
    day = world.new_day()
    me = world.customer()
    body = world.booking(house, day, 9, 13, children=2)
    made = me.book(body).ok(201)["booking_id"]
    # Since then the franchise asks for a notice, and books less far ahead.
    world.sql("update franchises.franchises set lead_minutes = 43200, horizon_days = 1,"
              " version = version + 1 where id = %s", house)
    me.change(made, {"end_datetime": at(day, 14)}).problem(422, "validation_failed")
    me.change(made, {"start_datetime": at(day, 8)}).problem(422, "validation_failed")
    me.change(made, {"children": [*body["children"], world.child()]}).problem(422, "validation_failed")
    me.change(made, {"end_datetime": at(day, 12)}).ok()
    me.change(made, {"start_datetime": at(day, 10)}).ok()
    now = me.change(made, {"children": body["children"][:1]}).ok()
    assert (now["start_datetime"], now["end_datetime"], now["child_count"]) == (
        at(day, 10), at(day, 12), 1)
    assert free_at(me, house, day) == {}
    me.change(made, {"end_datetime": at(day, 13)}).problem(422, "validation_failed")


def test_a_closed_day_says_why(world):
    house = world.franchise(operating_days=[1, 2, 3, 4, 5], horizon_days=60)
    day = world.today() + datetime.timedelta(days=14)
    monday = day - datetime.timedelta(days=day.weekday())
    holiday = monday + datetime.timedelta(days=1)
    world.sql("insert into franchises.closed_days values (%s, %s, 'Moving house')", house, holiday)
    saturday = monday + datetime.timedelta(days=5)
    anyone = world.anyone()
    me = world.customer()
    for when, reason in ((saturday, "not_operating"), (holiday, "closed_day"),
                         (world.today() - datetime.timedelta(days=1), None),
                         (world.today() + datetime.timedelta(days=61), None)):
        told = anyone.day(house, when).ok()
        assert told["available_slots"] == []
        assert told["closed_reason"] is not None
        if reason:
            assert told["closed_reason"] == reason and told["operating_hours"] is None
            me.book(world.booking(house, when)).blames("/start_datetime", reason)
    assert anyone.day(house, world.today() + datetime.timedelta(days=70))["closed_reason"] in (
        "beyond_horizon", "not_operating")
    weekday = next(d for d in (world.today() + datetime.timedelta(days=61 + n) for n in range(3))
                   if d.isoweekday() <= 5)
    me.book(world.booking(house, weekday)).blames("/start_datetime", "horizon")
    closed = anyone.get(f"/api/v1/franchises/{house}").ok()["closed_days"]
    assert closed == [{"date": str(holiday), "reason": "Moving house"}]


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Pacific/Kiritimati"])
@pytest.mark.parametrize("days", [[1, 2, 3, 4, 5], [6, 7], [1, 2, 3, 4, 5, 6, 7]])
@pytest.mark.parametrize("start, end, rule", [
    ("0001-01-01T00:00:00Z", "0001-01-01T01:00:00Z", "future"),  # the zero time of Go and .NET
    ("9999-12-31T23:00:00Z", "9999-12-31T23:59:59Z", "horizon")])
def test_the_ends_of_the_calendar_are_refused_like_other_days_out_of_reach(world, zone, days, start,
                                                                           end, rule):
    house = world.franchise(timezone=zone, operating_days=days)
    me = world.customer()
    me.book(world.booking(house, start_datetime=start, end_datetime=end)).blames(
        "/start_datetime", rule)
    made = me.book(world.booking(world.franchise())).ok(201)
    me.change(made["booking_id"], {"start_datetime": start, "end_datetime": end}).blames(
        "/start_datetime", rule)


def test_a_list_of_franchises_tells_the_next_holidays_of_each(world):
    city = f"Holidaytown {secrets.token_hex(4)}"
    houses = [world.franchise(city=city) for _ in range(12)]
    for house in houses:
        world.sql("insert into franchises.closed_days select %s, %s::date + n, 'Inventory'"
                  " from generate_series(1, 100) n", house, world.today())
    listed = world.anyone().get("/api/v1/franchises", params={"city": city, "limit": "100"}).ok()
    first = str(world.today() + datetime.timedelta(days=1))
    assert [(len(f["closed_days"]), f["closed_days"][0]["date"]) for f in listed["data"]] == \
        12 * [(10, first)]
    alone = world.anyone().get(f"/api/v1/franchises/{houses[0]}").ok()
    assert len(alone["closed_days"]) == 100


def test_a_franchise_is_not_kept_beyond_its_own_day(world):
    # Its next holidays are told from today on, and tomorrow that is another day.
    hour = datetime.datetime.now(datetime.timezone.utc).hour
    zone = "UTC" if hour == 14 else "Asia/Tokyo"  # where no midnight comes in between
    house = world.franchise(timezone=zone)
    today, left = world.sql("select t::date, extract(epoch from t::date + 1 - t)"
                            " from (select now() at time zone %s as t) as here", zone)[0]
    world.sql("insert into franchises.closed_days values (%s, %s, 'Moving house')", house, today)

    def kept_ms():
        told = world.anyone().get(f"/api/v1/franchises/{house}").ok()
        assert [d["date"] for d in told["closed_days"]] == [str(today)]
        return max(0, world.redis.pttl(f"franchise:{house}"))
    assert until(kept_ms, "a franchise in the cache") <= left * 1000
