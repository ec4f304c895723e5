"""checkout: Checkout Sessions, and what a customer does on their page."""
from . import cards, money, payments
from .errors import invalid, malformed, not_modelled

LEAST_S, MOST_S = 30 * 60, 24 * 3600
LINES_MAX = 100
REFERENCE_MAX, NAME_MAX = 200, 250


def create(space, params):
    world = space.world
    check(params)
    now = world.now()
    expires = params.get("expires_at", now + MOST_S)
    if expires < now + LEAST_S:
        raise malformed("The `expires_at` timestamp must be at least 30 minutes from Checkout "
                        "Session creation.", None, "expires_at")
    if expires > now + MOST_S:
        raise malformed("The `expires_at` timestamp must be less than 24 hours from Checkout "
                        "Session creation.", None, "expires_at")
    lines, currency = lines_of(params)
    total = sum(line["amount_total"] for line in lines)
    money.check_charge(total, currency, "line_items", session=True)
    named = params.get("allowed_payment_method_types")
    types = payments.allowed_types(named, currency)
    name = world.name("cs_test_a1", 58)
    session = {
        "id": name, "object": "checkout.session", "adaptive_pricing": {"enabled": False},
        "after_expiration": None, "allow_promotion_codes": None,
        "allowed_payment_method_types": named, "amount_subtotal": total, "amount_total": total,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": params.get("billing_address_collection"),
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"), "client_secret": None,
        "collected_information": None, "consent": None, "consent_collection": None,
        "created": now, "currency": currency, "currency_conversion": None, "custom_fields": [],
        "custom_text": {"after_submit": None, "shipping_address": None, "submit": None,
                        "terms_of_service_acceptance": None},
        "customer": None, "customer_account": None,
        "customer_creation": params.get("customer_creation", "if_required"),
        "customer_details": details(params.get("customer_email")),
        "customer_email": params.get("customer_email"), "discounts": [], "expires_at": expires,
        "integration_identifier": None, "invoice": None,
        "invoice_creation": {"enabled": False, "invoice_data": {
            "account_tax_ids": None, "custom_fields": None, "description": None, "footer": None,
            "issuer": None, "metadata": {}, "rendering_options": None}},
        "livemode": False, "locale": params.get("locale"),
        "managed_payments": {"enabled": False}, "metadata": params.get("metadata") or {},
        "mode": "payment", "origin_context": None, "payment_intent": None, "payment_link": None,
        "payment_method_collection": "if_required", "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": types, "payment_status": "unpaid", "permissions": None,
        "phone_number_collection": {"enabled": False}, "recovered_from": None,
        "saved_payment_method_options": None, "setup_intent": None,
        "shipping_address_collection": None, "shipping_cost": None, "shipping_options": [],
        "status": "open", "submit_type": params.get("submit_type"), "subscription": None,
        "success_url": params["success_url"],
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page", "url": f"{world.public_url}/c/pay/{name}",
        "wallet_options": None}
    space.add("checkout.session", session)
    side = space.side(session)
    side.update(lines=lines, intent_data=params.get("payment_intent_data") or {})
    world.after(expires - now, lambda: expire(space, session))
    return session


def check(params):
    if "mode" not in params:
        raise malformed("Missing required param: mode.", "parameter_missing", "mode")
    if params["mode"] != "payment":
        raise not_modelled(f"mode={params['mode']}", "mode")
    if params.get("ui_mode", "hosted_page") != "hosted_page":
        raise not_modelled(f"ui_mode={params['ui_mode']}", "ui_mode")
    if not params.get("success_url"):
        raise malformed("Missing required param: success_url.", "parameter_missing", "success_url")
    for name in ("success_url", "cancel_url"):
        if name in params:
            payments.check_url(params[name], name)
    if len(params.get("client_reference_id", "")) > REFERENCE_MAX:
        raise malformed(f"Invalid string: client_reference_id must be at most {REFERENCE_MAX} "
                        "characters", "parameter_invalid_string_length", "client_reference_id")
    email = params.get("customer_email")
    if email is not None and not payments.is_email(email):
        raise malformed(f"Invalid email address: {email[:100]}", "email_invalid", "customer_email")
    data = params.get("payment_intent_data") or {}
    if data.get("capture_method") == "manual":
        raise not_modelled("capture_method=manual", "payment_intent_data[capture_method]")
    payments.check_texts(data)


def lines_of(params):
    given = params.get("line_items")
    if not given:
        raise malformed("Missing required param: line_items.", "parameter_missing", "line_items")
    if len(given) > LINES_MAX:
        raise malformed(f"Checkout takes at most {LINES_MAX} line items", None, "line_items")
    lines, currencies = [], set()
    for at, line in enumerate(given):
        where = f"line_items[{at}]"
        price = line.get("price_data")
        if price is None:
            raise malformed("You must specify either `price` or `price_data` for each line item.",
                            "parameter_missing", where + "[price]")
        for name in ("product_data", "unit_amount"):
            if name not in price:
                param = f"{where}[price_data][{name}]"
                raise malformed(f"Missing required param: {param}.", "parameter_missing", param)
        if "quantity" not in line:
            raise malformed(f"Quantity is required. Add `quantity` to `{where}`",
                            "parameter_missing", where + "[quantity]")
        if not 1 <= line["quantity"] <= 999999:
            raise malformed("This value must be greater than or equal to 1.",
                            "parameter_invalid_integer", where + "[quantity]")
        if len(price["product_data"]["name"]) > NAME_MAX:
            raise malformed(f"Invalid string: must be at most {NAME_MAX} characters",
                            "parameter_invalid_string_length",
                            where + "[price_data][product_data][name]")
        currency = money.currency_of(price["currency"], where + "[price_data][currency]")
        money.check_shape(price["unit_amount"], currency, where + "[price_data][unit_amount]")
        currencies.add(currency)
        lines.append({"name": price["product_data"]["name"], "quantity": line["quantity"],
                      "description": price["product_data"].get("description"),
                      "amount_total": price["unit_amount"] * line["quantity"]})
    if len(currencies) > 1:
        raise malformed("All line items must have the same `currency`.", None, "line_items")
    currency = currencies.pop()
    asked = params.get("currency")
    if asked and asked.lower() != currency:
        raise malformed("The `currency` is not that of the line items.", None, "currency")
    return lines, currency


def details(email):
    if email is None:
        return None
    return {"address": None, "business_name": None, "email": email, "individual_name": None,
            "name": None, "phone": None, "tax_exempt": "none", "tax_ids": None}


def expire(space, session):
    """Ends an open session and its intent; False if it is not open."""
    if session["status"] != "open":
        return False
    session.update(status="expired", url=None)
    intent = space.get("payment_intent", session["payment_intent"] or "")
    if intent is not None:
        payments.cancel_intent(space, intent, "expired")
    space.world.emit(space, "checkout.session.expired", session)
    return True


def expire_by_request(space, session):
    if not expire(space, session):
        raise invalid("Only Checkout Sessions with a status in [\"open\"] can be expired. This "
                      f"Checkout Session has a status of `{session['status']}`.", None, None)
    return session


# ---- what the customer does ---------------------------------------------------
def pay(space, session, token="pm_card_visa", email=None):
    """One try with a test method; answers the session's intent, or None if the
    session is not open (any more)."""
    if session["status"] != "open":
        return None
    method = cards.method_of(token)
    if method.type not in session["payment_method_types"]:
        raise invalid(f"This session takes no {method.type}", None, "payment_method")
    intent = intent_of(space, session)
    email = session["customer_email"] or email or "customer@example.com"
    space.side(intent)["email"] = email
    session["customer_details"] = details(email)
    payments.attempt(space, intent, payments.adopt(space, token, intent), method)
    follow(space, session, intent)
    return intent


def intent_of(space, session):
    """Made at the first try to pay, as Stripe does."""
    if session["payment_intent"]:
        return space.get("payment_intent", session["payment_intent"])
    data = space.side(session)["intent_data"]
    intent = payments.new_intent(
        space, session["amount_total"], session["currency"], session["payment_method_types"],
        allowed_payment_method_types=session["allowed_payment_method_types"],
        capture_method=data.get("capture_method", "automatic_async"),
        **{name: data.get(name) for name in
           ("description", "receipt_email", "statement_descriptor",
            "statement_descriptor_suffix", "transfer_group")},
        metadata=data.get("metadata") or {})
    session["payment_intent"] = intent["id"]
    space.side(intent).update(
        session=session["id"], return_url=f"{space.world.public_url}/c/pay/{session['id']}",
        follow=lambda: follow(space, session, intent))
    return intent


def follow(space, session, intent):
    """The session goes where its intent went."""
    emit = space.world.emit
    if session["status"] == "open" and intent["status"] in ("succeeded", "processing"):
        paid = intent["status"] == "succeeded"
        session.update(status="complete", url=None,
                       payment_status="paid" if paid else "unpaid")
        emit(space, "checkout.session.completed", session)
    elif session["status"] == "complete" and session["payment_status"] == "unpaid":
        if intent["status"] == "succeeded":
            session["payment_status"] = "paid"
            emit(space, "checkout.session.async_payment_succeeded", session)
        elif intent["status"] == "requires_payment_method":
            emit(space, "checkout.session.async_payment_failed", session)
