"""A body is read from the wire: known length, known type, within its limits.

Belongs here: headers and bytes. Not here: what the bytes say (services/adapters/readings_json).
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

from flask import Request
from werkzeug.exceptions import ClientDisconnected

from services.adapters.refusals import Reason
from services.adapters.unpacking import CannotUnpack, unpack_gzip, unpack_zstd
from webapp.api import problems
from webapp.api.problems import ApiProblem

JSON = "application/json"
LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl")
IDENTITY = "identity"
UNPACK: dict[str, Callable[..., bytes]] = {"gzip": unpack_gzip, "zstd": unpack_zstd}
CHUNK = 256 * 1024
LONGEST_TYPE = 200
DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/=]+):")


@dataclass(frozen=True, slots=True)
class Announced:
    """What the headers say about the body."""

    length: int
    content_type: str
    is_lines: bool
    encoding: str


def read_headers(request: Request, limit: int) -> Announced:
    """Judge a body of readings before a byte of it is read. Raises ApiProblem (411, 413, 415)."""
    length = _read_length(request, limit)
    content_type = request.mimetype
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if content_type not in (JSON, *LINES) or charset not in ("utf-8", "utf8", "us-ascii"):
        raise ApiProblem(
            problems.WRONG_TYPE,
            f"Content-Type is {request.content_type or 'missing'!r}; expected {JSON}, or "
            f"{LINES[0]} for one reading a line, in UTF-8",
        )
    return Announced(length, content_type, content_type in LINES, _read_encoding(request))


def read_push_headers(request: Request, limit: int) -> Announced:
    """Judge a vendor's body before a byte of it is read: of any type, for the vendor's language
    is named by the address. Raises ApiProblem (411, 413, 415).
    """
    length = _read_length(request, limit)
    content_type = (request.content_type or "")[:LONGEST_TYPE]
    return Announced(length, content_type, False, _read_encoding(request))


def _read_length(request: Request, limit: int) -> int:
    if request.headers.get("Transfer-Encoding"):
        raise ApiProblem(
            problems.NO_LENGTH, "Transfer-Encoding is not accepted; expected Content-Length"
        )
    length = request.content_length
    if length is None:
        raise ApiProblem(problems.NO_LENGTH, "Content-Length is missing; expected it in bytes")
    if length > limit:
        raise ApiProblem(
            problems.TOO_LARGE, f"the body has {length:,} bytes; the limit is {limit:,}"
        )
    return length


def _read_encoding(request: Request) -> str:
    encoding = request.headers.get("Content-Encoding", IDENTITY).strip().lower()
    if encoding not in (IDENTITY, *UNPACK):
        raise ApiProblem(
            problems.WRONG_ENCODING,
            f"Content-Encoding is {encoding!r}; expected {', '.join(UNPACK)} or none",
        )
    return encoding


def read_body(request: Request, announced: Announced) -> bytes:
    """The body as it came, checked against its length and its Content-Digest (RFC 9530).

    How long it may take is the server's business (webapp.gunicorn_worker). Raises ApiProblem.
    """
    parts: list[bytes] = []
    missing = announced.length
    is_late = False
    try:
        while missing:
            part = request.stream.read(min(CHUNK, missing))
            if not part:
                break
            parts.append(part)
            missing -= len(part)
    except (TimeoutError, ClientDisconnected) as error:
        # Werkzeug calls every end of the line a disconnect, too long a pause among them.
        is_late = isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError)
    if missing:
        raise ApiProblem(
            problems.TOO_SLOW if is_late else problems.UNREADABLE,
            f"{announced.length - missing:,} bytes of the body came in time; Content-Length says "
            f"{announced.length:,}; nothing was kept",
            headers={"Connection": "close"} if is_late else None,
        )
    body = b"".join(parts)
    _check_digest(request.headers.get("Content-Digest", ""), body)
    return body


def unpack(body: bytes, announced: Announced, *, limit: int) -> bytes:
    """The text of the body. Raises ApiProblem when it is packed wrongly or unpacks to too much."""
    try:
        return unpack_text(body, announced, limit=limit)
    except CannotUnpack as refused:
        too_large = refused.problem.code is Reason.TOO_LARGE
        raise ApiProblem(
            problems.TOO_LARGE if too_large else problems.UNREADABLE,
            f"the {announced.encoding} body cannot be used: {refused.problem.reason}",
        ) from None


def unpack_text(body: bytes, announced: Announced, *, limit: int) -> bytes:
    """The text of the body. Raises CannotUnpack."""
    if announced.encoding == IDENTITY:
        return body
    return UNPACK[announced.encoding](body, limit=limit)


def _check_digest(header: str, body: bytes) -> None:
    stated = DIGEST.search(header)
    if not header or (stated is None and "sha-256" not in header):
        return
    actual = hashlib.sha256(body).digest()
    try:
        matches = stated is not None and base64.b64decode(stated[1], validate=True) == actual
    except binascii.Error:
        matches = False
    if not matches:
        expected = base64.b64encode(actual).decode()
        raise ApiProblem(
            problems.WRONG_DIGEST,
            f"Content-Digest is {header!r}; the body that came has sha-256=:{expected}:",
        )
