/*
 * stripe_vectors.h: signatures made by Stripe's own client (npm stripe 23.1.0,
 * webhooks.generateTestHeaderString), with secrets and times that stand here.
 */
#ifndef TESTS_UNIT_STRIPE_VECTORS_H
#define TESTS_UNIT_STRIPE_VECTORS_H

#include <stdint.h>

struct stripe_vector {
	const char *name;
	const char *payload;
	const char *secret;
	int64_t t;
	const char *header;
};

static const struct stripe_vector stripe_vectors[] = {
	{ "a plain event",
	    "{\"id\":\"evt_1\",\"object\":\"event\"}",
	    "whsec_one", 1800000000,
	    "t=1800000000,v1=dc473974d9c98c2efb8846afe320b23261e5390ddc"
	    "4522d672da34ac89d07e65" },
	{ "UTF-8 and white space",
	    "{\n  \"id\": \"evt_2\",\n  \"name\": \"Zo\303\253 \342\200"
	    "\223 \345\255\220\"\n}\n",
	    "whsec_one", 1800000000,
	    "t=1800000000,v1=5045e02ad2da0a3dafb9dded4f7ca2061a4b3b7d57"
	    "be67fc24b7e56ab036f660" },
	{ "another secret",
	    "{\"id\":\"evt_1\",\"object\":\"event\"}",
	    "whsec_two", 1800000000,
	    "t=1800000000,v1=5ec5d38ba27c3977ee4ae43cf39bf70405a8f0b379"
	    "8321fdd3de1a1c9c2646b5" },
	{ "another second",
	    "{\"id\":\"evt_1\",\"object\":\"event\"}",
	    "whsec_one", 1800000301,
	    "t=1800000301,v1=57a7950d26e2c1ae005ce45874529e9e7da327fd06"
	    "2f405d377ff687d1b216f2" },
	{ "a long secret",
	    "{\"id\":\"evt_3\"}",
	    "whsec_0123456789abcdef0123456789abcdef0123456789abcdef0123"
	    "456789abcdef0123456789abcdef0123456789abcdef0123456789abcd"
	    "ef0123456789abcdef", 1800000000,
	    "t=1800000000,v1=bf3d4235dfe9ff4aa5377ffeb9415494bc2e0d5f13"
	    "00ff2fb1a6913d0accc08f" },
	{ "no JSON at all",
	    "not JSON",
	    "whsec_one", 1,
	    "t=1,v1=75533a4618340b5c3bf6afd9929e9ab3c8cd9fdb3a121386dba"
	    "d5f3d910df246" },
};

#endif
