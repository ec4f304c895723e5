/*
 * aws_ask.h: keys from the endpoints that hand them out to containers (ECS, EKS)
 * and instances (IMDSv2).  For aws_keys.c, whose chain decides who is asked.
 */
#ifndef REMOTE_AWS_ASK_H
#define REMOTE_AWS_ASK_H

#include <stddef.h>

#include "base/compiler.h"
#include "remote/aws_keys.h"

/* ERR_UNAVAILABLE with a sentence; *ret_key is set on ERR_OK. */
enum err aws_ask_container(struct aws_keys *keys, struct scope *sc,
    struct aws_key *ret_key) MUSTCHECK;
enum err aws_ask_instance(struct aws_keys *keys, struct scope *sc,
    struct aws_key *ret_key) MUSTCHECK;

/* What an endpoint answers: {"AccessKeyId": ..., "SecretAccessKey": ...,
 * "Token": ..., "Expiration": ...}.  The texts are wiped wherever they stand in
 * our hands, `text` among them. */
enum err aws_ask_parse(struct scope *sc, char *text, size_t len,
    struct aws_key *ret_key) MUSTCHECK;

#endif
