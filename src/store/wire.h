/*
 * wire.h: the numbers of Postgres's binary format that args.c writes and
 * row.c reads.  OIDs of built-in types never change (pg_type.dat).
 */
#ifndef STORE_WIRE_H
#define STORE_WIRE_H

#include <stdint.h>

/* 2000-01-01, from which Postgres counts, since 1970-01-01. */
#define WIRE_EPOCH_DAY INT64_C(10957)
#define WIRE_EPOCH_US (WIRE_EPOCH_DAY * 86400 * INT64_C(1000000))

#define WIRE_ARRAY_HEAD 12
#define WIRE_ARRAY_DIMENSION 8

enum {
	OID_BOOL = 16,
	OID_BYTEA = 17,
	OID_NAME = 19,
	OID_INT8 = 20,
	OID_INT2 = 21,
	OID_INT4 = 23,
	OID_TEXT = 25,
	OID_JSON = 114,
	OID_BPCHAR = 1042,
	OID_VARCHAR = 1043,
	OID_DATE = 1082,
	OID_TIMESTAMPTZ = 1184,
	OID_UUID = 2950,

	OID_BOOLS = 1000,
	OID_BYTEAS = 1001,
	OID_INT2S = 1005,
	OID_INT4S = 1007,
	OID_TEXTS = 1009,
	OID_VARCHARS = 1015,
	OID_INT8S = 1016,
	OID_TIMESTAMPTZS = 1185,
	OID_UUIDS = 2951
};

#endif
