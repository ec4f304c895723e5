-- access.sql: API keys, and what the programs ask about the server itself.

-- :name health_ping :one :read
select now() as now

-- :name key_get :one :read
select k.id, k.kind, k.secret_hash, k.scopes, k.franchise_id
  from access.api_keys k
 where k.id = $1::text and k.revoked_at is null
   and (k.expires_at is null or k.expires_at > now())

-- :name server_room :one :read
select current_setting('max_connections')::bigint as max_connections,
       current_setting('superuser_reserved_connections')::bigint as reserved,
       (select count(*) from pg_stat_activity
         where backend_type = 'client backend') as in_use

-- :name key_create :do :write :late
insert into access.api_keys (id, name, kind, secret_hash, scopes, franchise_id, expires_at)
values ($1::text, $2::text, $3::text, $4::bytea, $5::text[], $6::uuid, $7::timestamptz)

-- :name key_list :all :read :late
select k.id, k.name, k.kind, k.scopes, k.franchise_id, k.created_at, k.expires_at, k.revoked_at
  from access.api_keys k
 order by k.created_at, k.id
 limit 10000

-- :name key_revoke :one :write :late
-- Twice is not an error: the first time counts.
update access.api_keys k set revoked_at = coalesce(k.revoked_at, now())
 where k.id = $1::text
returning k.id, k.revoked_at

-- :name server_facts :one :read :late
select current_setting('server_version_num')::bigint as version,
       current_setting('server_version') as version_text,
       clock_timestamp() as now,
       pg_is_in_recovery() as standby
