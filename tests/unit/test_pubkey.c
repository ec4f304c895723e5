/* test_pubkey.c: RSA, P-256 and Ed25519 against the official vectors. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/compiler.h"
#include "base/pubkey.h"
#include "unit/unit.h"

#define BYTES_MAX 8192
#define P256_LEN ((size_t)PUBKEY_COORDINATE_LEN)

struct bytes {
	uint8_t data[BYTES_MAX];
	size_t len;
};

/* What a file asked: all that was tried, and what of it was to be taken. */
struct count {
	int tried;
	int good;
};

static const char *
word(struct json_object *object, const char *name)
{
	return json_object_get_string(json_object_object_get(object, name));
}

static void
unhex(const char *text, struct bytes *ret)
{
	ret->len = strlen(text) / 2;
	CU_ASSERT_FATAL(ret->len <= BYTES_MAX);
	for (size_t i = 0; i < ret->len; i++) {
		char pair[3] = { text[2 * i], text[2 * i + 1], '\0' };

		ret->data[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
}

/*
 * The R | S that a strict DER signature says, each in 32 bytes.  false: it is
 * not strict, or a number is too large; such a one has no R | S form.
 */
static bool
raw_of(const struct bytes *der, uint8_t raw[2 * PUBKEY_COORDINATE_LEN])
{
	const uint8_t *at = der->data + 2;
	const uint8_t *end = der->data + der->len;

	if (der->len < 8 || der->len > 127 || der->data[0] != 0x30 ||
	    der->data[1] != der->len - 2)
		return false;
	memset(raw, 0, 2 * P256_LEN);
	for (size_t i = 0; i < 2; i++) {
		size_t len;

		if (end - at < 3 || at[0] != 0x02 || at[1] == 0 ||
		    at[1] > end - at - 2 || at[2] & 0x80)
			return false;
		len = at[1];
		at += 2;
		if (len > 1 && at[0] == 0) {
			if (!(at[1] & 0x80))
				return false;
			at++;
			len--;
		}
		if (len > P256_LEN)
			return false;
		memcpy(raw + (i + 1) * P256_LEN - len, at, len);
		at += len;
	}
	return at == end;
}

static struct pubkey *
key_of(struct json_object *group)
{
	struct json_object *key = json_object_object_get(group, "publicKey");
	const char *type = word(key, "type");
	struct bytes a, b;

	if (word(key, "pk")) {
		unhex(word(key, "pk"), &a);
		CU_ASSERT_EQUAL_FATAL(a.len, P256_LEN);
		return pubkey_ed25519(a.data);
	}
	if (type && strcmp(type, "EcPublicKey") == 0) {
		unhex(word(key, "uncompressed"), &a);
		CU_ASSERT_EQUAL_FATAL(a.len, 1 + 2 * P256_LEN);
		return pubkey_p256(a.data + 1, a.data + 1 + P256_LEN);
	}
	unhex(word(key, "modulus"), &a);
	unhex(word(key, "publicExponent"), &b);
	return pubkey_rsa(a.data, a.len, b.data, b.len);
}

/* der: the file has signatures in DER. */
static void
run_test(const struct pubkey *key, struct json_object *test, bool der,
    struct count *count)
{
	bool good = strcmp(word(test, "result"), "valid") == 0;
	struct bytes msg, sig;

	unhex(word(test, "msg"), &msg);
	unhex(word(test, "sig"), &sig);
	if (der) {
		uint8_t raw[2 * PUBKEY_COORDINATE_LEN];

		if (!raw_of(&sig, raw)) {
			CU_ASSERT_FALSE(good);
			return;
		}
		memcpy(sig.data, raw, sizeof raw);
		sig.len = sizeof raw;
	}
	/* RSA without the NULL of its AlgorithmIdentifier: either is allowed. */
	if (strcmp(word(test, "result"), "acceptable") == 0)
		return;
	count->tried++;
	count->good += good;
	if (pubkey_verify(key, msg.data, msg.len, sig.data, sig.len) != good) {
		printf("\nvector %s: %s\n", word(test, "tcId"),
		    word(test, "comment"));
		CU_FAIL("a vector");
	}
}

static struct count
run_file(const char *name, bool der)
{
	struct count count = { 0, 0 };
	struct json_object *all, *groups;
	char path[4352];

	snprintf(path, sizeof path, "%s/wycheproof/%s", unit_vectors(), name);
	all = json_object_from_file(path);
	CU_ASSERT_PTR_NOT_NULL_FATAL(all);
	groups = json_object_object_get(all, "testGroups");
	for (size_t g = 0; g < json_object_array_length(groups); g++) {
		struct json_object *group = json_object_array_get_idx(groups, g);
		struct json_object *tests =
		    json_object_object_get(group, "tests");
		struct pubkey *key = key_of(group);

		CU_ASSERT_PTR_NOT_NULL_FATAL(key);
		for (size_t t = 0; t < json_object_array_length(tests); t++)
			run_test(key, json_object_array_get_idx(tests, t), der,
			    &count);
		pubkey_free(key);
	}
	json_object_put(all);
	return count;
}

static void
test_every_official_rsa_signature_gives_its_result(void)
{
	struct count count;

	if (!unit_have_vectors())
		return;
	count = run_file("rsa_signature_2048_sha256_test.json", false);
	CU_ASSERT(count.tried == 258 && count.good == 9);
}

static void
test_every_official_p256_signature_gives_its_result(void)
{
	struct count count;

	if (!unit_have_vectors())
		return;
	count = run_file("ecdsa_secp256r1_sha256_test.json", true);
	CU_ASSERT(count.tried == 249 && count.good == 174);
}

static void
test_every_official_ed25519_signature_gives_its_result(void)
{
	struct count count;

	if (!unit_have_vectors())
		return;
	count = run_file("ed25519_test.json", false);
	CU_ASSERT(count.tried == 151 && count.good == 88);
}

static void
test_numbers_that_are_no_key_give_none(void)
{
	static const uint8_t e[] = { 1, 0, 1 };
	static const uint8_t even[] = { 1, 0, 0 };
	static const uint8_t one[] = { 1 };
	static const uint8_t long_e[] = { 1, 0, 0, 0, 0, 0, 0, 0, 1 };
	uint8_t n[PUBKEY_RSA_BITS_MAX / 8 + 1];
	uint8_t zero[PUBKEY_COORDINATE_LEN] = { 0 };

	memset(n, 0xff, sizeof n);
	CU_ASSERT_PTR_NULL(pubkey_rsa(n, 255, e, sizeof e));   /* 2040 bits */
	CU_ASSERT_PTR_NULL(pubkey_rsa(n, sizeof n, e, sizeof e)); /* 4104 */
	CU_ASSERT_PTR_NULL(pubkey_rsa(n, 256, even, sizeof even));
	CU_ASSERT_PTR_NULL(pubkey_rsa(n, 256, one, sizeof one));
	CU_ASSERT_PTR_NULL(pubkey_rsa(n, 256, long_e, sizeof long_e));
	CU_ASSERT_PTR_NULL(pubkey_rsa(n, 256, e, 0));
	CU_ASSERT_PTR_NULL(pubkey_rsa(n, 0, e, sizeof e));
	n[255] = 0xfe; /* an even modulus */
	CU_ASSERT_PTR_NULL(pubkey_rsa(n, 256, e, sizeof e));
	CU_ASSERT_PTR_NULL(pubkey_p256(zero, zero)); /* infinity is no key */
	pubkey_free(NULL);
}

UNIT_SUITE(pubkey,
    UNIT_TEST(test_every_official_rsa_signature_gives_its_result),
    UNIT_TEST(test_every_official_p256_signature_gives_its_result),
    UNIT_TEST(test_every_official_ed25519_signature_gives_its_result),
    UNIT_TEST(test_numbers_that_are_no_key_give_none))
