"""test_zones.py: every time zone and each change of its clock, 2024 to 2034.

The judge is Python's zoneinfo, which reads the same tzdata with other code:
what a day of slots must be is computed from it, and held against
franchises.cut_day for every zone Postgres knows."""

import datetime as dt
import uuid
import zoneinfo

import pytest

FIRST, LAST = dt.date(2024, 1, 1), dt.date(2034, 12, 31)
UTC = dt.timezone.utc
EPOCH = dt.datetime(1970, 1, 1)
DAY = 86400

# (open, close, slot) in minutes since midnight: whole days, ordinary days,
# days that begin or end while clocks change, slots that do not fit evenly.
HOURS = [
    (0, 1440, 60), (0, 1440, 15), (480, 1080, 30), (90, 300, 60), (120, 180, 15),
    (150, 1440, 30), (20, 155, 60), (1380, 1440, 15),
]


def seconds(moment):
    return int((moment - EPOCH).total_seconds())


class Zone:
    """A zone's clock: UTC seconds <-> local seconds, by zoneinfo alone."""

    def __init__(self, name):
        self.name = name
        self.info = zoneinfo.ZoneInfo(name)

    def offset(self, utc):
        return int(dt.datetime.fromtimestamp(utc, self.info).utcoffset().total_seconds())

    def readings(self, local):
        """The instants at which the clock shows this local time: 0, 1 or 2."""
        naive = EPOCH + dt.timedelta(seconds=local)
        found = set()
        for fold in (0, 1):
            offset = naive.replace(tzinfo=self.info, fold=fold).utcoffset()
            utc = local - int(offset.total_seconds())
            if utc + self.offset(utc) == local:
                found.add(utc)
        return sorted(found)

    def gap_end(self, local):
        """The first instant after the gap that swallowed this local time: where
        the offset becomes what it is a day later."""
        low, high = local - 2 * DAY, local + 2 * DAY
        after = self.offset(high)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.offset(middle) == after else (middle, high)
        return high

    def instant(self, local, later):
        found = self.readings(local)
        if not found:
            return self.gap_end(local)
        return found[-1] if later else found[0]

    def changes(self):
        """(date, offset before, offset after, local second of the change)."""
        found = []
        start = seconds(dt.datetime.combine(FIRST, dt.time()))
        end = seconds(dt.datetime.combine(LAST, dt.time()))
        before = self.offset(start)
        for utc in range(start, end, DAY):
            after = self.offset(utc + DAY)
            if after != before:
                low, high = utc, utc + DAY
                while high - low > 1:
                    middle = (low + high) // 2
                    low, high = (low, middle) if self.offset(middle) == after else (middle, high)
                date = (EPOCH + dt.timedelta(seconds=high + min(before, after))).date()
                found.append((date, before, after, high))
            before = after
        return found


SAVE = ("select franchises.save(%s, null, 'Zone', 'a', 'c', 'p', %s, 'USD', 5, 1800, 2400, "
        "'00:00', '24:00', '{1,2,3,4,5,6,7}', 30, 0, 730, '{}', '{}', 0, false, "
        "'{01:00}', '{04:00}', array['{1,2,3,4,5,6,7}'])")


def names_of(still, where):
    return sorted(row[0] for row in still.all(
        "select z.name from pg_timezone_names z where z.name !~ '^(posix|right)/' "
        "and z.name not in ('localtime', 'Factory', 'posixrules') and " + where))


ABBREVIATED = "z.name <> 'UTC' and exists (select from pg_timezone_abbrevs a " \
              "where a.abbrev = upper(z.name))"


@pytest.fixture(scope="module")
def zones(still):
    """Every zone a franchise can have."""
    names = names_of(still, f"not ({ABBREVIATED})")
    known = zoneinfo.available_timezones()
    assert len(names) > 400
    assert [n for n in names if n not in known] == []
    return [Zone(name) for name in names]


def test_a_name_that_postgres_takes_for_a_fixed_offset_is_no_zone_of_a_franchise(still):
    names = names_of(still, ABBREVIATED)
    assert {"CET", "EST", "MET"} <= set(names)
    for name in [*names, "Mars/Olympus", "europe/london", "posix/Europe/London", "+02", ""]:
        diag = still.refused("CB012", SAVE, (uuid.uuid4(), name))
        assert "time zone" in diag.message_primary


def alike(zones):
    """Zones whose clocks run alike, together: links of one another."""
    groups = {}
    for zone in zones:
        changes = tuple(zone.changes())
        start = zone.offset(seconds(dt.datetime.combine(FIRST, dt.time())))
        groups.setdefault((start, changes), []).append(zone)
    return groups


def hours_around(date, change):
    """The usual hours, and some that begin or end in the gap or fold itself."""
    _, before, after, at = change
    local = EPOCH + dt.timedelta(seconds=at + min(before, after) + abs(after - before) // 2)
    minute = local.hour * 60 + local.minute
    hours = list(HOURS)
    if local.date() == date:
        hours.append((minute, 1440, 15))
        if minute > 0:
            hours.append((0, minute, 15))
    return hours


def cases(zones):
    """(zone, date, open, close, slot): each change with the day before and
    after; for links of one zone, the days are dealt out among them."""
    for (_, changes), group in alike(zones).items():
        dealt = 0
        for zone in group:
            for hours in HOURS:
                yield (zone, dt.date(2026, 7, 1), *hours)
        for change in changes:
            for shift in (-1, 0, 1):
                date = change[0] + dt.timedelta(days=shift)
                for hours in hours_around(date, change):
                    yield (group[dealt % len(group)], date, *hours)
                    dealt += 1


def clock(minutes):
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


CUT = """
select extract(epoch from c.open_at)::bigint, extract(epoch from c.close_at)::bigint,
       array(select extract(epoch from s)::bigint from unnest(c.starts) as s),
       c.labels, c.local_times::text[]
  from unnest(%s::text[], %s::date[], %s::time[], %s::time[], %s::integer[]) with ordinality
       as t (zone, day, opens, closes, minutes, i)
 cross join lateral franchises.cut_day(t.zone, t.day, t.opens, t.closes, t.minutes) as c
 order by t.i"""


def cut(still, batch):
    return still.all(CUT, ([c[0].name for c in batch], [c[1] for c in batch],
                           [clock(c[2]) for c in batch], [clock(c[3]) for c in batch],
                           [c[4] for c in batch]))


def check(case, row, seen):
    zone, date, opens, closes, minutes = case
    open_at, close_at, starts, labels, _ = row
    midnight = seconds(dt.datetime.combine(date, dt.time()))
    step = minutes * 60
    what = f"{zone.name} {date} {clock(opens)}-{clock(closes)} by {minutes}"

    # Gap: the first instant after; fold: open the earlier, close the later,
    # but 24:00 is where the next day opens.
    assert open_at == zone.instant(midnight + opens * 60, later=False), what
    assert close_at == zone.instant(midnight + closes * 60, later=closes < 1440), what
    assert all((s + zone.offset(s)) // DAY == midnight // DAY for s in starts), what
    seen["gap"] += not zone.readings(midnight + opens * 60)
    seen["fold"] += len(zone.readings(midnight + opens * 60)) == 2
    seen["closing fold"] += closes < 1440 and len(zone.readings(midnight + closes * 60)) == 2
    seen["midnight fold"] += closes == 1440 and len(zone.readings(midnight + DAY)) == 2

    # The slots tile the interval: no gap, no overlap, a short tail aside.
    assert close_at >= open_at, what
    assert len(starts) == (close_at - open_at) // step, what
    assert all(b - a == step for a, b in zip(starts, starts[1:])), what
    if starts:
        assert starts[0] == open_at, what
        assert 0 <= close_at - (starts[-1] + step) < step, what
    assert labels == [clock((s + zone.offset(s)) % DAY // 60) for s in starts], what
    seen["short"] += close_at - open_at < (closes - opens) * 60
    seen["long"] += close_at - open_at > (closes - opens) * 60
    seen["slots"] += len(starts)
    seen["days"] += 1


def test_slots_tile_every_day_of_every_zone_whatever_its_clock_does(still, zones):
    seen = dict.fromkeys(("gap", "fold", "closing fold", "midnight fold", "short", "long",
                          "slots", "days"), 0)
    batch = []
    for case in cases(zones):
        batch.append(case)
        if len(batch) == 5000:
            for pair in zip(batch, cut(still, batch)):
                check(*pair, seen)
            batch = []
    for pair in zip(batch, cut(still, batch)):
        check(*pair, seen)
    print(f"{len(zones)} zones: {seen}")
    assert seen["days"] > 20000 and seen["slots"] > 200000
    for kind in ("gap", "fold", "closing fold", "midnight fold", "short", "long"):
        assert seen[kind] > 50, f"{kind} was never tried"


SAMPLE = [  # 30 minutes, midnight, both hemispheres, odd offsets, none at all
    "America/New_York", "Europe/London", "America/Santiago", "Asia/Beirut", "Africa/Cairo",
    "Australia/Lord_Howe", "Australia/Adelaide", "Pacific/Chatham", "America/St_Johns",
    "Africa/Casablanca", "America/Havana", "Antarctica/Troll", "Asia/Kathmandu",
]


@pytest.mark.parametrize("name", SAMPLE)
def test_a_day_costs_the_hourly_rate_times_the_time_that_passes(still, name):
    zone = Zone(name)
    changes = zone.changes()[:4] or [(dt.date(2026, 7, 1), 0, 0, 0)]
    franchise = uuid.uuid4()
    still.all(SAVE, (franchise, name))
    for date, *_ in changes:
        for shift in (-1, 0, 1):
            day = date + dt.timedelta(days=shift)
            open_at, close_at, starts, rates, peaks, labels = still.one(
                "select extract(epoch from (d).open_at)::bigint, "
                "extract(epoch from (d).close_at)::bigint, "
                "array(select extract(epoch from s)::bigint from unnest((d).starts) as s), "
                "(d).rates, (d).peaks, (d).labels "
                "from (select bookings.franchise_day(%s, %s, null) as d) as x", (franchise, day))
            # What is charged: each slot its hourly rate for its half hour.
            charged = sum(rate * 30 for rate in rates)
            in_peak = sum(30 for label in labels if "01:00" <= label < "04:00")
            sold = len(starts) * 30
            assert charged == 1800 * (sold - in_peak) + 2400 * in_peak, (name, day)
            assert peaks == ["01:00" <= label < "04:00" for label in labels], (name, day)
            assert (close_at - open_at) // 1800 * 30 == sold, (name, day)
            midnight = seconds(dt.datetime.combine(day, dt.time()))
            assert open_at == zone.instant(midnight, later=False)
            assert close_at == zone.instant(midnight + DAY, later=False)
