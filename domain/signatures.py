"""What a device signs, and when a signature is in time.

A call is signed over five facts, a line each, below the scheme's name:

    ATRIUM-HMAC-SHA256
    POST
    /api/v1/readings?x=1
    1768575600
    42
    9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08

method, path with query as it is sent, Unix seconds, a number of the device's own, and the SHA-256
of the body as it is sent (packed, when it is packed). No fact may hold a line break, so two
different calls never share a text.

Belongs here: the text, the signature, the window and the header's form. Not here: keys (services)
and what a wrong signature is answered (webapp.api.authentication).
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

SCHEME = "Atrium-HMAC-SHA256"
# Either way of the server's clock: enough for a device that asks the time once a day.
WINDOW = timedelta(seconds=300)
# A name for what the derived key is for: another use of the secret gives another key.
KEY_LABEL = b"atrium device signature v1"

PART = re.compile(r'([a-z]+)="?([0-9A-Za-z_-]{1,128})"?')
PARTS = ("keyid", "timestamp", "sequence", "signature")
TARGET = re.compile(r"/[\x21-\x7e]*")
METHOD = re.compile(r"[A-Z]+")
LATEST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z
GREATEST_SEQUENCE = 2**63 - 1


class MalformedSignature(ValueError):
    """The header is not of its form; the message says what is wrong and what is expected."""


@dataclass(frozen=True, slots=True)
class SignatureHeader:
    """`keyid` names the key, `timestamp` is in Unix seconds, `signature` 32 bytes."""

    keyid: str
    timestamp: int
    sequence: int
    signature: bytes

    @property
    def signed_at(self) -> datetime:
        return datetime.fromtimestamp(self.timestamp, UTC)


def parse_signature(credentials: str) -> SignatureHeader:
    """What follows the scheme in `Authorization`, such as
    `keyid=…, timestamp=1768575600, sequence=42, signature=<64 hex digits>`.

    Raises MalformedSignature.
    """
    parts: dict[str, str] = {}
    for text in credentials.split(","):
        found = PART.fullmatch(text.strip())
        if found is None or found[1] not in PARTS or found[1] in parts:
            raise MalformedSignature(
                f"{text.strip()[:40]!r} is not expected; expected {', '.join(PARTS)}, each once"
            )
        parts[found[1]] = found[2]
    missing = [name for name in PARTS if name not in parts]
    if missing:
        raise MalformedSignature(f"{' and '.join(missing)} missing; expected {', '.join(PARTS)}")
    timestamp = _number(parts, "timestamp", LATEST_SECOND, "Unix seconds")
    sequence = _number(parts, "sequence", GREATEST_SEQUENCE, "a number from 0 to 2^63-1")
    if not re.fullmatch(r"[0-9a-fA-F]{64}", parts["signature"]):
        raise MalformedSignature("signature is expected as 64 hexadecimal digits")
    return SignatureHeader(parts["keyid"], timestamp, sequence, bytes.fromhex(parts["signature"]))


def _number(parts: dict[str, str], name: str, greatest: int, expected: str) -> int:
    text = parts[name]
    if not re.fullmatch(r"0|[1-9][0-9]{0,18}", text) or int(text) > greatest:
        raise MalformedSignature(f"{name} is {text[:40]!r}; expected {expected}")
    return int(text)


def canonical_text(
    *, method: str, target: str, timestamp: int, sequence: int, body_sha256: bytes
) -> bytes:
    """The text that is signed. Raises ValueError for a method or target that no call can have."""
    if not METHOD.fullmatch(method) or not TARGET.fullmatch(target) or len(body_sha256) != 32:
        raise ValueError(f"{method!r} {target!r} is no call that can be signed")
    lines = (SCHEME.upper(), method, target, str(timestamp), str(sequence), body_sha256.hex())
    return "\n".join(lines).encode("ascii")


def signing_key(secret: str) -> bytes:
    """The 32-byte HMAC key that both sides derive from a device key's secret: with it a call can
    be signed, but the secret cannot be found.
    """
    return hmac.new(secret.encode("ascii"), KEY_LABEL, hashlib.sha256).digest()


def sign(key: bytes, text: bytes) -> bytes:
    return hmac.new(key, text, hashlib.sha256).digest()


def is_signed(key: bytes, text: bytes, signature: bytes) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(sign(key, text), signature)


def is_in_time(signed_at: datetime, now: datetime) -> bool:
    return abs(now - signed_at) <= WINDOW


def forgotten_before(now: datetime) -> datetime:
    """Calls signed before this instant are refused by the window: nobody need remember them."""
    return now - WINDOW
