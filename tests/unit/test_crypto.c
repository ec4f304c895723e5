/* test_crypto.c: digests, MACs and AES-256-GCM against the official vectors. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/crypto.h"
#include "unit/unit.h"

#define VECTOR_MAX 8192

struct bytes {
	uint8_t data[VECTOR_MAX];
	size_t len;
};

static const char *
word(struct json_object *object, const char *name)
{
	return json_object_get_string(json_object_object_get(object, name));
}

static int
number(struct json_object *object, const char *name)
{
	return json_object_get_int(json_object_object_get(object, name));
}

static void
unhex(const char *text, struct bytes *ret)
{
	ret->len = strlen(text) / 2;
	CU_ASSERT_FATAL(ret->len <= VECTOR_MAX);
	for (size_t i = 0; i < ret->len; i++) {
		char pair[3] = { text[2 * i], text[2 * i + 1], '\0' };

		ret->data[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
}

/* Whether `text` is the hex form of data. */
static bool
is_hex(const uint8_t *data, size_t len, const char *text)
{
	struct bytes want;

	unhex(text, &want);
	return want.len == len && memcmp(want.data, data, len) == 0;
}

/* The file of that name, or NULL when the vectors are not there, which only
 * a developer's machine may say. */
static struct json_object *
vectors(const char *name)
{
	struct json_object *all;
	char path[4352];

	if (!unit_have_vectors())
		return NULL;
	snprintf(path, sizeof path, "%s/wycheproof/%s", unit_vectors(), name);
	all = json_object_from_file(path);
	CU_ASSERT_PTR_NOT_NULL_FATAL(all);
	return all;
}

/* Run fn on each test of each group; returns how many fn had a use for. */
static int
each_vector(const char *name,
    bool (*fn)(struct json_object *group, struct json_object *test))
{
	struct json_object *all = vectors(name);
	struct json_object *groups;
	int used = 0;

	if (!all)
		return -1;

	groups = json_object_object_get(all, "testGroups");
	for (size_t g = 0; g < json_object_array_length(groups); g++) {
		struct json_object *group = json_object_array_get_idx(groups, g);
		struct json_object *tests =
		    json_object_object_get(group, "tests");

		for (size_t t = 0; t < json_object_array_length(tests); t++)
			used += fn(group, json_object_array_get_idx(tests, t));
	}
	json_object_put(all);
	return used;
}

static void
test_sha256_gives_the_digests_of_fips_180(void)
{
	uint8_t out[SHA256_LEN];
	char *million = malloc(1000000);

	crypto_sha256("", 0, out);
	CU_ASSERT(is_hex(out, sizeof out, "e3b0c44298fc1c149afbf4c8996fb924"
	    "27ae41e4649b934ca495991b7852b855"));
	crypto_sha256("abc", 3, out);
	CU_ASSERT(is_hex(out, sizeof out, "ba7816bf8f01cfea414140de5dae2223"
	    "b00361a396177a9cb410ff61f20015ad"));

	CU_ASSERT_PTR_NOT_NULL_FATAL(million);
	memset(million, 'a', 1000000);
	crypto_sha256(million, 1000000, out);
	CU_ASSERT(is_hex(out, sizeof out, "cdc76e5c9914fb9281a1c7e284d73e67"
	    "f1809a48a497200e046d39ccc7112cd0"));
	free(million);
}

static bool
hmac_vector(struct json_object *group, struct json_object *test)
{
	struct bytes key, msg, tag;
	uint8_t out[SHA256_LEN];
	bool fits;

	(void)group;
	unhex(word(test, "key"), &key);
	unhex(word(test, "msg"), &msg);
	unhex(word(test, "tag"), &tag);
	CU_ASSERT_FATAL(tag.len > 0 && tag.len <= sizeof out);

	crypto_hmac_sha256(key.data, key.len, msg.data, msg.len, out);
	fits = crypto_equal(out, tag.data, tag.len);
	CU_ASSERT_EQUAL(fits, strcmp(word(test, "result"), "valid") == 0);
	return true;
}

static void
test_hmac_holds_for_every_official_vector(void)
{
	int used = each_vector("hmac_sha256_test.json", hmac_vector);

	CU_ASSERT(used < 0 || used == 174);
}

static void
test_hmac_takes_an_empty_key_and_forgets_the_one_before(void)
{
	uint8_t first[SHA256_LEN], again[SHA256_LEN];
	uint8_t other[SHA256_LEN];

	/* The widely printed HMAC_SHA256("", ""). */
	crypto_hmac_sha256("", 0, "", 0, first);
	CU_ASSERT(is_hex(first, sizeof first, "b613679a0814d9ec772f95d778c35fc5"
	    "ff1697c493715653c6c712144292c5ad"));

	crypto_hmac_sha256("another key", 11, "", 0, other);
	crypto_hmac_sha256("", 0, "", 0, again);
	CU_ASSERT(memcmp(first, again, sizeof first) == 0);
	CU_ASSERT(memcmp(first, other, sizeof first) != 0);
}

static void
test_sub_keys_differ_by_label_and_by_secret(void)
{
	uint8_t pay[SHA256_LEN], manage[SHA256_LEN], other[SHA256_LEN];
	uint8_t again[SHA256_LEN];

	crypto_derive("secret", 6, "pay", pay);
	crypto_derive("secret", 6, "manage", manage);
	crypto_derive("secreT", 6, "pay", other);
	crypto_derive("secret", 6, "pay", again);
	CU_ASSERT(memcmp(pay, manage, sizeof pay) != 0);
	CU_ASSERT(memcmp(pay, other, sizeof pay) != 0);
	CU_ASSERT(memcmp(pay, again, sizeof pay) == 0);
}

/* Only our parameters are of use: AES-256, 96-bit nonce, 128-bit tag, and,
 * because our aad is a text, an aad without a zero byte. */
static bool
gcm_vector(struct json_object *group, struct json_object *test)
{
	static struct bytes key, nonce, msg, ct, tag, aad, sealed;
	static uint8_t out[VECTOR_MAX];
	bool valid = strcmp(word(test, "result"), "valid") == 0;

	if (number(group, "keySize") != 256 || number(group, "ivSize") != 96 ||
	    number(group, "tagSize") != 128)
		return false;
	unhex(word(test, "aad"), &aad);
	if (memchr(aad.data, '\0', aad.len))
		return false;
	CU_ASSERT_FATAL(aad.len < sizeof aad.data);
	aad.data[aad.len] = '\0';

	unhex(word(test, "key"), &key);
	unhex(word(test, "iv"), &nonce);
	unhex(word(test, "msg"), &msg);
	unhex(word(test, "ct"), &ct);
	unhex(word(test, "tag"), &tag);

	sealed.len = nonce.len + ct.len + tag.len;
	CU_ASSERT_FATAL(sealed.len <= sizeof sealed.data);
	memcpy(sealed.data, nonce.data, nonce.len);
	memcpy(sealed.data + nonce.len, ct.data, ct.len);
	memcpy(sealed.data + nonce.len + ct.len, tag.data, tag.len);

	memset(out, 0xa5, sizeof out);
	CU_ASSERT_EQUAL(crypto_open(key.data, (const char *)aad.data,
	    sealed.data, sealed.len, out), valid);
	if (valid)
		CU_ASSERT(memcmp(out, msg.data, msg.len) == 0);
	CU_ASSERT_EQUAL(out[ct.len], 0xa5); /* not a byte more */
	return true;
}

static void
test_gcm_holds_for_every_official_vector_of_our_kind(void)
{
	int used = each_vector("aes_gcm_test.json", gcm_vector);

	CU_ASSERT(used < 0 || used == 57);
}

static void
test_what_was_sealed_opens_at_every_length(void)
{
	uint8_t key[AES_KEY_LEN];
	uint8_t text[70], sealed[sizeof text + GCM_OVERHEAD];
	uint8_t out[sizeof text + 1];

	memset(key, 7, sizeof key);
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (uint8_t)(i * 37);
	for (size_t len = 0; len <= sizeof text; len++) {
		memset(sealed, 0xa5, sizeof sealed);
		memset(out, 0xa5, sizeof out);
		crypto_seal(key, "place", text, len, sealed);
		CU_ASSERT(crypto_open(key, "place", sealed, len + GCM_OVERHEAD,
		    out));
		CU_ASSERT(memcmp(out, text, len) == 0);
		CU_ASSERT_EQUAL(out[len], 0xa5);
		/* Nothing of the text shows. */
		if (len >= 4)
			CU_ASSERT_PTR_NULL(memmem(sealed, len + GCM_OVERHEAD,
			    text, len));
	}
}

static void
test_a_flip_of_any_bit_is_refused_and_leaves_no_plaintext(void)
{
	static const char text[] = "peanuts, bees and penicillin";
	uint8_t key[AES_KEY_LEN], sealed[sizeof text + GCM_OVERHEAD];
	uint8_t out[sizeof text], zero[sizeof text] = { 0 };

	memset(key, 9, sizeof key);
	crypto_seal(key, "children.allergies|1", text, sizeof text, sealed);
	for (size_t bit = 0; bit < 8 * sizeof sealed; bit++) {
		sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
		memset(out, 0xa5, sizeof out);
		CU_ASSERT_FALSE(crypto_open(key, "children.allergies|1",
		    sealed, sizeof sealed, out));
		CU_ASSERT(memcmp(out, zero, sizeof out) == 0);
		sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t bit = 0; bit < 8 * sizeof key; bit++) {
		key[bit / 8] ^= (uint8_t)(1u << bit % 8);
		CU_ASSERT_FALSE(crypto_open(key, "children.allergies|1",
		    sealed, sizeof sealed, out));
		key[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	CU_ASSERT(crypto_open(key, "children.allergies|1", sealed,
	    sizeof sealed, out));
	CU_ASSERT_STRING_EQUAL(out, text);
}

static void
test_another_place_or_a_shorter_text_is_refused(void)
{
	uint8_t key[AES_KEY_LEN] = { 1 };
	uint8_t sealed[8 + GCM_OVERHEAD], out[8];

	crypto_seal(key, "a.b|1", "12345678", 8, sealed);
	CU_ASSERT_FALSE(crypto_open(key, "a.b|2", sealed, sizeof sealed, out));
	CU_ASSERT_FALSE(crypto_open(key, "a.b|", sealed, sizeof sealed, out));
	CU_ASSERT_FALSE(crypto_open(key, "", sealed, sizeof sealed, out));
	for (size_t len = 0; len < sizeof sealed; len++)
		CU_ASSERT_FALSE(crypto_open(key, "a.b|1", sealed, len, out));
	CU_ASSERT(crypto_open(key, "a.b|1", sealed, sizeof sealed, out));
}

static void
test_no_nonce_is_used_twice(void)
{
	static uint8_t sealed[512][GCM_OVERHEAD];
	uint8_t key[AES_KEY_LEN] = { 2 };

	for (size_t i = 0; i < 512; i++) {
		crypto_seal(key, "", "", 0, sealed[i]);
		for (size_t k = 0; k < i; k++)
			CU_ASSERT(memcmp(sealed[i], sealed[k],
			    GCM_NONCE_LEN) != 0);
	}
}

static void
test_md5_gives_the_checksums_of_rfc_1321(void)
{
	static const struct {
		const char *text;
		const char *sum;
	} cases[] = {
		{ "", "d41d8cd98f00b204e9800998ecf8427e" },
		{ "abc", "900150983cd24fb0d6963f7d28e17f72" },
		{ "message digest", "f96b697d7cb7938d525a2f31aaf161d0" },
		{ "1234567890123456789012345678901234567890123456789012345678"
		  "9012345678901234567890",
		  "57edf4a22be3c955ac49da2e2107b67a" },
	};
	uint8_t sum[MD5_LEN];

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		CU_ASSERT(crypto_md5(cases[i].text, strlen(cases[i].text),
		    sum));
		CU_ASSERT(is_hex(sum, sizeof sum, cases[i].sum));
	}
}

static void
test_equal_compares_every_byte_and_wipe_leaves_none(void)
{
	uint8_t a[40], b[40], zero[40] = { 0 };

	memset(a, 3, sizeof a);
	memset(b, 3, sizeof b);
	CU_ASSERT(crypto_equal(a, b, sizeof a));
	for (size_t i = 0; i < sizeof a; i++) {
		b[i] ^= 0x80;
		CU_ASSERT_FALSE(crypto_equal(a, b, sizeof a));
		CU_ASSERT(crypto_equal(a, b, i));
		b[i] ^= 0x80;
	}
	crypto_wipe(a, sizeof a);
	CU_ASSERT(memcmp(a, zero, sizeof a) == 0);
	crypto_wipe(b, 1);
	CU_ASSERT_EQUAL(b[0], 0);
	CU_ASSERT_EQUAL(b[1], 3);
}

UNIT_SUITE(crypto,
    UNIT_TEST(test_sha256_gives_the_digests_of_fips_180),
    UNIT_TEST(test_hmac_holds_for_every_official_vector),
    UNIT_TEST(test_hmac_takes_an_empty_key_and_forgets_the_one_before),
    UNIT_TEST(test_sub_keys_differ_by_label_and_by_secret),
    UNIT_TEST(test_gcm_holds_for_every_official_vector_of_our_kind),
    UNIT_TEST(test_what_was_sealed_opens_at_every_length),
    UNIT_TEST(test_a_flip_of_any_bit_is_refused_and_leaves_no_plaintext),
    UNIT_TEST(test_another_place_or_a_shorter_text_is_refused),
    UNIT_TEST(test_no_nonce_is_used_twice),
    UNIT_TEST(test_md5_gives_the_checksums_of_rfc_1321),
    UNIT_TEST(test_equal_compares_every_byte_and_wipe_leaves_none))
