"""What the stand-in for Stripe answers, refuses, sends and spoils."""
import base64
import http.client
import json
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse

import pytest
from stripe_sandbox import (KEY, SECRET, VERSION, Receiver, Sandbox, check_object, marks_of,
                            verify)

INTENTS, SESSIONS = "/v1/payment_intents", "/v1/checkout/sessions"
LEAST = {"amount": 5000, "currency": "usd"}


def refused(answer, status, code=None, param=None, kind="invalid_request_error"):
    assert answer.status == status, answer.text
    error = answer.error
    assert (error["type"], error.get("code")) == (kind, code), error
    if param:
        assert error["param"] == param
    assert answer.headers["Request-Id"].startswith("req_")
    return error


# ---- who asks, and how -------------------------------------------------------
def test_a_request_without_or_with_a_wrong_key_is_refused(sandbox):
    refused(sandbox.api("GET", INTENTS, Authorization=None), 401)
    error = refused(sandbox.api("GET", INTENTS, Authorization="Bearer sk_test_somebody_else"), 401)
    assert "sk_test_somebody_else" not in error["message"]
    refused(sandbox.api("GET", INTENTS, Authorization="Basic !!!"), 401)
    assert sandbox.control("GET", "/counts")["objects"] == {}


def test_a_key_is_taken_as_the_user_of_basic_too(sandbox):
    mark = base64.b64encode(f"{KEY}:".encode()).decode()
    assert sandbox.api("GET", INTENTS, Authorization=f"Basic {mark}").status == 200


def test_the_version_must_be_named_and_be_the_one_of_the_table(sandbox):
    refused(sandbox.api("GET", INTENTS, Stripe_Version=None), 400)
    refused(sandbox.api("GET", INTENTS, Stripe_Version="latest"), 400)
    refused(sandbox.api("GET", INTENTS, Stripe_Version="2020-08-27"), 400, "sandbox_not_modelled")
    assert sandbox.api("GET", INTENTS).headers["Stripe-Version"] == VERSION


def test_a_connected_account_has_objects_of_its_own(sandbox):
    mine = sandbox.paid(key="same")
    theirs = sandbox.pay(key="same", account="acct_1Theirs").json
    assert mine["id"] != theirs["id"]
    path = f"{INTENTS}/{theirs['id']}"
    refused(sandbox.api("GET", path), 404, "resource_missing")
    assert sandbox.api("GET", path, account="acct_1Theirs").json["id"] == theirs["id"]
    assert len(sandbox.read(INTENTS)["data"]) == 1
    refused(sandbox.api("GET", INTENTS, account="somebody"), 403, "account_invalid")


def test_what_is_no_endpoint_is_told(sandbox):
    refused(sandbox.api("GET", "/v1/customers"), 404)
    refused(sandbox.api("POST", INTENTS + "/"), 404)
    refused(sandbox.api("DELETE", INTENTS), 404)


# ---- parameters ----------------------------------------------------------------
@pytest.mark.parametrize("more, code, param", [
    ({"foo": "1"}, "parameter_unknown", "foo"),
    ({"payment_method_types[]": "card"}, "parameter_unknown", "payment_method_types"),
    ({"automatic_payment_methods[enabled]": "true", "automatic_payment_methods[x]": "1"},
     "parameter_unknown", "automatic_payment_methods[x]"),
    ({"amount": "12.5"}, "parameter_invalid_integer", "amount"),
    ({"amount": "-1"}, "parameter_invalid_integer", "amount"),
    ({"amount": "99999999999999999999"}, "parameter_invalid_integer", "amount"),
    ({"amount": ""}, "parameter_invalid_empty", "amount"),
    ({"amount[x]": "1"}, None, None),
    ({"confirm": "yes"}, None, "confirm"),
    ({"capture_method": "never"}, None, "capture_method"),
    ({"currency": "xyz"}, None, "currency"),
    ({"metadata": "x"}, None, "metadata"),
    ({"metadata[" + "k" * 41 + "]": "v"}, None, None),
    ({"metadata[k]": "v" * 501}, None, "metadata[k]"),
    ({"expand": "latest_charge"}, None, "expand"),
    ({"expand[0]": "amount"}, None, None),
    ({"receipt_email": "nobody"}, "email_invalid", "receipt_email"),
    ({"amount": "49"}, "amount_too_small", "amount"),
    ({"amount": "100000000"}, "amount_too_large", "amount"),
    ({"customer": "cus_1"}, "sandbox_not_modelled", "customer"),
    ({"shipping[name]": "x", "shipping[address][city]": "y"}, "sandbox_not_modelled", None),
    ({"capture_method": "manual"}, "sandbox_not_modelled", "capture_method"),
])
def test_a_wrong_parameter_of_an_intent_is_refused(sandbox, more, code, param):
    given = {**LEAST, **more}
    if "amount[x]" in more:
        del given["amount"]
    refused(sandbox.api("POST", INTENTS, given, key="k"), 400, code, param)
    assert sandbox.control("GET", "/counts")["objects"].get("payment_intent", 0) == 0
    # A refused shape leaves the key free.
    assert sandbox.api("POST", INTENTS, LEAST, key="k").status == 200


def test_what_is_required_is_missed(sandbox):
    refused(sandbox.api("POST", INTENTS, {"currency": "usd"}), 400, "parameter_missing", "amount")
    refused(sandbox.api("POST", SESSIONS, {"mode": "payment"}), 400, "parameter_missing",
            "success_url")
    refused(sandbox.api("POST", SESSIONS, {"mode": "payment", "success_url": "https://a.example"}),
            400, "parameter_missing", "line_items")
    refused(sandbox.api("POST", "/v1/refunds", {"amount": "1"}), 400, "parameter_missing",
            "payment_intent")


@pytest.mark.parametrize("more, code, param", [
    ({"line_items[0][price_data][product_data][colour]": "red"}, "parameter_unknown",
     "line_items[0][price_data][product_data][colour]"),
    ({"payment_method_types[0]": "card"}, "parameter_unknown", "payment_method_types"),
    ({"line_items[2][quantity]": "1"}, None, "line_items"),
    ({"line_items[0][quantity]": "0"}, "parameter_invalid_integer", "line_items[0][quantity]"),
    ({"line_items[0][price_data][unit_amount]": "49"}, "amount_too_small", "line_items"),
    ({"line_items[0][quantity]": "999999"}, "amount_too_large", "line_items"),
    ({"mode": "gift"}, None, "mode"),
    ({"mode": "subscription"}, "sandbox_not_modelled", "mode"),
    ({"ui_mode": "embedded_page"}, "sandbox_not_modelled", "ui_mode"),
    ({"success_url": "shop.example/done"}, "url_invalid", "success_url"),
    ({"customer_email": "x@"}, "email_invalid", "customer_email"),
    ({"expires_at": "soon"}, "parameter_invalid_integer", "expires_at"),
    ({"allowed_payment_method_types[0]": "gold"}, None, "allowed_payment_method_types[0]"),
])
def test_a_wrong_parameter_of_a_session_is_refused(sandbox, more, code, param):
    answer = sandbox.api("POST", SESSIONS, {
        "mode": "payment", "success_url": "https://shop.example/",
        "line_items[0][price_data][currency]": "usd",
        "line_items[0][price_data][unit_amount]": "5000",
        "line_items[0][price_data][product_data][name]": "x", "line_items[0][quantity]": 1,
        **more})
    refused(answer, 400, code, param)
    assert sandbox.read(SESSIONS)["data"] == []


def test_a_body_that_is_no_form_is_refused(sandbox):
    refused(sandbox.api("POST", INTENTS, LEAST, Content_Type="application/json"), 400)
    sent = {"Authorization": f"Bearer {KEY}", "Stripe-Version": VERSION,
            "Content-Type": "application/x-www-form-urlencoded"}
    for body in ["amount", "amount=%ff", "amount=%zz", "amount=1&amount=2", "a[=1", "a]=1",
                 "a[][b]=1", "amount=1&amount[x]=1", "amount=%00", "=1"]:
        refused(sandbox.ask("POST", INTENTS, body, sent), 400)
    assert sandbox.ask("POST", INTENTS, b"a" * (1 << 21), sent).status == 413
    assert sandbox.ask("POST", INTENTS + "?amount=5000", "currency=usd", sent).status == 400


def test_what_is_written_beyond_ascii_comes_back(sandbox):
    name = "Zoë & Łukasz = 50% + ☃"
    intent = sandbox.paid(**{"metadata[name]": name, "description": name})
    assert intent["metadata"] == {"name": name} and intent["description"] == name


# ---- objects --------------------------------------------------------------------
def test_every_object_is_as_the_types_of_the_client_say(sandbox):
    sandbox.session()
    done = sandbox.session(**{"metadata[booking]": "b1", "customer_email": "a@b.example"})
    sandbox.control("POST", f"/sessions/{done['id']}", {"action": "pay"})
    sandbox.refund(sandbox.paid(), amount=100)
    sandbox.refund(sandbox.paid("pm_card_refundFail"))
    sandbox.refund(sandbox.paid("pm_card_pendingRefund"))
    sandbox.paid("pm_card_createDispute")
    sandbox.pay("pm_card_chargeDeclinedExpiredCard")
    sandbox.paid("pm_card_threeDSecure2Required")
    sandbox.paid("pm_usBankAccount_success",
                 **{"allowed_payment_method_types[]": "us_bank_account"})
    sandbox.control("POST", "/clock", {"advance_s": 90000})
    for dispute in sandbox.read("/v1/disputes")["data"]:
        sandbox.control("POST", f"/disputes/{dispute['id']}", {"status": "won"})
    seen = 0
    for path in [SESSIONS, INTENTS, "/v1/charges", "/v1/refunds", "/v1/disputes",
                 "/v1/balance_transactions", "/v1/events"]:
        rows = sandbox.read(path, limit=100)["data"]
        assert rows, path
        for row in rows:
            check_object(row["object"], row)
            seen += 1
            if row["object"] == "event":
                check_object(row["data"]["object"]["object"], row["data"]["object"])
            again = sandbox.read(f"{path}/{row['id']}")
            assert again == row
    assert seen > 60


def test_ids_become_objects_where_asked(sandbox):
    intent = sandbox.paid(capture_method="automatic",
                          **{"expand[]": "latest_charge.balance_transaction"})
    charge = intent["latest_charge"]
    assert charge["object"] == "charge" and charge["balance_transaction"]["net"] == 12000 - 378
    rows = sandbox.api("GET", "/v1/balance_transactions", [
        ("expand[]", "data.source"), ("expand[]", "data.source.payment_intent")]).json["data"]
    assert rows[0]["source"]["payment_intent"]["id"] == intent["id"]
    refused(sandbox.api("GET", "/v1/charges", {"expand[]": "balance_transaction"}), 400)


def test_lists_are_paged_newest_first(sandbox):
    made = [sandbox.paid(capture_method="automatic")["id"] for _ in range(5)][::-1]
    first = sandbox.read(INTENTS, limit=2)
    assert [r["id"] for r in first["data"]] == made[:2] and first["has_more"]
    second = sandbox.read(INTENTS, limit=2, starting_after=made[1])
    assert [r["id"] for r in second["data"]] == made[2:4] and second["has_more"]
    last = sandbox.read(INTENTS, limit=2, starting_after=made[3])
    assert [r["id"] for r in last["data"]] == made[4:] and not last["has_more"]
    back = sandbox.read(INTENTS, limit=2, ending_before=made[3])
    assert [r["id"] for r in back["data"]] == made[1:3] and back["has_more"]
    refused(sandbox.api("GET", INTENTS, {"limit": 101}), 400, "parameter_invalid_integer", "limit")
    refused(sandbox.api("GET", INTENTS, {"limit": 0}), 400, "parameter_invalid_integer", "limit")
    refused(sandbox.api("GET", INTENTS, {"starting_after": "pi_none"}), 400, "resource_missing",
            "starting_after")


def test_lists_are_narrowed(sandbox):
    first = sandbox.paid(capture_method="automatic")
    since = sandbox.control("POST", "/clock", {"advance_s": 100})["now"]
    second = sandbox.paid(capture_method="automatic")
    sandbox.refund(second, amount=500)
    late = sandbox.read("/v1/balance_transactions", **{"created[gte]": since})["data"]
    assert [(r["type"], r["amount"]) for r in late] == [("refund", -500), ("charge", 12000)]
    early = sandbox.read("/v1/balance_transactions", **{"created[lt]": since})["data"]
    assert [r["source"] for r in early] == [first["latest_charge"]]
    assert len(sandbox.read("/v1/balance_transactions", type="refund")["data"]) == 1
    assert len(sandbox.read("/v1/charges", payment_intent=first["id"])["data"]) == 1
    assert sandbox.read("/v1/refunds", payment_intent=first["id"])["data"] == []
    kinds = {e["type"] for e in sandbox.read("/v1/events", type="charge.*")["data"]}
    assert kinds == {"charge.succeeded", "charge.refunded"}


# ---- paying -----------------------------------------------------------------------
@pytest.mark.parametrize("method, code, reason", [
    ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
    ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
    ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
    ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc"),
    ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error"),
])
def test_a_declined_card_is_402_and_moves_no_money(sandbox, method, code, reason):
    error = refused(sandbox.pay(method, key="k"), 402, code, None, "card_error")
    assert error["decline_code"] == reason
    intent = sandbox.read(f"{INTENTS}/{error['payment_intent']['id']}")
    assert intent["status"] == "requires_payment_method"
    assert intent["last_payment_error"]["decline_code"] == reason
    assert sandbox.read("/v1/charges")["data"][0]["status"] == "failed"
    assert sandbox.read("/v1/balance_transactions")["data"] == []
    assert sandbox.kinds() == ["payment_intent.created", "charge.failed",
                               "payment_intent.payment_failed"]
    again = sandbox.pay(method, key="k")
    assert again.status == 402 and again.headers["Idempotent-Replayed"] == "true"
    # The intent is still good for another card.
    path = f"{INTENTS}/{intent['id']}/confirm"
    assert sandbox.api("POST", path, {"payment_method": "pm_card_visa"}).json["status"] == \
        "succeeded"


def test_an_intent_is_made_first_and_confirmed_later(sandbox):
    intent = sandbox.api("POST", INTENTS, LEAST).json
    assert intent["status"] == "requires_payment_method"
    path = f"{INTENTS}/{intent['id']}/confirm"
    refused(sandbox.api("POST", path, {"return_url": "https://a.example"}), 400,
            "payment_intent_unexpected_state")
    refused(sandbox.api("POST", path, {"payment_method": "pm_card_visa"}), 400, None, "return_url")
    refused(sandbox.api("POST", path, {"payment_method": "pm_gold",
                                       "return_url": "https://a.example"}), 400,
            "resource_missing", "payment_method")
    done = sandbox.api("POST", path, {"payment_method": "pm_card_visa",
                                      "return_url": "https://a.example"}).json
    assert done["status"] == "succeeded" and done["amount_received"] == 5000
    refused(sandbox.api("POST", path, {"payment_method": "pm_card_visa"}), 400,
            "payment_intent_unexpected_state")
    assert len(sandbox.read("/v1/charges")["data"]) == 1


def test_methods_that_redirect_want_an_address_to_return_to(sandbox):
    params = {**LEAST, "confirm": "true", "payment_method": "pm_card_visa"}
    refused(sandbox.api("POST", INTENTS, params), 400, None, "return_url")
    for more in ({"automatic_payment_methods[enabled]": "true",
                  "automatic_payment_methods[allow_redirects]": "never"},
                 {"allowed_payment_method_types[]": "card"}):
        assert sandbox.api("POST", INTENTS, {**params, **more}).json["status"] == "succeeded"


def test_the_balance_of_a_charge_is_booked_a_little_later(sandbox):
    intent = sandbox.paid()
    charge = sandbox.read(f"/v1/charges/{intent['latest_charge']}")
    assert charge["balance_transaction"] is None
    sandbox.control("POST", "/clock", {"advance_s": 1801})
    charge = sandbox.read(f"/v1/charges/{intent['latest_charge']}")
    row = sandbox.read(f"/v1/balance_transactions/{charge['balance_transaction']}")
    assert (row["amount"], row["fee"], row["net"]) == (12000, 378, 11622)
    assert sandbox.kinds()[-1] == "charge.updated"


@pytest.mark.parametrize("answer, status", [("complete", "succeeded"),
                                            ("fail", "requires_payment_method")])
def test_the_bank_asks_on_a_page_and_the_customer_comes_back(sandbox, answer, status):
    intent = sandbox.paid("pm_card_authenticationRequired")
    assert intent["status"] == "requires_action" and intent["latest_charge"] is None
    url = intent["next_action"]["redirect_to_url"]["url"]
    assert "Is it you" in sandbox.ask("GET", urllib.parse.urlsplit(url).path).text
    back = sandbox.form(url, answer=answer)
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back.headers["Location"]).query))
    assert back.status == 303 and query["b"] == "1"
    assert query["payment_intent"] == intent["id"]
    assert query["redirect_status"] == ("succeeded" if answer == "complete" else "failed")
    assert sandbox.read(f"{INTENTS}/{intent['id']}")["status"] == status
    # The question is answered once.
    assert sandbox.form(url, answer="complete").status == 409
    charges = sandbox.read("/v1/charges")["data"]
    assert len([c for c in charges if c["paid"]]) == (1 if answer == "complete" else 0)


def test_nobody_there_to_authenticate_is_a_decline(sandbox):
    for more in ({"off_session": "true"}, {"error_on_requires_action": "true"}):
        refused(sandbox.pay("pm_card_authenticationRequired", **more), 402,
                "authentication_required", None, "card_error")


def test_yen_have_no_decimals_and_a_least_amount(sandbox):
    intent = sandbox.paid(amount=5000, currency="JPY", capture_method="automatic")
    assert intent["currency"] == "jpy" and intent["amount_received"] == 5000
    error = refused(sandbox.pay(amount=49, currency="jpy"), 400, "amount_too_small")
    assert "¥50 jpy" in error["message"]
    assert "¥5,000" in sandbox.ask(
        "GET", urllib.parse.urlsplit(sandbox.session(5000, "jpy")["url"]).path).text


def test_an_unfinished_intent_is_cancelled_and_a_paid_one_is_not(sandbox):
    intent = sandbox.api("POST", INTENTS, LEAST).json
    path = f"{INTENTS}/{intent['id']}/cancel"
    gone = sandbox.api("POST", path, {"cancellation_reason": "abandoned"}).json
    assert (gone["status"], gone["cancellation_reason"]) == ("canceled", "abandoned")
    refused(sandbox.api("POST", path), 400, "payment_intent_unexpected_state")
    refused(sandbox.api("POST", f"{INTENTS}/{sandbox.paid()['id']}/cancel"), 400,
            "payment_intent_unexpected_state")


def test_a_debit_is_processing_until_the_bank_answers(sandbox):
    def debit():
        return sandbox.paid("pm_usBankAccount_success",
                            **{"allowed_payment_method_types[]": "us_bank_account"})
    intent = debit()
    assert intent["status"] == "processing"
    assert sandbox.kinds()[-1] == "payment_intent.processing"
    refused(sandbox.refund(intent), 400, None, "payment_intent")
    sandbox.control("POST", f"/payment_intents/{intent['id']}", {"action": "settle"})
    assert sandbox.read(f"{INTENTS}/{intent['id']}")["status"] == "succeeded"
    bounced = debit()
    sandbox.control("POST", f"/payment_intents/{bounced['id']}", {"action": "bounce"})
    assert sandbox.read(f"{INTENTS}/{bounced['id']}")["status"] == "requires_payment_method"
    sandbox.control("POST", "/clock", {"advance_s": 4000})
    charges = sandbox.read("/v1/charges")["data"]
    assert sorted(c["status"] for c in charges) == ["failed", "succeeded"]


# ---- refunds ------------------------------------------------------------------------
def test_refunds_never_exceed_the_charge(sandbox):
    intent = sandbox.paid()
    error = refused(sandbox.refund(intent, amount=12001), 400, "amount_too_large", "amount")
    assert "$120.01" in error["message"]
    assert sandbox.refund(intent, amount=5000).json["status"] == "succeeded"
    refused(sandbox.refund(intent, amount=7001), 400, "amount_too_large", "amount")
    refused(sandbox.refund(intent, amount=0), 400, "parameter_invalid_integer", "amount")
    assert sandbox.refund(intent).json["amount"] == 7000
    refused(sandbox.refund(intent), 400, "charge_already_refunded")
    charge = sandbox.read(f"/v1/charges/{intent['latest_charge']}")
    assert charge["amount_refunded"] == 12000 and charge["refunded"] is True
    assert sandbox.kinds()[-4:] == ["charge.refunded", "refund.created"] * 2


def test_two_refunds_at_once_give_back_once(sandbox):
    intent = sandbox.paid()
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(sandbox.refund(intent).status))
               for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + [400] * 7
    assert sum(r["amount"] for r in sandbox.read("/v1/refunds")["data"]) == 12000


def test_a_refund_waits_and_then_succeeds(sandbox):
    refund = sandbox.refund(sandbox.paid("pm_card_pendingRefund")).json
    assert refund["status"] == "pending"
    sandbox.control("POST", "/clock", {"advance_s": 3601})
    assert sandbox.read(f"/v1/refunds/{refund['id']}")["status"] == "succeeded"
    assert sandbox.kinds()[-1] == "refund.updated"


def test_a_refund_that_fails_puts_the_money_back(sandbox):
    intent = sandbox.paid("pm_card_refundFail", capture_method="automatic")
    refund = sandbox.refund(intent, amount=2000).json
    assert refund["status"] == "succeeded"
    sandbox.control("POST", "/clock", {"advance_s": 3601})
    refund = sandbox.read(f"/v1/refunds/{refund['id']}")
    assert refund["status"] == "failed" and refund["failure_reason"]
    assert sandbox.read(f"/v1/charges/{intent['latest_charge']}")["amount_refunded"] == 0
    assert sandbox.kinds()[-2:] == ["refund.updated", "refund.failed"]
    rows = sandbox.read("/v1/balance_transactions")["data"]
    assert [r["amount"] for r in rows] == [2000, -2000, 12000]
    assert rows[0]["id"] == refund["failure_balance_transaction"]


def test_a_waiting_refund_is_failed_or_cancelled_by_control_once(sandbox):
    for status in ("failed", "canceled"):
        refund = sandbox.refund(sandbox.paid("pm_card_pendingRefund")).json
        path = f"/refunds/{refund['id']}"
        assert sandbox.control("POST", path, {"status": status})["status"] == status
        assert sandbox.ask("POST", "/_control" + path, json.dumps({"status": "succeeded"}),
                           {"Content-Type": "application/json"}).status == 400
    sandbox.control("POST", "/clock", {"advance_s": 3601})
    assert {r["status"] for r in sandbox.read("/v1/refunds")["data"]} == {"failed", "canceled"}


def test_what_is_not_paid_or_not_there_is_not_refunded(sandbox):
    intent = sandbox.api("POST", INTENTS, LEAST).json
    refused(sandbox.refund(intent), 400, None, "payment_intent")
    refused(sandbox.api("POST", "/v1/refunds", {"charge": "ch_none"}), 404, "resource_missing",
            "charge")


def test_a_disputed_charge_is_lost_or_won_and_not_refunded(sandbox):
    for status, left in (("lost", 0), ("won", 12000)):
        sandbox.control("POST", "/reset")
        intent = sandbox.paid("pm_card_createDispute", capture_method="automatic")
        sandbox.control("POST", "/clock", {"advance_s": 3601})
        dispute = sandbox.read("/v1/disputes")["data"][0]
        assert dispute["status"] == "needs_response" and dispute["amount"] == 12000
        refused(sandbox.refund(intent), 400, "charge_disputed")
        sandbox.control("POST", f"/disputes/{dispute['id']}", {"status": status})
        assert sandbox.kinds()[-1] == "charge.dispute.closed"
        rows = sandbox.read("/v1/balance_transactions")["data"]
        assert sum(r["amount"] for r in rows) == left
        assert sum(r["fee"] for r in rows) == 378 + 1500


# ---- Checkout -----------------------------------------------------------------------
def path_of(session):
    return urllib.parse.urlsplit(session["url"]).path


def test_a_session_is_paid_on_its_page(sandbox):
    session = sandbox.session(**{"metadata[booking]": "b1", "client_reference_id": "b1",
                                 "payment_intent_data[metadata][booking]": "b1"})
    assert (session["status"], session["payment_status"], session["payment_intent"]) == \
        ("open", "unpaid", None)
    page = sandbox.ask("GET", path_of(session))
    assert page.status == 200 and "Pay $120.00" in page.text and "http" not in \
        page.text.replace("https://shop.example", "")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    done = sandbox.form(session["url"], how="pay", email="parent@example.com")
    assert done.status == 303
    assert done.headers["Location"] == f"https://shop.example/done?s={session['id']}"
    # A second press of the button pays nothing.
    assert sandbox.form(session["url"], how="pay").headers["Location"] == done.headers["Location"]
    now = sandbox.read(f"{SESSIONS}/{session['id']}")
    assert (now["status"], now["payment_status"], now["url"]) == ("complete", "paid", None)
    assert now["customer_details"]["email"] == "parent@example.com"
    intent = sandbox.read(f"{INTENTS}/{now['payment_intent']}")
    assert intent["metadata"] == {"booking": "b1"} and intent["amount_received"] == 12000
    assert sandbox.kinds() == ["payment_intent.created", "charge.succeeded",
                               "payment_intent.succeeded", "checkout.session.completed"]
    refused(sandbox.api("POST", f"{SESSIONS}/{session['id']}/expire"), 400)


def test_control_pays_a_session_as_the_customer_would_and_once(sandbox):
    session = sandbox.session()
    path = f"/sessions/{session['id']}"
    told = sandbox.control("POST", path, {"action": "pay",
                                          "payment_method": "pm_card_chargeDeclined"})
    assert told["session"]["status"] == "open"
    assert told["payment_intent"]["last_payment_error"]["decline_code"] == "generic_decline"
    told = sandbox.control("POST", path, {"action": "pay", "email": "a@b.example"})
    assert told["session"]["payment_status"] == "paid"
    for action in ("pay", "expire", "dance"):
        assert sandbox.ask("POST", "/_control" + path, json.dumps({"action": action}),
                           {"Content-Type": "application/json"}).status == 400
    assert len([c for c in sandbox.read("/v1/charges")["data"] if c["paid"]]) == 1


def test_what_a_shop_wrote_cannot_break_out_of_the_page(sandbox):
    session = sandbox.session(**{
        "line_items[0][price_data][product_data][name]": "<script>alert(1)</script>",
        "cancel_url": "https://shop.example/?a=\"><script>"})
    assert "<script" not in sandbox.ask("GET", path_of(session)).text


def test_a_decline_leaves_the_session_open_and_says_why(sandbox):
    session = sandbox.session()
    assert sandbox.form(session["url"], how="decline").headers["Location"] == session["url"]
    assert "Your card was declined." in sandbox.ask("GET", path_of(session)).text
    now = sandbox.read(f"{SESSIONS}/{session['id']}")
    assert (now["status"], now["payment_status"]) == ("open", "unpaid")
    sandbox.form(session["url"], how="pay")
    assert sandbox.read(f"{SESSIONS}/{session['id']}")["payment_intent"] == now["payment_intent"]
    assert len([c for c in sandbox.read("/v1/charges")["data"] if c["paid"]]) == 1


def test_3d_secure_stands_between_the_page_and_the_payment(sandbox):
    session = sandbox.session()
    ask = sandbox.form(session["url"], how="challenge").headers["Location"]
    assert sandbox.form(ask, answer="fail").headers["Location"] == session["url"]
    assert "unable to authenticate" in sandbox.ask("GET", path_of(session)).text
    ask = sandbox.form(session["url"], how="challenge").headers["Location"]
    # Paid otherwise meanwhile: the older question is void.
    sandbox.form(session["url"], how="pay")
    assert sandbox.form(ask, answer="complete").status == 409
    assert len([c for c in sandbox.read("/v1/charges")["data"] if c["paid"]]) == 1
    other = sandbox.session()
    ask = sandbox.form(other["url"], how="challenge").headers["Location"]
    assert "shop.example/done" in sandbox.form(ask, answer="complete").headers["Location"]
    assert sandbox.read(f"{SESSIONS}/{other['id']}")["payment_status"] == "paid"


def test_a_session_ends_between_30_minutes_and_a_day(sandbox):
    now = sandbox.control("GET", "/counts")["now"]
    for off, status in ((1700, 400), (1860, 200), (86390, 200), (86500, 400)):
        answer = sandbox.api("POST", SESSIONS, {
            "mode": "payment", "success_url": "https://a.example", "expires_at": now + off,
            "line_items[0][price_data][currency]": "usd",
            "line_items[0][price_data][unit_amount]": 5000,
            "line_items[0][price_data][product_data][name]": "x", "line_items[0][quantity]": 1})
        assert answer.status == status, answer.text
        if status == 400:
            assert answer.error["param"] == "expires_at"


def test_a_session_expires_by_the_clock_or_by_request(sandbox):
    timed, asked = sandbox.session(), sandbox.session()
    sandbox.form(asked["url"], how="decline")
    gone = sandbox.api("POST", f"{SESSIONS}/{asked['id']}/expire").json
    assert (gone["status"], gone["url"]) == ("expired", None)
    assert sandbox.read(f"{INTENTS}/{gone['payment_intent']}")["cancellation_reason"] == "expired"
    refused(sandbox.api("POST", f"{SESSIONS}/{asked['id']}/expire"), 400)
    assert sandbox.form(asked["url"], how="pay").status == 409
    sandbox.control("POST", "/clock", {"advance_s": 86401})
    assert sandbox.read(f"{SESSIONS}/{timed['id']}")["status"] == "expired"
    assert sandbox.kinds().count("checkout.session.expired") == 2
    assert sandbox.read("/v1/balance_transactions")["data"] == []


def test_the_intent_of_a_session_is_left_to_checkout(sandbox):
    session = sandbox.session()
    sandbox.form(session["url"], how="decline")
    name = sandbox.read(f"{SESSIONS}/{session['id']}")["payment_intent"]
    for verb in ("cancel", "confirm"):
        refused(sandbox.api("POST", f"{INTENTS}/{name}/{verb}",
                            {"return_url": "https://a.example"} if verb == "confirm" else {}),
                400, "payment_intent_unexpected_state")


@pytest.mark.parametrize("action, kind, paid", [
    ("settle", "checkout.session.async_payment_succeeded", "paid"),
    ("bounce", "checkout.session.async_payment_failed", "unpaid")])
def test_a_session_completes_before_a_debit_is_settled(sandbox, action, kind, paid):
    session = sandbox.session(**{"allowed_payment_method_types[0]": "us_bank_account"})
    sandbox.form(session["url"], how="bank")
    now = sandbox.read(f"{SESSIONS}/{session['id']}")
    assert (now["status"], now["payment_status"]) == ("complete", "unpaid")
    sandbox.control("POST", f"/payment_intents/{now['payment_intent']}", {"action": action})
    assert sandbox.kinds()[-1] == kind
    assert sandbox.read(f"{SESSIONS}/{session['id']}")["payment_status"] == paid


# ---- idempotency ---------------------------------------------------------------------
def test_a_key_replays_its_first_answer(sandbox):
    first = sandbox.pay(key="k1")
    again = sandbox.pay(key="k1")
    assert again.text == first.text and again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Original-Request"] == first.headers["Request-Id"]
    assert "Idempotent-Replayed" not in first.headers
    assert len(sandbox.read("/v1/charges")["data"]) == 1
    assert sandbox.control("GET", "/counts")["replayed"] == 1


def test_a_key_is_for_one_request_only(sandbox):
    sandbox.pay(key="k1")
    refused(sandbox.pay(key="k1", amount=9000), 400, kind="idempotency_error")
    refused(sandbox.api("POST", "/v1/refunds", {"charge": "ch_1"}, key="k1"), 400,
            kind="idempotency_error")
    refused(sandbox.pay(key="k" * 256), 400)
    assert len(sandbox.read("/v1/charges")["data"]) == 1


def test_a_key_whose_request_is_under_way_conflicts(sandbox):
    sandbox.control("POST", "/faults", {"match": "POST /v1/payment_intents", "kind": "hang",
                                        "times": 1})
    slow = threading.Thread(target=lambda: contain(lambda: sandbox.pay(key="k1")))
    slow.start()
    while not sandbox.control("GET", "/faults")["struck"]["hang"]:
        time.sleep(0.01)
    answer = sandbox.pay(key="k1")
    refused(answer, 409, "idempotency_key_in_use")
    assert answer.headers["Stripe-Should-Retry"] == "true"
    sandbox.control("DELETE", "/faults")
    slow.join(20)
    assert not slow.is_alive()
    assert sandbox.pay(key="k1").status == 200


def contain(act):
    """The answer, or the name of the error a cut connection shows as."""
    try:
        return act()
    except (OSError, http.client.HTTPException) as e:
        return type(e).__name__


# ---- faults ---------------------------------------------------------------------------
def fault(sandbox, kind, match="POST /v1/payment_intents", **more):
    return sandbox.control("POST", "/faults", {"match": match, "kind": kind, **more})


def test_a_failure_without_effect_is_kept_by_its_key(sandbox):
    fault(sandbox, "fail", times=1)
    for _ in range(2):
        answer = sandbox.pay(key="k1")
        refused(answer, 500, kind="api_error")
        assert answer.headers["Stripe-Should-Retry"] == "false"
    assert sandbox.read(INTENTS)["data"] == []
    assert sandbox.pay(key="k2").status == 200
    assert sandbox.control("GET", "/counts")["faults"]["fail"] == 1


def test_a_failure_after_the_effect_hides_it(sandbox):
    fault(sandbox, "fail_after_effect", times=1)
    for _ in range(2):
        refused(sandbox.pay(key="k1"), 500, kind="api_error")
    assert [i["status"] for i in sandbox.read(INTENTS)["data"]] == ["succeeded"]


def test_a_failure_that_is_not_kept_ends_with_the_true_answer(sandbox):
    fault(sandbox, "fail_after_effect", times=1, saved=False)
    refused(sandbox.pay(key="k1"), 500, kind="api_error")
    assert sandbox.pay(key="k1").headers["Idempotent-Replayed"] == "true"
    assert len(sandbox.read("/v1/charges")["data"]) == 1
    fault(sandbox, "fail", times=1, saved=False)
    refused(sandbox.pay(key="k2"), 500, kind="api_error")
    assert sandbox.pay(key="k2").status == 200


@pytest.mark.parametrize("kind, charges", [("drop", 0), ("drop_after_effect", 1),
                                           ("hang", 0), ("hang_after_effect", 1)])
def test_a_cut_or_hanging_answer_has_an_effect_or_none(sandbox, kind, charges):
    fault(sandbox, kind, times=1)
    lost = contain(lambda: sandbox.pay(key="k1", amount=700) if "drop" in kind else
                   sandbox.api("POST", INTENTS, {
                       "amount": 700, "currency": "usd", "confirm": "true",
                       "payment_method": "pm_card_visa",
                       "return_url": "https://shop.example/3ds?b=1"}, "k1", timeout=2))
    assert lost in ("RemoteDisconnected", "ConnectionResetError", "TimeoutError")
    assert len(sandbox.read("/v1/charges")["data"]) == charges
    # The client has gone, the key is free (or answered) soon.
    until = time.monotonic() + 10
    while (again := sandbox.pay(key="k1", amount=700)).status == 409:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert again.status == 200
    assert ("Idempotent-Replayed" in again.headers) == bool(charges)
    assert len(sandbox.read("/v1/charges")["data"]) == 1


def test_answers_are_late_garbled_or_refused_for_haste(sandbox):
    fault(sandbox, "delay", times=1, ms=300)
    begun = time.monotonic()
    assert sandbox.pay().status == 200
    assert time.monotonic() - begun >= 0.3
    fault(sandbox, "garbage", times=1)
    with pytest.raises(ValueError):
        sandbox.pay().json
    fault(sandbox, "refuse", times=1, code="account_invalid")
    refused(sandbox.pay(key="r"), 400, "account_invalid")
    refused(sandbox.pay(key="r"), 400, "account_invalid")  # kept under its key
    fault(sandbox, "rate_limit", times=1)
    refused(sandbox.pay(key="k"), 429, "rate_limit")
    assert "Idempotent-Replayed" not in sandbox.pay(key="k").headers


def test_a_rule_strikes_where_and_as_often_as_it_says(sandbox):
    fault(sandbox, "fail", "GET /v1/refunds*", times=2)
    statuses = [sandbox.api("GET", "/v1/refunds").status for _ in range(4)]
    assert statuses == [500, 500, 200, 200]
    assert sandbox.api("GET", "/v1/charges").status == 200
    runs = []
    for _ in range(2):
        sandbox.control("DELETE", "/faults")
        fault(sandbox, "fail", "GET /v1/charges", probability=0.5, seed=7)
        runs.append([sandbox.api("GET", "/v1/charges").status for _ in range(40)])
    assert runs[0] == runs[1] and 5 < runs[0].count(500) < 35
    rules = sandbox.control("GET", "/faults")["rules"]
    assert rules[0]["struck"] == runs[1].count(500)
    assert sandbox.control("GET", "/counts")["faults"]["fail"] == 2 + 2 * rules[0]["struck"]


@pytest.mark.parametrize("rule", [{"kind": "explode"}, {"kind": "fail", "times": 0},
                                  {"kind": "fail", "probability": 2}, {"kind": "fail", "x": 1},
                                  {"kind": "fail", "times": True}, {"kind": "delay", "ms": -1}])
def test_a_rule_that_makes_no_sense_is_refused(sandbox, rule):
    answer = sandbox.ask("POST", "/_control/faults", json.dumps(rule),
                         {"Content-Type": "application/json"})
    assert answer.status == 400
    assert sandbox.control("GET", "/faults")["rules"] == []


# ---- webhooks ---------------------------------------------------------------------------
def test_events_are_signed_and_sent(sandbox, receiver):
    intent = sandbox.paid(key="k1")
    got = {event["type"]: (event, genuine, headers)
           for event, genuine, headers in receiver.all(sandbox)}
    assert set(got) == {"payment_intent.created", "charge.succeeded", "payment_intent.succeeded"}
    event, genuine, headers = got["payment_intent.succeeded"]
    assert genuine and event["data"]["object"]["id"] == intent["id"]
    assert event["request"]["idempotency_key"] == "k1" and event["api_version"] == VERSION
    assert abs(marks_of(headers["Stripe-Signature"])[0] - time.time()) < 5
    assert sandbox.read(f"/v1/events/{event['id']}")["pending_webhooks"] == 0


def test_a_rolled_secret_signs_beside_the_old_one(sandbox, receiver):
    sandbox.control("POST", "/webhooks", {"secrets": ["whsec_new", SECRET]})
    sandbox.paid()
    _, genuine, headers = receiver.next()
    assert genuine and len(marks_of(headers["Stripe-Signature"])[1]) == 2


def test_events_of_an_account_name_it(sandbox, receiver):
    sandbox.pay(account="acct_1Theirs")
    assert {e["account"] for e, _, _ in receiver.all(sandbox)} == {"acct_1Theirs"}


def test_an_event_is_sent_again_until_it_is_taken(sandbox, receiver):
    sandbox.control("POST", "/webhooks", {"events": ["payment_intent.succeeded"]})
    for status in (500, 404, 302):
        receiver.statuses.put(status)
    sandbox.paid()
    tries = receiver.all(sandbox)
    assert len(tries) == 4 and len({e["id"] for e, _, _ in tries}) == 1
    assert sandbox.control("GET", "/webhooks")["counts"]["failed_tries"] == 3


def test_what_is_not_taken_in_the_end_can_be_asked_for(sandbox, receiver):
    sandbox.control("POST", "/webhooks", {"events": ["payment_intent.succeeded"], "tries_max": 2})
    receiver.statuses.put(500)
    receiver.statuses.put(500)
    sandbox.paid()
    assert len(receiver.all(sandbox)) == 2
    missed = sandbox.read("/v1/events", delivery_success="false")["data"]
    assert [e["type"] for e in missed] == ["payment_intent.succeeded"]
    sandbox.control("POST", f"/events/{missed[0]['id']}/resend")
    assert len(receiver.all(sandbox)) == 1
    assert sandbox.read("/v1/events", delivery_success="false")["data"] == []


def spoil(sandbox, kind, **more):
    sandbox.control("POST", "/webhooks/faults", {"kind": kind, "match": "payment_intent.succeeded",
                                                 **more})


def test_an_event_comes_twice(sandbox, receiver):
    spoil(sandbox, "duplicate")
    sandbox.paid()
    kinds = [e["type"] for e, _, _ in receiver.all(sandbox)]
    assert kinds.count("payment_intent.succeeded") == 2 and len(kinds) == 4


def test_an_event_comes_after_the_next(sandbox, receiver):
    sandbox.control("POST", "/webhooks/faults", {"kind": "reorder", "ms": 60000,
                                                 "match": "charge.succeeded", "times": 1})
    sandbox.paid()
    kinds = [e["type"] for e, _, _ in receiver.all(sandbox)]
    assert sorted(kinds) == ["charge.succeeded", "payment_intent.created",
                             "payment_intent.succeeded"]
    assert kinds[0] != "charge.succeeded"


def test_an_event_is_late_or_withheld_until_released(sandbox, receiver):
    spoil(sandbox, "delay", ms=400)
    begun = time.monotonic()
    sandbox.paid()
    assert len(receiver.all(sandbox)) == 3 and time.monotonic() - begun >= 0.4
    sandbox.control("DELETE", "/webhooks/faults")
    spoil(sandbox, "withhold")
    sandbox.paid()
    assert "payment_intent.succeeded" not in [e["type"] for e, _, _ in receiver.all(sandbox)]
    assert sandbox.control("POST", "/webhooks/release")["released"] == 1
    assert [e["type"] for e, _, _ in receiver.all(sandbox)] == ["payment_intent.succeeded"]


def test_a_forged_event_comes_before_the_true_one(sandbox, receiver):
    spoil(sandbox, "tamper")
    sandbox.paid()
    got = [(e["livemode"], genuine) for e, genuine, _ in receiver.all(sandbox)
           if e["type"] == "payment_intent.succeeded"]
    assert got == [(True, False), (False, True)]
    counts = sandbox.control("GET", "/webhooks")["counts"]
    assert counts["tamper_refused"] == 1 and "tamper_accepted" not in counts


def test_a_stale_event_is_told_apart_from_a_taken_one(sandbox, receiver):
    spoil(sandbox, "stale")
    sandbox.paid()
    ages = [time.time() - marks_of(h["Stripe-Signature"])[0] for e, _, h in receiver.all(sandbox)
            if e["type"] == "payment_intent.succeeded"]
    assert ages[0] > 3000 and ages[1] < 60
    # This receiver looks at no clock: the sandbox counts that against it.
    assert sandbox.control("GET", "/webhooks")["counts"]["stale_accepted"] == 1


def test_webhooks_go_over_tls_to_whom_the_ca_vouches_for(sandbox, tmp_path):
    key, crt = tmp_path / "key.pem", tmp_path / "crt.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1", "-subj", "/CN=t",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", crt],
                   check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(crt, key)
    receiver = Receiver(context)
    try:
        sandbox.control("POST", "/webhooks", {"url": receiver.url, "tries_max": 1})
        sandbox.paid()
        assert receiver.all(sandbox) == []
        tries = sandbox.control("GET", "/webhooks")["tries"]
        assert {t["status"] for t in tries} == {"SSLCertVerificationError"}
        sandbox.control("POST", "/webhooks", {"ca": str(crt)})
        sandbox.paid()
        assert len(receiver.all(sandbox)) == 3
    finally:
        sandbox.control("POST", "/webhooks", {"url": None, "ca": None})
        receiver.stop()


def test_webhooks_go_to_this_machine_alone(sandbox):
    for url in ("https://example.com/", "http://10.0.0.1/", "ftp://127.0.0.1/"):
        assert sandbox.ask("POST", "/_control/webhooks", json.dumps({"url": url}),
                           {"Content-Type": "application/json"}).status == 400


# ---- the program --------------------------------------------------------------------------
def test_control_is_not_for_pages_in_a_browser(sandbox):
    for headers in ({"Origin": "https://evil.example", "Content-Type": "application/json"},
                    {"Content-Type": "text/plain"}):
        assert sandbox.ask("POST", "/_control/reset", "{}", headers).status == 403


def test_a_reset_forgets_all_but_where_webhooks_go(sandbox, receiver):
    sandbox.paid(key="k1")
    fault(sandbox, "fail")
    sandbox.control("POST", "/clock", {"advance_s": 5000})
    sandbox.control("POST", "/reset")
    assert sandbox.read(INTENTS)["data"] == [] and sandbox.kinds() == []
    counts = sandbox.control("GET", "/counts")
    assert counts["offset_s"] == 0 and not any(counts["faults"].values())
    assert "Idempotent-Replayed" not in sandbox.pay(key="k1").headers
    assert sandbox.control("GET", "/webhooks")["endpoint"]["url"] == receiver.url


def test_what_was_asked_can_be_looked_up(sandbox):
    sandbox.session(key="k9", **{"metadata[booking]": "b9"})
    last = sandbox.control("GET", "/requests")["requests"][-1]
    assert (last["method"], last["path"], last["status"]) == ("POST", SESSIONS, 200)
    assert last["idempotency_key"] == "k9"
    assert last["params"]["metadata"] == {"booking": "b9"}


def test_a_full_sandbox_refuses_aloud(sandbox):
    sandbox.control("POST", "/settings", {"objects_max": 1})
    assert sandbox.session()["status"] == "open"
    refused(sandbox.pay(key="k1"), 500, kind="api_error")
    assert sandbox.read(INTENTS)["data"] == []
    sandbox.control("POST", "/settings", {"objects_max": 1000})
    assert sandbox.pay(key="k1").status == 200


def test_a_connection_is_kept_over_many_requests(sandbox):
    connection = sandbox.connect()
    sent = {"Authorization": f"Bearer {KEY}", "Stripe-Version": VERSION}
    for _ in range(3):
        assert sandbox.ask("GET", INTENTS, None, sent, connection).status == 200
    kept = connection.sock
    assert sandbox.ask("GET", "/v1/nothing", None, sent, connection).status == 404
    assert connection.sock is kept
    connection.close()


def test_many_connections_are_served_at_once(sandbox):
    held = [socket.create_connection(("127.0.0.1", sandbox.port)) for _ in range(300)]
    try:
        assert sandbox.api("GET", INTENTS).status == 200
    finally:
        for connection in held:
            connection.close()


def test_it_listens_on_a_unix_socket_and_ends_with_a_signal(tmp_path):
    path = tmp_path / "stripe.sock"
    sandbox = Sandbox("--public-url", "http://127.0.0.1:1", listen=f"unix:{path}")
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            connection.sendall(
                b"GET /v1/charges HTTP/1.1\r\nHost: stripe\r\nConnection: close\r\n"
                b"Authorization: Bearer " + KEY.encode() + b"\r\nStripe-Version: " +
                VERSION.encode() + b"\r\n\r\n")
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        assert answer.startswith(b"HTTP/1.1 200") and b'"data": []' in answer
    finally:
        assert sandbox.stop() == 0
    assert not path.exists()


def test_it_begins_nowhere_but_on_this_machine():
    sandbox = Sandbox(listen="0.0.0.0:0")
    assert sandbox.where == "" and sandbox.stop() == 1


def test_the_signature_check_of_these_tests_can_fail():
    assert not verify("t=1,v1=00", b"{}")
