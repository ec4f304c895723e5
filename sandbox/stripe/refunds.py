"""refunds: money back, at once, after a while, or not after all."""
from . import money, payments
from .errors import invalid, malformed

FINAL = {"succeeded": {"failed"}, "pending": {"succeeded", "failed", "canceled"}}


def create(space, params):
    charge = charge_of(space, params)
    currency = charge["currency"]
    if charge["status"] != "succeeded":
        raise invalid(f"Charge {charge['id']} has a status of {charge['status']} and cannot be "
                      "refunded.", "charge_not_refundable", "charge")
    if any(d["charge"] == charge["id"] and d["status"] != "won"
           for d in space.tables["dispute"].rows):
        raise invalid(f"Charge {charge['id']} has been charged back; cannot issue a refund.",
                      "charge_disputed")
    left = charge["amount"] - charge["amount_refunded"]
    if left == 0:
        raise invalid(f"Charge {charge['id']} has already been refunded.",
                      "charge_already_refunded")
    amount = params.get("amount", left)
    if amount < 1:
        raise malformed("Invalid positive integer", "parameter_invalid_integer", "amount")
    money.check_shape(amount, currency, "amount")
    if amount > left:
        raise invalid(f"Refund amount ({money.shown(amount, currency)}) is greater than unrefunded "
                      f"amount on charge ({money.shown(left, currency)})", "amount_too_large",
                      "amount")
    return make(space, charge, amount, params)


def charge_of(space, params):
    intent_id, charge_id = params.get("payment_intent"), params.get("charge")
    if not intent_id and not charge_id:
        raise malformed("One of the following params should be provided for this request: "
                        "payment_intent or charge.", "parameter_missing", "payment_intent")
    if charge_id:
        charge = payments.find(space, "charge", charge_id, param="charge")
        if intent_id and charge["payment_intent"] != intent_id:
            raise invalid("The charge does not belong to the PaymentIntent.", None,
                          "payment_intent")
        return charge
    intent = payments.find(space, "payment_intent", intent_id, param="payment_intent")
    if intent["status"] != "succeeded":
        raise invalid(f"This PaymentIntent ({intent_id}) does not have a successful charge to "
                      "refund.", None, "payment_intent")
    return space.get("charge", intent["latest_charge"])


def make(space, charge, amount, params):
    world = space.world
    method = space.side(charge)["method"]
    bank = method.bank
    pending = method.later == "refund_pending" or bank
    before = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
    refund = {
        "id": world.name("pyr_1" if bank else "re_3"), "object": "refund", "amount": amount,
        "balance_transaction": None, "charge": charge["id"], "created": world.now(),
        "currency": charge["currency"], "customer": None, "customer_account": None,
        "metadata": params.get("metadata") or {}, "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"], "reason": params.get("reason"),
        "receipt_number": None, "source_transfer_reversal": None,
        "status": "pending" if pending else "succeeded", "transfer_reversal": None}
    if pending:
        refund["pending_reason"] = "processing"
    if not bank:
        refund["destination_details"] = {"card": {"reference_status": "pending",
                                                  "reference_type": "acquirer_reference_number",
                                                  "type": "refund"}, "type": "card"}
    space.add("refund", refund)
    refund["balance_transaction"] = payments.book(
        space, refund, -amount, 0, "payment_refund" if bank else "refund", "refund",
        f"REFUND FOR {charge['payment_method_details']['type'].upper()} {charge['id']}")
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    world.emit(space, "charge.refunded", charge, before)
    world.emit(space, "refund.created", refund)
    if method.later == "refund_fail":
        world.after(world.settings.settle_s, lambda: finish(space, refund, "failed"))
    elif pending:
        world.after(world.settings.settle_s, lambda: finish(space, refund, "succeeded"))
    return refund


def finish(space, refund, status):
    """The bank's word on a refund; False if it comes too late for that."""
    before = refund["status"]
    if status not in FINAL.get(before, ()):
        return False
    world = space.world
    refund["status"] = status
    refund.pop("pending_reason", None)
    previous = {"status": before}
    if status != "succeeded":
        charge = space.get("charge", refund["charge"])
        charge["amount_refunded"] -= refund["amount"]
        charge["refunded"] = False
        previous["failure_balance_transaction"] = None
        refund["failure_balance_transaction"] = payments.book(
            space, refund, refund["amount"], 0, "refund_failure", "refund_failure",
            f"REFUND FAILURE FOR {refund['charge']}")
        if status == "failed":
            refund["failure_reason"] = "lost_or_stolen_card"
            if "destination_details" in refund:
                refund["destination_details"]["card"]["reference_status"] = "unavailable"
    world.emit(space, "charge.refund.updated", refund, previous)
    world.emit(space, "refund.updated", refund, previous)
    if status == "failed":
        world.emit(space, "refund.failed", refund)
    return True


def refer(space, refund, reference):
    """The acquirer's number is known by now: told, whatever the state is."""
    if "destination_details" not in refund:
        return False
    refund["destination_details"]["card"].update(reference=str(reference),
                                                 reference_status="available")
    space.world.emit(space, "charge.refund.updated", refund, {"destination_details": None})
    space.world.emit(space, "refund.updated", refund, {"destination_details": None})
    return True


def cancel(space, refund):
    """By the API only where the customer has still to act: never with cards."""
    raise invalid(f"Refund {refund['id']} has a status of {refund['status']}. Only refunds with "
                  "a status of requires_action can be canceled.", None)
