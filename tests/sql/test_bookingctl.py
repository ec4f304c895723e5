"""test_bookingctl.py: bookingctl franchise, apikey, verify, doctor and its
exit codes, against a real Postgres."""

import hashlib
import json
import re
import threading

import pytest

from test_invariants import FRANCHISE, SLOT, put_booking, slot

NEW = {"--name": "New Place", "--address": "Jiron 1", "--city": "Lima", "--postal-code": "15001",
       "--timezone": "America/Lima", "--capacity": "10", "--standard-rate": "10",
       "--open": "08:00", "--close": "12:00"}


def words(**changes):
    options = dict(NEW)
    options.update({"--" + name.replace("_", "-"): value for name, value in changes.items()})
    return [word for pair in options.items() for word in pair]


def book(world, start, end, children=2, franchise=FRANCHISE, capacity=20, minutes=60):
    """A standing booking and its ledger rows."""
    world.all("insert into franchises.slot_ledger select %s, s, s + make_interval(mins => %s), "
              "%s, %s from generate_series(%s::timestamptz, %s::timestamptz - "
              "make_interval(mins => %s), make_interval(mins => %s)) as s",
              (franchise, minutes, capacity, children, start, end, minutes, minutes))
    return put_booking(world, franchise_id=franchise, start_datetime=start, end_datetime=end,
                       child_count=children, paid_amount=0)


def day(world, days=30):
    """A date some days ahead, so that it is within every horizon."""
    return world.one("select ((now() at time zone 'UTC')::date + %s)::text", (days,))


def test_a_franchise_is_set_up_shown_and_changed(world):
    done = world.ctl("franchise", "add", *words(days="1,3-5", peak="08:00-09:00@1-5"), "--json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert made["operating_days"] == [1, 3, 4, 5] and made["version"] == 1
    assert made["standard_rate"] == 10 and made["peak_hour_rate"] == 10
    assert made["peak_windows"] == [{"start": "08:00", "end": "09:00", "weekdays": [1, 2, 3, 4, 5]}]
    assert made["cancellation_policy"] == [{"hours_before": 48, "refund_percent": 100},
                                           {"hours_before": 24, "refund_percent": 50}]

    done = world.ctl("franchise", "set", made["franchise_id"], "--peak-rate", "12.50", "--close",
                     "24:00", "--peak", "none", "--cancel", "72:100", "--active", "off", "--json")
    assert done.returncode == 0, done.stderr
    changed = json.loads(done.stdout)
    assert changed["version"] == 2 and changed["close"] == "24:00" and not changed["is_active"]
    assert changed["peak_windows"] == [] and changed["name"] == "New Place"
    assert changed["cancellation_policy"] == [{"hours_before": 72, "refund_percent": 100}]
    shown = json.loads(world.ctl("franchise", "show", made["franchise_id"], "--json").stdout)
    assert shown == changed
    assert shown["stripe_account"] is None
    for given, stands in (("acct_1Place", "acct_1Place"), (None, "acct_1Place"), ("none", None)):
        options = ("--stripe-account", given) if given else ("--city", "Cusco")
        done = world.ctl("franchise", "set", made["franchise_id"], *options, "--json")
        assert json.loads(done.stdout)["stripe_account"] == stands, done
    listed = json.loads(world.ctl("franchise", "list", "--json").stdout)["data"]
    assert [f["name"] for f in listed if f["franchise_id"] == made["franchise_id"]] == ["New Place"]


@pytest.mark.parametrize("changes, sentence", [
    ({"name": " "}, "name is blank"),
    ({"city": "\u200b\u00ad"}, "city is blank"),
    ({"timezone": "Mars/Olympus"}, "no time zone"),
    ({"timezone": "posix/America/Lima"}, "no time zone"),
    ({"currency": "KWD"}, "currency must be"),
    ({"currency": "JPY", "standard_rate": "1000.50"}, "JPY has no decimals"),
    ({"standard_rate": "10.01", "slot_minutes": "15"}, "standard-rate must divide exactly"),
    ({"standard_rate": "0.40"}, "least that can be charged"),
    ({"peak_rate": "0.40"}, "peak-rate makes a slot cost less"),
    ({"slot_minutes": "20"}, "slot-minutes must be 15, 30 or 60"),
    ({"close": "08:00"}, "close must be later than open"),
    ({"close": "08:30"}, "room for one slot"),
    ({"peak": "09:00-08:00"}, "peak must end after"),
    ({"stripe_account": "pk_1"}, "must be the id of a connected account"),
    ({"stripe_account": "acct_"}, "must be the id of a connected account"),
    ({"cancel": "24:50,48:100"}, "hours downwards"),
    ({"cancel": "48:50,24:100"}, "not refund more the later"),
])
def test_a_franchise_that_breaks_a_rule_is_refused_in_one_sentence(still, changes, sentence):
    done = still.ctl("franchise", "add", *words(**changes))
    assert done.returncode == 1 and done.stdout == ""
    assert sentence in done.stderr and done.stderr.count("\n") == 1
    assert still.one("select count(*) from franchises.franchises where name = 'New Place'") == 0


def test_the_id_of_a_new_franchise_is_its_own(still):
    done = still.ctl("franchise", "add", *words(id=FRANCHISE))
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == "bookingctl: another franchise has that id\n"


@pytest.mark.parametrize("changes, sentence", [
    ({"open": "8:00"}, "--open must be a time"),
    ({"open": "24:30"}, "--open must be from 00:00 to 24:00"),
    ({"capacity": "0"}, "--capacity must be from 1 to 10000"),
    ({"capacity": "ten"}, "--capacity must be a whole number"),
    ({"standard_rate": "10.001"}, "--standard-rate must be an amount"),
    ({"standard_rate": "-1"}, "--standard-rate must be an amount"),
    ({"days": "0-5"}, "--days must be weekdays"),
    ({"days": "5-1"}, "--days must be weekdays"),
    ({"peak": "7-9"}, "--peak must be"),
    ({"cancel": "48"}, "--cancel must be"),
    ({"cancel": "48:101"}, "--cancel must be"),
    ({"active": "yes"}, "--active must be on or off"),
    ({"name": ""}, "--name must be of 1 to 100 characters"),
    ({"name": "x" * 101}, "--name must be of 1 to 100 characters"),
    ({"nome": "x"}, "there is no option --nome"),
])
def test_a_command_line_that_makes_no_sense_is_refused(still, changes, sentence):
    done = still.ctl("franchise", "add", *words(**changes))
    assert done.returncode == 2 and done.stdout == ""
    assert sentence in done.stderr and done.stderr.count("\n") == 1


def test_the_capacity_does_not_sink_below_what_is_booked(world):
    date = day(world)
    book(world, f"{date} 09:00Z", f"{date} 11:00Z", children=8)
    done = world.ctl("franchise", "set", FRANCHISE, "--capacity", "7")
    assert done.returncode == 1 and "8 places" in done.stderr
    assert f"{date} 09:00 (8), {date} 10:00 (8)" in done.stderr
    assert world.one("select distinct capacity from franchises.slot_ledger") == 20
    assert world.one("select max_capacity from franchises.franchises where id = %s",
                     (FRANCHISE,)) == 20
    assert world.ctl("franchise", "set", FRANCHISE, "--capacity", "8").returncode == 0
    assert world.one("select distinct capacity from franchises.slot_ledger") == 8


def test_slots_that_are_over_keep_their_capacity(world):
    world.all(SLOT, slot("2020-01-06 09:00Z", "2020-01-06 10:00Z", 20, 9))
    assert world.ctl("franchise", "set", FRANCHISE, "--capacity", "3").returncode == 0
    assert world.one("select capacity from franchises.slot_ledger") == 20


@pytest.mark.parametrize("change, sentence", [
    (("--slot-minutes", "30"), "length of slots"),
    (("--timezone", "Europe/London"), "time zone"),
    (("--open", "08:30"), "new hours"),
    (("--open", "10:00"), "new hours"),
    (("--close", "10:00"), "new hours"),
    (("--currency", "EUR"), "the currency stays as it is while future bookings stand"),
])
def test_slots_do_not_move_under_bookings(world, change, sentence):
    date = day(world)
    book(world, f"{date} 09:00Z", f"{date} 11:00Z")
    before = world.all("select * from franchises.slot_ledger order by 2")
    done = world.ctl("franchise", "set", FRANCHISE, *change)
    assert done.returncode == 1 and sentence in done.stderr
    assert f"{date} {'10' if change[0] == '--close' else '09'}:00" in done.stderr
    assert world.all("select * from franchises.slot_ledger order by 2") == before
    assert world.one("select version from franchises.franchises where id = %s", (FRANCHISE,)) == 1


def test_a_weekday_with_bookings_does_not_close(world):
    date = day(world)
    book(world, f"{date} 09:00Z", f"{date} 10:00Z")
    weekday = world.one("select extract(isodow from %s::date)::integer", (date,))
    others = ",".join(str(d) for d in range(1, 8) if d != weekday)
    assert world.ctl("franchise", "set", FRANCHISE, "--days", others).returncode == 1
    assert world.ctl("franchise", "set", FRANCHISE, "--days", weekday).returncode == 0


def test_hours_that_still_hold_every_booking_may_change(world):
    date = day(world)
    book(world, f"{date} 09:00Z", f"{date} 11:00Z")
    done = world.ctl("franchise", "set", FRANCHISE, "--open", "07:00", "--close", "11:00")
    assert done.returncode == 0, done.stderr
    assert world.ctl("verify").returncode == 1  # the test's own rows lack children
    assert "ledger:" not in world.ctl("verify").stdout


def test_empty_slots_of_the_old_grid_do_not_block_the_new_one(world):
    date = day(world)
    world.one("select bookings.quote(%s, %s)", (FRANCHISE, f"{date} 09:00Z"))
    assert world.one("select count(*) from franchises.slot_ledger") == 10
    assert world.ctl("franchise", "set", FRANCHISE, "--slot-minutes", "30").returncode == 0
    assert world.one("select count(*) from franchises.slot_ledger") == 0
    world.one("select bookings.quote(%s, %s)", (FRANCHISE, f"{date} 09:00Z"))
    assert world.one("select count(*) from franchises.slot_ledger") == 20


def test_a_booking_that_was_priced_in_the_old_currency_finds_no_slot(world):
    """Its price was read before the change, its places are taken after it."""
    date = day(world)
    book(world, "2020-01-06 09:00Z", "2020-01-06 10:00Z")  # over: it does not count
    world.one("select bookings.quote(%s, %s)", (FRANCHISE, f"{date} 09:00Z"))
    done = world.ctl("franchise", "set", FRANCHISE, "--currency", "EUR")
    assert done.returncode == 0, done.stderr
    world.refused("CB001", "select bookings.move_places(%s, %s, %s, 60, 1)",
                  (FRANCHISE, f"{date} 09:00Z", f"{date} 10:00Z"))
    assert world.one("select count(*) from franchises.slot_ledger") == 1
    # Nor does whoever goes past bookingctl change it under a booking.
    book(world, f"{date} 09:00Z", f"{date} 10:00Z")
    world.refused("CB010", "update franchises.franchises set currency = 'JPY' where id = %s",
                  (FRANCHISE,))
    world.all("update franchises.franchises set currency = 'EUR' where id = %s", (FRANCHISE,))


def set_while_placing(world, date, *words):
    """`franchise set` behind a booking that is being placed: (its connection, not
    committed yet; the thread that waits; what it will have been answered)."""
    world.one("select bookings.quote(%s, %s)", (FRANCHISE, f"{date} 09:00Z"))
    placing = world.connect()
    placing.autocommit = False
    world.all("select bookings.move_places(%s, %s, %s, 60, 5)",
              (FRANCHISE, f"{date} 09:00Z", f"{date} 10:00Z"), connection=placing)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(
        world.ctl("franchise", "set", FRANCHISE, *words)))
    thread.start()
    while not world.all("select pid from pg_stat_activity where application_name = 'bookingctl' "
                        "and datname = %s and wait_event_type = 'Lock'", (world.name,)):
        assert thread.is_alive(), answers[0]
    return placing, thread, answers


def test_a_currency_waits_for_a_booking_being_placed_and_stays(world):
    date = day(world)
    placing, thread, answers = set_while_placing(world, date, "--currency", "EUR")
    placing.commit()
    thread.join(30)
    assert answers[0].returncode == 1 and f"{date} 09:00" in answers[0].stderr
    assert world.one("select currency from franchises.franchises where id = %s",
                     (FRANCHISE,)) == "USD"


def test_a_day_with_bookings_does_not_close_and_an_empty_one_does(world):
    date, other = day(world), day(world, 31)
    book(world, f"{date} 09:00Z", f"{date} 10:00Z")
    world.one("select bookings.quote(%s, %s)", (FRANCHISE, f"{other} 09:00Z"))
    done = world.ctl("franchise", "close-day", FRANCHISE, date)
    assert done.returncode == 1 and "bookings stand on that day: 1" in done.stderr
    assert world.one("select count(*) from franchises.closed_days where franchise_id = %s",
                     (FRANCHISE,)) == 0
    assert world.ctl("franchise", "close-day", FRANCHISE, other, "--reason", "Fair").returncode == 0
    assert world.one("select (d).closed from (select bookings.franchise_day(%s, %s, null) as d) x",
                     (FRANCHISE, other)) == "closed_day"
    # Whoever had read the open day finds no slot to book on it.
    world.refused("CB001", "select bookings.move_places(%s, %s, %s, 60, 1)",
                  (FRANCHISE, f"{other} 09:00Z", f"{other} 10:00Z"))
    assert world.ctl("franchise", "open-day", FRANCHISE, other).returncode == 0
    assert world.one("select (d).closed from (select bookings.franchise_day(%s, %s, null) as d) x",
                     (FRANCHISE, other)) is None
    assert world.ctl("franchise", "close-day", FRANCHISE, "2020-01-06").returncode == 1
    assert world.ctl("franchise", "close-day", FRANCHISE, "2027-02-29").returncode == 2


def test_a_change_waits_for_a_booking_being_placed_and_sees_it(world):
    """The booking holds its slot; the new capacity is decided after it."""
    date = day(world)
    placing, thread, answers = set_while_placing(world, date, "--capacity", "4")
    # The foreign key of the booking passes the franchise's lock: no deadlock.
    world.all("select 1 from franchises.franchises where id = %s for key share nowait", (FRANCHISE,),
              connection=placing)
    placing.commit()
    thread.join(30)
    assert answers[0].returncode == 1 and "5 places" in answers[0].stderr
    assert world.one("select max(booked) from franchises.slot_ledger") == 5


def test_a_key_is_shown_once_and_stored_as_its_hash(world):
    done = world.ctl("apikey", "create", "--name", "desk", "--scope", "checkin:write booking:read",
                     "--franchise", FRANCHISE)
    assert done.returncode == 0 and done.stderr == ""
    found = re.fullmatch(r"cbk_([a-z0-9]{10})_([A-Za-z0-9]{43})\n", done.stdout)
    assert found
    stored, kind, scopes = world.one(
        "select secret_hash, kind, scopes from access.api_keys where id = %s", (found[1],))
    assert bytes(stored) == hashlib.sha256(found[2].encode()).digest()
    assert kind == "secret" and scopes == ["checkin:write", "booking:read"]
    for listing in (world.ctl("apikey", "list"), world.ctl("apikey", "list", "--json")):
        assert found[1] in listing.stdout and found[2] not in listing.stdout
    assert world.ctl("apikey", "create").stdout != world.ctl("apikey", "create").stdout


def test_a_key_is_revoked_for_good(world):
    key = world.ctl("apikey", "create").stdout.strip()
    assert world.ctl("apikey", "revoke", key).returncode == 0
    at = world.one("select revoked_at from access.api_keys")
    assert at is not None
    assert world.ctl("apikey", "revoke", key.split("_")[1]).returncode == 0
    assert world.one("select revoked_at from access.api_keys") == at
    assert world.ctl("apikey", "revoke", "nosuchkey").returncode == 1


@pytest.mark.parametrize("options, status", [
    (("--kind", "open"), 1), (("--scope", "booking:delete"), 1), (("--scope", " "), 1),
    (("--kind", "publishable", "--scope", "booking:read"), 1),
    (("--franchise", "00000000-0000-4000-8000-000000000777"), 1),
    (("--franchise", "first"), 2), (("--expires", "tomorrow"), 2),
    (("--expires", "2020-01-01T00:00:00Z"), 1),
])
def test_a_key_that_makes_no_sense_is_not_made(still, options, status):
    done = still.ctl("apikey", "create", *options)
    assert done.returncode == status and done.stdout == "" and done.stderr != ""
    assert still.one("select count(*) from access.api_keys") == 0


def test_verify_prints_each_difference_and_says_so_in_its_status(world):
    done = world.ctl("verify")
    assert done.returncode == 0 and done.stdout == "ledger = bookings: 0 slots, 0 differences\n"
    world.all(SLOT, slot(booked=3))
    world.all(SLOT, slot("2030-01-07 10:00Z", "2030-01-07 11:00Z", booked=1))
    done = world.ctl("verify")
    assert done.returncode == 1
    assert done.stdout.count("ledger: franchise " + FRANCHISE) == 2
    assert "2 slots, 2 differences" in done.stdout
    told = json.loads(world.ctl("verify", "--json").stdout)
    assert told["slots"] == 2 and [d["kind"] for d in told["differences"]] == ["ledger", "ledger"]
    uncovered = put_booking(world, start_datetime="2031-01-06 09:00Z",
                            end_datetime="2031-01-06 10:00Z")
    assert f"uncovered: booking {uncovered}" in world.ctl("verify").stdout


def test_verify_says_when_there_are_more_differences_than_it_prints(world):
    world.all("insert into franchises.slot_ledger (franchise_id, slot_start, slot_end, capacity, booked)"
              " select %s, t, t + interval '1 hour', 5, 1 from generate_series("
              " timestamptz '2031-01-01 00:00Z', timestamptz '2031-01-01 00:00Z' + interval '999 hours',"
              " interval '1 hour') as t", (FRANCHISE,))
    done = world.ctl("verify")
    assert "1000 slots, 1000 differences\n" in done.stdout and "only" not in done.stdout
    world.all(SLOT, slot(booked=3))
    done = world.ctl("verify")
    assert done.returncode == 1 and done.stdout.count("ledger: franchise " + FRANCHISE) == 1000
    assert done.stdout.endswith("1001 slots, more than 1000 differences\n"
                                "only the first 1000 of each kind are told\n")
    told = json.loads(world.ctl("verify", "--json").stdout)
    assert told["more"] is True and len(told["differences"]) == 1000


def test_verify_finds_states_that_are_not_those_of_the_visits(world):
    def found():
        told = json.loads(world.ctl("verify", "--json").stdout)["differences"]
        return [d["detail"] for d in told if d["kind"] == "visits"]
    never, came, gone, fine = (put_booking(world, booking_status=state) for state in
                               ("checked_in", "confirmed", "checked_in", "completed"))
    for booking in (came, gone, fine):
        world.all("insert into bookings.visits values (%s, now(), 'key:a', 'qr')", (booking,))
    world.all("update bookings.visits set checked_out_at = now(), checked_out_by = 'key:a', "
              "collected_by = '' where booking_id = %s", (gone,))
    assert sorted(found()) == sorted([
        f"booking {never}: it is checked_in, but its children never came",
        f"booking {came}: it is confirmed, but its children came",
        f"booking {gone}: it is checked_in, but its children came and were collected"])


def test_every_command_explains_itself_and_needs_nothing_for_it(still):
    for command in ("", "apikey", "apikey create", "apikey list", "apikey revoke", "booking",
                    "booking revoke-qr", "config",
                    "doctor", "franchise", "franchise add", "franchise list", "franchise show",
                    "franchise set", "franchise close-day", "franchise open-day", "migrate",
                    "token", "verify"):
        done = still.ctl(*command.split(), "--help", DATABASE_ADMIN_URL="", REDIS_URL="")
        assert done.returncode == 0 and done.stderr == "", command
        assert done.stdout.startswith("Usage: bookingctl") and "Exit status" in done.stdout
        assert max(map(len, done.stdout.split("\n"))) <= 80, command


def test_the_exit_status_tells_what_is_the_matter(still):
    assert still.ctl().returncode == 2
    assert still.ctl("dance").returncode == 2
    assert still.ctl("franchise", "dance").returncode == 2
    assert still.ctl("verify", "--fast").returncode == 2
    assert still.ctl("verify", DATABASE_ADMIN_URL="").returncode == 78
    assert still.ctl("verify", REDIS_URL="ftp://x").returncode == 78
    assert still.ctl("verify", DATABASE_ADMIN_URL="host=/nowhere").returncode == 69
    assert still.ctl("migrate", "--status").returncode == 0
    assert still.ctl("franchise", "list", REDIS_URL="unix:///nowhere").returncode == 0


SECRETS = {"JWT_SECRET": "jwt-0123456789-abcdefghijklmnopqrstuvwxyz",
           "SESSION_SECRET": "session-0123456789-abcdefghijklmnopqrst",
           "LOOKUP_SECRET": "lookup-0123456789-abcdefghijklmnopqrstu",
           "ENCRYPTION_KEYS": "1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}


def settings(world, tmp_path, **changes):
    return {**SECRETS, "PUBLIC_URL": "https://booking.example", "RUNTIME_DIR": str(tmp_path),
            "DATABASE_URL": world.server.url(world.name, "booking_api"), **changes}


def test_the_doctor_finds_a_sound_installation_sound(still, tmp_path):
    done = still.ctl("doctor", **settings(still, tmp_path))
    assert done.returncode == 0, done.stdout
    assert "FAIL" not in done.stdout
    for secret in SECRETS.values():
        assert secret not in done.stdout + done.stderr


@pytest.mark.parametrize("changes, what, status", [
    ({"JWT_SECRET": "short"}, "JWT_SECRET", 78),
    ({"SESSION_SECRET": SECRETS["JWT_SECRET"]}, "secrets", 78),
    ({"ENCRYPTION_KEYS": "1:short-key-that-is-not-thirty-two-bytes"}, "key ring", 78),
    ({"PUBLIC_URL": ""}, "PUBLIC_URL", 78),
    ({"HOLD_S": "soon"}, "HOLD_S", 78),
    ({"REDIS_URL": "unix:///nowhere"}, "redis", 69),
    ({"DATABASE_ADMIN_URL": "host=/nowhere"}, "postgres", 69),
    ({"RUNTIME_DIR": "/nowhere"}, "runtime dir", 1),
])
def test_the_doctor_names_what_is_wrong(still, tmp_path, changes, what, status):
    done = still.ctl("doctor", "--quiet", "--json", **settings(still, tmp_path, **changes))
    assert done.returncode == status, done.stdout
    failed = [f["what"] for f in json.loads(done.stdout)["data"] if f["level"] == "FAIL"]
    assert what in failed


def test_the_doctor_sees_a_schema_that_does_not_fit(world, tmp_path):
    world.all("drop table bookings.customer_info")
    done = world.ctl("doctor", "--quiet", **settings(world, tmp_path))
    assert done.returncode == 1 and "customer_info" in done.stdout
    world.all("update franchises.franchises set timezone = 'Mars/Olympus' where id = %s",
              (FRANCHISE,))
    assert "Mars/Olympus" in world.ctl("doctor", "--quiet", **settings(world, tmp_path)).stdout


def test_settings_are_printed_masked(still, tmp_path):
    done = still.ctl("config", **settings(still, tmp_path))
    assert done.returncode == 0, done.stderr
    printed = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert printed["PUBLIC_URL"] == "https://booking.example"
    for name, secret in SECRETS.items():
        assert secret not in done.stdout and printed[name] != ""
    assert json.loads(still.ctl("config", "--json", **settings(still, tmp_path)).stdout)["HOLD_S"]
    manual = still.ctl("config", "--manual").stdout
    assert all(name in manual for name in printed)
    done = still.ctl("config")
    assert done.returncode == 78 and "DATABASE_URL is missing" in done.stderr


def test_a_token_is_printed_and_nothing_else(still):
    done = still.ctl("token", "--sub", FRANCHISE, "--ttl", "60", **SECRETS)
    assert done.returncode == 0 and done.stderr == ""
    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+\n", done.stdout)
    assert still.ctl("token").returncode == 78
    assert still.ctl("token", "--scope", "payment:refund", **SECRETS).returncode == 2
