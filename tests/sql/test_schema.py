"""test_schema.py: the migrations, schema.sql and roles.sql say the same, and
may be repeated."""

import json
import pathlib
import re
import shutil

from conftest import SQL


def test_the_schema_on_paper_is_the_sum_of_the_migrations(server, migrated, empty):
    server.script(empty.name, SQL / "schema.sql")
    server.script(empty.name, SQL / "roles.sql")
    assert server.dump(empty.name) == server.dump(migrated)


def test_migrations_applied_twice_change_nothing(server, migrated, empty):
    assert empty.ctl("migrate").returncode == 0
    first = server.dump(empty.name)
    again = empty.ctl("migrate")
    assert again.returncode == 0
    assert "nothing to apply" in again.stdout
    assert server.dump(empty.name) == first == server.dump(migrated)


def test_roles_applied_twice_change_nothing(server, migrated, empty):
    assert empty.ctl("migrate").returncode == 0
    server.script(empty.name, SQL / "roles.sql")
    server.script(empty.name, SQL / "roles.sql")
    assert server.dump(empty.name) == server.dump(migrated)


def test_the_demo_data_may_be_loaded_twice(server, world):
    before = world.all("select * from franchises.franchises order by id")
    peaks = world.all("select * from franchises.peak_windows order by 1, 2, 3")
    closed = world.all("select * from franchises.closed_days order by 1, 2")
    world.all("update franchises.franchises set max_capacity = 7 "
              "where id = '00000000-0000-4000-8000-000000000002'")
    server.script(world.name, SQL / "demo.sql")
    assert world.one("select max_capacity from franchises.franchises "
                     "where id = '00000000-0000-4000-8000-000000000002'") == 7
    assert len(world.all("select * from franchises.franchises")) == len(before)
    assert world.all("select * from franchises.peak_windows order by 1, 2, 3") == peaks
    assert world.all("select * from franchises.closed_days order by 1, 2") == closed


def test_the_demo_franchises_are_as_different_as_promised(still):
    count, zones, currencies, grids, capacities = still.one(
        "select count(*), count(distinct timezone), count(distinct currency), "
        "count(distinct slot_minutes), count(distinct max_capacity) "
        "from franchises.franchises")
    assert count >= 12 and zones >= 6 and currencies >= 5
    assert grids == 3 and capacities >= 10
    assert still.one("select count(*) from franchises.franchises where not is_active") == 1
    assert still.one("select count(*) from franchises.closed_days") > 12
    done = still.ctl("doctor", "--json")
    broken = [f for f in json.loads(done.stdout)["data"]
              if f["what"] in ("franchises", "time zones") and f["level"] != "ok"]
    assert broken == []


def test_the_examples_of_the_customer_cost_what_he_says(still):
    """09:00-17:00 for one child is 120.00 on every day of the week."""
    for n in range(1, 8):
        starts, rates, labels = still.one(
            "select (d).starts, (d).rates, (d).labels from (select bookings.franchise_day("
            "'00000000-0000-4000-8000-000000000001', "
            "(now() at time zone 'UTC')::date + %s, null) as d) as x", (n,))
        price = sum(rate for rate, label in zip(rates, labels) if "09:00" <= label < "17:00")
        assert price == 12000
        assert len(starts) == 10


def test_a_changed_or_missing_migration_is_refused(server, empty, tmp_path):
    shutil.copytree(SQL, tmp_path / "sql")
    assert empty.ctl("migrate", SQL_DIR=str(tmp_path / "sql")).returncode == 0
    before = server.dump(empty.name)
    last = sorted((tmp_path / "sql/migrations").glob("*.sql"))[-1]
    text = last.read_text()
    last.write_text(text + "\n-- a remark\n")
    done = empty.ctl("migrate", SQL_DIR=str(tmp_path / "sql"))
    assert done.returncode == 1 and "changed" in done.stderr
    assert empty.ctl("migrate", "--status", SQL_DIR=str(tmp_path / "sql")).returncode == 1
    last.unlink()
    done = empty.ctl("migrate", SQL_DIR=str(tmp_path / "sql"))
    assert done.returncode == 1 and last.stem in done.stderr
    assert server.dump(empty.name) == before


def test_a_failing_migration_leaves_nothing_behind(server, empty, tmp_path):
    shutil.copytree(SQL, tmp_path / "sql")
    assert empty.ctl("migrate", SQL_DIR=str(tmp_path / "sql")).returncode == 0
    before = server.dump(empty.name)
    (tmp_path / "sql/migrations/9999_broken.sql").write_text(
        "create table access.half (id integer);\nselect 1 / 0;\n")
    done = empty.ctl("migrate", SQL_DIR=str(tmp_path / "sql"))
    assert done.returncode == 1 and "9999_broken" in done.stderr
    assert server.dump(empty.name) == before


def statements():
    """Every named statement of sql/queries: (name, text)."""
    found = []
    for path in sorted((SQL / "queries").glob("*.sql")):
        for piece in re.split(r"^-- :name ", path.read_text(), flags=re.M)[1:]:
            head, _, text = piece.partition("\n")
            found.append((head.split()[0], text.strip().rstrip(";")))
    return found


def test_every_statement_prepares_for_the_role_of_the_api(still):
    """Also those only bookingctl runs: EXECUTE is asked for when they run."""
    api = still.connect("booking_api")
    prepared = 0
    for name, text in statements():
        if re.match(r"\s*(--[^\n]*\n\s*)*(begin|commit|rollback|set|create|do)\b", text):
            continue  # not a statement that can be prepared by SQL
        if "meta." in text:
            continue  # the runner's own schema is the owner's alone
        still.all(f"prepare {name} as {text}", connection=api)
        prepared += 1
    assert prepared > 30


def test_files_of_sql_are_told_apart_by_name():
    names = [p.name for p in pathlib.Path(SQL / "migrations").iterdir()]
    assert len({name[:4] for name in names}) == len(names)
    assert all(re.fullmatch(r"\d{4}_[a-z0-9_]+\.sql", name) for name in names)
