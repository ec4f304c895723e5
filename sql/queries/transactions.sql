-- transactions.sql: what db_begin and db_end send.  A lost `begin` did
-- nothing, so it may be repeated; a lost `commit` may have done everything.

-- :name tx_begin :do :read :late
begin;

-- :name tx_commit :do :write :late
commit;

-- :name tx_rollback :do :read :late
rollback;
