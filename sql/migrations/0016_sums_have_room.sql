-- 0016_sums_have_room.sql: each payment fits NUMERIC(10,2), but a booking may be
-- paid more than once, and its sums count all of them.

alter table bookings.bookings
    alter column paid_amount type numeric(12,2),
    alter column refunded_amount type numeric(12,2),
    alter column refund_amount type numeric(12,2);
