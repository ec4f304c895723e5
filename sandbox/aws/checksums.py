"""checksums: those that S3 takes beside the signature, by their header's name."""
import base64
import hashlib
import zlib

from .errors import S3Refusal


def table_of(polynomial):
    """Of a reflected CRC."""
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (polynomial if byte & 1 else 0)
        table.append(byte)
    return table


CRC32C = table_of(0x82F63B78)
CRC64NVME = table_of(0x9A6C9329AC4BC9B5)


def crc_of(table, bits, data):
    ones = (1 << bits) - 1
    crc = ones
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return (crc ^ ones).to_bytes(bits // 8, "big")


MAKERS = {
    "crc32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "crc32c": lambda data: crc_of(CRC32C, 32, data),
    "crc64nvme": lambda data: crc_of(CRC64NVME, 64, data),
    "sha1": lambda data: hashlib.sha1(data).digest(),
    "sha256": lambda data: hashlib.sha256(data).digest(),
}
PREFIX = "x-amz-checksum-"
NO_VALUES = {"algorithm", "mode", "type"}


def check(headers, data):
    """headers: names in lower case, trailers among them.  Of a body that is what
    they say, the checksums to keep: {header: value}."""
    kept = {}
    for name, value in headers.items():
        if not name.startswith(PREFIX) or name.removeprefix(PREFIX) in NO_VALUES:
            continue
        maker = MAKERS.get(name.removeprefix(PREFIX))
        if maker is None:
            raise S3Refusal("InvalidRequest", f"The algorithm of {name} is not supported.")
        found = base64.b64encode(maker(data)).decode()
        if len(value) != len(found):
            raise S3Refusal("InvalidRequest", f"Value for {name} header is invalid.")
        if value != found:
            word = name.removeprefix(PREFIX).upper()
            raise S3Refusal("BadDigest", f"The {word} you specified did not match the calculated "
                            "checksum.")
        kept[name] = value
    check_md5(headers.get("content-md5"), data)
    return kept


def check_md5(given, data):
    if given is None:
        return
    try:
        wanted = base64.b64decode(given, validate=True)
    except ValueError:
        wanted = b""
    if len(wanted) != 16:
        raise S3Refusal("InvalidDigest", "The Content-MD5 you specified was invalid.",
                        **{"Content-MD5": given})
    if wanted != hashlib.md5(data).digest():
        raise S3Refusal("BadDigest", "The Content-MD5 you specified did not match what we "
                        "received.", ExpectedDigest=given, CalculatedDigest=base64.b64encode(
                            hashlib.md5(data).digest()).decode())
