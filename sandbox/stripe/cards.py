"""cards: Stripe's test payment methods and what befalls a payment with each."""
from .errors import invalid

DECLINED = "Your card was declined."
# decline: (code, decline_code, message).
DECLINES = {
    "generic": ("card_declined", "generic_decline", DECLINED),
    "insufficient": ("card_declined", "insufficient_funds", "Your card has insufficient funds."),
    "lost": ("card_declined", "lost_card", DECLINED),
    "stolen": ("card_declined", "stolen_card", DECLINED),
    "fraudulent": ("card_declined", "fraudulent", DECLINED),
    "velocity": ("card_declined", "card_velocity_exceeded",
                 "Your card was declined for making repeated attempts too frequently or "
                 "exceeding its amount limit."),
    "expired": ("expired_card", "expired_card", "Your card has expired."),
    "cvc": ("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect."),
    "processing": ("processing_error", "processing_error",
                   "An error occurred while processing your card. Try again in a little bit."),
    "authentication": ("authentication_required", "authentication_required",
                       "Your card was declined. This transaction requires authentication."),
}


class Method:
    """One test payment method.

    decline      key of DECLINES, or None
    challenge    does the bank ask for 3-D Secure first?
    later        what happens after a while: dispute, or how a refund goes
    bank         an account, not a card: the answer comes days later
    """

    def __init__(self, brand="visa", last4="4242", decline=None, challenge=False,
                 later=None, bank=False):
        self.brand, self.last4 = brand, last4
        self.decline, self.challenge = decline, challenge
        self.later, self.bank = later, bank

    @property
    def type(self):
        return "us_bank_account" if self.bank else "card"


METHODS = {
    "pm_card_visa": Method(),
    "pm_card_visa_debit": Method(last4="5556"),
    "pm_card_mastercard": Method("mastercard", "4444"),
    "pm_card_mastercard_debit": Method("mastercard", "3222"),
    "pm_card_amex": Method("amex", "8431"),
    "pm_card_discover": Method("discover", "9424"),
    "pm_card_jcb": Method("jcb", "0505"),
    "pm_card_visa_chargeDeclined": Method(last4="0002", decline="generic"),
    "pm_card_chargeDeclined": Method(last4="0002", decline="generic"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": Method(last4="9995", decline="insufficient"),
    "pm_card_chargeDeclinedInsufficientFunds": Method(last4="9995", decline="insufficient"),
    "pm_card_visa_chargeDeclinedLostCard": Method(last4="9987", decline="lost"),
    "pm_card_visa_chargeDeclinedStolenCard": Method(last4="9979", decline="stolen"),
    "pm_card_visa_chargeDeclinedVelocityLimitExceeded": Method(last4="6975", decline="velocity"),
    "pm_card_chargeDeclinedExpiredCard": Method(last4="0069", decline="expired"),
    "pm_card_chargeDeclinedIncorrectCvc": Method(last4="0127", decline="cvc"),
    "pm_card_chargeDeclinedProcessingError": Method(last4="0119", decline="processing"),
    "pm_card_chargeDeclinedFraudulent": Method(last4="0019", decline="fraudulent"),
    "pm_card_authenticationRequired": Method(last4="3184", challenge=True),
    "pm_card_threeDSecure2Required": Method(last4="3220", challenge=True),
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds":
        Method(last4="8260", challenge=True, decline="insufficient"),
    "pm_card_createDispute": Method(last4="0259", later="dispute"),
    "pm_card_pendingRefund": Method(last4="7726", later="refund_pending"),
    "pm_card_refundFail": Method(last4="5126", later="refund_fail"),
    "pm_usBankAccount_success": Method("test bank", "6789", bank=True),
    "pm_usBankAccount_insufficientFunds": Method("test bank", "2222", bank=True,
                                                 decline="insufficient"),
}


def method_of(name, param="payment_method"):
    method = METHODS.get(name)
    if method is None:
        raise invalid(f"No such PaymentMethod: '{name[:100]}'", "resource_missing", param, 400)
    return method


def details(method, amount):
    """payment_method_details of a charge."""
    if method.bank:
        return {"type": "us_bank_account", "us_bank_account": {
            "account_holder_type": "individual", "account_type": "checking",
            "bank_name": "SANDBOX TEST BANK", "fingerprint": "sandbox" + method.last4,
            "last4": method.last4, "payment_reference": None, "routing_number": "110000000"}}
    return {"type": "card", "card": {
        "amount_authorized": amount, "authorization_code": None, "brand": method.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None,
                   "cvc_check": "pass"},
        "country": "US", "electronic_commerce_indicator": None, "exp_month": 12,
        "exp_year": 2034, "fingerprint": "sandbox" + method.last4, "funding": "credit",
        "installments": None, "last4": method.last4, "mandate": None,
        "network": method.brand, "network_transaction_id": None, "regulated_status":
        "unregulated", "three_d_secure": None, "transaction_link_id": None, "wallet": None}}


def payment_method(name, method, now):
    """The PaymentMethod as an error carries it."""
    out = {"id": name, "object": "payment_method", "billing_details": no_billing(),
           "created": now, "customer": None, "livemode": False, "metadata": {},
           "type": method.type}
    out[method.type] = details(method, None)[method.type]
    return out


def no_billing(email=None):
    return {"address": {"city": None, "country": None, "line1": None, "line2": None,
                        "postal_code": None, "state": None},
            "email": email, "name": None, "phone": None, "tax_id": None}
