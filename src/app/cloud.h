/*
 * cloud.h: the queue and the bucket at AWS that the settings name, as an app has
 * them.
 */
#ifndef APP_CLOUD_H
#define APP_CLOUD_H

#include <stdbool.h>
#include <stddef.h>

#include "app/doctor.h"
#include "base/compiler.h"

struct cloud;
struct s3;
struct scope;
struct settings;
struct shm;
struct sqs;

/* Nothing is asked yet.  shm NULL: without breakers.  NULL with a sentence in
 * why. */
struct cloud *cloud_open(const struct settings *conf, struct shm *shm,
    char *why, size_t why_max) MUSTCHECK;
void cloud_close(struct cloud *cloud); /* accepts NULL; wipes keys */

/* NULL: none is configured. */
const struct sqs *cloud_sqs(const struct cloud *cloud);
const struct s3 *cloud_s3(const struct cloud *cloud);

/* For the doctor: where the keys come from, and whether queue and bucket answer
 * to them.  Needs no right beside those of sending; with
 * sqs:GetQueueAttributes and s3:GetObject it can tell more.  Returns how many
 * findings there are. */
#define CLOUD_FINDINGS_MAX 4
size_t cloud_examine(struct scope *sc, const struct settings *conf,
    struct finding findings[CLOUD_FINDINGS_MAX]);

#endif
