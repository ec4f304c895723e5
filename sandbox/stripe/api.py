"""api: the routes: what each takes, what of it is modelled, what it does."""
import re

from . import checkout, lists, params as table, payments, refunds
from .errors import malformed, missing, not_modelled

PAGE = {"limit", "starting_after", "ending_before", "created", "created.*", "expand"}
INTENT = {"allowed_payment_method_types", "capture_method", "error_on_requires_action", "expand",
          "off_session", "payment_method", "receipt_email", "return_url", "use_stripe_sdk"}
# What a request may name. What Stripe knows beyond it is refused with a code
# of our own, for to pass over it in silence would be to lie.
MODELLED = {
    "GET /v1/balance_transactions": PAGE | {"currency", "source", "type"},
    "GET /v1/charges": PAGE | {"payment_intent", "transfer_group"},
    "GET /v1/checkout/sessions": PAGE | {"payment_intent", "status", "customer_details.email"},
    "GET /v1/disputes": PAGE | {"charge", "payment_intent"},
    "GET /v1/events": PAGE | {"delivery_success", "type", "types"},
    "GET /v1/payment_intents": PAGE,
    "GET /v1/refunds": PAGE | {"charge", "payment_intent"},
    "GET /v1/payment_intents/{id}": {"client_secret", "expand"},
    "POST /v1/checkout/sessions": {
        "allowed_payment_method_types", "billing_address_collection", "cancel_url",
        "client_reference_id", "currency", "customer_creation", "customer_email", "expand",
        "expires_at", "line_items.price_data.currency", "line_items.price_data.product_data.*",
        "line_items.price_data.unit_amount", "line_items.quantity", "locale", "metadata.*",
        "mode", "payment_intent_data.capture_method", "payment_intent_data.description",
        "payment_intent_data.metadata.*", "payment_intent_data.receipt_email",
        "payment_intent_data.statement_descriptor",
        "payment_intent_data.statement_descriptor_suffix", "payment_intent_data.transfer_group",
        "submit_type", "success_url", "ui_mode"},
    "POST /v1/payment_intents": INTENT | {
        "amount", "automatic_payment_methods.*", "confirm", "currency", "description",
        "metadata.*", "statement_descriptor", "statement_descriptor_suffix", "transfer_group"},
    "POST /v1/payment_intents/{id}/cancel": {"cancellation_reason", "expand"},
    "POST /v1/payment_intents/{id}/confirm":
        INTENT - {"allowed_payment_method_types", "capture_method"},
    "POST /v1/refunds": {"amount", "charge", "expand", "metadata.*", "payment_intent", "reason"},
}


def equal(row, given, *names):
    return all(row[name] == given[name] for name in names if name in given)


def list_balance(space, given, name):
    return lists.page(space, "balance_transaction", "/v1/balance_transactions", given,
                      lambda row: equal(row, given, "currency", "source", "type"))


def list_charges(space, given, name):
    return lists.page(space, "charge", "/v1/charges", given,
                      lambda row: equal(row, given, "payment_intent", "transfer_group"))


def list_sessions(space, given, name):
    email = given.get("customer_details", {}).get("email")
    return lists.page(space, "checkout.session", "/v1/checkout/sessions", given,
                      lambda row: equal(row, given, "payment_intent", "status") and
                      (email is None or (row["customer_details"] or {}).get("email") == email))


def list_disputes(space, given, name):
    return lists.page(space, "dispute", "/v1/disputes", given,
                      lambda row: equal(row, given, "charge", "payment_intent"))


def list_events(space, given, name):
    kinds = given.get("types")
    if kinds and "type" in given:
        raise malformed("You may only specify one of these parameters: type, types.", None, "type")
    delivered = given.get("delivery_success")
    wanted = given.get("type", "*")

    def keep(row):
        if kinds is not None and row["type"] not in kinds:
            return False
        if delivered is not None and (row["pending"] == 0) != delivered:
            return False
        return wanted == "*" or row["type"] == wanted or \
            wanted.endswith(".*") and row["type"].startswith(wanted[:-1])
    return lists.page(space, "event", "/v1/events", given, keep)


def list_intents(space, given, name):
    return lists.page(space, "payment_intent", "/v1/payment_intents", given)


def list_refunds(space, given, name):
    return lists.page(space, "refund", "/v1/refunds", given,
                      lambda row: equal(row, given, "charge", "payment_intent"))


def one(kind, noun=None):
    return lambda space, given, name: payments.find(space, kind, name, noun)


def read_intent(space, given, name):
    intent = payments.find(space, "payment_intent", name, param="intent")
    if given.get("client_secret", intent["client_secret"]) != intent["client_secret"]:
        raise missing("payment_intent", name, "intent")
    return intent


def create_session(space, given, name):
    return checkout.create(space, given)


def expire_session(space, given, name):
    session = payments.find(space, "checkout.session", name)
    return checkout.expire_by_request(space, session)


def create_intent(space, given, name):
    return payments.create_intent(space, given)


def cancel_intent(space, given, name):
    intent = payments.find(space, "payment_intent", name, param="intent")
    payments.refuse_checkout(space, intent, "cancel")
    return payments.cancel_intent(space, intent, given.get("cancellation_reason"))


def confirm_intent(space, given, name):
    intent = payments.find(space, "payment_intent", name, param="intent")
    if not given.get("return_url") and not space.side(intent).get("return_url"):
        payments.check_return_url(given, intent["allowed_payment_method_types"],
                                  intent["automatic_payment_methods"])
    elif given.get("return_url"):
        payments.check_return_url(given, None, None)
    payments.confirm_intent(space, intent, given)
    return intent


def create_refund(space, given, name):
    return refunds.create(space, given)


def cancel_refund(space, given, name):
    return refunds.cancel(space, payments.find(space, "refund", name))


ROUTES = {
    "GET /v1/balance_transactions": list_balance,
    "GET /v1/balance_transactions/{id}": one("balance_transaction", "balance transaction"),
    "GET /v1/charges": list_charges,
    "GET /v1/charges/{id}": one("charge"),
    "GET /v1/checkout/sessions": list_sessions,
    "POST /v1/checkout/sessions": create_session,
    "GET /v1/checkout/sessions/{id}": one("checkout.session"),
    "POST /v1/checkout/sessions/{id}/expire": expire_session,
    "GET /v1/disputes": list_disputes,
    "GET /v1/disputes/{id}": one("dispute"),
    "GET /v1/events": list_events,
    "GET /v1/events/{id}": one("event"),
    "GET /v1/payment_intents": list_intents,
    "POST /v1/payment_intents": create_intent,
    "GET /v1/payment_intents/{id}": read_intent,
    "POST /v1/payment_intents/{id}/cancel": cancel_intent,
    "POST /v1/payment_intents/{id}/confirm": confirm_intent,
    "GET /v1/refunds": list_refunds,
    "POST /v1/refunds": create_refund,
    "GET /v1/refunds/{id}": one("refund"),
    "POST /v1/refunds/{id}/cancel": cancel_refund,
}
NOUNS = {"balance_transactions": "balance_transaction", "charges": "charge",
         "checkout/sessions": "checkout.session", "disputes": "dispute", "events": "event",
         "payment_intents": "payment_intent", "refunds": "refund"}
PATTERNS = [(endpoint.split(" ")[0],
             re.compile(re.escape(endpoint.split(" ")[1]).replace(r"\{id\}", "([A-Za-z0-9_-]+)") +
                        r"\Z"), endpoint) for endpoint in ROUTES]


def find(method, path):
    """(endpoint, id) of a request, or what Stripe says of others."""
    for verb, pattern, endpoint in PATTERNS:
        found = pattern.match(path) if verb == method else None
        if found:
            return endpoint, found[1] if found.groups() else None
    raise malformed(f"Unrecognized request URL ({method}: {path[:200]}). If you are trying to "
                    "list objects, remove the trailing slash. If you are trying to retrieve an "
                    "object, make sure you passed a valid (non-empty) identifier in your code.",
                    None, None, 404)


def read(endpoint, given):
    """The request's parameters, checked; see params.check."""
    out = table.check(endpoint, given)
    modelled = MODELLED.get(endpoint, {"expand"})
    for leaf in table.leaves(out):
        if leaf and leaf not in modelled and not any(
                leaf.startswith(m[:-1]) or leaf == m[:-2] for m in modelled if m.endswith("*")):
            first, *rest = leaf.split(".")
            raise not_modelled(leaf, first + "".join(f"[{name}]" for name in rest))
    if "expand" in out:
        noun = endpoint.split("/v1/")[1].split("/{")[0].split("/expire")[0]
        lists.check_expand(NOUNS[noun], endpoint.startswith("GET") and "{id}" not in endpoint,
                           out["expand"])
    return out


def run(space, endpoint, given, name):
    """The object that is answered; raises Refusal."""
    if endpoint.startswith("POST") and name is None:
        space.world.check_room()
    row = ROUTES[endpoint](space, given, name)
    return lists.show(space, row, given.get("expand", ()))
