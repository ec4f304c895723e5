/*
 * folder.h: whole files in a folder that nginx serves: the documents' place
 * where no bucket is configured.
 *
 * Whole    A file is there as a whole or not at all, whoever looks and whenever
 *          the power goes: it is written beside (in ".new" below the upper
 *          folder, under a name of its own), synced, and renamed.
 * Readers  A file is made with mode 0644, a folder with 0711: who knows a name
 *          reads it, and nobody but the owner lists them.
 * Names    "NAME" or "FOLDER/NAME", of letters, digits, '.', '-' and '_', no
 *          part beginning with a dot.  The upper folder must be there.
 */
#ifndef REMOTE_FOLDER_H
#define REMOTE_FOLDER_H

#include <stddef.h>

#include "base/compiler.h"
#include "base/err.h"

#define FOLDER_NAME_MAX 200

struct scope;

/* Replaces what was there.  ERR_UNAVAILABLE with a sentence. */
enum err folder_put(struct scope *sc, const char *folder, const char *name,
    const void *data, size_t len) MUSTCHECK;

/* ERR_OK also when there is none. */
enum err folder_delete(struct scope *sc, const char *folder,
    const char *name) MUSTCHECK;

/* Can files be put there?  ERR_UNAVAILABLE with a sentence. */
enum err folder_check(struct scope *sc, const char *folder) MUSTCHECK;

#endif
