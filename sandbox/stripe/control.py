"""control: what tests and tools may tell this sandbox, and ask it."""
from common import control
from common.control import Missing, WAIT_MAX_S, advance_of, seconds_of
from common.faults import Wrong

from . import cards, checkout, payments, refunds
from .errors import Refusal
from .lists import show_one


class Control(control.Control):
    refused = (Refusal,)

    def __init__(self, world, gateway, sender):
        self.world, self.gateway, self.sender = world, gateway, sender

    # ---- what is there -------------------------------------------------------
    def state(self, given):
        with self.world.lock:
            self.world.catch_up()
            return {"now": self.world.now(), "accounts": {
                account or "platform": {kind: [show_one(space, row) for row in table.rows]
                                        for kind, table in space.tables.items()}
                for account, space in self.world.spaces.items()}}

    def counts(self, given):
        with self.world.lock:
            self.world.catch_up()
            kinds = {}
            for space in self.world.spaces.values():
                for kind, table in space.tables.items():
                    kinds[kind] = kinds.get(kind, 0) + len(table.rows)
            webhooks = self.sender.show()
            return {"now": self.world.now(), "offset_s": self.world.offset, "objects": kinds,
                    "replayed": self.gateway.replayed,
                    "faults": self.gateway.faults.show()["struck"],
                    "webhook_faults": webhooks["faults"]["struck"],
                    "webhooks": {**webhooks["counts"], "queued": webhooks["queued"],
                                 "held": webhooks["held"],
                                 "withheld": len(webhooks["withheld"])}}

    def requests(self, given):
        return {"requests": list(self.gateway.requests)}

    def reset(self, given):
        """All but the settings and the webhook endpoint."""
        with self.world.lock:
            self.world.clear()
            self.gateway.clear()
            self.gateway.faults.clear()
            self.sender.faults.clear()
            self.sender.clear()
        return {}

    # ---- what is to go wrong -------------------------------------------------
    def faults(self, given):
        return self.gateway.faults.show()

    def add_fault(self, given):
        return self.gateway.faults.add(given).show()

    def lift_faults(self, given):
        self.gateway.faults.clear(counters=False)
        return self.gateway.faults.show()

    def webhook_faults(self, given):
        return self.sender.faults.show()

    def add_webhook_fault(self, given):
        return self.sender.faults.add(given).show()

    def lift_webhook_faults(self, given):
        self.sender.faults.clear(counters=False)
        return self.sender.faults.show()

    # ---- webhooks --------------------------------------------------------------
    def webhooks(self, given):
        return self.sender.show()

    def set_webhooks(self, given):
        self.sender.endpoint.set(given)
        return self.sender.endpoint.show()

    def release(self, given):
        return {"released": self.sender.release()}

    def wait(self, given):
        return {"idle": self.sender.wait_idle(seconds_of(given, "timeout_s", 10, WAIT_MAX_S))}

    def resend(self, given, name):
        with self.world.lock:
            space, row = self.find("event", name)
            self.sender.resend(space, row)
        return {}

    # ---- time and settings -----------------------------------------------------
    def clock(self, given):
        self.world.advance(advance_of(given))
        return {"now": self.world.now()}

    def settings(self, given):
        with self.world.lock:
            for name, value in given.items():
                if name not in vars(self.world.settings) or type(value) is not int or value < 0:
                    raise Wrong(f"no such setting, or no whole number from 0: {name}")
            vars(self.world.settings).update(given)
            return dict(vars(self.world.settings))

    # ---- what people and banks do ------------------------------------------------
    def find(self, kind, name):
        for space in self.world.spaces.values():
            row = space.get(kind, name)
            if row is not None:
                return space, row
        raise Missing(f"no {kind} {name}")

    def act_session(self, given, name):
        """pay (with payment_method, email), or expire as time would."""
        with self.world.lock:
            self.world.catch_up()
            space, session = self.find("checkout.session", name)
            action = given.get("action")
            if action == "pay":
                if checkout.pay(space, session, given.get("payment_method", "pm_card_visa"),
                                given.get("email")) is None:
                    raise Wrong(f"the session is {session['status']}")
            elif action != "expire":
                raise Wrong("action is pay or expire")
            elif not checkout.expire(space, session):
                raise Wrong(f"the session is {session['status']}")
            return self.told(space, session)

    def told(self, space, session):
        intent = space.get("payment_intent", session["payment_intent"] or "")
        return {"session": dict(session), "payment_intent": intent and dict(intent)}

    def act_intent(self, given, name):
        """authenticate or refuse (3-D Secure); settle, or bounce with a decline."""
        with self.world.lock:
            space, intent = self.find("payment_intent", name)
            action = given.get("action")
            if action in ("authenticate", "refuse"):
                if intent["status"] != "requires_action":
                    raise Wrong(f"the intent is {intent['status']}")
                payments.answer_bank(space, intent, action == "authenticate")
            elif action in ("settle", "bounce"):
                decline = given.get("decline", "insufficient") if action == "bounce" else None
                if decline is not None and decline not in cards.DECLINES:
                    raise Wrong(f"decline is one of {', '.join(cards.DECLINES)}")
                if not payments.settle(space, intent, decline):
                    raise Wrong(f"the intent is {intent['status']}")
            else:
                raise Wrong("action is authenticate, refuse, settle or bounce")
            return dict(intent)

    def dispute(self, given, name):
        with self.world.lock:
            space, charge = self.find("charge", name)
            dispute = payments.open_dispute(space, charge, given.get("reason", "fraudulent"),
                                            given.get("amount"))
            if dispute is None:
                raise Wrong("the charge cannot be disputed, or not by that much")
            return dict(dispute)

    def close_dispute(self, given, name):
        with self.world.lock:
            space, dispute = self.find("dispute", name)
            if given.get("status") not in ("won", "lost"):
                raise Wrong("status is won or lost")
            if not payments.close_dispute(space, dispute, given["status"] == "won"):
                raise Wrong(f"the dispute is {dispute['status']}")
            return dict(dispute)

    def finish_refund(self, given, name):
        with self.world.lock:
            space, refund = self.find("refund", name)
            if "reference" in given:
                if not refunds.refer(space, refund, given["reference"]):
                    raise Wrong("only a card's refund has a reference")
            elif not refunds.finish(space, refund, given.get("status")):
                raise Wrong(f"the refund is {refund['status']}")
            return dict(refund)


Control.routes = {
    "GET /": Control.index,
    "GET /state": Control.state,
    "GET /counts": Control.counts,
    "GET /requests": Control.requests,
    "POST /reset": Control.reset,
    "GET /faults": Control.faults,
    "POST /faults": Control.add_fault,
    "DELETE /faults": Control.lift_faults,
    "GET /webhooks": Control.webhooks,
    "POST /webhooks": Control.set_webhooks,
    "GET /webhooks/faults": Control.webhook_faults,
    "POST /webhooks/faults": Control.add_webhook_fault,
    "DELETE /webhooks/faults": Control.lift_webhook_faults,
    "POST /webhooks/release": Control.release,
    "POST /webhooks/wait": Control.wait,
    "POST /events/{id}/resend": Control.resend,
    "POST /clock": Control.clock,
    "POST /settings": Control.settings,
    "POST /sessions/{id}": Control.act_session,
    "POST /payment_intents/{id}": Control.act_intent,
    "POST /charges/{id}/dispute": Control.dispute,
    "POST /disputes/{id}": Control.close_dispute,
    "POST /refunds/{id}": Control.finish_refund,
}
