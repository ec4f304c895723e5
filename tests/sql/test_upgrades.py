"""test_upgrades.py: what a migration makes of the rows that stood before it."""

import json
import random
import shutil
import subprocess
import threading
import time
import uuid

import psycopg2
import pytest

from conftest import BOOKINGCTL, SQL
from test_invariants import put_booking


def migrate_below(world, folder, first):
    """All migrations before that one."""
    shutil.copytree(SQL, folder / "sql")
    for path in (folder / "sql" / "migrations").glob("*.sql"):
        if path.name >= first:
            path.unlink()
    done = world.ctl("migrate", SQL_DIR=folder / "sql")
    assert done.returncode == 0, done.stderr
    world.server.script(world.name, SQL / "demo.sql")


def test_disputes_that_the_journal_knew_become_rows(empty, tmp_path):
    migrate_below(empty, tmp_path, "0012")

    def paid(amount):
        booking, payment = put_booking(empty, total_amount=amount, currency="USD"), uuid.uuid4()
        empty.all("select payments.put_attempt(%s, %s, %s, 'USD', 'checkout', null)",
                  (payment, booking, amount * 100))
        return booking, payment

    def told(whose, event, kind, dispute, more):
        """As the release before wrote it: event and entry in one commit."""
        booking, payment = whose
        empty.all("begin")
        empty.all("select payments.keep_event(%s, %s, %s)", (event, "charge.dispute." + kind, dispute))
        if more:
            debit, credit = ("disputes", "stripe") if more > 0 else ("stripe", "disputes")
            empty.all("select payments.put_entry('dispute', %s, %s, %s, %s, %s, 'USD')",
                      (booking, payment, debit, credit, abs(more)))
        empty.all("commit")

    first, second, third = paid(120), paid(50), paid(30)
    told(first, "evt_1", "created", "dp_open", 45)
    told(second, "evt_2", "created", "dp_won", 50)
    told(third, "evt_3", "created", "dp_lost", None)  # an inquiry, then
    told(third, "evt_4", "closed", "dp_lost", 30)
    told(second, "evt_5", "closed", "dp_won", -50)
    told(first, "evt_6", "closed", "dp_of_others", None)

    done = empty.ctl("migrate")
    assert done.returncode == 0, done.stderr
    assert empty.all("select stripe_dispute_id, payment_id, booking_id, amount, dispute_status, held"
                     " from payments.disputes order by 1") == [
        ("dp_lost", third[1], third[0], 30, "lost", 30),
        ("dp_open", first[1], first[0], 45, "open", 45),
        ("dp_won", second[1], second[0], 50, "won", 0)]

    # And go on: the open one is won, the won one is told again.
    for event, dispute, payment, amount, status, found in (
            ("evt_7", "dp_open", first[1], 4500, "won", True),
            ("evt_8", "dp_won", second[1], 5000, "open", True),
            ("evt_7", "dp_open", first[1], 4500, "won", False)):
        assert empty.one("select payments.tell_dispute(%s, 'charge.dispute.closed', %s, %s, %s, %s,"
                         " now())", (event, dispute, payment, amount, status)) == found
    assert empty.all("select booking_id, sum(amount) from payments.journal where account = 'disputes'"
                     " group by 1 having sum(amount) <> 0") == [(third[0], 30)]


def paid_in_dispute(world):
    booking, payment = put_booking(world, total_amount=45, currency="USD"), uuid.uuid4()
    world.all("select payments.put_attempt(%s, %s, 4500, 'USD', 'checkout', null)",
              (payment, booking))
    return booking, payment


def the_release_before_tells(world, whose, event, kind, more):
    """Of dispute dp_1, as its pool does: by an entry alone, or by the event."""
    booking, payment = whose
    if not more:
        world.all("select payments.keep_event(%s, %s, 'dp_1')", (event, "charge.dispute." + kind))
        return
    customer, version = world.one("select customer_id, version from bookings.bookings where id = %s",
                                  (booking,))
    debit, credit = ("disputes", "stripe") if more > 0 else ("stripe", "disputes")
    world.all("select payments.apply(%s, '{}', '{}', '{}', '{}', '{}', '{}', null, null, null, null)",
              (json.dumps({
                  "booking": {"id": str(booking), "customer": str(customer), "version": version},
                  "event": {"id": event, "type": "charge.dispute." + kind, "object": "dp_1"},
                  "entries": [{"kind": "dispute", "reference": str(payment), "debit": debit,
                               "credit": credit, "amount": abs(more), "currency": "USD"}]}),))


def tells(world, whose, event, status, when="now()"):
    world.all(f"select payments.tell_dispute(%s, 'charge.dispute.x', 'dp_1', %s, 4500, %s, {when})",
              (event, whose[1], status))


def stands(world):
    """What the journal has in dispute, and the row: they agree."""
    held, status = world.one("select held, dispute_status from payments.disputes")
    assert held == world.one("select coalesce(sum(amount), 0) from payments.journal"
                             " where account = 'disputes'")
    return held, status


@pytest.mark.parametrize("end, held", [("won", 0), ("lost", 45)])
def test_a_dispute_that_the_pool_before_told_of_on_the_new_schema(world, end, held):
    whose = paid_in_dispute(world)
    the_release_before_tells(world, whose, "evt_1", "created", 4500)
    assert stands(world) == (45, "open")
    tells(world, whose, "evt_2", end)
    assert stands(world) == (held, end)


@pytest.mark.parametrize("end, more", [("won", -4500), ("lost", 0)])
def test_a_dispute_whose_end_the_pool_before_tells_on_the_new_schema(world, end, more):
    whose = paid_in_dispute(world)
    tells(world, whose, "evt_1", "open")
    the_release_before_tells(world, whose, "evt_2", "closed", more)
    # That it is lost changes nothing that is held.
    assert stands(world) == ((0, "won") if end == "won" else (45, "open"))


def test_a_dispute_that_was_lost_after_it_had_been_entered(empty, tmp_path):
    migrate_below(empty, tmp_path, "0012")
    whose = paid_in_dispute(empty)
    the_release_before_tells(empty, whose, "evt_1", "created", 4500)
    the_release_before_tells(empty, whose, "evt_2", "closed", 0)
    assert empty.ctl("migrate").returncode == 0
    assert stands(empty) == (45, "lost")


def test_whatever_stripe_says_of_a_dispute_of_before_is_newer(empty, tmp_path):
    """created came an hour late; won was said before that, and comes now."""
    migrate_below(empty, tmp_path, "0012")
    whose = paid_in_dispute(empty)
    the_release_before_tells(empty, whose, "evt_1", "created", 4500)
    assert empty.ctl("migrate").returncode == 0
    tells(empty, whose, "evt_2", "won", "now() - interval '30 minutes'")
    assert stands(empty) == (0, "won")


# ---- beside a pool that goes on ---------------------------------------------------------


def migrating(world):
    """bookingctl migrate, begun."""
    return subprocess.Popen([BOOKINGCTL, "migrate"], text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE,
                            env={"PATH": "/usr/bin:/bin", "SQL_DIR": str(SQL),
                                 "DATABASE_ADMIN_URL": world.server.url(world.name)})


def waits(world):
    return world.one("select count(*) from pg_stat_activity where datname = current_database()"
                     " and application_name = 'booking-migrate' and wait_event_type = 'Lock'") > 0


def with_a_payment(world):
    booking, payment = put_booking(world, total_amount=15, currency="USD"), uuid.uuid4()
    world.all("select payments.put_attempt(%s, %s, 1500, 'USD', 'checkout', null)",
              (payment, booking))
    return booking, payment


BOOKING = "update bookings.bookings set version = version + 1 where id = %s"
PAYMENT = "update payments.payments set version = version + 1 where id = %s"


def write(world, pool, booking, payment):
    """The locks of a decision about money, in their order."""
    world.all("begin; select from bookings.bookings where id = %s for update", (booking,),
              connection=pool)
    world.all(PAYMENT, (payment,), connection=pool)
    world.all("select payments.put_refunds(%s, %s::uuid[], %s::uuid[], '{100}', '{staff}')",
              (booking, [uuid.uuid4()], [payment]), connection=pool)
    world.all(BOOKING, (booking,), connection=pool)
    world.all("commit", connection=pool)


@pytest.mark.parametrize("below", ["0008", "0009", "0010", "0011", "0012", "0013", "0014",
                                   "0015", "0016", "0017", "0018", "0019", "0020"])
@pytest.mark.parametrize("first", ["booking", "row", "payment"])
def test_a_request_that_has_begun_ends_before_a_migration_does(empty, tmp_path, below, first):
    migrate_below(empty, tmp_path, below)
    booking, payment = with_a_payment(empty)
    pool = empty.connect()
    pool.autocommit = False
    if first == "booking":
        empty.all(BOOKING, (booking,), connection=pool)
    else:
        empty.all("select from bookings.bookings where id = %s for update", (booking,),
                  connection=pool)
        if first == "payment":
            empty.all(PAYMENT, (payment,), connection=pool)
    runner = migrating(empty)
    try:
        end = time.monotonic() + 60
        while not waits(empty):
            assert runner.poll() is None and time.monotonic() < end
            time.sleep(0.01)
        # Who reads is not held up meanwhile.
        reader = empty.connect()
        empty.all("set statement_timeout = '30s'", connection=reader)
        empty.all("select * from bookings.bookings join payments.payments on true", connection=reader)
        write(empty, pool, booking, payment)
        pool.commit()
        out, err = runner.communicate(timeout=60)
    finally:
        runner.kill()
    assert runner.returncode == 0, (out, err)
    assert "deadlock" not in err


def test_no_request_of_the_release_before_meets_a_deadlock(empty, tmp_path):
    migrate_below(empty, tmp_path, "0008")
    rows = [with_a_payment(empty) for _ in range(8)]
    ended, wrong, done = threading.Event(), [], []

    def requests(seed):
        dice, pool = random.Random(seed), empty.connect()
        pool.autocommit = False
        while not ended.is_set():
            booking, payment = dice.choice(rows)
            steps = [("select from bookings.bookings where id = %s for update", booking),
                     *dice.sample([(BOOKING, booking), (PAYMENT, payment)], 2)]
            try:
                with pool.cursor() as cursor:
                    for text, value in steps:
                        cursor.execute(text, (value,))
                pool.commit()
                done.append(seed)
            except psycopg2.Error as error:
                wrong.append(error)
                pool.rollback()

    threads = [threading.Thread(target=requests, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    try:
        ran = empty.ctl("migrate")
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert ran.returncode == 0, ran.stderr
    assert not wrong and done


def test_a_migration_that_a_backup_keeps_waiting_keeps_nobody_waiting(empty, tmp_path):
    migrate_below(empty, tmp_path, "0014")
    booking, payment = with_a_payment(empty)
    backup = empty.connect()
    empty.all("begin", connection=backup)
    empty.all("select count(*) from payments.refunds", connection=backup)
    pool = empty.connect()
    # Longer than the pool's 2 s, for a slow machine; shorter than a backup.
    empty.all("set lock_timeout = '6s'", connection=pool)
    runner = migrating(empty)
    try:
        held_up, end = 0, time.monotonic() + 60
        while held_up < 3:  # it has stepped back, and come again
            assert runner.poll() is None and time.monotonic() < end, runner.communicate()
            held_up += waits(empty)
            write(empty, pool, booking, payment)
        empty.all("commit", connection=backup)
        out, err = runner.communicate(timeout=60)
    finally:
        runner.kill()
    assert runner.returncode == 0, (out, err)
