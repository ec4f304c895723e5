/* franchise_rules.c: what a franchise must obey before the database is asked. */
#include "app/franchise_admin.h"

#include <string.h>

#include "base/instant.h"
#include "base/scope.h"
#include "domain/currency.h"
#include "domain/names.h"

#define RATE_MAX 99999999 /* NUMERIC(8,2) */
#define ACCOUNT_CHARACTERS "abcdefghijklmnopqrstuvwxyz" \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

static enum err
refuse(struct scope *sc, const char *option, const char *rule)
{
	return scope_fail(sc, ERR_CONFLICT, "%s %s", option, rule);
}

/* Minutes since midnight of "HH:MM". */
static int64_t
minutes_of(const char *clock)
{
	return ((clock[0] - '0') * 10 + clock[1] - '0') * 60 +
	    (clock[3] - '0') * 10 + clock[4] - '0';
}

static enum err
check_present(struct scope *sc, const struct franchise_facts *f)
{
	const struct {
		const char *option;
		bool there;
	} needed[] = {
		{ "name", f->name },
		{ "address", f->address },
		{ "city", f->city },
		{ "postal-code", f->postal_code },
		{ "timezone", f->time_zone },
		{ "capacity", f->capacity != NONE },
		{ "standard-rate", f->standard_rate != NONE },
		{ "open", f->open },
		{ "close", f->close },
	};

	for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
		if (!needed[i].there)
			return refuse(sc, needed[i].option, "is missing");
	}
	return ERR_OK;
}

/* What parents read. */
static enum err
check_words(struct scope *sc, const struct franchise_facts *f)
{
	const struct {
		const char *option;
		const char *text;
	} words[] = {
		{ "name", f->name },
		{ "address", f->address },
		{ "city", f->city },
		{ "postal-code", f->postal_code },
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (names_normal(sc->arena, words[i].text)[0] == '\0')
			return refuse(sc, words[i].option, "is blank");
	}
	return ERR_OK;
}

static enum err
check_hours(struct scope *sc, const struct franchise_facts *f)
{
	if (f->slot_minutes != 15 && f->slot_minutes != 30 &&
	    f->slot_minutes != 60)
		return refuse(sc, "slot-minutes", "must be 15, 30 or 60");
	if (minutes_of(f->close) <= minutes_of(f->open))
		return refuse(sc, "close", "must be later than open");
	if (minutes_of(f->close) - minutes_of(f->open) < f->slot_minutes)
		return refuse(sc, "close",
		    "must leave room for one slot after open");
	if (f->weekdays.count == 0)
		return refuse(sc, "days", "must name one day at least");
	return ERR_OK;
}

/* One rate: what a slot costs must be an amount that can be charged. */
static enum err
check_rate(struct scope *sc, const struct franchise_facts *f,
    const struct currency *currency, const char *option, int64_t rate)
{
	int64_t slot = rate * f->slot_minutes / 60;

	if (rate > RATE_MAX)
		return refuse(sc, option, "must not be above 999999.99");
	if (rate % currency->step != 0)
		return scope_fail(sc, ERR_CONFLICT,
		    "%s must be a whole number: %s has no decimals", option,
		    currency->code);
	if (rate * f->slot_minutes % 60 != 0 || slot % currency->step != 0)
		return scope_fail(sc, ERR_CONFLICT, "%s must divide exactly "
		    "into slots of %d minutes", option, (int)f->slot_minutes);
	if (rate > 0 && slot < currency->minimum)
		return scope_fail(sc, ERR_CONFLICT, "%s makes a slot cost less "
		    "than the least that can be charged, %s %d.%02d", option,
		    currency->code, (int)(currency->minimum / 100),
		    (int)(currency->minimum % 100));
	return ERR_OK;
}

static enum err
check_money(struct scope *sc, const struct franchise_facts *f)
{
	const struct currency *currency = currency_find(f->currency);
	enum err e;

	if (!currency)
		return refuse(sc, "currency", "must be one we can charge in, "
		    "such as USD, EUR, GBP or JPY");
	e = check_rate(sc, f, currency, "standard-rate", f->standard_rate);
	if (!e)
		e = check_rate(sc, f, currency, "peak-rate", f->peak_rate);
	if (!e && f->cancel_fee % currency->step != 0)
		e = scope_fail(sc, ERR_CONFLICT, "cancel-fee must be a whole "
		    "number: %s has no decimals", currency->code);
	return e;
}

static enum err
check_peaks(struct scope *sc, const struct franchise_facts *f)
{
	for (size_t i = 0; i < f->peak_count; i++) {
		const struct peak_rule *peak = &f->peaks[i];

		if (minutes_of(peak->end) <= minutes_of(peak->start))
			return refuse(sc, "peak", "must end after it begins");
		for (size_t j = 0; j < i; j++) {
			const struct peak_rule *other = &f->peaks[j];

			if (strcmp(other->start, peak->start) == 0 &&
			    other->weekdays.count == peak->weekdays.count &&
			    memcmp(other->weekdays.items, peak->weekdays.items,
			        peak->weekdays.count * sizeof(int64_t)) == 0)
				return refuse(sc, "peak",
				    "names the same begin and days twice");
		}
	}
	return ERR_OK;
}

static enum err
check_policy(struct scope *sc, const struct franchise_facts *f)
{
	for (size_t i = 1; i < f->cancel_hours.count; i++) {
		if (f->cancel_hours.items[i] >= f->cancel_hours.items[i - 1])
			return refuse(sc, "cancel",
			    "must count the hours downwards");
		if (f->cancel_percent.items[i] > f->cancel_percent.items[i - 1])
			return refuse(sc, "cancel",
			    "must not refund more the later it is");
	}
	return ERR_OK;
}

static enum err
check_account(struct scope *sc, const char *account)
{
	if (!account || *account == '\0' || (strncmp(account, "acct_", 5) == 0 &&
	    account[5] && account[5 + strspn(account + 5, ACCOUNT_CHARACTERS)]
	    == '\0'))
		return ERR_OK;
	return refuse(sc, "stripe-account", "must be the id of a connected "
	    "account of Stripe's, acct_...");
}

enum err
franchise_facts_check(struct scope *sc, const struct franchise_facts *facts)
{
	enum err e = check_present(sc, facts);

	if (!e)
		e = check_words(sc, facts);
	if (!e)
		e = check_hours(sc, facts);
	if (!e)
		e = check_money(sc, facts);
	if (!e)
		e = check_peaks(sc, facts);
	if (!e)
		e = check_policy(sc, facts);
	if (!e)
		e = check_account(sc, facts->stripe_account);
	return e;
}
