"""server: what is answered where: the API, and the pages for the customer."""
from common.http import Reply

from . import page
from .gateway import encode

BODY_MAX = 1 << 20


class App:
    name = "stripe-sandbox"
    body_max = BODY_MAX
    chunked = False

    def __init__(self, world, gateway, control):
        self.world, self.gateway, self.control = world, gateway, control

    def headers(self):
        return {"Cache-Control": "no-cache, no-store"}

    def serve(self, request):
        if request.path.startswith(("/c/pay/", "/3d_secure/")):
            shown = page.serve(self.world, request)
            return Reply(shown.status, shown.text, shown.headers, "text/html; charset=utf-8")
        return self.gateway.serve(request)

    def malformed(self, status, why, headers):
        return Reply(status, encode({"error": {
            "type": "invalid_request_error", "message": f"Invalid request: {why}"}}))

    def broken(self, error):
        return Reply(500, encode({"error": {
            "type": "api_error", "code": "sandbox_bug",
            "message": f"The sandbox is broken: {type(error).__name__}: {error}"}}))
