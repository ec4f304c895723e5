"""Days that are not like the others: summer time, midnight, other currencies."""
import datetime
import zoneinfo

import pytest

from product import DEMO, UTC, instant, parse_instant


def local_midnight(day, zone):
    return datetime.datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def day_of_length(zone, hours):
    """The next day of so many hours."""
    day = datetime.datetime.now(zone).date() + datetime.timedelta(days=2)
    while (local_midnight(day + datetime.timedelta(days=1), zone) -
           local_midnight(day, zone)) != datetime.timedelta(hours=hours):
        day += datetime.timedelta(days=1)
    return day


def copy_of(world, number, **changes):
    """A demo franchise with another id, so that nobody else books there."""
    columns = [c for c, in world.sql("select column_name from information_schema.columns where"
                                     " table_schema = 'franchises' and table_name = 'franchises'")]
    names = ["id", *changes]
    kept = [c for c in columns if c not in names]
    return world.one(
        f"insert into franchises.franchises ({', '.join(kept + names)})"
        f" select {', '.join(kept)}, gen_random_uuid(){''.join(', %s' for _ in changes)}"
        " from franchises.franchises where id = %s returning id::text",
        *changes.values(), DEMO % number)


@pytest.mark.parametrize("number, hours, lost", [(8, 23, "00:00"), (8, 25, None)])
def test_a_day_of_another_length_sells_each_hour_once(world, number, hours, lost):
    # Santiago changes its clocks at midnight: there a day begins at 01:00.
    house = copy_of(world, number, horizon_days=730)
    zone = zoneinfo.ZoneInfo("America/Santiago")
    day = day_of_length(zone, hours)
    told = world.anyone().day(house, day).ok()
    slots = told["available_slots"]
    starts = [parse_instant(s["start_datetime"]) for s in slots]
    assert len(slots) == hours
    assert starts[0] == local_midnight(day, zone)
    assert all(b - a == datetime.timedelta(hours=1) for a, b in zip(starts, starts[1:]))
    labels = [s["start_time"] for s in slots]
    assert labels == [s.astimezone(zone).strftime("%H:%M") for s in starts]
    assert slots[-1]["end_time"] == "24:00"
    if lost:
        assert lost not in labels and labels[0] == "01:00"
    else:
        assert labels[-2:] == ["23:00", "23:00"]
    # The whole day can be booked, and costs its true length.
    body = world.booking(house)
    end = local_midnight(day + datetime.timedelta(days=1), zone)
    body.update(start_datetime=instant(starts[0]), end_datetime=instant(end))
    made = world.customer().book(body).ok(201)
    assert sum(x["minutes"] for x in made["line_items"]) == hours * 60
    assert made["total_amount"] == sum(s["rate"] for s in slots)
    assert {s["available_capacity"] for s in world.anyone().day(house, day)["available_slots"]} == {14}


def test_a_day_may_have_twenty_six_hours(world):
    # There the clock goes back by two hours, on a Sunday in October.
    zone = zoneinfo.ZoneInfo("Antarctica/Troll")
    house = world.franchise(timezone="Antarctica/Troll", open_time="00:00", close_time="24:00",
                            operating_days=[1, 2, 3, 4, 5, 6, 7], horizon_days=730, max_capacity=1)
    day = day_of_length(zone, 26)
    slots = world.anyone().day(house, day).ok()["available_slots"]
    assert len(slots) == 26
    whole = world.booking(house)
    whole.update(start_datetime=slots[0]["start_datetime"], end_datetime=slots[-1]["end_datetime"])
    made = world.customer().book(whole).ok(201)
    assert sum(x["minutes"] for x in made["line_items"]) == 26 * 60
    # A hold of all of it that lapsed keeps none of it, its last hour neither.
    world.lapse(made["booking_id"])
    last = world.booking(house)
    last.update(start_datetime=slots[-1]["start_datetime"], end_datetime=slots[-1]["end_datetime"])
    world.customer().book(last).ok(201)


def test_a_franchise_may_close_at_midnight(world):
    zone = zoneinfo.ZoneInfo("America/Denver")
    day = datetime.datetime.now(zone).date() + datetime.timedelta(days=7)
    while day.isoweekday() != 6:
        day += datetime.timedelta(days=1)
    told = world.anyone().day(DEMO % 9, day).ok()
    assert told["operating_hours"] == {"open": "14:00", "close": "24:00"}
    assert told["available_slots"][-1]["end_time"] == "24:00"
    body = world.booking(DEMO % 9)
    end = local_midnight(day + datetime.timedelta(days=1), zone)
    body.update(start_datetime=instant(end - datetime.timedelta(hours=2)), end_datetime=instant(end))
    made = world.customer().book(body).ok(201)
    # Saturday night is dear.
    assert str(made["total_amount"]) == "72.00"
    # A stay ends with its day.
    body = world.booking(DEMO % 9)
    body.update(start_datetime=instant(end - datetime.timedelta(hours=2)),
                end_datetime=instant(end + datetime.timedelta(hours=1)))
    world.customer().book(body).blames("/end_datetime", "slot_boundary")


def test_yen_have_no_fraction_and_two_decimals_all_the_same(world):
    zone = zoneinfo.ZoneInfo("Asia/Tokyo")
    day = datetime.datetime.now(zone).date() + datetime.timedelta(days=7)
    closed = {d for d, in world.sql("select day from franchises.closed_days where franchise_id = %s",
                                    DEMO % 5)}
    while day.isoweekday() != 3 or day in closed:
        day += datetime.timedelta(days=1)
    start = datetime.datetime(day.year, day.month, day.day, 8, tzinfo=zone)
    body = world.booking(DEMO % 5)
    body.update(start_datetime=start.isoformat(),
                end_datetime=(start + datetime.timedelta(hours=3)).isoformat())
    me = world.customer()
    made = me.book(body).ok(201)
    assert made["currency"] == "JPY" and str(made["total_amount"]) == "5000.00"
    assert made["start_datetime"] == instant(start)
    world.pay(made["booking_id"])
    quote = me.quote(made["booking_id"]).ok()
    assert (str(quote["cancellation_fee"]), str(quote["refund_amount"])) == ("500.00", "4500.00")


@pytest.mark.parametrize("number, zone", [(6, "Asia/Kolkata"), (7, "Australia/Adelaide")])
def test_a_zone_may_be_half_an_hour_off(world, number, zone):
    zone = zoneinfo.ZoneInfo(zone)
    day = datetime.datetime.now(zone).date() + datetime.timedelta(days=7)
    while day.isoweekday() != 2:
        day += datetime.timedelta(days=1)
    slots = world.anyone().day(DEMO % number, day).ok()["available_slots"]
    first = parse_instant(slots[0]["start_datetime"])
    assert first.astimezone(zone).strftime("%F %H:%M") == f"{day} {slots[0]['start_time']}"
    assert first.minute == 30
    body = world.booking(DEMO % number)
    body.update(start_datetime=slots[0]["start_datetime"], end_datetime=slots[1]["end_datetime"])
    world.customer().book(body).ok(201)


@pytest.mark.parametrize("minutes, price", [(15, "3.75"), (30, "7.50"), (60, "15.00")])
def test_a_slot_may_be_a_quarter_or_half_an_hour(world, minutes, price):
    house = world.franchise(slot_minutes=minutes)
    day = world.new_day()
    slots = world.anyone().day(house, day).ok()["available_slots"]
    assert len(slots) == 600 // minutes
    body = world.booking(house, day)
    body.update(start_datetime=slots[5]["start_datetime"], end_datetime=slots[5]["end_datetime"])
    assert str(world.customer().book(body).ok(201)["total_amount"]) == price


def test_a_tail_shorter_than_a_slot_is_not_sold(world):
    house = world.franchise(open_time="08:15", close_time="11:00")
    day = world.new_day()
    slots = world.anyone().day(house, day).ok()["available_slots"]
    assert [(s["start_time"], s["end_time"]) for s in slots] == [("08:15", "09:15"), ("09:15", "10:15")]
    body = world.booking(house, day)
    body.update(start_datetime=slots[0]["start_datetime"], end_datetime=f"{day}T11:00:00Z")
    world.customer().book(body).blames("/end_datetime", "slot_boundary")
