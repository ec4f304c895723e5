-- reconcile.sql: Stripe against the payments, the payments against Stripe.
--
-- Each statement that finds differences gives them in the same shape: kind,
-- booking, our row, Stripe's object, both amounts in hundredths, currency, note.

-- :name reconcile_accounts :all :read :late
-- Our own account (null) first, and every connected one that ever took a payment.
select null::text as account
 union
select p.stripe_account::text from payments.payments p
 order by account nulls first

-- :name reconcile_charges :all :read :late
-- A page of charges that Stripe says succeeded.
with charges as (
    select * from unnest($1::text[], $2::text[], $3::uuid[], $4::bigint[], $5::bigint[],
                         $6::text[], $7::bigint[])
        as t (charge, intent, tag, amount, refunded, currency, disputed)
), known as (
    select c.*, p.id, p.booking_id, p.payment_status,
           (p.amount * 100)::bigint as ours, p.currency as our_currency,
           coalesce(r.sent, 0)::bigint as sent, coalesce(j.held, 0)::bigint as held
      from charges c
      left join payments.payments p on p.stripe_payment_id = c.intent
                                    or (p.stripe_payment_id is null and p.id = c.tag)
      left join lateral (
           select sum(r.amount) * 100 as sent from payments.refunds r
            where r.payment_id = p.id and r.refund_status in ('pending', 'succeeded')) as r on true
      left join lateral (
           select sum(d.held) * 100 as held from payments.disputes d
            where d.payment_id = p.id) as j on true
)
select d.kind, k.booking_id, k.id as our_id, k.charge as stripe_id, d.theirs, d.ours,
       coalesce(k.currency, k.our_currency)::text as currency, d.note
  from known k
 cross join lateral (values
       ('unknown_charge', k.id is null, k.amount, null::bigint, null::text),
       ('charge_status', k.payment_status <> 'succeeded', k.amount, 0::bigint,
        'here it is ' || k.payment_status),
       ('charge_amount', k.payment_status = 'succeeded'
        and (k.amount <> k.ours or k.currency is distinct from k.our_currency), k.amount, k.ours,
        case when k.currency is distinct from k.our_currency
             then 'here in ' || k.our_currency end),
       ('charge_refunds', k.payment_status = 'succeeded' and k.refunded <> k.sent,
        k.refunded, k.sent, null),
       ('dispute', k.payment_status = 'succeeded' and k.disputed = 0 and k.held > 0,
        0::bigint, k.held, 'Stripe knows of no dispute')
       ) as d (kind, differs, theirs, ours, note)
 where d.differs

-- :name reconcile_refunds :all :read :late
-- A page of refunds, their states in our words.
with told as (
    select * from unnest($1::text[], $2::text[], $3::uuid[], $4::bigint[], $5::text[], $6::text[])
        as t (refund, intent, tag, amount, currency, state)
), known as (
    select t.*, r.id, r.refund_status, (r.amount * 100)::bigint as ours,
           r.currency as our_currency, coalesce(r.booking_id, p.booking_id) as booking_id
      from told t
      left join payments.refunds r on r.stripe_refund_id = t.refund
                                   or (r.stripe_refund_id is null and r.id = t.tag)
      left join payments.payments p on p.stripe_payment_id = t.intent
)
select d.kind, k.booking_id, k.id as our_id, k.refund as stripe_id, d.theirs, d.ours,
       coalesce(k.currency, k.our_currency)::text as currency, d.note
  from known k
 cross join lateral (values
       ('unknown_refund', k.id is null and k.state <> 'failed', k.amount, null::bigint, k.state),
       ('refund_amount', k.id is not null
        and (k.amount <> k.ours or k.currency is distinct from k.our_currency),
        k.amount, k.ours, case when k.currency is distinct from k.our_currency
                               then 'here in ' || k.our_currency end),
       ('refund_status', k.state <> k.refund_status, k.amount, k.ours,
        k.state || ' at Stripe, ' || k.refund_status || ' here')
       ) as d (kind, differs, theirs, ours, note)
 where d.differs

-- :name reconcile_dispute :all :read :late
-- What a dispute holds back, there and here.
select case when p.id is null then 'unknown_dispute' else 'dispute' end as kind,
       p.booking_id, p.id as our_id, t.dispute as stripe_id, t.held as theirs,
       coalesce(d.held * 100, 0)::bigint as ours, coalesce(t.currency, p.currency)::text as currency,
       case when p.id is not null and d.stripe_dispute_id is null
            then 'nothing was told of it here' end as note
  from (values ($1::text, $2::text, $3::bigint, $4::text)) as t (dispute, intent, held, currency)
  left join payments.payments p on p.stripe_payment_id = t.intent
  left join payments.disputes d on d.stripe_dispute_id = t.dispute
 where p.id is null or coalesce(d.held * 100, 0) <> t.held

-- :name reconcile_see :do :write :late
insert into payments.reconcile_seen (run, object)
select $1::uuid, t.object from unnest($2::text[]) as t (object) where t.object is not null
    on conflict do nothing

-- :name reconcile_forget :do :write :late
-- This run's notes, and those of runs that were killed.
delete from payments.reconcile_seen
 where run = $1::uuid or seen_at < now() - interval '1 day'

-- :name reconcile_unseen :all :read :late
-- What we hold to have happened at Stripe and was on none of its pages.
select u.refund, u.id, u.booking_id, u.stripe_id, u.amount, u.currency, u.state
  from (select false as refund, p.id, p.booking_id, p.stripe_payment_id::text as stripe_id,
               (p.amount * 100)::bigint as amount, p.currency::text, p.payment_status::text as state,
               p.processed_at, p.stripe_account
          from payments.payments p where p.payment_status = 'succeeded'
         union all
        select true, r.id, r.booking_id, r.stripe_refund_id::text, (r.amount * 100)::bigint,
               r.currency::text, r.refund_status::text, coalesce(r.processed_at, r.updated_at),
               p.stripe_account
          from payments.refunds r join payments.payments p on p.id = r.payment_id
         where r.refund_status in ('pending', 'succeeded')) as u
 where u.stripe_account is not distinct from $2::text
   and u.processed_at >= coalesce($3::timestamptz, '-infinity') and ($4::uuid is null or u.id > $4::uuid)
   and not exists (select from payments.reconcile_seen s
                    where s.run = $1::uuid and s.object = u.stripe_id)
 order by u.id
 limit 100

-- :name fees_expect :do :write :late
-- Movements whose booking is known, by the intent or the refund they are for.
insert into payments.stripe_fees (balance_transaction, booking_id, reference)
select t.movement, coalesce(p.booking_id, r.booking_id), coalesce(p.id, r.id)
  from unnest($1::text[], $2::text[]) as t (movement, object)
  left join payments.payments p on p.stripe_payment_id = t.object
  left join payments.refunds r on r.stripe_refund_id = t.object
 where t.movement is not null and coalesce(p.id, r.id) is not null
    on conflict do nothing

-- :name fees_strangers :all :read :late
select t.movement from unnest($1::text[]) as t (movement)
 where not exists (select from payments.stripe_fees f where f.balance_transaction = t.movement)

-- :name fees_differ :all :read :late
-- What was entered before, against what Stripe tells now.
select 'fee' as kind, f.booking_id, f.reference as our_id, t.movement as stripe_id,
       t.fee as theirs, (f.fee * 100)::bigint as ours, t.currency,
       case when f.currency <> t.currency then 'here in ' || f.currency end as note
  from unnest($1::text[], $2::bigint[], $3::text[]) as t (movement, fee, currency)
  join payments.stripe_fees f on f.balance_transaction = t.movement
 where f.fee * 100 <> t.fee or f.currency <> t.currency

-- :name fees_enter :do :write :late
-- Only what was not told before: whoever comes second finds nothing to enter.
with told as (
    update payments.stripe_fees f set fee = t.fee / 100.0, currency = t.currency
      from unnest($1::text[], $2::bigint[], $3::text[]) as t (movement, fee, currency)
     where f.balance_transaction = t.movement and f.fee is null
    returning f.booking_id, f.reference, f.fee, f.currency
), entries as materialized (
    select gen_random_uuid() as entry, t.* from told t where t.fee <> 0
)
insert into payments.journal (entry_id, kind, booking_id, reference, account, amount, currency)
select e.entry, 'fee', e.booking_id, e.reference, side.account, side.sign * e.fee, e.currency
  from entries e cross join (values ('fees', 1), ('stripe', -1)) as side (account, sign)

-- :name fees_waiting :one :read :late
select count(*) as waiting from payments.stripe_fees f where f.fee is null
