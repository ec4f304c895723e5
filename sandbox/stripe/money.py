"""money: currencies, their least amounts, and what Stripe keeps of a charge."""
from .errors import malformed

# The least charge, in the currency's own smallest unit as Stripe counts it.
LEAST = {
    "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "clp": 500,
    "czk": 1500, "dkk": 250, "eur": 50, "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50,
    "jpy": 50, "krw": 500, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50, "pln": 200,
    "ron": 200, "sek": 300, "sgd": 50, "thb": 1000, "usd": 50,
    # Whose least amount follows the rate of exchange: a rough one.
    "bhd": 200, "isk": 10000, "jod": 360, "kwd": 160, "ugx": 200000, "vnd": 13000, "zar": 1000,
}
NO_DECIMALS = {"clp", "jpy", "krw", "vnd"}
THREE_DECIMALS = {"bhd", "jod", "kwd"}
WHOLE_HUNDREDS = {"isk", "ugx"}  # written with two decimals that must be 00
MOST = 99999999
FEE_BASIS_POINTS = 290
FEE_FIXED = {"usd": 30, "eur": 25, "gbp": 20, "jpy": 0}
DISPUTE_FEE = {"usd": 1500, "eur": 2000, "gbp": 2000, "jpy": 1500}


def currency_of(text, param="currency"):
    """The currency's name in lower case, as Stripe answers it."""
    name = text.lower()
    if name not in LEAST:
        known = ", ".join(sorted(LEAST))
        raise malformed(f"Invalid currency: {name[:20]}. The sandbox knows: {known}",
                        None, param)
    return name


def written(amount, currency):
    if currency in NO_DECIMALS:
        return f"{amount}"
    if currency in THREE_DECIMALS:
        return f"{amount // 1000}.{amount % 1000:03d}"
    return f"{amount // 100}.{amount % 100:02d}"


def shown(amount, currency):
    sign = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}.get(currency, "")
    return f"{sign}{written(amount, currency)} {currency}"


def check_shape(amount, currency, param):
    if amount < 0:
        raise malformed("Invalid non-negative integer", "parameter_invalid_integer", param)
    if currency in THREE_DECIMALS and amount % 10 or currency in WHOLE_HUNDREDS and amount % 100:
        raise malformed(f"Invalid amount for {currency}: {amount}", "invalid_charge_amount", param)


def check_charge(amount, currency, param, session=False):
    """Raises unless a card may be charged with amount."""
    check_shape(amount, currency, param)
    if amount < LEAST[currency]:
        subject = "The Checkout Session's total amount due must add up to" if session \
            else "Amount must be"
        raise malformed(f"{subject} at least {shown(LEAST[currency], currency)}",
                        "amount_too_small", param)
    if amount > MOST:
        subject = "The Checkout Session's total amount due must be" if session \
            else "Amount must be"
        raise malformed(f"{subject} no more than {shown(MOST, currency)}",
                        "amount_too_large", param)


def fee_of(amount, currency):
    fee = (amount * FEE_BASIS_POINTS + 5000) // 10000 + FEE_FIXED.get(currency, 0)
    return min(fee, amount)


def dispute_fee(currency):
    return DISPUTE_FEE.get(currency, 1500)
