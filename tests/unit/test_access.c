/* test_access.c: who may, and whose booking it is. */
#include "domain/access.h"

#include <stddef.h>

#include "unit/unit.h"

static const struct uuid mine = { { 1 } };
static const struct uuid other = { { 2 } };
static const struct uuid none = { { 0 } };

static void
words_and_rights_name_each_other(void)
{
	static const enum access_right all[] = { ACCESS_BOOKING_CREATE,
		ACCESS_BOOKING_READ, ACCESS_BOOKING_UPDATE,
		ACCESS_CHECKIN_WRITE, ACCESS_PAYMENT_REFUND,
		ACCESS_GUEST_CREATE };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		CU_ASSERT_EQUAL(access_parse(access_word(all[i])),
		    (unsigned)all[i]);
	CU_ASSERT_EQUAL(access_parse("booking:*"),
	    (unsigned)(ACCESS_BOOKING_CREATE | ACCESS_BOOKING_READ |
	        ACCESS_BOOKING_UPDATE));
	CU_ASSERT_EQUAL(access_parse("booking"), 0);
	CU_ASSERT_EQUAL(access_parse("booking:read "), 0);
	CU_ASSERT_EQUAL(access_parse("*"), 0);
	CU_ASSERT_EQUAL(access_parse(""), 0);
	CU_ASSERT_STRING_EQUAL(access_word(ACCESS_NONE), "");
	CU_ASSERT_STRING_EQUAL(access_word((enum access_right)(1 << 30)), "");
}

static void
one_of_the_rights_suffices_and_none_asks_for_nothing(void)
{
	struct caller c = { .rights = ACCESS_BOOKING_READ };

	CU_ASSERT_TRUE(access_allows(&c, 0));
	CU_ASSERT_TRUE(access_allows(&c, ACCESS_BOOKING_READ));
	CU_ASSERT_TRUE(access_allows(&c,
	    ACCESS_BOOKING_READ | ACCESS_BOOKING_UPDATE));
	CU_ASSERT_FALSE(access_allows(&c, ACCESS_BOOKING_UPDATE));
}

static void
a_customer_owns_his_bookings_and_no_others(void)
{
	struct caller c = { .kind = CALLER_CUSTOMER, .customer = mine };

	CU_ASSERT_TRUE(access_owns(&c, &other, &mine, &other));
	CU_ASSERT_FALSE(access_owns(&c, &mine, &other, &mine));
	c.kind = CALLER_GUEST;
	CU_ASSERT_TRUE(access_owns(&c, &other, &mine, &other));
	c.customer = none;
	CU_ASSERT_FALSE(access_owns(&c, &other, &none, &other));
}

static void
a_manage_token_owns_its_one_booking(void)
{
	struct caller c = { .kind = CALLER_MANAGE, .customer = mine,
		.booking = mine };

	CU_ASSERT_TRUE(access_owns(&c, &mine, &mine, &other));
	CU_ASSERT_FALSE(access_owns(&c, &other, &mine, &other));
	CU_ASSERT_FALSE(access_owns(&c, &mine, &other, &other));
	c.booking = none;
	CU_ASSERT_FALSE(access_owns(&c, &none, &mine, &other));
}

static void
a_secret_key_stays_in_its_franchise_and_with_its_customer(void)
{
	struct caller c = { .kind = CALLER_SECRET, .customer = mine,
		.franchise = mine };

	CU_ASSERT_TRUE(access_owns(&c, &other, &mine, &mine));
	CU_ASSERT_FALSE(access_owns(&c, &other, &mine, &other));
	CU_ASSERT_FALSE(access_owns(&c, &other, &other, &mine));
	c.franchise = none;
	CU_ASSERT_TRUE(access_owns(&c, &other, &mine, &other));
	c.customer = none;
	CU_ASSERT_FALSE(access_owns(&c, &other, &none, &mine));
}

static void
nobody_and_a_publishable_key_own_nothing(void)
{
	struct caller c = { .kind = CALLER_NOBODY, .customer = mine,
		.booking = mine };

	CU_ASSERT_FALSE(access_owns(&c, &mine, &mine, &mine));
	c.kind = CALLER_PUBLISHABLE;
	CU_ASSERT_FALSE(access_owns(&c, &mine, &mine, &mine));
	c.kind = CALLER__MAX;
	CU_ASSERT_FALSE(access_owns(&c, &mine, &mine, &mine));
	c.kind = (enum caller_kind)(CALLER__MAX + 1);
	CU_ASSERT_FALSE(access_owns(&c, &mine, &mine, &mine));
}

static void
the_system_works_on_any_booking(void)
{
	struct caller c = { .kind = CALLER_SYSTEM };

	CU_ASSERT_TRUE(access_owns(&c, &mine, &other, &mine));
	CU_ASSERT_TRUE(access_owns(&c, &none, &none, &none));
	/* It owns them by its kind, not by a right. */
	CU_ASSERT_FALSE(access_allows(&c, ACCESS_BOOKING_READ));
}

UNIT_SUITE(access, UNIT_TEST(words_and_rights_name_each_other),
    UNIT_TEST(one_of_the_rights_suffices_and_none_asks_for_nothing),
    UNIT_TEST(a_customer_owns_his_bookings_and_no_others),
    UNIT_TEST(a_manage_token_owns_its_one_booking),
    UNIT_TEST(a_secret_key_stays_in_its_franchise_and_with_its_customer),
    UNIT_TEST(nobody_and_a_publishable_key_own_nothing),
    UNIT_TEST(the_system_works_on_any_booking))
