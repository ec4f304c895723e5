"""payments: PaymentIntents, their charges, what reaches the balance, disputes."""
from . import cards, money
from .errors import Refusal, invalid, malformed, missing, not_modelled

CONFIRMABLE = {"requires_payment_method", "requires_confirmation", "requires_action"}
CANCELABLE = ["requires_payment_method", "requires_capture", "requires_confirmation",
              "requires_action", "processing"]
TYPES = {"card", "us_bank_account"}  # what the sandbox lets a customer pay with
AVAILABLE_S = 2 * 86400
EVIDENCE_S = 9 * 86400


# ---- the balance ------------------------------------------------------------
def book(space, source, amount, fee, kind, category, description):
    """One movement of the account's balance; answers its id."""
    now = space.world.now()
    details = [{"amount": fee, "application": None, "currency": source["currency"],
                "description": "Dispute fee" if kind == "adjustment" else
                "Stripe processing fees", "type": "stripe_fee"}] if fee else []
    return space.add("balance_transaction", {
        "id": space.world.name("txn_3"), "object": "balance_transaction", "amount": amount,
        "available_on": now + AVAILABLE_S, "balance_type": "payments", "created": now,
        "currency": source["currency"], "description": description, "exchange_rate": None,
        "fee": fee, "fee_details": details, "net": amount - fee,
        "reporting_category": category, "source": source["id"], "status": "pending",
        "type": kind})["id"]


def book_charge(space, charge):
    kind = "payment" if charge["payment_method_details"]["type"] != "card" else "charge"
    charge["balance_transaction"] = book(
        space, charge, charge["amount"], money.fee_of(charge["amount"], charge["currency"]),
        kind, "charge", charge["description"])


def book_later(space, charge):
    book_charge(space, charge)
    space.world.emit(space, "charge.updated", charge, {"balance_transaction": None})


# ---- making an intent -------------------------------------------------------
def allowed_types(names, currency):
    for name in names or []:
        if name not in TYPES:
            raise not_modelled(f"payment method type {name}", "allowed_payment_method_types")
    types = list(dict.fromkeys(names)) if names else ["card"]
    if currency != "usd":
        types = [t for t in types if t != "us_bank_account"]
    if not types:
        raise invalid("No valid payment method types for this PaymentIntent. Please ensure that "
                      "you have activated payment methods compatible with your chosen currency.",
                      None, "allowed_payment_method_types")
    return types


def new_intent(space, amount, currency, types, **given):
    """A PaymentIntent that waits for its payment method; given: more fields."""
    world = space.world
    name = world.name("pi_3")
    intent = {
        "id": name, "object": "payment_intent", "allowed_payment_method_types": None,
        "amount": amount, "amount_capturable": 0, "amount_details": {}, "amount_received": 0,
        "application": None, "application_fee_amount": None, "automatic_payment_methods": None,
        "canceled_at": None, "cancellation_reason": None, "capture_method": "automatic_async",
        "client_secret": world.name(name + "_secret_", 25), "confirmation_method": "automatic",
        "created": world.now(), "currency": currency, "customer": None,
        "customer_account": None, "description": None, "excluded_payment_method_types": None,
        "last_payment_error": None, "latest_charge": None, "livemode": False,
        "managed_payments": {"enabled": False}, "metadata": {}, "next_action": None,
        "on_behalf_of": None, "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"installments": None, "mandate_options": None,
                                            "network": None,
                                            "request_three_d_secure": "automatic"}},
        "payment_method_types": types, "payment_record": None, "processing": None,
        "receipt_email": None, "review": None, "setup_future_usage": None, "shipping": None,
        "source": None, "statement_descriptor": None, "statement_descriptor_suffix": None,
        "status": "requires_payment_method", "transfer_data": None, "transfer_group": None}
    intent.update(given)
    space.add("payment_intent", intent)
    world.emit(space, "payment_intent.created", intent)
    return intent


def check_texts(params, email="receipt_email"):
    if params.get(email) and not is_email(params[email]):
        raise malformed(f"Invalid email address: {params[email][:100]}", "email_invalid", email)
    for name in ("statement_descriptor", "statement_descriptor_suffix"):
        text = params.get(name)
        if text and (len(text) > 22 or any(c in text for c in "<>\\'\"*")):
            raise malformed(f"Invalid {name}: at most 22 characters, none of < > \\ ' \" *",
                            None, name)


def is_email(text):
    name, at, host = text.partition("@")
    return bool(name and at and "." in host.strip(".") and len(text) <= 512 and
                text.isascii() and not set(text) & set(" ,;<>\"()\t\r\n"))


def check_url(text, param):
    scheme, colon, rest = text.partition("://")
    if scheme not in ("http", "https") or not rest or rest[0] in "/?#" or \
            any(c <= " " for c in text):
        raise malformed("Not a valid URL", "url_invalid", param)


def create_intent(space, params):
    currency = money.currency_of(params["currency"])
    money.check_charge(params["amount"], currency, "amount")
    check_texts(params)
    if params.get("capture_method") == "manual":
        raise not_modelled("capture_method=manual", "capture_method")
    automatic = params.get("automatic_payment_methods")
    if automatic and not automatic["enabled"]:
        raise not_modelled("automatic_payment_methods[enabled]=false", "automatic_payment_methods")
    confirm = params.get("confirm", False)
    for name in ("return_url", "off_session", "error_on_requires_action"):
        if name in params and not confirm:
            raise malformed(f"The parameter `{name}` cannot be passed when creating a "
                            "PaymentIntent unless `confirm` is set to true.", None, name)
    named = params.get("allowed_payment_method_types")
    types = allowed_types(named, currency)
    if confirm:
        check_return_url(params, named, automatic)
    token = params.get("payment_method")
    if token:
        method_for(space, token, types, None)
    intent = new_intent(
        space, params["amount"], currency, types,
        allowed_payment_method_types=named,
        automatic_payment_methods={"allow_redirects":
                                   (automatic or {}).get("allow_redirects", "always"),
                                   "enabled": True},
        capture_method=params.get("capture_method", "automatic_async"),
        **{name: params.get(name) for name in
           ("description", "receipt_email", "statement_descriptor",
            "statement_descriptor_suffix", "transfer_group")},
        metadata=params.get("metadata") or {})
    if token:
        intent["payment_method"] = adopt(space, token, intent)
        intent["status"] = "requires_confirmation"
    if confirm:
        confirm_intent(space, intent, params)
    return intent


def check_return_url(params, named, automatic):
    """Some methods send the customer elsewhere: Stripe wants to know where back."""
    if params.get("return_url"):
        check_url(params["return_url"], "return_url")
        if len(params["return_url"]) > 2048:
            raise malformed("URL must be 2048 characters or less.", "url_invalid", "return_url")
        return
    if (automatic or {}).get("allow_redirects") == "never" or named:
        return
    raise invalid(
        "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. "
        "Because some of these payment methods might redirect your customer off of your page, "
        "you must provide a `return_url`. If you don't want to accept redirect-based payment "
        "methods, set `automatic_payment_methods[enabled]` to `true` and "
        "`automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents "
        "and Payment Intents.", None, "return_url")


# ---- payment methods --------------------------------------------------------
def method_for(space, token, types, intent):
    """The test method of pm_card_... or of the pm_1... it became."""
    if token in space.methods:
        known, user = space.methods[token]
        if intent is None or user != intent["id"]:
            raise invalid("The provided PaymentMethod was previously used with a PaymentIntent "
                          "without Customer attachment, shared with a connected account without "
                          "Customer attachment, or was detached from a Customer. It may not be "
                          "used again.", None, "payment_method")
        token = known
    method = cards.method_of(token)
    if method.type not in types:
        raise invalid(f"The PaymentMethod provided ({method.type}) is not allowed for this "
                      "PaymentIntent. Please attempt confirming again with a different payment "
                      "method.", "payment_intent_incompatible_payment_method", "payment_method")
    return method


def adopt(space, token, intent):
    """A test method becomes a PaymentMethod of its own, for this intent only."""
    if token in space.methods:
        return token
    name = space.world.name("pm_1")
    space.methods[name] = (token, intent["id"])
    return name


# ---- confirming and cancelling ----------------------------------------------
def confirm_intent(space, intent, params):
    """Pays with what is there; a decline is raised as 402."""
    if intent["status"] not in CONFIRMABLE:
        words = "it has already succeeded after being previously confirmed" \
            if intent["status"] == "succeeded" else f"it has a status of {intent['status']}"
        raise unexpected(space, intent, f"You cannot confirm this PaymentIntent because {words}.")
    refuse_checkout(space, intent, "confirm")
    check_texts(params)
    side = space.side(intent)
    token = params.get("payment_method") or intent["payment_method"]
    if not token:
        raise unexpected(space, intent, "You cannot confirm this PaymentIntent because it's "
                         "missing a payment method. You can either update the PaymentIntent with "
                         "a payment method and then confirm it again, or confirm it again "
                         "directly with a payment method or ConfirmationToken.")
    method = method_for(space, token, intent["payment_method_types"], intent)
    if params.get("return_url"):
        side["return_url"] = params["return_url"]
    if params.get("receipt_email"):
        intent["receipt_email"] = params["receipt_email"]
    alone = bool(params.get("off_session")) or params.get("error_on_requires_action", False)
    decline = attempt(space, intent, adopt(space, token, intent), method, alone=alone)
    if decline:
        raise declined(space, intent)


def attempt(space, intent, name, method, alone=False, proven=False):
    """One try to pay; answers the key of DECLINES, or None.

    alone   nobody is there to prove who they are
    proven  the bank has been asked already
    """
    space.side(intent).pop("challenge", None)  # an older question is void
    intent["payment_method"] = name
    intent["next_action"] = intent["last_payment_error"] = None
    if method.challenge and not proven:
        if alone:
            return decline_charge(space, intent, method, "authentication")
        ask_bank(space, intent)
        return None
    if method.bank:
        return begin_debit(space, intent, method)
    if method.decline:
        return decline_charge(space, intent, method, method.decline)
    succeed(space, intent, new_charge(space, intent, method, "succeeded"), method)
    return None


def ask_bank(space, intent):
    side = space.side(intent)
    side["challenge"] = space.world.name("", 32)
    account = space.account or "-"
    url = (f"{space.world.public_url}/3d_secure/{account}/{intent['id']}/{side['challenge']}")
    back = side.get("return_url")
    if back:
        intent["next_action"] = {"redirect_to_url": {"return_url": back, "url": url},
                                 "type": "redirect_to_url"}
    else:
        intent["next_action"] = {"type": "use_stripe_sdk", "use_stripe_sdk": {
            "type": "three_d_secure_redirect", "stripe_js": url}}
    side["challenge_url"] = url
    intent["status"] = "requires_action"
    space.world.emit(space, "payment_intent.requires_action", intent)


def answer_bank(space, intent, proven):
    """What came of 3-D Secure; answers the key of the decline, or None."""
    side = space.side(intent)
    name = intent["payment_method"]
    token = space.methods[name][0]
    method = cards.METHODS[token]
    side.pop("challenge", None)
    if proven:
        decline = attempt(space, intent, name, method, proven=True)
    else:
        decline = "authentication_failed"
        message = ("We are unable to authenticate your payment method. Please choose a "
                   "different payment method and try again.")
        fail(space, intent, {"code": "payment_intent_authentication_failure",
                             "message": message, "type": "invalid_request_error",
                             "payment_method": cards.payment_method(name, method,
                                                                    space.world.now())})
    follow(space, intent)
    return decline


def begin_debit(space, intent, method):
    """An account is debited: the bank answers later."""
    charge = new_charge(space, intent, method, "pending")
    intent.update(status="processing", latest_charge=charge["id"])
    space.world.emit(space, "charge.pending", charge)
    space.world.emit(space, "payment_intent.processing", intent)
    space.world.after(space.world.settings.settle_s,
                      lambda: settle(space, intent, method.decline))
    return None


def settle(space, intent, decline):
    """The bank's answer to a debit; nothing if it has been given."""
    if intent["status"] != "processing":
        return False
    charge = space.get("charge", intent["latest_charge"])
    method = cards.METHODS[space.methods[intent["payment_method"]][0]]
    if decline:
        refuse_charge(charge, *cards.DECLINES[decline])
        space.world.emit(space, "charge.failed", charge)
        fail(space, intent, error_of(space, intent, method, decline, charge))
    else:
        charge.update(status="succeeded", paid=True)
        succeed(space, intent, charge, method)
    follow(space, intent)
    return True


def new_charge(space, intent, method, status):
    world = space.world
    ok = status == "succeeded"
    return space.add("charge", {
        "id": world.name("py_3" if method.bank else "ch_3"), "object": "charge",
        "amount": intent["amount"], "amount_captured": intent["amount"] if status != "failed" else 0,
        "amount_refunded": 0, "application": None, "application_fee": None,
        "application_fee_amount": None, "balance_transaction": None,
        "billing_details": cards.no_billing(space.side(intent).get("email")),
        "calculated_statement_descriptor": "SANDBOX", "captured": status != "failed",
        "created": world.now(), "currency": intent["currency"], "customer": None,
        "description": intent["description"], "disputed": False,
        "failure_balance_transaction": None, "failure_code": None, "failure_message": None,
        "fraud_details": {}, "livemode": False, "metadata": dict(intent["metadata"]),
        "on_behalf_of": None,
        "outcome": {"advice_code": None, "network_advice_code": None,
                    "network_decline_code": None, "network_status": "approved_by_network",
                    "reason": None, "risk_level": "normal", "risk_score": 20,
                    "seller_message": "Payment complete.", "type": "authorized"},
        "paid": ok, "payment_intent": intent["id"], "payment_method": intent["payment_method"],
        "payment_method_details": cards.details(method, intent["amount"]),
        "receipt_email": intent["receipt_email"], "receipt_number": None, "receipt_url": None,
        "refunded": False, "review": None, "shipping": None, "source": None,
        "source_transfer": None, "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"], "status": status,
        "transfer_data": None, "transfer_group": intent["transfer_group"]})


def succeed(space, intent, charge, method):
    world = space.world
    intent.update(status="succeeded", latest_charge=charge["id"],
                  amount_received=intent["amount"], next_action=None)
    if intent["capture_method"] == "automatic":
        book_charge(space, charge)
    else:
        world.after(world.settings.books_s, lambda: book_later(space, charge))
    space.side(charge)["method"] = method
    world.emit(space, "charge.succeeded", charge)
    world.emit(space, "payment_intent.succeeded", intent)
    if method.later == "dispute":
        world.after(world.settings.settle_s, lambda: open_dispute(space, charge))


def refuse_charge(charge, code, decline_code, message):
    charge.update(status="failed", paid=False, captured=False, amount_captured=0,
                  failure_code=code, failure_message=message)
    charge["outcome"].update(network_status="declined_by_network", reason=decline_code,
                             seller_message="The bank did not return any further details with "
                             "this decline.", type="issuer_declined")


def decline_charge(space, intent, method, decline):
    charge = new_charge(space, intent, method, "failed")
    refuse_charge(charge, *cards.DECLINES[decline])
    intent["latest_charge"] = charge["id"]
    space.world.emit(space, "charge.failed", charge)
    fail(space, intent, error_of(space, intent, method, decline, charge))
    return decline


def error_of(space, intent, method, decline, charge):
    code, decline_code, message = cards.DECLINES[decline]
    return {"charge": charge["id"], "code": code, "decline_code": decline_code,
            "message": message, "type": "card_error",
            "payment_method": cards.payment_method(intent["payment_method"], method,
                                                   space.world.now())}


def fail(space, intent, error):
    intent.update(status="requires_payment_method", last_payment_error=error,
                  payment_method=None, next_action=None)
    space.world.emit(space, "payment_intent.payment_failed", intent)


def declined(space, intent):
    error = intent["last_payment_error"]
    return Refusal(402, "card_error", error["message"], error["code"], None,
                   charge=error["charge"], decline_code=error["decline_code"],
                   payment_intent=dict(intent), payment_method=error["payment_method"])


def unexpected(space, intent, message):
    return invalid(message, "payment_intent_unexpected_state", None,
                   payment_intent=dict(intent))


def refuse_checkout(space, intent, verb):
    if space.side(intent).get("session"):
        raise unexpected(space, intent, f"You cannot {verb} this PaymentIntent because it was "
                         "created by Checkout. To cancel it, expire the Checkout Session.")


def follow(space, intent):
    """Tells the Checkout Session, if there is one, that its payment moved on."""
    told = space.side(intent).get("follow")
    if told:
        told()


def cancel_intent(space, intent, reason):
    if intent["status"] not in CANCELABLE or intent["status"] == "processing":
        raise unexpected(space, intent, "You cannot cancel this PaymentIntent because it has a "
                         f"status of {intent['status']}. Only a PaymentIntent with one of the "
                         f"following statuses may be canceled: {', '.join(CANCELABLE)}.")
    intent.update(status="canceled", canceled_at=space.world.now(), cancellation_reason=reason,
                  next_action=None)
    space.side(intent).pop("challenge", None)
    space.world.emit(space, "payment_intent.canceled", intent)
    return intent


# ---- disputes ---------------------------------------------------------------
EVIDENCE = [
    "access_activity_log", "billing_address", "cancellation_policy",
    "cancellation_policy_disclosure", "cancellation_rebuttal", "customer_communication",
    "customer_email_address", "customer_name", "customer_purchase_ip", "customer_signature",
    "duplicate_charge_documentation", "duplicate_charge_explanation", "duplicate_charge_id",
    "product_description", "receipt", "refund_policy", "refund_policy_disclosure",
    "refund_refusal_explanation", "service_date", "service_documentation", "shipping_address",
    "shipping_carrier", "shipping_date", "shipping_documentation", "shipping_tracking_number",
    "uncategorized_file", "uncategorized_text"]


def open_dispute(space, charge, reason="fraudulent", amount=None):
    """The bank takes the money back; None if that is not possible (any more)."""
    left = charge["amount"] - charge["amount_refunded"]
    amount = left if amount is None else amount
    if charge["status"] != "succeeded" or charge["disputed"] or not 0 < amount <= left:
        return None
    world = space.world
    brand = charge["payment_method_details"].get("card", {}).get("brand", "visa")
    dispute = space.add("dispute", {
        "id": world.name("du_1"), "object": "dispute", "amount": amount,
        "balance_transactions": [], "charge": charge["id"], "created": world.now(),
        "currency": charge["currency"], "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(EVIDENCE), "enhanced_evidence": {}},
        "evidence_details": {"due_by": world.now() + EVIDENCE_S, "enhanced_eligibility": {},
                             "has_evidence": False, "past_due": False, "submission_count": 0,
                             "submission_method": "not_submitted"},
        "intended_submission_method": None, "is_charge_refundable": False, "livemode": False,
        "metadata": {}, "network_reason_code": "10.4",
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {"card": {"brand": brand, "case_type": "chargeback",
                                            "network": brand, "network_reason_code": "10.4"},
                                   "type": "card"},
        "reason": reason, "status": "needs_response"})
    charge["disputed"] = True
    dispute["balance_transactions"].append(space.get("balance_transaction", book(
        space, dispute, -amount, money.dispute_fee(charge["currency"]), "adjustment", "dispute",
        f"Chargeback withdrawal for {charge['id']}")))
    world.emit(space, "charge.dispute.created", dispute)
    world.emit(space, "charge.dispute.funds_withdrawn", dispute)
    return dispute


def close_dispute(space, dispute, won):
    if dispute["status"] in ("won", "lost"):
        return False
    dispute["status"] = "won" if won else "lost"
    if won:
        dispute["balance_transactions"].append(space.get("balance_transaction", book(
            space, dispute, dispute["amount"], 0, "adjustment", "dispute_reversal",
            f"Chargeback reversal for {dispute['charge']}")))
        space.world.emit(space, "charge.dispute.funds_reinstated", dispute)
    space.world.emit(space, "charge.dispute.closed", dispute)
    return True


def find(space, kind, name, noun=None, param="id", status=404):
    row = space.get(kind, name)
    if row is None:
        raise missing(noun or kind, name, param, status)
    return row
