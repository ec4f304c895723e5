/*
 * uuid.c: UUIDs (RFC 9562) as sixteen bytes.
 */
#include "base/uuid.h"

#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"

static void
stamp(struct uuid *id, unsigned version)
{
	id->b[6] = (uint8_t)((id->b[6] & 0x0f) | version << 4);
	id->b[8] = (uint8_t)((id->b[8] & 0x3f) | 0x80);
}

/*
 * Sixty bits of time: milliseconds, and twelve bits of the millisecond's
 * fraction (RFC 9562 section 6.2, method 3).  The last one is remembered, so
 * that ids of one process keep rising when two fall into one tick or the wall
 * clock steps back; that is the only state, and forgetting it does no harm.
 */
static uint64_t
next_tick(void)
{
	static _Atomic uint64_t last;
	int64_t now_us = clock_wall_us();
	uint64_t us = now_us > 0 ? (uint64_t)now_us : 0;
	uint64_t now = us / 1000 << 12 | us % 1000 * 4096 / 1000;
	uint64_t before = atomic_load(&last);
	uint64_t tick;

	do {
		tick = now > before ? now : before + 1;
	} while (!atomic_compare_exchange_weak(&last, &before, tick));
	return tick;
}

void
uuid_new(struct uuid *ret_id)
{
	uint64_t tick = next_tick();
	uint64_t ms = tick >> 12;

	/* cppcheck takes what is written here for something that is read. */
	/* cppcheck-suppress ctuuninitvar */
	rng_bytes(ret_id->b + 8, 8);
	for (int i = 0; i < 6; i++)
		ret_id->b[i] = (uint8_t)(ms >> (40 - 8 * i));
	ret_id->b[6] = (uint8_t)(tick >> 8 & 0x0f);
	ret_id->b[7] = (uint8_t)tick;
	stamp(ret_id, 7);
}

void
uuid_random(struct uuid *ret_id)
{
	rng_bytes(ret_id->b, sizeof ret_id->b);
	stamp(ret_id, 4);
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
uuid_parse(const char *text, struct uuid *ret_id)
{
	struct uuid id = { 0 };
	size_t digits = 0;

	for (size_t i = 0; i < UUID_TEXT_MAX - 1; i++) {
		bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
		int value = hex_value(text[i]);

		/* A text that ends early fails here, at its NUL. */
		if (hyphen ? text[i] != '-' : value < 0)
			return false;
		if (hyphen)
			continue;
		id.b[digits / 2] = (uint8_t)(id.b[digits / 2] << 4 | value);
		digits++;
	}
	if (text[UUID_TEXT_MAX - 1] != '\0')
		return false;

	*ret_id = id;
	return true;
}

char *
uuid_format(const struct uuid *id, char out[UUID_TEXT_MAX])
{
	static const char digits[] = "0123456789abcdef";
	char *at = out;

	for (size_t i = 0; i < sizeof id->b; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*at++ = '-';
		*at++ = digits[id->b[i] >> 4];
		*at++ = digits[id->b[i] & 0x0f];
	}
	*at = '\0';
	return out;
}

bool
uuid_equal(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a->b, b->b, sizeof a->b) == 0;
}

bool
uuid_is_none(const struct uuid *id)
{
	static const struct uuid none;

	return uuid_equal(id, &none);
}
