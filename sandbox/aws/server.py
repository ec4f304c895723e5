"""server: what is answered where: the services, the pages, and what is no
request at all."""
import json
import email.utils

from common.http import Reply

from . import page, s3wire, wire
from .errors import S3Refusal

# A message of 1 MiB may be six times that long in JSON.
BODY_MAX = 16 << 20
TOLD = {400: ("InvalidRequest", "SerializationException"),
        411: ("MissingContentLength", "SerializationException"),
        413: ("EntityTooLarge", "RequestEntityTooLargeException")}


class App:
    name = "aws-sandbox"
    body_max = BODY_MAX
    chunked = True

    def __init__(self, world, gateway, control):
        self.world, self.gateway, self.control = world, gateway, control

    def headers(self):
        # By this clients learn how wrong their clock is.
        return {"Date": email.utils.formatdate(self.world.wall(), usegmt=True)}

    def serve(self, request):
        if page.is_page(request):
            return page.serve(self.world, request)
        return self.gateway.serve(request)

    def malformed(self, status, why, headers):
        s3, sqs = TOLD[status]
        if headers.get("X-Amz-Target"):
            return Reply(status, json.dumps({"__type": f"com.amazon.coral.service#{sqs}",
                                             "message": why}).encode(), {}, wire.JSON)
        return s3wire.error(S3Refusal(s3, why, status), "/", "0" * 16, "0" * 56)

    def broken(self, error):
        return Reply(500, json.dumps({
            "__type": "sandbox#Broken",
            "message": f"The sandbox is broken: {type(error).__name__}: {error}"}).encode(),
            {}, wire.JSON)
