-- 0011_stripe_events_end.sql: which events of Stripe's have come is forgotten.
--
-- It is known lest one that is sent again has its effect again; Stripe does so
-- for days, and by hand for a month.

create index idx_stripe_events_received on payments.stripe_events (received_at);

-- Forget those that came before, so many at most; gives how many went.
create function payments.prune_events(p_before timestamptz, p_limit integer)
returns bigint language sql security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off
set enable_mergejoin = off as $$
    with old as materialized (
        select e.stripe_event_id from payments.stripe_events e
         where e.received_at < p_before
         order by e.received_at limit p_limit for update skip locked
    ), gone as (
        delete from payments.stripe_events e using old
         where e.stripe_event_id = old.stripe_event_id
        returning 1
    )
    select count(*) from gone
$$;
