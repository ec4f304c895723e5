/* ticket_admin.c: QR codes revoked by an operator. */
#include "app/ticket_admin.h"

#include "app/admin.h"
#include "base/instant.h"
#include "base/scope.h"
#include "store/db.h"

struct revoked {
	int64_t version; /* NONE: no such booking; 0: it is over */
};

enum err
ticket_revoke(struct admin *admin, struct scope *sc,
    const struct uuid *booking, const char *by, int64_t *ret_version)
{
	static const struct column items[] = { { "version", COLUMN_I64,
	    offsetof(struct revoked, version) } };
	static const struct columns columns = { sizeof(struct revoked), items,
		1 };
	struct revoked row;
	struct args args;
	enum err e;

	args_init(&args, sc->arena);
	args_uuid(&args, booking);
	args_text(&args, by);
	e = db_one(admin->db, sc, STMT_TICKET_REVOKE, &args, &columns, &row);
	if (e)
		return e;
	if (row.version == NONE)
		return scope_fail(sc, ERR_NOT_FOUND, "there is no such "
		    "booking");
	if (row.version == 0)
		return scope_fail(sc, ERR_STATE, "nobody can be checked in "
		    "with that booking any more: its QR code is worth "
		    "nothing");

	*ret_version = row.version;
	return ERR_OK;
}
