"""page: what the customer sees: the Checkout page and the bank's question."""
import html
import urllib.parse

from common import look

from . import checkout, form, money, payments
from .errors import Refusal

CSS = look.CSS + """
main{grid-template-columns:1fr 1fr}
main.one{max-width:460px;grid-template-columns:1fr}
.total{font-size:36px;font-weight:700;letter-spacing:-.02em;margin:0 0 20px;line-height:1.2}
li{display:flex;justify-content:space-between;gap:16px;padding:12px 0;
border-top:1px solid #e8ecf3}
li small{display:block;color:#66728a}
li b{white-space:nowrap;font-weight:600}
label{display:block;font-size:14px;font-weight:600;margin:0 0 6px}
input{width:100%;font:inherit;padding:10px 12px;border:1px solid #a9b4c8;border-radius:8px;
margin:0 0 18px;color:inherit;background:#fff}
input[readonly]{background:#f4f6fa;border-color:#dde3ee}
button,.button{display:block;width:100%;font:inherit;font-weight:600;padding:11px 16px;
border-radius:8px;border:1px solid #a9b4c8;background:#fff;color:#1c2434;cursor:pointer;
text-align:center;text-decoration:none;margin:0 0 10px}
button:hover,.button:hover{background:#f4f6fa}
.main{background:#3f4fd1;border-color:#3f4fd1;color:#fff;padding:13px 16px}
.main:hover{background:#3443b8}
.or{font-size:13px;color:#66728a;margin:18px 0 10px;text-align:center}
.back{display:inline-block;margin-top:14px;font-weight:600;padding:4px 0;text-decoration:none}
.back:hover{text-decoration:underline}
.alert{background:#fdecec;border:1px solid #f3bcbc;color:#8c1d1d;border-radius:8px;
padding:10px 14px;margin:0 0 18px}
@media(max-width:720px){main{grid-template-columns:1fr}}
"""
HEADERS = look.headers_of(CSS)
# What a button of the page stands for.
WAYS = {"pay": "pm_card_visa", "decline": "pm_card_visa_chargeDeclined",
        "challenge": "pm_card_threeDSecure2Required", "bank": "pm_usBankAccount_success"}


class Page:
    """An answer for a browser: a text, or a way on to location."""

    def __init__(self, status, title="", body="", one=True, location=None):
        self.status = status
        self.headers = dict(HEADERS)
        if location:
            self.headers["Location"] = location
        self.text = look.document(title, CSS, "Sandbox: no card is asked for and no money moves.",
                                  body, "one" if one else "")


def amount(minor, currency):
    """$1,234.50, or 1,234.50 CHF."""
    text = money.written(minor, currency)
    whole, dot, part = text.partition(".")
    text = f"{int(whole):,}{dot}{part}"
    sign = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}.get(currency)
    return sign + text if sign else f"{text} {currency.upper()}"


def words(status, title, text, link=None, label="Go on"):
    body = f"<section><h2>{html.escape(title)}</h2><p>{html.escape(text)}</p>"
    if link:
        body += f"<a class=\"button main\" href=\"{html.escape(link)}\">{label}</a>"
    return Page(status, title, body + "</section>")


def away(location):
    return Page(303, "Go on", "", location=location)


def back_to_shop(session):
    return session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])


def find_session(world, name):
    for space in world.spaces.values():
        session = space.get("checkout.session", name)
        if session:
            return space, session
    return None, None


def serve(world, request):
    """The page of a path below /c/pay or /3d_secure."""
    parts = request.path.strip("/").split("/")
    with world.lock:
        world.catch_up()
        try:
            given = form.decode(request.body.decode()) if request.method == "POST" else None
        except (Refusal, UnicodeDecodeError):
            return words(400, "That was not understood", "The form cannot be read.")
        if request.method not in ("GET", "HEAD", "POST"):
            return words(405, "Not so", "This page is read, or its form is sent.")
        if parts[:2] == ["c", "pay"] and len(parts) == 3:
            return serve_session(world, parts[2], given)
        if parts[0] == "3d_secure" and len(parts) == 4:
            return serve_challenge(world, parts[1:], given)
        return words(404, "Nothing here", "There is no such page.")


def serve_session(world, name, given):
    space, session = find_session(world, name)
    if session is None:
        return words(404, "Nothing here", "There is no such payment page.")
    if session["status"] == "complete":
        if given is not None:
            return away(back_to_shop(session))
        return words(200, "This has been paid", "There is nothing left to do here.",
                     back_to_shop(session), "Back to the shop")
    if session["status"] == "expired":
        return words(200 if given is None else 409, "This payment page has expired",
                     "Nothing was paid. Please begin again at the shop.",
                     session["cancel_url"], "Back to the shop")
    if given is None:
        return show_session(space, session)
    way = WAYS.get(given.get("how") if isinstance(given.get("how"), str) else None)
    if way is None or (given["how"] == "bank" and
                       "us_bank_account" not in session["payment_method_types"]):
        return words(400, "That was not understood", "The form is not the page's own.")
    email = given.get("email")
    email = email if isinstance(email, str) and payments.is_email(email) else None
    try:
        intent = checkout.pay(space, session, way, email)
    except Refusal as refusal:
        return words(400, "That is not possible", str(refusal))
    if session["status"] == "complete":
        return away(back_to_shop(session))
    if intent["status"] == "requires_action":
        return away(space.side(intent)["challenge_url"])
    return away(session["url"])


def show_session(space, session):
    currency = session["currency"]
    lines = "".join(
        f"<li><span>{html.escape(line['name'])}<small>{quantity(line)}</small></span>"
        f"<b>{amount(line['amount_total'], currency)}</b></li>"
        for line in space.side(session)["lines"])
    total = amount(session["amount_total"], currency)
    intent = space.get("payment_intent", session["payment_intent"] or "")
    error = intent and intent["last_payment_error"]
    alert = f"<p class=\"alert\" role=\"alert\">{html.escape(error['message'])}</p>" if error else ""
    email = session["customer_email"]
    field = f"value=\"{html.escape(email)}\" readonly" if email else \
        "value=\"customer@example.com\" required"
    bank = "<button name=\"how\" value=\"bank\">Pay from a bank account</button>" \
        if "us_bank_account" in session["payment_method_types"] else ""
    card = "card" in session["payment_method_types"]
    cards = (f"<button class=\"main\" name=\"how\" value=\"pay\">Pay {total}</button>"
             "<p class=\"or\">or try what else can happen</p>"
             "<button name=\"how\" value=\"challenge\">Pay with 3-D Secure</button>"
             "<button name=\"how\" value=\"decline\">Pay with a card that is declined</button>") if card else ""
    cancel = session["cancel_url"]
    back = f"<a class=\"back\" href=\"{html.escape(cancel)}\">&larr; Abandon and go back</a>" \
        if cancel else ""
    return Page(200, f"Pay {total}", (
        f"<section><h1>Your order</h1><p class=\"total\">{total}</p><ul>{lines}</ul>{back}"
        f"</section><section><h2>Payment</h2>{alert}<form method=\"post\">"
        f"<label for=\"email\">E-mail</label><input id=\"email\" name=\"email\" type=\"email\" "
        f"autocomplete=\"off\" {field}>{cards}{bank}</form>"
        "</section>"), one=False)


def quantity(line):
    text = f"{line['quantity']} ×" if line["quantity"] > 1 else ""
    return html.escape(" ".join(filter(None, [text, line["description"]])))


def serve_challenge(world, parts, given):
    account, name, mark = parts
    space = world.spaces.get(None if account == "-" else account)
    intent = space and space.get("payment_intent", name)
    if not intent:
        return words(404, "Nothing here", "There is no such payment.")
    side = space.side(intent)
    back = side.get("return_url")
    if side.get("challenge") != mark:
        return words(409 if given else 200, "This question has been answered",
                     "The bank asks no more.", back)
    if given is None:
        total = amount(intent["amount"], intent["currency"])
        return Page(200, "3-D Secure", (
            f"<section><h1>Your bank asks</h1><p class=\"total\">{total}</p>"
            "<p>Is it you who pays this? Here the bank would send a code to your phone.</p>"
            "<form method=\"post\"><button class=\"main\" name=\"answer\" value=\"complete\">"
            "Yes, complete</button><button name=\"answer\" value=\"fail\">"
            "Fail the authentication</button></form></section>"))
    if given.get("answer") not in ("complete", "fail"):
        return words(400, "That was not understood", "The form is not the page's own.")
    payments.answer_bank(space, intent, given["answer"] == "complete")
    return way_back(space, intent, back)


def way_back(space, intent, back):
    session = space.get("checkout.session", space.side(intent).get("session") or "")
    if session is not None:
        return away(back_to_shop(session) if session["status"] == "complete" else
                    f"{space.world.public_url}/c/pay/{session['id']}")
    if not back:
        return words(200, "The bank has been answered", "You can close this page.")
    status = "failed" if intent["status"] == "requires_payment_method" else "succeeded"
    parts = urllib.parse.urlsplit(back)
    query = urllib.parse.urlencode({"payment_intent": intent["id"],
                                    "payment_intent_client_secret": intent["client_secret"],
                                    "redirect_status": status})
    return away(urllib.parse.urlunsplit(parts._replace(
        query="&".join(filter(None, [parts.query, query])))))
