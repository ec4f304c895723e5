-- franchises.sql: what the programs ask about franchises.

-- :name health_ping :one :read
select now() as now
