"""test_upgrades.py: what a migration makes of the rows that stood before it."""

import shutil
import uuid

from conftest import SQL
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
