"""errors: what Stripe answers when it refuses, as exceptions."""


class Refusal(Exception):
    """An answer of Stripe's that is no success.

    begun tells whether the endpoint had begun its work: only then does an
    idempotency key remember the answer.
    """

    def __init__(self, status, kind, message, code=None, param=None, begun=True,
                 headers=None, **more):
        super().__init__(message)
        self.status = status
        self.begun = begun
        self.headers = headers or {}
        self.error = {"message": message, "type": kind}
        if code:
            self.error["code"] = code
        if param:
            self.error["param"] = param
        self.error.update(more)


def invalid(message, code=None, param=None, status=400, **more):
    """A request that asks for what cannot be done as things stand."""
    return Refusal(status, "invalid_request_error", message, code, param, **more)


def malformed(message, code=None, param=None, status=400, **more):
    """A request that did not get as far as being executed."""
    return Refusal(status, "invalid_request_error", message, code, param, begun=False, **more)


def missing(noun, name, param="id", status=404):
    return invalid(f"No such {noun}: '{name}'", "resource_missing", param, status)


def not_modelled(what, param):
    """Stripe knows it, the sandbox does not: said, never passed over."""
    return malformed(f"The sandbox does not model {what}, though Stripe does.",
                     "sandbox_not_modelled", param)


def broken():
    return Refusal(500, "api_error", "An unknown error occurred", begun=True,
                   headers={"Stripe-Should-Retry": "false"})


def rate_limited():
    return Refusal(429, "invalid_request_error",
                   "Request rate limit exceeded. You can learn more about rate limits "
                   "in Stripe's documentation.", "rate_limit", begun=False)
