"""chunked: bodies as the SDKs send streams: aws-chunked, each piece with its
length, and with its signature if that was promised."""
import hashlib
import hmac

from .errors import S3Refusal
from .sigv4 import hmac_of

UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
MODES = {UNSIGNED_TRAILER, SIGNED, SIGNED_TRAILER}
EMPTY = hashlib.sha256(b"").hexdigest()
LINE_MAX = 4096
TRAILERS_MAX = 20


class Decoder:
    """proof is that of the request's own signature: the first of the chain."""

    def __init__(self, mode, body, proof):
        self.mode, self.body, self.proof = mode, body, proof
        self.at = 0
        self.previous = proof.signature

    def broken(self, why):
        return S3Refusal("IncompleteBody", f"The aws-chunked body is not as it says: {why}")

    def line(self):
        end = self.body.find(b"\r\n", self.at, self.at + LINE_MAX)
        if end < 0:
            raise self.broken("it ends in the middle of a line")
        line, self.at = self.body[self.at:end], end + 2
        return line.decode("latin-1")

    def decode(self):
        """(data, {trailer's name: value})"""
        pieces = []
        while True:
            size, _, extension = self.line().partition(";")
            try:
                length = int(size, 16)
            except ValueError:
                raise self.broken("the length of a chunk is no number") from None
            data = self.body[self.at:self.at + length]
            if length < 0 or len(data) < length:
                raise self.broken("a chunk is shorter than it says")
            self.at += length
            if self.mode != UNSIGNED_TRAILER:
                self.check_chunk(extension, data)
            if length == 0:
                break
            pieces.append(data)
            if self.line():
                raise self.broken("a chunk is longer than it says")
        trailers = self.trailers() if self.mode.endswith("TRAILER") else self.no_trailers()
        if self.at != len(self.body):
            raise self.broken("something follows its end")
        return b"".join(pieces), trailers

    def no_trailers(self):
        if self.line():
            raise self.broken("there are trailers, which were not announced")
        return {}

    def trailers(self):
        found, signed = {}, b""
        while True:
            line = self.line()
            if not line:
                break
            name, _, value = line.partition(":")
            name, value = name.strip().lower(), value.strip()
            if name in found or len(found) >= TRAILERS_MAX:
                raise self.broken("too many trailers")
            found[name] = value
            if name != "x-amz-trailer-signature":
                signed += f"{name}:{value}\n".encode("latin-1")
        if self.mode == SIGNED_TRAILER:
            self.check("AWS4-HMAC-SHA256-TRAILER", [hashlib.sha256(signed).hexdigest()],
                       found.pop("x-amz-trailer-signature", ""))
            # A line of its own may follow the signature.
            if self.body[self.at:] == b"\r\n":
                self.at += 2
        return found

    def check_chunk(self, extension, data):
        name, _, given = extension.partition("=")
        if name != "chunk-signature":
            raise self.broken("a chunk has no chunk-signature")
        self.check("AWS4-HMAC-SHA256-PAYLOAD", [EMPTY, hashlib.sha256(data).hexdigest()], given)

    def check(self, algorithm, hashes, given):
        text = "\n".join([algorithm, self.proof.stamp, self.proof.scope, self.previous, *hashes])
        wanted = hmac_of(self.proof.key, text).hex()
        if not hmac.compare_digest(wanted.encode(), given.encode()):
            raise S3Refusal("SignatureDoesNotMatch", "The signature of a chunk does not match the "
                            "one we calculated.", SignatureProvided=given[:64], StringToSign=text)
        self.previous = wanted
