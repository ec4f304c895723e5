-- demo.sql: franchises to try the product with.  Safe to repeat: what is there
-- already is left as it is.
--
-- Franchise 1 reproduces the examples of the customer's text to the cent; the
-- others are there to be different: zones of 30 minutes, a summer time that
-- begins at midnight, currencies without decimals, slots of 15, 30 and 60
-- minutes, opening hours until midnight, care that costs nothing.

begin;

insert into franchises.franchises (id, name, address, city, postal_code, timezone, currency,
    max_capacity, standard_rate, peak_hour_rate, open_time, close_time, operating_days,
    slot_minutes, lead_minutes, horizon_days, cancel_hours, cancel_percent, cancel_fee, is_active)
values
    -- 09:00-17:00 costs 120.00 on every day of the week.
    ('00000000-0000-4000-8000-000000000001', 'Northern Lights Child Care',
     'Laugavegur 42', 'Reykjavik', '101', 'Atlantic/Reykjavik', 'USD',
     20, 15.00, 22.50, '08:00', '18:00', '{1,2,3,4,5,6,7}',
     60, 0, 180, '{48,24}', '{100,50}', 20.00, true),
    ('00000000-0000-4000-8000-000000000002', 'Little Harbor Brooklyn',
     '218 Atlantic Avenue', 'New York', '11201', 'America/New_York', 'USD',
     24, 24.00, 32.00, '07:00', '19:00', '{1,2,3,4,5}',
     30, 60, 180, '{48,24}', '{100,50}', 0, true),
    ('00000000-0000-4000-8000-000000000003', 'The Conker Tree',
     '9 Chalcot Square', 'London', 'NW1 8YB', 'Europe/London', 'GBP',
     16, 14.40, 19.20, '07:30', '18:30', '{1,2,3,4,5,6}',
     15, 30, 120, '{72,24}', '{100,50}', 5.00, true),
    ('00000000-0000-4000-8000-000000000004', 'Kastanienhof Kinderhaus',
     'Kastanienallee 77', 'Berlin', '10435', 'Europe/Berlin', 'EUR',
     30, 12.00, 16.00, '06:30', '18:00', '{1,2,3,4,5}',
     30, 0, 365, '{168,48,24}', '{100,75,50}', 0, true),
    -- No decimals: 1500 yen.
    ('00000000-0000-4000-8000-000000000005', 'Himawari Nursery',
     '3-14-8 Kichijoji Honcho', 'Tokyo', '180-0004', 'Asia/Tokyo', 'JPY',
     18, 1500, 2000, '07:00', '20:00', '{1,2,3,4,5,6}',
     60, 120, 90, '{48,24}', '{100,50}', 500, true),
    -- UTC+05:30
    ('00000000-0000-4000-8000-000000000006', 'Banyan Garden',
     '27 Park Street', 'Kolkata', '700016', 'Asia/Kolkata', 'INR',
     40, 300.00, 420.00, '08:00', '20:00', '{1,2,3,4,5,6}',
     30, 0, 180, '{24}', '{100}', 0, true),
    -- UTC+09:30 or +10:30
    ('00000000-0000-4000-8000-000000000007', 'Jacaranda Kids',
     '65 Unley Road', 'Adelaide', '5061', 'Australia/Adelaide', 'AUD',
     22, 18.00, 24.00, '07:00', '18:30', '{1,2,3,4,5}',
     15, 0, 180, '{48,24}', '{100,50}', 0, true),
    -- Summer time begins at midnight there: a day opens at 01:00.
    ('00000000-0000-4000-8000-000000000008', 'Casa Araucaria',
     'Avenida Italia 1443', 'Santiago', '7770000', 'America/Santiago', 'CLP',
     15, 9000, 12000, '00:00', '24:00', '{1,2,3,4,5,6,7}',
     60, 0, 365, '{48,24}', '{100,50}', 0, true),
    -- Nights: open until midnight.
    ('00000000-0000-4000-8000-000000000009', 'Night Owls Care',
     '1830 Welton Street', 'Denver', '80202', 'America/Denver', 'USD',
     8, 28.00, 36.00, '14:00', '24:00', '{4,5,6,7}',
     60, 180, 60, '{72,48}', '{100,50}', 10.00, true),
    -- Nothing to pay: a booking is confirmed at once.
    ('00000000-0000-4000-8000-000000000010', 'Oranjehof Community Crèche',
     'Haarlemmerdijk 112', 'Amsterdam', '1013 JJ', 'Europe/Amsterdam', 'EUR',
     10, 0, 0, '09:00', '13:00', '{1,3,5}',
     60, 0, 30, '{}', '{}', 0, true),
    ('00000000-0000-4000-8000-000000000011', 'Fjordlek Barnehage',
     'Nygårdsgaten 31', 'Bergen', '5015', 'Europe/Oslo', 'NOK',
     26, 180.00, 240.00, '07:00', '16:30', '{1,2,3,4,5}',
     30, 0, 180, '{48,24}', '{100,50}', 0, true),
    -- One place: whoever comes first.
    ('00000000-0000-4000-8000-000000000012', 'Pacific Nest',
     '2454 Fillmore Street', 'San Francisco', '94115', 'America/Los_Angeles', 'USD',
     1, 40.00, 48.00, '08:00', '18:00', '{1,2,3,4,5}',
     60, 0, 180, '{48,24}', '{100,50}', 25.00, true),
    ('00000000-0000-4000-8000-000000000013', 'Kowhai Cottage',
     '18 Ponsonby Terrace', 'Auckland', '1011', 'Pacific/Auckland', 'NZD',
     14, 20.00, 26.00, '07:00', '18:00', '{1,2,3,4,5,6}',
     60, 0, 180, '{48,24}', '{100,50}', 0, true),
    -- Closed for good: nobody sees it.
    ('00000000-0000-4000-8000-000000000014', 'Maple Corner (moved)',
     '5 Roncesvalles Avenue', 'Toronto', 'M6R 2K2', 'America/Toronto', 'CAD',
     12, 16.00, 20.00, '08:00', '18:00', '{1,2,3,4,5}',
     60, 0, 180, '{48,24}', '{100,50}', 0, false),
    -- Day and night, every day of the year, and nothing to pay: at every moment
    -- one of these two, half the world apart, can be booked for today.
    ('00000000-0000-4000-8000-000000000015', 'Hale Keiki Day and Night',
     '2335 Kalakaua Avenue', 'Honolulu', '96815', 'Pacific/Honolulu', 'USD',
     40, 0, 0, '00:00', '24:00', '{1,2,3,4,5,6,7}',
     15, 0, 30, '{}', '{}', 0, true),
    ('00000000-0000-4000-8000-000000000016', 'Lantern House Drop-in',
     '52 Waterloo Street', 'Singapore', '187944', 'Asia/Singapore', 'SGD',
     40, 0, 0, '00:00', '24:00', '{1,2,3,4,5,6,7}',
     15, 0, 30, '{}', '{}', 0, true)
on conflict (id) do nothing;

insert into franchises.peak_windows (franchise_id, weekdays, start_time, end_time)
select ('00000000-0000-4000-8000-0000000000' || lpad(n::text, 2, '0'))::uuid, days, s::time, e::time
  from (values
    (1,  '{1,2,3,4,5,6,7}'::integer[], '07:00', '09:00'),
    (1,  '{1,2,3,4,5,6,7}', '17:00', '19:00'),
    (2,  '{1,2,3,4,5}',     '07:00', '09:30'),
    (2,  '{1,2,3,4}',       '16:30', '19:00'),
    (2,  '{5}',             '15:00', '19:00'),
    (3,  '{1,2,3,4,5}',     '07:30', '09:15'),
    (3,  '{6}',             '07:30', '18:30'),
    (4,  '{1,2,3,4,5}',     '06:30', '08:30'),
    (5,  '{1,2,3,4,5}',     '07:00', '09:00'),
    (5,  '{1,2,3,4,5}',     '18:00', '20:00'),
    (6,  '{1,2,3,4,5,6}',   '17:00', '20:00'),
    (7,  '{1,2,3,4,5}',     '07:00', '08:45'),
    (8,  '{1,2,3,4,5,6,7}', '00:00', '06:00'),
    (9,  '{5,6}',           '19:00', '24:00'),
    (11, '{1,2,3,4,5}',     '07:00', '08:00'),
    (12, '{1,2,3,4,5}',     '17:00', '18:00'),
    (13, '{1,2,3,4,5}',     '16:00', '18:00')) as w (n, days, s, e)
 where exists (select from franchises.franchises f
                where f.id = ('00000000-0000-4000-8000-0000000000' || lpad(n::text, 2, '0'))::uuid)
on conflict do nothing;

-- The next New Year and labour day, and a day of the month after next that
-- nobody expects.
insert into franchises.closed_days (franchise_id, day, reason)
select f.id, d.day, d.reason
  from franchises.franchises f
 cross join lateral (values
    ((date_trunc('year', now() at time zone f.timezone) + interval '1 year')::date,
     'New Year''s Day'),
    ((date_trunc('year', (now() at time zone f.timezone) - interval '120 days')
      + interval '1 year 4 months')::date, 'Labour Day')) as d (day, reason)
 where f.id::text like '00000000-0000-4000-8000-0000000000__'
   and f.id not in ('00000000-0000-4000-8000-000000000001',
                    '00000000-0000-4000-8000-000000000015',
                    '00000000-0000-4000-8000-000000000016')
on conflict do nothing;

insert into franchises.closed_days (franchise_id, day, reason)
select f.id, (date_trunc('month', now() at time zone f.timezone)
              + interval '2 months 9 days')::date, 'Training of our staff'
  from franchises.franchises f
 where f.id in ('00000000-0000-4000-8000-000000000002', '00000000-0000-4000-8000-000000000003',
                '00000000-0000-4000-8000-000000000005')
on conflict do nothing;

commit;
