-- migrations.sql: what the runner of sql/migrations asks and notes.

-- :name migration_lock :do :write :late
-- Held to the end of the transaction: two runners at once apply once.
select pg_advisory_xact_lock(4841369599423283200);

-- :name migration_wait :do :write :late
-- For another runner a runner waits as long as its command may: what it applies
-- takes its time.  For a table no longer than others can bear: migration_hurry.
set local lock_timeout to 0;

-- :name migration_hurry :do :write :late
set local lock_timeout to '1s';

-- :name migration_gate :do :write :late
-- Requests lock a booking before its children, changes, payments and refunds.
-- Behind this none is in the midst of that, so that no order in which a file locks
-- those tables meets theirs; who reads goes on.
do $$ begin
    if to_regclass('bookings.bookings') is not null then
        lock table bookings.bookings in exclusive mode;
    end if;
end $$;

-- :name migration_path :do :write :late
-- The files may name things without a schema; the programs never do.
set local search_path to public;

-- :name migration_schema :do :write :late
create schema if not exists meta;

-- :name migration_table :do :write :late
create table if not exists meta.migrations (
	number integer primary key,
	name text not null,
	checksum text not null,
	applied_at timestamptz not null default now()
);

-- :name migration_known :one :read :late
-- On a new database there is no table yet.
select to_regclass('meta.migrations') is not null as known;

-- :name migration_list :all :read :late
select number, name, checksum, applied_at
  from meta.migrations order by number;

-- :name migration_note :do :write :late
insert into meta.migrations (number, name, checksum)
values ($1::bigint, $2::text, $3::text);
