-- 0004_payments.sql: payment attempts, refunds, Stripe's events, the journal.
--
-- Attempts and refunds are rows with a state, never deleted.  What a booking
-- has paid and got back is always the sum of its rows, computed in the commit
-- that changes them.  Lock order as everywhere: customer -> booking row ->
-- slots -> children -> payments -> outbox.
--
-- One more refusal (src/store/refusal.c): CB007, a webhook that had its effect.

create schema payments;

create table payments.payments (
    id                uuid primary key,
    booking_id        uuid not null references bookings.bookings,
    stripe_payment_id varchar(100) unique,      -- the PaymentIntent, once known
    amount            numeric(10,2) not null check (amount > 0),
    currency          varchar(3) not null default 'USD',
    payment_method    varchar(50) not null,     -- 'checkout' or pm_...
    payment_status    varchar(20) not null check (payment_status in
        ('queued', 'open', 'requires_action', 'processing', 'succeeded', 'failed',
         'expired', 'superseded')),
    processed_at      timestamptz,
    created_at        timestamptz not null default now(),
    -- beyond the seed
    session_id        varchar(100) unique,
    session_url       text,
    session_expires_at timestamptz,
    failure_code      varchar(100),
    refunded_amount   numeric(10,2) not null default 0,
    stripe_account    varchar(100),
    updated_at        timestamptz not null default now(),
    version           integer not null default 1,
    constraint payments_refund_within_paid check (
        refunded_amount >= 0 and refunded_amount <= amount
        and (refunded_amount = 0 or payment_status = 'succeeded'))
);
create index idx_payments_booking on payments.payments (booking_id, created_at);
-- One unfinished payment a booking, whoever asks for it.
create unique index payments_one_unfinished on payments.payments (booking_id)
    where payment_status in ('queued', 'open', 'requires_action', 'processing');

create table payments.refunds (
    id               uuid primary key,
    payment_id       uuid not null references payments.payments,
    booking_id       uuid not null references bookings.bookings,
    stripe_refund_id varchar(100) unique,
    amount           numeric(10,2) not null check (amount > 0),
    currency         varchar(3) not null,
    reason           text not null check (reason in
        ('cancelled', 'late', 'duplicate', 'superseded', 'price_down', 'staff')),
    refund_status    varchar(20) not null default 'queued' check (refund_status in
        ('queued', 'pending', 'succeeded', 'failed')),
    failure_reason   varchar(100),
    created_at       timestamptz not null default now(),
    updated_at       timestamptz not null default now(),
    processed_at     timestamptz,
    version          integer not null default 1
);
create index idx_refunds_payment on payments.refunds (payment_id);
create index idx_refunds_booking on payments.refunds (booking_id);

-- Each event of Stripe's takes effect once.
create table payments.stripe_events (
    stripe_event_id text primary key,
    type            text not null,
    object_id       text not null,
    payment_id      uuid,
    received_at     timestamptz not null default now()
);

-- Double entry, append only: the lines of an entry sum to nothing per currency.
create table payments.journal (
    id         bigint generated always as identity primary key,
    entry_id   uuid not null,
    kind       text not null check (kind in ('charge', 'refund', 'refund_failed', 'fee', 'dispute', 'waiver')),
    booking_id uuid not null references bookings.bookings,
    reference  uuid not null,  -- the payment or refund
    account    text not null check (account in ('stripe', 'customers', 'fees', 'disputes', 'waivers')),
    amount     numeric(12,2) not null check (amount <> 0),
    currency   varchar(3) not null,
    created_at timestamptz not null default now()
);
create index idx_journal_entry on payments.journal (entry_id);
create index idx_journal_booking on payments.journal (booking_id);

-- What Stripe kept of each movement on our balance with it: entered in the
-- journal once, when Stripe tells it; movements come later than charges.
create table payments.stripe_fees (
    balance_transaction text primary key,
    booking_id uuid not null references bookings.bookings,
    reference  uuid not null,  -- the payment or refund
    fee        numeric(12,2),  -- null until told
    currency   varchar(3),     -- the balance's: not always the payment's
    created_at timestamptz not null default now(),
    constraint stripe_fees_told check ((fee is null) = (currency is null))
);
create index idx_stripe_fees_booking on payments.stripe_fees (booking_id);

-- What a run of bookingctl reconcile has seen at Stripe so far; its own notes.
create unlogged table payments.reconcile_seen (
    run     uuid not null,
    object  text not null,
    seen_at timestamptz not null default now(),
    primary key (run, object)
);

-- It runs at the commit, as whoever commits: hence as its owner.
create function payments.journal_balances() returns trigger language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
begin
    if exists (select from payments.journal j where j.entry_id = new.entry_id
                group by j.currency having sum(j.amount) <> 0) then
        raise exception 'journal entry % does not balance', new.entry_id
            using errcode = '23514', constraint = 'journal_balances';
    end if;
    return null;
end $$;
create constraint trigger journal_balances after insert on payments.journal
    deferrable initially deferred for each row execute function payments.journal_balances();

create function payments.journal_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'the journal is append-only' using errcode = '23514',
        constraint = 'journal_append_only';
end $$;
create trigger journal_append_only before update or delete or truncate on payments.journal
    for each statement execute function payments.journal_is_append_only();

-- ---- functions ---------------------------------------------------------------

-- Money that came too late, twice, or for another price was never the booking's:
-- that it goes back neither makes the booking refunded nor lessens what is due.
create function payments.is_of_others(p_reason text)
returns boolean language sql immutable as $$
    select p_reason in ('late', 'duplicate', 'superseded')
$$;

-- A refund is owed from its row on; what failed is owed no less, but no longer
-- on its way.  Everything that is summed up elsewhere is summed here.
create function payments.sum_up(p_booking uuid)
returns void language plpgsql as $$
begin
    update payments.payments p set refunded_amount = s.refunded
      from (select q.id, coalesce(sum(r.amount) filter (where r.refund_status <> 'failed'), 0) as refunded
              from payments.payments q
              left join payments.refunds r on r.payment_id = q.id
             where q.booking_id = p_booking group by q.id) as s
     where p.id = s.id and p.refunded_amount <> s.refunded;
    update bookings.bookings b
       set paid_amount = p.paid, refunded_amount = p.refunded,
           payment_status = case
               when r.due > 0 and r.due >= p.paid - r.others then 'refunded'
               when r.due > 0 then 'partially_refunded'
               when p.paid > 0 and p.refunded >= p.paid
                    and b.booking_status in ('expired', 'cancelled') then 'refunded'
               when b.payment_status in ('refunded', 'partially_refunded') then 'paid'
               else b.payment_status end
      from (select coalesce(sum(q.amount) filter (where q.payment_status = 'succeeded'), 0) as paid,
                   coalesce(sum(q.refunded_amount), 0) as refunded
              from payments.payments q where q.booking_id = p_booking) as p,
           (select coalesce(sum(q.amount) filter (where payments.is_of_others(q.reason)), 0) as others,
                   coalesce(sum(q.amount) filter (where not payments.is_of_others(q.reason)
                                                    and q.refund_status <> 'failed'), 0) as due
              from payments.refunds q where q.booking_id = p_booking) as r
     where b.id = p_booking;
end $$;

-- A queued attempt to pay a booking, or (p_change) what a change of it costs.
create function payments.put_attempt(p_id uuid, p_booking uuid, p_amount bigint, p_currency text,
    p_method text, p_account text, p_change uuid default null)
returns void language plpgsql as $$
begin
    insert into payments.payments (id, booking_id, amount, currency, payment_method,
        payment_status, stripe_account, change_id)
    values (p_id, p_booking, p_amount / 100.0, p_currency, p_method, 'queued', p_account, p_change);
end $$;

-- What is not finished and no longer wanted.  Its session may still be paid:
-- that money is sent back when it lands.
create function payments.supersede(p_booking uuid)
returns void language plpgsql as $$
begin
    update payments.payments
       set payment_status = 'superseded', updated_at = now(), version = version + 1
     where booking_id = p_booking
       and payment_status in ('queued', 'open', 'requires_action', 'processing');
end $$;

create function payments.put_refunds(p_booking uuid, p_ids uuid[], p_payments uuid[],
    p_amounts bigint[], p_reasons text[])
returns void language plpgsql as $$
begin
    insert into payments.refunds (id, payment_id, booking_id, amount, currency, reason)
    select r.id, r.payment, p_booking, r.amount / 100.0, p.currency, r.reason
      from unnest(p_ids, p_payments, p_amounts, p_reasons) as r (id, payment, amount, reason)
      join payments.payments p on p.id = r.payment;
end $$;

create function payments.put_entry(p_kind text, p_booking uuid, p_reference uuid,
    p_debit text, p_credit text, p_amount numeric, p_currency text)
returns void language plpgsql as $$
declare
    entry uuid := gen_random_uuid();
begin
    insert into payments.journal (entry_id, kind, booking_id, reference, account, amount, currency)
    values (entry, p_kind, p_booking, p_reference, p_debit, p_amount, p_currency),
           (entry, p_kind, p_booking, p_reference, p_credit, -p_amount, p_currency);
end $$;

/*
 * One decision about a booking's money, as one transaction.  The use case
 * decides from rows it read; versions say whether they still stand (CB003).
 *
 *   booking   {id, customer, version, status?, payment_status?,
 *              hold_expires_at? (null clears), retake?: minutes of a slot,
 *              change?: the id of the pending change that takes effect,
 *              change_expires_at?: until when it waits now}
 *   event     {id, type, object, payment?}: Stripe's; CB007 when it had effect
 *   payment   {id, version, status, intent?, session?, url?, session_expires_at?,
 *              failure?}
 *   attempt   {id, amount, currency, method, account?, change?}: a new one
 *   refunds   [{id, payment, amount, reason}]: new ones
 *   refund    {id, version, status, stripe_id?, failure?}
 *   entries   [{kind, reference, debit, credit, amount, currency}]
 *
 * retake takes the places again, CB001 when they are not free any more.  With a
 * change whatever else is unfinished is superseded.
 */
create function payments.apply(p_do jsonb,
    p_news_topics text[], p_news_types text[], p_news_ids uuid[], p_news_facts text[],
    p_news_sealed bytea[], p_news_due timestamptz[],
    p_caller text, p_key text, p_fingerprint bytea, p_answer bytea)
returns void language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
declare
    want jsonb := p_do -> 'booking';
    pay  jsonb := p_do -> 'payment';
    back jsonb := p_do -> 'refund';
    b    bookings.bookings;
    e    jsonb;
begin
    perform bookings.take_key(p_caller, p_key);
    perform pg_advisory_xact_lock(hashtextextended(want ->> 'customer', 2));
    select * into b from bookings.bookings
     where id = (want ->> 'id')::uuid and version = (want ->> 'version')::integer for update;
    if not found then
        raise exception 'the booking has changed' using errcode = 'CB003';
    end if;

    if p_do ? 'event' then
        insert into payments.stripe_events (stripe_event_id, type, object_id, payment_id)
        values (p_do #>> '{event,id}', p_do #>> '{event,type}', p_do #>> '{event,object}',
                (p_do #>> '{event,payment}')::uuid)
            on conflict do nothing;
        if not found then
            raise exception 'the event had its effect' using errcode = 'CB007';
        end if;
    end if;

    if want ? 'retake' then
        perform bookings.move_places(b.franchise_id, b.start_datetime, b.end_datetime,
            (want ->> 'retake')::integer, b.child_count::integer);
        update bookings.booking_children set active = true where booking_id = b.id;
    end if;

    if pay is not null then
        update payments.payments set
            payment_status = pay ->> 'status',
            stripe_payment_id = coalesce(pay ->> 'intent', stripe_payment_id),
            session_id = coalesce(pay ->> 'session', session_id),
            session_url = coalesce(pay ->> 'url', session_url),
            session_expires_at = coalesce((pay ->> 'session_expires_at')::timestamptz,
                                          session_expires_at),
            failure_code = coalesce(pay ->> 'failure', failure_code),
            processed_at = case when pay ->> 'status' in ('succeeded', 'failed', 'expired')
                                then coalesce(processed_at, now()) else processed_at end,
            updated_at = now(), version = version + 1
         where id = (pay ->> 'id')::uuid and booking_id = b.id
           and version = (pay ->> 'version')::integer;
        if not found then
            raise exception 'the payment has changed' using errcode = 'CB003';
        end if;
    end if;
    -- After the payment: what becomes of a change is written on its payments too.
    if want ? 'change' then
        perform bookings.apply_change(b, (want ->> 'change')::uuid);
        perform payments.supersede(b.id);
    elsif want ? 'change_expires_at' then
        update bookings.pending_changes
           set expires_at = (want ->> 'change_expires_at')::timestamptz
         where booking_id = b.id;
    end if;
    if p_do ? 'attempt' then
        perform payments.put_attempt((p_do #>> '{attempt,id}')::uuid, b.id,
            (p_do #>> '{attempt,amount}')::bigint, p_do #>> '{attempt,currency}',
            p_do #>> '{attempt,method}', p_do #>> '{attempt,account}',
            (p_do #>> '{attempt,change}')::uuid);
    end if;
    if back is not null then
        update payments.refunds set
            refund_status = back ->> 'status',
            stripe_refund_id = coalesce(back ->> 'stripe_id', stripe_refund_id),
            failure_reason = coalesce(back ->> 'failure', failure_reason),
            processed_at = case when back ->> 'status' in ('succeeded', 'failed')
                                then coalesce(processed_at, now()) else processed_at end,
            updated_at = now(), version = version + 1
         where id = (back ->> 'id')::uuid and booking_id = b.id
           and version = (back ->> 'version')::integer;
        if not found then
            raise exception 'the refund has changed' using errcode = 'CB003';
        end if;
    end if;
    for e in select * from jsonb_array_elements(coalesce(p_do -> 'refunds', '[]')) loop
        perform payments.put_refunds(b.id, array[(e ->> 'id')::uuid], array[(e ->> 'payment')::uuid],
            array[(e ->> 'amount')::bigint], array[e ->> 'reason']);
    end loop;
    for e in select * from jsonb_array_elements(coalesce(p_do -> 'entries', '[]')) loop
        perform payments.put_entry(e ->> 'kind', b.id, (e ->> 'reference')::uuid,
            e ->> 'debit', e ->> 'credit', (e ->> 'amount')::bigint / 100.0, e ->> 'currency');
    end loop;

    update bookings.bookings set
        booking_status = coalesce(want ->> 'status', booking_status),
        payment_status = coalesce(want ->> 'payment_status', payment_status),
        hold_expires_at = case when want ? 'hold_expires_at'
                               then (want ->> 'hold_expires_at')::timestamptz
                               else hold_expires_at end,
        version = version + 1, updated_at = now(),
        event_sequence = event_sequence + cardinality(array_positions(p_news_topics, 'events'))
     where id = b.id;
    perform payments.sum_up(b.id);
    perform bookings.tell(b.id, b.event_sequence, p_news_topics, p_news_types, p_news_ids,
        p_news_facts, p_news_sealed, p_news_due);
    if p_key is not null then
        insert into bookings.idempotency_keys (caller, key, fingerprint, booking_id, answer)
        values (p_caller, p_key, p_fingerprint, b.id, p_answer);
    end if;
end $$;

-- An event that changes nothing is kept all the same, once.
create function payments.keep_event(p_id text, p_type text, p_object text)
returns boolean language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into payments.stripe_events (stripe_event_id, type, object_id)
    values (p_id, p_type, p_object) on conflict do nothing;
    return found;
end $$;

-- The answer stored under a key, once Stripe's part of it is known.
create function payments.restate_answer(p_caller text, p_key text, p_booking uuid, p_answer bytea)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    update bookings.idempotency_keys set answer = p_answer
     where caller = p_caller and key = p_key and booking_id = p_booking;
end $$;
