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
