/* suites.h: the suites of tests/flow, in the order they run. */
SUITE(values)
SUITE(migrate)
SUITE(store)
SUITE(cache)
SUITE(bookings)
SUITE(franchise_admin)
SUITE(http_client)
SUITE(stripe_client)
