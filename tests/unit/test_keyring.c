/* test_keyring.c: what is sealed opens in its place and nowhere else. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "app/keyring.h"
#include "base/arena.h"
#include "base/codec.h"
#include "base/scope.h"
#include "base/uuid.h"
#include "unit/unit.h"

/* 32 bytes of 0x00, and of 0xff. */
#define ZEROS "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define ONES "__________________________________________8"
#define LOOKUP "lookup-secret-of-32-characters-.."
#define SESSION "session-secret-of-32-characters.."

static const struct uuid booking = { { 1, 2, 3 } };
static const struct uuid other = { { 1, 2, 4 } };

struct desk {
	struct arena *arena;
	struct scope sc;
	struct keyring *ring;
	enum err refusal; /* of the last key that did not open */
};

static struct keyring *
ring_of(const char *keys)
{
	char why[256] = "";
	struct keyring *ring = keyring_open(keys, LOOKUP, SESSION, why,
	    sizeof why);

	CU_ASSERT_STRING_EQUAL(why, "");
	CU_ASSERT_PTR_NOT_NULL_FATAL(ring);
	return ring;
}

static void
desk_open(struct desk *d)
{
	d->arena = arena_open(1 << 20);
	CU_ASSERT_PTR_NOT_NULL_FATAL(d->arena);
	scope_init(&d->sc, d->arena, 1000000);
	d->ring = ring_of("7:" ZEROS ",3:" ONES);
}

static void
desk_close(struct desk *d)
{
	keyring_close(d->ring);
	arena_close(d->arena);
}

/* Whether the wrapped key opens; a refusal leaves the output as it was. */
static bool
unwraps(struct desk *d, const struct keyring *ring, const struct uuid *id,
    const uint8_t *wrapped, size_t len, const struct data_key *want)
{
	struct data_key key;
	enum err e;

	memset(&key, 0xa5, sizeof key);
	d->sc.why[0] = '\0';
	e = keyring_unwrap(ring, &d->sc, id, wrapped, len, &key);
	if (!e) {
		CU_ASSERT(memcmp(&key, want, sizeof key) == 0);
		return true;
	}
	CU_ASSERT(e == ERR_CORRUPT || e == ERR_KEY_ABSENT);
	d->refusal = e;
	CU_ASSERT(d->sc.why[0] != '\0');
	for (size_t i = 0; i < sizeof key.key; i++)
		CU_ASSERT_EQUAL(key.key[i], 0xa5);
	return false;
}

static void
test_faulty_settings_are_refused_and_never_quoted(void)
{
	static const char *const faulty[] = { "", ",", ":", "1", "1:",
		"1:" ZEROS ",", "," "1:" ZEROS, "0:" ZEROS, "01:" ZEROS,
		"-1:" ZEROS, "+1:" ZEROS, " 1:" ZEROS, "1 :" ZEROS,
		"1: " ZEROS, "4294967296:" ZEROS, "99999999999:" ZEROS,
		"x:" ZEROS, ":" ZEROS, "1:" ZEROS "A", "1:" ZEROS "=",
		"1:AAAA", "1:" ZEROS "," "1:" ONES, "1:" ZEROS ";2:" ONES,
		"1:" ZEROS ",2:" "AAAA",
		"1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB" };
	char why[256];

	for (size_t i = 0; i < ARRAY_LEN(faulty); i++) {
		why[0] = '\0';
		CU_ASSERT_PTR_NULL(keyring_open(faulty[i], LOOKUP, SESSION,
		    why, sizeof why));
		CU_ASSERT_EQUAL(strncmp(why, "ENCRYPTION_KEYS: ", 17), 0);
		CU_ASSERT_PTR_NULL(strstr(why, "AAAA"));
	}
	CU_ASSERT_PTR_NULL(keyring_open("1:" ZEROS, "short", SESSION, why,
	    sizeof why));
	CU_ASSERT_EQUAL(strncmp(why, "LOOKUP_SECRET: ", 15), 0);
	CU_ASSERT_PTR_NULL(keyring_open("1:" ZEROS, LOOKUP, "short", why,
	    sizeof why));
	CU_ASSERT_EQUAL(strncmp(why, "SESSION_SECRET: ", 16), 0);
	keyring_close(NULL);
}

static void
test_as_many_keys_as_the_ring_has_room_for(void)
{
	char keys[64 * (KEYRING_KEYS_MAX + 1)] = "";
	char why[256];
	size_t len = 0;

	for (int i = 1; i <= KEYRING_KEYS_MAX + 1; i++) {
		struct keyring *ring;

		len += (size_t)snprintf(keys + len, sizeof keys - len,
		    "%s%u:" ZEROS, i > 1 ? "," : "", UINT32_MAX - (unsigned)i +
		    1);
		ring = keyring_open(keys, LOOKUP, SESSION, why, sizeof why);
		CU_ASSERT_EQUAL(ring != NULL, i <= KEYRING_KEYS_MAX);
		if (ring)
			CU_ASSERT_EQUAL(keyring_active(ring), UINT32_MAX);
		keyring_close(ring);
	}
}

static void
test_a_wrapped_key_names_the_active_key_and_opens(void)
{
	uint8_t wrapped[WRAPPED_KEY_LEN], again[WRAPPED_KEY_LEN];
	struct data_key key, key2;
	struct desk d;

	desk_open(&d);
	CU_ASSERT_EQUAL(keyring_active(d.ring), 7);
	keyring_new_key(d.ring, &booking, &key, wrapped);
	CU_ASSERT_EQUAL(memcmp(wrapped, "\x01\0\0\0\x07", 5), 0);
	CU_ASSERT(unwraps(&d, d.ring, &booking, wrapped, sizeof wrapped, &key));
	CU_ASSERT_PTR_NULL(memmem(wrapped, sizeof wrapped, key.key, 8));

	keyring_new_key(d.ring, &booking, &key2, again);
	CU_ASSERT(memcmp(&key, &key2, sizeof key) != 0);
	desk_close(&d);
}

static void
test_the_ring_rotates_and_a_key_taken_out_forgets(void)
{
	uint8_t wrapped[WRAPPED_KEY_LEN], rewrapped[WRAPPED_KEY_LEN];
	struct keyring *before = ring_of("3:" ONES);
	struct keyring *after = ring_of("7:" ZEROS);
	/* The right id and another key. */
	struct keyring *false_one = ring_of("3:" ZEROS);
	struct data_key key;
	struct desk d;

	desk_open(&d);
	keyring_new_key(before, &booking, &key, wrapped);
	CU_ASSERT(unwraps(&d, d.ring, &booking, wrapped, sizeof wrapped, &key));
	CU_ASSERT_FALSE(unwraps(&d, after, &booking, wrapped, sizeof wrapped,
	    &key));
	/* Another host may have it: that is no fault of the bytes. */
	CU_ASSERT_EQUAL(d.refusal, ERR_KEY_ABSENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(d.sc.why, "key 3"));
	CU_ASSERT_FALSE(unwraps(&d, false_one, &booking, wrapped,
	    sizeof wrapped, &key));
	CU_ASSERT_EQUAL(d.refusal, ERR_CORRUPT);

	keyring_wrap(d.ring, &booking, &key, rewrapped);
	CU_ASSERT(unwraps(&d, after, &booking, rewrapped, sizeof rewrapped,
	    &key));
	keyring_close(before);
	keyring_close(after);
	keyring_close(false_one);
	desk_close(&d);
}

static void
test_a_wrapped_key_does_not_open_elsewhere_or_changed(void)
{
	uint8_t wrapped[WRAPPED_KEY_LEN + 1] = { 0 };
	struct data_key key;
	struct desk d;

	desk_open(&d);
	keyring_new_key(d.ring, &booking, &key, wrapped);
	CU_ASSERT_FALSE(unwraps(&d, d.ring, &other, wrapped, WRAPPED_KEY_LEN,
	    &key));
	for (size_t bit = 0; bit < 8 * (size_t)WRAPPED_KEY_LEN; bit++) {
		wrapped[bit / 8] ^= (uint8_t)(1u << bit % 8);
		CU_ASSERT_FALSE(unwraps(&d, d.ring, &booking, wrapped,
		    WRAPPED_KEY_LEN, &key));
		wrapped[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t len = 0; len < WRAPPED_KEY_LEN; len++)
		CU_ASSERT_FALSE(unwraps(&d, d.ring, &booking, wrapped, len,
		    &key));
	CU_ASSERT_FALSE(unwraps(&d, d.ring, &booking, wrapped,
	    WRAPPED_KEY_LEN + 1, &key));
	CU_ASSERT_FALSE(unwraps(&d, d.ring, &booking, NULL, 0, &key));
	/* To say 3 where 7 wrapped does not help. */
	wrapped[4] = 3;
	CU_ASSERT_FALSE(unwraps(&d, d.ring, &booking, wrapped,
	    WRAPPED_KEY_LEN, &key));
	desk_close(&d);
}

static bool
unseals(struct desk *d, const struct data_key *key, const char *column,
    const struct uuid *row, const uint8_t *data, size_t len, const char *want)
{
	const char *text = "untouched";
	enum err e;

	d->sc.why[0] = '\0';
	e = keyring_unseal(&d->sc, key, column, row, data, len, &text);
	if (!e) {
		CU_ASSERT_PTR_NOT_NULL_FATAL(text);
		CU_ASSERT_STRING_EQUAL(text, want);
		return true;
	}
	CU_ASSERT_EQUAL(e, ERR_CORRUPT);
	CU_ASSERT_STRING_EQUAL(text, "untouched");
	CU_ASSERT_EQUAL(strncmp(d->sc.why, column, strlen(column)), 0);
	return false;
}

static void
test_a_text_opens_in_its_row_and_column_only(void)
{
	static const char text[] = "Peanuts; bees \xf0\x9f\x90\x9d";
	uint8_t wrapped[WRAPPED_KEY_LEN];
	struct data_key key, foreign;
	struct sealed s, again;
	struct desk d;

	desk_open(&d);
	keyring_new_key(d.ring, &booking, &key, wrapped);
	keyring_new_key(d.ring, &other, &foreign, wrapped);
	s = keyring_seal(&d.sc, &key, "children.allergies", &booking, text);
	CU_ASSERT_EQUAL(s.len, sizeof text - 1 + GCM_OVERHEAD + 1);
	CU_ASSERT_EQUAL(s.data[0], 1);
	CU_ASSERT_PTR_NULL(memmem(s.data, s.len, "Peanuts", 7));
	CU_ASSERT(unseals(&d, &key, "children.allergies", &booking, s.data,
	    s.len, text));

	CU_ASSERT_FALSE(unseals(&d, &key, "children.needs", &booking, s.data,
	    s.len, text));
	CU_ASSERT_FALSE(unseals(&d, &key, "children.allergies", &other, s.data,
	    s.len, text));
	CU_ASSERT_FALSE(unseals(&d, &foreign, "children.allergies", &booking,
	    s.data, s.len, text));

	/* Equal texts do not look equal. */
	again = keyring_seal(&d.sc, &key, "children.allergies", &booking, text);
	CU_ASSERT_EQUAL(again.len, s.len);
	CU_ASSERT(memcmp(again.data, s.data, s.len) != 0);
	desk_close(&d);
}

static void
test_a_text_does_not_open_changed_or_cut(void)
{
	struct data_key key = { { 5 } };
	struct sealed s;
	uint8_t data[64];
	struct desk d;

	desk_open(&d);
	s = keyring_seal(&d.sc, &key, "a.b", &booking, "12345");
	CU_ASSERT_FATAL(s.len < sizeof data);
	memcpy(data, s.data, s.len);
	for (size_t bit = 0; bit < 8 * s.len; bit++) {
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		CU_ASSERT_FALSE(unseals(&d, &key, "a.b", &booking, data, s.len,
		    ""));
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t len = 0; len < s.len; len++)
		CU_ASSERT_FALSE(unseals(&d, &key, "a.b", &booking, data, len,
		    ""));
	CU_ASSERT(unseals(&d, &key, "a.b", &booking, data, s.len, "12345"));
	desk_close(&d);
}

static void
test_no_text_stays_no_text_and_an_empty_one_empty(void)
{
	struct data_key key = { { 6 } };
	const char *text = "untouched";
	struct sealed s;
	struct desk d;

	desk_open(&d);
	s = keyring_seal(&d.sc, &key, "a.b", &booking, NULL);
	CU_ASSERT_PTR_NULL(s.data);
	CU_ASSERT_EQUAL(s.len, 0);
	CU_ASSERT_EQUAL(keyring_unseal(&d.sc, &key, "a.b", &booking, s.data,
	    s.len, &text), ERR_OK);
	CU_ASSERT_PTR_NULL(text);

	s = keyring_seal(&d.sc, &key, "a.b", &booking, "");
	CU_ASSERT_EQUAL(s.len, 1 + GCM_OVERHEAD);
	CU_ASSERT(unseals(&d, &key, "a.b", &booking, s.data, s.len, ""));
	desk_close(&d);
}

/* The ring of other encryption keys, other secrets. */
static struct keyring *
ring_with(const char *lookup, const char *session)
{
	char why[256];
	struct keyring *ring = keyring_open("9:" ONES, lookup, session, why,
	    sizeof why);

	CU_ASSERT_PTR_NOT_NULL_FATAL(ring);
	return ring;
}

static void
test_keyed_hashes_outlive_the_rotation_and_hang_on_the_lookup_secret(void)
{
	struct keyring *rotated = ring_with(LOOKUP, SESSION "x");
	struct keyring *foreign = ring_with(LOOKUP "x", SESSION);
	uint8_t a[SHA256_LEN], b[SHA256_LEN], c[SHA256_LEN];
	struct uuid k, l;
	struct desk d;

	desk_open(&d);
	keyring_email_hash(d.ring, "a@b.example", a);
	keyring_email_hash(rotated, "a@b.example", b);
	CU_ASSERT(memcmp(a, b, sizeof a) == 0);
	keyring_email_hash(foreign, "a@b.example", c);
	CU_ASSERT(memcmp(a, c, sizeof a) != 0);

	/* One purpose says nothing about another. */
	keyring_address_hash(d.ring, "a@b.example", b);
	keyring_request_hash(d.ring, "a@b.example", 11, c);
	CU_ASSERT(memcmp(a, b, sizeof a) != 0);
	CU_ASSERT(memcmp(a, c, sizeof a) != 0);
	CU_ASSERT(memcmp(b, c, sizeof a) != 0);
	keyring_request_hash(d.ring, "a@b.example", 10, a);
	CU_ASSERT(memcmp(a, c, sizeof a) != 0);

	keyring_child_key(d.ring, &booking, "ada", &k);
	keyring_child_key(rotated, &booking, "ada", &l);
	CU_ASSERT(uuid_equal(&k, &l));
	keyring_child_key(foreign, &booking, "ada", &l);
	CU_ASSERT_FALSE(uuid_equal(&k, &l));
	keyring_child_key(d.ring, &other, "ada", &l);
	CU_ASSERT_FALSE(uuid_equal(&k, &l));
	keyring_child_key(d.ring, &booking, "adb", &l);
	CU_ASSERT_FALSE(uuid_equal(&k, &l));

	keyring_close(rotated);
	keyring_close(foreign);
	desk_close(&d);
}

static void
test_stored_hashes_stay_what_they_are_for_ever(void)
{
	uint8_t hash[SHA256_LEN];
	struct uuid child;
	struct desk d;

	/* Taken from an independent computation: who changes a label or an
	 * order loses every child and address already stored. */
	desk_open(&d);
	keyring_email_hash(d.ring, "a@b.example", hash);
	CU_ASSERT_STRING_EQUAL(codec_hex(d.arena, hash, sizeof hash),
	    "9a9b15e49c630069f2fd6b1508dc0a89"
	    "4a2fa97a4032dce37b2a3b624565d637");
	keyring_child_key(d.ring, &booking, "ada", &child);
	CU_ASSERT_STRING_EQUAL(codec_hex(d.arena, child.b, sizeof child.b),
	    "9b2f4f36dcb6712043c084229bccb73a");
	CU_ASSERT_STRING_EQUAL(keyring_sign_link(d.ring, &d.sc, "pay",
	    &booking, 3), "GBm--e9Kv48OoOaqbrZNWg");
	CU_ASSERT_STRING_EQUAL(codec_hex(d.arena,
	    keyring_session_key(d.ring), SHA256_LEN), "8de2a6c2aacba88bb1c70ed0768dc44c"
	    "a517daec6dc37d84b8271f1eeee0f47a");
	desk_close(&d);
}

static void
test_a_link_holds_for_its_purpose_id_version_and_secret(void)
{
	struct keyring *rotated = ring_with(LOOKUP "x", SESSION);
	struct keyring *foreign = ring_with(LOOKUP, SESSION "x");
	struct desk d;
	char *t;

	desk_open(&d);
	t = keyring_sign_link(d.ring, &d.sc, "pay", &booking, 1);
	CU_ASSERT_EQUAL(strlen(t), 22);
	CU_ASSERT(keyring_check_link(d.ring, &d.sc, "pay", &booking, 1, t));
	CU_ASSERT(keyring_check_link(rotated, &d.sc, "pay", &booking, 1, t));
	CU_ASSERT_FALSE(keyring_check_link(foreign, &d.sc, "pay", &booking, 1,
	    t));
	CU_ASSERT_FALSE(keyring_check_link(d.ring, &d.sc, "manage", &booking,
	    1, t));
	CU_ASSERT_FALSE(keyring_check_link(d.ring, &d.sc, "pay", &other, 1, t));
	CU_ASSERT_FALSE(keyring_check_link(d.ring, &d.sc, "pay", &booking, 2,
	    t));
	CU_ASSERT_FALSE(keyring_check_link(d.ring, &d.sc, "pay", &booking, 1,
	    ""));
	CU_ASSERT_FALSE(keyring_check_link(d.ring, &d.sc, "pay", &booking, 1,
	    arena_printf(d.arena, "%sA", t)));
	for (size_t i = 0; i < 22; i++) {
		char kept = t[i];

		t[i] = (char)(kept == 'A' ? 'B' : 'A');
		CU_ASSERT_FALSE(keyring_check_link(d.ring, &d.sc, "pay",
		    &booking, 1, t));
		t[i] = '\0';
		CU_ASSERT_FALSE(keyring_check_link(d.ring, &d.sc, "pay",
		    &booking, 1, t));
		t[i] = kept;
	}
	keyring_close(rotated);
	keyring_close(foreign);
	desk_close(&d);
}

static void
test_the_name_of_the_link_key_changes_with_its_secret_alone(void)
{
	struct keyring *rotated = ring_with(LOOKUP "x", SESSION);
	struct keyring *foreign = ring_with(LOOKUP, SESSION "x");
	char name[KEYRING_LINK_NAME_MAX];
	char other_name[KEYRING_LINK_NAME_MAX];
	struct desk d;

	desk_open(&d);
	keyring_link_name(d.ring, name);
	CU_ASSERT_STRING_EQUAL(name, "vC-P");
	keyring_link_name(rotated, other_name);
	CU_ASSERT_STRING_EQUAL(other_name, name);
	keyring_link_name(foreign, other_name);
	CU_ASSERT_STRING_NOT_EQUAL(other_name, name);
	keyring_close(rotated);
	keyring_close(foreign);
	desk_close(&d);
}

UNIT_SUITE(keyring,
    UNIT_TEST(test_the_name_of_the_link_key_changes_with_its_secret_alone),
    UNIT_TEST(test_faulty_settings_are_refused_and_never_quoted),
    UNIT_TEST(test_as_many_keys_as_the_ring_has_room_for),
    UNIT_TEST(test_a_wrapped_key_names_the_active_key_and_opens),
    UNIT_TEST(test_the_ring_rotates_and_a_key_taken_out_forgets),
    UNIT_TEST(test_a_wrapped_key_does_not_open_elsewhere_or_changed),
    UNIT_TEST(test_a_text_opens_in_its_row_and_column_only),
    UNIT_TEST(test_a_text_does_not_open_changed_or_cut),
    UNIT_TEST(test_no_text_stays_no_text_and_an_empty_one_empty),
    UNIT_TEST(
        test_keyed_hashes_outlive_the_rotation_and_hang_on_the_lookup_secret),
    UNIT_TEST(test_stored_hashes_stay_what_they_are_for_ever),
    UNIT_TEST(test_a_link_holds_for_its_purpose_id_version_and_secret))
