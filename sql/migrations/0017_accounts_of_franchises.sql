-- 0017_accounts_of_franchises.sql: a franchise may have an account of its own at
-- Stripe, connected to ours: what its bookings pay is charged there.

alter table franchises.franchises add column stripe_account varchar(100)
    constraint franchises_stripe_account check (stripe_account ~ '^acct_[A-Za-z0-9_]+$');

-- The account of a franchise that was just saved, at p_version: absent is as
-- before, empty is none.  It never goes by itself: what was paid keeps the account
-- it was paid on.
create function franchises.put_account(p_id uuid, p_version integer, p_account text)
returns integer language plpgsql as $$
begin
    update franchises.franchises set stripe_account = nullif(p_account, '')
     where id = p_id and version = p_version and p_account is not null;
    return p_version;
end $$;

-- A queued attempt to pay a booking, or (p_change) what a change of it costs, on
-- the account that its franchise has now.
create or replace function payments.put_attempt(p_id uuid, p_booking uuid, p_amount bigint,
    p_currency text, p_method text, p_account text, p_change uuid default null)
returns void language plpgsql as $$
begin
    insert into payments.payments (id, booking_id, amount, currency, payment_method,
        payment_status, stripe_account, change_id)
    select p_id, p_booking, p_amount / 100.0, p_currency, p_method, 'queued',
           coalesce(p_account, f.stripe_account), p_change
      from bookings.bookings b join franchises.franchises f on f.id = b.franchise_id
     where b.id = p_booking;
end $$;
