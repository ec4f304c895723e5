"""faults: what can be told to go wrong with a request, or with a webhook.

A request is matched as "METHOD /path" (METHOD may be *), a webhook as the type
of its event.
"""
from common.faults import Kind

# saved: does the idempotency key keep a failure, as with Stripe?  code: of a refusal.
REQUESTS = Kind(["delay", "drop", "drop_after_effect", "fail", "fail_after_effect", "garbage",
                 "hang", "hang_after_effect", "rate_limit", "refuse"],
                {"hang": 30000, "hang_after_effect": 30000},
                {"saved": (bool, True), "code": (str, "request_blocked")})
# ms: the longest wait of one for the next to pass it, the time until a duplicate.
WEBHOOKS = Kind(["delay", "duplicate", "reorder", "stale", "tamper", "withhold"],
                {"reorder": 5000, "duplicate": 0})
