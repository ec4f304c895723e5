/* test_ticket.c: what a QR code says, and what is not one. */
#include "domain/ticket.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "unit/unit.h"

#define MEMORY ((size_t)64 * 1024)
#define ID "7f9c24e8-3b12-4fef-91e0-1c1f8a2b9d37"
#define MAC "nQ0r1vZ8fYw2b7uXcK-_EA"
#define SIG "?sig=12.mK3d." MAC
#define REST "/checkin/" ID SIG

static void
an_address_is_read_back_as_it_was_written(void)
{
	struct arena *arena = arena_open(MEMORY);
	struct ticket t = { .version = 12, .key = "mK3d", .mac = MAC };
	struct ticket back;
	const char *url;

	CU_ASSERT_TRUE_FATAL(uuid_parse(ID, &t.reference));
	url = ticket_url(arena, "https://booking.example.com", &t);
	CU_ASSERT_STRING_EQUAL(url, "https://booking.example.com" REST);
	CU_ASSERT_TRUE(ticket_parse(url, &back));
	CU_ASSERT_TRUE(uuid_equal(&back.reference, &t.reference));
	CU_ASSERT_EQUAL(back.version, 12);
	CU_ASSERT_STRING_EQUAL(back.key, "mK3d");
	CU_ASSERT_STRING_EQUAL(back.mac, MAC);
	arena_close(arena);
}

static void
any_host_will_do_and_none_will_too(void)
{
	static const char *const good[] = { "http://127.0.0.1:8443" REST,
		"https://a" REST, ID SIG,
		"https://x/checkin/7F9C24E8-3B12-4FEF-91E0-1C1F8A2B9D37" SIG };
	struct ticket t;

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		CU_ASSERT_TRUE(ticket_parse(good[i], &t));
}

static void
everything_else_is_no_ticket_and_leaves_the_output_alone(void)
{
	static const char *const bad[] = { "", "x", "https://", "https://a",
		"https://a/", "https://a/checkin/", "https://a/pay/" ID SIG,
		"https://a/x" REST, "ftp://a" REST, "/checkin/" ID SIG,
		" " ID SIG, ID SIG " ", ID SIG "x", ID SIG "&a=b", ID,
		ID "?sig=", ID "?t=12.mK3d." MAC, ID "?sig=" MAC,
		ID "?sig=0.mK3d." MAC, ID "?sig=01.mK3d." MAC,
		ID "?sig=-1.mK3d." MAC, ID "?sig=.mK3d." MAC,
		ID "?sig=1234567890.mK3d." MAC, ID "?sig=1.mK3." MAC,
		ID "?sig=1.mK3dd." MAC, ID "?sig=1.mK3d" MAC,
		ID "?sig=1 mK3d." MAC, ID "?sig=1.mK3d!" MAC,
		ID "?sig=1.mK3d.nQ0r1vZ8fYw2b7uXcK-_E",
		ID "?sig=1.mK3d.nQ0r1vZ8fYw2b7uXcK+_EA",
		"7f9c24e8-3b12-4fef-91e0-1c1f8a2b9d3g" SIG,
		"7f9c24e83b124fef91e01c1f8a2b9d37aaaa" SIG };
	struct arena *arena = arena_open(MEMORY);
	char *longest = arena_alloc(arena, TICKET_TEXT_MAX + 2);
	struct ticket t = { .version = -7 };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CU_ASSERT_FALSE(ticket_parse(bad[i], &t));

	memset(longest, 'a', TICKET_TEXT_MAX + 1);
	memcpy(longest, "https://", 8);
	memcpy(longest + TICKET_TEXT_MAX + 1 - strlen(REST), REST,
	    strlen(REST));
	CU_ASSERT_FALSE(ticket_parse(longest, &t));
	CU_ASSERT_EQUAL(t.version, -7);
	memmove(longest + 8, longest + 9, TICKET_TEXT_MAX - 7);
	CU_ASSERT_TRUE(ticket_parse(longest, &t));
	arena_close(arena);
}

static void
a_code_is_the_same_however_it_is_read_out(void)
{
	static const char *const same[] = { "K7QM-4TXA", "k7qm-4txa",
		"K7QM4TXA", " k7qm 4TXA ", "k-7-q-m-4-t-x-a" };
	static const char *const none[] = { "", "-", "K7QM-4TX", "K7QM-4TXAB",
		"K7QM_4TXA", "K7QM-4TX\xc3\x84", "K7QM/4TXA", "K7QM:4TXA",
		"K7QM[4TXA", "{7QM4TXA" };
	struct arena *arena = arena_open(MEMORY);

	for (size_t i = 0; i < ARRAY_LEN(same); i++)
		CU_ASSERT_STRING_EQUAL(ticket_code(arena, same[i]),
		    "K7QM-4TXA");
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		CU_ASSERT_PTR_NULL(ticket_code(arena, none[i]));
	arena_close(arena);
}

UNIT_SUITE(ticket, UNIT_TEST(an_address_is_read_back_as_it_was_written),
    UNIT_TEST(any_host_will_do_and_none_will_too),
    UNIT_TEST(everything_else_is_no_ticket_and_leaves_the_output_alone),
    UNIT_TEST(a_code_is_the_same_however_it_is_read_out))
